"""How the columns of a file become usage events."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from decimal import Decimal, DecimalException

from subscriptions.domain.events import EventBody
from subscriptions.errors import EventInvalid
from tiktoktoe.kernel.errors import InvalidInput

FIELDS = ("id", "customer", "meter", "occurred_at", "quantity")
NEEDED = ("customer", "meter", "occurred_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventColumns:
    """Which column holds which field of an event, and which fields are the same in every row.

    Args:
        columns: Field to column.
        constants: Field to the value it has in every row.
        properties: Property to column.
        id_prefix: Put before every id. Without an `id` column a row's number is its id, so
            the prefix must then tell this file from others.
        time_zone: The zone of times that are written without one; else those are refused.

    Raises:
        InvalidInput: If a field is unknown or missing.
    """

    columns: Mapping[str, str]
    constants: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    id_prefix: str = ""
    time_zone: tzinfo | None = None

    def __post_init__(self) -> None:
        given = {*self.columns, *self.constants}
        unknown = sorted(given - set(FIELDS))
        if unknown:
            raise InvalidInput(f"{unknown[0]!r} is no field", remedy="use " + ", ".join(FIELDS))
        doubled = [name for name in FIELDS if name in self.columns and name in self.constants]
        if doubled:
            raise InvalidInput("has a column and is set, too", field=doubled[0], remedy="keep one")
        missing = [name for name in NEEDED if name not in given]
        if missing:
            raise InvalidInput(f"nothing says what the {missing[0]} is", field=missing[0])
        if "id" not in given and not self.id_prefix:
            raise InvalidInput("rows need an id column or an id prefix", field="id")
        if "id" in self.constants:
            raise InvalidInput("every row needs its own", field="id")

    @property
    def names(self) -> frozenset[str]:
        """The columns it reads."""
        return frozenset({*self.columns.values(), *self.properties.values()})

    def event(self, row: Mapping[str, object], number: int) -> EventBody:
        """The event of a row; `number` counts rows from 1.

        Raises:
            EventInvalid: With the field that cannot be read.
        """
        return EventBody(
            event_id=self.id_prefix
            + (self._text(row, "id") if "id" in self.columns else f"{number}"),
            customer=self._text(row, "customer"),
            meter=self._text(row, "meter"),
            occurred_at=self._moment(row),
            quantity=self._quantity(row),
            properties={name: row.get(column) for name, column in self.properties.items()} or None,
        )

    def _value(self, row: Mapping[str, object], name: str) -> object:
        if name in self.constants:
            return self.constants[name]
        value = row.get(self.columns[name])
        if value is None or value == "":
            raise EventInvalid("is missing", field=name)
        return value

    def _text(self, row: Mapping[str, object], name: str) -> str:
        value = self._value(row, name)
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise EventInvalid("is no text", field=name)
        return str(value).strip()

    def _moment(self, row: Mapping[str, object]) -> datetime:
        try:
            moment = datetime.fromisoformat(self._text(row, "occurred_at"))
        except ValueError:
            raise EventInvalid(
                "is no time", field="occurred_at", remedy="write 2026-01-31T12:00:00Z"
            ) from None
        if moment.tzinfo is None and self.time_zone is not None:
            return moment.replace(tzinfo=self.time_zone)
        return moment

    def _quantity(self, row: Mapping[str, object]) -> Decimal:
        if "quantity" not in self.columns and "quantity" not in self.constants:
            return Decimal(1)
        value = self._value(row, "quantity")
        if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
            raise EventInvalid("is no number", field="quantity")
        try:
            return Decimal(value)
        except DecimalException:
            raise EventInvalid("is no number", field="quantity") from None
