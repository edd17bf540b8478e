"""Long lists, a page at a time."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest

Row = TypeVar("Row", bound=Model)
PAGE_SIZE = 50


@dataclass(frozen=True)
class ListPage(Generic[Row]):
    """A page of rows, with the addresses of its neighbours that keep the filters."""

    rows: list[Row]
    number: int
    page_count: int
    total_count: int
    first_index: int
    last_index: int
    previous_query: str
    next_query: str


def paginate(
    request: HttpRequest, rows: QuerySet[Row, Any], size: int = PAGE_SIZE
) -> ListPage[Row]:
    """The page that `?page=` asks for; a number out of range gives the nearest page."""
    page: Page[Row] = Paginator(rows, size).get_page(request.GET.get("page"))
    return ListPage(
        rows=list(page.object_list),
        number=page.number,
        page_count=page.paginator.num_pages,
        total_count=page.paginator.count,
        first_index=page.start_index(),
        last_index=page.end_index(),
        previous_query=_query(request, page.number - 1) if page.has_previous() else "",
        next_query=_query(request, page.number + 1) if page.has_next() else "",
    )


def _query(request: HttpRequest, number: int) -> str:
    kept = [(k, v) for k, values in request.GET.lists() if k != "page" for v in values]
    return urlencode([*kept, ("page", str(number))])
