"""Adyen's events of stored cards, the fees of its disputes as settled, and its later codes."""

import json
from datetime import date
from typing import Any

import pytest

from billing.domain.disputes import DisputeState
from billing.gateways.adyen_disputes import dispute_of
from billing.gateways.adyen_reports import disputes_of
from billing.gateways.adyen_tokens import signature
from billing.models import (
    Dispute,
    DisputeEntry,
    MethodEvent,
    PaymentAttempt,
    PaymentMethod,
    WebhookEvent,
)
from billing.services.payments.charging import charge_invoice
from billing.services.payments.checkout import open_payment_page
from billing.services.payments.webhook_inbox import replay_event
from tests.adyen_world import HMAC_KEY, AdyenWorld, post
from tests.billing.services.disputes.test_disputes import balances
from tests.factories.subscriptions import make_customer
from tests.gateway_world import customer_with
from tests.stripe_world import NOW, PERSON, invoice_of
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.money import Money

db = pytest.mark.django_db


def stored(adyen: AdyenWorld) -> PaymentMethod:
    customer_with(adyen)
    adyen.deliver()
    return PaymentMethod.objects.get()


def renewed(adyen: AdyenWorld, method: PaymentMethod) -> dict[str, Any]:
    """The event of a card that its network has replaced."""
    adyen.control.renew_card(method.gateway_reference, last4="9999", year=2031, month=7)
    return adyen.control.notifications()[-1]


def disputed(adyen: AdyenWorld) -> Dispute:
    charge_invoice(invoice=invoice_of(customer_with(adyen)), actor=PERSON, at=NOW)
    adyen.deliver()
    adyen.dispute(PaymentAttempt.objects.get(state="succeeded"))
    return Dispute.objects.get()


@db
def test_a_renewed_card_is_taken_over_by_its_event(adyen: AdyenWorld) -> None:
    method = stored(adyen)

    answer = post(renewed(adyen, method))

    method.refresh_from_db()
    event = WebhookEvent.objects.get(name="recurring.token.updated")
    assert (answer.status_code, answer.content) == (200, b"[accepted]")
    assert (method.last4, method.expires_on) == ("9999", date(2031, 7, 31))
    assert MethodEvent.objects.filter(method=method, event="replaced").count() == 1
    assert (event.state, event.result) == ("done", "method active")


@db
def test_hearing_of_a_renewal_again_changes_nothing(adyen: AdyenWorld) -> None:
    method = stored(adyen)
    event = renewed(adyen, method)

    for _ in range(2):
        assert post(event).status_code == 200

    assert MethodEvent.objects.filter(event="replaced").count() == 1
    assert WebhookEvent.objects.get(name="recurring.token.updated").copies == 2


@db
def test_a_card_that_is_disabled_there_is_charged_no_more(adyen: AdyenWorld) -> None:
    method = stored(adyen)
    told = json.loads(renewed(adyen, method)["body"])
    told |= {"type": "recurring.token.disabled", "eventId": "E2"}
    told["data"]["storedPaymentMethodId"] = "gone"
    PaymentMethod.objects.update(gateway_reference="gone")

    assert post(signed(told)).status_code == 200

    method.refresh_from_db()
    assert method.state == "removed"


@db
@pytest.mark.parametrize("change", ["body", "no_signature", "other_key", "other_merchant"])
def test_a_forged_event_of_a_card_is_refused(adyen: AdyenWorld, change: str) -> None:
    method = stored(adyen)
    event = renewed(adyen, method)
    told = json.loads(event["body"])
    forged = {
        "body": {**event, "body": event["body"].replace("updated", "disabled")},
        "no_signature": {**event, "headers": {}},
        "other_key": signed(told, key="00" * 32),
        "other_merchant": signed({**told, "data": {**told["data"], "merchantAccount": "Another"}}),
    }[change]

    assert post(forged).status_code == 401

    method.refresh_from_db()
    assert method.last4 != "9999"
    assert WebhookEvent.objects.latest("pk").state == "refused"


def signed(told: dict[str, Any], *, key: str = HMAC_KEY) -> dict[str, Any]:
    body = json.dumps(told)
    return {"body": body, "headers": {"HmacSignature": signature(body.encode(), key)}}


@db
def test_a_disputes_fee_is_told_with_the_settlement_and_counts_once(adyen: AdyenWorld) -> None:
    dispute = disputed(adyen)
    assert dispute.fee == Money(0, "USD")

    adyen.tell_fees()
    replay_event(event=WebhookEvent.objects.get(name="REPORT_AVAILABLE"), at=now())
    adyen.tell_fees()

    dispute = Dispute.objects.get()
    assert dispute.fee == Money("15.00", "USD")
    assert DisputeEntry.objects.filter(kind="fee").count() == 1
    assert balances("5010") == [1500]


@db
def test_a_report_names_the_fees_of_disputes_and_nothing_else(adyen: AdyenWorld) -> None:
    dispute = disputed(adyen)
    adyen.decide(dispute.gateway_reference, "won")

    adyen.tell_fees()

    assert Dispute.objects.get().fee == Money("15.00", "USD")  # none for what was given back
    assert WebhookEvent.objects.get(name="REPORT_AVAILABLE").result == (
        "1 fees recorded, 1 of disputes"
    )


def test_a_fee_that_was_given_back_is_below_zero() -> None:
    columns = "Type,Psp Reference,Modification Reference,Net Currency,"
    columns += "Commission (NC),Markup (NC),Scheme Fees (NC),Interchange (NC)"
    text = f"{columns}\nChargebackReversed,P,D,EUR,,-15.00,,\nChargeback,P,E,EUR,,,,\n"

    (told,) = disputes_of(text)

    assert (told.reference, told.kind) == ("D", "ChargebackReversed")
    assert told.fee == Money("-15.00", "EUR")


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("PREARBITRATION_OPEN", "needs_response"),
        ("PREARBITRATION_ACCEPTED", "under_review"),
        ("PREARBITRATION_DECLINED", "under_review"),
        ("PREARBITRATION_ISSUER_WITHDRAWN", "won"),
        ("PREARBITRATION_LOST", "lost"),
        ("PREARBITRATION_WON", "won"),
        ("SCHEME_ARBITRATION", "under_review"),
        ("SCHEME_ARBITRATION_LOST", "lost"),
        ("SCHEME_ARBITRATION_WON", "won"),
    ],
)
def test_every_stage_after_the_second_chargeback_is_understood(code: str, state: str) -> None:
    told = dispute_of(
        {
            "eventCode": code,
            "success": "true",
            "pspReference": "D",
            "amount": {"value": 9900, "currency": "USD"},
        }
    )

    assert told is not None
    assert told.state == DisputeState(state)
    assert told.movements == ()


@db
def test_an_offer_that_closed_leads_to_a_look_at_the_page(adyen: AdyenWorld) -> None:
    invoice = invoice_of(make_customer())
    open_payment_page(invoice=invoice, actor=PERSON, at=now(), gateway="adyen")
    attempt = PaymentAttempt.objects.get()

    adyen.control._post("offer_closed", {"reference": str(attempt.pk)})
    adyen.deliver()

    assert WebhookEvent.objects.get().result == "attempt requires_action"
