"""What docs/webhooks.md and docs/notices.md say is so."""

import json
import re
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.conf import settings

from billing.domain.announcements import NOTICE_KINDS, Attachment
from billing.domain.webhook_signing import SIGNATURE_HEADER, TOLERANCE_SECONDS, signature
from billing.models import Announcement
from billing.services.announcements.webhook_deliveries import event_body
from tests.factories.subscriptions import JAN_1, make_customer

WEBHOOKS = (settings.BASE_DIR / "docs" / "webhooks.md").read_text(encoding="utf-8")
NOTICES = (settings.BASE_DIR / "docs" / "notices.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)\n```", WEBHOOKS, re.DOTALL)
    assert found is not None
    return found.group(1)


@pytest.mark.django_db
def test_an_event_has_the_shape_of_the_page() -> None:
    shown = json.loads(block("json"))
    event = Announcement.objects.create(
        pk=shown["sequence"],
        kind=shown["kind"],
        object_key="1",
        customer=make_customer(external_id=shown["customer"]),
        happened_at=datetime.fromisoformat(shown["happened_at"]),
        announced_at=JAN_1,
        facts={"invoice": "INV-000001", "total": {"amount": "119", "currency": "EUR"}},
    )

    assert event_body(event) == shown


def test_the_check_of_the_page_accepts_what_we_sign_and_nothing_else() -> None:
    names: dict[str, Any] = {}
    exec(block("python"), names)
    is_genuine: Callable[[str, str, bytes], bool] = names["is_genuine"]
    now, body = int(time.time()), b'{"kind":"invoice.paid"}'
    header = signature(secret="whsec_x", timestamp=now, body=body)

    assert is_genuine(header, "whsec_x", body)
    assert not is_genuine(header, "whsec_y", body)
    assert not is_genuine(header, "whsec_x", body + b" ")
    old = signature(secret="whsec_x", timestamp=now - TOLERANCE_SECONDS - 5, body=body)
    assert not is_genuine(old, "whsec_x", body)
    assert SIGNATURE_HEADER in WEBHOOKS


def test_the_page_lists_every_notice_as_it_is() -> None:
    rows = re.findall(r"^\| `([a-z_.]+)` \| [^|]+ \| (\w*) ?\| ([a-z ]*)\|$", NOTICES, re.MULTILINE)

    told = {kind: (always == "yes", document.strip()) for kind, always, document in rows}
    documents = {
        Attachment.NONE: "",
        Attachment.INVOICE: "the invoice",
        Attachment.CREDIT_NOTE: "the credit note",
    }
    assert told == {
        kind: (spec.is_mandatory, documents[spec.attachment]) for kind, spec in NOTICE_KINDS.items()
    }
