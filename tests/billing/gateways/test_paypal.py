"""PayPal as a wallet: approve and capture, stored wallets, faults, refunds, events."""

from typing import Any

import pytest

from billing.domain.attempts import Answer
from billing.domain.declines import DeclineClass
from billing.errors import GatewayRefused
from billing.gateways.base import CaptureRequest, ChargeRequest, VoidRequest
from billing.gateways.http import Reply
from billing.gateways.paypal import paypal_gateway
from billing.gateways.paypal_client import outcome_of_refusal
from billing.gateways.paypal_objects import (
    from_paypal,
    is_chargeable,
    outcome_of_capture,
    to_paypal,
)
from billing.models import Invoice, Payment, PaymentAttempt, PaymentMethod, WebhookEvent
from billing.services.payments.charging import charge_invoice
from billing.services.payments.checkout import (
    close_payment_page,
    confirm_payment,
    open_payment_page,
)
from billing.services.payments.holds import capture_hold, hold_invoice
from billing.services.payments.payment_methods import open_setup_page, remove_method
from billing.services.payments.reconciling import look_into, reconcile_attempts
from billing.services.payments.refunds import refund_payment
from tests.factories.subscriptions import make_customer
from tests.gateway_scenes import Kept, gateway_scene
from tests.paypal_world import PayPalWorld, account_of, post
from tests.stripe_world import NOW, PERSON, invoice_of, later
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import Money

ORDERS = "POST /v2/checkout/orders$"
db = pytest.mark.django_db


def paid_on_page(paypal: PayPalWorld, buyer: str = "good", *, saves: bool = True) -> Invoice:
    """An invoice that a buyer has paid, whose wallet is stored unless told otherwise.

    What PayPal tells of that is not posted.
    """
    invoice = invoice_of(make_customer())
    address = open_page(invoice, saves=saves)
    paypal.approve(address, buyer)
    confirm_payment(payment=Payment.objects.get(invoice=invoice), actor=PERSON, at=now())
    invoice.refresh_from_db()
    paypal.skip()
    return invoice


def open_page(invoice: Invoice, *, saves: bool = False) -> str:
    return open_payment_page(
        invoice=invoice, actor=PERSON, at=now(), gateway="paypal", saves_method=saves
    )


def second_invoice(paypal: PayPalWorld, buyer: str = "good") -> Invoice:
    """Another invoice of a customer whose wallet is stored."""
    first = paid_on_page(paypal, buyer)
    return invoice_of(first.customer)


kept = gateway_scene(second_invoice, "paypal")


@pytest.fixture
def with_wallet(kept: Kept, request: pytest.FixtureRequest) -> PayPalWorld:
    """PayPal, and a customer with a stored wallet who has paid 99.00 and owes 99.00 again."""
    world: PayPalWorld = kept.back(request)
    return world


@db
def test_an_approved_order_is_captured_once_and_its_fee_is_known(paypal: PayPalWorld) -> None:
    invoice = paid_on_page(paypal)

    attempt = PaymentAttempt.objects.get()
    for _ in range(2):
        look_into(attempt=attempt, actor=PERSON, at=now())

    method = PaymentMethod.objects.get()
    assert (invoice.state, attempt.state) == ("paid", "succeeded")
    assert attempt.fee == Money("3.95", "USD")  # 3.49 % and 0.49
    assert paypal.captured() == ["99.00"]
    assert (method.gateway, method.kind, method.brand) == ("paypal", "wallet", "paypal")


@db
def test_an_order_that_nobody_approved_takes_no_money(paypal: PayPalWorld) -> None:
    invoice = invoice_of(make_customer())
    open_page(invoice)

    payment = confirm_payment(payment=Payment.objects.get(), actor=PERSON, at=now())

    assert payment.state == "requires_action"
    assert paypal.captured() == []


@db
def test_an_order_cannot_be_closed_and_is_not_said_to_be(paypal: PayPalWorld) -> None:
    invoice = invoice_of(make_customer())
    open_page(invoice)

    attempt = close_payment_page(invoice=invoice, actor=PERSON, at=now())

    assert attempt is not None
    assert attempt.state == "requires_action"
    paypal.control.advance_clock(4 * 3600)
    attempt = close_payment_page(invoice=invoice, actor=PERSON, at=now())
    assert attempt is not None
    assert attempt.state == "abandoned"


@db
def test_a_declined_funding_leaves_the_page_open_for_another(paypal: PayPalWorld) -> None:
    invoice = invoice_of(make_customer())
    address = open_page(invoice)
    paypal.approve(address, "declined")

    payment = confirm_payment(payment=Payment.objects.get(), actor=PERSON, at=now())
    assert payment.state == "requires_action"

    paypal.approve(address)
    assert confirm_payment(payment=payment, actor=PERSON, at=now()).state == "paid"
    assert paypal.captured() == ["99.00"]


@db
def test_a_buyer_who_never_comes_back_is_charged_by_the_event(paypal: PayPalWorld) -> None:
    invoice = invoice_of(make_customer())
    paypal.approve(open_page(invoice))

    paypal.deliver()
    paypal.deliver()

    invoice.refresh_from_db()
    assert invoice.state == "paid"
    assert paypal.captured() == ["99.00"]
    assert {event.state for event in WebhookEvent.objects.all()} == {"done"}


@db
def test_a_stored_wallet_that_says_no_is_followed_up_by_its_reason(paypal: PayPalWorld) -> None:
    invoice = second_invoice(paypal, "later-restricted")

    attempt = charge_invoice(invoice=invoice, actor=PERSON, at=NOW)

    assert (attempt.state, attempt.decline_class) == ("declined", "hard_instrument")
    assert attempt.decline_code == "PAYER_ACCOUNT_RESTRICTED"


@db
def test_a_stored_wallet_pays_without_its_buyer(with_wallet: PayPalWorld) -> None:
    invoice = Invoice.objects.get(state="open")

    attempt = charge_invoice(invoice=invoice, actor=PERSON, at=NOW)

    assert (attempt.state, attempt.gateway) == ("succeeded", "paypal")
    assert with_wallet.captured() == ["99.00", "99.00"]


@db
@pytest.mark.parametrize(
    ("mode", "state"),
    [
        ("reset_before", "unknown"),
        ("reset_after", "unknown"),
        ("http_500_before", "unknown"),
        ("http_500_after", "unknown"),
        ("hang_after", "unknown"),
        ("http_429", "not_sent"),
    ],
)
def test_a_fault_proves_what_it_proves_and_ends_in_one_charge(
    with_wallet: PayPalWorld, mode: str, state: str
) -> None:
    invoice = Invoice.objects.get(state="open")
    with_wallet.control.add_fault(ORDERS, mode, times=1, seconds=4)

    attempt = charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    assert attempt.state == state
    for minutes in (1, 5):
        with_wallet.deliver()
        reconcile_attempts(at=later(minutes=minutes))
    if state == "not_sent":
        charge_invoice(invoice=invoice, actor=PERSON, at=later(minutes=10))

    invoice.refresh_from_db()
    assert invoice.state == "paid"
    assert with_wallet.captured() == ["99.00", "99.00"]


@db
def test_what_was_captured_of_a_hold_is_refunded_by_its_capture(with_wallet: PayPalWorld) -> None:
    invoice = Invoice.objects.get(state="open")
    method = PaymentMethod.objects.get()
    held = hold_invoice(invoice=invoice, method=method, actor=PERSON, at=NOW)
    amount = Money("60.00", "USD")
    capture_hold(attempt=held, amount=amount, actor=PERSON, idempotency_key="c", at=NOW)

    refund = refund_payment(
        payment=held.payment,
        amount=Money("20.00", "USD"),
        reason="goodwill",
        actor=PERSON,
        idempotency_key="r",
        at=NOW,
    )

    assert refund.state == "succeeded"
    assert "20.00" in [made["refunded"] for made in with_wallet.control.payments()]


@db
def test_a_refund_is_given_once_and_never_above_what_was_paid(paypal: PayPalWorld) -> None:
    payment = Payment.objects.get(invoice=paid_on_page(paypal))
    terms: dict[str, Any] = {"payment": payment, "reason": "goodwill", "actor": PERSON, "at": NOW}
    paypal.control.add_fault("POST /v2/payments/captures/.*/refund", "reset_after", times=1)

    refund = refund_payment(amount=Money("30.00", "USD"), idempotency_key="a", **terms)
    assert refund.state == "unknown"
    paypal.deliver()

    refund.refresh_from_db()
    assert refund.state == "succeeded"
    assert paypal.control.payments()[0]["refunded"] == "30.00"


@db
def test_a_removed_wallet_is_forgotten_there_too(paypal: PayPalWorld) -> None:
    paid_on_page(paypal)
    method = PaymentMethod.objects.get()

    remove_method(method=method)

    gateway = paypal_gateway("paypal", account_of(paypal.address))
    known = gateway.read_method(method.gateway_reference, customer_reference="x")
    assert known.customer_reference == ""


@db
def test_a_wallet_is_stored_only_while_paying(paypal: PayPalWorld) -> None:
    with pytest.raises(GatewayRefused, match="only while"):
        open_setup_page(customer=make_customer(), at=now(), gateway="paypal")


@db
def test_a_forged_event_is_found_out_by_asking_paypal(paypal: PayPalWorld) -> None:
    invoice = invoice_of(make_customer())
    paypal.approve(open_page(invoice))
    (event,) = paypal.events()

    forged = {**event, "body": event["body"].replace("APPROVED", "DENIED!!")}
    unsigned = {**event, "headers": {}}

    assert post(forged).status_code == 401
    assert post(unsigned).status_code == 401
    assert {kept.state for kept in WebhookEvent.objects.all()} == {"refused"}
    assert paypal.captured() == []
    assert post(event).status_code == 200


@db
def test_an_event_that_is_sent_again_cut_off_or_enormous_does_nothing_more(
    paypal: PayPalWorld,
) -> None:
    paypal.approve(open_page(invoice_of(make_customer())))
    (event,) = paypal.events()
    cut = {**event, "body": event["body"][:40]}
    enormous = {**event, "body": event["body"] + " " * 300_000}

    answers = [post(sent).status_code for sent in (event, event, cut, enormous)]

    kept = WebhookEvent.objects.order_by("pk").values_list("state", "copies")
    assert answers == [200, 200, 400, 413]
    assert len(paypal.captured()) == 1
    assert list(kept) == [("done", 2), ("refused", 1), ("refused", 1)]


@db
def test_while_paypal_cannot_be_asked_an_event_is_sent_again_later(paypal: PayPalWorld) -> None:
    invoice = invoice_of(make_customer())
    paypal.approve(open_page(invoice))
    paypal.control.add_fault("verify-webhook-signature", "http_500_before", times=1)
    (event,) = paypal.events()

    assert post(event).status_code == 503
    assert not WebhookEvent.objects.exists()
    assert post(event).status_code == 200


@db
def test_a_token_that_has_ended_is_renewed(paypal: PayPalWorld) -> None:
    gateway = paypal_gateway("paypal", account_of(paypal.address))
    assert list(gateway.list_methods("c")) == []

    paypal.control._post("tokens/forget", {})

    assert list(gateway.list_methods("c")) == []


def test_a_wrong_secret_is_our_fault_and_nothing_leaves(paypal: PayPalWorld) -> None:
    gateway = paypal_gateway("paypal", {**account_of(paypal.address), "client_id": "wrong"})

    with pytest.raises(GatewayRefused):
        gateway.list_methods("c")
    outcome = gateway.void(
        VoidRequest(our_reference="v", charge_reference="X", idempotency_key="k")
    )
    assert outcome.answer == Answer.NEVER_LEFT


@db
def test_what_was_authorized_is_captured_in_part_or_let_go(paypal: PayPalWorld) -> None:
    invoice = paid_on_page(paypal)
    method = invoice.customer.payment_methods.get()
    gateway = paypal_gateway("paypal", account_of(paypal.address))
    terms: dict[str, Any] = {"our_reference": "r", "idempotency_key": str(uuid7())}

    def hold() -> str:
        request = ChargeRequest(
            our_reference=str(uuid7()),
            customer_reference="c",
            method_reference=method.gateway_reference,
            amount=Money("50.00", "USD"),
            description="Hold",
            metadata={},
            idempotency_key=str(uuid7()),
        )
        held = gateway.authorize(request)
        assert held.answer == Answer.AUTHORIZED
        return held.reference

    taken = gateway.capture(
        CaptureRequest(charge_reference=hold(), amount=Money("20.00", "USD"), **terms)
    )
    terms["idempotency_key"] = str(uuid7())
    void = gateway.void(VoidRequest(charge_reference=hold(), **terms))

    assert (taken.answer, taken.amount) == (Answer.SUCCEEDED, Money("20.00", "USD"))
    assert void.answer == Answer.ABANDONED


@pytest.mark.parametrize(
    ("status", "issue", "answer", "decline_class"),
    [
        (422, "INSTRUMENT_DECLINED", Answer.DECLINED, DeclineClass.SOFT_GENERIC),
        (422, "COMPLIANCE_VIOLATION", Answer.DECLINED, DeclineClass.FRAUD),
        (422, "DUPLICATE_INVOICE_ID", Answer.DECLINED, DeclineClass.REVIEW),
        (422, "SOMETHING_NEW", Answer.REFUSED_BEFORE_EXECUTION, DeclineClass.CONFIG),
        (400, "INVALID", Answer.REFUSED_BEFORE_EXECUTION, DeclineClass.CONFIG),
        (429, "", Answer.REFUSED_BEFORE_EXECUTION, DeclineClass.TECHNICAL),
        (409, "", Answer.INCONCLUSIVE, None),
        (500, "", Answer.INCONCLUSIVE, None),
    ],
)
def test_what_a_refusal_proves(
    status: int, issue: str, answer: Answer, decline_class: DeclineClass | None
) -> None:
    outcome = outcome_of_refusal(Reply(status=status, body={"details": [{"issue": issue}]}))

    assert outcome.answer == answer
    assert (outcome.decline.decline_class if outcome.decline else None) == decline_class


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        ("COMPLETED", Answer.SUCCEEDED),
        ("PARTIALLY_REFUNDED", Answer.SUCCEEDED),
        ("PENDING", Answer.PENDING),
        ("DECLINED", Answer.DECLINED),
        ("NEW", Answer.INCONCLUSIVE),
    ],
)
def test_the_status_of_a_capture(status: str, answer: Answer) -> None:
    amount = {"currency_code": "USD", "value": "1.00"}

    assert outcome_of_capture({"id": "C", "status": status, "amount": amount}).answer == answer


@pytest.mark.parametrize(
    ("amount", "value"),
    [(Money("12.30", "USD"), "12.30"), (Money("1234", "JPY"), "1234"), (Money("9", "HUF"), "9")],
)
def test_amounts_as_paypal_writes_them(amount: Money, value: str) -> None:
    assert to_paypal(amount) == {"currency_code": amount.currency.code, "value": value}
    assert from_paypal(to_paypal(amount)) == amount


def test_what_paypal_does_not_take_is_not_sent() -> None:
    assert not is_chargeable(Money("1.234", "KWD"))
    assert not is_chargeable(Money("9.50", "HUF"))
