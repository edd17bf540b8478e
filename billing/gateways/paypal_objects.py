"""What PayPal's objects say, in our words."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from billing.domain.attempts import Answer
from billing.domain.paypal_declines import paypal_decline
from billing.gateways.amounts import told_amount
from billing.gateways.base import MethodDetails, Outcome, Page
from tiktoktoe.kernel.money import Money, minor_unit, to_minor, zero

Json = Mapping[str, Any]
# Source: developer.paypal.com/api/rest/reference/currency-codes.
CURRENCIES = frozenset(
    {"AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS", "JPY"}
    | {"MXN", "MYR", "NOK", "NZD", "PHP", "PLN", "SEK", "SGD", "THB", "TWD", "USD"}
)
_WHOLE_UNITS = frozenset({"HUF", "JPY", "TWD"})
_ANSWER_OF_CAPTURE: Mapping[str, Answer] = {
    "COMPLETED": Answer.SUCCEEDED,
    "PARTIALLY_REFUNDED": Answer.SUCCEEDED,
    "REFUNDED": Answer.SUCCEEDED,
    "PENDING": Answer.PENDING,
    "DECLINED": Answer.DECLINED,
    "FAILED": Answer.DECLINED,
}
_ANSWER_OF_HOLD: Mapping[str, Answer] = {
    "CREATED": Answer.AUTHORIZED,
    "PENDING": Answer.PENDING,
    "DENIED": Answer.DECLINED,
    "VOIDED": Answer.ABANDONED,
}
_ANSWER_OF_REFUND: Mapping[str, Answer] = {
    "COMPLETED": Answer.SUCCEEDED,
    "PENDING": Answer.PENDING,
    "CANCELLED": Answer.DECLINED,
    "FAILED": Answer.DECLINED,
}


def to_paypal(money: Money) -> dict[str, str]:
    """An amount as PayPal wants it: a decimal number as text.

    Raises:
        InvariantViolation: If the amount is not payable.
    """
    code = money.currency.code
    places = 0 if code in _WHOLE_UNITS else minor_unit(code)
    value = Decimal(to_minor(money)).scaleb(-minor_unit(code))
    return {"currency_code": code, "value": f"{value:.{places}f}"}


def is_chargeable(money: Money) -> bool:
    """Whether PayPal can take it: a currency of its own, of some of them whole units only."""
    code = money.currency.code
    if code not in CURRENCIES:
        return False
    return code not in _WHOLE_UNITS or to_minor(money) % 10 ** minor_unit(code) == 0


def from_paypal(amount: Json) -> Money:
    """The amount that PayPal means.

    Raises:
        ValueError: If nobody can pay it.
    """
    return told_amount(Decimal(str(amount["value"])), str(amount["currency_code"]))


def outcome_of_order(order: Json) -> Outcome:
    """What an order says about its one payment; one that is only approved is no payment yet."""
    session, status = str(order.get("id") or ""), order.get("status")
    payments = _payments(order)
    if payments.get("authorizations"):
        held = outcome_of_hold(payments["authorizations"][0])
        # What was captured of it was not let go, whatever became of the rest.
        is_over = held.answer == Answer.ABANDONED and payments.get("captures")
        answer = Answer.INCONCLUSIVE if is_over else held.answer
        return replace(held, answer=answer, session=session)
    if payments.get("captures"):
        captured = outcome_of_capture(payments["captures"][0])
        return _with(captured, session=session, method=method_of(order))
    if status == "VOIDED":
        return Outcome(answer=Answer.ABANDONED, session=session)
    if status in {"CREATED", "SAVED", "PAYER_ACTION_REQUIRED", "APPROVED"}:
        url = _link(order, "payer-action") or _link(order, "approve")
        return Outcome(answer=Answer.REQUIRES_ACTION, session=session, action_url=url)
    return Outcome(answer=Answer.INCONCLUSIVE, session=session)


def outcome_of_hold(held: Json) -> Outcome:
    """What an authorization says; of one that was captured, its captures say what was taken."""
    answer = _ANSWER_OF_HOLD.get(str(held.get("status")), Answer.INCONCLUSIVE)
    reason = str((held.get("status_details") or {}).get("reason") or "DECLINED")
    return Outcome(
        answer=answer,
        reference=str(held["id"]),
        decline=paypal_decline(reason) if answer == Answer.DECLINED else None,
        amount=zero(str(held["amount"]["currency_code"])) if answer == Answer.AUTHORIZED else None,
    )


def outcome_of_capture(capture: Json) -> Outcome:
    """What a capture says, with PayPal's fee."""
    answer = _ANSWER_OF_CAPTURE.get(str(capture.get("status")), Answer.INCONCLUSIVE)
    reason = str((capture.get("status_details") or {}).get("reason") or "DECLINED")
    amount = from_paypal(capture["amount"])
    return Outcome(
        answer=answer,
        reference=str(capture["id"]),
        decline=paypal_decline(reason) if answer == Answer.DECLINED else None,
        amount=amount if answer == Answer.SUCCEEDED else None,
        fee=_fee(capture),
    )


def outcome_of_refund(refund: Json) -> Outcome:
    """What a refund says."""
    answer = _ANSWER_OF_REFUND.get(str(refund.get("status")), Answer.INCONCLUSIVE)
    amount = from_paypal(refund["amount"]) if refund.get("amount") else None
    return Outcome(answer=answer, reference=str(refund["id"]), amount=amount)


def page_of_order(order: Json) -> Page:
    """An order, as the page that it is for whoever pays."""
    method = method_of(order)
    return Page(
        reference=str(order["id"]),
        customer_reference=method.customer_reference if method else "",
        is_complete=order.get("status") == "COMPLETED",
        url=_link(order, "payer-action"),
        method=method,
    )


def method_of(order: Json) -> MethodDetails | None:
    """The wallet that was stored while paying."""
    wallet = (order.get("payment_source") or {}).get("paypal") or {}
    vault = (wallet.get("attributes") or {}).get("vault") or {}
    if vault.get("status") != "VAULTED" or not vault.get("id"):
        return None
    customer = str((vault.get("customer") or {}).get("id") or "")
    return wallet_details(str(vault["id"]), customer, wallet)


def wallet_details(reference: str, customer: str, wallet: Json) -> MethodDetails:
    """What of a wallet may be shown: not whose it is, only that it is PayPal's."""
    address = wallet.get("address") or {}
    return MethodDetails(
        reference=reference,
        customer_reference=customer,
        kind="wallet",
        brand="paypal",
        country=str(address.get("country_code") or ""),
    )


def _with(outcome: Outcome, *, session: str, method: MethodDetails | None) -> Outcome:
    return replace(outcome, session=session, method=method)


def _payments(order: Json) -> Json:
    units = order.get("purchase_units") or [{}]
    payments: Json = units[0].get("payments") or {}
    return payments


def _link(order: Json, rel: str) -> str:
    for link in order.get("links") or []:
        if link.get("rel") == rel:
            return str(link.get("href") or "")
    return ""


def _fee(capture: Json) -> Money | None:
    fee = (capture.get("seller_receivable_breakdown") or {}).get("paypal_fee")
    return from_paypal(fee) if fee else None
