"""The flight recorder shows why, finds forged events, and replays without writing."""

import pytest
from django.db import connection
from django.test import Client

from billing.models import Payment, PaymentDecision, PaymentEvent, RoutingPolicy, RoutingRule
from billing.queries.event_chain import broken_seals
from billing.services.payments.charging import charge_invoice
from tests.factories.accounts import make_user
from tests.scripted_gateway import TwoGateways, gateways
from tests.shared_world import undone
from tests.stripe_world import NOW, PERSON, invoice_of
from tiktoktoe.accounts.roles import Role

__all__ = ["gateways"]  # fixture
pytestmark = pytest.mark.django_db


def _paid(gateways: TwoGateways) -> Payment:
    invoice = invoice_of(gateways.customer_with_card())
    return charge_invoice(invoice=invoice, actor=PERSON, at=NOW).payment


def _reader(client: Client, role: Role = Role.SUPPORT) -> Client:
    client.force_login(make_user(role=role))
    return client


def _behind_the_guards(statement: str) -> None:
    """As somebody who owns the database might."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE billing_paymentevent DISABLE TRIGGER USER")
        cursor.execute(statement)
        cursor.execute("ALTER TABLE billing_paymentevent ENABLE TRIGGER USER")


def test_every_event_is_sealed_over_the_one_before(gateways: TwoGateways) -> None:
    payment = _paid(gateways)

    first, second, *_ = PaymentEvent.objects.filter(payment=payment).order_by("pk")

    assert (first.previous_hash, len(first.hash)) == ("", 64)
    assert second.previous_hash == first.hash
    assert broken_seals() == []


FORGERIES = {
    "who": "UPDATE billing_paymentevent SET actor = 'nobody' WHERE event = 'attempt_dispatched'",
    "what": "UPDATE billing_paymentevent SET details = '{}' WHERE event = 'attempt_dispatched'",
    "when": "UPDATE billing_paymentevent SET at = at - interval '1 day'"
    " WHERE event = 'payment_paid'",
    "taken out": "DELETE FROM billing_paymentevent WHERE event = 'attempt_succeeded'",
    "cut off": "DELETE FROM billing_paymentevent WHERE event = 'payment_paid'",
    "put in": "INSERT INTO billing_paymentevent (payment_id, at, actor, event, from_state,"
    " to_state, details, previous_hash, hash) SELECT payment_id, at, 'me', 'payment_paid', '',"
    " 'paid', '{}', hash, repeat('a', 64) FROM billing_paymentevent ORDER BY id DESC LIMIT 1",
}


def test_a_forged_event_is_found(gateways: TwoGateways) -> None:
    payment, other = _paid(gateways), _paid(gateways)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert broken_seals() == []

    for name, statement in FORGERIES.items():
        with undone():
            _behind_the_guards(statement)

            assert broken_seals(), name
            assert {seal.payment_id for seal in broken_seals()} <= {payment.pk, other.pk}, name


def test_a_seal_that_somebody_brings_along_is_not_taken(gateways: TwoGateways) -> None:
    payment = _paid(gateways)

    event = PaymentEvent.objects.create(
        payment=payment, at=NOW, actor="me", event="note", hash="b" * 64, previous_hash="c" * 64
    )

    event.refresh_from_db()
    assert event.hash != "b" * 64
    assert broken_seals(payment.pk) == []


def test_the_page_shows_candidates_calls_and_seals(gateways: TwoGateways, client: Client) -> None:
    payment = _paid(gateways)

    page = _reader(client).get(f"/payments/{payment.pk}/flight-recorder/").content.decode()

    assert "Decision 1: Alpha" in page
    assert "All seals hold" in page
    assert "this gateway does not hold the method" not in page
    assert "Beta" in page
    assert f"alpha-{payment.customer_id}-card" not in page


def test_deciding_again_by_another_policy_writes_nothing(
    gateways: TwoGateways, client: Client
) -> None:
    payment = _paid(gateways)
    draft = RoutingPolicy.objects.create(version=2)
    RoutingRule.objects.create(
        policy=draft, position=1, name="beta", effect="only", gateways=["beta"]
    )
    events = PaymentEvent.objects.count()

    page = _reader(client).get(f"/payments/{payment.pk}/flight-recorder/?policy=2")

    again = page.context["replay"]
    assert (again.gateway, again.goes_elsewhere, again.rule) == ("beta", True, "beta")
    assert str(again.fee_difference.amount) == "1.48"
    assert PaymentDecision.objects.count() == 1
    assert PaymentEvent.objects.count() == events


def test_deciding_again_by_the_same_policy_goes_to_the_same_place(
    gateways: TwoGateways, client: Client
) -> None:
    payment = _paid(gateways)

    page = _reader(client).get(f"/payments/{payment.pk}/flight-recorder/?policy=1")

    assert page.context["replay"].goes_elsewhere is False
    assert page.context["replay"].fee_difference.amount == 0


def test_a_version_that_does_not_exist_is_as_good_as_none(
    gateways: TwoGateways, client: Client
) -> None:
    payment = _paid(gateways)

    for asked in ("99", "-1", "x", "9" * 30):
        page = _reader(client).get(f"/payments/{payment.pk}/flight-recorder/?policy={asked}")
        assert page.context["replay"] is None


def test_a_customer_may_not_read_it(gateways: TwoGateways, client: Client) -> None:
    payment = _paid(gateways)

    page = _reader(client, Role.CUSTOMER).get(f"/payments/{payment.pk}/flight-recorder/")

    assert page.status_code == 403
