import json
from collections.abc import Iterator
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from django.core import mail
from django.db import DatabaseError, IntegrityError, connection, transaction

from billing.domain.announcements import EVENT_KINDS
from billing.domain.webhook_signing import SIGNATURE_HEADER, WAITS, is_genuine
from billing.errors import WebhookInvalid
from billing.models import Announcement, WebhookDelivery, WebhookEndpoint, WebhookTry
from billing.services.announcements.webhook_deliveries import (
    claim_deliveries,
    deliver_due,
    replay_delivery,
    replay_failed,
    write_deliveries,
)
from billing.services.announcements.webhook_endpoints import (
    create_endpoint,
    disable_endpoint,
    enable_endpoint,
    remove_endpoint,
    renew_secret,
    secret_of,
)
from tests.factories.subscriptions import JAN_1, make_customer
from tests.http_receiver import Receiver, http_receiver

pytestmark = pytest.mark.django_db
NOON = JAN_1 + timedelta(hours=12)
DAY = timedelta(days=1)
FACTS = {"invoice": "INV-000001", "total": {"amount": "119", "currency": "EUR"}}


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    """A real HTTP server on this machine, which is a private network."""
    settings.WEBHOOKS_ALLOW_PRIVATE = True
    settings.WEBHOOK_TIMEOUT_SECONDS = 8
    with http_receiver() as running:
        yield running


def make_event(number: int = 1) -> Announcement:
    return Announcement.objects.create(
        kind="invoice.finalized",
        object_key=str(number),
        customer=make_customer(external_id=f"acme{number}"),
        happened_at=JAN_1,
        announced_at=NOON,
        facts=FACTS,
    )


def make_delivery(receiver: Receiver, number: int = 1) -> WebhookDelivery:
    if not WebhookEndpoint.objects.exists():
        create_endpoint(url=receiver.url, kinds=[], at=JAN_1)
    write_deliveries([make_event(number)], at=NOON)
    return WebhookDelivery.objects.get(announcement__object_key=str(number))


def test_an_event_arrives_signed_and_in_the_documented_shape(receiver: Receiver) -> None:
    delivery = make_delivery(receiver)

    assert deliver_due(at=NOON) == 1

    (request,) = receiver.requests
    assert json.loads(request.body) == {
        "id": f"evt_{delivery.announcement_id}",
        "version": "2026-01",
        "kind": "invoice.finalized",
        "sequence": delivery.announcement_id,
        "happened_at": "2026-01-01T00:00:00+00:00",
        "customer": "acme1",
        "data": {"invoice": "INV-000001", "total": {"amount": "119.00", "currency": "EUR"}},
    }
    assert is_genuine(
        header=request.headers[SIGNATURE_HEADER],
        secret=secret_of(delivery.endpoint),
        body=request.body,
        now=int(NOON.timestamp()),
    )
    delivery.refresh_from_db()
    assert (delivery.state, delivery.delivered_at) == ("delivered", NOON)
    (tried,) = delivery.tries.all()
    assert (tried.status, tried.answer, tried.error) == (200, "status 200", "")
    assert deliver_due(at=NOON + DAY) == 0


@pytest.mark.parametrize(
    ("fault", "status", "error"),
    [
        (500, 500, ""),
        (404, 404, ""),
        ("redirect", 302, ""),
        ("reset", None, "ReadError"),
        ("hang", None, "ReadTimeout"),
        ("drip", None, "ReadTimeout"),
    ],
)
def test_a_fault_is_written_down_and_the_event_sent_again(
    receiver: Receiver, settings: Any, fault: int | str, status: int | None, error: str
) -> None:
    if fault in {"hang", "drip"}:
        settings.WEBHOOK_TIMEOUT_SECONDS = 1
    delivery = make_delivery(receiver)
    receiver.faults = [fault]

    deliver_due(at=NOON)

    delivery.refresh_from_db()
    assert delivery.state == "queued"
    assert delivery.next_try_at is not None
    assert WAITS[0] <= delivery.next_try_at - NOON <= WAITS[0] * 1.2
    (tried,) = delivery.tries.all()
    assert (tried.status, tried.error) == (status, error)
    assert tried.milliseconds < 2500
    assert len(receiver.requests) == 1  # a redirect is not followed
    settings.WEBHOOK_TIMEOUT_SECONDS = 8
    deliver_due(at=delivery.next_try_at)
    delivery.refresh_from_db()
    assert delivery.state == "delivered"
    assert len(receiver.requests) == 2
    assert receiver.requests[0].body == receiver.requests[1].body


def test_retries_go_on_for_days_then_the_endpoint_is_disabled_with_the_reason(
    receiver: Receiver,
) -> None:
    delivery = make_delivery(receiver)
    receiver.faults = [503] * 20
    at = NOON

    while delivery.next_try_at is not None:
        at = max(at, delivery.next_try_at)
        deliver_due(at=at)
        delivery.refresh_from_db()

    assert (delivery.state, delivery.tries_done) == ("failed", len(WAITS) + 1)
    assert at - NOON > 3 * DAY
    endpoint = WebhookEndpoint.objects.get()
    assert endpoint.state == "disabled"
    assert endpoint.state_reason == "nothing has arrived since 2026-01-01 12:00 UTC"
    (letter,) = mail.outbox
    assert letter.to == ["billing@noughts.example"]
    assert "nothing has arrived since" in letter.body
    assert f"/outgoing-webhooks/{endpoint.reference}/" in letter.body

    make_delivery(receiver, 2)
    assert deliver_due(at=at) == 0  # its events wait
    receiver.faults = []
    enable_endpoint(endpoint=endpoint)
    assert deliver_due(at=at) == 1
    assert replay_failed(endpoint=endpoint, at=at) == 1
    assert deliver_due(at=at) == 1
    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {"delivered"}


def test_one_that_failed_while_others_arrived_does_not_disable_the_endpoint(
    receiver: Receiver,
) -> None:
    delivery = make_delivery(receiver)
    at = NOON
    while delivery.next_try_at is not None:
        at = max(at, delivery.next_try_at)
        receiver.faults = [500]
        deliver_due(at=at)
        make_delivery(receiver, delivery.tries_done + 100)
        deliver_due(at=at)
        delivery.refresh_from_db()

    assert delivery.state == "failed"
    assert WebhookEndpoint.objects.get().state == "active"


def test_an_event_is_replayed_whatever_became_of_it(receiver: Receiver) -> None:
    delivery = make_delivery(receiver)
    deliver_due(at=NOON)

    replay_delivery(delivery=delivery, at=NOON + DAY)
    assert deliver_due(at=NOON + DAY) == 1

    first, second = receiver.requests
    assert first.body == second.body
    assert first.headers[SIGNATURE_HEADER] != second.headers[SIGNATURE_HEADER]
    assert delivery.tries.count() == 2


def test_what_a_dead_sender_had_claimed_is_sent_after_its_lease(receiver: Receiver) -> None:
    make_delivery(receiver)
    claim_deliveries(at=NOON)

    assert deliver_due(at=NOON + timedelta(minutes=4)) == 0
    assert deliver_due(at=NOON + timedelta(minutes=5)) == 1


def test_an_event_is_written_once_for_an_endpoint(receiver: Receiver) -> None:
    delivery = make_delivery(receiver)

    with pytest.raises(IntegrityError, match="event_once_per_endpoint"), transaction.atomic():
        write_deliveries([delivery.announcement], at=NOON)


@pytest.mark.django_db(transaction=True)
def test_two_senders_at_once_send_each_event_once(receiver: Receiver) -> None:
    for number in range(60):
        make_delivery(receiver, number)
    together = Barrier(2)
    made: list[int] = []

    def send() -> None:
        together.wait(10)
        try:
            made.append(deliver_due(at=NOON))
        finally:
            connection.close()

    threads = [Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sum(made) == 60
    assert min(made) > 0
    sent = [json.loads(request.body)["id"] for request in receiver.requests]
    assert len(sent) == len(set(sent)) == 60


@pytest.mark.django_db(transaction=True)
def test_threads_share_the_work(receiver: Receiver) -> None:
    for number in range(9):
        make_delivery(receiver, number)

    assert deliver_due(at=NOON, workers=4) == 9

    assert len(receiver.requests) == 9
    assert WebhookDelivery.objects.filter(state="delivered").count() == 9


def test_an_address_that_leads_to_a_private_network_is_not_called(
    receiver: Receiver, settings: Any
) -> None:
    delivery = make_delivery(receiver)
    settings.WEBHOOKS_ALLOW_PRIVATE = False
    port = receiver.url.rsplit(":", 1)[1]
    # A name that has come to lead here since it was added: https, and resolved when it is sent.
    WebhookEndpoint.objects.update(url=f"https://localhost:{port}")

    deliver_due(at=NOON)

    assert receiver.requests == []
    assert delivery.tries.get().error == "it leads to a private network"


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "ftp://example.com/",
        "https://",
        "https://user:word@example.com/",
        "https://example.com:99999/",
        "https://[::1/",
        "example.com",
    ],
)
def test_an_address_that_cannot_be_used_is_refused_when_it_is_added(url: str) -> None:
    with pytest.raises(WebhookInvalid) as refusal:
        create_endpoint(url=url, kinds=[], at=JAN_1)

    assert refusal.value.field == "url"
    assert not WebhookEndpoint.objects.exists()


def test_no_table_holds_the_secret_and_a_new_one_ends_the_old(receiver: Receiver) -> None:
    made = create_endpoint(url=receiver.url, kinds=[], at=JAN_1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT billing_webhookendpoint::text FROM billing_webhookendpoint")
        (row,) = cursor.fetchone()
    assert made.secret not in row
    assert secret_of(made.endpoint) == made.secret

    renewed = renew_secret(endpoint=made.endpoint)

    assert renewed.secret != made.secret
    assert secret_of(WebhookEndpoint.objects.get()) == renewed.secret


def test_a_disabled_endpoint_collects_events_and_a_removed_one_gives_them_up(
    receiver: Receiver,
) -> None:
    delivery = make_delivery(receiver)
    disable_endpoint(endpoint=delivery.endpoint, reason="by hand")
    assert write_deliveries([make_event(2)], at=NOON) == 1

    remove_endpoint(endpoint=delivery.endpoint)

    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {"failed"}
    assert write_deliveries([make_event(3)], at=NOON) == 0
    enable_endpoint(endpoint=delivery.endpoint)
    assert WebhookEndpoint.objects.get().state == "removed"


def test_what_was_tried_stays(receiver: Receiver) -> None:
    make_delivery(receiver)
    deliver_due(at=NOON)

    with pytest.raises(DatabaseError, match="what was tried stays"), transaction.atomic():
        WebhookTry.objects.update(status=200)


def test_every_kind_can_be_chosen_once() -> None:
    assert len(EVENT_KINDS) == len(set(EVENT_KINDS)) == 51
