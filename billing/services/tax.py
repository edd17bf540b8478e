"""Which tax a customer is charged on a day."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date
from functools import cached_property, lru_cache

from django.conf import settings
from stdnum.eu import vat
from stdnum.exceptions import ValidationError

from billing.domain.tax import EU_COUNTRIES, TaxRounding, TaxTreatment, tax_outcome
from billing.domain.tax import TaxRate as TaxRateValue
from billing.models import TaxRate
from subscriptions.models import Customer, Price

NUMBER_PREFIX = {"GR": "EL"}


_rounding: ContextVar[TaxRounding | None] = ContextVar("tax_rounding", default=None)


def tax_rounding() -> TaxRounding:
    """Where tax is rounded: as the company's setting says."""
    return _rounding.get() or TaxRounding(settings.TAX_ROUNDING)


@contextmanager
def rounding_tax(rule: TaxRounding) -> Iterator[None]:
    """Let another rule than the company's count in this context: for a simulation."""
    token = _rounding.set(rule)
    try:
        yield
    finally:
        _rounding.reset(token)


class TaxTable:
    """The rates of some countries, loaded once for many customers."""

    def __init__(self, countries: Iterable[str]) -> None:
        self._rates = list(TaxRate.objects.filter(country__in=set(countries)))

    def outcome(
        self, customer: Customer, on: date, *, price_id: int | None = None, category: str = ""
    ) -> TaxRateValue:
        """The rate that a customer is charged, for a category or a price of one; or why none.

        A country that has no rate of the category charges its standard rate.

        Raises:
            TaxRateMissing: If tax is due and no rate is known for the country and day.
        """
        return tax_outcome(
            seller_country=settings.COMPANY["country"],
            customer_country=customer.country,
            rate=self._rate(
                customer.country, on, category or self._categories.get(price_id or 0, "")
            ),
            has_tax_number=is_vat_number(customer.tax_number, customer.country),
            is_exempt=customer.is_tax_exempt,
        )

    @cached_property
    def _categories(self) -> Mapping[int, str]:
        """Of prices that name one; asked for only where a rate is of a category."""
        if not any(rate.category for rate in self._rates):
            return {}
        named = Price.objects.exclude(tax_category="")
        return dict(named.values_list("pk", "tax_category"))

    def _rate(self, country: str, on: date, category: str) -> TaxRateValue | None:
        valid = [
            rate
            for rate in self._rates
            if rate.country == country
            and rate.valid_from <= on
            and (rate.valid_to is None or on <= rate.valid_to)
        ]
        standard = [rate for rate in valid if not rate.category]
        special = [rate for rate in valid if rate.category and rate.category == category]
        if not special and not standard:
            return None
        newest = max(special or standard, key=lambda rate: rate.valid_from)
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
