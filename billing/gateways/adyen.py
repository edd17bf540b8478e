"""Adyen Checkout, by its HTTP API: payments, payment links, modifications, stored methods.

Adyen has no way to ask what became of a payment: the same request with the same key gives the
first answer again for a week, and signed notifications tell the rest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from billing.domain.attempts import Answer
from billing.domain.gateway_time import ClockReading
from billing.errors import GatewayRefused, GatewayUnavailable
from billing.gateways.adyen_client import AdyenClient
from billing.gateways.adyen_disputes import (
    cannot_be_defended,
    defense_of,
    document_of,
    is_accepted,
    outcome_of_answer,
)
from billing.gateways.adyen_fields import (
    amount_refused,
    challenge_fields,
    metadata,
    session_fields,
    without_customer,
)
from billing.gateways.adyen_objects import (
    is_chargeable,
    methods_of,
    outcome_of_link,
    outcome_of_modification,
    outcome_of_payment,
    outcome_of_return,
    page_of_link,
    to_adyen,
)
from billing.gateways.adyen_reports import (
    REPORT_NAME,
    charges_of,
    disputes_of,
    moves_of,
    report_after,
)
from billing.gateways.adyen_tokens import token_event_of
from billing.gateways.adyen_webhooks import events_of
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
    SettledCharge,
    VoidRequest,
)
from billing.gateways.challenges import ReturnRequest
from billing.gateways.disputes import AcceptRequest, EvidenceRequest, SettledDispute
from tiktoktoe.kernel.money import zero

_CANNOT_BE_ASKED = Outcome(
    answer=Answer.INCONCLUSIVE, message="Adyen tells by notifications, and by a repeated request"
)
_OPEN = Answer.INCONCLUSIVE  # what was asked changes nothing, or nobody knows
# What Stripe fills in; Adyen sends everybody back to the same address.
_PLACEHOLDER = "{CHECKOUT_SESSION_ID}"


class AdyenGateway:
    """One merchant account."""

    def __init__(self, name: str, client: AdyenClient, *, hmac_keys: Sequence[str]) -> None:
        self.name = name
        self._client = client
        self._hmac_keys = tuple(hmac_keys)

    @property
    def capabilities(self) -> Capabilities:
        """Cards, by payment links and stored; keys live for a week, nothing can be looked up.

        Source: docs.adyen.com/development-resources/api-idempotency; authorizations:
        docs.adyen.com/online-payments/capture (28 days, by scheme; the shortest is 7).
        """
        return Capabilities(
            kinds=frozenset({"card"}),
            has_hosted_page=True,
            stores_on_page=True,
            has_three_d_secure=True,
            has_partial_refund=True,
            has_partial_capture=True,
            has_multi_capture=True,
            releases_rest=False,  # with several captures what is left stays held until canceled
            remembers_keys_for=timedelta(days=7),
            look_up=None,
            refunds_within=timedelta(days=365),
            authorization_lasts=timedelta(days=7),
            settles_after_days=3,
        )

    def create_customer(self, request: CustomerRequest) -> str:
        """Adyen has no customers, only a reference of ours for whoever stores a method."""
        return f"shopper-{request.our_reference}"

    def charge(self, request: ChargeRequest) -> Outcome:
        """Pay by a stored method, as part of a subscription, captured at once."""
        return self._pay(request, {"captureDelayHours": 0}, is_hold=False)

    def authorize(self, request: ChargeRequest) -> Outcome:
        """As charge, but the money is only held until it is captured."""
        return self._pay(request, {"additionalData": {"manualCapture": "true"}}, is_hold=True)

    def capture(self, request: CaptureRequest) -> Outcome:
        """Ask for a capture; a CAPTURE notification tells what came of it."""
        if not is_chargeable(request.amount):
            return amount_refused()
        body = {"amount": to_adyen(request.amount), "reference": request.our_reference}
        return self._modify(request.charge_reference, "captures", body, request.idempotency_key)

    def void(self, request: VoidRequest) -> Outcome:
        """Ask for a cancel; a CANCELLATION notification tells what came of it."""
        body = {"reference": request.our_reference}
        return self._modify(request.charge_reference, "cancels", body, request.idempotency_key)

    def end_challenge(self, request: VoidRequest) -> Outcome:
        """Ask to cancel a payment that waits for its shopper; a CANCELLATION tells what came."""
        asked = self.void(request)
        return Outcome(answer=asked.answer if asked.answer == Answer.PENDING else _OPEN)

    def end_unnamed(self, request: VoidRequest) -> Outcome:
        """Ask to cancel whatever bears our reference; a TECHNICAL_CANCEL tells what came of it.

        Source: docs.adyen.com/online-payments/cancel, "Cancel without PSP reference".
        """
        body = {
            "merchantAccount": self._client.merchant,
            "paymentReference": request.our_reference,
            "reference": request.our_reference,
        }
        asked = self._client.move(
            "/cancels", body, key=request.idempotency_key, read=outcome_of_modification
        )
        return Outcome(answer=asked.answer if asked.answer == Answer.PENDING else _OPEN)

    def complete_challenge(self, request: ReturnRequest) -> Outcome:
        """Hand over the `redirectResult` that the bank's page has sent the shopper back with.

        Source: docs.adyen.com/online-payments/3d-secure/redirect-3ds2, "Handle the redirect".
        """
        return self._client.move(
            "/payments/details",
            {"details": {"redirectResult": request.told}},
            key=request.idempotency_key,
            read=lambda answer: outcome_of_return(answer, request.our_reference),
        )

    def open_page(self, request: PageRequest) -> Outcome:
        """Create a payment link over one amount, or over nothing to store a method."""
        if request.amount is not None and not is_chargeable(request.amount):
            return amount_refused()
        return self._client.move(
            "/paymentLinks",
            self._link(request),
            key=request.idempotency_key,
            read=outcome_of_link,
        )

    def read_charge(self, reference: str) -> Outcome:
        """A payment cannot be read."""
        del reference
        return _CANNOT_BE_ASKED

    def read_session(self, session: str) -> Outcome:
        """What a payment link says now."""
        try:
            link = self._client.ask("GET", f"/paymentLinks/{session}")
        except (GatewayRefused, GatewayUnavailable) as error:
            return Outcome(answer=Answer.INCONCLUSIVE, message=str(error))
        seen = outcome_of_link(link)
        if seen.answer != Answer.SUCCEEDED:
            return seen
        try:
            return replace(seen, method=self._method_stored_on(link))
        except (GatewayRefused, GatewayUnavailable):
            return seen  # a notification brings the method

    def find_charge(
        self, *, our_reference: str, customer_reference: str, since: datetime
    ) -> Outcome:
        """A payment cannot be searched for."""
        del our_reference, customer_reference, since
        return _CANNOT_BE_ASKED

    def expire_session(self, session: str) -> Outcome:
        """Close a payment link; one that is not open any more says what became of it."""
        try:
            self._client.ask("PATCH", f"/paymentLinks/{session}", {"status": "expired"})
        except GatewayRefused:
            return self.read_session(session)
        return self.read_session(session)

    def read_page(self, session: str) -> Page:
        """A payment link with the method that was stored last by whom it is for."""
        link = self._client.ask("GET", f"/paymentLinks/{session}")
        return page_of_link(link, self._method_stored_on(link))

    def refund(self, request: RefundRequest) -> Outcome:
        """Ask for a refund; a REFUND notification tells what came of it."""
        if not is_chargeable(request.amount):
            return amount_refused()
        body = {"amount": to_adyen(request.amount), "reference": request.our_reference}
        return self._modify(request.charge_reference, "refunds", body, request.idempotency_key)

    def read_refund(self, reference: str) -> Outcome:
        """A refund cannot be read."""
        del reference
        return _CANNOT_BE_ASKED

    def find_refund(self, *, our_reference: str, charge_reference: str) -> Outcome:
        """A refund cannot be searched for."""
        del our_reference, charge_reference
        return _CANNOT_BE_ASKED

    def submit_evidence(self, request: EvidenceRequest) -> Outcome:
        """Upload the pack and defend by it: the first defense that takes a document.

        Nothing is defended before the last request: what fails until then has decided nothing.
        """
        about = {
            "merchantAccountCode": self._client.merchant,
            "disputePspReference": request.dispute_reference,
        }
        try:
            offered = self._client.ask_of_disputes("retrieveApplicableDefenseReasons", about)
            defense = defense_of(offered)
            if defense is None:
                return cannot_be_defended(offered)
            documents = [document_of(request.document, defense.document_type)]
            supplied = self._client.ask_of_disputes(
                "supplyDefenseDocument", {**about, "defenseDocuments": documents}
            )
        except (GatewayRefused, GatewayUnavailable) as error:
            return Outcome(answer=Answer.NEVER_LEFT, message=str(error))
        if not is_accepted(supplied):
            return outcome_of_answer(supplied)
        return self._client.answer_dispute(
            "defendDispute",
            {**about, "defenseReasonCode": defense.reason},
            key=request.idempotency_key,
            read=outcome_of_answer,
        )

    def accept_dispute(self, request: AcceptRequest) -> Outcome:
        """Accept a dispute."""
        body = {
            "merchantAccountCode": self._client.merchant,
            "disputePspReference": request.dispute_reference,
        }
        key = request.idempotency_key
        return self._client.answer_dispute("acceptDispute", body, key=key, read=outcome_of_answer)

    def detach_method(self, reference: str, *, customer_reference: str) -> None:
        """Forget a stored method."""
        known = {method.reference for method in self.list_methods(customer_reference)}
        if reference in known:
            self._client.ask(
                "DELETE",
                f"/storedPaymentMethods/{reference}",
                shopperReference=customer_reference,
                merchantAccount=self._client.merchant,
            )

    def read_method(self, reference: str, *, customer_reference: str) -> MethodDetails:
        """A stored method; one that is not stored any more has no customer."""
        for method in self.list_methods(customer_reference):
            if method.reference == reference:
                return method
        return MethodDetails(reference=reference, customer_reference="", kind="card")

    def list_methods(self, customer_reference: str) -> Sequence[MethodDetails]:
        """What a shopper has stored, the oldest first."""
        listing = self._client.ask(
            "GET",
            "/storedPaymentMethods",
            shopperReference=customer_reference,
            merchantAccount=self._client.merchant,
        )
        return methods_of(listing)

    def authentication_fields(self, wish: str, *, is_there: bool) -> dict[str, Any]:
        """What a request says about confirming."""
        return challenge_fields(wish) if is_there else without_customer(wish)

    def read_clock(self) -> ClockReading | None:
        """What Adyen's clock shows."""
        return self._client.read_clock()

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> Sequence[GatewayEvent]:
        """The events of a standard notification, or that of a stored card."""
        keys, merchant = self._hmac_keys, self._client.merchant
        of_token = token_event_of(headers, body, keys=keys, merchant=merchant)
        if of_token is not None:
            return [of_token]
        return events_of(body, keys=keys, merchant=merchant)

    def read_settlement(self, report: str) -> Sequence[SettledCharge]:
        """What the payments of a settlement details report have cost.

        Raises:
            GatewayRefused: If this is not the name of such a report.
        """
        if not REPORT_NAME.fullmatch(report):
            raise GatewayRefused(f"{report[:100]!r} is no settlement details report")
        return charges_of(self._client.report(report))

    def read_moves(self, report: str) -> Sequence[GatewayEvent]:
        """What a settlement details report says has moved money.

        Raises:
            GatewayRefused: If this is not the name of such a report.
        """
        if not REPORT_NAME.fullmatch(report):
            raise GatewayRefused(f"{report[:100]!r} is no settlement details report")
        return moves_of(self._client.report(report))

    def next_report(self, after: str) -> GatewayEvent | None:
        """Reports are numbered: whether the next one can be downloaded."""
        name = report_after(after)
        if not name or not self._client.has_report(name):
            return None
        return GatewayEvent(
            event_id=f"{name}:REPORT_AVAILABLE:true",
            name="REPORT_AVAILABLE",
            about="report",
            reference=name,
        )

    def read_dispute_fees(self, report: str) -> Sequence[SettledDispute]:
        """What the disputes of a settlement details report have cost.

        Raises:
            GatewayRefused: If this is not the name of such a report.
        """
        if not REPORT_NAME.fullmatch(report):
            raise GatewayRefused(f"{report[:100]!r} is no settlement details report")
        return disputes_of(self._client.report(report))

    def _pay(self, request: ChargeRequest, terms: Mapping[str, Any], *, is_hold: bool) -> Outcome:
        if not is_chargeable(request.amount):
            return amount_refused()
        body = {
            "merchantAccount": self._client.merchant,
            "amount": to_adyen(request.amount),
            "reference": request.our_reference,
            "paymentMethod": {"type": "scheme", "storedPaymentMethodId": request.method_reference},
            "shopperReference": request.customer_reference,
            **session_fields(request),
            "metadata": metadata(request.metadata),
            **terms,
        }
        return self._client.move(
            "/payments",
            body,
            key=request.idempotency_key,
            read=lambda answer: outcome_of_payment(answer, is_hold=is_hold),
        )

    def _modify(self, reference: str, what: str, body: Mapping[str, Any], key: str) -> Outcome:
        whole = {"merchantAccount": self._client.merchant, **body}
        path = f"/payments/{reference}/{what}"
        return self._client.move(path, whole, key=key, read=outcome_of_modification)

    def _link(self, request: PageRequest) -> dict[str, Any]:
        amount = request.amount if request.amount is not None else zero(request.currency)
        is_fixed = _PLACEHOLDER not in request.success_url
        stores = {"storePaymentMethodMode": "enabled", "recurringProcessingModel": "Subscription"}
        return {
            "merchantAccount": self._client.merchant,
            "amount": to_adyen(amount),
            "reference": request.our_reference,
            "shopperReference": request.customer_reference,
            "description": request.description,
            "returnUrl": request.success_url if is_fixed else request.cancel_url,
            "expiresAt": request.expires_at.astimezone(UTC).isoformat(timespec="seconds"),
            "metadata": metadata(request.metadata),
            **challenge_fields(request.authentication),
            **(stores if request.saves_method else {"storePaymentMethodMode": "disabled"}),
        }

    def _method_stored_on(self, link: Mapping[str, Any]) -> MethodDetails | None:
        shopper = str(link.get("shopperReference") or "")
        if not shopper or link.get("storePaymentMethodMode") != "enabled":
            return None
        methods = self.list_methods(shopper)
        return methods[-1] if methods else None


def adyen_gateway(name: str, terms: Mapping[str, str]) -> AdyenGateway:
    """The gateway of an account in the settings."""
    client = AdyenClient(
        api_host=terms["api_host"].rstrip("/"),
        api_key=terms["api_key"],
        merchant=terms["merchant_account"],
        report_host=terms.get("report_host", "").rstrip("/"),
        disputes_host=terms.get("disputes_host", "").rstrip("/"),
    )
    # Two keys while one is being replaced.
    keys = [key.strip() for key in terms.get("hmac_key", "").split(",") if key.strip()]
    return AdyenGateway(name, client, hmac_keys=keys)
