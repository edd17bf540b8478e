"""Anchors: what was sealed and rewritten shows, even where every chain was made anew."""

from datetime import timedelta
from io import StringIO
from itertools import pairwise
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from billing.domain.event_anchors import AnchorTerms, is_sealed, seal_of
from billing.models import EventAnchor, Payment, PaymentEvent
from billing.queries.event_anchors import BrokenAnchor, broken_anchors
from billing.queries.event_chain import broken_seals
from billing.services.announcements.staff_digest import tell_what_waits
from billing.services.payments import event_anchors
from billing.services.payments.charging import charge_invoice
from billing.services.payments.event_anchors import anchor_events, check_anchors
from tests.scripted_gateway import LOST, TwoGateways, gateways, scripted_gateways
from tests.shared_world import shared_world
from tests.stripe_world import NOW, PERSON, invoice_of
from tiktoktoe.kernel.clock import now

__all__ = ["gateways"]  # fixture
pytestmark = pytest.mark.django_db

TERMS = AnchorTerms(number=1, after_event=0, until_event=9, events=9, digest="d", previous_seal="")
REWRITTEN = "its events are not those that were sealed"


def soon() -> Any:
    return now() + timedelta(hours=2)


def two_paid() -> list[PaymentEvent]:
    """What happened to two payments."""
    with scripted_gateways() as gateways:
        for _ in range(2):
            charge_invoice(invoice=invoice_of(gateways.customer_with_card()), actor=PERSON, at=NOW)
    return list(PaymentEvent.objects.order_by("pk"))


events = shared_world(two_paid)


def rewrite(sql: str, *values: str | int) -> None:
    """Write past the triggers, as whoever owns the database can."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in ("billing_paymentevent", "billing_eventanchor"):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(sql, values)
        for table in ("billing_paymentevent", "billing_eventanchor"):
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def chain_anew(payment: Payment) -> None:
    """Make every seal of a payment fit again, as whoever rewrites its events would."""
    seal = ""
    for event in payment.events.order_by("pk"):
        rewrite(
            "UPDATE billing_paymentevent SET previous_hash = %s, "
            "hash = billing_event_seal(billing_paymentevent.*, %s) WHERE id = %s",
            seal,
            seal,
            event.pk,
        )
        seal = PaymentEvent.objects.get(pk=event.pk).hash


def test_what_was_written_is_anchored_once_and_holds(events: list[PaymentEvent]) -> None:
    assert anchor_events(at=soon()) == 1
    assert anchor_events(at=soon()) == 0

    anchor = EventAnchor.objects.get()
    assert (anchor.number, anchor.after_event, anchor.events) == (1, 0, len(events))
    assert anchor.until_event == events[-1].pk
    assert broken_anchors() == []
    assert check_anchors(at=soon()) == 0


def test_what_may_still_be_overtaken_waits(events: list[PaymentEvent]) -> None:
    assert anchor_events(at=now() + timedelta(minutes=5)) == 0


def test_of_two_written_at_once_the_later_number_may_have_the_earlier_instant(
    events: list[PaymentEvent],
) -> None:
    """The anchor's time falls between the two: it ends before the first that is too young."""
    young = events[1]
    rewrite(
        "UPDATE billing_paymentevent SET recorded_at = recorded_at + interval '1 minute' "
        "WHERE id = %s",
        young.pk,
    )

    anchor_events(at=events[0].recorded_at + timedelta(hours=1, seconds=30))
    assert EventAnchor.objects.get().until_event == events[0].pk
    anchor_events(at=soon())

    assert [row.events for row in EventAnchor.objects.order_by("number")] == [1, len(events) - 1]
    assert broken_anchors() == []


def test_many_events_take_several_anchors_each_sealing_the_one_before(
    events: list[PaymentEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_anchors, "CHUNK", 3)

    made = anchor_events(at=soon())

    anchors = list(EventAnchor.objects.order_by("number"))
    assert made == len(anchors) == -(-len(events) // 3)
    for before, after in pairwise(anchors):
        assert (after.previous_seal, after.after_event) == (before.seal, before.until_event)
    assert broken_anchors() == []


def test_a_chain_that_was_made_anew_holds_but_its_anchor_does_not(
    events: list[PaymentEvent],
) -> None:
    anchor_events(at=soon())
    rewrite("UPDATE billing_paymentevent SET actor = 'nobody' WHERE id = %s", events[0].pk)
    assert broken_seals() != []

    chain_anew(events[0].payment)

    assert broken_seals() == []
    assert broken_anchors() == [BrokenAnchor(number=1, reason=REWRITTEN)]
    assert check_anchors(at=soon()) == 1


def test_a_payment_whose_whole_story_was_taken_out_is_missed(events: list[PaymentEvent]) -> None:
    anchor_events(at=soon())

    rewrite("DELETE FROM billing_paymentevent WHERE payment_id = %s", str(events[-1].payment_id))

    assert broken_anchors() == [BrokenAnchor(number=1, reason=REWRITTEN)]


def test_an_anchor_made_anew_without_the_secret_does_not_hold(
    events: list[PaymentEvent],
) -> None:
    anchor_events(at=soon())
    rewrite("UPDATE billing_paymentevent SET actor = 'nobody' WHERE id = %s", events[0].pk)
    chain_anew(events[0].payment)
    anchor = EventAnchor.objects.get()
    rewrite("DELETE FROM billing_eventanchor")
    anchor_events(at=soon())
    forged = EventAnchor.objects.get()
    guessed = seal_of(forged.terms, secret="a guess")
    rewrite("UPDATE billing_eventanchor SET seal = %s", guessed)

    assert [row.number for row in broken_anchors()] == [1]
    # With the secret too, only what has left the database tells: the seal of the e-mail.
    assert forged.seal != anchor.seal


def test_an_anchor_that_is_missing_in_between_is_missed(
    events: list[PaymentEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_anchors, "CHUNK", 2)
    anchor_events(at=soon())

    rewrite("DELETE FROM billing_eventanchor WHERE number = 1")

    assert broken_anchors()[0].reason == "an anchor before it is missing, or was put in"


def test_a_secret_of_before_still_counts(events: list[PaymentEvent], settings: Any) -> None:
    anchor_events(at=soon())
    old = settings.SECRET_KEY

    settings.SECRET_KEY = "another"
    assert broken_anchors() != []
    settings.SECRET_KEY_FALLBACKS = [old]

    assert broken_anchors() == []


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE billing_eventanchor SET seal = 'x'",
        "DELETE FROM billing_eventanchor",
        "TRUNCATE billing_eventanchor",
        "INSERT INTO billing_eventanchor (number, after_event, until_event, events, digest, "
        "previous_seal, seal, made_at) VALUES (3, 0, 99999999, 1, '', '', '', now())",
        "INSERT INTO billing_eventanchor (number, after_event, until_event, events, digest, "
        "previous_seal, seal, made_at) VALUES (2, 0, 99999999, 1, '', '', '', now())",
    ],
)
def test_the_database_keeps_anchors_as_they_were(events: list[PaymentEvent], sql: str) -> None:
    anchor_events(at=soon())

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)

    assert EventAnchor.objects.count() == 1


def test_the_verifier_prints_the_newest_seal_and_refuses_what_does_not_hold(
    events: list[PaymentEvent],
) -> None:
    anchor_events(at=soon())
    said, wrong = StringIO(), StringIO()

    call_command("verify_payment_events", stdout=said)
    rewrite("UPDATE billing_paymentevent SET actor = 'nobody' WHERE id = %s", events[0].pk)
    with pytest.raises(CommandError, match="does not hold"):
        call_command("verify_payment_events", stdout=StringIO(), stderr=wrong)

    assert f"seal {EventAnchor.objects.get().seal}" in said.getvalue()
    assert f"event {events[0].pk} of payment" in wrong.getvalue()


def test_the_company_is_told_of_what_does_not_hold(
    events: list[PaymentEvent], mailoutbox: list[Any]
) -> None:
    anchor_events(at=soon())
    rewrite("UPDATE billing_paymentevent SET actor = 'nobody' WHERE id = %s", events[0].pk)

    check_anchors(at=soon())

    assert mailoutbox[-1].subject == "What happened to payments was rewritten"
    assert f"event {events[0].pk} of payment {events[0].payment_id}" in mailoutbox[-1].body


def test_the_seal_leaves_with_the_daily_mail(gateways: TwoGateways, mailoutbox: list[Any]) -> None:
    gateways.alpha.script = [LOST]
    charge_invoice(invoice=invoice_of(gateways.customer_with_card()), actor=PERSON, at=NOW)
    anchor_events(at=soon())

    at = (now() + timedelta(days=1)).replace(hour=7)
    assert tell_what_waits(at=at) == 1

    seal = EventAnchor.objects.get().seal
    assert seal in mailoutbox[-1].body
    assert seal in mailoutbox[-1].alternatives[0][0]


def test_a_seal_is_of_all_that_it_says() -> None:
    seal = seal_of(TERMS, secret="s")

    assert is_sealed(TERMS, seal, secrets=["other", "s"])
    for name, value in (
        ("number", 2),
        ("after_event", 1),
        ("until_event", 8),
        ("events", 8),
        ("digest", "e"),
        ("previous_seal", "p"),
    ):
        said = {field: getattr(TERMS, field) for field in AnchorTerms.__dataclass_fields__}
        assert not is_sealed(AnchorTerms(**{**said, name: value}), seal, secrets=["s"])
