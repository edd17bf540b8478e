from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, transaction
from django.test import Client, override_settings

from billing.models import BillingRun, Invoice
from billing.services.changes.customer_clocks import advance_clock
from billing.services.changes.subscribing import start_subscription
from billing.services.invoices.dry_run import start_dry_run
from billing.services.invoices.renewal import run_billing
from subscriptions.errors import ClockNotAllowed, CustomerInvalid
from subscriptions.models import Customer, CustomerClock, Subscription
from subscriptions.services.customer_clocks import create_clock
from subscriptions.services.customers import CustomerDetails, create_customer
from subscriptions.services.event_sources import create_event_source
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    make_customer,
    published_version,
    recurring,
)

pytestmark = pytest.mark.django_db
MARCH_2 = datetime(2026, 3, 2, tzinfo=UTC)
APRIL_2 = datetime(2026, 4, 2, tzinfo=UTC)


def details(name: str) -> CustomerDetails:
    return CustomerDetails(
        external_id=name, name=name, email="a@b.example", country="US", currency="USD"
    )


def subscriber(clock: CustomerClock | None, name: str, *, trial_days: int = 0) -> Subscription:
    customer = create_customer(details=details(name), clock=clock, at=JAN_1)
    return start_subscription(
        customer=customer,
        plan_version=published_version(recurring()),
        trial_days=trial_days,
        at=JAN_1,
        actor=TEST_ACTOR,
    ).subscription


def invoice_days(subscription: Subscription) -> list[str]:
    rows = Invoice.objects.filter(subscription=subscription).order_by("finalized_at")
    return [f"{row.finalized_at:%m-%d}" for row in rows]


def test_time_passes_once_for_a_clocks_customers_and_for_nobody_else() -> None:
    mine = create_clock(code="mine", starts_at=JAN_1, at=JAN_1)
    other = create_clock(code="other", starts_at=JAN_1, at=JAN_1)
    here, there, real = subscriber(mine, "here"), subscriber(other, "there"), subscriber(None, "r")

    for _ in range(2):
        advance_clock(clock=mine, to=MARCH_2)

        assert invoice_days(here) == ["01-01", "02-01", "03-01"]
        assert invoice_days(there) == invoice_days(real) == ["01-01"]
        assert CustomerClock.objects.get(code="mine").at == MARCH_2
        assert CustomerClock.objects.get(code="other").at == JAN_1


def test_the_billing_run_and_its_preview_leave_clocks_alone() -> None:
    clock = create_clock(code="mine", starts_at=JAN_1, at=JAN_1)
    here, real = subscriber(clock, "here"), subscriber(None, "real")

    dry = start_dry_run(by=APRIL_2, user=None, at=APRIL_2)
    assert dry.chunks.get().subscription_ids == [real.pk]
    run_billing(at=APRIL_2)

    assert invoice_days(here) == ["01-01"]
    assert len(invoice_days(real)) == 4
    assert list(BillingRun.objects.values_list("clock", flat=True)) == [None]


def test_a_trial_ends_and_what_is_unpaid_becomes_past_due_by_the_clock() -> None:
    clock = create_clock(code="mine", starts_at=JAN_1, at=JAN_1)
    subscription = subscriber(clock, "here", trial_days=14)

    advance_clock(clock=clock, to=datetime(2026, 1, 15, tzinfo=UTC))
    subscription.refresh_from_db()
    assert (subscription.state, invoice_days(subscription)) == ("active", ["01-15"])

    advance_clock(clock=clock, to=datetime(2026, 1, 30, tzinfo=UTC))
    subscription.refresh_from_db()
    assert subscription.state == "past_due"


def test_a_clock_only_goes_forward() -> None:
    clock = create_clock(code="mine", starts_at=APRIL_2, at=JAN_1)

    with pytest.raises(CustomerInvalid, match="only goes forward"):
        advance_clock(clock=clock, to=JAN_1)
    with pytest.raises(IntegrityError, match="goes forward"), transaction.atomic():
        CustomerClock.objects.filter(pk=clock.pk).update(at=JAN_1)


def test_a_customers_clock_is_chosen_when_it_is_made_and_never_again() -> None:
    clock = create_clock(code="mine", starts_at=JAN_1, at=JAN_1)
    real = make_customer()
    timed = create_customer(details=details("timed"), clock=clock, at=JAN_1)

    for customer, other in ((real, clock), (timed, None)):
        with pytest.raises(IntegrityError, match="clock"), transaction.atomic():
            Customer.objects.filter(pk=customer.pk).update(clock=other)


@pytest.mark.parametrize(
    "live", [{"STRIPE_LIVE_MODE": True}, {"STRIPE_LIVE_SECRET_KEY": "sk_live"}]
)
def test_there_are_no_clocks_where_live_payment_keys_are_set(live: dict[str, object]) -> None:
    clock = create_clock(code="mine", starts_at=JAN_1, at=JAN_1)

    with override_settings(**live):
        with pytest.raises(ClockNotAllowed):
            create_clock(code="another", starts_at=JAN_1, at=JAN_1)
        with pytest.raises(ClockNotAllowed):
            create_customer(details=details("timed"), clock=clock, at=JAN_1)
        with pytest.raises(ClockNotAllowed):
            advance_clock(clock=clock, to=APRIL_2)


def test_a_system_advances_a_clock_over_the_api() -> None:
    clock = create_clock(code="mine", starts_at=JAN_1, at=JAN_1)
    subscription = subscriber(clock, "here")
    key = create_event_source(name="tests", at=JAN_1).key
    door, headers = "/api/v1/clocks/mine/advance", {"Authorization": f"Bearer {key}"}

    def sent(body: object, **given: str) -> int:
        answer = Client().post(door, body, content_type="application/json", headers=given)
        return answer.status_code

    assert sent({"to": "2026-02-01T00:00:00Z"}) == 401
    assert sent({"to": "soon"}, **headers) == 400
    assert sent({"to": "9999-12-31T23:59:59-14:00"}, **headers) == 400
    assert sent({"to": "0001-01-01T00:00:00+14:00"}, **headers) == 400
    assert sent('{"to": ' + "[" * 100_000, **headers) == 400
    assert sent({"to": "2026-02-01T00:00:00Z"}, **headers) == 200
    assert sent({"to": "2026-01-01T00:00:00Z"}, **headers) == 422
    assert invoice_days(subscription) == ["01-01", "02-01"]
