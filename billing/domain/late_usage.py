"""How usage that came after a subscription's end is charged: all of it, less what was."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from billing.domain.derivation import Derivation, DerivationStep
from tiktoktoe.kernel.money import Money
from tiktoktoe.kernel.rates import exact_sum, exact_text

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Reckoned:
    """What a line comes to with everything that came, and what was charged of it."""

    comes_to: Decimal
    charged: Decimal


@dataclass(frozen=True, slots=True)
class Settled:
    """What is due of each line now, and what was charged too much of all of them together.

    `taken_off` is what each line was spared because others come to less than was charged.
    """

    due: tuple[Decimal, ...]
    taken_off: tuple[Decimal, ...]
    too_much: Decimal


def settle(lines: Sequence[Reckoned]) -> Settled:
    """The difference between what lines come to and what was charged, line by line.

    What one comes to less (a minimum that is used up, a cheaper tier, a level that went down) is
    taken off what others come to more, in their order; only what is left of it was too much. So
    due less too much is always the whole difference, however often what comes is settled.
    """
    more = [line.comes_to - line.charged for line in lines]
    spare = -exact_sum(min(one, ZERO) for one in more)
    due, taken_off = [], []
    for one in more:
        taken = min(spare, max(one, ZERO))
        spare -= taken
        taken_off.append(taken)
        due.append(max(one, ZERO) - taken)
    return Settled(tuple(due), tuple(taken_off), spare)


def late_derivation(
    whole: Derivation,
    *,
    before: Decimal,
    paid: Decimal,
    taken_off: Decimal,
    left: Money,
    event_count: int,
) -> Derivation:
    """How what came late became a line's amount.

    Args:
        whole: Of all usage of the last period, with what came late.
        before: The quantity that was charged before.
        paid: What was charged for it.
        taken_off: What other lines come to less than was charged for them.
        left: What is charged now.
        event_count: How many of the events that came late are on the line.
    """
    steps = [
        _step(label, -amount)
        for label, amount in (
            ("charged before", paid),
            ("charged before for a minimum, or more than it is now", taken_off),
        )
        if amount
    ]
    exact = Decimal(whole.exact) - paid - taken_off
    if not left.amount and exact:
        steps.append(_step("what is less than before is taken off, or given back", -exact))
        exact = ZERO
    meter = {"meter": whole.events.meter} if whole.events else {}
    return replace(
        whole,
        price={**whole.price, **meter},  # what coupons are limited by
        inputs={
            **whole.inputs,
            "charged_before": exact_text(before),
            "late_events": str(event_count),
        },
        steps=(*whole.steps, *steps),
        exact=exact_text(exact),
        amount=str(left.amount),
        events=None,  # they are kept with the line: where they count says nothing of it
    )


def _step(label: str, amount: Decimal) -> DerivationStep:
    return DerivationStep(label=label, formula=exact_text(amount), amount=exact_text(amount))
