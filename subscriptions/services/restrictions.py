"""Service is held back, and given again."""

import logging
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet

from subscriptions.errors import ChangesBlocked
from subscriptions.models import Customer, ServiceRestriction, Subscription
from tiktoktoe.standing import standing

logger = logging.getLogger(__name__)


@transaction.atomic
def restrict_service(
    *,
    customer: Customer,
    reason: str,
    source: str,
    at: datetime,
    subscription: Subscription | None = None,
    blocks_service: bool = True,
    blocks_changes: bool = False,
) -> ServiceRestriction:
    """Hold back what a subscription brings, or everything; asking again changes nothing."""
    Customer.objects.select_for_update(of=("self",)).get(pk=customer.pk)
    known = ServiceRestriction.objects.filter(
        source=source, customer=customer, subscription=subscription, ends_at__isnull=True
    ).first()
    if known is not None:
        return known
    made = ServiceRestriction.objects.create(
        customer=customer,
        subscription=subscription,
        blocks_service=blocks_service,
        blocks_changes=blocks_changes,
        reason=reason[:200],
        source=source,
        starts_at=at,
        created_at=at,
    )
    logger.info("service restricted", extra={"customer": customer.external_id, "source": source})
    return made


def lift_restrictions(*, source: str, at: datetime) -> int:
    """Give back what a source held back; gives how many restrictions ended."""
    ended = ServiceRestriction.objects.filter(source=source, ends_at__isnull=True)
    lifted = ended.update(ends_at=at)
    if lifted:
        logger.info("service given again", extra={"source": source})
    return lifted


@standing
def _blocking(customer: int, subscription: int, at: datetime) -> "QuerySet[ServiceRestriction]":
    whose = Q(subscription=subscription) | Q(subscription__isnull=True)
    blocked = ServiceRestriction.objects.in_force(at).filter(whose, customer=customer)
    return blocked.filter(blocks_changes=True)[:1]


def ensure_changeable(subscription: Subscription, at: datetime) -> None:
    """Refuse a change of what somebody has not paid for.

    Raises:
        ChangesBlocked: If changes are blocked; says why.
    """
    found = _blocking.first(customer=subscription.customer_id, subscription=subscription.pk, at=at)
    if found is not None:
        raise ChangesBlocked(f"{subscription} cannot be changed: {found.reason}")
