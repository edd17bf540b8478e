"""Pages of long lists."""

import pytest
from django.test import RequestFactory

from tests.factories.accounts import make_user
from tiktoktoe.accounts.models import User
from tiktoktoe.web.pagination import paginate

pytestmark = pytest.mark.django_db


def page_of(query: str, *ordering: str, per_page: int = 3) -> list[int]:
    request = RequestFactory().get(f"/{query}")
    return [
        user.pk for user in paginate(request, User.objects.order_by(*ordering), per_page=per_page)
    ]


def test_equal_rows_are_each_on_exactly_one_page() -> None:
    people = [make_user(first_name="Same").pk for _ in range(7)]

    seen = [pk for number in (1, 2, 3) for pk in page_of(f"?page={number}", "first_name")]

    assert seen == people


def test_a_falling_order_is_settled_by_the_falling_key() -> None:
    people = [make_user(first_name="Same").pk for _ in range(4)]

    assert page_of("", "-first_name", per_page=4) == people[::-1]


@pytest.mark.parametrize(
    ("query", "first"), [("", 0), ("?page=abc", 0), ("?page=99", 3), ("?page=-1", 3)]
)
def test_a_page_that_is_not_there_gives_one_that_is(query: str, first: int) -> None:
    people = [make_user().pk for _ in range(5)]

    assert page_of(query, "pk")[0] == people[first]
