"""PayPal as a wallet, by Orders v2: an order is approved on PayPal's page, then captured by us.

Money moves only when we capture. Orders cannot be searched for: a repeated request gives the
first answer again for six hours, and events name the order and our reference.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from billing.domain.attempts import Answer
from billing.domain.declines import Decline, DeclineClass
from billing.domain.gateway_time import ClockReading
from billing.errors import GatewayRefused, GatewayUnavailable, WebhookForged
from billing.gateways.base import (
    Capabilities,
    CaptureRequest,
    ChargeRequest,
    CustomerRequest,
    GatewayEvent,
    MethodDetails,
    Outcome,
    Page,
    PageRequest,
    RefundRequest,
    VoidRequest,
)
from billing.gateways.disputes import AcceptRequest, DisputeReport, EvidenceRequest
from billing.gateways.paypal_client import PayPalClient, in_time
from billing.gateways.paypal_disputes import (
    DISPUTES,
    evidence_of,
    outcome_of_answer,
    report_of,
    takes_evidence,
)
from billing.gateways.paypal_events import event_of, listed_events
from billing.gateways.paypal_objects import (
    CURRENCIES,
    is_chargeable,
    outcome_of_capture,
    outcome_of_hold,
    outcome_of_order,
    outcome_of_refund,
    page_of_order,
    to_paypal,
    wallet_details,
)

ORDERS = "/v2/checkout/orders"
_SIGNED_BY = {
    "auth_algo": "paypal-auth-algo",
    "cert_url": "paypal-cert-url",
    "transmission_id": "paypal-transmission-id",
    "transmission_sig": "paypal-transmission-sig",
    "transmission_time": "paypal-transmission-time",
}
_CANNOT_BE_ASKED = Outcome(
    answer=Answer.INCONCLUSIVE, message="PayPal's orders cannot be searched for"
)


class PayPalGateway:
    """One PayPal app."""

    def __init__(self, name: str, client: PayPalClient, *, webhook_id: str) -> None:
        self.name = name
        self._client = client
        self._webhook_id = webhook_id

    @property
    def capabilities(self) -> Capabilities:
        """Wallets, approved on PayPal's page or stored there.

        Source: developer.paypal.com/api/rest/reference/idempotency (keys of orders live for six
        hours); refunds: within 180 days; authorizations: captured within 29 days, sure for 3.
        """
        return Capabilities(
            kinds=frozenset({"wallet"}),
            currencies=CURRENCIES,
            has_hosted_page=True,
            has_partial_refund=True,
            has_partial_capture=True,
            has_multi_capture=True,
            names_captures=True,
            remembers_keys_for=timedelta(hours=6),
            look_up=None,
            refunds_within=timedelta(days=180),
            authorization_lasts=timedelta(days=29),
            settles_after_days=0,
        )

    def create_customer(self, request: CustomerRequest) -> str:
        """PayPal takes a name of ours, of 22 letters at most, for whoever stores a wallet."""
        return hashlib.sha256(request.our_reference.encode()).hexdigest()[:22]

    def charge(self, request: ChargeRequest) -> Outcome:
        """Create an order by a stored wallet; it is captured at once."""
        return self._order(request, "CAPTURE")

    def authorize(self, request: ChargeRequest) -> Outcome:
        """As charge, but the money is only held until it is captured."""
        return self._order(request, "AUTHORIZE")

    def capture(self, request: CaptureRequest) -> Outcome:
        """Capture an authorization, or part of it."""
        if not is_chargeable(request.amount):
            return _refused("PayPal does not take this amount or currency")
        body = {
            "amount": to_paypal(request.amount),
            "final_capture": request.is_last,
            "invoice_id": request.our_reference,  # told again by the capture's events
        }
        path = f"/v2/payments/authorizations/{request.charge_reference}/capture"
        return self._client.move(path, body, key=request.idempotency_key, read=outcome_of_capture)

    def void(self, request: VoidRequest) -> Outcome:
        """Void an authorization."""
        path = f"/v2/payments/authorizations/{request.charge_reference}/void"
        gone = Outcome(answer=Answer.ABANDONED, reference=request.charge_reference)
        return self._client.move(path, {}, key=request.idempotency_key, read=lambda _: gone)

    def open_page(self, request: PageRequest) -> Outcome:
        """Create an order that is to be approved on PayPal's page."""
        if request.amount is None:
            return _refused("PayPal stores a wallet only while something is paid")
        if not is_chargeable(request.amount):
            return _refused("PayPal does not take this amount or currency")
        wallet: dict[str, Any] = {
            "experience_context": _experience(request.success_url, request.cancel_url)
        }
        if request.saves_method:
            wallet["attributes"] = {
                "customer": {"id": request.customer_reference},
                "vault": {"store_in_vault": "ON_SUCCESS", "usage_type": "MERCHANT"},
            }
        body = {
            "intent": "CAPTURE",
            "purchase_units": [_unit(request)],
            "payment_source": {"paypal": wallet},
        }
        return self._client.move(ORDERS, body, key=request.idempotency_key, read=outcome_of_order)

    @in_time
    def read_charge(self, reference: str) -> Outcome:
        """What a capture says now, or an authorization."""
        neither = Outcome(answer=Answer.INCONCLUSIVE, message="PayPal knows no such payment")
        seen = self._client.look(
            f"/v2/payments/captures/{reference}", outcome_of_capture, gone=neither
        )
        if seen is not neither:
            return seen
        return self._client.look(
            f"/v2/payments/authorizations/{reference}", outcome_of_hold, gone=neither
        )

    @in_time
    def read_session(self, session: str) -> Outcome:
        """What has become of an order; one that was approved is captured, which is what it was for.

        The key is the order's, so that however often it is looked at, it is captured once. An
        order that PayPal has forgotten was never approved, and nobody can capture it any more.
        """
        gone = Outcome(answer=Answer.ABANDONED, session=session)
        order: dict[str, Any] = {}
        seen = self._client.look(
            f"{ORDERS}/{session}", lambda found: _kept(order, found), gone=gone
        )
        if order.get("status") != "APPROVED" or seen.answer != Answer.REQUIRES_ACTION:
            return seen
        captured = self._client.move(
            f"{ORDERS}/{session}/capture", {}, key=f"capture:{session}", read=outcome_of_order
        )
        if captured.answer in {Answer.SUCCEEDED, Answer.PENDING, Answer.INCONCLUSIVE}:
            return replace(captured, session=session)
        # The payer may choose another way to pay on the same page.
        return replace(seen, message=captured.message)

    def find_charge(
        self, *, our_reference: str, customer_reference: str, since: datetime
    ) -> Outcome:
        """An order cannot be searched for."""
        del our_reference, customer_reference, since
        return _CANNOT_BE_ASKED

    def expire_session(self, session: str) -> Outcome:
        """An order cannot be closed, it only lapses: this is what has become of it."""
        return self.read_session(session)

    def read_page(self, session: str) -> Page:
        """An order with the wallet that was stored by it."""
        return page_of_order(self._client.ask("GET", f"{ORDERS}/{session}"))

    def refund(self, request: RefundRequest) -> Outcome:
        """Give back part or all of a capture."""
        if not is_chargeable(request.amount):
            return _refused("PayPal does not take this amount or currency")
        body = {"amount": to_paypal(request.amount), "custom_id": request.our_reference}
        path = f"/v2/payments/captures/{request.charge_reference}/refund"
        return self._client.move(path, body, key=request.idempotency_key, read=outcome_of_refund)

    def read_refund(self, reference: str) -> Outcome:
        """What a refund says now."""
        return self._client.look(f"/v2/payments/refunds/{reference}", outcome_of_refund)

    def find_refund(self, *, our_reference: str, charge_reference: str) -> Outcome:
        """A refund cannot be searched for."""
        del our_reference, charge_reference
        return _CANNOT_BE_ASKED

    def read_dispute(self, reference: str) -> DisputeReport:
        """A dispute as it is now."""
        return report_of(self._client.ask("GET", f"{DISPUTES}/{reference}"))

    @in_time
    def list_disputes(self, charge_reference: str) -> Sequence[DisputeReport]:
        """The disputes of a capture, as they are now."""
        query = {"disputed_transaction_id": charge_reference}
        found = self._client.ask("GET", DISPUTES, params=query)
        return [self.read_dispute(str(row["dispute_id"])) for row in found.get("items") or []]

    @in_time
    def submit_evidence(self, request: EvidenceRequest) -> Outcome:
        """Hand evidence in, if PayPal waits for it: it keeps no keys, so it is looked at first."""
        path = f"{DISPUTES}/{request.dispute_reference}"
        try:
            waits = takes_evidence(self._client.ask("GET", path))
        except (GatewayUnavailable, GatewayRefused) as error:
            return Outcome(answer=Answer.NEVER_LEFT, message=str(error)[:300])
        if not waits:
            message = "PayPal takes no evidence for this dispute now"
            return Outcome(answer=Answer.NEVER_LEFT, message=message)
        return self._client.hand_in(
            f"{path}/provide-evidence",
            read=lambda _: outcome_of_answer(request.dispute_reference),
            files=evidence_of(request),
        )

    def accept_dispute(self, request: AcceptRequest) -> Outcome:
        """Give the money back, and the dispute up; one that is resolved takes no second one."""
        return self._client.hand_in(
            f"{DISPUTES}/{request.dispute_reference}/accept-claim",
            read=lambda _: outcome_of_answer(request.dispute_reference),
            json={"note": "We accept the claim.", "accept_claim_type": "REFUND"},
        )

    @in_time
    def detach_method(self, reference: str, *, customer_reference: str) -> None:
        """Forget a stored wallet."""
        known = {method.reference for method in self.list_methods(customer_reference)}
        if reference in known:
            self._client.ask("DELETE", f"/v3/vault/payment-tokens/{reference}")

    def read_method(self, reference: str, *, customer_reference: str) -> MethodDetails:
        """A stored wallet; one that is not stored any more has no customer."""
        for method in self.list_methods(customer_reference):
            if method.reference == reference:
                return method
        return MethodDetails(reference=reference, customer_reference="", kind="wallet")

    def list_methods(self, customer_reference: str) -> Sequence[MethodDetails]:
        """The wallets that a customer has stored."""
        query = {"customer_id": customer_reference}
        found = self._client.ask("GET", "/v3/vault/payment-tokens", params=query)
        return [
            wallet_details(
                str(token["id"]),
                customer_reference,
                (token.get("payment_source") or {}).get("paypal") or {},
            )
            for token in found.get("payment_tokens") or []
        ]

    def read_clock(self) -> ClockReading | None:
        """What PayPal's clock shows."""
        return self._client.read_clock()

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> Sequence[GatewayEvent]:
        """The event of a request, after PayPal itself was asked whether it has sent it.

        Raises:
            GatewayUnavailable: If it cannot be asked now; PayPal sends the event again.
            WebhookForged: If it says no, or the request does not say how it was signed.
            WebhookUnreadable: If it is no event.
        """
        signed = {field: headers.get(name, "") for field, name in _SIGNED_BY.items()}
        if not self._webhook_id or not all(signed.values()):
            raise WebhookForged("the signature is missing")
        event = event_of(body)
        question = {**signed, "webhook_id": self._webhook_id, "webhook_event": msgspec.Raw(body)}
        try:
            answer = self._client.ask(
                "POST",
                "/v1/notifications/verify-webhook-signature",
                content=msgspec.json.encode(question),
                headers={"Content-Type": "application/json"},
            )
        except GatewayRefused as error:
            raise WebhookForged(f"PayPal does not know the signature: {error}") from error
        if answer.get("verification_status") != "SUCCESS":
            raise WebhookForged("PayPal says that the event is not its own")
        return [event]

    def events_between(self, since: datetime, until: datetime) -> Iterator[Sequence[bytes]]:
        """The events of a time that we listen to, whether or not they were delivered."""
        return listed_events(self._client.ask, since, until)

    def read_event(self, content: bytes) -> GatewayEvent:
        """What an event of the list says."""
        return event_of(content)

    def _order(self, request: ChargeRequest, intent: str) -> Outcome:
        if not is_chargeable(request.amount):
            return _refused("PayPal does not take this amount or currency")
        back = request.return_url
        there = {"experience_context": _experience(back, back)} if back else {}
        body = {
            "intent": intent,
            "purchase_units": [_unit(request)],
            "payment_source": {"paypal": {"vault_id": request.method_reference, **there}},
        }
        return self._client.move(ORDERS, body, key=request.idempotency_key, read=outcome_of_order)


def paypal_gateway(name: str, terms: Mapping[str, str]) -> PayPalGateway:
    """The gateway of an account in the settings."""
    client = PayPalClient(
        api_host=terms["api_host"], client_id=terms["client_id"], secret=terms["secret"]
    )
    return PayPalGateway(name, client, webhook_id=terms.get("webhook_id", ""))


def _experience(return_url: str, cancel_url: str) -> dict[str, str]:
    """How a buyer who is there pays, and where to they come back; without one nobody is there."""
    return {
        "return_url": return_url,
        "cancel_url": cancel_url,
        "user_action": "PAY_NOW",
        "shipping_preference": "NO_SHIPPING",
        "payment_method_preference": "IMMEDIATE_PAYMENT_REQUIRED",
    }


def _kept(order: dict[str, Any], found: dict[str, Any]) -> Outcome:
    order.update(found)
    return outcome_of_order(found)


def _unit(request: ChargeRequest | PageRequest) -> dict[str, Any]:
    assert request.amount is not None
    return {
        "custom_id": request.our_reference,
        "description": request.description[:127],
        "amount": to_paypal(request.amount),
    }


def _refused(message: str) -> Outcome:
    """No request was made."""
    decline = Decline(code="not_possible", decline_class=DeclineClass.CONFIG)
    return Outcome(answer=Answer.NEVER_LEFT, decline=decline, message=message)
