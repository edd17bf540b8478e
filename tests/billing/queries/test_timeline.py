"""Everything that happened to a customer: complete, in order, page by page, and nobody else's."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing.queries.timeline import KINDS, SOURCES, timeline_page
from billing.services.credit.coupons import CouponDetails, create_coupon, redeem_coupon
from billing.services.credit.customer_credit import grant_credit
from billing.services.credit.wallets import grant_prepaid, open_wallet
from subscriptions.models import Customer
from subscriptions.services.changes import schedule_cancellation
from subscriptions.services.notes import write_note
from tests.factories.accounts import make_user
from tests.factories.billing import open_invoice
from tests.factories.subscriptions import JAN_1, TEST_ACTOR, make_customer
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db
JAN_9 = datetime(2026, 1, 9, tzinfo=UTC)


def told(customer: Customer, **terms: Any) -> list[str]:
    return [entry.source.name for entry in timeline_page(customer.pk, **terms).entries]


def test_what_happened_is_told_the_latest_first() -> None:
    invoice = open_invoice(JAN_1)
    assert invoice.subscription
    schedule_cancellation(
        subscription=invoice.subscription, actor=TEST_ACTOR, reason="too dear", at=JAN_9
    )
    write_note(
        customer=invoice.customer,
        text="Call them in March.",
        author=make_user(Role.SUPPORT),
        at=JAN_9 + timedelta(days=1),
    )

    assert told(invoice.customer) == [
        "note",
        "transition",
        "invoice_issued",
        "transition",
        "customer",
    ]
    assert told(invoice.customer, kind="notes") == ["note"]
    assert told(invoice.customer, kind="subscriptions") == ["transition", "transition"]


def test_a_customer_sees_nothing_of_another_one() -> None:
    open_invoice(JAN_1)

    assert told(make_customer()) == ["customer"]


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_pages_show_each_entry_once_also_those_of_one_instant(limit: int) -> None:
    invoice = open_invoice(JAN_1)  # the customer, the start and the invoice: all at one instant
    for number in range(5):
        grant_credit(
            customer=invoice.customer,
            amount=invoice.total,
            reason="sorry",
            actor=TEST_ACTOR,
            idempotency_key=f"k{number}",
            at=JAN_9,
        )
    everything = timeline_page(invoice.customer_id)
    assert everything.next_place == ""

    seen: list[str] = []
    after, pages = None, 0
    while True:
        page = timeline_page(invoice.customer_id, after=after, limit=limit)
        seen += [entry.place for entry in page.entries]
        pages += 1
        if not page.next_place:
            break
        moment, _, key = page.next_place.partition(" ")
        after = (datetime.fromisoformat(moment), key)

    assert seen == [entry.place for entry in everything.entries]
    assert len(seen) == len(set(seen)) == 10
    assert pages == -(-10 // limit)


@pytest.mark.parametrize("place", ["", "99:1", "x:1", "-1:1", "0:words", "4:1", "²:1"])
def test_a_place_that_no_entry_has_is_refused(place: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        timeline_page(make_customer().pk, after=(JAN_1, place))


def test_each_source_costs_one_statement(django_assert_num_queries: Any) -> None:
    invoice = open_invoice(JAN_1)

    with django_assert_num_queries(len(SOURCES)):
        timeline_page(invoice.customer_id)


def test_every_source_is_of_a_kind_that_can_be_asked_for() -> None:
    assert {source.kind for source in SOURCES} == set(KINDS)
    assert len({source.name for source in SOURCES}) == len(SOURCES)


def test_coupons_and_prepaid_credits_are_told() -> None:
    customer = make_customer()
    coupon = create_coupon(
        details=CouponDetails(code="TEN", name="Ten off", percentage=Decimal(10)), at=JAN_1
    )
    redeem_coupon(code=coupon.code, customer=customer, actor=TEST_ACTOR, at=JAN_9)
    wallet = open_wallet(customer=customer, currency="USD", name="Main", at=JAN_1)
    grant_prepaid(
        wallet=wallet,
        amount=Money(5, "USD"),
        reason="welcome",
        idempotency_key="w1",
        actor=TEST_ACTOR,
        at=JAN_9,
    )

    assert told(customer) == ["lot", "redemption", "customer"]
    assert told(customer, kind="wallets") == ["lot"]
