"""What docs/api-events.md shows is what the address answers."""

import json
import re
from datetime import UTC, datetime

import pytest
from django.conf import settings
from django.test import Client

from subscriptions.models import UsageEvent
from subscriptions.services.event_sources import create_event_source
from tests.factories.subscriptions import JAN_1, make_customer, make_meter
from tiktoktoe.kernel import clock

PAGE = settings.BASE_DIR / "docs" / "api-events.md"
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.mark.django_db
def test_every_request_of_the_page_is_answered_as_it_says() -> None:
    make_customer(external_id="acme")
    make_meter()
    key = create_event_source(name="gateway", at=JAN_1).key
    blocks = re.findall(r"```http\n(.*?)\n```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    pairs = list(zip(blocks[::2], blocks[1::2], strict=True))

    for request, answer in pairs:
        head, _, body = request.partition("\n\n")
        line, header = head.splitlines()
        status, _, expected = answer.partition("\n\n")
        with clock.moved_to(NOON):
            found = Client().post(
                line.removeprefix("POST "),
                body,
                content_type=header.removeprefix("Content-Type: "),
                headers={"Authorization": f"Bearer {key}"},
            )
        assert (found.status_code, found.json()) == (int(status), json.loads(expected)), request

    assert len(pairs) == 5
    assert sorted(UsageEvent.objects.values_list("event_id", flat=True)) == [
        "/gateway/eu 1",
        "req-1",
        "req-2",
    ]


@pytest.mark.parametrize(
    ("limit", "sentence"),
    [
        (settings.USAGE_LATE_DAYS, "more than {} days ago"),
        (settings.USAGE_FUTURE_SECONDS // 60, "more than {} minutes ahead"),
        (settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 2**20, "more than {} MiB"),
        (settings.USAGE_BATCH_MAX_EVENTS, "more than {:,} events"),
    ],
)
def test_the_page_names_the_limits(limit: int, sentence: str) -> None:
    assert sentence.format(limit) in PAGE.read_text(encoding="utf-8")
