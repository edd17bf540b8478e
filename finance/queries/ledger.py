"""Balances: of all accounts on a day, of one account line by line, of each customer.

Amounts are in minor units with debits positive; a day includes its own postings.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet, Sum

from finance.domain.chart import RECEIVABLE
from finance.models import MAIN_BOOKS, Account, Entity, Posting

LEDGER_ORDER = ("-effective_on", "-entry_id", "-line_no")

# From one pair of account and currency to the next: as many looks into the index
# posting_of_account as there are pairs, however many postings.
_USED = """
WITH RECURSIVE used AS (
    (SELECT account_id, currency FROM finance_posting
     WHERE %(account)s::bigint IS NULL OR account_id = %(account)s::bigint
     ORDER BY account_id, currency LIMIT 1)
    UNION ALL
    SELECT beyond.* FROM used, LATERAL (
        SELECT account_id, currency FROM finance_posting
        WHERE (account_id, currency) > (used.account_id, used.currency)
          AND (%(account)s::bigint IS NULL OR account_id = %(account)s::bigint)
        ORDER BY account_id, currency LIMIT 1
    ) beyond
)
SELECT DISTINCT currency FROM used
"""


@dataclass(frozen=True, slots=True)
class AccountBalance:
    """The balance of an account in one currency."""

    account: Account
    currency: str
    balance_minor: int

    @property
    def debit_minor(self) -> int:
        """The balance, if it is a debit."""
        return max(self.balance_minor, 0)

    @property
    def credit_minor(self) -> int:
        """The balance, if it is a credit."""
        return max(-self.balance_minor, 0)

    @property
    def natural_minor(self) -> int:
        """The balance with the sign that is usual for the account: revenue is positive."""
        return self.balance_minor if self.account.is_debit_normal else -self.balance_minor


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """All accounts that have moved in a currency by a day, and the sums of both sides."""

    on: date
    currency: str
    rows: Sequence[AccountBalance]

    @property
    def debit_minor(self) -> int:
        """The sum of debit balances."""
        return sum(row.debit_minor for row in self.rows)

    @property
    def credit_minor(self) -> int:
        """The sum of credit balances."""
        return sum(row.credit_minor for row in self.rows)

    @property
    def difference_minor(self) -> int:
        """Debits less credits: 0, or the books are broken."""
        return self.debit_minor - self.credit_minor


@dataclass(frozen=True, slots=True, order=True)
class LedgerPosition:
    """A posting's place in its account's ledger."""

    effective_on: date
    entry_id: UUID
    line_no: int


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """A posting of an account, and the balance after it."""

    posting: Posting
    balance_minor: int

    @property
    def position(self) -> LedgerPosition:
        """Where it stands."""
        p = self.posting
        return LedgerPosition(p.effective_on, p.entry_id, p.line_no)


@dataclass(frozen=True, slots=True)
class AccountLedger:
    """Some lines of an account in a currency, the newest first.

    `opening_minor` is the balance before the oldest line shown, `closing_minor` the one
    after the newest; `older` is where the next page starts, if there is one.
    """

    lines: Sequence[LedgerLine]
    opening_minor: int
    closing_minor: int
    older: LedgerPosition | None


@dataclass(frozen=True, slots=True)
class Receivable:
    """What a customer owes by the books."""

    customer_id: int | None
    currency: str
    balance_minor: int


def currencies_used(account: Account | None = None) -> list[str]:
    """The currencies that have been posted in, or on an account; that of the books first."""
    with connection.cursor() as cursor:
        cursor.execute(_USED, {"account": account.pk if account else None})
        used = {currency for (currency,) in cursor.fetchall()}
    own = Entity.objects.values_list("functional_currency", flat=True).get(pk=MAIN_BOOKS)
    return sorted(used, key=lambda currency: (currency != own, currency))


def trial_balance(*, on: date, currency: str) -> TrialBalance:
    """The balance of every account in a currency at the end of a day, by code."""
    balances = account_balances(on=on, currency=currency)
    return TrialBalance(on=on, currency=currency, rows=balances)


def account_balances(*, on: date, currency: str | None = None) -> list[AccountBalance]:
    """The balances at the end of a day, by account code and currency."""
    postings = Posting.objects.filter(effective_on__lte=on)
    if currency is not None:
        postings = postings.filter(currency=currency)
    sums = list(
        postings.order_by()
        .values_list("account_id", "currency")
        .annotate(balance=Sum("amount_minor"))
    )
    accounts = Account.objects.in_bulk([account_id for account_id, _, _ in sums])
    rows = [AccountBalance(accounts[pk], code, int(balance)) for pk, code, balance in sums]
    return sorted(rows, key=lambda row: (row.account.code, row.currency))


def account_ledger(
    *,
    account: Account,
    currency: str,
    since: date | None = None,
    until: date | None = None,
    before: LedgerPosition | None = None,
    limit: int = 50,
) -> AccountLedger:
    """One page of an account's postings, with the balance after each.

    Args:
        before: Where the page before this one ended.
    """
    postings = Posting.objects.filter(account=account, currency=currency)
    if until is not None:
        postings = postings.filter(effective_on__lte=until)
    if before is not None:
        postings = postings.filter(_is_before(before))
    closing = _sum(postings)
    shown = postings if since is None else postings.filter(effective_on__gte=since)
    found = list(shown.select_related("entry").order_by(*LEDGER_ORDER)[: limit + 1])
    lines = _running(found[:limit], closing)
    opening = lines[-1].balance_minor - lines[-1].posting.amount_minor if lines else closing
    older = lines[-1].position if len(found) > limit else None
    return AccountLedger(lines, opening, closing, older)


def receivables(*, on: date) -> list[Receivable]:
    """What each customer owes by the books at the end of a day; those at zero are left out."""
    rows = (
        Posting.objects.filter(account__code=RECEIVABLE, effective_on__lte=on)
        .order_by()
        .values_list("customer_id", "currency")
        .annotate(balance=Sum("amount_minor"))
        .exclude(balance=0)
    )
    return sorted(
        (Receivable(customer, currency, int(balance)) for customer, currency, balance in rows),
        key=lambda row: (row.currency, -row.balance_minor),
    )


def _is_before(place: LedgerPosition) -> Q:
    same_day = Q(effective_on=place.effective_on)
    return Q(effective_on__lte=place.effective_on) & (
        ~same_day
        | Q(entry_id__lt=place.entry_id)
        | Q(entry_id=place.entry_id, line_no__lt=place.line_no)
    )


def _running(postings: Sequence[Posting], closing: int) -> list[LedgerLine]:
    lines = []
    balance = closing
    for posting in postings:
        lines.append(LedgerLine(posting, balance))
        balance -= posting.amount_minor
    return lines


def _sum(postings: QuerySet[Posting, Any]) -> int:
    return int(postings.aggregate(total=Sum("amount_minor"))["total"] or 0)
