"""The books after the drill: balanced, complete, and what the gateways' truth comes to."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from finance.domain import chart
from finance.queries import account_balances, currencies_used, trial_balance, unposted_count
from finance.services.posting import post_documents
from tiktoktoe.drill.checks import Check, check
from tiktoktoe.drill.truth import Moved

# What is at the gateways, before what they have taken for their work.
_AT_GATEWAYS = (chart.GATEWAY_CLEARING, chart.PROCESSOR_FEES, chart.DISPUTE_FEES)
_IN_DISPUTES = (chart.DISPUTES_RECEIVABLE, chart.DISPUTE_LOSSES)


def check_books(truth: Sequence[Moved], at: datetime) -> list[Check]:
    """Post what is left to be posted, and look."""
    post_documents(at=at)
    end = (at + timedelta(days=1)).date()
    differences = [
        f"{currency}: {difference}"
        for currency in currencies_used()
        if (difference := trial_balance(on=end, currency=currency).difference_minor)
    ]
    withheld = sum(row.withheld for row in truth)
    there = sum(row.taken - row.refunded for row in truth) - withheld
    return [
        check("currencies in which the trial balance is not zero", differences),
        Check("documents that are not in the books", unposted_count(at=at)),
        _sum_check("cents at gateways that the books state otherwise", _AT_GATEWAYS, there, end),
        _sum_check("cents in disputes that the books state otherwise", _IN_DISPUTES, withheld, end),
    ]


def _sum_check(name: str, accounts: Sequence[str], wanted: int, end: date) -> Check:
    rows = account_balances(on=end)
    stated = sum(row.balance_minor for row in rows if row.account.code in accounts)
    return Check(name, abs(stated - wanted), f"the books say {stated}, the gateways {wanted}")
