"""What PostgreSQL itself refuses about fee rules, and how forged events are found."""

from importlib import import_module

import pytest
from django.db import IntegrityError, connection, transaction

from billing.models import Payment, PaymentEvent, ProcessorFeeRule
from billing.queries.event_chain import broken_seals
from billing.services.payments.payment_events import WEBHOOK, record_event
from tests.factories.billing import one_off_invoice
from tests.factories.subscriptions import JAN_1
from tests.finance.services.test_posting import pay

pytestmark = pytest.mark.django_db


def _rule(**terms: object) -> ProcessorFeeRule:
    facts = {"gateway": "alpha", "kind": "card", "currency": "EUR", "source": "a test", **terms}
    return ProcessorFeeRule.objects.create(**facts)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-06-30", None),
        ("2025-01-01", "2026-01-01"),
        ("2026-02-01", "2026-03-01"),
        ("2020-01-01", None),
    ],
)
def test_two_fee_rules_of_one_kind_never_hold_on_one_day(start: str, end: str | None) -> None:
    _rule(valid_from="2026-01-01", valid_to="2026-06-30")

    with (
        pytest.raises(IntegrityError, match="processor_fee_rule_one_at_a_time"),
        transaction.atomic(),
    ):
        _rule(valid_from=start, valid_to=end)

    _rule(valid_from="2026-07-01")
    _rule(valid_from="2025-01-01", valid_to="2025-12-31")
    _rule(valid_from="2026-01-01", currency="USD")
    assert ProcessorFeeRule.objects.filter(gateway="alpha").count() == 4


def test_a_fee_rule_names_its_source_and_is_not_negative() -> None:
    for wrong in ({"source": ""}, {"share_bps": -1}, {"valid_to": "2025-12-31"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            _rule(valid_from="2026-01-01", **wrong)


def test_the_migrated_rules_are_those_of_the_domain() -> None:
    from billing.domain.fees import STRIPE_FEES
    from billing.queries.routing import fee_rule_of

    rows = ProcessorFeeRule.objects.filter(gateway="stripe", kind="card")
    found = {(row.currency, row.share_bps, row.fixed_amount) for row in map(fee_rule_of, rows)}

    assert found == {(rule.currency, rule.share_bps, rule.fixed_amount) for rule in STRIPE_FEES}


def test_the_seal_of_an_event_is_in_the_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_trigger WHERE tgname = 'payment_event_chained'")
        assert cursor.fetchone() == (1,)


def test_events_of_before_there_were_seals_are_sealed_by_the_migration() -> None:
    for _ in range(2):
        pay(one_off_invoice())
    for payment in Payment.objects.all():
        for event in ("payment_paid", "invoice_overpaid"):
            record_event(payment=payment, event=event, actor=WEBHOOK, at=JAN_1)
    sealed = list(PaymentEvent.objects.order_by("pk").values_list("previous_hash", "hash"))
    guards = import_module("billing.migrations.0015_routing_guards").GUARDS
    start = guards.index("ALTER TABLE billing_paymentevent DISABLE TRIGGER")
    sealing = guards[start : guards.index("CREATE TRIGGER payment_event_chained")]

    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE billing_paymentevent DISABLE TRIGGER payment_event_stays")
        cursor.execute("UPDATE billing_paymentevent SET previous_hash = '', hash = ''")
        assert len(broken_seals()) == 4
        cursor.execute(sealing)

    assert broken_seals() == []
    assert list(PaymentEvent.objects.order_by("pk").values_list("previous_hash", "hash")) == sealed
