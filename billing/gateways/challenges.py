"""The bank's question to a customer who is there (3-D Secure): brought back, or given up."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from billing.gateways.base import Outcome, VoidRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnRequest:
    """What a customer's browser brings back from the bank; it proves nothing by itself."""

    our_reference: str
    told: str
    idempotency_key: str


@runtime_checkable
class EndsChallenges(Protocol):
    """A gateway where a charge that waits for its customer can be given up."""

    def end_challenge(self, request: VoidRequest) -> Outcome:
        """Give it up; ABANDONED, PENDING where the gateway tells later, or what came first."""
        ...


@runtime_checkable
class EndsUnnamed(Protocol):
    """A gateway where that can be asked for by our reference, though its own name is not known."""

    def end_unnamed(self, request: VoidRequest) -> Outcome:
        """Ask to give it up; PENDING: the gateway tells later, by an event with our reference."""
        ...


@runtime_checkable
class HearsReturns(Protocol):
    """A gateway that has to be handed what the browser brings back, to go on with the charge."""

    def complete_challenge(self, request: ReturnRequest) -> Outcome:
        """Hand it over; what is of another charge than ours decides nothing."""
        ...
