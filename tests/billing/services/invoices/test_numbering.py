"""Invoice numbers: without a gap, whatever they are made of."""

from datetime import datetime

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from billing.errors import NumberingInvalid
from billing.models import CustomerNumber, Invoice, NumberingRule
from billing.services.invoices.numbering import set_numbering
from billing.services.invoices.renewal import run_billing
from tests.factories.subscriptions import JAN_1, TEST_ACTOR, make_customer, subscription_since

pytestmark = pytest.mark.django_db
MODE = NumberingRule.Mode
FEB_1, MAR_1 = JAN_1.replace(month=2), JAN_1.replace(month=3)


def numbers(day: datetime) -> list[str]:
    rows = Invoice.objects.filter(finalized_at=day).order_by("number")
    return [row.number or "" for row in rows]


def test_modes_may_be_switched_and_switched_back_without_a_gap() -> None:
    for name in ("one", "two"):
        subscription_since(JAN_1, customer=make_customer(external_id=name))
    set_numbering(mode=MODE.PER_CUSTOMER, prefix="ACME", actor=TEST_ACTOR, at=FEB_1)
    run_billing(at=FEB_1)
    set_numbering(mode=MODE.PER_ENTITY, actor=TEST_ACTOR, at=MAR_1)
    run_billing(at=MAR_1)
    already = Invoice.objects.filter(number__startswith="INV-").count()

    assert numbers(FEB_1) == [f"ACME-{n:03d}-{already // 2 + 1:03d}" for n in (1, 2)]
    assert numbers(MAR_1) == [f"ACME-202603-{already + n:03d}" for n in (3, 4)]


def test_a_rule_that_has_not_begun_does_not_count() -> None:
    subscription_since(JAN_1)
    set_numbering(mode=MODE.PER_ENTITY, prefix="LATER", actor=TEST_ACTOR, at=MAR_1)

    run_billing(at=FEB_1)

    assert all(number.startswith("INV-") for number in numbers(FEB_1))


def test_a_long_prefix_is_refused() -> None:
    with pytest.raises(NumberingInvalid, match="at most 12"):
        set_numbering(mode=MODE.PER_ENTITY, prefix="X" * 13, actor=TEST_ACTOR, at=JAN_1)


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE billing_numberingrule SET prefix = 'OTHER'",
        "DELETE FROM billing_numberingrule",
        "UPDATE billing_customernumber SET number = 7",
        "DELETE FROM billing_customernumber",
    ],
)
def test_what_counted_and_who_has_which_number_stays(attack: str) -> None:
    set_numbering(mode=MODE.PER_CUSTOMER, actor=TEST_ACTOR, at=JAN_1)
    CustomerNumber.objects.create(customer=make_customer(), number=1)

    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(attack)


def test_the_command_line_switches_and_says_what_is_wrong() -> None:
    call_command("number_invoices", "per_customer", "--prefix", "ACME")
    call_command("number_invoices", "per_entity")

    rules = [(rule.mode, rule.prefix) for rule in NumberingRule.objects.all()]
    assert rules == [("per_entity", "ACME"), ("per_customer", "ACME")]
    with pytest.raises(CommandError, match="at most 12"):
        call_command("number_invoices", "per_entity", "--prefix", "X" * 13)
