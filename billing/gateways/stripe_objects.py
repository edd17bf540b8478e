"""What Stripe's objects say, in our words. They come as plain JSON values."""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any

from billing.domain.attempts import Answer
from billing.domain.debit_schemes import ACH_DEBIT, SEPA_DEBIT
from billing.gateways.base import MethodDetails, Outcome, Page
from billing.gateways.mandates import MandateDetails
from billing.gateways.stripe_amounts import from_stripe
from billing.gateways.stripe_client import decline_of
from tiktoktoe.kernel.money import Money, quantize_amount

_ANSWER_OF_INTENT: Mapping[str, Answer] = {
    "succeeded": Answer.SUCCEEDED,
    "processing": Answer.PENDING,
    "requires_action": Answer.REQUIRES_ACTION,
    "requires_capture": Answer.AUTHORIZED,
    "canceled": Answer.ABANDONED,
}
_ANSWER_OF_REFUND: Mapping[str, Answer] = {
    "succeeded": Answer.SUCCEEDED,
    "pending": Answer.PENDING,
    "requires_action": Answer.REQUIRES_ACTION,
    "failed": Answer.DECLINED,
    "canceled": Answer.DECLINED,
}
_KINDS: Mapping[str, str] = {
    "card": "card",
    "us_bank_account": "bank_debit",
    "sepa_debit": "bank_debit",
    "bacs_debit": "bank_debit",
}
# Debits are known by their scheme, as those of our own bank rail are.
_SCHEMES: Mapping[str, str] = {"us_bank_account": ACH_DEBIT, "sepa_debit": SEPA_DEBIT}
Json = Mapping[str, Any]


def outcome_of_intent(intent: Json) -> Outcome:
    """What a PaymentIntent says; its charge, fee and method when they were expanded."""
    error = intent.get("last_payment_error")
    answer = _ANSWER_OF_INTENT.get(str(intent.get("status")), Answer.INCONCLUSIVE)
    if intent.get("status") == "requires_payment_method" and error:
        answer = Answer.DECLINED
    return Outcome(
        answer=answer,
        reference=str(intent["id"]),
        action_url=_action_url(intent),
        decline=decline_of(error) if error and answer == Answer.DECLINED else None,
        message=str(error.get("message") or "")[:300] if error else "",
        amount=from_stripe(int(intent.get("amount_received") or 0), str(intent["currency"])),
        fee=_fee(intent.get("latest_charge")),
        method=_method_of_intent(intent),
    )


def outcome_of_session(session: Json) -> Outcome:
    """What a Checkout session in payment mode says about its one payment.

    While the page is open, a declined card is no outcome: the customer may try another.
    """
    intent, reference = session.get("payment_intent"), str(session["id"])
    if session.get("status") == "expired":
        return Outcome(answer=Answer.ABANDONED, session=reference)
    if session.get("status") != "complete":
        return Outcome(
            answer=Answer.REQUIRES_ACTION,
            session=reference,
            action_url=str(session.get("url") or ""),
            message=_last_error(intent),
        )
    if not isinstance(intent, Mapping):
        return Outcome(answer=Answer.INCONCLUSIVE, reference=_id(intent), session=reference)
    return replace(outcome_of_intent(intent), session=reference, action_url="")


def outcome_of_refund(refund: Json) -> Outcome:
    """What a Refund says."""
    return Outcome(
        answer=_ANSWER_OF_REFUND.get(str(refund.get("status")), Answer.INCONCLUSIVE),
        reference=str(refund["id"]),
        message=str(refund.get("failure_reason") or ""),
        amount=from_stripe(int(refund["amount"]), str(refund["currency"])),
    )


def page_of_session(session: Json) -> Page:
    """A Checkout session, whatever its mode."""
    intent = session.get("setup_intent") or session.get("payment_intent")
    method = intent.get("payment_method") if isinstance(intent, Mapping) else None
    agreed = ((session.get("custom_text") or {}).get("submit") or {}).get("message")
    mandate = intent.get("mandate") if isinstance(intent, Mapping) else None
    return Page(
        reference=str(session["id"]),
        customer_reference=_id(session.get("customer")),
        is_complete=session.get("status") == "complete",
        url=str(session.get("url") or ""),
        method=method_details(method, mandate) if isinstance(method, Mapping) else None,
        consent=str(agreed or ""),
        metadata=dict(session.get("metadata") or {}),
    )


def method_details(method: Json, mandate: object = None) -> MethodDetails:
    """What of a PaymentMethod may be shown, with the mandate that it goes by, if it is told.

    Apple Pay and Google Pay are told as cards in a wallet; Link is a type of its own, and tells
    nothing of the card behind it. Source: Stripe's OpenAPI document, payment_method_card_wallet.
    """
    kind = str(method["type"])
    parts = method.get(kind) or {}
    wallet = str((parts.get("wallet") or {}).get("type") or "") if kind == "card" else ""
    shown = str(parts.get("brand") or parts.get("bank_name") or "")
    return MethodDetails(
        reference=str(method["id"]),
        customer_reference=_id(method.get("customer")),
        kind="wallet" if wallet else _KINDS.get(kind, "wallet"),
        brand=wallet or _SCHEMES.get(kind) or shown or ("" if kind in _KINDS else kind),
        network=shown if wallet else "",
        last4=str(parts.get("last4") or ""),
        expires_on=_last_day(parts.get("exp_year"), parts.get("exp_month")),
        country="US" if kind == "us_bank_account" else str(parts.get("country") or ""),
        fingerprint=str(parts.get("fingerprint") or "") if kind == "card" else "",
        mandate=mandate_details(mandate) if mandate else None,
    )


def mandate_details(mandate: object) -> MandateDetails:
    """What a Mandate says, or only its name where it was not expanded."""
    if not isinstance(mandate, Mapping):
        return MandateDetails(reference=str(mandate))
    details = mandate.get("payment_method_details") or {}
    sepa = details.get("sepa_debit") or {}
    acceptance = mandate.get("customer_acceptance") or {}
    agreed = acceptance.get("accepted_at")
    return MandateDetails(
        reference=str(mandate["id"]),
        scheme_reference=str(sepa.get("reference") or ""),
        url=str(sepa.get("url") or ""),
        state=str(mandate["status"]),
        accepted_at=datetime.fromtimestamp(int(agreed), UTC) if agreed else None,
        accepted_from=str((acceptance.get("online") or {}).get("ip_address") or ""),
    )


def _action_url(intent: Json) -> str:
    redirect = (intent.get("next_action") or {}).get("redirect_to_url") or {}
    return str(redirect.get("url") or "")


def _fee(charge: object) -> Money | None:
    """The processor's fee, once the charge's balance transaction is there and expanded.

    It is taken in the account's currency; where that is another than the charge's, it is put
    back into the charge's by the rate at which Stripe exchanged this very charge, if it tells one.
    """
    transaction = charge.get("balance_transaction") if isinstance(charge, Mapping) else None
    if not isinstance(charge, Mapping) or not isinstance(transaction, Mapping):
        return None
    fee = from_stripe(int(transaction["fee"]), str(transaction["currency"]))
    if str(charge["currency"]).upper() == fee.currency.code:
        return fee
    rate = transaction.get("exchange_rate")
    if not rate:
        return fee
    return quantize_amount(Fraction(fee.amount) / Fraction(str(rate)), charge["currency"].upper())


def _method_of_intent(intent: Json) -> MethodDetails | None:
    method, charge = intent.get("payment_method"), intent.get("latest_charge")
    if not isinstance(method, Mapping):
        return None
    details = charge.get("payment_method_details") if isinstance(charge, Mapping) else None
    mandate = ((details or {}).get(str(method["type"])) or {}).get("mandate")
    return method_details(method, mandate)


def _last_error(intent: object) -> str:
    error = intent.get("last_payment_error") if isinstance(intent, Mapping) else None
    return str((error or {}).get("message") or "")[:300]


def _last_day(year: int | None, month: int | None) -> date | None:
    if not year or not month:
        return None
    return date(year, month, monthrange(year, month)[1])


def _id(value: object) -> str:
    """The id of something that may have been expanded."""
    return str(value.get("id") if isinstance(value, Mapping) else value or "")
