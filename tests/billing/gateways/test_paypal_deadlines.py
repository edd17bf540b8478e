"""However many exchanges an operation of PayPal's needs, they end within the time for one."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from billing.domain.attempts import Answer
from billing.errors import GatewayUnavailable
from billing.gateways.base import Outcome
from billing.gateways.paypal import PayPalGateway
from billing.gateways.paypal_client import PayPalClient

TOKENS = "/v1/oauth2/token"
SECONDS = 1
Slow = Callable[[dict[str, float]], tuple[PayPalClient, list[str]]]


@pytest.fixture
def slow(settings: Any) -> Iterator[Slow]:
    """PayPal, whose answers take so long by their path; no token that it gives is taken."""
    settings.GATEWAY_TIMEOUT_SECONDS = SECONDS
    asked: list[str] = []
    takes: dict[str, float] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            time.sleep(takes.get(self.path, 0))
            is_token = self.path == TOKENS
            body = b'{"access_token": "A", "expires_in": 32400}' if is_token else b"{}"
            with suppress(OSError):  # whoever asked has gone
                self.send_response(200 if is_token else 401)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        do_GET = do_POST  # noqa: N815 - as the library calls it

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    def made(so_long: dict[str, float]) -> tuple[PayPalClient, list[str]]:
        takes.update(so_long)
        host = f"http://127.0.0.1:{server.server_port}"
        return PayPalClient(api_host=host, client_id="a", secret="s"), asked

    yield made
    server.shutdown()
    server.server_close()


def move(client: PayPalClient) -> Outcome:
    return client.move("/orders", {}, key="k", read=lambda _: Outcome(answer=Answer.SUCCEEDED))


def test_four_exchanges_take_no_longer_than_one_and_prove_nothing(slow: Slow) -> None:
    client, asked = slow({TOKENS: 0.4, "/orders": 0.4})  # 1.6 in all
    started = time.monotonic()

    outcome = move(client)

    assert time.monotonic() - started < SECONDS + 0.3
    assert asked[:2] == [TOKENS, "/orders"]
    assert outcome.answer == Answer.INCONCLUSIVE


def test_a_token_that_takes_all_the_time_proves_that_nothing_left(slow: Slow) -> None:
    client, asked = slow({TOKENS: 3 * SECONDS})
    started = time.monotonic()

    outcome = move(client)

    assert time.monotonic() - started < SECONDS + 0.3
    assert (asked, outcome.answer) == ([TOKENS], Answer.NEVER_LEFT)


def test_ten_that_wait_for_one_token_wait_no_longer_than_for_one(slow: Slow) -> None:
    client, _ = slow({TOKENS: 3 * SECONDS})
    started = time.monotonic()

    with ThreadPoolExecutor(10) as pool:
        outcomes = list(pool.map(move, [client] * 10))

    assert time.monotonic() - started < SECONDS + 0.8  # not ten
    assert {outcome.answer for outcome in outcomes} == {Answer.NEVER_LEFT}


def test_two_looks_of_one_operation_share_the_time(slow: Slow) -> None:
    client, _ = slow({TOKENS: 0.6, "/v2/payments/captures/C": 0.6})
    started = time.monotonic()

    outcome = PayPalGateway("paypal", client, webhook_id="W").read_charge("C")

    assert time.monotonic() - started < SECONDS + 0.3
    assert outcome.answer == Answer.INCONCLUSIVE


def test_what_moves_no_money_ends_in_time_too(slow: Slow) -> None:
    client, _ = slow({TOKENS: 0.4, "/list": 0.4})
    started = time.monotonic()

    with pytest.raises(GatewayUnavailable):
        client.ask("GET", "/list")

    assert time.monotonic() - started < SECONDS + 0.3
