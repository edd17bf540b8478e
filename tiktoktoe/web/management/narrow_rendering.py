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
from functools import lru_cache
from typing import Any

from django.apps import apps
from django.db.migrations.operations import RunPython
from django.db.migrations.state import ModelState, ProjectState
from django.db.models import Field, Model

ModelKey = tuple[str, str]


@contextmanager
def narrow_rendering() -> Iterator[None]:
    """Let states remake only what an operation changes, and look up swapped models once."""
    with _changed_alone(), _kept_for_what_follows(), _swapped_looked_up_once():
        yield


@contextmanager
def _changed_alone() -> Iterator[None]:
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


@contextmanager
def _kept_for_what_follows() -> Iterator[None]:
    """Remake all models for Python code once, not again for the next that finds them unchanged.

    Django remakes them in the copy of the state from before the operation, and throws that away.
    The state after it is the same, for Python code changes none, and stays.
    """
    run = RunPython.database_forwards

    def run_and_keep(
        operation: RunPython, app_label: str, editor: Any, from_state: Any, to_state: Any
    ) -> None:
        del from_state
        to_state.clear_delayed_apps_cache()
        _ = to_state.apps  # remakes them
        to_state.is_delayed = False
        run(operation, app_label, editor, to_state, to_state)

    RunPython.database_forwards = run_and_keep  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        RunPython.database_forwards = run  # type: ignore[method-assign]


@contextmanager
def _swapped_looked_up_once() -> Iterator[None]:
    """Whether a model is swappable is asked for every key remade; the answers do not change."""
    look_up = lru_cache(maxsize=None)(apps.get_swappable_settings_name.__wrapped__)  # type: ignore[attr-defined]

    def known(to_string: str) -> Any:
        return look_up(apps, to_string)

    known.cache_clear = lambda: None  # type: ignore[attr-defined]
    apps.get_swappable_settings_name = known  # type: ignore[method-assign]
    try:
        yield
    finally:
        del apps.get_swappable_settings_name


def is_for_others_as_before(state: ProjectState, app_label: str, model_name: str) -> bool:
    """Whether those who refer to a model find the table and the keys that they knew.

    So it is for a new model, and for a new key: nobody refers to it yet. A model that others
    inherit from is remade with them.
    """
    try:
        known = state.apps.get_model(app_label, model_name)
    except LookupError:
        return True
    wanted = state.models[app_label, model_name]
    return (
        not known.__subclasses__()
        and known._meta.original_attrs.get("db_table") == wanted.options.get("db_table")
        and _keys(known).items() <= _keys_of_state(wanted).items()
    )


def _keys(model: type[Model]) -> dict[str, Any]:
    return {field.name: _terms(field) for field in model._meta.local_fields if field.unique}


def _keys_of_state(model: ModelState) -> dict[str, Any]:
    return {name: _terms(field) for name, field in model.fields.items() if field.unique}


def _terms(field: "Field[Any, Any]") -> tuple[Any, ...]:
    """What a field is, whatever model it is bound to."""
    return field.deconstruct()[1:]
