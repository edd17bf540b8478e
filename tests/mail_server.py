"""A mail server for tests: it takes messages over SMTP, and can be told to refuse or to hang up."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread


@dataclass
class MailServer:
    """What came in, and how to answer: `answers` are given to RCPT TO, one a message."""

    port: int = 0
    messages: list[EmailMessage] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)


class _Conversation(StreamRequestHandler):
    server: "_Server"

    def handle(self) -> None:
        self._say("220 tests")
        for line in self.rfile:
            word = line[:4].upper().strip()
            if word == b"RCPT" and self.server.box.answers:
                self._say(self.server.box.answers.pop(0))
            elif word == b"DATA":
                self._say("354 go on")
                self._take()
            elif word == b"QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _take(self) -> None:
        lines = []
        for line in self.rfile:
            if line == b".\r\n":
                break
            lines.append(line.removeprefix(b"."))
        message = message_from_bytes(b"".join(lines), policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.server.box.messages.append(message)
        self._say("250 taken")

    def _say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")


class _Server(ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, box: MailServer) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.box = box


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """A server that runs for the length of a `with`."""
    box = MailServer()
    with _Server(box) as server:
        box.port = int(server.server_address[1])
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield box
        server.shutdown()
