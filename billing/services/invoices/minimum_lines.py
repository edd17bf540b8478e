"""Top-ups: what a price, or a whole plan, comes to at least.

Source: Lago's true-up fees and minimum commitments; LAGO-MIN-39. The minimum shrinks with the
share of the period; what was used is taken off, and the rest is rounded once.
"""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from billing.domain.derivation import true_up_derivation
from billing.domain.minimums import left_of_minimum
from billing.models import InvoiceLine
from billing.services.invoices.draft_parts import DraftLine, Stretch
from billing.services.invoices.terms import LoadedVersion
from billing.services.invoices.usage_lines import UsageLine, UsageOf
from tiktoktoe.kernel.money import Money, total


def price_minimums(lines: Sequence[UsageLine]) -> Iterator[DraftLine]:
    """The top-up of each usage price in each of its stretches, variants counted together."""
    usages: dict[int, UsageOf] = {id(found.usage): found.usage for found in lines}
    for key, usage in usages.items():
        minimum = usage.loaded.price.minimum_amount.amount
        if not minimum:
            continue
        made = [found.charged for found in lines if id(found.usage) == key]
        line = _top_up(
            minimum,
            usage.stretch,
            used=total(made, usage.loaded.terms.currency),
            description=f"{usage.loaded.identity['plan']}: {usage.loaded.price.name}, minimum",
            price_id=usage.loaded.price.pk,
            identity=usage.loaded.identity,
            includes_tax=usage.loaded.includes_tax,
        )
        if line is not None:
            yield line


def plan_minimum(
    version: LoadedVersion, stretch: Stretch, charged: Iterable[Money]
) -> DraftLine | None:
    """The top-up of a plan in a stretch; `charged` is all that was charged for that time."""
    if not version.minimum:
        return None
    return _top_up(
        version.minimum,
        stretch,
        used=total(charged, version.currency),
        description=f"{version.identity['plan']}: minimum",
        price_id=None,
        identity=version.identity,
        includes_tax=version.includes_tax,
    )


def _top_up(
    minimum: Decimal,
    stretch: Stretch,
    *,
    used: Money,
    description: str,
    price_id: int | None,
    identity: dict[str, str],
    includes_tax: bool,
) -> DraftLine | None:
    amount = left_of_minimum(minimum, stretch.share, used)
    if not amount:
        return None
    return DraftLine(
        kind=InvoiceLine.Kind.TRUE_UP,
        description=description,
        price_id=price_id,
        period=stretch.period,
        quantity=Decimal(1),
        unit_amount=amount.amount,
        amount=amount,
        derivation=true_up_derivation(
            minimum=minimum, share=stretch.share, used=used, amount=amount, price=identity
        ),
        includes_tax=includes_tax,
    )
