"""How usage that came after a subscription's end is charged: all of it, less what was."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from billing.domain.derivation import Derivation, DerivationStep, rated_derivation
from billing.domain.rating import PriceTerms, Rated
from tiktoktoe.kernel.money import Money
from tiktoktoe.kernel.rates import exact_text


def late_derivation(
    rated: Rated,
    terms: PriceTerms,
    *,
    price: Mapping[str, str],
    before: Decimal,
    paid: Money,
    left: Money,
    event_count: int,
) -> Derivation:
    """How what came late became a line's amount; it never gives anything back.

    Args:
        rated: All usage of the last period, with what came late.
        terms: The price that was applied.
        price: What identifies the price: plan, version, code, name.
        before: The quantity that was charged before.
        paid: What was charged for it, minimums included.
        left: What is charged now.
        event_count: How many events came late.
    """
    whole = rated_derivation(rated, terms, kind="usage", price=price)
    taken = exact_text(-paid.amount)
    steps = [DerivationStep(label="charged before", formula=taken, amount=taken)]
    exact = rated.amount - Decimal(paid.amount)
    if exact < 0:
        gained = exact_text(-exact)
        steps.append(DerivationStep(label="not below nothing", formula=gained, amount=gained))
    return replace(
        whole,
        inputs={
            **whole.inputs,
            "charged_before": exact_text(before),
            "late_events": str(event_count),
        },
        steps=(*whole.steps, *steps),
        exact=exact_text(max(exact, Decimal(0))),
        amount=str(left.amount),
    )
