from string import Formatter

import pytest

from billing.domain.announcements import NOTICE_KINDS, tidy
from billing.domain.notice_samples import SAMPLES
from billing.domain.notice_words import CATALOGS, catalog_of


def names(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("language", CATALOGS)
def test_every_language_has_every_kind_and_says_the_same_things(language: str) -> None:
    catalog, english = CATALOGS[language], CATALOGS["en"]

    assert catalog.notices.keys() == NOTICE_KINDS.keys() == SAMPLES.keys()
    assert catalog.frame.keys() == english.frame.keys()
    for kind, words in catalog.notices.items():
        same = english.notices[kind]
        assert names(words.subject) == names(same.subject), kind
        assert [names(s) for s in words.sentences] == [names(s) for s in same.sentences], kind
    for name, text in catalog.frame.items():
        assert names(text) == names(english.frame[name]), name


@pytest.mark.parametrize(
    ("locale", "language"),
    [("de", "de"), ("de-AT", "de"), ("fr_CH", "fr"), ("EN-us", "en"), ("pl", "en"), ("", "en")],
)
def test_a_locale_is_written_in_its_language_or_in_english(locale: str, language: str) -> None:
    assert catalog_of(locale).language == language


def test_amounts_get_their_currency_s_decimals_and_nothing_else_changes() -> None:
    facts = {
        "total": {"amount": "119", "currency": "EUR"},
        "parts": [{"amount": "3", "currency": "JPY"}, {"amount": "1.5", "currency": "KWD"}],
        "plan": "Team",
        "quantity": 3,
    }

    assert tidy(facts) == {
        "total": {"amount": "119.00", "currency": "EUR"},
        "parts": [{"amount": "3", "currency": "JPY"}, {"amount": "1.500", "currency": "KWD"}],
        "plan": "Team",
        "quantity": 3,
    }
