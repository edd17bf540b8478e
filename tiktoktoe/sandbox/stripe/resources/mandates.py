"""Mandates: that a bank account's holder lets it be debited; without one no debit is taken.

Source: docs.stripe.com/payments/ach-direct-debit and docs.stripe.com/payments/sepa-debit; that a
dispute ends the mandate: support.stripe.com, "Respond to or contest an ACH Direct Debit dispute".
"""

from tiktoktoe.sandbox.stripe.errors import ApiError
from tiktoktoe.sandbox.stripe.routes import route
from tiktoktoe.sandbox.stripe.sandbox import Sandbox, random_text
from tiktoktoe.sandbox.stripe.spec import Json

PATH = "/v1/mandates"
DEBITS = frozenset({"us_bank_account", "sepa_debit"})
# What a hosted page tells of whoever has agreed on it.
AGREED_ON_PAGE: Json = {
    "customer_acceptance": {
        "type": "online",
        "online": {"ip_address": "203.0.113.7", "user_agent": "Sandbox page"},
    }
}


@route("GET", f"{PATH}/<identity>")
def read(sandbox: Sandbox, _parameters: Json, identity: str) -> Json:
    """A mandate as it is now."""
    return sandbox.store.get(identity, "mandate")


def mandate_for(
    sandbox: Sandbox, method: Json, parameters: Json, *, is_single: bool
) -> Json | None:
    """The mandate that a debit goes by: the one named, the one that the method has, or a new one.

    Raises:
        ApiError: 400, if there is none and nobody has agreed, or if it is not active any more.
    """
    if method["type"] not in DEBITS:
        return None
    given = parameters.get("mandate")
    known = given or sandbox.store.private(method["id"]).get("mandate")
    if known and not (parameters.get("mandate_data") and not given):
        mandate = sandbox.store.get(known, "mandate", param="mandate")
        if mandate["status"] != "active" or mandate["payment_method"] != method["id"]:
            message = "The mandate cannot be used for this payment."
            raise ApiError(400, message, param="mandate", code="payment_intent_mandate_invalid")
        return mandate
    if not parameters.get("mandate_data"):
        message = "Missing required param: mandate_data."
        raise ApiError(400, message, param="mandate_data", code="parameter_missing")
    return _give(sandbox, method, parameters["mandate_data"], is_single=is_single)


def end_mandate(sandbox: Sandbox, method: Json) -> None:
    """The account's holder takes back what was agreed to."""
    mandate = sandbox.store.find(sandbox.store.private(method["id"]).get("mandate"))
    if mandate is not None and mandate["status"] == "active":
        mandate["status"] = "inactive"
        sandbox.tell("mandate.updated", mandate)


def _give(sandbox: Sandbox, method: Json, agreed: Json, *, is_single: bool) -> Json:
    kind = "single_use" if is_single else "multi_use"
    acceptance = agreed["customer_acceptance"]
    online = acceptance.get("online") or {}
    shown: Json = {"type": acceptance["type"], "accepted_at": sandbox.now()}
    if acceptance["type"] == "online":
        names = ("ip_address", "user_agent")
        shown["online"] = {name: online.get(name) for name in names}
    else:
        shown["offline"] = {}
    mandate = sandbox.new(
        "mandate",
        customer_acceptance=shown,
        payment_method=method["id"],
        payment_method_details=_details(sandbox, method["type"]),
        status="active",
        type=kind,
        **{kind: {}},
    )
    if not is_single:
        sandbox.store.private(method["id"])["mandate"] = mandate["id"]
    return mandate


def _details(sandbox: Sandbox, kind: str) -> Json:
    if kind != "sepa_debit":
        return {"type": kind, kind: {}}
    reference = random_text(16).upper()
    url = f"{sandbox.address}/mandates/{reference}"
    return {"type": kind, kind: {"reference": reference, "url": url}}
