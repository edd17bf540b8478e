"""What moves in from the books of before, as opening balances."""

from collections import defaultdict
from collections.abc import Iterator
from uuid import UUID

from billing.domain.opening_bills import not_served
from billing.models import InvoiceLine
from finance.domain import entries as rules
from finance.domain.facts import OpeningBillFact
from finance.queries import Rows
from finance.services.built_entries import Found, PostingDay, built
from tiktoktoe.kernel.money import Money, zero
from tiktoktoe.kernel.periods import Period


def opening_bills(rows: Rows, days: PostingDay) -> Iterator[Found]:
    """What other engines billed, as far as it is for days that are served here."""
    found = list(rows.select_related("subscription"))
    left: dict[UUID, list[Money]] = defaultdict(list)
    moved_in = {bill.pk: (bill.created_at, bill.subscription.time_zone) for bill in found}
    for line in InvoiceLine.objects.filter(invoice__in=found):
        at, zone = moved_in[line.invoice_id]
        period = Period(line.period_start, line.period_end)
        part = not_served(line.amount, period, moved_in_at=at, time_zone=zone)
        left[line.invoice_id].append(part)
    for bill in found:
        fact = OpeningBillFact(
            id=str(bill.pk),
            reference=bill.reference,
            customer=str(bill.customer_id),
            not_served=sum(left[bill.pk], zero(bill.currency)),
        )
        yield bill.pk, built(rules.moved_in_billed, fact, days.of(bill.created_at))
