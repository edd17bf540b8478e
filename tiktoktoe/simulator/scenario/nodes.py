"""YAML as nodes that know their line; nothing is guessed of a scalar but what its field wants."""

from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from tiktoktoe.simulator.errors import Place, ScenarioInvalid

NOTHING = frozenset({"", "~", "null", "Null", "NULL"})


@dataclass(frozen=True, slots=True)
class Text:
    """A scalar as it is written; `is_empty` of `key:` with nothing behind it."""

    place: Place
    value: str
    is_empty: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A list."""

    place: Place
    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping: its keys with their lines, in the file's order."""

    place: Place
    entries: dict[str, "Node"]
    key_places: dict[str, Place]


Node = Text | Row | Table


def documents(text: str) -> list[Node]:
    """The documents of a file, one for each part between `---` lines.

    Raises:
        ScenarioInvalid: If it is no YAML, with the line where it stops being some.
    """
    try:
        roots: list[yaml.Node | None] = list(yaml.compose_all(text, Loader=yaml.CSafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise ScenarioInvalid(
            f"this is no YAML: {error.problem}", Place(line, ""), allowed="check the indentation"
        ) from None
    except yaml.YAMLError as error:
        raise ScenarioInvalid(f"this is no YAML: {error}", Place(1, "")) from None
    return [_node(root, Place(root.start_mark.line + 1, "")) for root in roots if root is not None]


def _node(node: yaml.Node, place: Place) -> Node:
    if isinstance(node, yaml.ScalarNode):
        is_plain_nothing = node.style is None and node.value in NOTHING
        return Text(place, str(node.value), is_empty=is_plain_nothing)
    if isinstance(node, yaml.SequenceNode):
        return Row(place, tuple(_items(node, place)))
    assert isinstance(node, yaml.MappingNode)
    return _table(node, place)


def _items(node: yaml.SequenceNode, place: Place) -> Iterator[Node]:
    for number, item in enumerate(node.value, start=1):
        yield _node(item, place.inside(number, item.start_mark.line + 1))


def _table(node: yaml.MappingNode, place: Place) -> Table:
    entries: dict[str, Node] = {}
    places: dict[str, Place] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise ScenarioInvalid("a key must be a word", place.inside("?", line))
        key = str(key_node.value)
        if key in entries:
            raise ScenarioInvalid("is there twice", place.inside(key, line))
        entries[key] = _node(value_node, place.inside(key, line))
        places[key] = place.inside(key, line)
    return Table(place, entries, places)
