"""What a last capture has left of a hold is let go of by itself where it is kept, until it is."""

from decimal import Decimal

import pytest
from django.db.models import Sum

from billing.errors import HoldNotPossible
from billing.models import Invoice, Payment, PaymentAttempt, PaymentOperation
from billing.services.payments.hold_rests import let_go_of_rests
from billing.services.payments.holds import capture_hold, hold_invoice, void_hold
from billing.services.payments.operations import reconcile_operations
from finance.models import Posting
from finance.services.posting import post_documents
from tests.adyen_world import AdyenWorld
from tests.gateway_world import GatewayWorld, customer_with
from tests.stripe_world import NOW, PERSON, StripeWorld, invoice_of, later
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db
CANCELS = "POST /v72/payments/.*/cancels$"


def test_the_rest_is_let_go_once_and_recorded(adyen: AdyenWorld) -> None:
    hold = _taken(adyen, "30.00", is_last=True)

    assert [let_go_of_rests(at=later(hours=hour)) for hour in (1, 2)] == [1, 0]
    adyen.deliver()

    void = PaymentOperation.objects.get(kind="void")
    hold.refresh_from_db()
    payment = Payment.objects.get()
    told = payment.events.get(event="void_succeeded")
    assert (void.state, hold.state, payment.state) == ("succeeded", "succeeded", "paid")
    assert told.details["rest"] == "69.00"
    assert (payment.amount, Invoice.objects.get().amount_paid) == (_usd("30.00"), _usd("30.00"))
    post_documents(at=later(days=400))
    rows = Posting.objects.filter(account__code="1200")
    assert rows.aggregate(sum=Sum("amount_minor"))["sum"] == 6900


def test_nothing_is_let_go_while_more_may_be_taken_or_after_all_was(adyen: AdyenWorld) -> None:
    hold = _taken(adyen, "30.00", is_last=False)
    assert let_go_of_rests(at=later(hours=1)) == 0

    _take(hold, "69.00", "k2", is_last=True)
    adyen.deliver()

    assert PaymentAttempt.objects.get().state == "succeeded"
    assert let_go_of_rests(at=later(hours=2)) == 0


def test_a_gateway_that_lets_it_go_with_the_capture_is_asked_nothing(stripe: StripeWorld) -> None:
    hold = _taken(stripe, "30.00", is_last=True)

    assert let_go_of_rests(at=later(hours=1)) == 0
    with pytest.raises(HoldNotPossible):
        void_hold(attempt=hold, actor=PERSON, idempotency_key="v", at=later(hours=1))


def test_a_rest_that_has_lapsed_is_left_alone(adyen: AdyenWorld) -> None:
    _taken(adyen, "30.00", is_last=True)

    assert let_go_of_rests(at=later(days=8)) == 0


def _usd(amount: str) -> Money:
    return Money(Decimal(amount), "USD")


def _taken(world: GatewayWorld, amount: str, *, is_last: bool) -> PaymentAttempt:
    customer = customer_with(world, "good")
    invoice = invoice_of(customer)
    method = customer.payment_methods.get()
    hold = hold_invoice(invoice=invoice, method=method, actor=PERSON, at=NOW)
    world.deliver()
    hold.refresh_from_db()
    _take(hold, amount, "k1", is_last=is_last)
    world.deliver()
    hold.refresh_from_db()
    return hold


def _take(hold: PaymentAttempt, amount: str, key: str, *, is_last: bool) -> None:
    capture_hold(
        attempt=hold,
        amount=_usd(amount),
        is_last=is_last,
        actor=PERSON,
        idempotency_key=key,
        at=NOW,
    )


def test_a_void_that_was_turned_away_is_tried_anew_later_and_later(adyen: AdyenWorld) -> None:
    hold = _taken(adyen, "30.00", is_last=True)
    adyen.control.add_fault(CANCELS, "http_429", times=2)

    tried = {hours: let_go_of_rests(at=later(hours=hours)) for hours in (1, 1.5, 2, 3, 4, 5)}
    adyen.deliver()

    # After an hour, then two: the first two were turned away, which took nothing.
    assert tried == {1: 1, 1.5: 0, 2: 1, 3: 0, 4: 1, 5: 0}
    voids = PaymentOperation.objects.filter(kind="void").order_by("requested_at")
    assert [void.state for void in voids] == ["failed", "failed", "succeeded"]
    hold.refresh_from_db()
    assert (hold.state, hold.amount_captured) == ("succeeded", _usd("30.00"))


def test_a_void_whose_answer_is_lost_is_sent_again_by_its_own_key(adyen: AdyenWorld) -> None:
    _taken(adyen, "30.00", is_last=True)
    adyen.control.add_fault(CANCELS, "reset_before", times=1)
    let_go_of_rests(at=later(hours=1))
    assert PaymentOperation.objects.get(kind="void").state == "unknown"

    assert let_go_of_rests(at=later(hours=3)) == 0
    reconcile_operations(at=later(hours=3))
    adyen.deliver()

    void = PaymentOperation.objects.get(kind="void")
    assert (void.state, void.sends) == ("succeeded", 2)
