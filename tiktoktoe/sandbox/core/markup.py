"""The frame of the customer's pages, and what they have in common."""

from dataclasses import dataclass
from decimal import Decimal
from html import escape

NO_DECIMALS = frozenset({"clp", "jpy", "krw", "vnd", "xaf", "xof"})
THREE_DECIMALS = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})


@dataclass(frozen=True)
class Choice:
    """A button of the page: what it is called, what happens, and the number that it sends."""

    name: str
    effect: str
    number: str


def closed_page(words: str) -> str:
    """A page on which nothing can be done any more."""
    return page(words, f'<h1>{escape(words)}</h1><p class="soft">You can close this page.</p>')


def page(title: str, body: str) -> str:
    """The frame of every page."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)} · Sandbox</title><link rel="icon" href="data:,">'
        '<link rel="stylesheet" href="/style.css"></head>'
        '<body><header class="notice">Sandbox: no real money moves</header>'
        f"<main>{body}</main></body></html>"
    )


def money(amount: int, currency: str) -> str:
    """An amount of minor units, for people."""
    places = 0 if currency in NO_DECIMALS else 3 if currency in THREE_DECIMALS else 2
    return f"{Decimal(amount).scaleb(-places):,.{places}f} {currency.upper()}"


def choices(title: str, choices: tuple[Choice, ...], action: str) -> str:
    buttons = "".join(
        f'<button name="number" value="{choice.number}"><span>{choice.name}</span>'
        f'<span class="soft">{_ending(choice.number)}{choice.effect}</span></button>'
        for choice in choices
    )
    return f'<form method="post" action="{action}" class="card"><h2>{title}</h2>{buttons}</form>'


def _ending(number: str) -> str:
    """The last digits of what has some."""
    return f"{number[-4:]}, " if number[-4:].isdecimal() else ""
