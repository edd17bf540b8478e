"""What the gateways say has happened, in the drill's own words."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Money of an attempt that a gateway has moved, or holds, in minor units.

    Attributes:
        attempt: Our name of it, as the gateway keeps it.
        reference: The gateway's name of what a card's holder would contest.
        taken: What was captured of it, and is not given back again by that.
        refunded: What was given back by refunds that came through.
        withheld: What disputes have taken away and not brought back.
        held: What is only authorised.
    """

    gateway: str
    attempt: str
    taken: int = 0
    refunded: int = 0
    withheld: int = 0
    held: int = 0
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Contest:
    """A dispute at a gateway, and whether it is open, won or lost."""

    gateway: str
    reference: str
    state: str
