"""Whoever cancels in the portal may be offered something; the staff see what came of it."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client

from billing.models import CouponRedemption, OfferMade, RetentionOffer
from billing.services.changes.retention import OfferTerms, create_offer
from billing.services.credit.coupons import CouponDetails, create_coupon
from subscriptions.models import Subscription
from tests.factories.accounts import make_user
from tests.factories.lifecycle import begin, fee_of
from tests.factories.subscriptions import JAN_1, make_member
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.clock import now

pytestmark = pytest.mark.django_db


def staff(role: Role = Role.FINANCE) -> Client:
    client = Client()
    client.force_login(make_user(role))
    return client


def customer_of(subscription: Subscription) -> Client:
    client = Client()
    client.force_login(make_member(subscription.customer).user)
    return client


def running() -> Subscription:
    return begin(fee_of("31.00"), (now() - timedelta(days=1)).isoformat())


def offered() -> RetentionOffer:
    coupon = create_coupon(
        details=CouponDetails(code="STAY", name="Stay", percentage=Decimal(50)), at=JAN_1
    )
    terms = OfferTerms(name="Half off", text="Stay for half.", coupon=coupon)
    return create_offer(terms=terms, at=JAN_1)


def leave(subscription: Subscription, client: Client, **more: str) -> str:
    address = f"/portal/subscriptions/{subscription.reference}/cancellation/"
    answer = client.post(address, {"why": "too_expensive", "more": "Alas", **more}, follow=True)
    return answer.content.decode()


def test_an_offer_comes_before_the_cancellation_and_is_accepted() -> None:
    offered()
    subscription = running()
    client = customer_of(subscription)

    page = leave(subscription, client)
    made = OfferMade.objects.get()
    answer = client.post(f"/portal/offers/{made.pk}/acceptance/", follow=True)
    subscription.refresh_from_db()

    assert "Stay for half." in page
    assert "50 % off your next invoice" in page
    assert "Good that you stay" in answer.content.decode()
    assert subscription.cancel_at is None
    assert CouponRedemption.objects.get().subscription == subscription


def test_whoever_does_not_want_it_cancels_with_the_reason_given() -> None:
    offered()
    subscription = running()
    client = customer_of(subscription)
    leave(subscription, client)

    page = leave(subscription, client, decided="yes")
    subscription.refresh_from_db()

    assert "Your cancellation is scheduled" in page
    assert subscription.cancel_at == subscription.current_period_end
    assert OfferMade.objects.get().state == "declined"
    last = subscription.transitions.latest("id")
    assert (last.event, last.reason) == (
        "cancellation_scheduled",
        "It is too expensive: Alas",
    )


def test_another_customer_s_offer_is_not_there() -> None:
    offered()
    subscription = running()
    leave(subscription, customer_of(subscription))
    made = OfferMade.objects.get()

    answer = customer_of(running()).post(f"/portal/offers/{made.pk}/acceptance/")

    assert answer.status_code == 404
    assert OfferMade.objects.get().state == "open"


def test_finance_makes_and_ends_offers_and_support_reads_them() -> None:
    client, address = staff(), "/retention-offers/"
    terms = {"name": "Rest", "text": "Rest a while.", "pause_months": "2", "priority": "5"}

    page = client.post(address, {**terms, "reasons": ["not_needed"]}, follow=True)
    refused = client.post(address, {**terms, "pause_months": ""})
    offer = RetentionOffer.objects.get()
    client.post(f"{address}{offer.pk}/end/")
    offer.refresh_from_db()

    assert "a pause of 2 months" in page.content.decode()
    assert "offer a coupon or a pause" in refused.content.decode()
    assert offer.reasons == ["not_needed"]
    assert offer.ended_at is not None
    assert staff(Role.SUPPORT).get(address).status_code == 200
    assert staff(Role.SUPPORT).post(address, terms).status_code == 403
    assert staff(Role.SUPPORT).post(f"{address}{offer.pk}/end/").status_code == 403
