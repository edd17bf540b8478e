"""What notices say, in each language: a catalog per locale, with the same kinds in each.

Words in braces are filled in (billing.services.announcements.notice_text); an optional sentence
stands in a list of its own with the fact that it needs.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from billing.domain.notice_words import de, en, fr
from billing.domain.notice_words.kinds import Words


@dataclass(frozen=True, slots=True)
class Catalog:
    """The words of a language; `frame` is what every notice has around it."""

    language: str
    notices: Mapping[str, Words]
    frame: Mapping[str, str]


CATALOGS = {
    module.LANGUAGE: Catalog(module.LANGUAGE, module.NOTICES, module.FRAME)
    for module in (en, de, fr)
}


def catalog_of(locale: str) -> Catalog:
    """The catalog of a locale's language; English where there is none."""
    language = locale.replace("_", "-").partition("-")[0].lower()
    return CATALOGS.get(language, CATALOGS["en"])
