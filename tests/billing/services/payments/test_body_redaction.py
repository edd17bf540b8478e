"""Bodies of gateways' events are erased after a time; what they proved, and a hash, stay."""

import hashlib
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from djstripe.models import Event, WebhookEventTrigger

from billing.gateways.stripe_mirror import mirror_account
from billing.models import PaymentAttempt, WebhookEvent
from billing.services.payments.body_redaction import redact_old_bodies
from billing.services.payments.stripe_events import find_missed_events
from billing.services.payments.webhook_inbox import replay_event
from tests.adyen_world import AdyenWorld
from tests.billing.services.payments.test_stripe_events import pay_and_never_come_back, time_there
from tests.billing.test_webhook_inbox import lost_charge
from tests.stripe_world import StripeWorld
from tiktoktoe.kernel.clock import now

pytestmark = pytest.mark.django_db


def after(days: int) -> Any:
    return now() + timedelta(days=days)


def told(adyen: AdyenWorld) -> WebhookEvent:
    """An event that has settled a charge."""
    lost_charge(adyen)
    adyen.deliver()
    return WebhookEvent.objects.latest("pk")


def test_a_body_is_kept_for_ninety_days_and_then_only_its_proof(adyen: AdyenWorld) -> None:
    event = told(adyen)
    body, proof = event.payload, event.proof

    assert redact_old_bodies(at=after(89)) == 0
    assert redact_old_bodies(at=after(91)) == WebhookEvent.objects.count()
    assert redact_old_bodies(at=after(92)) == 0

    event.refresh_from_db()
    assert (event.payload, event.proof, event.state) == ("", proof, "done")
    assert event.redacted_at is not None
    assert event.payload_digest == hashlib.sha256(body.encode()).hexdigest()


def test_the_time_is_a_setting(adyen: AdyenWorld, settings: Any) -> None:
    settings.WEBHOOK_BODIES_KEPT_DAYS = 10
    told(adyen)

    assert redact_old_bodies(at=after(11)) > 0


def test_what_was_erased_can_still_be_looked_into_again(adyen: AdyenWorld) -> None:
    event = told(adyen)
    redact_old_bodies(at=after(91))

    replayed = replay_event(event=event, at=after(91))

    assert (replayed.state, replayed.result) == ("done", "attempt succeeded")
    assert PaymentAttempt.objects.get().state == "succeeded"


def test_an_event_that_waits_keeps_its_body(adyen: AdyenWorld) -> None:
    event = told(adyen)
    WebhookEvent.objects.filter(pk=event.pk).update(state="waiting", next_try_at=now())

    redact_old_bodies(at=after(91))

    event.refresh_from_db()
    assert event.payload != ""


def test_a_few_at_a_time(adyen: AdyenWorld) -> None:
    told(adyen)

    assert redact_old_bodies(at=after(91), limit=1) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"payload": "another"},
        {"payload": ""},
        {"payload_digest": "0" * 64},
    ],
)
def test_the_database_lets_nobody_write_another_body(
    adyen: AdyenWorld, change: dict[str, str]
) -> None:
    event = told(adyen)

    with pytest.raises(DatabaseError), transaction.atomic():
        WebhookEvent.objects.filter(pk=event.pk).update(**change)


def test_what_was_erased_comes_back_by_no_means(adyen: AdyenWorld) -> None:
    event = told(adyen)
    redact_old_bodies(at=after(91))
    erased = WebhookEvent.objects.filter(pk=event.pk)

    for change in ({"payload": "x"}, {"payload": "x", "redacted_at": None}, {"redacted_at": None}):
        with pytest.raises(DatabaseError), transaction.atomic():
            erased.update(**change)


def test_the_mirrors_events_and_requests_are_erased_too(stripe: StripeWorld) -> None:
    mirror_account()
    find_missed_events(at=time_there(stripe))
    pay_and_never_come_back(stripe)
    find_missed_events(at=time_there(stripe))
    event = Event.objects.filter(type="payment_intent.succeeded").get()
    intent = event.data["object"]["id"]
    trigger = WebhookEventTrigger.objects.create(
        remote_ip="203.0.113.9",
        headers={"User-Agent": "x"},
        body='{"email": "ada@noughts.example"}',
    )

    redact_old_bodies(at=after(91))

    event.refresh_from_db()
    trigger.refresh_from_db()
    assert set(event.data) == {"redacted", "object"}
    assert event.data["object"] == {"id": intent, "object": "payment_intent"}
    assert len(event.data["redacted"]) == 64
    assert trigger.body.startswith("sha256:")
    assert (trigger.headers, trigger.remote_ip) == ({}, "0.0.0.0")
    assert redact_old_bodies(at=after(92)) == 0
