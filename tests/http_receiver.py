"""An HTTP server for tests that keeps what it gets, and misbehaves as it is told."""

import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@dataclass
class Received:
    """One request."""

    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """`faults` are taken one a request: a status, "hang", "drip", "reset" or "redirect".

    `answer` makes the body of a 200 of what was sent.
    """

    url: str = ""
    requests: list[Received] = field(default_factory=list)
    faults: list[int | str] = field(default_factory=list)
    answer: Callable[[bytes], bytes] | None = None


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.box.requests.append(Received(dict(self.headers.items()), body))
        fault = self.server.box.faults.pop(0) if self.server.box.faults else 200
        if fault == "hang":
            time.sleep(3)
        elif fault == "reset":
            linger = struct.pack("ii", 1, 0)  # close by a reset, not politely
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()
        elif fault == "drip":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
            for _ in range(30):
                self.wfile.write(b".")
                self.wfile.flush()
                time.sleep(0.1)
        else:
            status = 302 if fault == "redirect" else int(fault)
            answer = f"status {status}".encode()
            if status == 200 and self.server.box.answer is not None:
                answer = self.server.box.answer(body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            if status == 302:
                self.send_header("Location", self.server.box.url + "elsewhere")
            self.end_headers()
            self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, box: Receiver) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.box = box

    def handle_error(self, *_: object) -> None:
        """Callers that hang up are what is tested."""


@contextmanager
def http_receiver() -> Iterator[Receiver]:
    """A receiver that runs for the length of a `with`."""
    box = Receiver()
    with _Server(box) as server:
        box.url = f"http://127.0.0.1:{server.server_address[1]}/hook/"
        Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
        yield box
        server.shutdown()
