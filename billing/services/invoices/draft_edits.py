"""Drafts are changed by hand: a line more, a line less, each with a reason and taxed anew."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from billing.errors import ChargeInvalid, InvoiceNotDraft
from billing.gateways.tax_service import tax_engine
from billing.models import Invoice, InvoiceEvent, InvoiceLine
from billing.queries.tax_table import TaxTable
from billing.services.invoices.one_off import ChargeLine, charged_line
from billing.services.invoices.taxing import give_tax, sale_of
from billing.services.payments.payment_events import actor_name
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.periods import Period, local_date, local_midnight


@transaction.atomic
def add_draft_line(
    *, invoice: Invoice, line: ChargeLine, reason: str, actor: Actor, at: datetime
) -> InvoiceLine:
    """Charge something more on a draft, and say why; its tax is worked out anew.

    Raises:
        InvoiceNotDraft: If it is final already, or discarded.
        ChargeInvalid: If the line makes no sense, or no reason is given.
    """
    draft = locked_draft(invoice)
    ensure_reason(reason)
    zone = draft.customer.time_zone
    day = local_date(at, zone)
    period = Period(local_midnight(day, zone), local_midnight(day + timedelta(days=1), zone))
    made = charged_line(line, draft.currency, period)
    last = draft.lines.aggregate(last=Max("position"))["last"] or 0
    row = InvoiceLine.objects.create(
        id=uuid7(),
        invoice=draft,
        position=last + 1,
        kind=made.kind,
        description=made.description,
        period_start=period.start,
        period_end=period.end,
        quantity=made.quantity,
        unit_amount=made.unit_amount,
        currency=draft.currency,
        amount=made.amount.amount,
        tax_category=made.tax_category,
        derivation=made.derivation.to_json(),
    )
    tax_anew(draft, at)
    facts = {"line": made.description, "amount": str(made.amount.amount)}
    record(draft, InvoiceEvent.Kind.LINE_ADDED, reason, actor=actor, at=at, details=facts)
    return row


@transaction.atomic
def remove_draft_line(
    *, invoice: Invoice, line_id: UUID, reason: str, actor: Actor, at: datetime
) -> None:
    """Take a line that somebody wrote off a draft again, and say why.

    Raises:
        InvoiceNotDraft: If it is final already, or discarded.
        ChargeInvalid: If the line is none that somebody wrote, or the last one.
    """
    draft = locked_draft(invoice)
    ensure_reason(reason)
    line = draft.lines.filter(pk=line_id).first()
    if line is None or line.kind != InvoiceLine.Kind.ONE_OFF:
        raise ChargeInvalid("only what somebody wrote can be removed", field="line")
    if draft.lines.count() == 1:
        raise ChargeInvalid("it would be empty", field="line", remedy="discard the draft")
    facts = {"line": line.description, "amount": str(line.amount.amount)}
    line.delete()
    tax_anew(draft, at)
    record(draft, InvoiceEvent.Kind.LINE_REMOVED, reason, actor=actor, at=at, details=facts)


def tax_anew(draft: Invoice, at: datetime) -> None:
    """Work its tax out again; where a tax engine says it, it is asked again."""
    lines = list(draft.lines.select_related("price").order_by("position"))
    if tax_engine() is not None:
        draft.awaits_tax, draft.tax_next_at = True, at
        draft.save(update_fields=["awaits_tax", "tax_next_at"])
        return
    taxed = TaxTable([draft.customer.country]).tax(sale_of(draft, lines))
    give_tax(draft, lines, taxed)


def record(
    invoice: Invoice,
    kind: InvoiceEvent.Kind,
    reason: str,
    *,
    actor: Actor,
    at: datetime,
    details: Mapping[str, object] | None = None,
) -> None:
    """Write down what was done to an invoice, in the caller's transaction."""
    InvoiceEvent.objects.create(
        invoice=invoice,
        kind=kind,
        actor=actor_name(actor)[:64],
        reason=reason.strip()[:200],
        details=dict(details or {}),
        at=at,
    )


def locked_draft(invoice: Invoice) -> Invoice:
    """A draft as the database has it now, locked until the transaction ends.

    Raises:
        InvoiceNotDraft: If it is final already, or discarded.
    """
    rows = Invoice.objects.select_for_update(of=("self",)).select_related("customer")
    locked = rows.get(pk=invoice.pk)
    if locked.state != Invoice.State.DRAFT:
        raise InvoiceNotDraft(f"{locked} is {locked.state}; only a draft can be changed")
    return locked


def ensure_reason(reason: str) -> None:
    """Refuse what nobody gives a reason for.

    Raises:
        ChargeInvalid: If there is none.
    """
    if not reason.strip():
        raise ChargeInvalid("say why", field="reason")
