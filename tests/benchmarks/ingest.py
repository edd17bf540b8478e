"""Events per second over HTTP, against COPY of the same rows into a bare table.

`run()` needs Django set up on a migrated database, which it fills: give it one of its own.
Both ways are measured in turns in one run, so that the ratio means something on a busy machine.
"""

import http.client
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from socket import socket
from statistics import median

from django.conf import settings
from django.db import connection

from subscriptions.services.event_sources import create_event_source
from tests.factories.subscriptions import make_customer, make_meter
from tiktoktoe.kernel.clock import now

BATCH = 1000
BATCHES = 40
ROUNDS = 5
SENDERS = 2
CUSTOMERS = 50
GROWTH = (50_000, 400_000)
Say = Callable[[str], object]
_sequence = count()

BARE = """
DROP TABLE IF EXISTS bare_events;
CREATE TABLE bare_events (
    source_id bigint, event_id varchar(128), occurred_at timestamptz, customer_id bigint,
    meter_id bigint, quantity numeric(28, 10), counted_at timestamptz, counted_on date,
    properties jsonb, received_at timestamptz
)
"""
ROWS = f"""
COPY (SELECT source_id, event_id, occurred_at, customer_id, meter_id, quantity, counted_at,
             counted_on, properties, received_at
      FROM subscriptions_usageevent ORDER BY received_at DESC LIMIT {BATCH * BATCHES})
TO STDOUT (FORMAT BINARY)
"""


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured rate, and what part of the bare COPY's it is."""

    name: str
    per_second: float
    ratio: float | None = None

    def __str__(self) -> str:
        ratio = f"  {self.ratio:.3f} of bare COPY" if self.ratio is not None else ""
        return f"{self.name:<48} {self.per_second:>10,.0f} events/s{ratio}"


def run(*, say: Say = print) -> list[Figure]:
    """Measure, print and return the rates."""
    key = create_event_source(name=f"benchmark {uuid.uuid4()}", at=now()).key
    customers = [make_customer().external_id for _ in range(CUSTOMERS)]
    make_meter()
    with server() as port, connection.cursor() as cursor:
        cursor.execute(BARE)
        send(port, key, bodies(customers, 4))  # warm up
        rounds = []
        for _ in range(ROUNDS):
            over_http = send(port, key, bodies(customers, BATCHES))
            rounds.append((over_http, copy_bare()))
        again = bodies(customers, BATCHES)
        send(port, key, again)
        known = send(port, key, again)
        grown = growth(port, key, customers)
        cursor.execute("DROP TABLE bare_events")
    figures = [
        Figure("COPY into a bare table", median(bare for _, bare in rounds), 1.0),
        Figure(
            f"HTTP, batches of {BATCH:,}",
            median(rate for rate, _ in rounds),
            median(rate / bare for rate, bare in rounds),
        ),
        Figure("HTTP, every event a duplicate", known),
        *grown,
    ]
    for figure in figures:
        say(str(figure))
    return figures


def growth(port: int, key: str, customers: Sequence[str]) -> list[Figure]:
    """The rate as the table of ids grows; the ids are random, the worst case for an index."""
    figures = []
    with connection.cursor() as cursor:
        for size in GROWTH:
            fill_keys(size)
            cursor.execute("SELECT count(*) FROM subscriptions_usageeventkey")
            (known,) = cursor.fetchone() or (0,)
            rates = [send(port, key, bodies(customers, 10, is_random=True)) for _ in range(3)]
            figures.append(Figure(f"HTTP, random ids, {known:,} known", median(rates)))
    return figures


def fill_keys(size: int) -> None:
    """Let so many ids have been seen."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO subscriptions_usageeventkey "
            "SELECT 0, gen_random_uuid()::text, now(), sha256('') FROM generate_series(1, %s)",
            [size],
        )


def bodies(customers: Sequence[str], batches: int, *, is_random: bool = False) -> list[bytes]:
    """Requests of events that nobody has sent yet, ready to go."""
    start = now() - timedelta(hours=1)
    made = []
    for _ in range(batches):
        events = []
        for place in range(BATCH):
            number = next(_sequence)
            events.append(
                {
                    "id": str(uuid.uuid4()) if is_random else f"{time.time_ns():020d}-{number}",
                    "customer": customers[number % len(customers)],
                    "meter": "api_calls",
                    "occurred_at": (start + timedelta(milliseconds=place)).isoformat(),
                    "quantity": place % 100,
                    "properties": {"region": "eu", "model": "m1"},
                }
            )
        made.append(json.dumps(events).encode())
    return made


def send(port: int, key: str, requests: Sequence[bytes]) -> float:
    """Send requests by a few senders at once; gives events per second."""
    started = time.perf_counter()
    with ThreadPoolExecutor(SENDERS) as pool:
        shares = [requests[n::SENDERS] for n in range(SENDERS)]
        taken = sum(pool.map(lambda share: send_share(port, key, share), shares))
    elapsed = time.perf_counter() - started
    assert taken == len(requests) * BATCH, taken
    return taken / elapsed


def send_share(port: int, key: str, requests: Sequence[bytes]) -> int:
    """Send over one connection; gives how many events were accepted or known."""
    taken = 0
    sender = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    for request in requests:
        sender.request("POST", "/api/v1/events", request, headers)
        answer = json.loads(sender.getresponse().read())
        taken += answer["accepted"] + answer["duplicates"]
    sender.close()
    return taken


def copy_bare() -> float:
    """Copy the newest rows into a table without index, in the same batches; per second."""
    with connection.cursor() as cursor:
        with cursor.copy(ROWS) as copy:
            rows = list(copy)
        started = time.perf_counter()
        with cursor.copy("COPY bare_events FROM STDIN (FORMAT BINARY)") as copy:
            for row in rows:
                copy.write(row)
        return BATCH * BATCHES / (time.perf_counter() - started)


@contextmanager
def server() -> Iterator[int]:
    """The application on granian, as many processes as senders; gives the port."""
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "tiktoktoe.wsgi:application"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", str(SENDERS)]
    command += ["--blocking-threads", "2", "--no-ws", "--log-level", "error"]
    environment = {**os.environ, "DATABASE_URL": database_url(), "LOG_LEVEL": "WARNING"}
    process = subprocess.Popen(command, env=environment, cwd=settings.BASE_DIR)
    try:
        await_port(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def database_url() -> str:
    """The address of the database that this process is connected to."""
    params = connection.get_connection_params()
    host = params.get("host") or "127.0.0.1"
    password = f":{params['password']}" if params.get("password") else ""
    who = f"{params.get('user', 'postgres')}{password}"
    if str(host).startswith("/"):
        return f"postgresql://{who}@/{params['dbname']}?host={host}"
    return f"postgresql://{who}@{host}:{params.get('port') or 5432}/{params['dbname']}"


def await_port(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Wait until the server answers."""
    for _ in range(300):
        assert process.poll() is None, "the server has ended"
        try:
            probe = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            probe.request("GET", "/api/v1/events")
            probe.getresponse().read()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the server does not answer")
