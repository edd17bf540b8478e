"""A world that many tests of a file begin with, arranged once.

Its rows are written in a transaction of their own, in which each test has a savepoint: what a test
does is undone at its end, and the world goes with the last test in a row that asked for it. So
tests that ask for no world, and transactional ones, never see it. Each test gets a copy of what
`arrange` gave, for services write into the objects that they are given.

    world = shared_world(arrange)  # a fixture of this file

A world at gateways, tests/gateway_scenes.py, is arranged once for each of them.

`undone` does the same inside one test, for each of many starts or examples.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import pytest
from django.db import connection, transaction
from pytest_django import DjangoDbBlocker

World = TypeVar("World")


@dataclass(frozen=True, slots=True)
class _Standing:
    arrange: Callable[..., Any]
    about: Any
    world: Any
    around: transaction.Atomic
    blocker: DjangoDbBlocker


_standing: list[_Standing] = []  # at most one


def shared_world(
    arrange: Callable[..., World], *, params: Sequence[str] = ()
) -> Callable[..., World]:
    """A fixture that gives what `arrange` makes in the database, to be used with that database.

    With `params` there is a world for each; `arrange` is given the request and one of them.
    """

    # Set up before the savepoint of the test, for it is of a wider scope; and anew for each test,
    # for no test of ours is in a class.
    def world(
        request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker: DjangoDbBlocker
    ) -> World:
        marker = request.node.get_closest_marker("django_db")
        assert marker, "needs the database, by the mark of the file or the test"
        assert not marker.kwargs.get("transaction"), "a world in a transaction: arrange it yourself"
        with django_db_blocker.unblock():
            about = getattr(request, "param", None)
            if not _standing or not _is_of(_standing[0], arrange, about):
                end_shared_world()
                made = partial(arrange, request, about) if params else arrange
                _begin(arrange, made, about, django_db_blocker)
        return deepcopy(_standing[0].world)  # type: ignore[no-any-return]

    world.arranges = arrange  # type: ignore[attr-defined]
    return pytest.fixture(scope="class", params=params or None)(world)


def _around() -> transaction.Atomic:
    """A transaction like that of a test: what must be durable may begin in it."""
    around = transaction.atomic()
    around._from_testcase = True  # type: ignore[attr-defined]
    return around


def _is_of(standing: _Standing, arrange: Callable[..., Any], about: Any) -> bool:
    return standing.arrange is arrange and standing.about == about


def _begin(
    arrange: Callable[..., Any], make: Callable[[], Any], about: Any, blocker: DjangoDbBlocker
) -> None:
    around = _around()
    around.__enter__()
    try:
        world = make()
        connection.check_constraints()  # once, not at the end of each test
    except BaseException:
        transaction.set_rollback(True)
        around.__exit__(None, None, None)
        raise
    _standing.append(_Standing(arrange, about, world, around, blocker))


def end_shared_world(next_item: pytest.Item | None = None, *, is_end: bool = False) -> None:
    """Undo the world that stands, unless the next test begins with it too.

    At the end of the session a live server may have closed the connection, and so undone it.
    """
    if not _standing or _asks_for(next_item, _standing[0]):
        return
    gone = _standing.pop()
    if is_end and not connection.in_atomic_block:
        return
    with gone.blocker.unblock():
        transaction.set_rollback(True)
        gone.around.__exit__(None, None, None)


def _asks_for(item: pytest.Item | None, standing: _Standing) -> bool:
    """Whether a test asks for just this world; by the functions of its fixtures."""
    found = getattr(item, "_fixtureinfo", None)
    given = found.name2fixturedefs if found else {}
    params = getattr(getattr(item, "callspec", None), "params", {})
    return any(
        getattr(d[-1].func, "arranges", None) is standing.arrange
        and params.get(name) == standing.about
        for name, d in given.items()
        if d
    )


@contextmanager
def undone() -> Iterator[None]:
    """Whatever is written in here is gone after it."""
    with _around():
        yield
        transaction.set_rollback(True)
