"""Pages as a tree, for tests that look at what stands where."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset({"br", "hr", "img", "input", "link", "meta", "source", "wbr"})


@dataclass
class Element:
    """A tag with its attributes and what stands in it."""

    tag: str
    attributes: dict[str, str]
    parent: "Element | None" = None
    children: "list[Element]" = field(default_factory=list)
    own_text: str = ""

    @property
    def classes(self) -> set[str]:
        """The names of its classes."""
        return set(self.attributes.get("class", "").split())

    def walk(self) -> "Iterator[Element]":
        """This element and all within it."""
        yield self
        for child in self.children:
            yield from child.walk()

    def above(self) -> "Iterator[Element]":
        """This element and all around it, the nearest first."""
        yield self
        if self.parent:
            yield from self.parent.above()

    def has(self, tag: str) -> bool:
        """Whether there is such a tag in it."""
        return any(element.tag == tag for element in self.walk())

    @property
    def text(self) -> str:
        """All words in it."""
        return " ".join(e.own_text for e in self.walk() if e.own_text)


def tree(page: str) -> Element:
    """The elements of a page."""
    reader = _Reader()
    reader.feed(page)
    return reader.root


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = self.here = Element("root", {})

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs}, self.here)
        self.here.children.append(element)
        if tag not in VOID:
            self.here = element

    def handle_endtag(self, tag: str) -> None:
        for element in self.here.above():
            if element.tag == tag and element.parent:
                self.here = element.parent
                return

    def handle_data(self, data: str) -> None:
        self.here.own_text += data.strip()
