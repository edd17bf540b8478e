"""Customers' disputes: raised and decided by hand, answered or accepted, lost without an answer.

An inquiry moves no money. A claim is decided by PayPal, and the seller pays when it is lost; an
external one (a chargeback at the card's issuer) takes the money at once. Source of fields,
states and outcomes: developer.paypal.com/docs/api/customer-disputes/v1; of fees: PayPal's
merchant fees of 2026 (US): 15.00 for a claim that is lost, not one of an unauthorised payment,
20.00 for a chargeback.
"""

from decimal import Decimal

from tiktoktoe.sandbox.core.schemas import Json
from tiktoktoe.sandbox.core.store import Search
from tiktoktoe.sandbox.paypal.business import Business, action
from tiktoktoe.sandbox.paypal.errors import ApiError
from tiktoktoe.sandbox.paypal.payments import is_taken
from tiktoktoe.sandbox.paypal.routes import route

DISPUTES = "/v1/customer/disputes"
DAY = 86_400
DAYS_TO_ANSWER = {"INQUIRY": 20, "CHARGEBACK": 10}
DISPUTE_FEE, CHARGEBACK_FEE = "15.00", "20.00"
WITHOUT_FEE = "UNAUTHORISED"
REASONS = frozenset(
    {
        "MERCHANDISE_OR_SERVICE_NOT_RECEIVED",
        "MERCHANDISE_OR_SERVICE_NOT_AS_DESCRIBED",
        "UNAUTHORISED",
        "CREDIT_NOT_PROCESSED",
        "DUPLICATE_TRANSACTION",
        "INCORRECT_AMOUNT",
        "PAYMENT_BY_OTHER_MEANS",
        "CANCELED_RECURRING_BILLING",
        "PROBLEM_WITH_REMITTANCE",
        "OTHER",
    }
)
NOTES_MAX = 2000
ACCEPTED_BY = "REFUND"


@route("GET", DISPUTES)
def list_disputes(business: Business, query: Json) -> tuple[int, Json]:
    """The disputes of a transaction, in short."""
    search = Search(equal={"capture": query.get("disputed_transaction_id", "")})
    found = [shown(business, dispute) for dispute in business.store.newest_first("dispute", search)]
    names = ("dispute_id", "reason", "status", "dispute_amount", "create_time", "update_time")
    return 200, {"items": [{name: row[name] for name in names} for row in found]}


@route("GET", f"{DISPUTES}/<id>")
def read_dispute(business: Business, _query: Json, identity: str) -> tuple[int, Json]:
    """A dispute."""
    return 200, shown(business, business.store.get(identity, "dispute"))


@route("POST", f"{DISPUTES}/<id>/provide-evidence")
def provide_evidence(business: Business, body: Json, identity: str) -> tuple[int, Json]:
    """Take the seller's evidence, as long as it is waited for."""
    dispute = business.store.get(identity, "dispute")
    if not takes_evidence(dispute):
        raise ApiError(422, "The dispute takes no evidence.", issue="ACTION_NOT_ALLOWED_FOR_STATUS")
    given = body.get("evidences") or []
    is_pdf = body.get("file", b"%PDF").startswith(b"%PDF")
    if not given or not is_pdf or any(len(row.get("notes", "")) > NOTES_MAX for row in given):
        raise ApiError(400, "The evidence cannot be read.", issue="INVALID_EVIDENCE_FILE")
    dispute["evidences"] += [
        {
            "evidence_type": row["evidence_type"],
            "notes": row.get("notes", ""),
            "source": "SUBMITTED_BY_SELLER",
            "date": business.at(),
        }
        for row in given
    ]
    business.agenda.drop("answer_ends", dispute["id"])
    _move(business, dispute, "UNDER_REVIEW")
    return 200, {"links": business.links(f"{DISPUTES}/{identity}")}


@route("POST", f"{DISPUTES}/<id>/accept-claim")
def accept_claim(business: Business, body: Json, identity: str) -> tuple[int, Json]:
    """Give the money back, and the dispute up."""
    dispute = business.store.get(identity, "dispute")
    if not body.get("note") or body.get("accept_claim_type", ACCEPTED_BY) != ACCEPTED_BY:
        raise ApiError(400, "A note is needed.", issue="MISSING_REQUIRED_PARAMETER")
    if dispute["status"] in {"RESOLVED", "UNDER_REVIEW"}:
        raise ApiError(422, "It cannot be accepted.", issue="ACTION_NOT_ALLOWED_FOR_STATUS")
    _settle(business, dispute, "DEBIT")
    _resolve(business, dispute, "ACCEPTED")
    return 200, {"links": business.links(f"{DISPUTES}/{identity}")}


def open_dispute(
    business: Business, capture: Json, *, reason: str, stage: str, is_external: bool
) -> Json:
    """The buyer contests a payment; at the issuer of a card, the money is taken at once.

    Raises:
        ApiError: 422, if there is nothing to contest, or not for this reason.
    """
    left = Decimal(capture["amount"]["value"]) - Decimal(capture["refunded"])
    if left <= 0 or capture.get("disputed") or reason not in REASONS:
        raise ApiError(422, "This payment cannot be disputed", issue="TRANSACTION_NOT_ELIGIBLE")
    identity = business.new("dispute_number")["id"]
    due = business.now() + DAYS_TO_ANSWER[stage] * DAY
    dispute = business.store.add(
        {
            "object": "dispute",
            "id": f"PP-D-{identity[:10]}",
            "created": business.now(),
            "updated": business.now(),
            "capture": capture["id"],
            "amount": {**capture["amount"], "value": str(left)},
            "reason": reason,
            "status": "WAITING_FOR_SELLER_RESPONSE",
            "stage": stage,
            "channel": "EXTERNAL" if is_external else "INTERNAL",
            "due": due,
            "outcome": "",
            "adjudication": "",
            "movements": [],
            "evidences": [],
        }
    )
    capture["disputed"] = True
    business.plan("answer_ends", dispute, due)
    if is_external:
        _settle(business, dispute, "DEBIT")
        _charge(business, dispute, "CHARGEBACK_FEE", CHARGEBACK_FEE)
    _tell(business, dispute, "CREATED")
    return dispute


def decide(business: Business, dispute: Json, verdict: str) -> None:
    """PayPal's word: won, lost, canceled, or that an inquiry becomes a claim ("escalated")."""
    business.agenda.drop("answer_ends", dispute["id"])
    if verdict == "escalated":
        dispute.update(stage="CHARGEBACK", due=business.now() + DAYS_TO_ANSWER["CHARGEBACK"] * DAY)
        business.plan("answer_ends", dispute, dispute["due"])
        _move(business, dispute, "WAITING_FOR_SELLER_RESPONSE")
    elif verdict == "lost":
        _lose(business, dispute)
    else:
        if is_taken(dispute):
            _settle(business, dispute, "CREDIT")
        code = {"won": "RESOLVED_SELLER_FAVOUR", "canceled": "CANCELED_BY_BUYER"}[verdict]
        _resolve(business, dispute, code)


@action("answer_ends")
def end_answer(business: Business, dispute: Json) -> None:
    """Nobody answered in time: the buyer is right. An inquiry is closed without a word."""
    if dispute["stage"] == "INQUIRY":
        _resolve(business, dispute, "CANCELED_BY_BUYER")
        return
    dispute["adjudication"] = "NO_SELLER_RESPONSE"
    _lose(business, dispute)


def takes_evidence(dispute: Json) -> bool:
    """Whether the seller's evidence is waited for; in an inquiry the two only talk."""
    is_claim = dispute["stage"] != "INQUIRY"
    return bool(is_claim and dispute["status"] == "WAITING_FOR_SELLER_RESPONSE")


def shown(business: Business, dispute: Json) -> Json:
    """A dispute, as the API shows it."""
    path = f"{DISPUTES}/{dispute['id']}"
    capture = business.store.get(dispute["capture"])
    links = business.links(path)
    if takes_evidence(dispute):
        links += business.links(f"{path}/provide-evidence", rel="provide_evidence", method="POST")
    if dispute["status"] == "WAITING_FOR_SELLER_RESPONSE":
        links += business.links(f"{path}/accept-claim", rel="accept_claim", method="POST")
    answer = {
        "dispute_id": dispute["id"],
        "create_time": business.at(dispute["created"]),
        "update_time": business.at(dispute["updated"]),
        "disputed_transactions": [
            {
                "seller_transaction_id": capture["id"],
                "custom": capture["custom_id"],
                "gross_amount": capture["amount"],
            }
        ],
        "reason": dispute["reason"],
        "status": dispute["status"],
        "dispute_amount": dispute["amount"],
        "dispute_life_cycle_stage": dispute["stage"],
        "dispute_channel": dispute["channel"],
        "links": links,
    }
    if dispute["status"] == "WAITING_FOR_SELLER_RESPONSE":
        answer["seller_response_due_date"] = business.at(dispute["due"])
    if dispute["outcome"]:
        answer["dispute_outcome"] = {"outcome_code": dispute["outcome"]}
    if dispute["adjudication"]:
        answer["adjudications"] = [
            {
                "type": "RECOVER_FROM_SELLER",
                "reason": dispute["adjudication"],
                "adjudication_time": business.at(dispute["updated"]),
            }
        ]
    if dispute["movements"]:
        answer["money_movements"] = dispute["movements"]
    if dispute["evidences"]:
        answer["evidences"] = dispute["evidences"]
    return answer


def _lose(business: Business, dispute: Json) -> None:
    if not is_taken(dispute):
        _settle(business, dispute, "DEBIT")
        if dispute["reason"] != WITHOUT_FEE:
            _charge(business, dispute, "DISPUTE_FEE", DISPUTE_FEE)
    _resolve(business, dispute, "RESOLVED_BUYER_FAVOUR")


def _settle(business: Business, dispute: Json, kind: str) -> None:
    _note(business, dispute, "DISPUTE_SETTLEMENT", kind, dispute["amount"])


def _charge(business: Business, dispute: Json, reason: str, value: str) -> None:
    _note(business, dispute, reason, "DEBIT", {**dispute["amount"], "value": value})


def _note(business: Business, dispute: Json, reason: str, kind: str, amount: Json) -> None:
    moved = {
        "affected_party": "SELLER",
        "amount": amount,
        "initiated_time": business.at(),
        "type": kind,
        "reason": reason,
    }
    dispute["movements"] = [*dispute["movements"], moved]


def _resolve(business: Business, dispute: Json, outcome: str) -> None:
    business.agenda.drop("answer_ends", dispute["id"])
    dispute.update(outcome=outcome, status="RESOLVED", updated=business.now())
    _tell(business, dispute, "RESOLVED")


def _move(business: Business, dispute: Json, status: str) -> None:
    dispute.update(status=status, updated=business.now())
    _tell(business, dispute, "UPDATED")


def _tell(business: Business, dispute: Json, what: str) -> None:
    business.tell(f"CUSTOMER.DISPUTE.{what}", "dispute", shown(business, dispute))
