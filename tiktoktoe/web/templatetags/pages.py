"""Small parts of pages: badges, navigation, sparklines, charts, form tokens."""

import json
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any
from urllib.parse import urlencode

from django import template
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.middleware.csrf import get_token
from django.template import RequestContext
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html, json_script
from django.utils.safestring import SafeString

from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.web.menu import PORTAL_MENU, STAFF_MENU, MenuGroup, shown_menu
from tiktoktoe.web.plotly_files import map_style_id
from tiktoktoe.web.tones import label_of, tone_of

register = template.Library()

SPARK_WIDTH = 96
SPARK_HEIGHT = 28
SPARK_MARGIN = 2


@register.filter
def badge(state: object, label: str = "") -> SafeString:
    """A state in its colour: `{{ invoice.state|badge }}`, or with words of your own."""
    values = {"tone": tone_of(state), "label": label or label_of(state)}
    return SafeString(render_to_string("components/badge.html", values).strip())


@register.filter
def label(state: object) -> str:
    """A state in words: "past_due" is "Past due"."""
    return label_of(state)


@register.simple_tag(takes_context=True)
def staff_menu(context: RequestContext) -> list[MenuGroup]:
    """The staff pages that this person may open."""
    return _menu(context, STAFF_MENU)


@register.simple_tag(takes_context=True)
def portal_menu(context: RequestContext) -> list[MenuGroup]:
    """The customer's pages."""
    return _menu(context, PORTAL_MENU)


def _menu(context: RequestContext, menu: Sequence[MenuGroup]) -> list[MenuGroup]:
    request = context.request
    user = request.user if isinstance(request.user, User) else None
    return shown_menu(menu, user=user, path=request.path, current=str(context.get("nav", "")))


@register.simple_tag
def url_if_any(name: str, *args: object, **kwargs: object) -> str:
    """The address of a page, or nothing while there is no such page: `… as link`."""
    try:
        return reverse(name, args=args, kwargs=kwargs)
    except NoReverseMatch:
        return ""


@register.simple_tag
def address(name: str, **query: object) -> str:
    """The address of a page with a query: `{% address "cash" start=day as href %}`.

    Several values of a name are named several times; what is None is left out.
    """
    given = {key: value for key, value in query.items() if value is not None}
    return f"{reverse(name)}?{urlencode(given, doseq=True)}"


@register.simple_tag(takes_context=True)
def may(context: RequestContext, permission: str) -> bool:
    """Whether the viewer has a permission: `{% may "refund" as may_refund %}`."""
    user = context.request.user
    return isinstance(user, User) and user.may(Permission(permission))


@register.simple_tag(takes_context=True)
def form_token(context: RequestContext) -> SafeString:
    """The CSRF field of a form; works inside `include … only`, where csrf_token does not."""
    token = get_token(context.request)
    return format_html('<input type="hidden" name="csrfmiddlewaretoken" value="{}">', token)


@register.filter
def sparkline(values: Sequence[Decimal | int | Fraction | float]) -> str | SafeString:
    """A line of a few values as a drawing; the numbers themselves are told elsewhere."""
    numbers = [Fraction(value) for value in values]
    if len(numbers) < 2:
        return ""
    low, high = min(numbers), max(numbers)
    span = (high - low) or Fraction(1)
    step = Fraction(SPARK_WIDTH - 2 * SPARK_MARGIN, len(numbers) - 1)
    room = SPARK_HEIGHT - 2 * SPARK_MARGIN
    points = " ".join(
        f"{float(SPARK_MARGIN + i * step):.1f},"
        f"{float(SPARK_HEIGHT - SPARK_MARGIN - (number - low) / span * room):.1f}"
        for i, number in enumerate(numbers)
    )
    return format_html(
        '<svg class="sparkline" viewBox="0 0 {} {}" aria-hidden="true" focusable="false">'
        '<polyline points="{}"/></svg>',
        SPARK_WIDTH,
        SPARK_HEIGHT,
        points,
    )


@register.filter
def figure_script(figure: Any, element_id: str) -> SafeString:
    """A Plotly figure, or its dict, as JSON for static/js/chart.js."""
    if hasattr(figure, "to_json"):
        figure = json.loads(figure.to_json())
    return json_script(figure, element_id, encoder=DjangoJSONEncoder)


@register.filter
def percent_of(part: Decimal | int, whole: Decimal | int) -> int:
    """How full something is, 0 to 100, for a bar."""
    if not whole or whole < 0:
        return 100 if part else 0
    return int(min(max(Fraction(part) * 100 / Fraction(whole), Fraction(0)), Fraction(100)))


@register.simple_tag
def test_mode() -> bool:
    """Whether payments go to a test gateway."""
    return not settings.STRIPE_LIVE_MODE


@register.simple_tag
def plotly_map_style_id() -> str:
    """The id of the element without which Plotly adds an inline style."""
    return map_style_id()
