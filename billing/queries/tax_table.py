"""Which taxes a customer is charged on a day, by our own table."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cached_property, lru_cache

from django.conf import settings
from django.db.models import QuerySet
from stdnum.eu import vat
from stdnum.exceptions import ValidationError

from billing.domain.tax import EU_COUNTRIES, TaxableLine, TaxTreatment, tax_outcome
from billing.domain.tax import TaxRate as TaxRateValue
from billing.domain.tax_engine import Sale, TaxPayer
from billing.domain.totals import Totals, totals
from billing.models import TaxRate
from billing.queries.issuers import IssuerBook
from subscriptions.models import Price
from tiktoktoe.standing import standing

NUMBER_PREFIX = {"GR": "EL"}


@standing
def _rates_of(countries: list[str]) -> "QuerySet[TaxRate]":
    return TaxRate.objects.filter(country__any_of=countries).order_by("pk")


class TaxTable:
    """The rates of some countries, loaded once for many customers: our own tax engine."""

    def __init__(self, countries: Iterable[str]) -> None:
        self.issuers = IssuerBook()
        self._rates = _rates_of.rows(countries=list(set(countries)))

    def tax(self, sale: Sale) -> Totals:
        """The tax of a sale by the rates of its day.

        Raises:
            TaxRateMissing: If tax is due and no rate is known.
        """
        kinds = dict.fromkeys((line.price_id, line.category) for line in sale.lines)
        rates = {
            (price_id, category): self.outcome(
                sale.payer,
                sale.on,
                price_id=price_id,
                category=category,
                seller_country=sale.seller_country,
            )
            for price_id, category in kinds
        }
        return totals(
            [
                TaxableLine(
                    amount=line.amount,
                    rates=rates[line.price_id, line.category],
                    exact=line.exact,
                    includes_tax=line.includes_tax,
                )
                for line in sale.lines
            ],
            currency=sale.currency,
            rounding=sale.rounding,
        )

    def outcome(
        self,
        customer: TaxPayer,
        on: date,
        *,
        price_id: int | None = None,
        category: str = "",
        seller_country: str = "",
    ) -> tuple[TaxRateValue, ...]:
        """The taxes that a customer is charged, for a category or a price of one; or why none.

        A country that has no rate of the category charges its standard rate.

        Raises:
            TaxRateMissing: If tax is due and no rate is known for the country and day.
        """
        return tax_outcome(
            seller_country=seller_country or settings.COMPANY["country"],
            customer_country=customer.country,
            rates=self._taxes(customer, on, category or self._categories.get(price_id or 0, "")),
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

    def _taxes(self, customer: TaxPayer, on: date, category: str) -> tuple[TaxRateValue, ...]:
        """One rate of each levy that is charged there; compound ones last."""
        by_levy: dict[str, list[TaxRate]] = defaultdict(list)
        for rate in self._rates:
            if _counts(rate, customer, on, category):
                by_levy[rate.levy].append(rate)
        chosen = [max(rates, key=_rank) for rates in by_levy.values()]
        chosen.sort(key=lambda rate: (rate.is_compound, rate.levy))
        return tuple(
            TaxRateValue(
                code=rate.code,
                name=rate.name,
                percentage=rate.percentage,
                treatment=TaxTreatment.TAXED,
                jurisdiction=rate.jurisdiction,
                is_compound=rate.is_compound,
            )
            for rate in chosen
        )


def _counts(rate: TaxRate, customer: TaxPayer, on: date, category: str) -> bool:
    """Whether a rate is of the customer's place, of the day, and of the category or standard."""
    return (
        rate.country == customer.country
        and rate.region.casefold() in {"", customer.region.strip().casefold()}
        and rate.valid_from <= on
        and (rate.valid_to is None or on <= rate.valid_to)
        and rate.category in {"", category}
    )


def _rank(rate: TaxRate) -> tuple[bool, bool, date]:
    """Which of a levy's rates counts: the category's, then the region's, then the newest."""
    return bool(rate.category), bool(rate.region), rate.valid_from


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
