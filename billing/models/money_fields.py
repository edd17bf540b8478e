"""The one shape of a money column: an amount that shares its row's currency."""

from typing import Any

from djmoney.models.fields import MoneyField

from subscriptions.models.money_fields import nothing


def money_field(**options: Any) -> MoneyField:
    """An amount of 19 digits, 4 of them decimals (KWD needs 3), in the row's `currency`."""
    return MoneyField(
        **{
            "max_digits": 19,
            "decimal_places": 4,
            "currency_field_name": "currency",
            "default": nothing,
            "default_currency": "USD",
            **options,
        }
    )
