"""Stripe, through stripe-python: PaymentIntents, Checkout pages, refunds."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

import stripe

from billing.domain.attempts import Answer, LookUpRule
from billing.domain.declines import Decline, DeclineClass
from billing.domain.gateway_time import ClockReading
from billing.gateways.base import (
    Capabilities,
    CaptureRequest,
    ChargeRequest,
    CustomerRequest,
    MethodDetails,
    Outcome,
    Page,
    PageRequest,
    RefundRequest,
    VoidRequest,
)
from billing.gateways.disputes import AcceptRequest, DisputeReport, EvidenceRequest
from billing.gateways.mandates import MandateDetails
from billing.gateways.stripe_amounts import is_chargeable, to_stripe
from billing.gateways.stripe_client import (
    body,
    configured_client,
    gateway_error,
    is_missing,
    not_seen,
    outcome_of_error,
    read_clock,
)
from billing.gateways.stripe_disputes import evidence_of, outcome_of_dispute, report_of
from billing.gateways.stripe_objects import (
    Json,
    mandate_details,
    method_details,
    outcome_of_intent,
    outcome_of_refund,
    outcome_of_session,
    page_of_session,
)

INTENT_DETAILS = ["latest_charge.balance_transaction", "payment_method"]
SESSION_DETAILS = [f"payment_intent.{part}" for part in INTENT_DETAILS]
SETUP_DETAILS = ["setup_intent.payment_method", "setup_intent.mandate"]
# What stands for a bank debit in a currency. Source: docs.stripe.com/payments/bank-debits.
DEBITS = {"EUR": "sepa_debit", "USD": "us_bank_account"}
OUR_REFERENCE = "our_reference"
# The customer is not there: Stripe asks for the exemption of payments that merchants initiate.
# Source: docs.stripe.com/payments/payment-intents/off-session, and its API's `off_session`.
_WITHOUT_CUSTOMER: dict[str, Any] = {"off_session": True}
# Ours may have been wrong when a request was sent; what is not listed would be charged again.
CLOCKS_DIFFER_BY = timedelta(days=7)
# Lists are current at once; this is for a request of ours that is still on its way. It costs
# nothing to be generous: a look-up only speaks where a key cannot be sent again.
NOTHING_STAYS_ON_ITS_WAY = timedelta(minutes=15)


class _Document(BytesIO):
    """A file as stripe-python takes it: something to be read, with a name."""

    def __init__(self, name: str, content: bytes) -> None:
        super().__init__(content)
        self.name = name


class StripeGateway:
    """The account whose key is in the settings."""

    name = "stripe"

    def __init__(self, client: Callable[[], Any] = configured_client) -> None:
        self._client = client

    @property
    def capabilities(self) -> Capabilities:
        """Cards, wallets and bank debits by a hosted page; keys live for a day, lists show all.

        Source: docs.stripe.com/api/idempotent_requests; for authorizations
        docs.stripe.com/payments/place-a-hold-on-a-payment-method; payouts: docs.stripe.com/payouts.
        """
        return Capabilities(
            kinds=frozenset({"card", "bank_debit", "wallet"}),
            has_hosted_page=True,
            stores_on_page=True,
            has_three_d_secure=True,
            has_partial_refund=True,
            has_partial_capture=True,
            remembers_keys_for=timedelta(hours=24),
            look_up=LookUpRule(consistency_delay=NOTHING_STAYS_ON_ITS_WAY),
            authorization_lasts=timedelta(days=7),
            settles_after_days=2,
            keeps_mandates=True,
            debit_currencies=frozenset(DEBITS),
        )

    def create_customer(self, request: CustomerRequest) -> str:
        """Make a customer known; gives `cus_…`."""
        params = {
            "name": request.name,
            "email": request.email,
            "metadata": {OUR_REFERENCE: request.our_reference},
        }
        options = {"idempotency_key": request.idempotency_key}
        return str(self._ask(lambda: self._client().customers.create(params, options))["id"])

    def charge(self, request: ChargeRequest) -> Outcome:
        """Create and confirm a PaymentIntent; off session, unless the customer is there."""
        return self._confirm(request, {})

    def authorize(self, request: ChargeRequest) -> Outcome:
        """As charge, but the money is only held until it is captured."""
        return self._confirm(request, {"capture_method": "manual"})

    def capture(self, request: CaptureRequest) -> Outcome:
        """Capture a PaymentIntent, once; what is left of it is let go."""
        if not is_chargeable(request.amount):
            return _amount_refused()
        params = {"amount_to_capture": to_stripe(request.amount), "expand": INTENT_DETAILS}
        options = {"idempotency_key": request.idempotency_key}
        reference = request.charge_reference
        return _outcome(
            lambda: self._client().payment_intents.capture(reference, params, options),
            outcome_of_intent,
        )

    def void(self, request: VoidRequest) -> Outcome:
        """Cancel a PaymentIntent."""
        options = {"idempotency_key": request.idempotency_key}
        reference = request.charge_reference
        return _outcome(
            lambda: self._client().payment_intents.cancel(reference, {}, options),
            outcome_of_intent,
        )

    def end_challenge(self, request: VoidRequest) -> Outcome:
        """Cancel a PaymentIntent that waits for its customer; one that does not says what it is."""
        given_up = self.void(request)
        is_over = given_up.answer == Answer.ABANDONED
        return given_up if is_over else self.read_charge(request.charge_reference)

    def open_page(self, request: PageRequest) -> Outcome:
        """Create a Checkout session that pays one amount, or that stores a method."""
        if request.amount is not None and not is_chargeable(request.amount):
            return _amount_refused()
        params = _page_params(request)
        options = {"idempotency_key": request.idempotency_key}
        return _outcome(
            lambda: self._client().checkout.sessions.create(params, options), outcome_of_session
        )

    def read_charge(self, reference: str) -> Outcome:
        """What a PaymentIntent says now."""
        params = {"expand": INTENT_DETAILS}
        return _seen(
            lambda: self._client().payment_intents.retrieve(reference, params), outcome_of_intent
        )

    def read_session(self, session: str) -> Outcome:
        """What a Checkout session says now."""
        params = {"expand": SESSION_DETAILS}
        return _seen(
            lambda: self._client().checkout.sessions.retrieve(session, params), outcome_of_session
        )

    def find_charge(
        self, *, our_reference: str, customer_reference: str, since: datetime
    ) -> Outcome:
        """What became of the session, or else the PaymentIntent, that bears our reference.

        Lists show an object as soon as it is there; Stripe's search may lag by a minute.
        """
        recent = {
            "customer": customer_reference,
            "created": {"gte": int((since - CLOCKS_DIFFER_BY).timestamp())},
            "limit": 100,
        }
        try:
            session = _with_reference(self._client().checkout.sessions.list(recent), our_reference)
            if session is not None:
                return self.read_session(str(session["id"]))
            intent = _with_reference(self._client().payment_intents.list(recent), our_reference)
        except stripe.StripeError as error:
            return not_seen(error)
        if intent is None:
            return Outcome(answer=Answer.NO_SUCH_REQUEST)
        return self.read_charge(str(intent["id"]))

    def expire_session(self, session: str) -> Outcome:
        """Close a Checkout session; one that is not open any more says what became of it."""
        try:
            self._client().checkout.sessions.expire(session)
        except stripe.StripeError:
            return self.read_session(session)
        return self.read_session(session)

    def read_page(self, session: str) -> Page:
        """A Checkout session with the method that was stored on it."""
        params = {"expand": [*SETUP_DETAILS, "payment_intent.payment_method"]}
        answer = self._ask(lambda: self._client().checkout.sessions.retrieve(session, params))
        return page_of_session(answer)

    def refund(self, request: RefundRequest) -> Outcome:
        """Create a Refund of a PaymentIntent."""
        if not is_chargeable(request.amount):
            return _amount_refused()
        params = {
            "payment_intent": request.charge_reference,
            "amount": to_stripe(request.amount),
            "metadata": {**request.metadata, OUR_REFERENCE: request.our_reference},
        }
        options = {"idempotency_key": request.idempotency_key}
        return _outcome(lambda: self._client().refunds.create(params, options), outcome_of_refund)

    def read_refund(self, reference: str) -> Outcome:
        """What a Refund says now."""
        return _seen(lambda: self._client().refunds.retrieve(reference), outcome_of_refund)

    def find_refund(self, *, our_reference: str, charge_reference: str) -> Outcome:
        """What became of the Refund that bears our reference."""
        params = {"payment_intent": charge_reference, "limit": 100}
        try:
            refund = _with_reference(self._client().refunds.list(params), our_reference)
        except stripe.StripeError as error:
            return not_seen(error)
        return Outcome(answer=Answer.NO_SUCH_REQUEST) if not refund else outcome_of_refund(refund)

    def read_dispute(self, reference: str) -> DisputeReport:
        """A Dispute as it is now, with the payment it is of: that bears our name."""
        params = {"expand": ["payment_intent"]}
        return report_of(self._ask(lambda: self._client().disputes.retrieve(reference, params)))

    def upload_evidence(self, *, name: str, content: bytes) -> str:
        """Upload a PDF as evidence; gives `file_…`."""
        params = {"purpose": "dispute_evidence", "file": _Document(name, content)}
        return str(self._ask(lambda: self._client().files.create(params))["id"])

    def submit_evidence(self, request: EvidenceRequest) -> Outcome:
        """Submit evidence on a Dispute; Stripe takes it once."""
        params = {"evidence": evidence_of(request), "submit": True}
        options = {"idempotency_key": request.idempotency_key}
        reference = request.dispute_reference
        return _outcome(
            lambda: self._client().disputes.update(reference, params, options), outcome_of_dispute
        )

    def accept_dispute(self, request: AcceptRequest) -> Outcome:
        """Close a Dispute as lost."""
        options = {"idempotency_key": request.idempotency_key}
        reference = request.dispute_reference
        return _outcome(
            lambda: self._client().disputes.close(reference, {}, options), outcome_of_dispute
        )

    def authentication_fields(self, wish: str, *, is_there: bool) -> dict[str, Any]:
        """What a request says about confirming."""
        return _authentication_on_page(wish) if is_there else _WITHOUT_CUSTOMER

    def read_clock(self) -> ClockReading | None:
        """What Stripe's clock shows."""
        return read_clock()

    def read_mandate(self, reference: str) -> MandateDetails:
        """A Mandate as it is now."""
        return mandate_details(self._ask(lambda: self._client().mandates.retrieve(reference)))

    def detach_method(self, reference: str, *, customer_reference: str) -> None:
        """Detach a PaymentMethod from its customer."""
        try:
            self._client().payment_methods.detach(reference)
        except stripe.StripeError as error:
            if not isinstance(error, stripe.InvalidRequestError):
                raise gateway_error(error) from error
            if is_missing(error):
                return
            known = self.read_method(reference, customer_reference=customer_reference)
            if known.customer_reference:
                raise gateway_error(error) from error

    def read_method(self, reference: str, *, customer_reference: str) -> MethodDetails:
        """A PaymentMethod as it is now; it says itself whose it is."""
        del customer_reference
        return method_details(self._ask(lambda: self._client().payment_methods.retrieve(reference)))

    def list_methods(self, customer_reference: str) -> Sequence[MethodDetails]:
        """The PaymentMethods that are attached to a customer."""
        params = {"customer": customer_reference, "limit": 100}
        listing = self._ask(lambda: self._client().payment_methods.list(params))
        return [method_details(method) for method in reversed(listing["data"])]

    def _confirm(self, request: ChargeRequest, terms: Json) -> Outcome:
        if not is_chargeable(request.amount):
            return _amount_refused()
        params = {
            "amount": to_stripe(request.amount),
            "currency": request.amount.currency.code.lower(),
            "customer": request.customer_reference,
            "payment_method": request.method_reference,
            "confirm": True,
            **_session(request),
            "description": request.description,
            "metadata": {**request.metadata, OUR_REFERENCE: request.our_reference},
            "expand": INTENT_DETAILS,
            **terms,
        }
        options = {"idempotency_key": request.idempotency_key}
        return _outcome(
            lambda: self._client().payment_intents.create(params, options), outcome_of_intent
        )

    def _ask(self, call: Callable[[], Any]) -> Json:
        try:
            return body(call())
        except stripe.StripeError as error:
            raise gateway_error(error) from error


def _outcome(call: Callable[[], Any], read: Callable[[Json], Outcome]) -> Outcome:
    try:
        answer = call()
    except stripe.StripeError as error:
        return outcome_of_error(error)
    return read(body(answer))


def _seen(call: Callable[[], Any], read: Callable[[Json], Outcome]) -> Outcome:
    """As _outcome, for a look: that a look was refused says nothing about what is looked for."""
    try:
        answer = call()
    except stripe.StripeError as error:
        return not_seen(error)
    return read(body(answer))


def _with_reference(listing: Any, our_reference: str) -> Json | None:
    """The first of a list, page by page, that bears our reference."""
    objects: Iterable[Any] = listing.auto_paging_iter()
    for found in objects:
        plain: dict[str, Any] = found.to_dict()
        if dict(plain.get("metadata") or {}).get(OUR_REFERENCE) == our_reference:
            return plain
    return None


def _page_params(request: PageRequest) -> dict[str, Any]:
    metadata = {**request.metadata, OUR_REFERENCE: request.our_reference}
    common: dict[str, Any] = {
        "customer": request.customer_reference,
        "client_reference_id": request.our_reference,
        "metadata": metadata,
        "success_url": request.success_url,
        "cancel_url": request.cancel_url,
        "expires_at": int(request.expires_at.timestamp()),
        "expand": SETUP_DETAILS if request.amount is None else SESSION_DETAILS,
    }
    if request.kinds:
        common["payment_method_types"] = _types(request.kinds, request.currency)
    if request.consent:
        common["custom_text"] = {"submit": {"message": request.consent}}
    if request.amount is None:
        setup = {"setup_intent_data": {"metadata": metadata}, "currency": request.currency.lower()}
        return {"mode": "setup", **common, **setup}
    intent: dict[str, Any] = {"description": request.description, "metadata": metadata}
    if request.saves_method:
        intent["setup_future_usage"] = "off_session"
    price = {
        "currency": request.amount.currency.code.lower(),
        "unit_amount": to_stripe(request.amount),
        "product_data": {"name": request.description},
    }
    return {
        "mode": "payment",
        **_authentication_on_page(request.authentication),
        **common,
        "line_items": [{"quantity": 1, "price_data": price}],
        "payment_intent_data": intent,
    }


def _session(request: ChargeRequest) -> dict[str, Any]:
    """Whether anybody is there to confirm, and where the bank's page sends them back to.

    Source: docs.stripe.com/api/payment_intents/create, `return_url` and `off_session`.
    """
    if not request.return_url:
        return _WITHOUT_CUSTOMER
    return {"return_url": request.return_url, **_authentication_on_page(request.authentication)}


def _authentication_on_page(wish: str) -> dict[str, Any]:
    """What the holder's bank is asked; Stripe asks for exemptions itself, unless told to challenge.

    Source: docs.stripe.com/api/checkout/sessions/create, request_three_d_secure.
    """
    if not wish:
        return {}
    how = "challenge" if wish == "challenge" else "automatic"
    return {"payment_method_options": {"card": {"request_three_d_secure": how}}}


def _types(kinds: frozenset[str], currency: str) -> list[str]:
    """What Stripe calls methods of these kinds; wallets of devices come with cards."""
    known = {"card": "card", "bank_debit": DEBITS.get(currency, ""), "wallet": "link"}
    return [known[kind] for kind in sorted(kinds) if known.get(kind)]


def _amount_refused() -> Outcome:
    """No request was made: Stripe takes no odd thousandths."""
    decline = Decline(code="invalid_amount", decline_class=DeclineClass.CONFIG)
    message = "the gateway cannot take an amount that ends in an odd thousandth"
    return Outcome(answer=Answer.NEVER_LEFT, decline=decline, message=message)
