"""Events, and the endpoints that they are delivered to."""

from tiktoktoe.sandbox.stripe.errors import ApiError
from tiktoktoe.sandbox.stripe.routes import change, listing, readable, route
from tiktoktoe.sandbox.stripe.sandbox import Sandbox, random_text
from tiktoktoe.sandbox.stripe.spec import Json

ENDPOINTS = "/v1/webhook_endpoints"
OWN_FIELDS = ("url", "enabled_events", "description", "metadata")


@route("GET", "/v1/events")
def events(sandbox: Sandbox, parameters: Json) -> Json:
    """What happened, the newest first; a type may end in `.*`."""
    only, types = parameters.get("type") or "", parameters.get("types") or []
    if only and types:
        raise ApiError(400, "Give type or types, not both.", param="types")
    start = only.removesuffix("*")
    equal = {"type": only} if only and start == only else {}
    is_delivered = parameters.get("delivery_success")

    def fits(body: Json) -> bool:
        is_done = body["pending_webhooks"] == 0
        is_named = body["type"] in types if types else body["type"].startswith(start)
        return is_named and is_delivered in {None, is_done}

    return listing(sandbox, "event", "/v1/events", parameters, equal=equal, fits=fits)


@route("POST", ENDPOINTS)
def create_endpoint(sandbox: Sandbox, parameters: Json) -> Json:
    """Register an address; its secret is told this once."""
    _check_address(parameters["url"])
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
    if "url" in parameters:
        _check_address(parameters["url"])
    if parameters.get("disabled") is not None:
        endpoint["status"] = "disabled" if parameters["disabled"] else "enabled"
    change(endpoint, {name: parameters[name] for name in OWN_FIELDS if name in parameters})
    return endpoint


@route("DELETE", f"{ENDPOINTS}/<identity>")
def delete_endpoint(sandbox: Sandbox, _parameters: Json, identity: str) -> Json:
    """Deliver nothing there any more, not even what is waiting."""
    sandbox.store.get(identity, "webhook_endpoint")
    sandbox.store.remove(identity)
    sandbox.outbox.forget_endpoint(identity)
    return {"id": identity, "object": "webhook_endpoint", "deleted": True}


def _check_address(url: str) -> None:
    if not url.startswith(("http://", "https://")):
        raise ApiError(400, "An address begins with http:// or https://.", param="url")


readable("event", "/v1/events")
readable("webhook_endpoint", ENDPOINTS)
