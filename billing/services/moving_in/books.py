"""What the rows of a file ask again and again, read once."""

from functools import cached_property

from billing.queries.issuers import IssuerBook
from billing.queries.tax_table import TaxTable
from billing.services.invoices.terms import PriceBook
from subscriptions.services.policies import PolicyBook


class Books:
    """Prices, policies, taxes and issuers; each is loaded when a row is met that needs it."""

    def __init__(self) -> None:
        self.prices = PriceBook([])
        self.issuers = IssuerBook()
        self._taxes: dict[str, TaxTable] = {}

    @cached_property
    def policies(self) -> PolicyBook:
        """The rules of every plan."""
        return PolicyBook()

    def taxes(self, country: str) -> TaxTable:
        """The rates of a country."""
        if country not in self._taxes:
            self._taxes[country] = TaxTable([country])
        return self._taxes[country]
