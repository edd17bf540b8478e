"""The inbox page: what staff see of gateways' events, and replaying one."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from billing.models import WebhookEvent
from billing.queries.webhook_events import inbox_health
from tests.factories.accounts import make_user
from tests.stripe_world import NOW, later
from tiktoktoe.accounts.roles import Role

pytestmark = pytest.mark.django_db


def signed_in(role: Role) -> Client:
    client = Client()
    client.force_login(make_user(role))
    return client


def event(state: str = "done", *, is_signed: bool = True, name: str = "CAPTURE") -> WebhookEvent:
    return WebhookEvent.objects.create(
        gateway="adyen",
        event_id=f"{state}:{is_signed}:{name}",
        name=name,
        about="other",
        is_signed=is_signed,
        payload="{}",
        state=state,
        next_try_at=NOW if state == "waiting" else None,
        happened_at=NOW - timedelta(seconds=90),
        received_at=NOW,
    )


def test_staff_see_each_event_and_whether_it_was_signed() -> None:
    event()
    event("refused", is_signed=False, name="")

    answer = signed_in(Role.SUPPORT).get(reverse("webhook_event_list"))
    narrowed = signed_in(Role.SUPPORT).get(reverse("webhook_event_list"), {"state": "refused"})

    assert answer.status_code == 200
    assert len(answer.context["page"].object_list) == 2
    assert [e.is_signed for e in narrowed.context["page"]] == [False]
    assert "Replay" not in answer.content.decode()


def test_replaying_takes_the_right_to_change() -> None:
    known = event("failed")
    address = reverse("webhook_event_replay", args=[known.pk])

    assert signed_in(Role.SUPPORT).post(address).status_code == 403
    assert signed_in(Role.FINANCE).post(address).status_code == 302

    known.refresh_from_db()
    assert (known.state, known.result) == ("done", "nothing to do")


def test_what_was_refused_is_not_replayed_even_when_asked_for() -> None:
    known = event("refused", is_signed=False)

    page = signed_in(Role.FINANCE).post(
        reverse("webhook_event_replay", args=[known.pk]), follow=True
    )

    known.refresh_from_db()
    assert known.state == "refused"
    assert "cannot be replayed" in page.content.decode()


def test_how_late_it_is() -> None:
    event("waiting")
    event("done")

    health = inbox_health(at=later(minutes=5))

    assert health.counts == {"waiting": 1, "done": 1}
    assert (health.oldest_wait, health.lag) == (timedelta(minutes=5), timedelta(seconds=90))
