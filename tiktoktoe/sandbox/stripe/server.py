"""The Stripe sandbox, put together."""

from pathlib import Path

from tiktoktoe.sandbox.core.faults import Faults
from tiktoktoe.sandbox.core.messages import Answer, Request
from tiktoktoe.sandbox.core.pages import Page
from tiktoktoe.sandbox.core.server import HOST, listen
from tiktoktoe.sandbox.core.server import Application as CoreApplication
from tiktoktoe.sandbox.core.server import serve as serve_on
from tiktoktoe.sandbox.stripe.api import Api
from tiktoktoe.sandbox.stripe.control import Control
from tiktoktoe.sandbox.stripe.pages import answer_page
from tiktoktoe.sandbox.stripe.sandbox import Sandbox
from tiktoktoe.sandbox.stripe.spec import load_spec
from tiktoktoe.sandbox.stripe.webhooks import Webhooks


class Application(CoreApplication):
    """What a running sandbox consists of."""

    rate_limited = Answer(
        429,
        {
            "error": {
                "type": "rate_limit_error",
                "code": "rate_limit",
                "message": "Too many requests.",
            }
        },
        {"Stripe-Should-Retry": "true"},
    )

    def __init__(self, port: int, data_dir: Path, cache_dir: Path, now: int | None) -> None:
        for folder in (data_dir, cache_dir):
            folder.mkdir(parents=True, exist_ok=True)
        sandbox = Sandbox(load_spec(cache_dir), data_dir, f"http://{HOST}:{port}")
        if now is not None:
            sandbox.clock.set(now)
            sandbox.store.save()
        api = Api(sandbox)
        self._sandbox = sandbox
        self.account = sandbox
        self.api = api
        self.faults = Faults()
        self.webhooks = Webhooks(sandbox)
        self.control = Control(sandbox, api, self.faults, self.webhooks)

    def serves(self, path: str) -> bool:
        """Everything under /v1/."""
        return path.startswith("/v1/")

    def error(self, status: int, message: str) -> Answer:
        """An `error` object."""
        return Answer(status, {"error": {"message": message}})

    def echoed(self, request: Request) -> dict[str, str]:
        """The request's id, and what it has told."""
        headers = {"Request-Id": request.identity}
        if request.version:
            headers["Stripe-Version"] = request.version
        if request.idempotency_key:
            headers["Idempotency-Key"] = request.idempotency_key
        return headers

    def answer_page(self, method: str, path: str, content: bytes) -> Page:
        """The hosted page, or the bank's question."""
        return answer_page(self._sandbox, method, path, content)


def serve(port: int, data_dir: Path, cache_dir: Path, *, now: int | None = None) -> None:
    """Run until the process ends.

    Args:
        cache_dir: Where Stripe's document is kept as JSON.
        now: What the sandbox's clock is set to first.

    Raises:
        OSError: If the port is taken.
    """
    server = listen(port)
    serve_on(server, Application(server.server_port, data_dir, cache_dir, now))
