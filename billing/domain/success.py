"""How likely a gateway is to take a payment: counts that fade, and a careful mean of them.

A cell is a gateway and a segment. What it saw long ago counts less: after 50 payments of the
segment, by whatever gateway, half as much; so a gateway that nobody uses any more is judged
by its other segments, and in the end like a new one. A cell with few payments leans on its
gateway's whole record, and that on what is usual.

Source: the design's hierarchical decayed Beta, k = 20, a prior of 0.9 times 5. Its half-life
of 400 payments over the eight segments of its experiment is 50 of each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction

from billing.domain.declines import POLICIES, DeclineClass
from tiktoktoe.kernel.rates import round_half_away

HALF_LIFE_PAYMENTS = 50
_CELL_STRENGTH = 20
_PRIOR_SUCCESSES = Fraction(9, 2)
_PRIOR_WEIGHT = Fraction(5)
_PLACES = 6
_WEIGHT_UNIT = Decimal("1e-12")
_FORGOTTEN_AFTER = 100 * HALF_LIFE_PAYMENTS  # nothing is left of it in twelve places


def _fading() -> Decimal:
    with localcontext(prec=40):
        return +(Decimal(2) ** (Decimal(-1) / HALF_LIFE_PAYMENTS))


FADING = _fading()


@dataclass(frozen=True, slots=True)
class Observation:
    """What one settled attempt says about its gateway: successes, failures, neither."""

    success: Decimal
    failure: Decimal


SUCCESS = Observation(Decimal(1), Decimal(0))
_TECHNICAL = Observation(Decimal(0), Decimal(1))
_GENERIC = Observation(Decimal(0), Decimal("0.5"))
_NOT_THE_GATEWAYS = Observation(Decimal(0), Decimal(0))


def observed(state: str, decline_class: str) -> Observation | None:
    """What a settled attempt says; None while its outcome is not proven.

    A technical failure counts whole and an issuer's no without a reason half; no funds, a
    stolen card or a customer who gave up say nothing about the gateway.
    """
    if state == "succeeded":
        return SUCCESS
    if state == "not_sent" and not decline_class:
        return _TECHNICAL
    if state == "abandoned":
        return _NOT_THE_GATEWAYS
    if state not in {"declined", "not_sent"}:
        return None
    named = DeclineClass(decline_class or DeclineClass.UNCLASSIFIED)
    if not POLICIES[named].counts_against_gateway:
        return _NOT_THE_GATEWAYS
    return _GENERIC if named == DeclineClass.SOFT_GENERIC else _TECHNICAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What a gateway's payments of a segment came to, as the segment stood at `seen`.

    `seen` is how many payments of the segment, by every gateway, had been counted then.
    """

    gateway: str
    segment: str
    successes: Decimal = Decimal(0)
    failures: Decimal = Decimal(0)
    seen: int = 0

    def faded(self, seen: int) -> "Cell":
        """The same after more payments of the segment."""
        share = fading(seen - self.seen)
        return Cell(
            gateway=self.gateway,
            segment=self.segment,
            successes=_weight(self.successes * share),
            failures=_weight(self.failures * share),
            seen=seen,
        )

    def with_observation(self, observation: Observation, seen: int) -> "Cell":
        """The same with one payment more, which is the segment's `seen`-th."""
        then = self.faded(seen)
        return Cell(
            gateway=self.gateway,
            segment=self.segment,
            successes=then.successes + observation.success,
            failures=then.failures + observation.failure,
            seen=seen,
        )


def fading(payments: int) -> Decimal:
    """What a payment still counts after so many later ones."""
    if payments <= 0:
        return Decimal(1)
    return Decimal(0) if payments > _FORGOTTEN_AFTER else FADING**payments


@dataclass(frozen=True, slots=True, kw_only=True)
class SuccessRate:
    """An estimate, and on how many payments, faded, it rests."""

    rate: Decimal
    weight: Decimal


class SuccessRates:
    """The estimates of every gateway, from its cells."""

    def __init__(self, cells: Sequence[Cell], seen: Mapping[str, int]) -> None:
        self._cells = {
            (cell.gateway, cell.segment): cell.faded(seen.get(cell.segment, cell.seen))
            for cell in cells
        }

    def of(self, gateway: str, segment: str) -> SuccessRate:
        """The careful mean for a gateway's payments of a segment."""
        own = self._cells.get((gateway, segment), Cell(gateway=gateway, segment=segment))
        usual = self._usual(gateway)
        weight = Fraction(own.successes) + Fraction(own.failures)
        strength = _CELL_STRENGTH * usual + Fraction(own.successes)
        rate = round_half_away(strength / (_CELL_STRENGTH + weight), _PLACES)
        return SuccessRate(rate=rate, weight=round_half_away(weight, 2))

    def _usual(self, gateway: str) -> Fraction:
        """The gateway's record over all its segments, leaning on the prior."""
        cells = [cell for (name, _), cell in self._cells.items() if name == gateway]
        successes = sum((Fraction(cell.successes) for cell in cells), Fraction(0))
        failures = sum((Fraction(cell.failures) for cell in cells), Fraction(0))
        return (_PRIOR_SUCCESSES + successes) / (_PRIOR_WEIGHT + successes + failures)


def _weight(value: Decimal) -> Decimal:
    return value.quantize(_WEIGHT_UNIT)
