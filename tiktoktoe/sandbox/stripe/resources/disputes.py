"""Disputes: opened by a test card, answered with evidence, won or lost."""

from tiktoktoe.sandbox.stripe.errors import ApiError
from tiktoktoe.sandbox.stripe.resources.balance import book
from tiktoktoe.sandbox.stripe.routes import readable, route
from tiktoktoe.sandbox.stripe.sandbox import Sandbox
from tiktoktoe.sandbox.stripe.spec import Json

PATH = "/v1/disputes"
DAYS_TO_ANSWER = 7
FEE = 2000
OPEN_STATES = {"needs_response", "under_review"}


@route("POST", f"{PATH}/<identity>")
def update(sandbox: Sandbox, parameters: Json, identity: str) -> Json:
    """Hand in evidence; the text "winning_evidence" wins, "losing_evidence" loses."""
    dispute = sandbox.store.get(identity, "dispute")
    evidence = parameters.get("evidence") or {}
    dispute["evidence"] |= evidence
    dispute["evidence_details"]["has_evidence"] = True
    text = evidence.get("uncategorized_text")
    if parameters.get("submit", True):
        dispute["evidence_details"]["submission_count"] += 1
        dispute["status"] = "under_review"
    if text in {"winning_evidence", "losing_evidence"}:
        _close(sandbox, dispute, "won" if text == "winning_evidence" else "lost")
    sandbox.store.touch(dispute)
    sandbox.tell("charge.dispute.updated", dispute)
    return dispute


@route("POST", f"{PATH}/<identity>/close")
def close(sandbox: Sandbox, _parameters: Json, identity: str) -> Json:
    """Accept a dispute as lost."""
    dispute = sandbox.store.get(identity, "dispute")
    if dispute["status"] not in OPEN_STATES:
        raise ApiError(400, f"The dispute is {dispute['status']}.")
    _close(sandbox, dispute, "lost")
    return dispute


def open_dispute(sandbox: Sandbox, charge: Json) -> None:
    """The card's holder contests a charge; its money is taken back with a fee."""
    evidence = sandbox.spec.skeleton("dispute_evidence")
    dispute = sandbox.new(
        "dispute",
        amount=charge["amount"],
        charge=charge["id"],
        currency=charge["currency"],
        payment_intent=charge["payment_intent"],
        reason="fraudulent",
        status="needs_response",
        is_charge_refundable=False,
        balance_transactions=[],
        enhanced_eligibility_types=[],
        evidence={**evidence, "enhanced_evidence": {}},
        evidence_details={
            "due_by": sandbox.now() + DAYS_TO_ANSWER * 86_400,
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "enhanced_eligibility": {},
        },
    )
    taken = book(sandbox, "adjustment", dispute, -charge["amount"], FEE)
    dispute["balance_transactions"].append(taken)
    charge["disputed"] = True
    sandbox.store.touch(charge)
    sandbox.tell("charge.dispute.created", dispute)


def _close(sandbox: Sandbox, dispute: Json, status: str) -> None:
    dispute["status"] = status
    if status == "won":
        back = book(sandbox, "adjustment", dispute, dispute["amount"])
        dispute["balance_transactions"].append(back)
    sandbox.store.touch(dispute)
    sandbox.tell("charge.dispute.closed", dispute)


readable("dispute", PATH, ["charge", "payment_intent"])
