"""Offers to stay: for whom they are, made once, answered once, by the database."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from billing.errors import OfferGone, OfferInvalid
from billing.models import Coupon, CouponRedemption, Invoice, OfferMade, RetentionOffer
from billing.queries.retention import offer_rows
from billing.services.changes.retention import (
    OfferTerms,
    accept_offer,
    create_offer,
    decline_offers,
    end_offer,
    make_offer,
)
from billing.services.credit.coupons import CouponDetails, archive_coupon, create_coupon
from billing.services.invoices.renewal import run_billing
from subscriptions.models import Subscription
from tests.factories.lifecycle import begin, fee_of
from tests.factories.subscriptions import TEST_ACTOR
from tiktoktoe.kernel.errors import Conflict

pytestmark = pytest.mark.django_db
JAN_1 = datetime(2026, 1, 1, tzinfo=UTC)
JAN_9 = datetime(2026, 1, 9, tzinfo=UTC)
FEB_1 = datetime(2026, 2, 1, tzinfo=UTC)


def half_off(code: str = "STAY") -> Coupon:
    details = CouponDetails(code=code, name="Stay", percentage=Decimal(50))
    return create_coupon(details=details, at=JAN_1)


def offer(**terms: Any) -> RetentionOffer:
    given: dict[str, Any] = {"name": "Half off", "text": "Half off your next invoice.", **terms}
    if not given.keys() & {"pause_months", "coupon"}:
        given["coupon"] = half_off()
    return create_offer(terms=OfferTerms(**given), at=JAN_1)


def made_to(subscription: Subscription, reason: str = "too_expensive") -> OfferMade:
    made = make_offer(subscription=subscription, reason=reason, at=JAN_9)
    assert made is not None
    return made


def test_an_accepted_coupon_comes_off_the_next_invoice() -> None:
    offer()
    subscription = begin(fee_of("30.00"), "2026-01-01")

    accepted = accept_offer(made=made_to(subscription), actor=TEST_ACTOR, at=JAN_9)
    run_billing(at=FEB_1)

    assert (accepted.state, accepted.answered_at) == ("accepted", JAN_9)
    totals = Invoice.objects.order_by("finalized_at").values_list("total", flat=True)
    assert list(totals) == [Decimal("30.00"), Decimal("15.00")]


def test_an_accepted_pause_begins_with_the_period_s_end() -> None:
    offer(name="Rest", pause_months=2)
    subscription = begin(fee_of("30.00"), "2026-01-01")

    accept_offer(made=made_to(subscription), actor=TEST_ACTOR, at=JAN_9)
    subscription.refresh_from_db()

    assert subscription.pause_at == FEB_1
    assert subscription.resume_at == datetime(2026, 4, 1, tzinfo=UTC)
    assert subscription.resume_at.date() == date(2026, 4, 1)


def test_it_is_made_for_its_plans_and_reasons_in_order_of_priority() -> None:
    version = fee_of("30.00")
    elsewhere = begin(fee_of("30.00"), "2026-01-01")
    first = offer(name="A", plans=[version.plan], priority=1, coupon=half_off("A"))
    second = offer(name="B", reasons=["not_needed"], pause_months=1, priority=2)
    subscription = begin(version, "2026-01-01")

    assert made_to(subscription, "too_expensive").offer == first
    assert made_to(elsewhere, "not_needed").offer == second
    assert make_offer(subscription=elsewhere, reason="problems", at=JAN_9) is None


def test_one_that_was_not_answered_is_made_again_and_a_declined_one_is_not() -> None:
    offer()
    subscription = begin(fee_of("30.00"), "2026-01-01")

    first, again = made_to(subscription), made_to(subscription)
    assert decline_offers(subscription=subscription, at=JAN_9) == 1

    assert first.pk == again.pk
    assert make_offer(subscription=subscription, reason="too_expensive", at=FEB_1) is None
    with pytest.raises(OfferGone):
        accept_offer(made=first, actor=TEST_ACTOR, at=FEB_1)
    assert not CouponRedemption.objects.exists()


def test_whoever_accepted_one_is_offered_nothing_any_more() -> None:
    offer()
    offer(name="Rest", pause_months=1)
    subscription = begin(fee_of("30.00"), "2026-01-01")
    accept_offer(made=made_to(subscription), actor=TEST_ACTOR, at=JAN_9)

    assert make_offer(subscription=subscription, reason="problems", at=FEB_1) is None


def test_what_has_ended_or_cannot_be_given_is_not_offered() -> None:
    subscription = begin(fee_of("30.00"), "2026-01-01")
    ended = offer()
    end_offer(offer=ended, at=JAN_1)
    archived = offer(name="Old", coupon=half_off("OLD"))
    assert archived.coupon
    archive_coupon(coupon=archived.coupon, at=JAN_1)
    other = CouponDetails(code="YEN", name="Yen", amount=None, percentage=Decimal(1))
    yen = create_coupon(details=other, at=JAN_1)
    Coupon.objects.filter(pk=yen.pk).update(
        kind="amount", percentage=None, amount=100, currency="JPY"
    )
    offer(name="Yen", coupon=yen)

    assert make_offer(subscription=subscription, reason="other", at=JAN_9) is None


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"coupon": None}, "coupon"),
        ({"coupon": None, "pause_months": 13}, "pause_months"),
        ({"coupon": None, "pause_months": 1, "reasons": ["weather"]}, "reasons"),
    ],
)
def test_terms_that_contradict_themselves_are_refused(terms: dict[str, Any], field: str) -> None:
    with pytest.raises(OfferInvalid) as refusal:
        create_offer(terms=OfferTerms(name="x", text="x", **terms), at=JAN_1)

    assert refusal.value.field == field
    assert not RetentionOffer.objects.exists()


def test_what_came_of_an_offer_is_counted() -> None:
    offer()
    staying, leaving, gone = (begin(fee_of("30.00"), "2026-01-01") for _ in range(3))
    for subscription in (staying, leaving):
        accept_offer(made=made_to(subscription), actor=TEST_ACTOR, at=JAN_9)
    made_to(gone)
    decline_offers(subscription=gone, at=JAN_9)
    Subscription.objects.filter(pk=leaving.pk).update(cancel_at=FEB_1)

    (row,) = offer_rows()

    assert (row.made, row.accepted, row.declined, row.staying) == (3, 2, 1, 1)


def test_the_database_keeps_what_was_answered_and_refuses_a_second_acceptance() -> None:
    offer()
    other = offer(name="Rest", pause_months=1)
    subscription = begin(fee_of("30.00"), "2026-01-01")
    made = accept_offer(made=made_to(subscription), actor=TEST_ACTOR, at=JAN_9)

    with pytest.raises(IntegrityError, match="accepted_once"), transaction.atomic():
        OfferMade.objects.create(
            offer=other,
            customer=subscription.customer,
            subscription=subscription,
            reason="other",
            state="accepted",
            made_at=JAN_9,
            answered_at=JAN_9,
        )
    with pytest.raises(DatabaseError, match="what was answered stays"), transaction.atomic():
        OfferMade.objects.filter(pk=made.pk).update(state="open", answered_at=None)
    with pytest.raises(DatabaseError, match="what was offered stays"), transaction.atomic():
        made.delete()


@pytest.mark.django_db(transaction=True)
def test_two_acceptances_at_once_give_it_once() -> None:
    offer()
    made = made_to(begin(fee_of("30.00"), "2026-01-01"))

    def accept(_number: int) -> bool:
        try:
            accept_offer(made=made, actor=TEST_ACTOR, at=JAN_9)
        except Conflict:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(accept, range(4)))

    assert sorted(results) == [False, False, False, True]
    assert CouponRedemption.objects.count() == 1
