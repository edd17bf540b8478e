"""A shop: its webhook takes what is posted and answers as it is told, its page says hello."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Receiver:
    """What has been posted so far: the raw content and its signature."""

    address: str = ""
    statuses: list[int] = field(default_factory=list)
    answer: bytes = b""
    posts: list[tuple[bytes, str]] = field(default_factory=list)

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events that were posted, in order."""
        return [json.loads(content) for content, _signature in list(self.posts)]

    def types(self) -> list[str]:
        """Their types, in order."""
        return [event["type"] for event in self.events]

    def wait(self, until: Callable[[], bool], seconds: float = 10) -> None:
        """Wait for something to be so.

        Raises:
            AssertionError: If it does not become so.
        """
        deadline = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < deadline, f"only {self.types()} arrived"
            time.sleep(0.02)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on a free port; it answers the statuses that it is given, then 200."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.posts.append((content, self.headers["Stripe-Signature"]))
            self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
            self.end_headers()
            self.wfile.write(receiver.answer)

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain")
            self.end_headers()
            self.wfile.write(b"back in the shop")

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.address = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
