"""Balance transactions with their fees, the balance, and payouts with what they are made of."""

from tiktoktoe.sandbox.stripe.routes import listing, readable, route
from tiktoktoe.sandbox.stripe.sandbox import Sandbox
from tiktoktoe.sandbox.stripe.spec import Json

DAY = 86_400
SETTLES_AFTER_DAYS = 2


@route("GET", "/v1/balance_transactions")
def transactions(sandbox: Sandbox, parameters: Json) -> Json:
    """Balance transactions; those of a payout when it is named."""
    payout = parameters.get("payout")
    wanted = {n: parameters[n] for n in ("type", "source", "currency") if parameters.get(n)}

    def fits(body: Json) -> bool:
        of_payout = sandbox.store.private(body["id"]).get("payout")
        return payout in {None, of_payout} and all(body[n] == v for n, v in wanted.items())

    return listing(sandbox, "balance_transaction", "/v1/balance_transactions", parameters, fits)


@route("GET", "/v1/balance")
def balance(sandbox: Sandbox, _parameters: Json) -> Json:
    """What has been settled and not paid out, and what is on its way, by currency."""
    sums: dict[str, dict[str, int]] = {"available": {}, "pending": {}}
    for body in sandbox.store.newest_first("balance_transaction"):
        if not sandbox.store.private(body["id"]).get("payout"):
            by_currency = sums[body["status"]]
            by_currency[body["currency"]] = by_currency.get(body["currency"], 0) + body["net"]
    return {
        "object": "balance",
        "livemode": False,
        **{
            name: [{"amount": amount, "currency": code} for code, amount in by_currency.items()]
            for name, by_currency in sums.items()
        },
    }


def book(sandbox: Sandbox, kind: str, source: Json, amount: int, fee: int = 0) -> Json:
    """A movement of the balance: what came or went, what it cost, when it can be paid out."""
    fees = [
        {
            "amount": fee,
            "application": None,
            "currency": source["currency"],
            "description": "Processing fees",
            "type": "stripe_fee",
        }
    ]
    return sandbox.new(
        "balance_transaction",
        amount=amount,
        fee=fee,
        net=amount - fee,
        currency=source["currency"],
        type=kind,
        reporting_category=kind,
        source=source["id"],
        status="pending",
        available_on=sandbox.now() + SETTLES_AFTER_DAYS * DAY,
        fee_details=fees if fee else [],
        balance_type="payments",
    )


def fee_of(method: Json, amount: int, currency: str) -> int:
    """What processing a payment costs, in minor units.

    Source: stripe.com/de/pricing as of 2026-05: European cards 1.5 % + 0.25, others
    3.25 % + 0.25; US account debits 0.8 %, at most 5.00; SEPA debits 0.35.
    """
    if method["type"] == "us_bank_account":
        return min(_share(amount, 80), 500)
    if method["type"] == "sepa_debit":
        return 35
    is_european = method.get("card", {}).get("country") in {"DE", "FR", "NL", "AT", "ES", "IT"}
    points = 150 if is_european and currency == "eur" else 325
    return _share(amount, points) + 25


def pay_out(sandbox: Sandbox, currency: str) -> Json | None:
    """Pay out what is available in a currency; None of nothing."""
    rows = [
        body
        for body in sandbox.store.newest_first("balance_transaction")
        if body["status"] == "available"
        and body["currency"] == currency
        and not sandbox.store.private(body["id"]).get("payout")
    ]
    amount = sum(body["net"] for body in rows)
    if amount <= 0:
        return None
    payout = sandbox.new(
        "payout",
        amount=amount,
        currency=currency,
        arrival_date=sandbox.now() + DAY,
        automatic=True,
        method="standard",
        source_type="card",
        status="paid",
        type="bank_account",
        reconciliation_status="completed",
    )
    own = book(sandbox, "payout", payout, -amount)
    own["status"] = "available"
    payout["balance_transaction"] = own["id"]
    for body in [*rows, own]:
        sandbox.store.private(body["id"])["payout"] = payout["id"]
        sandbox.store.touch(body)
    sandbox.tell("payout.paid", payout)
    return payout


def settle_due(sandbox: Sandbox) -> None:
    """Make available what has been pending for long enough."""
    now = sandbox.now()
    for body in sandbox.store.newest_first("balance_transaction"):
        if body["status"] == "pending" and body["available_on"] <= now:
            body["status"] = "available"
            sandbox.store.touch(body)


def _share(amount: int, basis_points: int) -> int:
    return (amount * basis_points + 5_000) // 10_000


readable("balance_transaction", "/v1/balance_transactions")
readable("payout", "/v1/payouts", ["status"])
