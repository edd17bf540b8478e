"""A row of the catalog that is known by its code."""

from typing import TypeVar

from django.db import IntegrityError, transaction

from subscriptions.errors import PriceInvalid
from subscriptions.models import Meter, Plan, Product

Row = TypeVar("Row", Product, Meter, Plan)


def create_row(row: Row) -> Row:
    """Write it; refused if the code is taken."""
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        raise PriceInvalid(f"{row.code!r} is taken", field="code") from None
    return row
