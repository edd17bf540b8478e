"""What payments really cost is shown beside the rules; a person makes it the rule."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from billing.domain import fee_learning
from billing.errors import NothingMeasured
from billing.models import PaymentAttempt, ProcessorFeeRule
from billing.queries.fee_truth import fee_truths
from billing.queries.monitor import monitor
from billing.services.payments.charging import charge_invoice
from billing.services.payments.fee_rules import accept_measured
from tests.factories.accounts import make_user
from tests.scripted_gateway import TwoGateways, gateways
from tests.stripe_world import NOW, PERSON, invoice_of, later
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.clock import moved_to
from tiktoktoe.kernel.money import Money

__all__ = ["gateways"]  # fixture
pytestmark = pytest.mark.django_db


@pytest.fixture
def rule(gateways: TwoGateways, monkeypatch: pytest.MonkeyPatch) -> ProcessorFeeRule:
    """A rule of 1.5 %, and two payments that cost 1.62 % each; two are enough here."""
    monkeypatch.setattr(fee_learning, "ENOUGH", 2)
    made = ProcessorFeeRule.objects.create(
        gateway="alpha",
        kind="card",
        currency="USD",
        share_bps=Decimal(150),
        dispute_fee=Decimal(15),
        settle_days=2,
        valid_from=NOW.date() - timedelta(days=30),
        source="a price list",
    )
    for _ in range(2):
        invoice = invoice_of(gateways.customer_with_card())
        charge_invoice(invoice=invoice, method=None, actor=PERSON, at=NOW)
    PaymentAttempt.objects.update(
        gateway="alpha", segment="card/USD/domestic/off_session", fee=Decimal("1.60")
    )
    PaymentAttempt.objects.update(fee_expected=Decimal("1.49"))
    return made


def test_the_difference_is_measured(rule: ProcessorFeeRule) -> None:
    (truth,) = fee_truths(later(hours=1))

    assert (truth.sums.count, truth.sums.actual_bps) == (2, Decimal("161.6"))
    assert truth.sums.expected_bps == Decimal("150.5")
    assert truth.is_proposed
    assert truth.measured is not None
    assert truth.measured.share_bps == Decimal("161.6")
    assert truth.rule == rule


def test_the_monitor_shows_the_estimate_against_what_was_charged(rule: ProcessorFeeRule) -> None:
    PaymentAttempt.objects.update(dispatched_at=NOW)
    untold = PaymentAttempt.objects.order_by("pk")[0]
    PaymentAttempt.objects.filter(pk=untold.pk).update(fee=None)

    (row,) = monitor(at=later(hours=1), hours=24).fees

    assert (row.gateway, row.payments, row.untold) == ("alpha", 1, 1)
    assert row.amount == Money("99.00", "USD")
    assert (row.estimated, row.charged) == (Money("1.49", "USD"), Money("1.60", "USD"))
    assert row.difference == Money("0.11", "USD")
    assert row.off_by == Fraction(11, 9900)


def test_the_monitor_says_where_a_rule_has_drifted_and_leads_there(
    rule: ProcessorFeeRule, client: Client
) -> None:
    client.force_login(make_user(Role.FINANCE))

    with moved_to(later(hours=1)):
        page = client.get("/payments/monitor/").content.decode()
        again = client.get("/payments/monitor/", headers={"HX-Request": "true"}).content.decode()

    assert "+11.1 bps" in page
    assert 'href="/payments/routing/#fees-title">Another is proposed' in page
    assert "Drifted" in page
    assert "Another is proposed" not in again  # the five seconds' question does not measure


def test_what_was_measured_becomes_the_rule_of_tomorrow(rule: ProcessorFeeRule) -> None:
    made = accept_measured(rule=rule, user=make_user(Role.FINANCE), at=later(hours=1))

    rule.refresh_from_db()
    assert (rule.valid_to, made.valid_from) == (
        NOW.date(),
        NOW.date() + timedelta(days=1),
    )
    terms = (made.share_bps, made.dispute_fee, made.settle_days)
    assert terms == (Decimal("161.6"), Decimal(15), 2)
    assert made.source.startswith("measured: 2 payments until 2026-01-01, 161.6 bps where 150.5")
    with pytest.raises(NothingMeasured):
        accept_measured(rule=made, user=make_user(Role.FINANCE), at=later(days=2))


def test_staff_see_and_accept_it(rule: ProcessorFeeRule, monkeypatch: pytest.MonkeyPatch) -> None:
    at: Any = later(hours=1)
    monkeypatch.setattr("billing.views.routing.now", lambda: at)
    client = Client()
    client.force_login(make_user(Role.FINANCE))

    text = client.get(reverse("routing_policies")).content.decode()

    assert "161.6 bps and 0" in text
    client.post(reverse("fee_rule_acceptance", args=[rule.pk]))
    assert ProcessorFeeRule.objects.filter(source__startswith="measured").count() == 1
