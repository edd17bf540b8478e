"""Nodes become dataclasses by the types of their fields; what does not fit is named by line.

A dataclass is the documentation of its part of the file: its fields are the keys, their types
say what may be written, `metadata` adds other spellings. An amount named `price` may also be
written `price_cents`. A field named `place` gets where the value stands.
"""

import dataclasses
import types
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from tiktoktoe.kernel.periods import Interval
from tiktoktoe.simulator.errors import Place, ScenarioInvalid
from tiktoktoe.simulator.scenario import values
from tiktoktoe.simulator.scenario.nodes import Node, Row, Table, Text
from tiktoktoe.simulator.scenario.values import Amount, When, Zone

T = TypeVar("T")
MINOR_ENDINGS = ("_cents", "_minor")
SCALARS: Mapping[object, Callable[[Text], object]] = {
    str: values.read_text,
    int: values.read_whole,
    bool: values.read_flag,
    Decimal: values.read_number,
    date: values.read_day,
    When: values.read_when,
    Interval: values.read_interval,
    Zone: values.read_zone,
}


def also(*names: str, default: Any = dataclasses.MISSING) -> Any:
    """A field that may be spelled in other ways too."""
    return dataclasses.field(default=default, metadata={"also": names})


def read(kind: type[T], node: Node) -> T:
    """A value of a type.

    Raises:
        ScenarioInvalid: With the line, the key, and what is allowed there.
    """
    return _read(kind, node)  # type: ignore[no-any-return]


def read_fields(kind: Callable[..., T], table: Table, *, besides: Iterable[str] = ()) -> T:
    """A dataclass of a table; keys named in `besides` belong to somebody else."""
    spellings, given = _spellings(kind), dict[str, Any]()
    types_of = _types(kind)
    for key, node in table.entries.items():
        if key in besides:
            continue
        place = table.key_places[key]
        if key not in spellings:
            raise ScenarioInvalid("is not known here", place, allowed=", ".join(keys_of(kind)))
        name, is_minor = spellings[key]
        if name in given:
            raise ScenarioInvalid(f"says again what {name} is", place)
        given[name] = _read_minor(types_of[name], node) if is_minor else _read(types_of[name], node)
    if "place" in types_of:
        given["place"] = table.place
    missing = [f.name for f in _fields(kind) if _is_required(f) and f.name not in given]
    if missing:
        raise ScenarioInvalid(f"lacks {', '.join(missing)}", table.place)
    return kind(**given)


def keys_of(kind: Any) -> list[str]:
    """The keys that a table of this kind may have."""
    hints = _types(kind)
    return [
        f"{field.name}[_cents]" if _is_amount(hints[field.name]) else field.name
        for field in _fields(kind)
        if field.name != "place"
    ]


def _read(kind: Any, node: Node) -> Any:
    origin = get_origin(kind)
    if origin in {Union, types.UnionType}:
        return _read_union(kind, node)
    if origin is tuple:
        return _read_row(get_args(kind)[0], node)
    if origin in {Mapping, dict} or kind is Mapping:
        return _read_mapping(get_args(kind)[1], node)
    if origin is Literal:
        return _read_word(get_args(kind), node)
    if kind is Amount:
        return _read_amount(node, is_minor=False)
    if kind in SCALARS:
        return SCALARS[kind](_text(node))
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return kind(_read_word([str(member) for member in kind], node))
    if dataclasses.is_dataclass(kind):
        return _read_dataclass(kind, node)
    assert kind is object, kind
    return plain(node)


def plain(node: Node) -> object:
    """A node as it stands, for what is not looked at: a source, a note."""
    if isinstance(node, Text):
        return node.value
    if isinstance(node, Row):
        return [plain(item) for item in node.items]
    return {key: plain(value) for key, value in node.entries.items()}


def _read_union(kind: Any, node: Node) -> Any:
    choices = [choice for choice in get_args(kind) if choice is not type(None)]
    if isinstance(node, Text) and node.is_empty:
        return None
    if len(choices) == 1:
        return _read(choices[0], node)
    scalar, other = choices
    return _read(scalar if isinstance(node, Text) else other, node)


def _read_row(kind: Any, node: Node) -> tuple[Any, ...]:
    if isinstance(node, Text) and node.is_empty:
        return ()
    if not isinstance(node, Row):
        if isinstance(node, Text) and (kind in SCALARS or kind is Amount):
            return (_read(kind, node),)
        raise ScenarioInvalid("must be a list", node.place, allowed="- one\n- under the other")
    return tuple(_read(kind, item) for item in node.items)


def _read_mapping(kind: Any, node: Node) -> dict[str, Any]:
    if not isinstance(node, Table):
        raise ScenarioInvalid("must be a table of key: value", node.place)
    return {key: _read(kind, value) for key, value in node.entries.items()}


def _read_word(allowed: Iterable[str], node: Node) -> str:
    word = _text(node).value.strip()
    plain_word = word.lower().replace("-", "_").replace(" ", "_")
    if plain_word not in allowed:
        raise ScenarioInvalid(f"{word!r} is not known", node.place, allowed=", ".join(allowed))
    return plain_word


def _read_dataclass(kind: Any, node: Node) -> Any:
    if isinstance(node, Table):
        return read_fields(kind, node)
    if isinstance(node, Text) and hasattr(kind, "of_text"):
        return kind.of_text(node)
    raise ScenarioInvalid(
        "must be a table of key: value", node.place, allowed=", ".join(keys_of(kind))
    )


def _read_amount(node: Node, *, is_minor: bool) -> Amount | None:
    text = _text(node)
    return None if text.is_empty else Amount(text.place, values.read_number(text), is_minor)


def _read_minor(kind: Any, node: Node) -> Amount | tuple[Amount | None, ...] | None:
    if get_origin(kind) is tuple and isinstance(node, Row):
        return tuple(_read_amount(item, is_minor=True) for item in node.items)
    amount = _read_amount(node, is_minor=True)
    return (amount,) if get_origin(kind) is tuple else amount


def _text(node: Node) -> Text:
    if isinstance(node, Text):
        return node
    what = "a list" if isinstance(node, Row) else "a table"
    raise ScenarioInvalid(f"is {what}, but must be a single value", node.place)


def _fields(kind: Any) -> tuple["dataclasses.Field[Any]", ...]:
    return dataclasses.fields(kind)


@cache
def _types(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


@cache
def _spellings(kind: Any) -> dict[str, tuple[str, bool]]:
    """Each spelling of a key, the field it means, and whether it is in minor units."""
    spellings = dict[str, tuple[str, bool]]()
    for field in _fields(kind):
        if field.name == "place":
            continue
        for name in (field.name, *field.metadata.get("also", ())):
            spellings[name] = (field.name, False)
            if _is_amount(_types(kind)[field.name]):
                spellings |= {f"{name}{end}": (field.name, True) for end in MINOR_ENDINGS}
    return spellings


def _is_amount(kind: Any) -> bool:
    return kind is Amount or Amount in get_args(kind)


def _is_required(field: "dataclasses.Field[Any]") -> bool:
    return (
        field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
        and field.name != "place"
    )


def nowhere() -> Place:
    """The place of what is not in a file."""
    return Place(0, "")
