"""The PayPal sandbox, put together: pages, events, controls."""

from collections.abc import Callable, Mapping
from email.message import Message
from html import escape
from pathlib import Path
from urllib.parse import parse_qs

import msgspec

from tiktoktoe.sandbox.core.account import random_text
from tiktoktoe.sandbox.core.control import Control as CoreControl
from tiktoktoe.sandbox.core.faults import Faults
from tiktoktoe.sandbox.core.markup import Choice, choices, closed_page, page
from tiktoktoe.sandbox.core.messages import Answer, Request
from tiktoktoe.sandbox.core.outbox import Parcel
from tiktoktoe.sandbox.core.pages import STYLE, Page
from tiktoktoe.sandbox.core.schemas import Json
from tiktoktoe.sandbox.core.server import HOST, listen
from tiktoktoe.sandbox.core.server import Application as CoreApplication
from tiktoktoe.sandbox.core.server import serve as serve_on
from tiktoktoe.sandbox.core.store import Search
from tiktoktoe.sandbox.core.webhooks import Post, Webhooks
from tiktoktoe.sandbox.paypal import disputes, orders, payments
from tiktoktoe.sandbox.paypal.api import Api
from tiktoktoe.sandbox.paypal.business import Business, Terms, signature
from tiktoktoe.sandbox.paypal.errors import ApiError
from tiktoktoe.sandbox.paypal.spec import load_spec

WALLETS = (
    Choice("A buyer with money", "agrees", orders.GOOD),
    Choice("A buyer without", "agrees, the funding is declined", "declined"),
    Choice("A buyer who runs out", "pays now, is declined later", f"{orders.LATER}declined"),
)


class Events(Webhooks):
    """Events on their way to the shop."""

    def __init__(self, business: Business) -> None:
        super().__init__(business)
        self._business = business

    def written(self, parcel: Parcel) -> Post | None:
        """An event, signed."""
        kept = self._business.store.find(parcel.event)
        if kept is None or not self._business.terms.webhook:
            return None
        content, headers = signed(self._business, kept["event"])
        return Post(self._business.terms.webhook, content, headers)


def signed(business: Business, event: Json) -> tuple[bytes, dict[str, str]]:
    """An event's content, and the headers that tell how it was signed."""
    content = msgspec.json.encode(event)
    transmission, at = f"t-{random_text(16)}", business.at()
    headers = {
        "PAYPAL-AUTH-ALGO": "SHA256withRSA",
        "PAYPAL-CERT-URL": f"{business.address}/certs/sandbox",
        "PAYPAL-TRANSMISSION-ID": transmission,
        "PAYPAL-TRANSMISSION-TIME": at,
        "PAYPAL-TRANSMISSION-SIG": signature(content, transmission, at, business.terms.webhook_id),
    }
    return content, headers


class Control(CoreControl):
    """Answers the control requests of tests and demos."""

    def __init__(self, business: Business, api: Api, faults: Faults, events: Events) -> None:
        super().__init__(business, api, faults, events)
        self._business = business
        self._own_api = api

    def own(self) -> Mapping[str, Callable[[Json], Json]]:
        """Buyers, disputes, tokens, events, and the truth."""
        return {
            "checkout": self._approve,
            "dispute": self._dispute,
            "disputes": self._disputes,
            "holds": self._holds,
            "notifications": self._events,
            "payments": self._payments,
            "refunds": self._refunds,
            "reverse": self._reverse,
            "tokens/forget": self._forget_tokens,
            "verdict": self._decide,
        }

    def _approve(self, body: Json) -> Json:
        order = self._business.store.get(body["session"], "order")
        orders.approve(self._business, order, body.get("holder") or orders.GOOD)
        return {"location": return_address(order)}

    def _dispute(self, body: Json) -> Json:
        capture = self._business.store.get(body["charge"], "capture")
        dispute = disputes.open_dispute(
            self._business,
            capture,
            reason=body["reason"],
            stage="INQUIRY" if body.get("inquiry") else "CHARGEBACK",
            is_external=bool(body.get("external")),
        )
        return {"id": dispute["id"]}

    def _decide(self, body: Json) -> Json:
        dispute = self._business.store.get(body["dispute"], "dispute")
        disputes.decide(self._business, dispute, body["verdict"])
        return {"id": dispute["id"]}

    def _reverse(self, body: Json) -> Json:
        capture = self._business.store.get(body["charge"], "capture")
        return {"id": payments.reverse(self._business, capture)["id"]}

    def _events(self, body: Json) -> Json:
        kept = self._business.store.newest_first("event", Search(is_oldest_first=True))
        wanted = list(kept)[int(body["after"]) :]
        made = [signed(self._business, event["event"]) for event in wanted]
        return {"notifications": [{"body": c.decode(), "headers": h} for c, h in made]}

    def _payments(self, _body: Json) -> Json:
        return {"payments": self._all("capture", "refunded", "hold", "invoice_id")}

    def _holds(self, _body: Json) -> Json:
        return {"holds": self._all("authorization", "captured")}

    def _refunds(self, _body: Json) -> Json:
        return {"refunds": self._all("refund", "capture")}

    def _disputes(self, _body: Json) -> Json:
        names = ("id", "capture", "status", "outcome", "movements")
        found = self._business.store.newest_first("dispute")
        return {"disputes": [{name: one[name] for name in names} for one in found]}

    def _all(self, kind: str, *further: str) -> list[Json]:
        names = ("id", "amount", "status", "custom_id", *further)
        found = self._business.store.newest_first(kind)
        return [{name: one[name] for name in names} for one in found]

    def _forget_tokens(self, _body: Json) -> Json:
        self._own_api.forget_tokens()
        return {}


class Application(CoreApplication):
    """What a running sandbox consists of."""

    rate_limited = Answer(429, ApiError(429, "Too many requests.").body)

    def __init__(self, port: int, data_dir: Path, terms: Terms) -> None:
        data_dir.mkdir(parents=True, exist_ok=True)
        business = Business(load_spec(), data_dir, f"http://{HOST}:{port}", terms)
        api = Api(business)
        events = Events(business)
        self._business = business
        self.account = business
        self.api = api
        self.faults = Faults()
        self.webhooks = events
        self.control = Control(business, api, self.faults, events)

    def serves(self, path: str) -> bool:
        """Everything under /v1/, /v2/ and /v3/."""
        return path.startswith(("/v1/", "/v2/", "/v3/"))

    def error(self, status: int, message: str) -> Answer:
        """An error in PayPal's shape."""
        return Answer(status, ApiError(status, message).body)

    def key(self, headers: "Message[str, str]") -> str | None:
        """The request's id."""
        return headers.get("PayPal-Request-Id")

    def echoed(self, request: Request) -> dict[str, str]:
        """The request's own name."""
        return {"Paypal-Debug-Id": request.identity}

    def answer_page(self, method: str, path: str, content: bytes) -> Page:
        """The page on which a buyer agrees."""
        match (method, *path.strip("/").split("/")):
            case ("GET", "style.css"):
                return Page(html=STYLE, kind="text/css")
            case ("GET", "checkoutnow", identity):
                return _page(self._business.store.get(identity, "order"))
            case ("POST", "checkoutnow", identity):
                order = self._business.store.get(identity, "order")
                buyer = parse_qs(content.decode()).get("number", [orders.GOOD])[0]
                orders.approve(self._business, order, buyer)
                return Page(status=303, location=return_address(order))
        raise ApiError(404, "There is no such page.")


def return_address(order: Json) -> str:
    """Where the buyer is sent on to."""
    context = order["wallet"].get("experience_context") or {}
    return str(context.get("return_url") or "")


def serve(port: int, data_dir: Path, terms: Terms) -> None:
    """Run until the process ends.

    Raises:
        OSError: If the port is taken.
    """
    server = listen(port)
    serve_on(server, Application(server.server_port, data_dir, terms))


def _page(order: Json) -> Page:
    if order["status"] not in {"PAYER_ACTION_REQUIRED", "CREATED", "APPROVED"}:
        return Page(status=410, html=closed_page(f"The order is {order['status'].lower()}"))
    amount = order["unit"]["amount"]
    words = escape(f"{amount['value']} {amount['currency_code']}")
    title = escape(str(order["unit"].get("description") or "Order"))
    body = f'<h1>{title}</h1><p class="amount">{words}</p>'
    form = choices("Test buyers", WALLETS, f"/checkoutnow/{order['id']}")
    return Page(html=page("Pay with a wallet", body + form), leads_to=return_address(order))
