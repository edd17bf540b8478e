"""Queries that are asked again and again, and whose SQL Django puts together only once.

To put a query together takes Django 0.5 to 8 ms, several times as long as PostgreSQL needs for a
row by its key. A standing query is written as ever, as a function that gives a QuerySet; what
differs from one asking to the next are its arguments, each a value that PostgreSQL is given.
Where one may be None by its annotation, it is put together once more for that.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from types import NoneType, UnionType
from typing import Any, Generic, ParamSpec, TypeVar, get_args, get_type_hints
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.models.sql.compiler import SQLCompiler
from django.db.transaction import TransactionManagementError  # noqa: TID251 - its error only

P = ParamSpec("P")
M = TypeVar("M", bound=models.Model)
R = TypeVar("R")

KNOWN: list["StandingQuery[..., Any, Any]"] = []  # all there are, for their test
_MARKS: dict[type, Callable[[int], Any]] = {
    datetime: lambda n: datetime(1901, 1, 1, tzinfo=UTC) + timedelta(days=n),
    date: lambda n: date(1901, 1, 1) + timedelta(days=n),
    UUID: lambda n: UUID(int=n),
    int: lambda n: 1_000_000 + n,
    str: lambda n: f"mark {n}",
    list[int]: lambda n: [1_000_000 + n],
    list[str]: lambda n: [f"mark {n}"],
    list[UUID]: lambda n: [UUID(int=n)],
}


@models.ForeignKey.register_lookup
@models.Field.register_lookup
class AnyOf(models.Lookup[Any]):
    """`field__any_of=[…]`: one of them, as `__in`, in the same SQL for any number."""

    lookup_name = "any_of"
    prepare_rhs = False

    def get_db_prep_lookup(self, value: Any, _connection: Any) -> Any:
        """The list as it is: an array of PostgreSQL."""
        return "%s", [value]

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        """`= ANY(array)`."""
        left, params = self.process_lhs(compiler, connection)
        right, more = self.process_rhs(compiler, connection)
        return f"{left} = ANY({right})", [*params, *more]


class _Kept:
    """What Django makes of a query: its SQL, and how rows become what was asked for."""

    def __init__(
        self, build: Callable[..., "models.QuerySet[Any, Any]"], unset: Collection[str] = ()
    ) -> None:
        """Put it together twice, with different marks, to see where each argument goes.

        Those of `unset` are None.

        Raises:
            TypeError: If an argument is more than a value: the SQL would differ by it.
        """
        one, other = marks_of(build, 1, unset), marks_of(build, 501, unset)
        self.rows = build(**one)
        self.compiler = self.rows.query.get_compiler(DEFAULT_DB_ALIAS)
        self.sql, self.params = self.compiler.as_sql()
        sql, params = build(**other).query.get_compiler(DEFAULT_DB_ALIAS).as_sql()
        if sql != self.sql:
            raise TypeError(f"{build.__qualname__}: the SQL differs by an argument's value")
        self.places = {
            place: _named((mine, its), one, other, build.__qualname__)
            for place, (mine, its) in enumerate(zip(self.params, params, strict=True))
            if mine != its
        }
        if unused := set(one) - set(self.places.values()) - set(unset):
            raise TypeError(f"{build.__qualname__}: {sorted(unused)} is in no place of the SQL")
        self.wraps = {place: type(self.params[place]) for place in self.places}
        self.converters = self.compiler.get_converters([part[0] for part in self.compiler.select])

    def compiled(self, values: dict[str, Any]) -> SQLCompiler:
        """As Django's own compiler, after it has put the query together for these values."""
        connection = connections[DEFAULT_DB_ALIAS]
        if self.rows.query.select_for_update and connection.get_autocommit():
            raise TransactionManagementError("rows can be locked only in a transaction")
        params = list(self.params)
        for place, name in self.places.items():
            value, wrap = values[name], self.wraps[place]
            params[place] = value if isinstance(value, wrap) else wrap(value)
        compiler = SQLCompiler(self.rows.query, connection, DEFAULT_DB_ALIAS)
        for name in ("select", "klass_info", "annotation_col_map", "col_count", "has_extra_select"):
            setattr(compiler, name, getattr(self.compiler, name))
        kept = {
            "as_sql": lambda: (self.sql, tuple(params)),
            "get_converters": lambda _expressions: self.converters,
        }
        compiler.__dict__.update(kept)
        return compiler


def marks_of(build: Callable[..., Any], first: int, unset: Collection[str] = ()) -> dict[str, Any]:
    """A value for each argument, by its annotation, that no query has of itself; None if unset."""
    return {
        name: None if name in unset else _MARKS[_kind(kind)](first + n)
        for n, (name, kind) in enumerate(_arguments(build).items())
    }


def may_be_none(build: Callable[..., Any]) -> frozenset[str]:
    """The arguments of which their annotation says so."""
    kinds = _arguments(build).items()
    return frozenset(name for name, kind in kinds if isinstance(kind, UnionType))


def _arguments(build: Callable[..., Any]) -> dict[str, Any]:
    kinds = get_type_hints(build)
    kinds.pop("return", None)
    return kinds


def _kind(kind: Any) -> Any:
    """What it is when it is not None."""
    if not isinstance(kind, UnionType):
        return kind
    (given,) = (one for one in get_args(kind) if one is not NoneType)
    return given


def _named(pair: tuple[Any, Any], one: dict[str, Any], other: dict[str, Any], where: str) -> str:
    for name, mine in one.items():
        if mine is not None and pair == (mine, other[name]):
            return name
    raise TypeError(f"{where}: the SQL is given what is made of an argument, not the argument")


class StandingQuery(Generic[P, M, R]):
    """A function that gives a QuerySet; ask for its rows by the same arguments, all by name."""

    def __init__(self, build: Callable[P, "models.QuerySet[M, R]"]) -> None:
        """Nothing is put together before the first asking."""
        self.build = build
        self._kept: dict[frozenset[str], _Kept] = {}
        KNOWN.append(self)

    @cached_property
    def may_be_none(self) -> frozenset[str]:
        """The arguments that need no value."""
        return may_be_none(self.build)

    def kept(self, values: dict[str, Any]) -> _Kept:
        """What Django has made of it for these values, as far as one of them is None.

        Raises:
            TypeError: If one is that always has a value.
        """
        unset = frozenset(name for name, value in values.items() if value is None)
        if unset not in self._kept:
            if unset - self.may_be_none:
                raise TypeError("a standing query has no place for None: in SQL nothing equals it")
            self._kept[unset] = _Kept(self.build, unset)
        return self._kept[unset]

    def sql(self, *_: P.args, **values: P.kwargs) -> tuple[str, Sequence[Any]]:
        """What PostgreSQL is asked."""
        return self.kept(values).compiled(values).as_sql()

    def rows(self, *_: P.args, **values: P.kwargs) -> list[R]:
        """All that it gives."""
        kept = self.kept(values)
        compiler = kept.compiled(values)
        rows = kept.rows.all()  # of which Django makes the rows, by what is kept
        rows.query.__dict__["get_compiler"] = lambda *_, **__: compiler
        return list(rows)

    def first(self, *_: P.args, **values: P.kwargs) -> R | None:
        """The first row, if there is any."""
        return next(iter(self.rows(**values)), None)  # type: ignore[call-arg]

    def get(self, *_: P.args, **values: P.kwargs) -> R:
        """The only row.

        Raises:
            DoesNotExist: The model's own, if there is none.
        """
        found = self.rows(**values)  # type: ignore[call-arg]
        model = self.kept(values).rows.model
        if not found:
            raise model.DoesNotExist(f"{model.__name__} matching query does not exist.")
        if len(found) > 1:
            raise model.MultipleObjectsReturned(f"{len(found)} rows, where there is to be one")
        return found[0]


def standing(build: Callable[P, "models.QuerySet[M, R]"]) -> StandingQuery[P, M, R]:
    """Make a function that gives a QuerySet a standing query; its arguments are annotated."""
    return StandingQuery(build)
