"""Disputes: raised and decided by hand, defended or accepted, lost when nobody answers.

Source: docs.adyen.com/risk-management/disputes-api. One reference stands
for a dispute through all its stages.
"""

import base64

from tiktoktoe.sandbox.adyen import cards
from tiktoktoe.sandbox.adyen.errors import ApiError
from tiktoktoe.sandbox.adyen.merchant import Merchant, action
from tiktoktoe.sandbox.adyen.routes import route
from tiktoktoe.sandbox.core.schemas import Json

SERVICE = "/ca/services/DisputeService/v30"
DAYS_TO_DEFEND = 14
DEFENSE, DOCUMENT = "SupplyDefenseMaterial", "DefenseMaterial"
DAY = 86_400
# What moves money, as the settlement report calls it.
BOOKED_AS = {
    "CHARGEBACK": "Chargeback",
    "CHARGEBACK_REVERSED": "ChargebackReversed",
    "SECOND_CHARGEBACK": "SecondChargeback",
}
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


@route("POST", f"{SERVICE}/retrieveApplicableDefenseReasons")
def defenses(merchant: Merchant, body: Json) -> Json:
    """How a dispute can be defended."""
    refusal = _refusal(merchant, body)
    if refusal:
        return refusal
    document = {
        "available": False,
        "defenseDocumentTypeCode": DOCUMENT,
        "requirementLevel": "Required",
    }
    reason = {
        "defenseReasonCode": DEFENSE,
        "satisfied": False,
        "defenseDocumentTypes": [document],
    }
    return {"defenseReasons": [reason], "disputeServiceResult": {"success": True}}


@route("POST", f"{SERVICE}/supplyDefenseDocument")
def supply(merchant: Merchant, body: Json) -> Json:
    """Take a document for a defense; one of a type that there is replaces it."""
    refusal = _refusal(merchant, body)
    if refusal:
        return refusal
    for document in body["defenseDocuments"]:
        content = base64.b64decode(document["content"])
        if document["contentType"] != "application/pdf" or not content.startswith(b"%PDF"):
            return _refused("The document is no PDF")
    dispute = merchant.store.get(body["disputePspReference"], "dispute")
    dispute["documents"] = [
        document["defenseDocumentTypeCode"] for document in body["defenseDocuments"]
    ]
    return {"disputeServiceResult": {"success": True}}


@route("POST", f"{SERVICE}/defendDispute")
def defend(merchant: Merchant, body: Json) -> Json:
    """Hand the defense in, once."""
    refusal = _refusal(merchant, body)
    if refusal:
        return refusal
    dispute = merchant.store.get(body["disputePspReference"], "dispute")
    if body["defenseReasonCode"] != DEFENSE or DOCUMENT not in dispute["documents"]:
        return _refused("The defense reason is unknown, or its document is missing")
    dispute["isDefended"] = True
    merchant.agenda.drop("defense_ends", dispute["id"])
    tell_of(merchant, dispute, "INFORMATION_SUPPLIED", status="Pending")
    return {"disputeServiceResult": {"success": True}}


@route("POST", f"{SERVICE}/acceptDispute")
def accept(merchant: Merchant, body: Json) -> Json:
    """Take a dispute as lost; a chargeback that was only announced is booked."""
    refusal = _refusal(merchant, body)
    if refusal:
        return refusal
    dispute = merchant.store.get(body["disputePspReference"], "dispute")
    merchant.agenda.drop("defense_ends", dispute["id"])
    if dispute["stage"] in {INQUIRY, NOTIFIED}:
        tell_of(merchant, dispute, "CHARGEBACK", status="Accepted")
    dispute["stage"] = "accepted"
    return {"disputeServiceResult": {"success": True}}


def _refusal(merchant: Merchant, body: Json) -> Json | None:
    """Why nothing can be done about a dispute, if so."""
    dispute = merchant.store.find(body["disputePspReference"])
    if dispute is None or dispute["object"] != "dispute":
        return _refused("The dispute is unknown")
    if dispute["isDefended"] or dispute["stage"] not in {INQUIRY, NOTIFIED, CHARGED_BACK}:
        return _refused("The dispute cannot be defended any more")
    return None


def _refused(message: str) -> Json:
    return {"disputeServiceResult": {"success": False, "errorMessage": message}}


@action("defense_ends")
def end_defense(merchant: Merchant, dispute: Json) -> None:
    """Nobody answered in time; a chargeback that was only announced is booked now."""
    if dispute["stage"] in {INQUIRY, NOTIFIED}:
        tell_of(merchant, dispute, "CHARGEBACK", status="Undefended")
    dispute["stage"] = "lost"
    tell_of(merchant, dispute, "DISPUTE_DEFENSE_PERIOD_ENDED", status="Lost")


def tell_of(merchant: Merchant, dispute: Json, code: str, *, status: str) -> None:
    """Notify of a stage, with its reason and deadline; what moves money is settled later."""
    if code in BOOKED_AS:
        dispute["booked"] = [*dispute.get("booked", ()), [code, merchant.now()]]
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
