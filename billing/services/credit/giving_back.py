"""What was billed in advance for time that is not used is given back by credit notes.

A preview plans the notes that are then issued, so that they cannot differ.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from billing.models import CreditNote, Invoice, UnusedCredit
from billing.services.credit.credit_notes import (
    issue_credit_note,
)
from billing.services.credit.credit_refunds import refund_credit_note
from billing.services.credit.note_plans import NotePlan, as_issued, plan_notes
from billing.services.credit.unused_time import Unused, unused_time
from billing.services.invoices.draft_parts import Boundary
from billing.services.invoices.draft_review import issue_closed
from billing.services.invoices.refreshing import close_usage_of
from subscriptions.domain.proration_policy import UnusedTime
from subscriptions.services.policies import policy_of
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.catching_up import written_at
from tiktoktoe.kernel.rehearsal import is_rehearsal


def issue_notes(
    plans: Sequence[NotePlan], *, reason: str, idempotency_key: str, at: datetime
) -> list[CreditNote]:
    """Issue planned notes, in the caller's transaction."""
    _issue_drafts((plan.invoice for plan in plans), at)
    return [
        issue_credit_note(
            invoice=plan.invoice,
            reason=reason,
            idempotency_key=f"{idempotency_key}:{n}",
            amount=plan.total.amount if plan.line_amounts is None else None,
            line_amounts=plan.line_amounts,
            to_refund=plan.refund.amount,
            to_balance=plan.to_balance.amount,
            to_wallets=plan.to_wallets.amount,
            pays_open=not plan.waits,
            at=at,
        )
        for n, plan in enumerate(map(as_issued, plans), start=1)
    ]


def close_drafts(unused: Iterable[Unused]) -> None:
    """Close the usage of drafts that are issued when these lines' time is given back.

    Outside of any transaction, before that.
    """
    if ids := _drafts_of(item.line.invoice for item in unused):
        close_usage_of(ids)


def _issue_drafts(invoices: Iterable[Invoice], at: datetime) -> None:
    """Issue what still waits for people: what is given back has to have been billed."""
    if ids := _drafts_of(invoices):
        issue_closed(ids, at=at)


def _drafts_of(invoices: Iterable[Invoice]) -> list[UUID]:
    return sorted({i.pk for i in invoices if i.state == Invoice.State.DRAFT})


def refund_notes(notes: Iterable[CreditNote], *, actor: Actor, at: datetime) -> None:
    """Send what notes give back as money; outside of any transaction, and safe to repeat."""
    for note in notes:
        if note.to_refund and not is_rehearsal():
            refund_credit_note(note=note, actor=actor, at=written_at(at))


def keep_unused(
    unused: Iterable[Unused],
    *,
    form: UnusedCredit.Form,
    at: datetime,
    notes: Sequence[CreditNote] = (),
    invoice: Invoice | None = None,
) -> None:
    """Write down that these lines' time has ended, and what became of it; once for each."""
    unused = list(unused)
    _issue_drafts((item.line.invoice for item in unused), at)
    by_invoice = {note.invoice_id: note for note in notes}
    is_skipped = form == UnusedCredit.Form.SKIP
    UnusedCredit.objects.bulk_create(
        UnusedCredit(
            invoice_line=item.line,
            unused_from=item.unused_from,
            form=form,
            currency=item.line.currency,
            amount=Decimal(0) if is_skipped else item.part.amount.amount,
            derivation=item.derivation.to_json(),
            invoice=invoice,
            credit_note=by_invoice.get(item.line.invoice_id),
            created_at=at,
        )
        for item in unused
    )


def give_back(
    unused: Sequence[Unused],
    choice: UnusedTime,
    *,
    reason: str,
    idempotency_key: str,
    at: datetime,
) -> list[CreditNote]:
    """Give unused time back as the choice says, in the caller's transaction."""
    plans = plan_notes(unused, choice)
    notes = issue_notes(plans, reason=reason, idempotency_key=idempotency_key, at=at)
    skips = choice == UnusedTime.SKIP
    form = UnusedCredit.Form.SKIP if skips else UnusedCredit.Form.NOTE
    keep_unused(unused, form=form, at=at, notes=notes)
    return notes


def give_back_at_end(boundary: Boundary, *, at: datetime) -> list[CreditNote]:
    """Give back what was billed beyond the boundary at which a subscription was to end."""
    subscription = boundary.subscription
    policy = policy_of(subscription.plan_version.plan, boundary.at)
    kept = subscription.cancel_unused_time
    return give_back(
        unused_time(subscription, boundary.at, policy),
        UnusedTime(kept) if kept else policy.unused_time,
        reason="Unused time",
        idempotency_key=f"end:{subscription.pk}:{boundary.at.isoformat()}",
        at=at,
    )
