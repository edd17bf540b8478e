"""The HTTP server: threads with keep-alive on 127.0.0.1, and nowhere else."""

import json
import logging
import socket
import threading
import time
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import urlsplit

import msgspec

from tiktoktoe.sandbox.core.account import Account, random_text
from tiktoktoe.sandbox.core.api import Api
from tiktoktoe.sandbox.core.control import PREFIX, Control
from tiktoktoe.sandbox.core.errors import ApiError
from tiktoktoe.sandbox.core.faults import Fault, Faults, Mode
from tiktoktoe.sandbox.core.messages import Answer, Request
from tiktoktoe.sandbox.core.pages import Page
from tiktoktoe.sandbox.core.webhooks import Webhooks

logger = logging.getLogger(__name__)
HOST = "127.0.0.1"
LOCAL_NAMES = frozenset({HOST, "localhost"})
CONTENT_MAX = 1_000_000
TICK_SECONDS = 1.0


class Application:
    """What a running stand-in consists of; its own class says what differs."""

    account: Account
    api: Api
    faults: Faults
    webhooks: Webhooks
    control: Control
    rate_limited: Answer

    def serves(self, path: str) -> bool:
        """Whether a path is one of the API's."""
        raise NotImplementedError

    def error(self, status: int, message: str) -> Answer:
        """A refusal in the vendor's shape."""
        raise NotImplementedError

    def credentials(self, headers: "Message[str, str]") -> str:
        """What a request identifies itself with."""
        return headers.get("Authorization", "")

    def key(self, headers: "Message[str, str]") -> str | None:
        """A request's idempotency key."""
        return headers.get("Idempotency-Key")

    def echoed(self, request: Request) -> dict[str, str]:
        """The headers that each answer has."""
        raise NotImplementedError

    def answer_page(self, method: str, path: str, content: bytes) -> Page:
        """A page of the customer's; the lock is held.

        Raises:
            ApiError: 404, if there is none.
        """
        raise NotImplementedError

    def page(self, method: str, path: str, content: bytes) -> Page:
        """A page of the customer's.

        Raises:
            ApiError: 404, if there is none.
        """
        with self.account.lock:
            try:
                self.account.run_due()
                answer = self.answer_page(method, path, content)
                self.account.store.save()
            finally:
                self.account.store.undo()
        return answer

    def told_time(self) -> float | None:
        """The time that answers are dated by; None: the real one."""
        clock = self.account.clock
        return float(clock.now()) if clock.is_told else None

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

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The `Date` of answers: the real time, or the sandbox's where that is to be told."""
        return super().date_time_string(timestamp or self.application.told_time())

    def do_GET(self) -> None:
        """Read."""
        self._serve("GET")

    def do_POST(self) -> None:
        """Write."""
        self._serve("POST")

    def do_PATCH(self) -> None:
        """Change."""
        self._serve("PATCH")

    def do_DELETE(self) -> None:
        """Delete."""
        self._serve("DELETE")

    def _serve(self, method: str) -> None:
        length = self.headers.get("Content-Length") or "0"
        if not length.isdecimal() or int(length) > CONTENT_MAX:
            self.close_connection = True
            self._send_answer(self.application.error(413, "too large"))
            return
        content = self.rfile.read(int(length))
        address = urlsplit(self.path)
        try:
            if not content.startswith(b"--"):  # files, which come in parts, are no text
                content.decode()
            if address.path.startswith(PREFIX):
                self._refuse_browsers()
                body = json.loads(content or b"{}")
                self._send_answer(Answer(200, self.application.control.answer(address.path, body)))
            elif self.application.serves(address.path):
                self._serve_api(method, address.path, address.query, content)
            else:
                self._send_page(self.application.page(method, address.path, content))
        except ApiError as error:
            self._send_answer(Answer(error.status, error.body))
        except ValueError:
            self._send_answer(self.application.error(400, "the content cannot be read"))

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
            authorization=self.application.credentials(self.headers),
            idempotency_key=self.application.key(self.headers),
            version=self.headers.get("Stripe-Version"),
        )
        if fault is not None and fault.mode is Mode.LATE:
            self.application.control.late.hold(request, seconds=fault.delay())
            self._reset()
            return
        answer = self.application.api.answer(request, fault)
        if fault is not None and self._fails_after(fault):
            return
        headers = {**self.application.echoed(request), **answer.headers}
        self._send_answer(Answer(answer.status, answer.body, headers))

    def _fails_before(self, fault: Fault) -> bool:
        """Go wrong before anything is done; whether it did."""
        match fault.mode:
            case Mode.RESET_BEFORE:
                self._reset()
            case Mode.ERROR_BEFORE:
                message = "Injected, before anything was done."
                self._send_answer(self.application.api.failed(message))
            case Mode.RATE_LIMIT:
                self._send_answer(self.application.rate_limited)
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
        content = b"" if answer.status == 204 else msgspec.json.encode(answer.body)
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


def serve(server: ThreadingHTTPServer, application: Application) -> None:
    """Run until the process ends."""
    Handler.application = application
    application.webhooks.start()
    threading.Thread(target=application.tick, daemon=True, name="clock").start()
    server.serve_forever()


def listen(port: int) -> Server:
    """A server on this machine only.

    Raises:
        OSError: If the port is taken.
    """
    return Server((HOST, port), Handler)
