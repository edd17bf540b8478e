"""One line of the arithmetic of a price."""

from dataclasses import dataclass
from decimal import Decimal

from tiktoktoe.kernel.rates import TIMES, blocks_of, exact_text

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of the arithmetic: units (or blocks) times unit amount + flat amount = amount."""

    label: str
    units: Decimal
    unit_amount: Decimal
    flat_amount: Decimal
    amount: Decimal
    blocks: Decimal | None = None

    @property
    def formula(self) -> str:
        """The step as it is written: 1000 times 0.002 + 5 = 7."""
        count = self.units if self.blocks is None else self.blocks
        parts = [f"{exact_text(count)} {TIMES} {exact_text(self.unit_amount)}"]
        if self.flat_amount:
            parts.append(exact_text(self.flat_amount))
        return f"{' + '.join(parts)} = {exact_text(self.amount)}"


def step(
    label: str,
    units: Decimal,
    unit_amount: Decimal,
    *,
    flat_amount: Decimal = ZERO,
    block_size: Decimal | None = None,
) -> Step:
    """Units, or their started blocks, times an amount, and a flat one."""
    blocks = None if block_size is None else blocks_of(units, block_size)
    count = units if blocks is None else blocks
    return Step(
        label=label,
        units=units,
        unit_amount=unit_amount,
        flat_amount=flat_amount,
        amount=count * unit_amount + flat_amount,
        blocks=blocks,
    )
