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

from tiktoktoe.sandbox.stripe import pages
from tiktoktoe.sandbox.stripe.api import Answer, Api, Request
from tiktoktoe.sandbox.stripe.control import Control
from tiktoktoe.sandbox.stripe.errors import ApiError
from tiktoktoe.sandbox.stripe.faults import Fault, Faults, Mode
from tiktoktoe.sandbox.stripe.sandbox import Sandbox, random_text
from tiktoktoe.sandbox.stripe.spec import Json, load_spec
from tiktoktoe.sandbox.stripe.webhooks import Webhooks

logger = logging.getLogger(__name__)
HOST = "127.0.0.1"
CONTENT_MAX = 1_000_000
TICK_SECONDS = 1.0
CSP = "default-src 'none'; style-src 'self'; form-action *; base-uri 'none'; frame-ancestors 'none'"
CONTROL = "/_sandbox/"


class Application:
    """What a running sandbox consists of."""

    def __init__(self, port: int, data_dir: Path) -> None:
        data_dir.mkdir(parents=True, exist_ok=True)
        self.sandbox = Sandbox(load_spec(data_dir), data_dir, f"http://{HOST}:{port}")
        self.api = Api(self.sandbox)
        self.faults = Faults()
        self.webhooks = Webhooks(self.sandbox)
        self.control = Control(self.sandbox, self.api, self.faults, self.webhooks)

    def page(self, method: str, path: str, content: bytes) -> pages.PageAnswer:
        """A page of the customer's.

        Raises:
            ApiError: 404, if there is none.
        """
        _, kind, *rest = path.split("/")
        with self.sandbox.lock:
            answer = self._page(method, kind, rest[-1] if rest else "", content)
            self.sandbox.store.save()
        return answer

    def _page(self, method: str, kind: str, identity: str, content: bytes) -> pages.PageAnswer:
        match (method, kind):
            case ("GET", "style.css"):
                return pages.PageAnswer(200, pages.STYLE)
            case ("GET", "c"):
                return pages.pay_page(self.sandbox, identity)
            case ("POST", "c"):
                return pages.submit_card(self.sandbox, identity, content)
            case ("GET", "3ds"):
                return pages.challenge_page(self.sandbox, identity)
            case ("POST", "3ds"):
                return pages.submit_challenge(self.sandbox, identity, content)
        raise ApiError(404, "There is no such page.")


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
        length = int(self.headers.get("Content-Length") or 0)
        if length > CONTENT_MAX:
            self.close_connection = True
            self._send_json(413, {"error": {"message": "too large"}})
            return
        content = self.rfile.read(length) if length else b""
        address = urlsplit(self.path)
        try:
            if address.path.startswith(CONTROL):
                body = json.loads(content or b"{}")
                self._send_json(200, self.application.control.answer(address.path, body))
            elif address.path.startswith("/v1/"):
                self._serve_api(method, address.path, address.query, content)
            else:
                self._send_page(self.application.page(method, address.path, content))
        except ApiError as error:
            self._send_json(error.status, error.body)

    def _serve_api(self, method: str, path: str, query: str, content: bytes) -> None:
        fault = self.application.faults.strike(f"{method} {path}")
        if fault is not None and self._fails_before(fault):
            return
        answer = self.application.api.answer(
            Request(
                method=method,
                path=path,
                query=query,
                content=content,
                authorization=self.headers.get("Authorization", ""),
                idempotency_key=self.headers.get("Idempotency-Key"),
                version=self.headers.get("Stripe-Version"),
            )
        )
        if fault is not None and self._fails_after(fault):
            return
        self._send_answer(answer)

    def _fails_before(self, fault: Fault) -> bool:
        """Go wrong before anything is done; whether that was all."""
        match fault.mode:
            case Mode.RESET_BEFORE:
                self._reset()
            case Mode.ERROR_BEFORE:
                self._send_error("before anything was done")
            case Mode.RATE_LIMIT:
                body = {
                    "type": "rate_limit_error",
                    "code": "rate_limit",
                    "message": "Too many requests.",
                }
                self._send_json(429, {"error": body})
            case Mode.SLOW:
                time.sleep(fault.seconds)
                return False
            case _:
                return False
        return True

    def _fails_after(self, fault: Fault) -> bool:
        """Go wrong when everything is done; whether that was all."""
        match fault.mode:
            case Mode.RESET_AFTER:
                self._reset()
            case Mode.ERROR_AFTER:
                self._send_error("after it was done")
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

    def _send_error(self, when: str) -> None:
        self._send_json(500, {"error": {"type": "api_error", "message": f"Injected, {when}."}})

    def _send_answer(self, answer: Answer) -> None:
        self._send_json(answer.status, answer.body, answer.headers)

    def _send_json(self, status: int, body: Json, headers: dict[str, str] | None = None) -> None:
        self._send(status, json.dumps(body).encode(), "application/json", headers or {})

    def _send_page(self, answer: pages.PageAnswer) -> None:
        is_style = answer.html is pages.STYLE
        headers = {"Content-Security-Policy": CSP}
        if answer.location:
            headers["Location"] = answer.location
        kind = "text/css" if is_style else "text/html"
        self._send(answer.status, answer.html.encode(), f"{kind}; charset=utf-8", headers)

    def _send(self, status: int, content: bytes, kind: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Request-Id", f"req_{random_text(14)}")
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


def serve(port: int, data_dir: Path) -> None:
    """Run until the process ends."""
    application = Application(port, data_dir)
    Handler.application = application
    server = Server((HOST, port), Handler)
    application.webhooks.start()
    threading.Thread(target=_tick, args=(application,), daemon=True, name="clock").start()
    server.serve_forever()


def _tick(application: Application) -> None:
    while True:
        time.sleep(TICK_SECONDS)
        try:
            application.control.tick()
        except ApiError:
            logger.exception("the clock's work failed")
