"""Long lists in pages, in an order that does not change between two of them."""

from typing import Any, TypeVar

from django.core.paginator import Page, Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest

Row = TypeVar("Row", bound=Model)

PER_PAGE = 50
PARAMETER = "page"


def paginate(request: HttpRequest, rows: QuerySet[Row], *, per_page: int = PER_PAGE) -> "Page[Row]":
    """The page that `?page=` asks for: the first without it, the last when past the end.

    The primary key settles the order of rows that are otherwise equal, so that no row is
    shown twice or left out.
    """
    ordered = rows.order_by(*_complete_ordering(rows))
    return Paginator(ordered, per_page).get_page(request.GET.get(PARAMETER))


def _complete_ordering(rows: QuerySet[Row]) -> list[Any]:
    meta = rows.model._meta
    ordering: list[Any] = list(rows.query.order_by or meta.ordering or [])
    ends = {"pk", "-pk", meta.pk.name, f"-{meta.pk.name}"}
    if any(isinstance(name, str) and name in ends for name in ordering):
        return ordering
    first = ordering[0] if ordering else ""
    descending = isinstance(first, str) and first.startswith("-")
    return [*ordering, "-pk" if descending else "pk"]
