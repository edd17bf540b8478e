"""Usage that comes late, while its draft waits for people, comes on that draft: exactly once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client, override_settings

from billing.models import CouponRedemption, DraftBoundary, Invoice, InvoiceEvent, InvoiceLine
from billing.services.changes.add_ons import change_add_on
from billing.services.changes.plan_changes import change_plan
from billing.services.credit.coupons import CouponDetails, create_coupon, redeem_coupon
from billing.services.invoices.consolidating import set_invoicing
from billing.services.invoices.draft_edits import add_draft_line
from billing.services.invoices.draft_review import (
    finalize_invoice,
    issue_all,
    issue_reviewed,
)
from billing.services.invoices.one_off import ChargeLine
from billing.services.invoices.refreshing import refresh_held
from billing.services.invoices.renewal import draft_invoice, run_billing
from subscriptions.domain.proration_policy import Timing
from subscriptions.models import Subscription, UsageClosing
from subscriptions.services.policies import ChangeOverride
from tests.billing.services.invoices.test_one_off import taxed
from tests.factories.accounts import make_user
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    make_customer,
    make_plan,
    per_call,
    published_version,
    recurring,
    subscription_since,
)
from tests.factories.usage import use
from tests.shared_world import shared_world
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db
JAN_15 = datetime(2026, 1, 15, tzinfo=UTC)
JAN_20 = datetime(2026, 1, 20, tzinfo=UTC)
FEB_1 = datetime(2026, 2, 1, tzinfo=UTC)
FEB_2 = FEB_1 + timedelta(days=1)
FEB_4 = FEB_1 + timedelta(days=3)
MAR_1 = datetime(2026, 3, 1, tzinfo=UTC)
EXTRA = ChargeLine(description="Migration", quantity=Decimal(1), unit_price=Decimal("50.00"))


def subscribed() -> Subscription:
    """Team since January, 12,500 calls so far."""
    subscription = subscription_since(JAN_1)
    use(subscription.customer, 12_500, JAN_15)
    return subscription


@pytest.fixture
def held(settings: Any) -> Subscription:
    """One whose invoices are held for three days."""
    settings.INVOICE_REVIEW_DAYS = 3
    return subscribed()


def drafted() -> Invoice:
    run_billing(at=FEB_1)
    return Invoice.objects.get(period_start=FEB_1)


@override_settings(INVOICE_REVIEW_DAYS=3)
def arrange() -> tuple[Subscription, Invoice]:
    return subscribed(), drafted()


arranged = shared_world(arrange)


@pytest.fixture
def waiting(arranged: tuple[Subscription, Invoice], settings: Any) -> tuple[Subscription, Invoice]:
    """The same with its draft of February, which waits."""
    settings.INVOICE_REVIEW_DAYS = 3
    return arranged


def late(subscription: Subscription, quantity: int, received_at: datetime = FEB_2) -> None:
    use(subscription.customer, quantity, JAN_20, received_at=received_at)


def amounts(invoice: Invoice) -> list[tuple[str, Decimal]]:
    return [(x.kind, x.amount.amount) for x in invoice.lines.order_by("position")]


def test_late_usage_comes_on_the_draft_and_the_draft_says_so(
    waiting: tuple[Subscription, Invoice],
) -> None:
    held, draft = waiting
    late(held, 1_000)

    changed = refresh_held(at=FEB_2)

    draft.refresh_from_db()
    event = InvoiceEvent.objects.get(kind="refreshed")
    assert changed == 1
    assert amounts(draft) == [("usage", Decimal("7.00")), ("recurring", Decimal("99.00"))]
    assert draft.total == Money("106.00", "USD")
    assert event.details == {"line": "Team: API calls: 5.00 → 7.00", "amount": "104.00 → 106.00"}
    assert (event.reason, event.actor) == ("usage came late", "schedule")


def test_late_usage_of_an_add_on_comes_on_the_draft_too(settings: Any) -> None:
    settings.INVOICE_REVIEW_DAYS = 3
    subscription = subscription_since(JAN_1, version=published_version(recurring("30.00")))
    calls = published_version(per_call("0.10", included="0"), plan=make_plan(is_add_on=True))
    change_add_on(
        subscription=subscription, plan_version=calls, quantity=1, actor=TEST_ACTOR, at=JAN_1
    )
    draft = drafted()
    late(subscription, 70)

    assert refresh_held(at=FEB_2) == 1
    assert ("usage", Decimal("7.00")) in amounts(draft)


def test_nothing_new_changes_nothing(waiting: tuple[Subscription, Invoice]) -> None:
    _, draft = waiting
    before = list(draft.lines.order_by("position").values())

    assert [refresh_held(at=FEB_2), refresh_held(at=FEB_2)] == [0, 0]
    assert list(draft.lines.order_by("position").values()) == before
    assert not InvoiceEvent.objects.filter(kind="refreshed").exists()


def test_what_people_wrote_stays(waiting: tuple[Subscription, Invoice]) -> None:
    held, draft = waiting
    line = add_draft_line(invoice=draft, line=EXTRA, reason="As agreed", actor=TEST_ACTOR, at=FEB_1)
    late(held, 1_000)
    refresh_held(at=FEB_2)

    draft.refresh_from_db()
    assert amounts(draft)[-1] == ("one_off", Decimal("50.00"))
    assert draft.lines.get(position=3).pk == line.pk
    assert draft.total == Money("156.00", "USD")


def test_it_is_worked_out_a_last_time_when_it_is_issued(held: Subscription) -> None:
    drafted()
    late(held, 1_000)

    issued = issue_reviewed(at=FEB_4)

    assert issued == 1
    assert Invoice.objects.get(period_start=FEB_1).total == Money("106.00", "USD")


def test_issued_it_is_closed_and_what_comes_then_is_on_the_next(
    waiting: tuple[Subscription, Invoice],
) -> None:
    held, draft = waiting
    open_before = UsageClosing.objects.exists()
    finalize_invoice(invoice=draft, at=FEB_2)
    late(held, 11_000)
    assert refresh_held(at=FEB_2) == 0
    run_billing(at=MAR_1)

    assert not open_before
    assert UsageClosing.objects.order_by("pk")[0].closed_through == FEB_1
    assert amounts(Invoice.objects.get(period_start=FEB_1))[0] == ("usage", Decimal("5.00"))
    assert amounts(Invoice.objects.get(period_start=MAR_1))[0] == ("usage", Decimal("2.00"))


def test_a_later_draft_issued_first_leaves_nothing_out(held: Subscription) -> None:
    drafted()
    run_billing(at=MAR_1)
    late(held, 1_000)
    later = Invoice.objects.get(period_start=MAR_1)

    issue_all(ids=[later.pk], at=MAR_1)
    late(held, 3_000, received_at=MAR_1)
    issue_reviewed(at=MAR_1 + timedelta(days=3))

    assert amounts(Invoice.objects.get(period_start=FEB_1))[0] == ("usage", Decimal("7.00"))
    assert amounts(Invoice.objects.get(period_start=MAR_1))[0] == ("usage", Decimal("0.00"))


def test_drafts_of_two_periods_that_are_issued_together_each_bill_their_own(
    held: Subscription,
) -> None:
    use(held.customer, 11_000, datetime(2026, 2, 10, tzinfo=UTC))
    run_billing(at=MAR_1)  # both periods at once

    issue_reviewed(at=MAR_1 + timedelta(days=3))

    assert amounts(Invoice.objects.get(period_start=FEB_1))[0] == ("usage", Decimal("5.00"))
    assert amounts(Invoice.objects.get(period_start=MAR_1))[0] == ("usage", Decimal("2.00"))


def test_coupons_are_shared_out_anew(held: Subscription) -> None:
    details = CouponDetails(code="TEN", name="Ten", percentage=Decimal(10))
    create_coupon(details=details, at=JAN_1)
    redeem_coupon(code="TEN", customer=held.customer, actor=TEST_ACTOR, at=JAN_1)
    draft = drafted()
    late(held, 1_000)
    refresh_held(at=FEB_2)
    finalize_invoice(invoice=draft, at=FEB_2)

    final = Invoice.objects.get(pk=draft.pk)
    assert amounts(final) == [("usage", Decimal("6.30")), ("recurring", Decimal("89.10"))]
    assert [x.discount.amount for x in final.lines.order_by("position")] == [
        Decimal("0.70"),
        Decimal("9.90"),
    ]
    live = final.coupon_uses.get(is_returned=False)
    assert live.amount == Money("10.60", "USD")
    assert CouponRedemption.objects.get().state == "used_up"
    steps = [x.derivation["steps"] for x in final.lines.order_by("position")]
    assert [len(s) for s in steps] == [2, 2]


def test_tax_is_worked_out_on_the_whole_of_it(settings: Any) -> None:
    taxed()
    settings.INVOICE_REVIEW_DAYS = 3
    version = published_version(
        recurring("119.00"), per_call("1.19", included="0"), currency="EUR", includes_tax=True
    )
    customer = make_customer(country="DE", currency="EUR")
    subscription = subscription_since(JAN_1, customer=customer, version=version)
    draft = drafted()
    late(subscription, 100)
    refresh_held(at=FEB_2)

    draft.refresh_from_db()
    assert amounts(draft) == [("usage", Decimal("100.00")), ("recurring", Decimal("100.00"))]
    assert (draft.tax, draft.total) == (Money("38.00", "EUR"), Money("238.00", "EUR"))


def test_one_invoice_for_several_follows_the_usage_of_each(held: Subscription) -> None:
    set_invoicing(
        customer=held.customer, currency="USD", is_consolidated=True, actor=TEST_ACTOR, at=JAN_1
    )
    other = published_version(recurring("10.00"))
    subscription_since(JAN_1, customer=held.customer, version=other)
    draft = drafted()
    late(held, 1_000)
    refresh_held(at=FEB_2)

    draft.refresh_from_db()
    assert [a for _, a in amounts(draft)] == [Decimal("7.00"), Decimal("99.00"), Decimal("10.00")]
    assert draft.total == Money("116.00", "USD")


def test_a_change_of_plan_meanwhile_leaves_the_draft_on_the_old_prices(settings: Any) -> None:
    settings.INVOICE_REVIEW_DAYS = 3
    version = published_version(per_call())
    held = subscription_since(JAN_1, version=version)
    use(held.customer, 12_500, JAN_15)
    draft = drafted()
    dearer = published_version(per_call("0.01", included="0"))
    change_plan(
        subscription=Subscription.objects.get(pk=held.pk),
        plan_version=dearer,
        quantity=1,
        actor=TEST_ACTOR,
        at=FEB_2,
        override=ChangeOverride(timing=Timing.IMMEDIATE),
    )
    late(held, 1_000)
    refresh_held(at=FEB_2)

    draft.refresh_from_db()
    assert amounts(draft) == [("usage", Decimal("7.00"))]


def test_a_draft_made_by_hand_follows_too(settings: Any) -> None:
    subscription = subscription_since(JAN_1)
    draft = draft_invoice(subscription=subscription, at=FEB_1)
    assert draft is not None
    late(subscription, 11_000)
    finalize_invoice(invoice=draft, at=FEB_2)

    assert amounts(Invoice.objects.get(pk=draft.pk))[0] == ("usage", Decimal("2.00"))


def test_without_review_the_run_closes_as_ever() -> None:
    subscription = subscription_since(JAN_1)
    run_billing(at=FEB_1)
    late(subscription, 11_000)
    run_billing(at=MAR_1)

    assert amounts(Invoice.objects.get(period_start=MAR_1))[0] == ("usage", Decimal("2.00"))
    assert not DraftBoundary.objects.exists()


def test_the_database_keeps_what_a_draft_was_drafted_for(
    waiting: tuple[Subscription, Invoice],
) -> None:
    _, draft = waiting
    boundary = DraftBoundary.objects.get(invoice=draft)

    with pytest.raises(DatabaseError, match="drafted for stays"), transaction.atomic():
        DraftBoundary.objects.update(at=MAR_1)
    with pytest.raises(DatabaseError, match="drafted for stays"), transaction.atomic():
        boundary.delete()
    boundary.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        boundary.save(force_insert=True)


def test_staff_see_that_it_changed_and_can_ask(
    client: Client, waiting: tuple[Subscription, Invoice]
) -> None:
    held, draft = waiting
    late(held, 1_000)
    client.force_login(make_user(Role.FINANCE))

    client.post(f"/invoices/{draft.pk}/refreshing/")
    page = client.get(f"/invoices/{draft.pk}/").content.decode()
    drafts = client.get("/drafts/").content.decode()

    assert "Team: API calls: 5.00 → 7.00" in page
    assert "usage came late" in page
    assert "Changed since it was drafted" in drafts


def test_support_cannot_ask(client: Client, waiting: tuple[Subscription, Invoice]) -> None:
    _, draft = waiting
    client.force_login(make_user(Role.SUPPORT))

    assert client.post(f"/invoices/{draft.pk}/refreshing/").status_code == 403


@pytest.mark.django_db(transaction=True)
def test_issuing_and_working_out_at_once_makes_a_whole_invoice(settings: Any) -> None:
    settings.INVOICE_REVIEW_DAYS = 3
    subscription = subscription_since(JAN_1)
    draft = drafted()
    gate = Barrier(4)

    def act(number: int) -> None:
        try:
            gate.wait()
            if number == 0:
                finalize_invoice(invoice=draft, at=FEB_2)
            elif number == 1:
                refresh_held(at=FEB_2)
            else:
                late(subscription, 10_500 * number)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(act, range(4)))
    run_billing(at=MAR_1)
    issue_reviewed(at=MAR_1 + timedelta(days=3))

    first, second = Invoice.objects.order_by("period_start")
    lines = InvoiceLine.objects.filter(invoice=first)
    assert first.total.amount == sum(x.amount.amount for x in lines)
    usage = InvoiceLine.objects.filter(kind="usage").order_by("invoice__period_start")
    assert sum(x.quantity for x in usage) == 10_500 * 5
    assert (first.state, second.state) == ("open", "open")
