from datetime import date
from decimal import Decimal

import pytest
from django.db import IntegrityError

from billing.domain.tax import TaxTreatment
from billing.errors import TaxRateMissing
from billing.models import TaxRate
from billing.queries.tax_table import TaxTable, is_vat_number
from tests.factories.subscriptions import make_customer, published_version, recurring

pytestmark = pytest.mark.django_db
JAN_1 = date(2026, 1, 1)


def rate(country: str, percentage: str, since: date, until: date | None = None) -> None:
    TaxRate.objects.create(
        code=f"{country.lower()}-vat",
        name="VAT",
        country=country,
        percentage=Decimal(percentage),
        valid_from=since,
        valid_to=until,
    )


def test_the_rate_of_the_day_counts() -> None:
    rate("DE", "16", date(2020, 7, 1), date(2020, 12, 31))
    rate("DE", "19", date(2021, 1, 1))
    customer = make_customer(country="DE")
    table = TaxTable(["DE"])

    (before,) = table.outcome(customer, date(2020, 12, 31))
    (after,) = table.outcome(customer, date(2021, 1, 1))

    assert (before.percentage, after.percentage) == (Decimal(16), Decimal(19))


def test_a_rate_that_has_ended_is_no_rate() -> None:
    rate("DE", "16", date(2020, 7, 1), date(2020, 12, 31))

    with pytest.raises(TaxRateMissing):
        TaxTable(["DE"]).outcome(make_customer(country="DE"), JAN_1)


@pytest.mark.parametrize(
    ("country", "tax_number", "treatment"),
    [
        ("FR", "FR40303265045", TaxTreatment.REVERSE_CHARGE),
        ("FR", "FR40303265046", TaxTreatment.TAXED),
        ("FR", "DE136695976", TaxTreatment.TAXED),
        ("DE", "DE136695976", TaxTreatment.TAXED),
        ("GR", "EL094259216", TaxTreatment.REVERSE_CHARGE),
        ("US", "", TaxTreatment.OUT_OF_SCOPE),
    ],
)
def test_who_is_charged(country: str, tax_number: str, treatment: TaxTreatment) -> None:
    for taxed in ("DE", "FR", "GR"):
        rate(taxed, "20", date(2021, 1, 1))
    customer = make_customer(country=country, tax_number=tax_number)

    (outcome,) = TaxTable([country]).outcome(customer, JAN_1)

    assert outcome.treatment == treatment


def test_an_exempt_customer_is_not_charged() -> None:
    customer = make_customer(country="DE", is_tax_exempt=True)

    (outcome,) = TaxTable(["DE"]).outcome(customer, JAN_1)

    assert outcome.treatment == TaxTreatment.EXEMPT


@pytest.mark.parametrize("number", ["", "FR", "FR1", "hello", "ÄÖ12", "FR" + "9" * 40])
def test_what_is_no_vat_number_is_none(number: str) -> None:
    assert not is_vat_number(number, "FR")


def test_a_price_of_a_category_is_taxed_by_its_rate_where_the_country_has_one() -> None:
    rate("DE", "19", date(2021, 1, 1))
    rate("FR", "20", date(2021, 1, 1))
    TaxRate.objects.create(
        code="de-books",
        name="VAT",
        country="DE",
        category="books",
        percentage=Decimal(7),
        valid_from=date(2021, 1, 1),
    )
    version = published_version(recurring(tax_category="books"))
    book = version.prices.get()
    table = TaxTable(["DE", "FR"])
    german, french = make_customer(country="DE"), make_customer(country="FR")

    (reduced,) = table.outcome(german, JAN_1, price_id=book.pk)
    (standard,) = table.outcome(german, JAN_1)
    (elsewhere,) = table.outcome(french, JAN_1, price_id=book.pk)

    assert reduced.percentage == Decimal(7)
    assert standard.percentage == Decimal(19)
    assert elsewhere.percentage == Decimal(20)


def test_a_country_has_one_rate_of_a_category_from_a_day_on() -> None:
    rate("DE", "19", date(2021, 1, 1))

    with pytest.raises(IntegrityError, match="tax_rate_once_per_category_and_date"):
        TaxRate.objects.create(
            code="other",
            name="VAT",
            country="DE",
            percentage=Decimal(16),
            valid_from=date(2021, 1, 1),
        )
