"""Balance transactions with their fees, and the balance that they come to."""

from tiktoktoe.sandbox.stripe.routes import listing, readable, route
from tiktoktoe.sandbox.stripe.sandbox import Sandbox, action
from tiktoktoe.sandbox.stripe.spec import Json

DAY = 86_400
SETTLES_AFTER_DAYS = 2
UNPAID = ""  # a transaction that no payout has taken yet
REPORTED_AS = {
    "payment": "charge",
    "payment_refund": "refund",
    "payment_failure_refund": "charge_failure",
    "adjustment": "dispute",
}
FILTERS = ("type", "source", "currency")


@route("GET", "/v1/balance_transactions")
def transactions(sandbox: Sandbox, parameters: Json) -> Json:
    """Balance transactions; those of a payout when it is named."""
    equal = {name: parameters[name] for name in FILTERS if parameters.get(name)}
    private = {"payout": parameters["payout"]} if parameters.get("payout") else {}
    path = "/v1/balance_transactions"
    return listing(sandbox, "balance_transaction", path, parameters, equal=equal, private=private)


@route("GET", "/v1/balance")
def balance(sandbox: Sandbox, _parameters: Json) -> Json:
    """What has been settled and not paid out, and what is on its way, by currency."""
    sums: dict[str, dict[str, int]] = {"available": {}, "pending": {}}
    for body in sandbox.store.newest_first("balance_transaction"):
        by_currency = sums[body["status"]]
        by_currency[body["currency"]] = by_currency.get(body["currency"], 0) + body["net"]
    shown = {
        name: [
            {"amount": amount, "currency": code, "source_types": {"card": amount}}
            for code, amount in sorted(by_currency.items())
        ]
        for name, by_currency in sums.items()
    }
    return {"object": "balance", "livemode": False, **shown}


def book(
    sandbox: Sandbox,
    kind: str,
    source: Json,
    amount: int,
    *,
    fee: int = 0,
    is_settled: bool = False,
) -> Json:
    """A movement of the balance: what came or went, what it cost, when it can be paid out."""
    now = sandbox.now()
    available_on = now if is_settled else now + SETTLES_AFTER_DAYS * DAY
    transaction = sandbox.new(
        "balance_transaction",
        amount=amount,
        fee=fee,
        net=amount - fee,
        currency=source["currency"],
        type=kind,
        reporting_category=REPORTED_AS.get(kind, kind),
        source=source["id"],
        status="available" if is_settled else "pending",
        available_on=available_on,
        fee_details=[_fee(fee, source["currency"])] if fee else [],
        balance_type="payments",
        private={"payout": UNPAID},
    )
    if not is_settled:
        sandbox.plan("settle_transaction", transaction, available_on)
    return transaction


@action("settle_transaction")
def settle_transaction(sandbox: Sandbox, transaction: Json) -> None:
    """Let it be paid out from now on."""
    del sandbox
    transaction["status"] = "available"


def _fee(amount: int, currency: str) -> Json:
    return {
        "amount": amount,
        "application": None,
        "currency": currency,
        "description": "Processing fees",
        "type": "stripe_fee",
    }


readable("balance_transaction", "/v1/balance_transactions")
