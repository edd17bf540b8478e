"""What must be true after the drill, held against what the gateways say they have taken."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from billing.domain.attempts import UNPROVEN_ATTEMPT_STATES
from billing.models import Invoice, PaymentAttempt, PaymentEvent
from finance.queries import currencies_used, trial_balance, unposted_count
from finance.services.posting import post_documents
from tiktoktoe.drill.gateways import Charge
from tiktoktoe.kernel.money import to_minor

Taken = tuple[str, str, int]  # gateway, attempt, minor units
NO_INVOICE = ""


@dataclass(frozen=True, slots=True)
class Check:
    """A number that must be nothing, and an example where it is not."""

    name: str
    found: int
    example: str = ""

    @property
    def holds(self) -> bool:
        """Whether it is as it must be."""
        return self.found == 0


def judge(*, truth: Iterable[Charge], refused: set[str], at: datetime) -> list[Check]:
    """Everything that must be nothing."""
    attempts = PaymentAttempt.objects.select_related("payment__invoice")
    owner = {str(attempt.pk): str(attempt.payment.invoice_id) for attempt in attempts}
    taken = _by_invoice(truth, owner)
    kept = _by_invoice(_ours(attempts.filter(state="succeeded")), owner)
    invoices = list(Invoice.objects.final())
    return [
        _check("double charges", _doubles(taken)),
        _check("uncollected collectable payments", _uncollected(invoices, refused)),
        _check("unresolved unknown outcomes", _unresolved()),
        _check("payments that differ from the gateways' truth", _differences(taken, kept)),
        _check("invoices that differ from what was taken", _misstated(invoices, taken)),
        _check("gateways that contradict themselves", _contradictions()),
        *_books(at),
    ]


def _check(name: str, found: Sequence[str]) -> Check:
    return Check(name, len(found), found[0] if found else "")


def _by_invoice(charges: Iterable[Charge], owner: Mapping[str, str]) -> Mapping[str, list[Taken]]:
    found = defaultdict(list)
    for charge in charges:
        row = (charge.gateway, charge.attempt, charge.minor)
        found[owner.get(charge.attempt, NO_INVOICE)].append(row)
    return {invoice: sorted(rows) for invoice, rows in found.items()}


def _ours(attempts: Iterable[PaymentAttempt]) -> list[Charge]:
    return [
        Charge(attempt.gateway, str(attempt.pk), to_minor(attempt.payment.amount))
        for attempt in attempts
    ]


def _doubles(taken: Mapping[str, list[Taken]]) -> list[str]:
    return [f"{invoice}: {rows}" for invoice, rows in taken.items() if len(rows) > 1]


def _uncollected(invoices: Sequence[Invoice], refused: set[str]) -> list[str]:
    return [
        str(invoice)
        for invoice in invoices
        if invoice.state != Invoice.State.PAID and str(invoice.pk) not in refused
    ]


def _unresolved() -> list[str]:
    unproven = PaymentAttempt.objects.filter(state__in=UNPROVEN_ATTEMPT_STATES)
    return [f"{attempt.gateway} {attempt.pk} is {attempt.state}" for attempt in unproven]


def _differences(taken: Mapping[str, list[Taken]], kept: Mapping[str, list[Taken]]) -> list[str]:
    return [
        f"{invoice or 'nobody'}: they {taken.get(invoice)}, we {kept.get(invoice)}"
        for invoice in taken.keys() | kept.keys()
        if taken.get(invoice) != kept.get(invoice)
    ]


def _misstated(invoices: Sequence[Invoice], taken: Mapping[str, list[Taken]]) -> list[str]:
    return [
        f"{invoice}: {invoice.amount_paid} paid by it"
        for invoice in invoices
        if to_minor(invoice.amount_paid) != sum(row[2] for row in taken.get(str(invoice.pk), []))
    ]


def _contradictions() -> list[str]:
    events = PaymentEvent.objects.filter(event="gateway_contradicts")
    return [f"payment {event.payment_id}" for event in events]


def _books(at: datetime) -> list[Check]:
    post_documents(at=at)
    end = (at + timedelta(days=1)).date()
    differences = [
        f"{currency}: {difference}"
        for currency in currencies_used()
        if (difference := trial_balance(on=end, currency=currency).difference_minor)
    ]
    return [
        _check("currencies in which the trial balance is not zero", differences),
        Check("documents that are not in the books", unposted_count(at=at)),
    ]
