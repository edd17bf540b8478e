"""What the catalog says of products, plans and meters; what is sold and counted stays.

Documents keep the words that they were issued with: lines have texts of their own.
"""

from typing import TypeVar

from django.db import IntegrityError, transaction

from subscriptions.errors import PriceInvalid
from subscriptions.models import Meter, Plan, Product

Row = TypeVar("Row", Product, Plan, Meter)


@transaction.atomic
def describe_product(*, product: Product, name: str, description: str = "") -> Product:
    """Give a product another name or description."""
    locked = Product.objects.select_for_update().get(pk=product.pk)
    return _say(locked, name=name, description=description)


@transaction.atomic
def describe_plan(
    *,
    plan: Plan,
    name: str,
    description: str,
    offer: str,
    rank: int,
    trial_days: int,
    is_public: bool,
) -> Plan:
    """Say anew what a plan is called, to whom it is shown, and which plans it is an offer with.

    Subscriptions keep their trial; new ones get the plan's.

    Raises:
        PriceInvalid: If another plan of the offer is billed in the same interval.
    """
    locked = Plan.objects.select_for_update(of=("self",)).get(pk=plan.pk)
    try:
        with transaction.atomic():
            return _say(
                locked,
                name=name,
                description=description,
                offer=offer,
                rank=rank,
                trial_days=trial_days,
                is_public=is_public,
            )
    except IntegrityError:
        raise PriceInvalid(
            f"another plan of {offer!r} is billed {locked.interval_words}",
            field="offer",
            remedy="an offer has one plan for each interval",
        ) from None


@transaction.atomic
def describe_meter(*, meter: Meter, name: str, unit: str) -> Meter:
    """Give a meter another name or word for its unit; how it counts stays."""
    locked = Meter.objects.select_for_update().get(pk=meter.pk)
    return _say(locked, name=name, unit=unit)


def _say(row: Row, **words: str | int | bool) -> Row:
    for word, value in words.items():
        setattr(row, word, value)
    row.save(update_fields=list(words))
    return row
