"""Fewer model classes remade for each operation of a migration.

Django keeps a class for every model while it migrates. After an operation it remakes the changed
one, and every other that can be reached from it over relations: here some 25 for each of 500
operations, which is five sixths of what `migrate` costs on a fresh database. What they are remade
for is that they refer to the changed model; for SQL only its table and its keys matter. So where
those are as before, the changed model alone is remade, and the state is marked as delayed, which
is Django's own word for "remake them all before Python code may look": a RunPython operation, and
the signals after the last migration, see all models as ever.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.migrations.state import ModelState, ProjectState
from django.db.models import Field, Model

ModelKey = tuple[str, str]


@contextmanager
def narrow_rendering() -> Iterator[None]:
    """Let states remake only the model that an operation changes, where that is enough."""
    every_related = ProjectState._find_reload_model  # type: ignore[attr-defined]  # noqa: SLF001

    def find(
        state: Any,
        app_label: str,
        model_name: str,
        delay: bool = False,  # noqa: FBT001, FBT002
    ) -> set[ModelKey]:
        if not is_for_others_as_before(state, app_label, model_name):
            found: set[ModelKey] = every_related(state, app_label, model_name, delay)
            return found
        state.is_delayed = True
        return {(app_label, model_name)}

    ProjectState._find_reload_model = find  # type: ignore[attr-defined]  # noqa: SLF001
    try:
        yield
    finally:
        ProjectState._find_reload_model = every_related  # type: ignore[attr-defined]  # noqa: SLF001


def is_for_others_as_before(state: ProjectState, app_label: str, model_name: str) -> bool:
    """Whether those who refer to a model find the table and the keys that they knew.

    So it is for a new model. A model that others inherit from is remade with them.
    """
    try:
        known = state.apps.get_model(app_label, model_name)
    except LookupError:
        return True
    wanted = state.models[app_label, model_name]
    return (
        not known.__subclasses__()
        and known._meta.original_attrs.get("db_table") == wanted.options.get("db_table")
        and _keys(known) == _keys_of_state(wanted)
    )


def _keys(model: type[Model]) -> dict[str, Any]:
    return {field.name: _terms(field) for field in model._meta.local_fields if field.unique}


def _keys_of_state(model: ModelState) -> dict[str, Any]:
    return {name: _terms(field) for name, field in model.fields.items() if field.unique}


def _terms(field: "Field[Any, Any]") -> tuple[Any, ...]:
    """What a field is, whatever model it is bound to."""
    return field.deconstruct()[1:]
