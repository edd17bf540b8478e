"""Money that was taken or is held: captures, refunds, authorizations.

A capture from a buyer who pays by a bank account is pending first, and completed, or denied,
later. Source of states and events: developer.paypal.com/api/payments/v2 and
developer.paypal.com/api/rest/webhooks/event-names.
"""

from decimal import ROUND_HALF_UP, Decimal

from tiktoktoe.sandbox.core.schemas import Json
from tiktoktoe.sandbox.core.store import Search
from tiktoktoe.sandbox.paypal.business import Business, action
from tiktoktoe.sandbox.paypal.errors import ApiError
from tiktoktoe.sandbox.paypal.routes import route

# Source, secondary pages of 2026: PayPal US 3.49 % and 0.49 for the wallet; elsewhere near.
SHARE = Decimal("0.0349")
FIXED = Decimal("0.49")
WHOLE_UNITS = frozenset({"HUF", "JPY", "TWD"})
# Buyers who pay by a bank account, and what becomes of it an hour later.
SLOW_BUYERS = {"slow": "COMPLETED", "bounced": "DECLINED"}
PENDING_SECONDS = 3600
HELD_SECONDS = 29 * 86_400


@route("GET", "/v2/payments/captures/<id>")
def read_capture(business: Business, _query: Json, identity: str) -> tuple[int, Json]:
    """A capture."""
    return 200, shown_capture(business, business.store.get(identity, "capture"))


@route("POST", "/v2/payments/captures/<id>/refund")
def refund(business: Business, body: Json, identity: str) -> tuple[int, Json]:
    """Give back a capture, or part of it."""
    capture = business.store.get(identity, "capture")
    left = Decimal(capture["amount"]["value"]) - Decimal(capture["refunded"])
    amount = body.get("amount") or {**capture["amount"], "value": str(left)}
    if capture["status"] in {"PENDING", "DECLINED"}:
        raise ApiError(422, "It is not completed.", issue="CAPTURE_NOT_COMPLETED")
    _check_dispute(business, capture, is_part=Decimal(amount["value"]) < left)
    if not 0 < Decimal(amount["value"]) <= left:
        raise ApiError(422, "More than was captured.", issue="REFUND_AMOUNT_EXCEEDED")
    made = give_back(business, capture, amount, body.get("custom_id", ""))
    return 201, shown_refund(business, made)


def _check_dispute(business: Business, capture: Json, *, is_part: bool) -> None:
    """What a dispute has taken is gone; while one is open, only the whole rest is given back.

    An inquiry is no claim yet: of it money may be given back as ever.
    """
    for dispute in business.store.newest_first("dispute", Search(equal={"capture": capture["id"]})):
        if is_taken(dispute):
            raise ApiError(422, "A dispute has taken it.", issue="CAPTURE_FULLY_REFUNDED")
        if is_part and dispute["status"] != "RESOLVED" and dispute["stage"] != "INQUIRY":
            issue = "CAPTURE_DISPUTED_PARTIAL_REFUND_NOT_ALLOWED"
            raise ApiError(422, "There is an open dispute.", issue=issue)


def is_taken(dispute: Json) -> bool:
    """Whether a dispute has taken the money, and not brought it back."""
    signs = {"DEBIT": 1, "CREDIT": -1}
    moved = [row for row in dispute["movements"] if row["reason"] == "DISPUTE_SETTLEMENT"]
    return sum(signs[row["type"]] for row in moved) > 0


@route("GET", "/v2/payments/refunds/<id>")
def read_refund(business: Business, _query: Json, identity: str) -> tuple[int, Json]:
    """A refund."""
    return 200, shown_refund(business, business.store.get(identity, "refund"))


@route("GET", "/v2/payments/authorizations/<id>")
def read_hold(business: Business, _query: Json, identity: str) -> tuple[int, Json]:
    """An authorization."""
    return 200, shown_hold(business.store.get(identity, "authorization"))


@route("POST", "/v2/payments/authorizations/<id>/capture")
def capture_hold(business: Business, body: Json, identity: str) -> tuple[int, Json]:
    """Take what was authorised, or part of it; with the last part the rest is let go."""
    hold = business.store.get(identity, "authorization")
    amount = body.get("amount") or hold["amount"]
    left = Decimal(hold["amount"]["value"]) - Decimal(hold["captured"])
    if hold["status"] not in {"CREATED", "PARTIALLY_CAPTURED"}:
        raise ApiError(422, "It cannot be captured.", issue="AUTHORIZATION_ALREADY_CAPTURED")
    if not 0 < Decimal(amount["value"]) <= left:
        raise ApiError(422, "More than is held.", issue="MAX_CAPTURE_AMOUNT_EXCEEDED")
    hold["captured"] = str(Decimal(hold["captured"]) + Decimal(amount["value"]))
    is_over = body.get("final_capture") or Decimal(amount["value"]) == left
    hold["status"] = "CAPTURED" if is_over else "PARTIALLY_CAPTURED"
    if is_over:
        business.agenda.drop("lapse", hold["id"])
    made = new_capture(
        business,
        amount,
        custom_id=hold["custom_id"],
        invoice_id=body.get("invoice_id", ""),
        buyer=hold["buyer"],
        hold=hold["id"],
    )
    order = business.store.get(hold["order"], "order")
    captures = [*order["payments"].get("captures", ()), made["id"]]
    order["payments"] = {**order["payments"], "captures": captures}
    return 201, shown_capture(business, made)


@route("POST", "/v2/payments/authorizations/<id>/void")
def void(business: Business, _body: Json, identity: str) -> tuple[int, Json]:
    """Let go of what was authorised."""
    hold = business.store.get(identity, "authorization")
    if hold["status"] == "VOIDED":
        raise ApiError(422, "It was voided.", issue="PREVIOUSLY_VOIDED")
    if hold["status"] != "CREATED":
        raise ApiError(422, "It was captured.", issue="PREVIOUSLY_CAPTURED")
    let_go(business, hold)
    return 204, {}


def new_hold(business: Business, order: Json, amount: Json, ours: str) -> Json:
    """Hold money by an order; it lapses after 29 days."""
    hold = business.new(
        "authorization",
        amount=amount,
        status="CREATED",
        captured="0",
        custom_id=ours,
        buyer=order["buyer"],
        order=order["id"],
    )
    business.plan("lapse", hold, business.now() + HELD_SECONDS)
    business.tell("PAYMENT.AUTHORIZATION.CREATED", "authorization", shown_hold(hold))
    return hold


@action("lapse")
def let_go(business: Business, hold: Json) -> None:
    """What is held is not held any more, by a request or because its time is over."""
    business.agenda.drop("lapse", hold["id"])
    hold["status"] = "VOIDED"
    business.tell("PAYMENT.AUTHORIZATION.VOIDED", "authorization", shown_hold(hold))


def new_capture(
    business: Business,
    amount: Json,
    *,
    custom_id: str,
    buyer: str,
    invoice_id: str = "",
    hold: str = "",
) -> Json:
    """Take money, or begin to."""
    places = Decimal(1) if amount["currency_code"] in WHOLE_UNITS else Decimal("0.01")
    fee = Decimal(amount["value"]) * SHARE + FIXED
    is_slow = buyer in SLOW_BUYERS
    made = business.new(
        "capture",
        amount=amount,
        status="PENDING" if is_slow else "COMPLETED",
        refunded="0",
        fee=str(fee.quantize(places, ROUND_HALF_UP)),
        custom_id=custom_id,
        invoice_id=invoice_id,
        buyer=buyer,
        hold=hold,
        ends="",
    )
    if is_slow:
        made["ends"] = SLOW_BUYERS[buyer]
        business.plan("capture_ends", made, business.now() + PENDING_SECONDS)
    _tell_of_capture(business, made, made["status"])
    return made


@action("capture_ends")
def end_capture(business: Business, capture: Json) -> None:
    """The buyer's bank has paid, or has not."""
    capture["status"] = capture["ends"]
    name = "DENIED" if capture["status"] == "DECLINED" else capture["status"]
    _tell_of_capture(business, capture, name)


def give_back(business: Business, capture: Json, amount: Json, ours: str) -> Json:
    """Give back money of a capture; to a bank account it takes an hour."""
    capture["refunded"] = str(Decimal(capture["refunded"]) + Decimal(amount["value"]))
    is_whole = Decimal(capture["refunded"]) == Decimal(capture["amount"]["value"])
    capture["status"] = "REFUNDED" if is_whole else "PARTIALLY_REFUNDED"
    is_slow = capture["buyer"] in SLOW_BUYERS
    made = business.new(
        "refund",
        amount=amount,
        status="PENDING" if is_slow else "COMPLETED",
        custom_id=ours,
        capture=capture["id"],
    )
    if is_slow:
        business.tell("PAYMENT.REFUND.PENDING", "refund", shown_refund(business, made))
        business.plan("refund_ends", made, business.now() + PENDING_SECONDS)
    else:
        end_refund(business, made)
    return made


@action("refund_ends")
def end_refund(business: Business, made: Json) -> None:
    """The buyer has the money."""
    made["status"] = "COMPLETED"
    business.tell("PAYMENT.CAPTURE.REFUNDED", "refund", shown_refund(business, made))


def reverse(business: Business, capture: Json) -> Json:
    """PayPal takes a capture back, as it does when the buyer's bank has; gives the reversal.

    Raises:
        ApiError: 422, if nothing of it is left.
    """
    left = Decimal(capture["amount"]["value"]) - Decimal(capture["refunded"])
    if left <= 0 or capture["status"] in {"PENDING", "DECLINED"}:
        raise ApiError(422, "Nothing is left of it.", issue="CAPTURE_FULLY_REFUNDED")
    amount = {**capture["amount"], "value": str(left)}
    capture.update(refunded=capture["amount"]["value"], status="REFUNDED")
    made = business.new(
        "refund", amount=amount, status="COMPLETED", custom_id="", capture=capture["id"]
    )
    business.tell("PAYMENT.CAPTURE.REVERSED", "refund", shown_refund(business, made))
    return made


def shown_part(business: Business, part: Json) -> Json:
    """A capture or an authorization, within its order."""
    return shown_capture(business, part) if part["object"] == "capture" else shown_hold(part)


def shown_capture(business: Business, capture: Json) -> Json:
    """A capture, as the API shows it."""
    gross, fee = Decimal(capture["amount"]["value"]), Decimal(capture["fee"])
    currency = capture["amount"]["currency_code"]

    def of(value: Decimal) -> Json:
        return {"currency_code": currency, "value": str(value)}

    is_settled = capture["status"] not in {"PENDING", "DECLINED"}
    shown = {
        "id": capture["id"],
        "status": capture["status"],
        "amount": capture["amount"],
        "final_capture": True,
        "custom_id": capture["custom_id"],
        "links": business.links(f"/v2/payments/captures/{capture['id']}"),
    }
    if capture["invoice_id"]:
        shown["invoice_id"] = capture["invoice_id"]
    if capture["status"] == "PENDING":
        shown["status_details"] = {"reason": "ECHECK"}
    if is_settled:
        shown["seller_receivable_breakdown"] = {
            "gross_amount": of(gross),
            "paypal_fee": of(fee),
            "net_amount": of(gross - fee),
        }
    return shown


def shown_hold(hold: Json) -> Json:
    """An authorization, as the API shows it."""
    return {name: hold[name] for name in ("id", "status", "amount", "custom_id")}


def shown_refund(business: Business, made: Json) -> Json:
    """A refund, as the API shows it; "up" is what it is of."""
    shown = {name: made[name] for name in ("id", "status", "amount", "custom_id")}
    itself = business.links(f"/v2/payments/refunds/{made['id']}")
    of = business.links(f"/v2/payments/captures/{made['capture']}", rel="up")
    return {**shown, "links": [*itself, *of]}


def _tell_of_capture(business: Business, capture: Json, name: str) -> None:
    business.tell(f"PAYMENT.CAPTURE.{name}", "capture", shown_capture(business, capture))
