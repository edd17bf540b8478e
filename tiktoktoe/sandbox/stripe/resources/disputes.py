"""Disputes: opened by a test card or by hand, answered with evidence, won or lost."""

from tiktoktoe.sandbox.stripe.errors import ApiError
from tiktoktoe.sandbox.stripe.fees import dispute_fee
from tiktoktoe.sandbox.stripe.resources.balance import DAY, book
from tiktoktoe.sandbox.stripe.resources.files import check_files
from tiktoktoe.sandbox.stripe.resources.mandates import DEBITS, end_mandate
from tiktoktoe.sandbox.stripe.routes import change, readable, route
from tiktoktoe.sandbox.stripe.sandbox import Sandbox, action, snapshot
from tiktoktoe.sandbox.stripe.spec import Json

PATH = "/v1/disputes"
DAYS_TO_ANSWER = 7
# What evidence says decides, as in Stripe's test mode. Source: docs.stripe.com/testing.
VERDICTS = {"winning_evidence": "won", "losing_evidence": "lost"}
INQUIRY = "warning_needs_response"
UNDER_REVIEW = {INQUIRY: "warning_under_review", "needs_response": "under_review"}
OPEN_STATES = frozenset({*UNDER_REVIEW, *UNDER_REVIEW.values()})


@route("POST", f"{PATH}/<identity>")
def update(sandbox: Sandbox, parameters: Json, identity: str) -> Json:
    """Hand in evidence; the text "winning_evidence" wins, "losing_evidence" loses."""
    dispute = _open(sandbox, identity)
    evidence = parameters.get("evidence") or {}
    check_files(sandbox, evidence)
    change(dispute, {"metadata": parameters.get("metadata")})
    if evidence:
        dispute["evidence"] |= evidence
        dispute["evidence_details"]["has_evidence"] = True
    if evidence and parameters.get("submit", True):
        dispute["evidence_details"]["submission_count"] += 1
        dispute["status"] = UNDER_REVIEW.get(dispute["status"], dispute["status"])
        sandbox.agenda.drop("dispute_lapses", dispute["id"])
    sandbox.tell("charge.dispute.updated", dispute)
    verdict = VERDICTS.get(dispute["evidence"]["uncategorized_text"] or "")
    if verdict and dispute["status"] not in UNDER_REVIEW:
        decide(sandbox, dispute, verdict)
    return dispute


@route("POST", f"{PATH}/<identity>/close")
def close(sandbox: Sandbox, _parameters: Json, identity: str) -> Json:
    """Accept a dispute as lost."""
    dispute = _open(sandbox, identity)
    _close(sandbox, dispute, "lost")
    return dispute


@action("dispute_lapses")
def lapse(sandbox: Sandbox, dispute: Json) -> None:
    """Nobody answered in time."""
    if dispute["status"] in UNDER_REVIEW:
        dispute["evidence_details"]["past_due"] = True
        decide(sandbox, dispute, "lost")


def open_dispute(sandbox: Sandbox, charge: Json, reason: str, *, is_inquiry: bool = False) -> Json:
    """The holder contests a charge; its money is taken back with a fee, but for an inquiry.

    Raises:
        ApiError: 400, if there is nothing to contest.
    """
    amount = charge["amount_captured"] - charge["amount_refunded"]
    if charge["status"] != "succeeded" or charge["disputed"] or amount <= 0:
        raise ApiError(400, "This charge cannot be disputed.", param="charge")
    method = sandbox.store.get(charge["payment_method"], "payment_method")
    if method["type"] in DEBITS:
        return _take_back(sandbox, charge, method, amount, reason)
    due_by = sandbox.now() + DAYS_TO_ANSWER * DAY
    dispute = sandbox.new(
        "dispute",
        amount=amount,
        charge=charge["id"],
        currency=charge["currency"],
        payment_intent=charge["payment_intent"],
        reason=reason,
        status=INQUIRY if is_inquiry else "needs_response",
        is_charge_refundable=is_inquiry,
    )
    dispute["evidence_details"]["due_by"] = due_by
    charge["disputed"] = not is_inquiry
    sandbox.plan("dispute_lapses", dispute, due_by)
    if is_inquiry:
        sandbox.tell("charge.dispute.created", dispute)
        return dispute
    _withdraw(sandbox, dispute)
    sandbox.tell("charge.dispute.created", dispute)
    sandbox.tell("charge.dispute.funds_withdrawn", dispute)
    return dispute


def _take_back(sandbox: Sandbox, charge: Json, method: Json, amount: int, reason: str) -> Json:
    """A bank takes a debit back: that is final, and nobody can answer.

    Source: support.stripe.com, "SEPA Direct Debit payment disputes" and "Respond to or contest an
    ACH Direct Debit dispute": also where a bank tells only late that a debit has failed.
    """
    dispute = sandbox.new(
        "dispute",
        amount=amount,
        charge=charge["id"],
        currency=charge["currency"],
        payment_intent=charge["payment_intent"],
        reason=reason,
        status="lost",
        is_charge_refundable=False,
    )
    dispute["evidence_details"]["due_by"] = None
    _withdraw(sandbox, dispute)
    for name in ("created", "funds_withdrawn", "closed"):
        sandbox.tell(f"charge.dispute.{name}", dispute)
    if reason == "debit_not_authorized":
        end_mandate(sandbox, method)
    return dispute


def decide(sandbox: Sandbox, dispute: Json, verdict: str) -> None:
    """The bank's word: won, lost, or, of an inquiry, that it becomes a dispute ("escalated")."""
    is_inquiry = dispute["status"].startswith("warning")
    if verdict == "escalated" and is_inquiry:
        dispute.update(status="needs_response", is_charge_refundable=False)
        _withdraw(sandbox, dispute)
        sandbox.tell("charge.dispute.updated", dispute)
        sandbox.tell("charge.dispute.funds_withdrawn", dispute)
        return
    _close(sandbox, dispute, "warning_closed" if is_inquiry else verdict)


def _withdraw(sandbox: Sandbox, dispute: Json) -> None:
    sandbox.store.get(dispute["charge"], "charge")["disputed"] = True
    _move(sandbox, dispute, -dispute["amount"], fee=dispute_fee(dispute["currency"]))


def _open(sandbox: Sandbox, identity: str) -> Json:
    dispute = sandbox.store.get(identity, "dispute")
    if dispute["status"] not in OPEN_STATES:
        raise ApiError(400, f"The dispute is {dispute['status']} already.")
    return dispute


def _close(sandbox: Sandbox, dispute: Json, status: str) -> None:
    dispute["status"] = status
    sandbox.agenda.drop("dispute_lapses", dispute["id"])
    if status == "won":
        _move(sandbox, dispute, dispute["amount"], fee=-dispute_fee(dispute["currency"]))
        sandbox.tell("charge.dispute.funds_reinstated", dispute)
    sandbox.tell("charge.dispute.closed", dispute)


def _move(sandbox: Sandbox, dispute: Json, amount: int, *, fee: int) -> None:
    transaction = book(sandbox, "adjustment", dispute, amount, fee=fee, is_settled=True)
    dispute["balance_transactions"].append(snapshot(transaction))


readable("dispute", PATH, ["charge", "payment_intent"])
