"""What a quantity would cost by the prices of a version: the same rating as on an invoice."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction

from billing.domain.event_rating import limit_events
from billing.domain.rating import Rated, rate
from billing.services.invoices.terms import LoadedPrice, PriceBook
from subscriptions.models import PlanVersion
from tiktoktoe.kernel.money import Money, total
from tiktoktoe.kernel.rates import EXACT_CONTEXT, round_down

EVENTS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Calculated:
    """A price of a version, and what the quantity costs by it."""

    loaded: LoadedPrice
    rated: Rated

    @property
    def is_variant(self) -> bool:
        """Whether it is for some of the events only."""
        return self.loaded.price.variant_of_id is not None


@dataclass(frozen=True, slots=True)
class Calculation:
    """All prices of a version, and what a subscription of that quantity and usage comes to."""

    prices: tuple[Calculated, ...]
    total: Money

    @property
    def has_variants(self) -> bool:
        """Whether a price is for some of the events only, and so not in the total."""
        return any(row.is_variant for row in self.prices)


def calculate(
    version: PlanVersion, *, quantity: Decimal, units: Decimal, events: int, amount: Decimal
) -> Calculation:
    """Rate a quantity by every fee, and units of usage by every usage price and variant.

    Units are spread evenly over the events; the total counts each usage price once, without
    its variants.

    Args:
        version: Whose prices; a draft's as well.
        quantity: Of the subscription: what fees are multiplied by.
        units: Of usage, by each usage price.
        events: In how many events; percentages and dynamic prices look at each.
        amount: What the events say they cost, together.
    """
    book = PriceBook([version.pk])
    fees = [
        *book.setup(version.pk),
        *book.recurring(version.pk, "advance"),
        *book.recurring(version.pk, "arrears"),
    ]
    rows = [Calculated(loaded, rate(quantity, loaded.terms)) for loaded in fees]
    metered = [one for p in book.usage(version.pk) for one in (p, *p.variants)]
    rows += [Calculated(one, _usage(one, units, events, amount)) for one in metered]
    counted = [row.rated.rounded for row in rows if not row.is_variant]
    return Calculation(tuple(rows), total(counted, version.currency))


def _usage(loaded: LoadedPrice, units: Decimal, events: int, amount: Decimal) -> Rated:
    terms = loaded.terms
    limited = limit_events(_spread(units, events), terms) if terms.needs_each_event else None
    return rate(units, terms, event_count=events, event_amount=amount, limited=limited)


def _spread(units: Decimal, events: int) -> Sequence[Decimal]:
    """So many events of the same size, the last one with what is left."""
    if events < 1:
        return ()
    each = round_down(Fraction(units) / events, 10)
    with localcontext(EXACT_CONTEXT):
        return (*([each] * (events - 1)), units - each * (events - 1))
