"""The account itself."""

from tiktoktoe.sandbox.stripe.resources.payouts import MANUAL, SCHEDULE
from tiktoktoe.sandbox.stripe.routes import list_of, route
from tiktoktoe.sandbox.stripe.sandbox import ACCOUNT_ID, Sandbox, snapshot
from tiktoktoe.sandbox.stripe.spec import Json


@route("GET", "/v1/account")
def account(sandbox: Sandbox, _parameters: Json) -> Json:
    """The account of the key."""
    return one_account(sandbox, {}, ACCOUNT_ID)


@route("GET", "/v1/accounts/<identity>")
def one_account(sandbox: Sandbox, _parameters: Json, identity: str) -> Json:
    """The same, by its id."""
    shown = snapshot(sandbox.store.get(identity, "account"))
    interval = sandbox.store.setting(SCHEDULE, MANUAL)
    shown["settings"]["payouts"] = {
        **sandbox.spec.skeleton("account_payout_settings"),
        "schedule": {"delay_days": 2, "interval": interval},
    }
    return shown


@route("GET", "/v1/accounts")
def accounts(_sandbox: Sandbox, _parameters: Json) -> Json:
    """Connected accounts: none."""
    return list_of([], "/v1/accounts")
