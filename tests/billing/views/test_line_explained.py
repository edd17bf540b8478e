"""Every kind of line explains itself: the arithmetic adds up, and what it counts is there."""

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from django.test import Client

from billing.models import Coupon, InvoiceLine
from billing.services.changes.plan_changes import change_plan
from billing.services.changes.subscribing import start_subscription
from billing.services.credit.coupons import CouponDetails, create_coupon, redeem_coupon
from billing.services.credit.wallets import open_wallet, top_up
from billing.services.invoices.ahead import bill_usage_ahead
from billing.services.invoices.renewal import run_billing
from billing.services.invoices.thresholds import bill_thresholds
from subscriptions.models import Customer, PlanVersion
from subscriptions.services.catalog import draft_plan_version, publish_plan_version
from subscriptions.services.price_specs import ThresholdSpec
from tests.factories.accounts import make_user
from tests.factories.lifecycle import taxed_customer
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    make_member,
    make_meter,
    make_plan,
    per_call,
    published_version,
    recurring,
)
from tests.factories.usage import use
from tests.shared_world import shared_world
from tiktoktoe.kernel.clock import moved_to
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db
FEB_1 = JAN_1 + timedelta(days=31)


def rich_version() -> PlanVersion:
    """A fee, a set-up fee, variants with a minimum, usage as it comes, a threshold, a minimum."""
    tokens = make_meter("tokens", dimensions=["model"])
    small = per_call("0.01", code="tokens", meter=tokens, included="0")
    large = per_call(
        "0.05", code="large", name="Large", meter=tokens, included="0", match={"model": ["large"]}
    )
    version = draft_plan_version(
        plan=make_plan(),
        currency="EUR",
        prices=(
            recurring(),
            recurring("10.00", code="setup", name="Set-up", kind="setup"),
            replace(small, minimum_amount=Decimal(500), variants=(large,)),
            per_call(
                "0.1", code="ahead", meter=make_meter("ahead"), included="0", timing="advance"
            ),
        ),
        effective_from=JAN_1,
        minimum_amount=Decimal(2000),
        thresholds=(ThresholdSpec(amount=Decimal(50)),),
    )
    return publish_plan_version(version=version, at=JAN_1)


def arrange() -> Customer:
    """Somebody who was billed a line of every kind."""
    customer = taxed_customer("19")
    subscription = start_subscription(
        customer=customer, plan_version=rich_version(), at=JAN_1, actor=TEST_ACTOR
    ).subscription
    for day in range(3):
        at = JAN_1 + timedelta(days=day)
        use(customer, 1000, at, meter="tokens", properties={"model": "small"})
        use(customer, 333, at, meter="tokens", properties={"model": "large"})
        use(customer, 7, at, meter="ahead")
    use(customer, 11, JAN_1 + timedelta(days=3), meter="tokens")
    early = JAN_1 + timedelta(days=4)
    assert (bill_thresholds(at=early), bill_usage_ahead(at=early)) == (1, 1)
    ten = CouponDetails(
        code="TEN", name="Ten", percentage=Decimal(10), duration=Coupon.Duration.FOREVER
    )
    create_coupon(details=ten, at=early)
    redeem_coupon(code="TEN", customer=customer, actor=TEST_ACTOR, at=early)
    run_billing(at=FEB_1)
    larger = published_version(recurring("249.00"), plan=make_plan(rank=5), currency="EUR")
    change_plan(
        subscription=subscription,
        plan_version=larger,
        quantity=1,
        actor=TEST_ACTOR,
        at=FEB_1 + timedelta(days=10),
    )
    wallet = open_wallet(customer=customer, currency="EUR", name="Main", at=FEB_1)
    top_up(wallet=wallet, amount=Money("20.00", "EUR"), idempotency_key="w", at=FEB_1)
    return customer


customer = shared_world(arrange)


def line_pages(customer: Customer, start: str) -> list[tuple[InvoiceLine, Client, str, str]]:
    """Each line with its page, as staff or the customer sees it, and the events it leads to."""
    client = Client()
    client.force_login(make_user() if start == "" else make_member(customer).user)
    found = []
    for line in InvoiceLine.objects.select_related("invoice").order_by("invoice", "position"):
        answer = client.get(f"{start}/invoices/{line.invoice.number}/lines/{line.pk}/")
        assert answer.status_code == 200, line.kind
        page = answer.content.decode()
        events = re.search(r'href="([^"]*)">All [\d,]+ events', page)
        found.append((line, client, page, events[1].replace("&amp;", "&") if events else ""))
    return found


@pytest.mark.parametrize("start", ["", "/portal"])
def test_every_kind_of_line_adds_up_and_leads_to_the_very_events_that_it_counts(
    customer: Customer, start: str
) -> None:
    counts = {}
    early = InvoiceLine.objects.filter(invoice__kind="threshold").first()
    assert early is not None
    with moved_to(FEB_1 + timedelta(days=11)):
        for line, client, page, events in line_pages(customer, start):
            why = line.derivation
            steps = sum((Fraction(step["amount"]) for step in why["steps"]), Fraction(0))
            assert Decimal(why["amount"]) == line.amount.amount
            # A part of a period is rounded in its one step.
            assert steps in {Fraction(why["exact"]), Fraction(why["amount"])}, line
            if line.kind == "usage_credit":  # what was billed before leads to that invoice
                assert f'<a href="{start}/invoices/{early.invoice.number}/">Invoice' in page
                assert ", version" not in page
            if events:
                listed = client.get(events).context
                assert len(listed["listed"].events) == listed["total"].event_count
                counts[line.invoice.kind, line.derivation["price"]["code"]] = (
                    listed["total"].event_count,
                    listed["quantity"],
                )

    assert counts == {
        ("threshold", "large"): (3, 999),
        ("threshold", "tokens"): (4, 3011),
        ("ahead", "ahead"): (3, 21),
        ("period", "large"): (3, 999),
        ("period", "tokens"): (4, 3011),
        ("period", "ahead"): (3, 21),
    }
    kinds = set(InvoiceLine.objects.values_list("kind", flat=True))
    assert kinds == set(InvoiceLine.Kind.values) - {"one_off"}


def test_a_discount_that_is_shared_out_does_not_claim_to_be_rounded_alone(
    customer: Customer,
) -> None:
    line = InvoiceLine.objects.get(kind="true_up", price=None)

    assert line.derivation["rule"] == (
        "rounded so that the discounts of all lines add up to the coupons"
    )
    assert [step["amount"] for step in line.derivation["steps"]] == ["1398.9", "-139.89"]
    assert line.derivation["steps"][0]["formula"] == "2000 - 601.1 = 1398.9"


def test_dimensions_that_no_page_has_written_lead_nowhere(customer: Customer) -> None:
    client = Client()
    client.force_login(make_user())
    address = f"/usage/events/?customer={customer.pk}&meter=tokens&start=2026-01-01"

    answers = [client.get(f"{address}&of={of}") for of in ("x", "[]", "[" * 5000)]

    assert [answer.status_code for answer in answers] == [404, 404, 404]
