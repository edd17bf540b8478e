"""What a Dispute of Stripe says, in our words.

Source: docs.stripe.com/api/disputes/object.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from billing.domain.attempts import Answer
from billing.domain.disputes import DisputeState
from billing.gateways.base import Outcome
from billing.gateways.disputes import DisputeMovement, DisputeReport, EvidenceRequest
from billing.gateways.stripe_amounts import from_stripe
from tiktoktoe.kernel.money import Money, quantize_amount

Json = Mapping[str, Any]
D = DisputeState
_STATES: Mapping[str, DisputeState] = {
    "warning_needs_response": D.INQUIRY,
    "warning_under_review": D.UNDER_REVIEW,
    "warning_closed": D.CLOSED,
    "prevented": D.CLOSED,
    "needs_response": D.NEEDS_RESPONSE,
    "under_review": D.UNDER_REVIEW,
    "won": D.WON,
    "lost": D.LOST,
}


def report_of(dispute: Json) -> DisputeReport:
    """A Dispute, with the movements of its balance transactions.

    Its payment may be its name alone, as in events, or all of it, with our name in it.
    """
    of = dispute.get("payment_intent") or {}
    intent: Json = {"id": of} if isinstance(of, str) else of
    currency = str(dispute["currency"]).upper()
    amount = from_stripe(int(dispute["amount"]), currency)
    details = dispute.get("evidence_details") or {}
    return DisputeReport(
        reference=str(dispute["id"]),
        charge_reference=str(intent.get("id") or ""),
        our_reference=str((intent.get("metadata") or {}).get("our_reference") or ""),
        state=_state(dispute, details),
        reason=str(dispute.get("network_reason_code") or dispute.get("reason") or ""),
        amount=amount,
        due_at=_instant(details.get("due_by")),
        movements=tuple(
            movement
            for transaction in dispute.get("balance_transactions") or []
            for movement in _movements(transaction, amount)
        ),
    )


def outcome_of_dispute(dispute: Json) -> Outcome:
    """That the bank has our answer, in the state that the Dispute then has."""
    waits = {"needs_response", "warning_needs_response"}
    answer = Answer.INCONCLUSIVE if dispute["status"] in waits else Answer.SUCCEEDED
    return Outcome(answer=answer, reference=str(dispute["id"]))


def evidence_of(request: EvidenceRequest) -> dict[str, str]:
    """The evidence in Stripe's fields; what has none of its own is put together.

    Source: docs.stripe.com/api/disputes/evidence_object.
    """
    own = {"product": "product_description", "usage": "access_activity_log"}
    rest = [
        f"{name.capitalize()}\n{text}" for name, text in request.texts.items() if name not in own
    ]
    given = {
        **{field: request.texts.get(name, "") for name, field in own.items()},
        "customer_name": request.customer_name,
        "customer_email_address": request.customer_email,
        "customer_purchase_ip": request.purchase_address,
        **{field: request.files.get(name, "") for name, field in _FILES.items()},
        "uncategorized_text": "\n\n".join(part for part in rest if part.partition("\n")[2]),
    }
    return {field: text for field, text in given.items() if text}


# Which part of Stripe's evidence a document of ours is.
_FILES: Mapping[str, str] = {
    "receipt": "receipt",
    "communication": "customer_communication",
    "service": "service_documentation",
}


def _state(dispute: Json, details: Json) -> DisputeState | None:
    state = _STATES.get(str(dispute["status"]))
    nobody_answered = details.get("past_due") and not details.get("submission_count")
    return D.EXPIRED if state == D.LOST and nobody_answered else state


def _movements(transaction: Json, amount: Money) -> list[DisputeMovement]:
    """The disputed amount, by its sign, with what it came to in the balance's currency; the fee."""
    reference, taken = str(transaction["id"]), int(transaction["amount"])
    sign, settled = -1 if taken > 0 else 1, None
    if str(transaction["currency"]).upper() != amount.currency.code:
        settled = from_stripe(-taken, str(transaction["currency"]))
    moved = [
        DisputeMovement(kind="funds", reference=reference, amount=amount * sign, settled=settled)
    ]
    fee = _fee(transaction, amount)
    if fee.amount:
        moved.append(DisputeMovement(kind="fee", reference=reference, amount=fee))
    return moved if taken else moved[1:]


def _fee(transaction: Json, amount: Money) -> Money:
    """In the charge's currency by the rate that Stripe tells; without one, as it was taken."""
    fee = from_stripe(int(transaction["fee"]), str(transaction["currency"]))
    if fee.currency == amount.currency:
        return fee
    rate = transaction.get("exchange_rate")
    if not rate:
        return fee
    exact = Fraction(fee.amount) / Fraction(str(rate))
    return quantize_amount(exact, amount.currency.code)


def _instant(seconds: object) -> datetime | None:
    return datetime.fromtimestamp(int(str(seconds)), UTC) if seconds else None
