"""Which tax a customer is charged on a day."""

from collections.abc import Iterable
from datetime import date
from functools import lru_cache

from django.conf import settings
from stdnum.eu import vat
from stdnum.exceptions import ValidationError

from billing.domain.tax import EU_COUNTRIES, TaxTreatment, tax_outcome
from billing.domain.tax import TaxRate as TaxRateValue
from billing.models import TaxRate
from subscriptions.models import Customer

NUMBER_PREFIX = {"GR": "EL"}


class TaxTable:
    """The rates of some countries, loaded once for many customers."""

    def __init__(self, countries: Iterable[str]) -> None:
        self._rates = list(TaxRate.objects.filter(country__in=set(countries)))

    def outcome(self, customer: Customer, on: date) -> TaxRateValue:
        """The rate that a customer is charged, or why none.

        Raises:
            TaxRateMissing: If tax is due and no rate is known for the country and day.
        """
        return tax_outcome(
            seller_country=settings.COMPANY["country"],
            customer_country=customer.country,
            rate=self._rate(customer.country, on),
            has_tax_number=is_vat_number(customer.tax_number, customer.country),
            is_exempt=customer.is_tax_exempt,
        )

    def _rate(self, country: str, on: date) -> TaxRateValue | None:
        valid = [
            rate
            for rate in self._rates
            if rate.country == country
            and rate.valid_from <= on
            and (rate.valid_to is None or on <= rate.valid_to)
        ]
        if not valid:
            return None
        newest = max(valid, key=lambda rate: rate.valid_from)
        return TaxRateValue(
            code=newest.code,
            name=newest.name,
            percentage=newest.percentage,
            treatment=TaxTreatment.TAXED,
        )


@lru_cache(maxsize=10_000)
def is_vat_number(number: str, country: str) -> bool:
    """Whether a text is a VAT number of an EU country by form and check digits, offline."""
    if country not in EU_COUNTRIES or not number:
        return False
    try:
        compact = str(vat.validate(number))
    except ValidationError:
        return False
    return compact[:2] == NUMBER_PREFIX.get(country, country)
