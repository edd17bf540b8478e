"""The HTTP server: threads with keep-alive on 127.0.0.1, and nowhere else."""

import json
import logging
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

import msgspec

from tiktoktoe.sandbox.stripe.api import Api, injected_error
from tiktoktoe.sandbox.stripe.control import PREFIX, Control
from tiktoktoe.sandbox.stripe.errors import ApiError
from tiktoktoe.sandbox.stripe.faults import Fault, Faults, Mode
from tiktoktoe.sandbox.stripe.messages import Answer, Request
from tiktoktoe.sandbox.stripe.pages import Page, answer_page
from tiktoktoe.sandbox.stripe.sandbox import Sandbox, random_text
from tiktoktoe.sandbox.stripe.spec import load_spec
from tiktoktoe.sandbox.stripe.webhooks import Webhooks

logger = logging.getLogger(__name__)
HOST = "127.0.0.1"
LOCAL_NAMES = frozenset({HOST, "localhost"})
CONTENT_MAX = 1_000_000
TICK_SECONDS = 1.0
RATE_LIMITED = Answer(
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


class Application:
    """What a running sandbox consists of."""

    def __init__(self, port: int, data_dir: Path, cache_dir: Path, now: int | None) -> None:
        for folder in (data_dir, cache_dir):
            folder.mkdir(parents=True, exist_ok=True)
        self.sandbox = Sandbox(load_spec(cache_dir), data_dir, f"http://{HOST}:{port}")
        if now is not None:
            self.sandbox.clock.set(now)
            self.sandbox.store.save()
        self.api = Api(self.sandbox)
        self.faults = Faults()
        self.webhooks = Webhooks(self.sandbox)
        self.control = Control(self.sandbox, self.api, self.faults, self.webhooks)

    def page(self, method: str, path: str, content: bytes) -> Page:
        """A page of the customer's.

        Raises:
            ApiError: 404, if there is none.
        """
        with self.sandbox.lock:
            try:
                self.sandbox.run_due()
                answer = answer_page(self.sandbox, method, path, content)
                self.sandbox.store.save()
            finally:
                self.sandbox.store.undo()
        return answer

    def tick(self) -> None:
        """Do for ever what becomes due."""
        while True:
            time.sleep(TICK_SECONDS)
            try:
                self.control.tick()
            except Exception:
                logger.exception("the clock's work failed")


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    application: ClassVar[Application]

    def setup(self) -> None:
        """Send small answers at once."""
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def log_message(self, *_arguments: object) -> None:
        """Keep the server's own log empty; /_sandbox/log tells the requests."""

    def do_GET(self) -> None:
        """Read."""
        self._serve("GET")

    def do_POST(self) -> None:
        """Write."""
        self._serve("POST")

    def do_DELETE(self) -> None:
        """Delete."""
        self._serve("DELETE")

    def _serve(self, method: str) -> None:
        length = self.headers.get("Content-Length") or "0"
        if not length.isdecimal() or int(length) > CONTENT_MAX:
            self.close_connection = True
            self._send_answer(Answer(413, {"error": {"message": "too large"}}))
            return
        content = self.rfile.read(int(length))
        address = urlsplit(self.path)
        try:
            content.decode()
            if address.path.startswith(PREFIX):
                self._refuse_browsers()
                body = json.loads(content or b"{}")
                self._send_answer(Answer(200, self.application.control.answer(address.path, body)))
            elif address.path.startswith("/v1/"):
                self._serve_api(method, address.path, address.query, content)
            else:
                self._send_page(self.application.page(method, address.path, content))
        except ApiError as error:
            self._send_answer(Answer(error.status, error.body))
        except ValueError:
            self._send_answer(Answer(400, {"error": {"message": "the content cannot be read"}}))

    def _refuse_browsers(self) -> None:
        """Keep web pages, which may post anywhere, from the controls.

        Raises:
            ApiError: 403.
        """
        host = self.headers.get("Host", "").rpartition(":")[0]
        if "Origin" in self.headers or host not in LOCAL_NAMES:
            raise ApiError(403, "The controls are for programs on this machine.")

    def _serve_api(self, method: str, path: str, query: str, content: bytes) -> None:
        fault = self.application.faults.strike(f"{method} {path}")
        if fault is not None and self._fails_before(fault):
            return
        request = Request(
            identity=f"req_{random_text(14)}",
            method=method,
            path=path,
            query=query,
            content=content,
            authorization=self.headers.get("Authorization", ""),
            idempotency_key=self.headers.get("Idempotency-Key"),
            version=self.headers.get("Stripe-Version"),
        )
        answer = self.application.api.answer(request, fault)
        if fault is not None and self._fails_after(fault):
            return
        known = {"Request-Id": request.identity}
        if request.version:
            known["Stripe-Version"] = request.version
        if request.idempotency_key:
            known["Idempotency-Key"] = request.idempotency_key
        self._send_answer(Answer(answer.status, answer.body, {**known, **answer.headers}))

    def _fails_before(self, fault: Fault) -> bool:
        """Go wrong before anything is done; whether it did."""
        match fault.mode:
            case Mode.RESET_BEFORE:
                self._reset()
            case Mode.ERROR_BEFORE:
                self._send_answer(injected_error("before anything was done"))
            case Mode.RATE_LIMIT:
                self._send_answer(RATE_LIMITED)
            case _:
                return False
        return True

    def _fails_after(self, fault: Fault) -> bool:
        """Go wrong when everything is done; whether it did."""
        match fault.mode:
            case Mode.RESET_AFTER:
                self._reset()
            case Mode.HANG_AFTER:
                time.sleep(fault.seconds)
                self._reset()
            case _:
                return False
        return True

    def _reset(self) -> None:
        """Cut the connection with a reset, without an answer."""
        self.close_connection = True
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()

    def _send_answer(self, answer: Answer) -> None:
        content = msgspec.json.encode(answer.body)
        self._send(answer.status, content, "application/json", answer.headers)

    def _send_page(self, page: Page) -> None:
        headers = {
            "Content-Security-Policy": page.policy,
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        }
        if page.location:
            headers["Location"] = page.location
        self._send(page.status, page.html.encode(), f"{page.kind}; charset=utf-8", headers)

    def _send(self, status: int, content: bytes, kind: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()


class Server(ThreadingHTTPServer):
    """Threads that end with the program, and a queue for bursts."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_arguments: object) -> None:
        """A client that went away, or that we cut off, is no news."""


def serve(port: int, data_dir: Path, cache_dir: Path, *, now: int | None = None) -> None:
    """Run until the process ends.

    Args:
        cache_dir: Where Stripe's document is kept as JSON.
        now: What the sandbox's clock is set to first.

    Raises:
        OSError: If the port is taken.
    """
    server = Server((HOST, port), Handler)
    application = Application(server.server_port, data_dir, cache_dir, now)
    Handler.application = application
    application.webhooks.start()
    threading.Thread(target=application.tick, daemon=True, name="clock").start()
    server.serve_forever()
