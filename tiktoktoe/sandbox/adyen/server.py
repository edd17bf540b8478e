"""The Adyen sandbox, put together."""

from email.message import Message
from pathlib import Path

from tiktoktoe.sandbox.adyen.api import PREFIX, Api
from tiktoktoe.sandbox.adyen.control import Control
from tiktoktoe.sandbox.adyen.disputes import SERVICE
from tiktoktoe.sandbox.adyen.errors import ApiError
from tiktoktoe.sandbox.adyen.merchant import Merchant, Terms
from tiktoktoe.sandbox.adyen.notifications import Notifications
from tiktoktoe.sandbox.adyen.pages import answer_page
from tiktoktoe.sandbox.adyen.spec import load_spec
from tiktoktoe.sandbox.core.faults import Faults
from tiktoktoe.sandbox.core.messages import Answer, Request
from tiktoktoe.sandbox.core.pages import Page
from tiktoktoe.sandbox.core.server import HOST, listen
from tiktoktoe.sandbox.core.server import Application as CoreApplication
from tiktoktoe.sandbox.core.server import serve as serve_on

_TOO_MANY = ApiError(429, "Too many requests", code="905_3", kind="internal")


class Application(CoreApplication):
    """What a running sandbox consists of."""

    rate_limited = Answer(429, _TOO_MANY.body)

    def __init__(self, port: int, data_dir: Path, terms: Terms, now: int | None) -> None:
        data_dir.mkdir(parents=True, exist_ok=True)
        merchant = Merchant(load_spec(), data_dir, f"http://{HOST}:{port}", terms)
        if now is not None:
            merchant.clock.set(now)
            merchant.store.save()
        api = Api(merchant)
        self._merchant = merchant
        self.account = merchant
        self.api = api
        self.faults = Faults()
        self.webhooks = Notifications(merchant)
        self.control = Control(merchant, api, self.faults, self.webhooks)

    def serves(self, path: str) -> bool:
        """Everything under /v72/, and the disputes service."""
        return path.startswith((f"{PREFIX}/", f"{SERVICE}/"))

    def error(self, status: int, message: str) -> Answer:
        """A ServiceError."""
        return Answer(status, ApiError(status, message).body)

    def credentials(self, headers: "Message[str, str]") -> str:
        """The API key."""
        return str(headers.get("X-API-Key", ""))

    def echoed(self, request: Request) -> dict[str, str]:
        """The request's key."""
        return {"idempotency-key": request.idempotency_key} if request.idempotency_key else {}

    def answer_page(self, method: str, path: str, content: bytes) -> Page:
        """The payment link's page, the bank's question, or a report."""
        return answer_page(self._merchant, method, path, content)


def serve(port: int, data_dir: Path, terms: Terms, *, now: int | None = None) -> None:
    """Run until the process ends.

    Args:
        now: What the sandbox's clock is set to first.

    Raises:
        OSError: If the port is taken.
    """
    server = listen(port)
    serve_on(server, Application(server.server_port, data_dir, terms, now))
