import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from django.test import Client

from subscriptions.models import Customer, EventSource, RejectedEvent, UsageEvent
from subscriptions.services.event_sources import create_event_source, revoke_event_source
from tests.factories.subscriptions import JAN_1, make_customer, make_meter
from tiktoktoe.kernel import clock

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
URL = "/api/v1/events"


class Sender:
    """A system with a key."""

    def __init__(self) -> None:
        made = create_event_source(name="backend", at=JAN_1)
        self.source: EventSource = made.source
        self.key = made.key
        self.client = Client()

    def post(self, content: object, content_type: str = "application/json", **headers: str) -> Any:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        return self.client.post(
            URL,
            data,
            content_type=content_type,
            headers={"Authorization": f"Bearer {self.key}", **headers},
        )


@pytest.fixture
def sender() -> Sender:
    make_customer(external_id="acme")
    make_meter()
    return Sender()


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    with clock.moved_to(NOON):
        yield


def event(event_id: str = "e1", **fields: object) -> dict[str, object]:
    return {
        "id": event_id,
        "customer": "acme",
        "meter": "api_calls",
        "occurred_at": "2026-03-10T11:00:00Z",
        "quantity": 3,
        **fields,
    }


def cloud_event(event_id: str = "e1", **fields: object) -> dict[str, object]:
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": "/gateway",
        "type": "api_calls",
        "subject": "acme",
        "time": "2026-03-10T11:00:00+01:00",
        "data": {"quantity": "2.5", "region": "eu"},
        **fields,
    }


def nested(depth: int) -> dict[str, object]:
    inner: dict[str, object] = {}
    for _ in range(depth):
        inner = {"a": inner}
    return inner


def test_one_event_is_kept(sender: Sender) -> None:
    answer = sender.post(event(quantity=0.1))

    assert answer.status_code == 200
    assert answer.json() == {"accepted": 1, "duplicates": 0, "rejected": []}
    kept = UsageEvent.objects.get()
    assert kept.quantity == Decimal("0.1")
    assert kept.occurred_at == datetime(2026, 3, 10, 11, tzinfo=UTC)
    assert kept.customer_id == Customer.objects.get().pk


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        ([event("a"), event("b")], "application/json"),
        (
            b"\n".join(json.dumps(event(i)).encode() for i in ("a", "b")) + b"\n\n",
            "application/x-ndjson",
        ),
        ([cloud_event("a"), cloud_event("b")], "application/cloudevents-batch+json"),
    ],
)
def test_many_events_are_kept_however_they_are_written(
    sender: Sender, content: object, content_type: str
) -> None:
    assert sender.post(content, content_type).json()["accepted"] == 2
    assert UsageEvent.objects.count() == 2


def test_a_cloud_event_names_meter_customer_and_quantity(sender: Sender) -> None:
    sender.post(cloud_event(), "application/cloudevents+json")

    kept = UsageEvent.objects.get()
    assert kept.event_id == "/gateway e1"
    assert kept.quantity == Decimal("2.5")
    assert kept.properties == {"region": "eu"}
    assert kept.occurred_at == datetime(2026, 3, 10, 10, tzinfo=UTC)


def test_a_cloud_events_quantity_is_read_exactly(sender: Sender) -> None:
    content = json.dumps(cloud_event()).replace('"2.5"', "123456789012345.0123456789")

    sender.post(content.encode(), "application/cloudevents+json")

    assert UsageEvent.objects.get().quantity == Decimal("123456789012345.0123456789")


def test_cloud_events_of_two_sources_are_never_taken_for_one(sender: Sender) -> None:
    twins = [cloud_event("c", source="/a/b"), cloud_event("b/c", source="/a")]

    answer = sender.post(twins, "application/cloudevents-batch+json").json()

    assert (answer["accepted"], answer["duplicates"]) == (2, 0)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"specversion": "0.3"}, "specversion"),
        ({"source": "two words"}, "source"),
        ({"source": ""}, "source"),
        ({"id": ""}, "id"),
        ({"data": {"quantity": True}}, "data.quantity"),
        ({"data": {"quantity": "many"}}, "data.quantity"),
        ({"data": "text"}, "data"),
        ({"data": None, "data_base64": "Mg=="}, "data_base64"),
    ],
)
def test_a_bad_cloud_event_is_refused_with_its_field(
    sender: Sender, change: dict[str, object], field: str
) -> None:
    events = [cloud_event("good"), {**cloud_event("bad"), **change}]

    answer = sender.post(events, "application/cloudevents-batch+json").json()

    assert answer["accepted"] == 1
    assert [(r["index"], r["field"]) for r in answer["rejected"]] == [(1, field)]


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b'{"region": "\xff"}', "data.region"),
        (b'{"cost": 1e400}', "data.cost"),
        (b'{"cost": %s}' % (b"9" * 5000), "data.cost"),
        (b'{"quantity": "\xff"}', "data.quantity"),
    ],
)
def test_data_of_a_cloud_event_that_nobody_can_read_does_not_cost_the_others(
    sender: Sender, data: bytes, field: str
) -> None:
    bad = json.dumps(cloud_event("bad", data="DATA")).encode().replace(b'"DATA"', data)
    good = json.dumps(cloud_event("good")).encode()

    answer = sender.post(b"[%s, %s]" % (bad, good), "application/cloudevents-batch+json")

    assert answer.status_code == 200
    assert answer.json()["accepted"] == 1
    assert [(r["index"], r["field"]) for r in answer.json()["rejected"]] == [(0, field)]
    assert RejectedEvent.objects.get().code == "unreadable"


def test_a_gzip_body_of_several_members_is_read_whole(sender: Sender) -> None:
    packed = b"".join(gzip.compress(json.dumps(event(i)).encode() + b"\n") for i in ("a", "b"))

    answer = sender.post(packed, "application/x-ndjson", **{"Content-Encoding": "gzip"})

    assert answer.json()["accepted"] == 2


def test_gzip_is_unpacked(sender: Sender) -> None:
    packed = gzip.compress(json.dumps([event("a"), event("b")]).encode())

    answer = sender.post(packed, **{"Content-Encoding": "gzip"})

    assert answer.json()["accepted"] == 2


def test_an_event_sent_again_is_a_duplicate_and_counts_once(sender: Sender) -> None:
    sender.post(event())

    again = sender.post(event(quantity="3.0", occurred_at="2026-03-10T12:00:00+01:00"))

    assert again.json() == {"accepted": 0, "duplicates": 1, "rejected": []}
    assert UsageEvent.objects.count() == 1


@pytest.mark.parametrize(
    "change", [{"quantity": 4}, {"occurred_at": "2026-03-09T11:00:00Z"}, {"properties": {"a": 1}}]
)
def test_an_id_used_again_with_another_body_is_refused_and_recorded(
    sender: Sender, change: dict[str, object]
) -> None:
    sender.post(event())

    answer = sender.post([{**event(), **change}, event("new")]).json()

    assert (answer["accepted"], answer["duplicates"]) == (1, 0)
    assert [(r["index"], r["field"], r["code"]) for r in answer["rejected"]] == [
        (0, "id", "reused")
    ]
    assert RejectedEvent.objects.get().code == "reused"


def test_repeats_inside_a_batch_are_told_apart(sender: Sender) -> None:
    answer = sender.post([event(), event(), event(quantity=9)]).json()

    assert (answer["accepted"], answer["duplicates"]) == (1, 1)
    assert answer["rejected"][0]["index"] == 2


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"customer": "nobody"}, "customer", "unknown"),
        ({"meter": "nothing"}, "meter", "unknown"),
        ({"quantity": -1}, "quantity", "invalid"),
        ({"quantity": "1e99"}, "quantity", "invalid"),
        ({"quantity": "1e999999999999"}, "quantity", "invalid"),
        ({"quantity": "1e-999999999999"}, "quantity", "invalid"),
        ({"quantity": "1000000000000000.00000000000000000001"}, "quantity", "invalid"),
        ({"quantity": "NaN"}, "quantity", "invalid"),
        ({"quantity": "many"}, "quantity", "unreadable"),
        ({"quantity": True}, "quantity", "unreadable"),
        ({"id": ""}, "id", "invalid"),
        ({"id": "x" * 129}, "id", "invalid"),
        ({"id": 7}, "id", "unreadable"),
        ({"occurred_at": "2026-03-10T11:00:00"}, "occurred_at", "invalid"),
        ({"occurred_at": "0001-01-01T00:00:00+14:00"}, "occurred_at", "invalid"),
        ({"occurred_at": 1_767_225_600}, "occurred_at", "unreadable"),
        ({"customer": "ac\x00me"}, "customer", "unknown"),
        ({"quantity": "0e-99999"}, "quantity", "invalid"),
        ({"quantity": "0e+99999"}, "quantity", "invalid"),
        ({"meter": "\x00"}, "meter", "unknown"),
        ({"id": "a\x00"}, "id", "invalid"),
        ({"properties": {"a": ["\x00"]}}, "properties", "invalid"),
        ({"properties": {"\x00": 1}}, "properties", "invalid"),
        ({"properties": nested(25)}, "properties", "invalid"),
        ({"properties": [1]}, "properties", "unreadable"),
        ({"occurred_at": "yesterday"}, "occurred_at", "unreadable"),
        ({"occurred_at": "2026-01-31T11:00:00Z"}, "occurred_at", "too_late"),
        ({"occurred_at": "2026-03-10T12:05:01Z"}, "occurred_at", "in_future"),
    ],
)
def test_a_bad_event_is_answered_by_index_and_the_good_ones_are_kept(
    sender: Sender, change: dict[str, object], field: str, code: str
) -> None:
    answer = sender.post([event("good"), event("bad", **change)])

    assert answer.status_code == 200
    assert answer.json()["accepted"] == 1
    (refused,) = answer.json()["rejected"]
    assert (refused["index"], refused["field"], refused["code"]) == (1, field, code)
    assert refused["reason"]
    assert RejectedEvent.objects.get().source == sender.source
    assert UsageEvent.objects.get().event_id == "good"


def test_a_missing_field_is_named(sender: Sender) -> None:
    incomplete = event()
    del incomplete["customer"]

    (refused,) = sender.post([incomplete]).json()["rejected"]

    assert refused["field"] == "customer"


def test_a_bad_line_does_not_cost_the_others(sender: Sender) -> None:
    lines = b"\n".join([json.dumps(event("a")).encode(), b"{oops", b"[1]"])

    answer = sender.post(lines, "application/x-ndjson").json()

    assert answer["accepted"] == 1
    assert [r["index"] for r in answer["rejected"]] == [1, 2]


@pytest.mark.parametrize(
    ("content", "headers", "content_type", "status"),
    [
        (b"{oops", {}, "application/json", 400),
        (b"7", {}, "application/json", 400),
        (b"\xff\xfe", {}, "application/json", 400),
        (b" ", {}, "application/json", 400),
        (b"[" * 100_000, {}, "application/json", 400),
        (b"not gzip", {"Content-Encoding": "gzip"}, "application/json", 400),
        (
            gzip.compress(b"{}" * 1000, mtime=0)[:-9],
            {"Content-Encoding": "gzip"},
            "application/json",
            400,
        ),
        (b"{}", {"Content-Encoding": "br"}, "application/json", 415),
        (b"a=1", {}, "application/x-www-form-urlencoded", 415),
        (b"{}", {"Authorization": "Bearer wrong"}, "application/json", 401),
        (b"{}", {"Authorization": "Basic abc"}, "application/json", 401),
    ],
)
def test_a_request_that_cannot_be_used_is_refused_as_a_whole(
    sender: Sender, content: bytes, headers: dict[str, str], content_type: str, status: int
) -> None:
    answer = sender.post(content, content_type, **headers)

    assert answer.status_code == status
    assert answer.json()["error"]["reason"]
    assert not UsageEvent.objects.exists()


def test_a_body_that_is_too_large_is_refused(sender: Sender, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000

    assert sender.post(b" " * 1001).status_code == 413
    bomb = gzip.compress(b" " * 1_000_000)
    assert len(bomb) < 1100
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 2000
    assert sender.post(bomb, **{"Content-Encoding": "gzip"}).status_code == 413


def chunked(sender: Sender, content: bytes, **environ: Any) -> Any:
    body: dict[str, Any] = {"wsgi.input": BytesIO(content), **environ}
    return Client().generic(
        "POST",
        URL,
        headers={"Authorization": f"Bearer {sender.key}", "Transfer-Encoding": "chunked"},
        CONTENT_TYPE="application/x-ndjson",
        **body,
    )


def test_a_body_in_chunks_is_read_though_its_length_is_not_said(
    sender: Sender, settings: Any
) -> None:
    lines = b"\n".join(json.dumps(event(i)).encode() for i in ("a", "b"))

    answer = chunked(sender, lines, **{"wsgi.input_terminated": True})
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = len(lines) - 1
    too_large = chunked(sender, lines, **{"wsgi.input_terminated": True})

    assert answer.json()["accepted"] == 2
    assert too_large.status_code == 413


def test_a_body_in_chunks_that_the_server_does_not_end_is_refused(sender: Sender) -> None:
    answer = chunked(sender, json.dumps(event()).encode())

    assert (answer.status_code, answer.json()["error"]["code"]) == (411, "length_required")


def test_too_many_events_are_refused(sender: Sender, settings: Any) -> None:
    settings.USAGE_BATCH_MAX_EVENTS = 2

    assert sender.post([event(str(i)) for i in range(3)]).status_code == 413


@pytest.mark.parametrize(
    ("content", "content_type"),
    [(b"1\n" * 11, "application/x-ndjson"), (b"[%s]" % b",".join([b"1"] * 11), "application/json")],
)
def test_of_far_too_many_bad_events_none_is_looked_at(
    sender: Sender,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    content: bytes,
    content_type: str,
) -> None:
    settings.USAGE_BATCH_MAX_EVENTS = 10
    monkeypatch.setattr("subscriptions.domain.wire._unreadable", None)

    answer = sender.post(content, content_type)

    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_many_events")


def test_a_revoked_key_is_refused(sender: Sender) -> None:
    revoke_event_source(source=sender.source, at=NOON)

    assert sender.post(event()).status_code == 401


def test_the_same_id_of_another_source_is_another_event(sender: Sender) -> None:
    other = create_event_source(name="other", at=JAN_1)
    sender.post(event())
    sender.key = other.key

    assert sender.post(event(quantity=8)).json()["accepted"] == 1
    assert UsageEvent.objects.count() == 2


def test_get_is_refused(sender: Sender) -> None:
    assert sender.client.get(URL).status_code == 405


def test_the_future_rule_allows_a_slightly_wrong_clock(sender: Sender) -> None:
    soon = (NOON + timedelta(seconds=299)).isoformat()

    assert sender.post(event(occurred_at=soon)).json()["accepted"] == 1
