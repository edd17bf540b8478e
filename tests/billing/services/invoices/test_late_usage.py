"""Usage that comes after its subscription's end is shown, and billed by one click, once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Barrier

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client

from billing.errors import NothingUnbilled, UsageNotPriceable
from billing.models import Invoice, InvoiceLine, LateUsage
from billing.queries.explanation import explain_line
from billing.queries.late_usage import unbilled_usage
from billing.services.changes.add_ons import change_add_on
from billing.services.changes.cancelling import cancel_subscription
from billing.services.invoices.invoicing import bill_start, void_invoice
from billing.services.invoices.late_charges import late_charges
from billing.services.invoices.late_usage import bill_late_usage as bill
from billing.services.invoices.renewal import run_billing
from billing.services.invoices.replacing import is_replaceable
from finance.queries import unposted_count
from finance.services.posting import post_documents
from subscriptions.models import Subscription
from subscriptions.services.price_specs import PriceSpec
from tests.factories.accounts import make_user
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
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
JAN_10 = datetime(2026, 1, 10, tzinfo=UTC)
FEB_10 = datetime(2026, 2, 10, 9, tzinfo=UTC)
FEB_12 = FEB_10 + timedelta(days=2)
FEB_14 = FEB_10 + timedelta(days=4)


def ended(*prices: PriceSpec, used: int = 12_500) -> Subscription:
    """Team, ended on 10 February; its February has 10 days of 28 and so 3,571 included calls."""
    version = published_version(*(prices or (recurring(), per_call())))
    subscription = subscription_since(JAN_1, version=version)
    bill_start(subscription=subscription, at=JAN_1)
    run_billing(at=datetime(2026, 2, 1, tzinfo=UTC))
    use(subscription.customer, used, datetime(2026, 2, 5, tzinfo=UTC))
    subscription.refresh_from_db()
    cancel_subscription(subscription=subscription, actor=TEST_ACTOR, at=FEB_10)
    subscription.refresh_from_db()
    return subscription


subscription = shared_world(ended)


def bill_late_usage(*, subscription: Subscription, at: datetime) -> Invoice:
    invoice = bill(subscription=subscription, at=at).invoice
    assert invoice is not None
    return invoice


def late(subscription: Subscription, quantity: int, received_at: datetime = FEB_12) -> None:
    used_at = datetime(2026, 2, 7, tzinfo=UTC)
    use(subscription.customer, quantity, used_at, received_at=received_at)


def test_it_costs_what_all_usage_comes_to_less_what_was_charged(subscription: Subscription) -> None:
    late(subscription, 1_000)
    (charge,) = late_charges(unbilled_usage())

    invoice = bill_late_usage(subscription=subscription, at=FEB_14)

    assert (charge.quantity, charge.amount) == (Decimal(1000), Money("2.00", "USD"))
    assert (invoice.state, invoice.kind, invoice.total) == ("open", "final", Money("2.00", "USD"))
    (line,) = invoice.lines.all()
    assert (line.quantity, line.kind) == (Decimal(1000), "usage")
    assert line.description == "Team: API calls, came late"
    assert line.derivation["inputs"]["late_events"] == "1"
    assert explain_line(line, invoice).agrees
    assert unbilled_usage() == []


def test_what_was_included_and_not_used_is_not_charged() -> None:
    subscription = ended(used=0)
    late(subscription, 1_000)

    assert bill_late_usage(subscription=subscription, at=FEB_14).total == Money("0.00", "USD")


def test_later_still_only_the_rest_is_billed_and_each_event_once(
    subscription: Subscription,
) -> None:
    late(subscription, 1_000)
    bill_late_usage(subscription=subscription, at=FEB_12)
    late(subscription, 500, FEB_14)

    second = bill_late_usage(subscription=subscription, at=FEB_14)

    assert second.total == Money("1.00", "USD")
    assert LateUsage.objects.filter(counts=True).count() == 2
    with pytest.raises(NothingUnbilled):
        bill_late_usage(subscription=subscription, at=FEB_14)


def test_void_it_is_unbilled_again(subscription: Subscription) -> None:
    late(subscription, 1_000)
    invoice = bill_late_usage(subscription=subscription, at=FEB_12)
    assert not is_replaceable(invoice)
    void_invoice(invoice=invoice, at=FEB_12)

    assert bill_late_usage(subscription=subscription, at=FEB_14).total == Money("2.00", "USD")


def test_a_minimum_that_was_charged_is_used_up_first() -> None:
    subscription = ended(
        recurring(), per_call(minimum_amount=Decimal("28.00"), included="0"), used=1_000
    )
    charged = InvoiceLine.objects.filter(kind="true_up", invoice__kind="final").get()
    late(subscription, 6_000)

    assert charged.amount == Money("8.00", "USD")
    assert bill_late_usage(subscription=subscription, at=FEB_14).total == Money("4.00", "USD")


def test_another_subscription_on_the_meter_bills_it_as_it_bills_everything(
    subscription: Subscription,
) -> None:
    other = subscription_since(FEB_10, customer=subscription.customer)
    late(subscription, 20_000)

    assert unbilled_usage() == []
    run_billing(at=datetime(2026, 3, 10, tzinfo=UTC))
    usage = InvoiceLine.objects.get(subscription=other, kind="usage")
    assert usage.quantity == Decimal(20_000)


def test_an_add_ons_usage_is_billed_too() -> None:
    version = published_version(recurring())
    subscription = subscription_since(JAN_1, version=version)
    beside = published_version(
        per_call("0.01", included="0"), plan=make_plan(name="Calls", is_add_on=True)
    )
    change_add_on(
        subscription=subscription, plan_version=beside, quantity=1, actor=TEST_ACTOR, at=JAN_1
    )
    use(subscription.customer, 100, datetime(2026, 1, 5, tzinfo=UTC))
    cancel_subscription(subscription=subscription, actor=TEST_ACTOR, at=JAN_10)
    subscription.refresh_from_db()
    used_at = datetime(2026, 1, 6, tzinfo=UTC)
    use(subscription.customer, 50, used_at, received_at=JAN_10 + timedelta(days=2))

    assert bill_late_usage(subscription=subscription, at=FEB_10).total == Money("0.50", "USD")


def test_usage_of_time_after_the_end_is_not_of_the_subscription(subscription: Subscription) -> None:
    use(subscription.customer, 1_000, FEB_12)

    assert unbilled_usage() == []


def test_what_is_of_no_time_that_was_billed_is_left_to_people() -> None:
    version = published_version(recurring())
    subscription = subscription_since(JAN_1, version=version)
    beside = published_version(
        per_call("0.01", included="0"), plan=make_plan(name="Calls", is_add_on=True)
    )
    change_add_on(
        subscription=subscription, plan_version=beside, quantity=1, actor=TEST_ACTOR, at=JAN_10
    )
    cancel_subscription(subscription=subscription, actor=TEST_ACTOR, at=JAN_10)
    before_it_came = datetime(2026, 1, 6, tzinfo=UTC)
    use(subscription.customer, 50, before_it_came, received_at=JAN_10 + timedelta(days=2))

    (charge,) = late_charges(unbilled_usage())

    assert (charge.amount, len(charge.unbilled.events)) == (None, 1)
    with pytest.raises(UsageNotPriceable, match="charge it once"):
        bill_late_usage(subscription=subscription, at=FEB_14)


def test_the_books_take_it(client: Client, subscription: Subscription) -> None:
    late(subscription, 1_000)
    bill_late_usage(subscription=subscription, at=FEB_14)
    post_documents(at=FEB_14)

    assert unposted_count(at=FEB_14) == 0


def test_the_database_bills_no_event_twice(subscription: Subscription) -> None:
    late(subscription, 1_000)
    bill_late_usage(subscription=subscription, at=FEB_14)
    row = LateUsage.objects.get()
    row.pk = None

    with pytest.raises(IntegrityError, match="late_usage_billed_once"), transaction.atomic():
        row.save(force_insert=True)


@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_once_bill_it_once() -> None:
    subscription = ended()
    late(subscription, 1_000)
    gate = Barrier(2)

    def click(_: int) -> str:
        gate.wait()
        try:
            return str(bill_late_usage(subscription=subscription, at=FEB_14).state)
        except NothingUnbilled:
            return "nothing"
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        outcomes = sorted(threads.map(click, range(2)))

    assert outcomes == ["nothing", "open"]
    assert Invoice.objects.filter(idempotency_key__startswith="late:").count() == 1


def test_staff_see_it_and_bill_it_by_one_click(client: Client, subscription: Subscription) -> None:
    late(subscription, 1_000)
    client.force_login(make_user(Role.FINANCE))

    page = client.get("/billing/usage-after-the-end/").content.decode()
    answer = client.post(f"/billing/usage-after-the-end/{subscription.reference}/")
    after = client.get("/billing/usage-after-the-end/").content.decode()

    assert subscription.reference in page
    assert "$2.00" in page
    assert answer.status_code == 302
    assert "All usage of ended subscriptions is billed." in after


def test_support_sees_it_and_bills_nothing(client: Client, subscription: Subscription) -> None:
    client.force_login(make_user(Role.SUPPORT))

    assert client.get("/billing/usage-after-the-end/").status_code == 200
    assert client.post(f"/billing/usage-after-the-end/{subscription.reference}/").status_code == 403
