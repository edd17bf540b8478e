"""The icons of heroicons, each drawn once: a page has twenty, and nearly all pages the same."""

from functools import lru_cache

from django import template
from django.utils.safestring import SafeString
from heroicons.templatetags import heroicons

register = template.Library()


@register.simple_tag
def heroicon_micro(name: str, *, size: int = 16, **attributes: str) -> SafeString:
    """For a line of small text."""
    return _drawn("micro", name, size, tuple(attributes.items()))


@register.simple_tag
def heroicon_mini(name: str, *, size: int = 20, **attributes: str) -> SafeString:
    """For buttons and messages."""
    return _drawn("mini", name, size, tuple(attributes.items()))


@register.simple_tag
def heroicon_outline(name: str, *, size: int = 24, **attributes: str) -> SafeString:
    """For menus and empty places."""
    return _drawn("outline", name, size, tuple(attributes.items()))


@lru_cache(maxsize=512)
def _drawn(style: str, name: str, size: int, attributes: tuple[tuple[str, str], ...]) -> SafeString:
    tag = getattr(heroicons, f"heroicon_{style}")
    return SafeString(tag(name, size=size, **dict(attributes)))
