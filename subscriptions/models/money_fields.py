"""The default of a money column."""

from decimal import Decimal


def nothing() -> Decimal:
    """Zero without a currency: a row that starts from nothing keeps its own currency.

    A default of Decimal(0) becomes Money in the default currency, and when it is assigned,
    the currency that the row's columns share is changed to that one.
    """
    return Decimal(0)
