"""The account itself."""

from tiktoktoe.sandbox.stripe.routes import route
from tiktoktoe.sandbox.stripe.sandbox import ACCOUNT_ID, Sandbox
from tiktoktoe.sandbox.stripe.spec import Json


@route("GET", "/v1/account")
def account(sandbox: Sandbox, _parameters: Json) -> Json:
    """The account of the key."""
    return sandbox.store.get(ACCOUNT_ID)


@route("GET", "/v1/accounts/<identity>")
def one_account(sandbox: Sandbox, _parameters: Json, identity: str) -> Json:
    """The same, by its id."""
    return sandbox.store.get(identity, "account")


@route("GET", "/v1/accounts")
def accounts(_sandbox: Sandbox, _parameters: Json) -> Json:
    """Connected accounts: none."""
    return {"object": "list", "url": "/v1/accounts", "has_more": False, "data": []}
