"""Whoever is about to leave may be offered something to stay: found, made once, answered once."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from billing.domain.leaving import REASONS, counts_for
from billing.errors import OfferGone, OfferInvalid
from billing.models import Coupon, OfferMade, RetentionOffer
from billing.services.changes.pausing import pause, preview_pause
from billing.services.credit.coupons import redeem_coupon
from subscriptions.models import Customer, Plan, Subscription
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.errors import Conflict, InvalidInput
from tiktoktoe.kernel.periods import add_months, local_date

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferTerms:
    """What is offered, and to whom: a coupon, or a pause of so many months."""

    name: str
    text: str
    coupon: Coupon | None = None
    pause_months: int | None = None
    plans: Sequence[Plan] = ()
    reasons: Sequence[str] = ()
    priority: int = 10


@transaction.atomic
def create_offer(*, terms: OfferTerms, at: datetime) -> RetentionOffer:
    """Make an offer from now on to whoever cancels for these reasons.

    Raises:
        OfferInvalid: If it is neither a coupon nor a pause, or the name or a reason is wrong.
    """
    if (terms.coupon is None) == (terms.pause_months is None):
        raise OfferInvalid("offer a coupon or a pause, not both", field="coupon")
    if terms.pause_months is not None and not 1 <= terms.pause_months <= 12:
        raise OfferInvalid("a pause is of 1 to 12 months", field="pause_months")
    if RetentionOffer.objects.filter(name=terms.name).exists():
        raise OfferInvalid("another offer has this name", field="name")
    if unknown := sorted(set(terms.reasons) - set(REASONS)):
        raise OfferInvalid(f"nobody can give this reason: {unknown[0]}", field="reasons")
    offer = RetentionOffer.objects.create(
        name=terms.name,
        text=terms.text,
        kind=RetentionOffer.Kind.COUPON if terms.coupon else RetentionOffer.Kind.PAUSE,
        coupon=terms.coupon,
        pause_months=terms.pause_months,
        reasons=list(terms.reasons),
        priority=terms.priority,
        created_at=at,
    )
    offer.plans.set(terms.plans)
    return offer


@transaction.atomic
def end_offer(*, offer: RetentionOffer, at: datetime) -> RetentionOffer:
    """Make it to nobody any more; to whom it was made may still accept it."""
    RetentionOffer.objects.filter(pk=offer.pk, ended_at=None).update(ended_at=at)
    offer.refresh_from_db()
    return offer


@transaction.atomic
def make_offer(*, subscription: Subscription, reason: str, at: datetime) -> OfferMade | None:
    """The offer for a customer who is about to cancel for a reason; None if there is none.

    Each is made once to a customer; one that has not been answered is made again. Whoever
    accepted one is offered nothing any more.
    """
    customer = Customer.objects.select_for_update(of=("self",)).get(pk=subscription.customer_id)
    had = {made.offer_id: made for made in OfferMade.objects.filter(customer=customer)}
    if any(made.state == OfferMade.State.ACCEPTED for made in had.values()):
        return None
    offers = RetentionOffer.objects.filter(ended_at=None).select_related("coupon")
    for offer in offers.prefetch_related("plans"):
        made = had.get(offer.pk)
        answered = made is not None and made.state != OfferMade.State.OPEN
        if answered or not _is_for(offer, subscription, reason, at):
            continue
        made = made or OfferMade(offer=offer, customer=customer)
        made.subscription, made.reason, made.made_at = subscription, reason, at
        made.save()
        return made
    return None


def accept_offer(*, made: OfferMade, actor: Actor, at: datetime) -> OfferMade:
    """Give what was offered; the subscription goes on, or rests with the end of its period.

    Raises:
        OfferGone: If it was answered, or another one was accepted.
        CouponInvalid, TransitionNotAllowed, PeriodNotBilled: If it cannot be given any more.
    """
    with transaction.atomic():
        locked = _lock(made)
        accepted = OfferMade.objects.filter(customer=locked.customer_id, state="accepted")
        if locked.state != OfferMade.State.OPEN or accepted.exists():
            raise OfferGone("this offer has been answered already")
        _give(locked, actor, at)
        locked.state, locked.answered_at = OfferMade.State.ACCEPTED, at
        locked.save(update_fields=["state", "answered_at"])
    logger.info("offer accepted", extra={"offer": locked.offer_id, "customer": locked.customer_id})
    return locked


@transaction.atomic
def decline_offers(*, subscription: Subscription, at: datetime) -> int:
    """Write down that whoever cancels did not want what was offered; gives how many."""
    waiting = OfferMade.objects.filter(subscription=subscription, state=OfferMade.State.OPEN)
    return waiting.update(state=OfferMade.State.DECLINED, answered_at=at)


def _lock(made: OfferMade) -> OfferMade:
    """The offer as it is now, held with its customer, who accepts one at a time."""
    Customer.objects.select_for_update(of=("self",)).get(pk=made.customer_id)
    rows = OfferMade.objects.select_related("offer__coupon", "customer", "subscription")
    return rows.select_for_update(of=("self",)).get(pk=made.pk)


def _is_for(offer: RetentionOffer, subscription: Subscription, reason: str, at: datetime) -> bool:
    plan_ids = {plan.pk for plan in offer.plans.all()}
    plan_id = subscription.plan_version.plan_id
    if not counts_for(reason, plan_id=plan_id, reasons=offer.reasons, plan_ids=plan_ids):
        return False
    if offer.coupon is not None:
        return _can_redeem(offer.coupon, subscription, at)
    return _can_pause(subscription, at)


def _can_redeem(coupon: Coupon, subscription: Subscription, at: datetime) -> bool:
    is_over = coupon.archived_at or (coupon.expires_at and coupon.expires_at <= at)
    is_used_up = (
        coupon.max_redemptions is not None and coupon.redeemed_count >= coupon.max_redemptions
    )
    fits = coupon.currency in {"", subscription.currency}
    had = coupon.redemptions.filter(customer=subscription.customer_id)
    return fits and not is_over and not is_used_up and not had.exists()


def _can_pause(subscription: Subscription, at: datetime) -> bool:
    try:
        preview_pause(subscription=subscription, at=at, at_period_end=True)
    except (Conflict, InvalidInput):
        return False
    return True


def _give(made: OfferMade, actor: Actor, at: datetime) -> None:
    offer, subscription = made.offer, made.subscription
    if offer.coupon is not None:
        redeem_coupon(
            code=offer.coupon.code,
            customer=made.customer,
            subscription=subscription,
            actor=actor,
            at=at,
        )
        return
    assert offer.pause_months is not None
    end = local_date(subscription.current_period_end, subscription.time_zone)
    pause(
        subscription=subscription,
        at_period_end=True,
        resume_on=add_months(end, offer.pause_months),
        reason=f"Offered: {offer.name}",
        actor=actor,
        at=at,
    )
