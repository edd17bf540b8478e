"""Payouts: what is available leaves for the bank, and a list says what it was made of."""

from typing import Any

from tiktoktoe.sandbox.stripe.errors import ApiError
from tiktoktoe.sandbox.stripe.resources.balance import DAY, UNPAID, book
from tiktoktoe.sandbox.stripe.routes import change, readable, route
from tiktoktoe.sandbox.stripe.sandbox import Sandbox, action, listens
from tiktoktoe.sandbox.stripe.spec import Json
from tiktoktoe.sandbox.stripe.store import Search

PATH = "/v1/payouts"
ARRIVES_AFTER_DAYS = 1
SCHEDULE = "payout_schedule"
MANUAL, DAILY = "manual", "daily"


@route("POST", PATH)
def create(sandbox: Sandbox, parameters: Json) -> Json:
    """Pay an amount out by hand; such a payout cannot be told apart into what it was made of."""
    currency, amount = parameters["currency"].lower(), parameters["amount"]
    if amount > sum(body["net"] for body in _available(sandbox, currency)):
        message = "There is less available than that."
        raise ApiError(400, message, code="balance_insufficient", param="amount")
    fields = {"metadata": parameters.get("metadata") or {}}
    fields["description"] = parameters.get("description")
    return _start(sandbox, currency, amount, is_automatic=False, **fields)


@route("POST", f"{PATH}/<identity>")
def update(sandbox: Sandbox, parameters: Json, identity: str) -> Json:
    """Change a payout's metadata."""
    payout = sandbox.store.get(identity, "payout")
    change(payout, {"metadata": parameters.get("metadata")})
    sandbox.tell("payout.updated", payout)
    return payout


def pay_out(sandbox: Sandbox, currency: str, *, fails: bool = False) -> Json | None:
    """Pay out everything that is available in a currency; None of nothing."""
    rows = _available(sandbox, currency)
    amount = sum(body["net"] for body in rows)
    if amount <= 0:
        return None
    payout = _start(sandbox, currency, amount, is_automatic=True)
    payout["reconciliation_status"] = "completed"
    for body in [*rows, sandbox.store.get(payout["balance_transaction"])]:
        sandbox.store.private(body["id"])["payout"] = payout["id"]
    sandbox.store.private(payout["id"])["fails"] = fails
    sandbox.tell("payout.reconciliation_completed", payout)
    return payout


def set_schedule(sandbox: Sandbox, interval: str) -> None:
    """Pay out by hand, or every day what has become available.

    Raises:
        ApiError: 400, if there is no such schedule.
    """
    if interval not in {MANUAL, DAILY}:
        raise ApiError(400, f"Payouts are {MANUAL} or {DAILY}.", param="interval")
    sandbox.store.keep_setting(SCHEDULE, interval)


@action("pay_out_daily")
def pay_out_daily(sandbox: Sandbox, transaction: Json) -> None:
    """Pay out on the day when a transaction has become available."""
    pay_out(sandbox, transaction["currency"])


@listens("charge.succeeded", "charge.captured")
def plan_daily(sandbox: Sandbox, charge: Json) -> None:
    """Plan the payout of the day on which a charge's money becomes available."""
    if charge["balance_transaction"] and sandbox.store.setting(SCHEDULE, MANUAL) == DAILY:
        transaction = sandbox.store.get(charge["balance_transaction"])
        end_of_day = (transaction["available_on"] // DAY + 1) * DAY
        sandbox.plan("pay_out_daily", transaction, end_of_day)


@action("payout_arrives")
def arrive(sandbox: Sandbox, payout: Json) -> None:
    """The bank has taken it, or sent it back."""
    if not sandbox.store.private(payout["id"]).get("fails"):
        payout["status"] = "paid"
        sandbox.tell("payout.paid", payout)
        return
    payout.update(
        status="failed",
        failure_code="account_closed",
        failure_message="The bank account is closed.",
    )
    back = book(sandbox, "payout_failure", payout, payout["amount"], is_settled=True)
    payout["failure_balance_transaction"] = back["id"]
    sandbox.tell("payout.failed", payout)


def _start(
    sandbox: Sandbox, currency: str, amount: int, *, is_automatic: bool, **fields: Any
) -> Json:
    arrives = sandbox.now() + ARRIVES_AFTER_DAYS * DAY
    payout = sandbox.new(
        "payout",
        amount=amount,
        currency=currency,
        arrival_date=arrives,
        automatic=is_automatic,
        method="standard",
        source_type="card",
        status="in_transit",
        type="bank_account",
        reconciliation_status="in_progress" if is_automatic else "not_applicable",
        **fields,
    )
    own = book(sandbox, "payout", payout, -amount, is_settled=True)
    payout["balance_transaction"] = own["id"]
    sandbox.plan("payout_arrives", payout, arrives)
    sandbox.tell("payout.created", payout)
    return payout


def _available(sandbox: Sandbox, currency: str) -> list[Json]:
    """What is available and not paid out; payouts by hand and their failures count too."""
    equal = {"currency": currency, "status": "available"}
    search = Search(equal=equal, private={"payout": UNPAID})
    return list(sandbox.store.newest_first("balance_transaction", search))


readable("payout", PATH, ["status"])
