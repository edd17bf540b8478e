"""How many customers leave when their bank asks them to confirm (3-D Secure).

Counted as success is (billing.domain.success): a cell is a gateway and the challenges of a
currency at home or abroad, it fades, leans on its gateway's whole record, and that on what is
assumed. A page that was paid on is a challenge passed; one that was left, or whose payer was
not authenticated, is one abandoned. Who left before the bank asked is counted too, so that the
share errs on the high side.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from billing.domain.declines import DeclineClass
from billing.domain.success import Cell, Observation

PREFIX = "challenge/"
_CELL_STRENGTH = 20
_ASSUMED_WEIGHT = 5
_PASSED = Observation(Decimal(1), Decimal(0))
_ABANDONED = Observation(Decimal(0), Decimal(1))
_NEITHER = Observation(Decimal(0), Decimal(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class AssumedShare:
    """What is assumed before anything was measured; a policy may say otherwise."""

    share_bps: Decimal
    valid_from: date
    source: str


ASSUMED = AssumedShare(
    share_bps=Decimal(1_200),
    valid_from=date(2021, 4, 15),
    source="Netcetera, 15 April 2021: 85.5 % of card payments under PSD2's rules are "
    "authenticated; of the rest some are not the cards' holders, who ought to fail",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeRecord:
    """What challenges came to, faded: those like the one to come, and all of the gateway."""

    abandoned: Decimal = Decimal(0)
    passed: Decimal = Decimal(0)
    all_abandoned: Decimal = Decimal(0)
    all_passed: Decimal = Decimal(0)


UNKNOWN = ChallengeRecord()


def abandoned_share(record: ChallengeRecord, *, assumed: Fraction) -> Fraction:
    """The careful mean of what was measured and what is assumed."""
    everything = Fraction(record.all_abandoned) + Fraction(record.all_passed)
    usual = (_ASSUMED_WEIGHT * assumed + Fraction(record.all_abandoned)) / (
        _ASSUMED_WEIGHT + everything
    )
    own = Fraction(record.abandoned) + Fraction(record.passed)
    return (_CELL_STRENGTH * usual + Fraction(record.abandoned)) / (_CELL_STRENGTH + own)


def challenge_segment(*, currency: str, is_cross_border: bool) -> str:
    """Challenges that are counted together."""
    return f"{PREFIX}{currency}/{'foreign' if is_cross_border else 'domestic'}"


def observed_challenge(state: str, decline_class: str) -> Observation | None:
    """What a page that asked for a challenge says; None while its outcome is not proven."""
    if state == "succeeded":
        return _PASSED
    if state == "abandoned" or (
        state == "declined" and decline_class == DeclineClass.AUTH_REQUIRED
    ):
        return _ABANDONED
    return _NEITHER if state in {"declined", "not_sent"} else None


class ChallengeRates:
    """The records of every gateway, from its cells: successes are passed, failures abandoned."""

    def __init__(self, cells: Sequence[Cell], seen: Mapping[str, int]) -> None:
        self._cells = {
            (cell.gateway, cell.segment): cell.faded(seen.get(cell.segment, cell.seen))
            for cell in cells
        }

    def of(self, gateway: str, segment: str) -> ChallengeRecord:
        """What is known of such challenges."""
        own = self._cells.get((gateway, segment), Cell(gateway=gateway, segment=segment))
        every = [cell for (name, _), cell in self._cells.items() if name == gateway]
        return ChallengeRecord(
            abandoned=own.failures,
            passed=own.successes,
            all_abandoned=sum((cell.failures for cell in every), Decimal(0)),
            all_passed=sum((cell.successes for cell in every), Decimal(0)),
        )
