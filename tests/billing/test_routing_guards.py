"""What PostgreSQL itself refuses about fee rules, and how forged events are found."""

import pytest
from django.db import IntegrityError, connection, transaction

from billing.models import ProcessorFeeRule

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
