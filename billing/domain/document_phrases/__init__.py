"""The words of documents in the languages of customers: English phrases, and what they are called.

English is written where it is used. A phrase that is not here, such as the name of a plan, is
printed as it is.
"""

from collections.abc import Mapping

from billing.domain.document_phrases import de, fr

LANGUAGES: Mapping[str, Mapping[str, str]] = {"de": de.PHRASES, "fr": fr.PHRASES}


def phrase(language: str, english: str) -> str:
    """An English phrase in a language; English where it is not known."""
    return LANGUAGES.get(language, {}).get(english, english)
