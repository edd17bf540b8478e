"""What a gateway that keeps the mandates of bank debits itself tells of one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True, kw_only=True)
class MandateDetails:
    """A mandate that the gateway keeps.

    Attributes:
        reference: The gateway's name of it.
        scheme_reference: What the customer's bank statement calls it; SEPA ones have one.
        url: Where the customer may read what they have signed.
        state: active, pending or inactive; empty where only the name is known yet.
        accepted_from: The address from which it was agreed to.
    """

    reference: str
    scheme_reference: str = ""
    url: str = ""
    state: str = ""
    accepted_at: datetime | None = None
    accepted_from: str = ""


@runtime_checkable
class KeepsMandates(Protocol):
    """A gateway that holds the mandates of its bank debits."""

    def read_mandate(self, reference: str) -> MandateDetails:
        """A mandate as it is now.

        Raises:
            GatewayUnavailable: If the gateway does not answer.
            GatewayRefused: If it knows no such mandate.
        """
        ...
