"""Mandates that gateways keep: taken over with the method, read anew, ended when they are."""

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q

from billing.errors import GatewayRefused, GatewayUnavailable
from billing.gateways.mandates import KeepsMandates, MandateDetails
from billing.gateways.registry import gateway_named
from billing.models import GatewayMandate, PaymentMethod

logger = logging.getLogger(__name__)

ASKED_AGAIN_AFTER = timedelta(days=1)
_STATES = {"active": GatewayMandate.State.ACTIVE, "inactive": GatewayMandate.State.ENDED}


@transaction.atomic
def keep_mandate(
    *, method: PaymentMethod, details: MandateDetails, at: datetime, consent: str = ""
) -> GatewayMandate:
    """Take over what a gateway tells of a method's mandate; telling it again changes nothing.

    With the mandate its method ends: nothing may be debited by it any more.
    """
    PaymentMethod.objects.select_for_update(of=("self",)).get(pk=method.pk)
    mandate, _ = GatewayMandate.objects.get_or_create(
        method=method,
        defaults={
            "gateway": method.gateway,
            "gateway_reference": details.reference,
            # One by which money was just collected is active, whatever else is not known yet.
            "state": GatewayMandate.State.ACTIVE,
            "consent": consent,
            "created_at": at,
        },
    )
    if not details.state or mandate.gateway_reference != details.reference:
        return mandate
    mandate.asked_at = at
    mandate.reference = mandate.reference or details.scheme_reference
    mandate.url = details.url or mandate.url
    mandate.accepted_at = mandate.accepted_at or details.accepted_at
    mandate.accepted_from = mandate.accepted_from or details.accepted_from[:64]
    if mandate.state != GatewayMandate.State.ENDED:
        mandate.state = _STATES.get(details.state, GatewayMandate.State.PENDING)
        if mandate.state == GatewayMandate.State.ENDED:
            _end(mandate, at)
    mandate.save()
    return mandate


def end_kept_mandate(*, method: PaymentMethod, at: datetime) -> None:
    """End the mandate of a method, whatever its gateway still says: its bank has."""
    mandate = GatewayMandate.objects.select_for_update(of=("self",)).filter(method=method).first()
    if mandate is not None and mandate.state != GatewayMandate.State.ENDED:
        mandate.state = GatewayMandate.State.ENDED
        _end(mandate, at)
        mandate.save()


def look_at_mandate(*, reference: str, gateway: str, at: datetime) -> str:
    """Read a mandate that an event named; says what it is."""
    known = GatewayMandate.objects.filter(gateway=gateway, gateway_reference=reference).first()
    if known is None:
        return "not ours"
    return f"mandate {_ask(known, at).state}"


def refresh_mandates(*, at: datetime, limit: int = 100) -> int:
    """Ask about mandates of which only the name is known, or that wait; gives how many.

    What ends one is told by an event; each is asked about once a day at most.
    """
    due = Q(asked_at__isnull=True) | Q(
        state=GatewayMandate.State.PENDING, asked_at__lte=at - ASKED_AGAIN_AFTER
    )
    waiting = GatewayMandate.objects.filter(due).exclude(state=GatewayMandate.State.ENDED)
    asked = 0
    for mandate in waiting.order_by(F("asked_at").asc(nulls_first=True), "pk")[:limit]:
        claimed = GatewayMandate.objects.filter(pk=mandate.pk, asked_at=mandate.asked_at)
        if claimed.update(asked_at=at):
            _ask_quietly(mandate, at)
            asked += 1
    return asked


def _ask_quietly(mandate: GatewayMandate, at: datetime) -> None:
    try:
        _ask(mandate, at)
    except (GatewayUnavailable, GatewayRefused):
        logger.warning("mandate not asked about", extra={"mandate": mandate.pk})


def _ask(mandate: GatewayMandate, at: datetime) -> GatewayMandate:
    source = gateway_named(mandate.gateway)
    if not isinstance(source, KeepsMandates):
        return mandate
    details = source.read_mandate(mandate.gateway_reference)
    method = PaymentMethod.objects.get(pk=mandate.method_id)
    return keep_mandate(method=method, details=details, at=at)


def _end(mandate: GatewayMandate, at: datetime) -> None:
    mandate.ended_at = at
    PaymentMethod.objects.filter(pk=mandate.method_id, state=PaymentMethod.State.ACTIVE).update(
        state=PaymentMethod.State.REMOVED, is_default=False
    )
    logger.info("mandate ended", extra={"mandate": mandate.pk})
