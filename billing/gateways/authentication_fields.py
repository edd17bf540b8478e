"""The fields by which a request tells whether the customer is to confirm, as they are sent."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class TellsBanks(Protocol):
    """A gateway that is told what its customers' banks are to be asked."""

    def authentication_fields(self, wish: str, *, is_there: bool) -> Mapping[str, Any]:
        """What is put into a request for a wish; the same that is sent.

        Args:
            wish: challenge, or the exemption that is asked for; empty: nothing.
            is_there: Whether the customer is: on the gateway's page, or paying by a stored card.
        """
        ...


def in_names(fields: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """The fields one by one, each by its full name."""
    found: dict[str, str] = {}
    for name, value in fields.items():
        whole = f"{prefix}.{name}" if prefix else name
        if isinstance(value, Mapping):
            found |= in_names(value, whole)
        else:
            found[whole] = str(value).lower() if isinstance(value, bool) else str(value)
    return found
