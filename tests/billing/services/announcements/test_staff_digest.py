"""The company's e-mail of what waits for people."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.mail import EmailMultiAlternatives

from billing.models import GatewayHealth, PaymentAttempt, StaffDigest
from billing.services.announcements.staff_digest import tell_what_waits
from billing.services.payments.charging import charge_invoice
from tests.billing.services.disputes.test_disputes import gateways
from tests.scripted_gateway import LOST, TwoGateways
from tests.stripe_world import NOW, PERSON, invoice_of

__all__ = ["gateways"]  # fixture
pytestmark = pytest.mark.django_db
Outbox = list[EmailMultiAlternatives]
MORNING = datetime(2026, 7, 1, 7, tzinfo=UTC)


def test_what_waits_is_told_once_a_day_with_the_way_to_it(mailoutbox: Outbox) -> None:
    GatewayHealth.objects.create(gateway="alpha", state="open", opens_until=MORNING)

    hours = [tell_what_waits(at=MORNING + timedelta(hours=hour)) for hour in (-2, 0, 1, 24)]

    assert hours == [0, 1, 0, 1]
    assert "Gateways that are left alone because they fail: 1" in str(mailoutbox[0].body)
    assert "/payments/monitor/" in str(mailoutbox[0].body)


def test_an_outcome_is_told_of_when_it_has_not_been_known_for_a_day(
    gateways: TwoGateways, mailoutbox: Outbox
) -> None:
    gateways.alpha.script = [LOST]
    charge_invoice(invoice=invoice_of(gateways.customer_with_card()), actor=PERSON, at=NOW)
    assert PaymentAttempt.objects.get().state == "unknown"
    noon = NOW.replace(hour=12)

    assert tell_what_waits(at=noon) == 0
    assert tell_what_waits(at=noon + timedelta(days=2)) == 1
    assert "not known for a day: 1" in str(mailoutbox[0].body)


def test_nobody_is_written_to_while_nothing_waits(mailoutbox: Outbox) -> None:
    assert tell_what_waits(at=MORNING) == 0
    assert mailoutbox == []
    assert not StaffDigest.objects.exists()


def test_a_mail_server_that_is_down_delays_it(mailoutbox: Outbox) -> None:
    GatewayHealth.objects.create(gateway="alpha", state="open", opens_until=MORNING)
    StaffDigest.objects.create(day=MORNING.date(), claimed_at=MORNING)  # and it was not sent

    soon = tell_what_waits(at=MORNING + timedelta(minutes=5))
    later = tell_what_waits(at=MORNING + timedelta(minutes=11))

    assert (soon, later, len(mailoutbox)) == (0, 1, 1)
