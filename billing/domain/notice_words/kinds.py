"""The shape of a notice's words."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """A notice: its subject, what it says, and the words of the link.

    A sentence whose word in braces has nothing to fill it is left out.
    """

    subject: str
    sentences: tuple[str, ...]
    link: str
