"""Adyen's disputes: which stage each notification tells of, and how one is answered.

The code, the amount and the references are signed; reason and deadline are not, and are shown.
Source: docs.adyen.com/risk-management/disputes-api, its pages on notifications and defending;
api-explorer/Webhooks/1: "The pre-arbitration case was accepted", and who opened or won it.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from billing.domain.attempts import Answer
from billing.domain.disputes import DisputeState
from billing.gateways.adyen_objects import from_adyen
from billing.gateways.base import Outcome
from billing.gateways.disputes import DisputeMovement, DisputeReport

Item = Mapping[str, Any]
_TAKEN, _GIVEN_BACK = 1, -1


@dataclass(frozen=True, slots=True)
class _Stage:
    """What a code says: the state, and whether money goes away from us (1) or comes back."""

    state: DisputeState | None
    money: int = 0


D = DisputeState
_STAGES: Mapping[str, _Stage] = {
    "REQUEST_FOR_INFORMATION": _Stage(D.INQUIRY),
    "NOTIFICATION_OF_CHARGEBACK": _Stage(D.NEEDS_RESPONSE),
    "CHARGEBACK": _Stage(D.NEEDS_RESPONSE, _TAKEN),
    "INFORMATION_SUPPLIED": _Stage(D.UNDER_REVIEW),
    # The money is back, and stays unless a second chargeback comes.
    "CHARGEBACK_REVERSED": _Stage(D.WON, _GIVEN_BACK),
    "SECOND_CHARGEBACK": _Stage(D.LOST, _TAKEN),
    "DISPUTE_DEFENSE_PERIOD_ENDED": _Stage(D.EXPIRED),
    "ISSUER_RESPONSE_TIMEFRAME_EXPIRED": _Stage(D.WON),
    # The issuer goes on; we can accept, or decline and let it escalate.
    "PREARBITRATION_OPEN": _Stage(D.NEEDS_RESPONSE),
    # Adyen's list of notifications says "accepted" and not by whom; others report that its pages
    # call it pending and lost. No money moves by it: the second chargeback tells what is lost.
    "PREARBITRATION_ACCEPTED": _Stage(D.UNDER_REVIEW),
    "PREARBITRATION_DECLINED": _Stage(D.UNDER_REVIEW),
    "PREARBITRATION_ISSUER_WITHDRAWN": _Stage(D.WON),
    "SCHEME_ARBITRATION": _Stage(D.UNDER_REVIEW),
    "PREARBITRATION_WON": _Stage(D.WON),
    "PREARBITRATION_LOST": _Stage(D.LOST),
    "SCHEME_ARBITRATION_WON": _Stage(D.WON),
    "SCHEME_ARBITRATION_LOST": _Stage(D.LOST),
    "ISSUER_COMMENTS": _Stage(None),
    "NOTIFICATION_OF_FRAUD": _Stage(None),
}
DISPUTE_CODES = frozenset(_STAGES) - {"NOTIFICATION_OF_FRAUD"}


def dispute_of(item: Item) -> DisputeReport | None:
    """What a notification says of a dispute; None if it is not of one, or says it failed."""
    code = str(item["eventCode"])
    if code not in DISPUTE_CODES or item["success"] != "true":
        return None
    stage, amount = _STAGES[code], from_adyen(item["amount"])
    moved = DisputeMovement(kind="funds", reference=code, amount=amount * stage.money)
    details = item.get("additionalData") or {}
    return DisputeReport(
        reference=str(item["pspReference"]),
        charge_reference=str(item.get("originalReference") or ""),
        our_reference=str(item.get("merchantReference") or ""),
        state=stage.state,
        reason=_reason(item, details),
        amount=amount,
        due_at=_instant(details.get("defensePeriodEndsAt")),
        movements=(moved,) if stage.money else (),
        happened_at=_instant(item.get("eventDate")),
    )


@dataclass(frozen=True, slots=True)
class Defense:
    """A way to defend a dispute: its code, and which document it takes."""

    reason: str
    document_type: str


def defense_of(offered: Item) -> Defense | None:
    """The first defense on offer that takes a document; None if there is none."""
    for reason in offered.get("defenseReasons") or []:
        for document in reason.get("defenseDocumentTypes") or []:
            return Defense(
                str(reason["defenseReasonCode"]), str(document["defenseDocumentTypeCode"])
            )
    return None


def document_of(content: bytes, document_type: str) -> dict[str, str]:
    """A PDF as Adyen takes it."""
    return {
        "content": base64.b64encode(content).decode(),
        "contentType": "application/pdf",
        "defenseDocumentTypeCode": document_type,
    }


def is_accepted(body: Item) -> bool:
    """Whether the disputes service did what it was asked for."""
    return (body.get("disputeServiceResult") or {}).get("success") is True


def outcome_of_answer(body: Item) -> Outcome:
    """Whether an answer was taken; a refusal is one before anything is done."""
    if is_accepted(body):
        return Outcome(answer=Answer.SUCCEEDED)
    reason = str((body.get("disputeServiceResult") or {}).get("errorMessage") or "")
    return Outcome(answer=Answer.REFUSED_BEFORE_EXECUTION, message=reason[:300])


def cannot_be_defended(offered: Item) -> Outcome:
    """Nothing was handed in: Adyen offers no defense that takes a document."""
    reason = str((offered.get("disputeServiceResult") or {}).get("errorMessage") or "")
    message = reason or "Adyen offers no defense for this dispute"
    return Outcome(answer=Answer.NEVER_LEFT, message=message[:300])


def _reason(item: Item, details: Item) -> str:
    code = details.get("chargebackReasonCode") or details.get("rfiReasonCode")
    return str(code or item.get("reason") or "").strip()[:100]


def _instant(text: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
