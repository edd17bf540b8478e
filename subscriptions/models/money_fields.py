"""The default of a money column."""

from decimal import Decimal


class Nothing(Decimal):
    """Zero that also answers django-money's forms, which ask a default for its amount."""

    @property
    def amount(self) -> Decimal:
        """Zero."""
        return Decimal(0)


def nothing() -> Decimal:
    """Zero without a currency: a row that starts from nothing keeps its own currency.

    A default of Decimal(0) becomes Money in the default currency, and when it is assigned,
    the currency that the row's columns share is changed to that one.
    """
    return Nothing(0)
