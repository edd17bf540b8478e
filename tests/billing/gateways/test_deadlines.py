"""An answer that drips is given up when the time for the whole is over."""

import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
import stripe

from billing.domain.attempts import Answer
from billing.gateways.http import http_client, outcome_of_transport_error, send
from billing.gateways.stripe_client import client_for, outcome_of_error

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
IN_THE_HEAD = HEAD + b"X-Drip: " + b"x" * 500
IN_THE_BODY = HEAD + b"Content-Length: 500\r\n\r\n{" + b" " * 500


@pytest.fixture(params=[IN_THE_HEAD, IN_THE_BODY], ids=["head", "body"])
def dripping(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server whose answers come byte by byte, each well within any read's timeout."""
    server = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_drip, args=(server, request.param), daemon=True).start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}"
    server.close()


def _drip(server: socket.socket, answer: bytes) -> None:
    start = answer.index(b"\r\nX-Drip") if b"X-Drip" in answer else answer.index(b"{")
    try:
        while True:
            connection, _ = server.accept()
            connection.recv(65_536)
            connection.sendall(answer[:start])
            for byte in answer[start:]:
                connection.sendall(bytes([byte]))
                time.sleep(0.1)
    except OSError:
        return


def test_our_own_requests_end_in_time_and_prove_nothing(dripping: str) -> None:
    started = time.monotonic()

    with pytest.raises(httpx.TransportError) as error:
        send(http_client(1), "POST", f"{dripping}/charge", json={})

    assert time.monotonic() - started < 5  # the answer takes 50
    assert outcome_of_transport_error(error.value).answer == Answer.INCONCLUSIVE


def test_stripes_requests_end_in_time_and_prove_nothing(dripping: str) -> None:
    client = client_for("sk_test_" + "a" * 24, dripping, "2026-05-27.dahlia", 1)
    started = time.monotonic()

    with pytest.raises(stripe.APIConnectionError) as error:
        client.payment_intents.create({"amount": 500, "currency": "eur"})

    assert time.monotonic() - started < 5
    assert outcome_of_error(error.value).answer == Answer.INCONCLUSIVE


def test_nobody_who_listens_is_proof_that_nothing_left() -> None:
    client = client_for("sk_test_" + "a" * 24, "http://127.0.0.1:9", "2026-05-27.dahlia", 1)

    with pytest.raises(stripe.APIConnectionError) as error:
        client.payment_intents.create({"amount": 500, "currency": "eur"})

    assert outcome_of_error(error.value).answer == Answer.NEVER_LEFT
