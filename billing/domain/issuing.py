"""Who issues a document, as it is printed on it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedBy:
    """A company's details, kept with each of its documents for ever."""

    name: str
    address: str
    country: str
    tax_number: str = ""
    email: str = ""
    bank: str = ""
    logo_text: str = ""
    colour: str = "#4a3fb5"
    footer: str = ""

    def to_json(self) -> dict[str, str]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "IssuedBy":
        """What `to_json` wrote."""
        return cls(**{f.name: str(body[f.name]) for f in fields(cls) if f.name in body})
