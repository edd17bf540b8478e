"""Customers are taken in with details that can be billed."""

from dataclasses import replace

import pytest

from subscriptions.models import Customer
from subscriptions.services.customers import CustomerDetails, create_customer
from tests.factories.subscriptions import JAN_1
from tiktoktoe.kernel.errors import InvalidInput

pytestmark = pytest.mark.django_db

SOUND = CustomerDetails(name="Beta", email="ada@beta.example", country="DE", currency="EUR")


def test_a_customer_gets_a_name_for_its_usage_when_it_has_none() -> None:
    assert create_customer(details=SOUND, at=JAN_1).external_id.startswith("cus_")


@pytest.mark.parametrize(
    ("field", "value"),
    [("currency", "ZZZ"), ("currency", ""), ("time_zone", "Mars/Base"), ("external_id", "taken")],
)
def test_what_cannot_be_billed_is_refused_by_field(field: str, value: str) -> None:
    create_customer(details=replace(SOUND, external_id="taken"), at=JAN_1)

    fields = {**SOUND.__dict__, field: value}

    with pytest.raises(InvalidInput) as refusal:
        create_customer(details=CustomerDetails(**fields), at=JAN_1)

    assert refusal.value.field == field
    assert Customer.objects.count() == 1
