"""Words, amounts, quantities and dates as a customer reads them on a document, in their locale."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal

from billing.domain import own_words
from billing.domain.document_phrases import phrase
from tiktoktoe.kernel.money import quantize_amount
from tiktoktoe.kernel.periods import local_date
from tiktoktoe.kernel.rates import exact_text

EN_DASH = "\N{EN DASH}"
DEFAULT_LOCALE = Locale("en")


@dataclass(frozen=True, slots=True)
class Wording:
    """How words, numbers and days are written for a customer."""

    locale: Locale
    time_zone: str

    @classmethod
    def of(cls, bill_to: dict[str, Any]) -> "Wording":
        """As the details on a document say; English where the locale is unknown."""
        return cls(_locale(str(bill_to.get("locale", ""))), str(bill_to.get("time_zone") or "UTC"))

    def say(self, english: str, **values: str) -> str:
        """A phrase in the customer's language, with values put in; values are never translated."""
        said = phrase(self.locale.language, english)
        return said.format(**values) if values else said

    def line(self, kind: str, description: str) -> str:
        """What a line of a kind is called, our own words in it in the customer's language."""
        return self._own(description, own_words.of_line(kind))

    def reason(self, english: str) -> str:
        """Why a note was issued; as it was written, where a person wrote it."""
        return self._own(english, own_words.REASONS)

    def step(self, label: str, formula: str) -> str:
        """A line of the arithmetic."""
        if not own_words.is_spoken(self.locale.language):
            return f"{label}: {formula}"
        said = self._own(label, own_words.LABELS)
        if said == label and label.endswith("%"):
            said = self._numbers(label)
        return f"{said}: {self._numbers(self._own(formula, own_words.FORMULAS))}"

    def _own(self, text: str, phrases: tuple[str, ...]) -> str:
        found = own_words.found(text, phrases)
        if found is None or not own_words.is_spoken(self.locale.language):
            return text
        english, values = found
        for name in {"day", "until"} & values.keys():
            values[name] = self.day(date.fromisoformat(values[name]))
        for name in {"low", "high", "share"} & values.keys():
            values[name] = self._numbers(values[name])
        return self.say(english, **values)

    def _numbers(self, text: str) -> str:
        """The same with its numbers as they are written in the customer's locale."""
        return own_words.NUMBER.sub(lambda found: self.number(Decimal(found[0])), text)

    def money(self, amount: Decimal, currency: str) -> str:
        """A payable amount with the currency's decimals."""
        payable = quantize_amount(amount, currency).amount
        return self.price(payable, currency)

    def price(self, amount: Decimal, currency: str) -> str:
        """An amount with all the decimals that it has, such as the price of a unit."""
        return format_currency(
            _plain(amount), currency, locale=self.locale, decimal_quantization=False
        )

    def number(self, value: Decimal) -> str:
        """A number with all the decimals that it has."""
        return format_decimal(_plain(value), locale=self.locale, decimal_quantization=False)

    def percentage(self, value: Decimal) -> str:
        """A percentage such as 19 %, given as 19."""
        return f"{self.number(value)}\N{NO-BREAK SPACE}%"

    def day(self, at: datetime | date) -> str:
        """The customer's day of an instant."""
        on = local_date(at, self.time_zone) if isinstance(at, datetime) else at
        return format_date(on, format="long", locale=self.locale)

    def days(self, start: datetime, end: datetime) -> str:
        """The first and the last day of a half-open period."""
        first = local_date(start, self.time_zone)
        last = max(first, local_date(end, self.time_zone) - timedelta(days=1))
        if first == last:
            return format_date(first, format="medium", locale=self.locale)
        both = (format_date(day, format="medium", locale=self.locale) for day in (first, last))
        return f" {EN_DASH} ".join(both)


def _plain(value: Decimal) -> Decimal:
    """Without closing zeros, and never in exponent form."""
    return Decimal(exact_text(value))


def _locale(name: str) -> Locale:
    try:
        return Locale.parse(name.replace("-", "_"))
    except (ValueError, UnknownLocaleError, TypeError):
        return DEFAULT_LOCALE
