"""Events, and the endpoints that they are delivered to."""

from tiktoktoe.sandbox.stripe.routes import change, listing, readable, route
from tiktoktoe.sandbox.stripe.sandbox import Sandbox, random_text
from tiktoktoe.sandbox.stripe.spec import Json

ENDPOINTS = "/v1/webhook_endpoints"


@route("GET", "/v1/events")
def events(sandbox: Sandbox, parameters: Json) -> Json:
    """What happened, the newest first."""
    wanted = parameters.get("types") or ([parameters["type"]] if parameters.get("type") else None)
    return listing(
        sandbox,
        "event",
        "/v1/events",
        parameters,
        lambda body: wanted is None or body["type"] in wanted,
    )


@route("POST", ENDPOINTS)
def create_endpoint(sandbox: Sandbox, parameters: Json) -> Json:
    """Register an address; its secret is told this once."""
    secret = f"whsec_{random_text(32)}"
    endpoint = sandbox.new(
        "webhook_endpoint",
        url=parameters["url"],
        enabled_events=parameters["enabled_events"],
        status="enabled",
        api_version=parameters.get("api_version"),
        description=parameters.get("description"),
        metadata=parameters.get("metadata") or {},
        private={"secret": secret},
    )
    return {**endpoint, "secret": secret}


@route("POST", f"{ENDPOINTS}/<identity>")
def update_endpoint(sandbox: Sandbox, parameters: Json, identity: str) -> Json:
    """Change an endpoint."""
    endpoint = sandbox.store.get(identity, "webhook_endpoint")
    is_disabled = parameters.pop("disabled", None)
    if is_disabled is not None:
        endpoint["status"] = "disabled" if is_disabled else "enabled"
    change(endpoint, parameters)
    sandbox.store.touch(endpoint)
    return endpoint


@route("DELETE", f"{ENDPOINTS}/<identity>")
def delete_endpoint(sandbox: Sandbox, _parameters: Json, identity: str) -> Json:
    """Deliver nothing there any more."""
    endpoint = sandbox.store.get(identity, "webhook_endpoint")
    endpoint["status"] = "disabled"
    sandbox.store.touch(endpoint)
    return {"id": identity, "object": "webhook_endpoint", "deleted": True}


readable("event", "/v1/events")
readable("webhook_endpoint", ENDPOINTS)
