"""What must be true after the drill, held against what the gateways say has happened."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, Sum

from billing.domain.attempts import LIVE_REFUND_STATES, UNPROVEN_ATTEMPT_STATES
from billing.domain.disputes import LOST_STATES
from billing.models import (
    Dispute,
    DisputeEntry,
    Invoice,
    PaymentAttempt,
    PaymentEvent,
    PaymentOperation,
    Refund,
    WebhookEvent,
)
from tiktoktoe.drill.books import check_books
from tiktoktoe.drill.checks import Check, check
from tiktoktoe.drill.stories import (
    Stories,
    Story,
    captures_of,
    is_surely_refunded,
    refunds_of,
)
from tiktoktoe.drill.truth import Contest, Moved
from tiktoktoe.kernel.money import Money, from_minor, to_minor, total, zero

Rows = Mapping[str, Sequence[Moved]]  # by invoice
NOBODY = ""
ONE_PART_ONLY = frozenset({"stripe"})


@dataclass(frozen=True, slots=True)
class _Case:
    """An invoice, what it is for, and what the gateways have moved for it."""

    invoice: Invoice
    story: Story
    moved: Sequence[Moved]

    def summed(self, of: Callable[[Moved], int]) -> int:
        """The sum of something over its attempts."""
        return sum(of(row) for row in self.moved)

    def __str__(self) -> str:
        return f"{self.invoice} ({self.story}): {[_shown(row) for row in self.moved]}"


def judge(
    *,
    truth: Iterable[Moved],
    at: datetime,
    stories: Stories | None = None,
    contests: Iterable[Contest] = (),
) -> list[Check]:
    """Everything that must be nothing; an invoice without a story is there to be paid."""
    told, rows = stories or {}, list(truth)
    theirs, ours = _by_invoice(rows), _by_invoice(_ours())
    cases = [
        _Case(invoice, told.get(str(invoice.pk), Story.PAID), theirs.get(str(invoice.pk), []))
        for invoice in Invoice.objects.final()
    ]
    return [
        check("double charges", _those(cases, _is_double)),
        check("uncollected collectable payments", _those(cases, _is_uncollected)),
        check("refunds asked for and not given back", _those(cases, _lacks_refund)),
        check("holds that did not end as they were to", _those(cases, _is_held_on)),
        check("unresolved unknown outcomes", _unresolved()),
        check("events that nobody could make anything of", _unheard()),
        check("payments that differ from the gateways' truth", _differences(theirs, ours)),
        check("disputes that differ from the gateways' truth", _disputes_that_differ(contests)),
        check("invoices that differ from what was taken", _those(cases, _is_misstated)),
        check("gateways that contradict themselves", _contradictions()),
        *check_books(rows, at),
    ]


def _by_invoice(rows: Iterable[Moved]) -> Rows:
    attempts = PaymentAttempt.objects.values_list("pk", "payment__invoice_id")
    owner = {str(attempt): str(invoice) for attempt, invoice in attempts}
    found = defaultdict(list)
    for row in rows:
        found[owner.get(row.attempt, NOBODY)].append(row)
    return found


def _ours() -> list[Moved]:
    """What we say that the gateways have moved."""
    refunds = Refund.objects.filter(state=Refund.State.SUCCEEDED)
    refunded = _sums(refunds.values_list("attempt").annotate(Sum("amount")))
    funds = DisputeEntry.objects.filter(kind=DisputeEntry.Kind.FUNDS)
    withheld = _sums(funds.values_list("dispute__attempt").annotate(Sum("amount")))
    counted = PaymentAttempt.objects.filter(
        Q(state=PaymentAttempt.State.SUCCEEDED) | Q(is_hold=True, amount_captured__gt=0)
    )
    return [
        Moved(
            gateway=attempt.gateway,
            attempt=str(attempt.pk),
            taken=to_minor(attempt.amount_captured if attempt.is_hold else attempt.payment.amount),
            refunded=_minor(refunded.get(attempt.pk, 0), attempt.currency),
            withheld=_minor(withheld.get(attempt.pk, 0), attempt.currency),
        )
        for attempt in counted.select_related("payment")
    ]


def _sums(rows: Iterable[tuple[object, object]]) -> dict[object, object]:
    return dict(rows)


def _minor(amount: object, currency: str) -> int:
    return to_minor(Money(amount, currency))


def _shown(row: Moved) -> tuple[str, str, int, int, int]:
    return (row.gateway, row.attempt, row.taken, row.refunded, row.withheld)


def _those(cases: Sequence[_Case], are: Callable[[_Case], bool]) -> list[_Case]:
    return [case for case in cases if are(case)]


def _is_double(case: _Case) -> bool:
    return sum(1 for row in case.moved if row.taken) > 1


def _is_uncollected(case: _Case) -> bool:
    return case.summed(lambda row: row.taken) < to_minor(_wanted(case))


def _wanted(case: _Case) -> Money:
    """What had to be taken at the least."""
    whole: Money = case.invoice.total
    match case.story:
        case Story.REFUSED | Story.HELD_AND_LET_GO:
            return zero(case.invoice.currency)
        case Story.HELD_AND_TAKEN_IN_PARTS:
            is_one = any(row.gateway in ONE_PART_ONLY for row in case.moved)
            return total(captures_of(case.story, whole, is_one_only=is_one), case.invoice.currency)
        case _:
            return whole


def _lacks_refund(case: _Case) -> bool:
    if not is_surely_refunded(case.story):
        return False
    taken = from_minor(case.summed(lambda row: row.taken), case.invoice.currency)
    wanted = total(refunds_of(case.story, taken), case.invoice.currency)
    return case.summed(lambda row: row.refunded) != to_minor(wanted)


def _is_held_on(case: _Case) -> bool:
    is_taken = case.summed(lambda row: row.taken) > 0
    is_against_will = case.story == Story.HELD_AND_LET_GO and is_taken
    return is_against_will or any(row.held for row in case.moved)


def _is_misstated(case: _Case) -> bool:
    stated = (to_minor(case.invoice.amount_paid), to_minor(case.invoice.amount_refunded))
    return stated != (case.summed(lambda row: row.taken), case.summed(lambda row: row.refunded))


def _unresolved() -> list[str]:
    live = {"state__in": LIVE_REFUND_STATES}
    waiting = {*UNPROVEN_ATTEMPT_STATES, PaymentAttempt.State.PENDING}
    return [
        f"{type(row).__name__} {row.pk} is {row.state}"
        for row in (
            *PaymentAttempt.objects.filter(state__in=waiting),
            *Refund.objects.filter(**live),
            *PaymentOperation.objects.filter(**live),
        )
    ]


def _unheard() -> list[str]:
    events = WebhookEvent.objects.exclude(state=WebhookEvent.State.DONE)
    return [f"{event.gateway} {event.name}: {event.result}" for event in events]


def _differences(theirs: Rows, ours: Rows) -> list[str]:
    found = []
    for invoice in theirs.keys() | ours.keys():
        they = sorted(_shown(row) for row in theirs.get(invoice, []) if row.taken)
        we = sorted(_shown(row) for row in ours.get(invoice, []))
        if they != we:
            found.append(f"{invoice or 'nobody'}: they {they}, we {we}")
    return found


def _disputes_that_differ(contests: Iterable[Contest]) -> list[str]:
    theirs = {(one.gateway, one.reference): one.state for one in contests}
    ours = {
        (dispute.gateway, dispute.gateway_reference): _stands(dispute)
        for dispute in Dispute.objects.all()
    }
    return [
        f"{name}: they {theirs.get(name)}, we {ours.get(name)}"
        for name in theirs.keys() | ours.keys()
        if theirs.get(name) != ours.get(name)
    ]


def _stands(dispute: Dispute) -> str:
    if dispute.state == Dispute.State.WON:
        return "won"
    return "lost" if dispute.state in LOST_STATES else "open"


def _contradictions() -> list[str]:
    events = PaymentEvent.objects.filter(event="gateway_contradicts")
    return [f"payment {event.payment_id}: {event.details}" for event in events]
