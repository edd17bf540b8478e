"""Disputes: raised and decided by hand, told by notifications, lost when nobody answers.

Source: docs.adyen.com/risk-management/disputes-api/dispute-notifications. One reference stands
for a dispute through all its stages.
"""

from tiktoktoe.sandbox.adyen import cards
from tiktoktoe.sandbox.adyen.errors import ApiError
from tiktoktoe.sandbox.adyen.merchant import Merchant, action
from tiktoktoe.sandbox.core.schemas import Json

DAYS_TO_DEFEND = 14
DAY = 86_400
INQUIRY, NOTIFIED, CHARGED_BACK = "inquiry", "notified", "charged_back"
OPENED_BY = {INQUIRY: "REQUEST_FOR_INFORMATION", NOTIFIED: "NOTIFICATION_OF_CHARGEBACK"}


def open_dispute(merchant: Merchant, payment: Json, *, reason: str, stage: str) -> Json:
    """The holder contests a payment; with a chargeback its money is taken at once.

    Raises:
        ApiError: 422, if there is nothing to contest.
    """
    value = payment["captured"] - payment["refunded"]
    if value <= 0 or payment.get("disputed"):
        raise ApiError(422, "This payment cannot be disputed", code="702")
    ends = merchant.now() + DAYS_TO_DEFEND * DAY
    dispute = merchant.new(
        "dispute",
        payment=payment["id"],
        merchantReference=payment["merchantReference"],
        amount={"currency": payment["amount"]["currency"], "value": value},
        reason=reason,
        stage=stage,
        ends=ends,
        documents=[],
        isDefended=False,
    )
    payment["disputed"] = True
    merchant.plan("defense_ends", dispute, ends)
    if stage == CHARGED_BACK:
        tell_of(merchant, dispute, "CHARGEBACK", status="Undefended")
    else:
        tell_of(merchant, dispute, OPENED_BY[stage], status="Undefended")
    return dispute


def decide(merchant: Merchant, dispute: Json, verdict: str) -> None:
    """The bank's word: won, lost, or that a chargeback comes of it ("escalated")."""
    merchant.agenda.drop("defense_ends", dispute["id"])
    if verdict == "escalated":
        dispute["stage"] = CHARGED_BACK
        merchant.plan("defense_ends", dispute, dispute["ends"])
        tell_of(merchant, dispute, "CHARGEBACK", status="Undefended")
    elif verdict == "won":
        is_taken = dispute["stage"] == CHARGED_BACK
        dispute["stage"] = "won"
        code = "CHARGEBACK_REVERSED" if is_taken else "PREARBITRATION_WON"
        tell_of(merchant, dispute, code, status="Won")
    else:
        was_won = dispute["stage"] == "won"
        dispute["stage"] = "lost"
        code = "SECOND_CHARGEBACK" if was_won else "PREARBITRATION_LOST"
        tell_of(merchant, dispute, code, status="Lost")


@action("defense_ends")
def end_defense(merchant: Merchant, dispute: Json) -> None:
    """Nobody answered in time; a chargeback that was only announced is booked now."""
    if dispute["stage"] in {INQUIRY, NOTIFIED}:
        tell_of(merchant, dispute, "CHARGEBACK", status="Undefended")
    dispute["stage"] = "lost"
    tell_of(merchant, dispute, "DISPUTE_DEFENSE_PERIOD_ENDED", status="Lost")


def tell_of(merchant: Merchant, dispute: Json, code: str, *, status: str) -> None:
    """Notify of a stage, with its reason and deadline."""
    payment = merchant.store.get(dispute["payment"])
    merchant.tell(
        code,
        about=dispute,
        originalReference=payment["id"],
        paymentMethod=cards.CARDS[payment["number"]].brand,
        reason=f"{dispute['reason']}:Dispute",
        additionalData={
            "chargebackReasonCode": dispute["reason"],
            "chargebackSchemeCode": cards.CARDS[payment["number"]].brand,
            "defensePeriodEndsAt": merchant.at(dispute["ends"]),
            "disputeStatus": status,
        },
    )
