"""A clock of ours that was wrong charges nobody twice, and sends nothing while it is."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from billing.gateways.stripe import StripeGateway
from billing.models import GatewayClock, Invoice, PaymentAttempt, PaymentOperation, Refund
from billing.queries.waiting import waiting_for_people
from billing.services.payments.charging import charge_invoice
from billing.services.payments.gateway_clocks import clock_is_wrong, forget_clocks
from billing.services.payments.reconciling import look_into
from billing.services.payments.refunds import look_into_refund, refund_payment
from tests.factories.accounts import make_user
from tests.gateway_world import GatewayWorld, customer_with
from tests.stripe_world import NOW, PERSON, StripeWorld, customer_with_card, invoice_of
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel import clock
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db
SetTime = Callable[[datetime, datetime], None]


@pytest.fixture
def clocks(stripe: StripeWorld) -> Iterator[SetTime]:
    """Lets it be one time at the gateway, which dates its answers by it, and another one here."""
    forget_clocks()

    def put(theirs: datetime, ours: datetime) -> None:
        stripe.control.set_clock(theirs, is_told=True)
        clock.set_offset(ours - datetime.now(UTC))

    yield put
    clock.reset()
    forget_clocks()


def charge(invoice: Invoice, at: datetime) -> PaymentAttempt:
    return charge_invoice(invoice=invoice, actor=PERSON, at=at)


def unpaid(stripe: StripeWorld) -> Invoice:
    return invoice_of(customer_with_card(stripe))


def hours(count: float) -> datetime:
    return NOW + timedelta(hours=count)


def test_a_clock_that_was_a_day_ahead_charges_nobody_twice(
    stripe: StripeWorld, clocks: SetTime
) -> None:
    clocks(NOW, NOW)
    charge(unpaid(stripe), NOW)  # the gateway's clock is heard
    invoice = unpaid(stripe)
    clocks(NOW, hours(24))
    stripe.control.add_fault(stripe.charges, "reset_after", times=1)
    attempt = charge(invoice, hours(24))
    assert attempt.state == "unknown"
    assert attempt.told_at is not None
    assert attempt.told_at < hours(1)

    clocks(hours(43), hours(43))  # put right; it seems 19 hours old, and its key is forgotten
    seen = look_into(attempt=attempt, actor=PERSON, at=hours(43))

    assert seen.state == "succeeded"
    assert (seen.sends, stripe.charged(invoice)) == (1, [9900])


def test_a_refund_is_not_sent_again_by_a_wrong_clock_either(
    stripe: StripeWorld, clocks: SetTime
) -> None:
    clocks(NOW, NOW)
    paid = charge(unpaid(stripe), NOW)
    clocks(NOW, hours(24))
    stripe.control.add_fault(stripe.refunds, "reset_after", times=1)
    refund_payment(
        payment=paid.payment,
        amount=Money("30.00", "USD"),
        reason="goodwill",
        actor=PERSON,
        idempotency_key="r",
        at=hours(24),
    )

    clocks(hours(43), hours(43))
    seen = look_into_refund(refund=Refund.objects.get(), actor=PERSON, at=hours(43))

    assert (seen.state, seen.sends, stripe.refunded()) == ("succeeded", 1, 3000)


def test_a_key_that_is_young_is_still_sent_again(stripe: StripeWorld, clocks: SetTime) -> None:
    clocks(NOW, NOW)
    charge(unpaid(stripe), NOW)
    invoice = unpaid(stripe)
    stripe.control.add_fault(stripe.charges, "reset_before", times=1)
    attempt = charge(invoice, NOW)

    clocks(hours(19), hours(19))
    seen = look_into(attempt=attempt, actor=PERSON, at=hours(19))

    assert (seen.state, seen.sends) == ("succeeded", 2)
    assert stripe.charged(invoice) == [9900]


def test_a_gateway_that_does_not_tell_its_time_is_not_sent_to_again(
    stripe: StripeWorld, clocks: SetTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    clocks(NOW, NOW)
    charge(unpaid(stripe), NOW)
    stripe.control.add_fault(stripe.charges, "reset_before", times=1)
    attempt = charge(unpaid(stripe), NOW)
    monkeypatch.setattr(StripeGateway, "read_clock", lambda _: None)

    seen = look_into(attempt=attempt, actor=PERSON, at=hours(1))

    assert (seen.state, seen.sends) == ("unknown", 1)


@pytest.mark.parametrize("off_by", [timedelta(minutes=6), -timedelta(minutes=6)])
def test_nothing_is_sent_while_the_clocks_differ_too_much(
    stripe: StripeWorld, clocks: SetTime, off_by: timedelta
) -> None:
    clocks(NOW, NOW + off_by)
    charge(unpaid(stripe), NOW)  # so that it is heard
    invoice = unpaid(stripe)

    attempt = charge(invoice, NOW)

    assert (attempt.state, attempt.decline_code, attempt.sends) == ("not_sent", "clocks_differ", 0)
    assert stripe.charged(invoice) == []
    assert "Gateways whose clock differs from ours" in [
        w.words[:38] for w in waiting_for_people(NOW)
    ]


def test_it_goes_on_by_itself_once_the_clock_is_put_right(
    stripe: StripeWorld, clocks: SetTime
) -> None:
    clocks(NOW, hours(1))
    charge(unpaid(stripe), NOW)
    assert clock_is_wrong("stripe")
    clocks(NOW, NOW)

    assert charge(unpaid(stripe), NOW).state == "succeeded"
    assert abs(GatewayClock.objects.get().ahead_seconds) <= 2


def test_a_clock_within_the_limit_changes_nothing(stripe: StripeWorld, clocks: SetTime) -> None:
    clocks(NOW, NOW + timedelta(minutes=4))

    states = [charge(unpaid(stripe), NOW).state for _ in range(2)]

    assert states == ["succeeded", "succeeded"]


def test_every_exchange_is_held_against_the_clock(world: GatewayWorld) -> None:
    forget_clocks()

    charge(invoice_of(customer_with(world)), NOW)

    kept = GatewayClock.objects.get(gateway=world.name)
    assert abs(kept.ahead_seconds) <= 2
    assert not PaymentOperation.objects.exists()


def test_the_monitor_says_which_clock_is_wrong() -> None:
    GatewayClock.objects.create(gateway="stripe", told_at=NOW, read_at=NOW, ahead_seconds=86_400)
    client = Client()
    client.force_login(make_user(Role.FINANCE))

    text = client.get(reverse("payment_monitor")).content.decode()

    assert "Nothing is charged" in text
    assert "1 day ahead" in text
