"""The row of a gateway's event: written once, with what the event proves by itself."""

from collections.abc import Mapping
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import F

from billing.domain.attempts import Answer
from billing.domain.declines import Decline, DeclineClass
from billing.gateways.base import GatewayEvent, Outcome
from billing.gateways.disputes import report_as_kept
from billing.models import WebhookEvent
from tiktoktoe.kernel.money import Money


def keep_row(
    gateway: str, event: GatewayEvent, payload: str, at: datetime, *, is_polled: bool = False
) -> WebhookEvent | None:
    """The row of an event, if it is the first copy."""
    try:
        with transaction.atomic():
            return WebhookEvent.objects.create(
                gateway=gateway,
                event_id=event.event_id[:255],
                name=event.name[:64],
                about=event.about,
                reference=event.reference[:255],
                our_reference=event.our_reference[:255],
                customer_reference=event.customer_reference[:255],
                proof=proof_of_event(event),
                is_signed=True,
                payload=payload,
                is_polled=is_polled,
                next_try_at=at,
                happened_at=event.happened_at,
                received_at=at,
            )
    except IntegrityError:
        same = WebhookEvent.objects.filter(gateway=gateway, event_id=event.event_id[:255])
        same.filter(is_signed=True).update(copies=F("copies") + 1)
        return None


def proof_of_event(event: GatewayEvent) -> dict[str, object]:
    """What an event proves by itself, as it is kept; nothing if it is only a hint."""
    if event.dispute is not None:
        return report_as_kept(event.dispute)
    return dict(proof_of(event.outcome)) if event.outcome is not None else {}


def proof_of(outcome: Outcome) -> dict[str, str]:
    """What an outcome proves, as it is kept."""
    proof = {"answer": str(outcome.answer), "reference": outcome.reference}
    if outcome.amount is not None:
        proof |= {"amount": str(outcome.amount.amount), "currency": outcome.amount.currency.code}
    if outcome.decline is not None:
        proof |= {"code": outcome.decline.code, "class": str(outcome.decline.decline_class)}
    return proof


def outcome_of_proof(proof: Mapping[str, str]) -> Outcome | None:
    """What an event proves; None if it is only a hint."""
    if not proof:
        return None
    decline = None
    if "class" in proof:
        decline = Decline(code=proof["code"], decline_class=DeclineClass(proof["class"]))
    amount = Money(proof["amount"], proof["currency"]) if "amount" in proof else None
    return Outcome(
        answer=Answer(proof["answer"]),
        reference=proof["reference"],
        amount=amount,
        decline=decline,
    )
