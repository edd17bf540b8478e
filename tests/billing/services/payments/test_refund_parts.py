"""Refunds of a hold that was taken in parts: one for each capture, never above any of them."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.urls import reverse

from billing.errors import PaymentNotRefundable, RefundExceedsPayment
from billing.models import Payment, PaymentAttempt, PaymentOperation, Refund
from billing.services.payments.refunds import reconcile_refunds, refund_payment
from tests.billing.gateways.test_paypal_events import held, take
from tests.factories.accounts import make_user
from tests.gateway_scenes import Kept, gateway_scene
from tests.paypal_world import PayPalWorld
from tests.stripe_world import NOW, PERSON, later
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.errors import Conflict
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import Money

REFUNDS = "POST /v2/payments/captures/.*/refund"
db = pytest.mark.django_db


def taken_twice(paypal: PayPalWorld) -> PaymentAttempt:
    """60.00 and 39.00, of 99.00 that were held."""
    attempt = held(paypal)
    take(attempt, "60.00", is_last=False)
    take(attempt, "39.00")
    attempt.refresh_from_db()
    assert attempt.state == "succeeded"
    return attempt


kept = gateway_scene(taken_twice, "paypal")


@pytest.fixture
def taken_paypal(kept: Kept, request: pytest.FixtureRequest) -> PayPalWorld:
    """PayPal, where a hold was taken in two parts."""
    world: PayPalWorld = kept.back(request)
    return world


def give(attempt: PaymentAttempt, amount: str, key: str = "r") -> Refund:
    return refund_payment(
        payment=Payment.objects.get(pk=attempt.payment_id),
        amount=Money(amount, "USD"),
        reason="goodwill",
        actor=PERSON,
        idempotency_key=key,
        at=NOW,
    )


def given_back(paypal: PayPalWorld) -> list[str]:
    """The gateway's truth: what each capture has given back, the oldest first."""
    return [row["refunded"] for row in reversed(paypal.control.payments())][1:]


@db
def test_a_refund_above_each_capture_is_split_over_them(taken_paypal: PayPalWorld) -> None:
    attempt = PaymentAttempt.objects.get(state="succeeded", channel="stored_method")

    refund = give(attempt, "90.00")

    parts = [refund, *refund.parts.all()]
    payment = Payment.objects.get(pk=attempt.payment_id)
    assert [part.amount for part in parts] == [Money("60.00", "USD"), Money("30.00", "USD")]
    assert {part.state for part in parts} == {"succeeded"}
    assert [part.idempotency_key for part in parts] == ["r", "r/2"]
    assert given_back(taken_paypal) == ["60.00", "30.00"]
    assert payment.amount_refunded == Money("90.00", "USD")
    assert payment.invoice.amount_refunded == Money("90.00", "USD")


@db
def test_one_capture_that_has_enough_gives_all(taken_paypal: PayPalWorld) -> None:
    attempt = PaymentAttempt.objects.get(state="succeeded", channel="stored_method")

    give(attempt, "39.00")
    give(attempt, "50.00", "r2")

    assert given_back(taken_paypal) == ["50.00", "39.00"]
    assert not Refund.objects.exclude(part_of=None).exists()


@db
def test_the_same_key_gives_nothing_a_second_time(taken_paypal: PayPalWorld) -> None:
    attempt = PaymentAttempt.objects.get(state="succeeded", channel="stored_method")
    first = give(attempt, "90.00")

    assert give(attempt, "90.00").pk == first.pk
    with pytest.raises(Conflict):
        give(attempt, "60.00")

    assert Refund.objects.count() == 2
    assert given_back(taken_paypal) == ["60.00", "30.00"]


@db
@pytest.mark.parametrize("mode", ["reset_before", "reset_after", "http_500_after"])
def test_each_part_survives_faults_by_itself(taken_paypal: PayPalWorld, mode: str) -> None:
    attempt = PaymentAttempt.objects.get(state="succeeded", channel="stored_method")
    taken_paypal.control.add_fault(REFUNDS, mode, times=1)

    refund = give(attempt, "90.00")
    assert [part.state for part in (refund, *refund.parts.all())] == ["unknown", "succeeded"]
    taken_paypal.deliver()
    reconcile_refunds(at=later(minutes=5))

    assert {part.state for part in Refund.objects.all()} == {"succeeded"}
    assert given_back(taken_paypal) == ["60.00", "30.00"]


@db
def test_a_part_that_fails_gives_its_share_free_again(taken_paypal: PayPalWorld) -> None:
    attempt = PaymentAttempt.objects.get(state="succeeded", channel="stored_method")
    taken_paypal.control.add_fault(REFUNDS, "http_429", times=1)

    refund = give(attempt, "90.00")

    payment = Payment.objects.get(pk=attempt.payment_id)
    assert refund.state == "failed"
    assert payment.amount_refunded == Money("30.00", "USD")
    give(attempt, "60.00", "r2")
    assert given_back(taken_paypal) == ["60.00", "30.00"]


@db
def test_more_than_all_captures_is_refused(taken_paypal: PayPalWorld) -> None:
    attempt = PaymentAttempt.objects.get(state="succeeded", channel="stored_method")

    with pytest.raises(RefundExceedsPayment):
        give(attempt, "99.01")

    assert not Refund.objects.exists()


@db
def test_a_capture_that_the_gateway_has_not_named_gives_nothing(taken_paypal: PayPalWorld) -> None:
    attempt = PaymentAttempt.objects.get(state="succeeded", channel="stored_method")
    PaymentOperation.objects.filter(amount=39).update(gateway_reference="")

    with pytest.raises(PaymentNotRefundable, match=r"30\.00"):
        give(attempt, "90.00")

    payment = Payment.objects.get(pk=attempt.payment_id)
    assert payment.amount_refunded == Money("0.00", "USD")


@pytest.mark.django_db(transaction=True)
def test_ten_workers_at_once_give_back_no_more_than_was_taken(paypal: PayPalWorld) -> None:
    attempt = taken_twice(paypal)

    def work(number: int) -> bool:
        try:
            give(attempt, "70.00", f"r{number}")
        except RefundExceedsPayment:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(10) as pool:
        made = list(pool.map(work, range(10)))

    assert sum(made) == 1
    assert given_back(paypal) == ["60.00", "10.00"]


@db
def test_staff_are_told_what_became_of_each_part(taken_paypal: PayPalWorld) -> None:
    payment = PaymentAttempt.objects.get(state="succeeded", channel="stored_method").payment
    client = Client()
    client.force_login(make_user(Role.FINANCE))
    form = {"amount": "90.00", "reason": "goodwill", "key": "k", "credit_note": ""}

    answer = client.post(reverse("refund_create", args=[payment.pk]), form, follow=True)

    page = answer.content.decode()
    assert "in 2 parts, one for each capture: succeeded, succeeded" in page
    assert "of a capture of" in page


def raw(capture: PaymentOperation, amount: str, **terms: object) -> None:
    """Write a refund past every service."""
    with transaction.atomic():
        Refund.objects.create(
            **{
                "id": uuid7(),
                "payment_id": capture.attempt.payment_id,
                "attempt_id": capture.attempt_id,
                "capture": capture,
                "currency": "USD",
                "amount": Money(amount, "USD").amount,
                "reason": "attack",
                "idempotency_key": str(uuid7()),
                "requested_at": NOW,
                **terms,
            }
        )


@db
def test_the_database_keeps_refunds_within_their_captures(taken_paypal: PayPalWorld) -> None:
    attempt = PaymentAttempt.objects.get(state="succeeded", channel="stored_method")
    small = attempt.operations.get(amount=39)
    other = PaymentAttempt.objects.exclude(pk=attempt.pk).get()
    raw(small, "38.00")

    for amount, terms in (
        ("1.01", {}),
        ("1.00", {"attempt_id": other.pk, "payment_id": other.payment_id}),
        ("1.00", {"currency": "EUR"}),
        ("1.00", {"part_of_id": Refund.objects.get().pk, "payment_id": other.payment_id}),
    ):
        with pytest.raises(DatabaseError):
            raw(small, amount, **terms)
    with pytest.raises(DatabaseError), transaction.atomic():
        Refund.objects.update(capture=attempt.operations.get(amount=60))
    with pytest.raises(DatabaseError), transaction.atomic():
        Refund.objects.update(amount=1)

    raw(small, "1.00")
    assert Refund.objects.count() == 2
