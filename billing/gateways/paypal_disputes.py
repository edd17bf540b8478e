"""What a dispute of PayPal's says, in our words, and how one is answered.

Source: developer.paypal.com/docs/api/customer-disputes/v1, and the document
customer_disputes_v1 of github.com/paypal/paypal-rest-api-specifications (version 1.10).
"""

import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from billing.domain.attempts import Answer
from billing.domain.disputes import DisputeState
from billing.gateways.base import Outcome
from billing.gateways.disputes import DisputeMovement, DisputeReport, EvidenceRequest
from billing.gateways.paypal_objects import from_paypal
from tiktoktoe.kernel.money import Money, zero

Json = Mapping[str, Any]
D = DisputeState
DISPUTES = "/v1/customer/disputes"
NOTES_MAX = 2000
NAMED_BY = "evidence-file"
_FUNDS = "DISPUTE_SETTLEMENT"
_SIGNS = {"DEBIT": 1, "CREDIT": -1}
# Outcomes that say by themselves who has won; of the others the money tells.
_OUTCOMES: Mapping[str, DisputeState] = {
    "RESOLVED_BUYER_FAVOUR": D.LOST,
    "RESOLVED_SELLER_FAVOUR": D.WON,
    "DENIED": D.WON,
    "ACCEPTED": D.ACCEPTED,
}
_STATES: Mapping[str, DisputeState] = {
    "OPEN": D.NEEDS_RESPONSE,
    "WAITING_FOR_SELLER_RESPONSE": D.NEEDS_RESPONSE,
    "WAITING_FOR_BUYER_RESPONSE": D.UNDER_REVIEW,
    "UNDER_REVIEW": D.UNDER_REVIEW,
}


def report_of(dispute: Json) -> DisputeReport:
    """A dispute, with what it has moved of the seller's money."""
    amount = from_paypal(dispute["dispute_amount"])
    movements = _movements(dispute, amount)
    disputed = (dispute.get("disputed_transactions") or [{}])[0]
    return DisputeReport(
        reference=str(dispute["dispute_id"]),
        charge_reference=str(disputed.get("seller_transaction_id") or ""),
        our_reference=str(disputed.get("custom") or ""),
        state=_state(dispute, tuple(m for m in movements if m.amount.currency == amount.currency)),
        reason=str(dispute.get("reason") or ""),
        amount=amount,
        due_at=_instant(dispute.get("seller_response_due_date")),
        movements=movements,
        is_decided=dispute.get("status") == "RESOLVED",
    )


def takes_evidence(dispute: Json) -> bool:
    """Whether PayPal waits for evidence; without the link none can be given."""
    rels = {str(link.get("rel")).replace("-", "_") for link in dispute.get("links") or []}
    return "provide_evidence" in rels


def evidence_of(request: EvidenceRequest) -> dict[str, tuple[str | None, bytes, str]]:
    """The parts of the form: what is said in short, and the whole as a PDF."""
    said = request.texts.get("statement") or "The attached document says what was bought and used."
    evidence = {"evidence_type": "OTHER", "notes": said[:NOTES_MAX]}
    content = json.dumps({"evidences": [evidence]}).encode()
    return {
        "input": (None, content, "application/json"),
        NAMED_BY: ("evidence.pdf", request.document, "application/pdf"),
    }


def outcome_of_answer(reference: str) -> Outcome:
    """PayPal has it."""
    return Outcome(answer=Answer.SUCCEEDED, reference=reference)


def _state(dispute: Json, movements: tuple[DisputeMovement, ...]) -> DisputeState | None:
    is_inquiry = dispute.get("dispute_life_cycle_stage") == "INQUIRY"
    if dispute.get("status") != "RESOLVED":
        state = _STATES.get(str(dispute.get("status")))
        # Buyer and seller talk; nothing is decided, whoever's turn it is.
        return D.INQUIRY if is_inquiry and state is not None else state
    outcome = str((dispute.get("dispute_outcome") or {}).get("outcome_code") or "")
    if outcome == "CANCELED_BY_BUYER":
        return D.CLOSED if is_inquiry else D.WON
    state = _OUTCOMES.get(outcome) or _by_money(movements)
    return D.EXPIRED if state == D.LOST and _nobody_answered(dispute) else state


def _by_money(movements: tuple[DisputeMovement, ...]) -> DisputeState:
    """PayPal may pay from its own pocket: it is lost where the seller's money is gone."""
    funds = [moved.amount.amount for moved in movements if moved.kind == "funds"]
    return D.LOST if sum(funds) > 0 else D.WON


def _nobody_answered(dispute: Json) -> bool:
    reasons = {str(row.get("reason")) for row in dispute.get("adjudications") or []}
    return "NO_SELLER_RESPONSE" in reasons


def _movements(dispute: Json, amount: Money) -> tuple[DisputeMovement, ...]:
    """What was taken of the seller or given back, in whatever currency; each counts once.

    They have no names of their own: the reason, the direction and the time are one, and those
    that share even these are numbered.
    """
    made, seen = [], Counter[str]()
    for row in dispute.get("money_movements") or []:
        told = from_paypal(row["amount"]) if row.get("amount") else zero(amount.currency.code)
        sign = _SIGNS.get(str(row.get("type")), 0)
        if row.get("affected_party") != "SELLER" or not sign or not told.amount:
            continue
        name = f"{row.get('reason')}:{row['type']}:{row.get('initiated_time')}"
        if told.currency != amount.currency:
            name = f"{name}:{told.currency.code}"
        seen[name] += 1
        reference = name if seen[name] == 1 else f"{name}:{seen[name]}"
        kind = "funds" if row.get("reason") == _FUNDS else "fee"
        made.append(DisputeMovement(kind=kind, reference=reference, amount=told * sign))
    return tuple(made)


def _instant(text: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
