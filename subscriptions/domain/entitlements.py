"""What a customer may use: what its plans grant together, unless an override decides.

Each subscription brings its own: limits add up, and one without limit makes the whole so.
An override replaces all of it while it is in force.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from tiktoktoe.kernel.rates import exact_sum


class FeatureKind(StrEnum):
    """What there is to know of a feature."""

    BOOLEAN = "boolean"  # has it or not
    LIMIT = "limit"  # so many at once, counted by whoever asks
    METERED = "metered"  # so much a period, counted by a meter


class GrantedBy(StrEnum):
    """What decided."""

    PLAN = "plan"
    OVERRIDE = "override"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What one subscription brings; `limit` is None for no limit, or for a boolean feature.

    `restriction` says why it brings nothing now: something has not been paid.
    """

    limit: Decimal | None
    is_per_unit: bool = False
    quantity: int = 1
    restriction: str = ""

    @property
    def units(self) -> Decimal | None:
        """The limit for the subscription's quantity."""
        if self.limit is None:
            return None
        return self.limit * self.quantity if self.is_per_unit else self.limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """What somebody decided for one customer."""

    is_granted: bool
    limit: Decimal | None
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Whether a customer has a feature, up to which limit, by what, and until when at most.

    `restriction` says what holds back the rest of it, or all.
    """

    is_granted: bool
    limit: Decimal | None
    granted_by: GrantedBy
    until: datetime | None = None
    restriction: str = ""

    def is_allowed(self, used: Decimal | None) -> bool:
        """Whether there is anything left: has it, and has not used all of it."""
        if not self.is_granted:
            return False
        return self.limit is None or (used or Decimal(0)) < self.limit

    def left(self, used: Decimal | None) -> Decimal | None:
        """What is left of the limit, never below zero; None without one."""
        if self.limit is None:
            return None
        return max(self.limit - (used or Decimal(0)), Decimal(0))


def resolve(grants: Sequence[Grant], override: Override | None) -> Terms:
    """What holds for a customer; what is restricted counts for nothing, but an override does."""
    if override is not None:
        return Terms(
            is_granted=override.is_granted,
            limit=override.limit,
            granted_by=GrantedBy.OVERRIDE,
            until=override.until,
        )
    restriction = next((grant.restriction for grant in grants if grant.restriction), "")
    units = [grant.units for grant in grants if not grant.restriction]
    if not units:
        return Terms(
            is_granted=False, limit=None, granted_by=GrantedBy.NOTHING, restriction=restriction
        )
    limited = [u for u in units if u is not None]
    limit = exact_sum(limited) if len(limited) == len(units) else None
    return Terms(is_granted=True, limit=limit, granted_by=GrantedBy.PLAN, restriction=restriction)
