"""How statements are sent to PostgreSQL: their values beside them, but for very many values."""

from typing import Any, Self

from psycopg import ClientCursor, Cursor

MOST_VALUES = 65_535  # the protocol counts the values of a statement in two bytes


class BindingCursor(Cursor[Any]):
    """A cursor for `cursor_factory`: statements of more values have them written into them.

    `__in` with the keys of a day's customers is such a statement, in the run of a large company.
    """

    def execute(self, query: Any, params: Any = None, **terms: Any) -> Self:
        """As psycopg's own."""
        if params is not None and len(params) > MOST_VALUES:
            query, params = ClientCursor(self.connection).mogrify(query, params), None
        return super().execute(query, params, **terms)
