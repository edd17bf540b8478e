"""Fewer model classes remade for each operation of a migration.

Django keeps a class for every model while it migrates. After an operation it remakes the changed
one, and every other that can be reached from it over relations: here some 25 for each of 500
operations, which is five sixths of what `migrate` costs on a fresh database. What they are remade
for is that they refer to the changed model; for SQL only its table and its keys matter. So where
those are as before, the changed model alone is remade, and the state is marked as delayed, which
is Django's own word for "remake them all before anybody may look": the signals after the last
migration see all models as ever. An operation that changes no field remakes none: its constraints
and indexes are written into the class that is there. For the Python code of a migration see
`models_asked_for.py`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache, wraps
from typing import Any

from django.apps import apps
from django.db.migrations.operations import RunPython
from django.db.migrations.state import AppConfigStub, ModelState, ProjectState, StateApps
from django.db.models import Field, Model

from tiktoktoe.web.management.models_asked_for import StateOfModelsAskedFor

ModelKey = tuple[str, str]


@contextmanager
def narrow_rendering() -> Iterator[None]:
    """Let states remake only what an operation changes, and copy what it may change cheaply."""
    with (
        _swapped_looked_up_once(),
        _instead(ProjectState, "_find_reload_model", _changed_alone),
        _instead(ProjectState, "_reload", _caches_emptied_once),
        _instead(ProjectState, "_append_option", _option_in_place),
        _instead(ProjectState, "_remove_option", _option_in_place),
        _instead(ProjectState, "_alter_option", _option_in_place),
        _instead(ModelState, "clone", _state_as_it_is),
        _instead(StateApps, "clone", _classes_as_they_are),
        _instead(RunPython, "database_forwards", _with_models_asked_for),
    ):
        yield


@contextmanager
def _instead(owner: type, name: str, way: Callable[..., Any]) -> Iterator[None]:
    """Let a method go another way, which is given Django's own as its first argument."""
    own = getattr(owner, name)

    @wraps(own)
    def method(*arguments: Any, **options: Any) -> Any:
        return way(own, *arguments, **options)

    setattr(owner, name, method)
    try:
        yield
    finally:
        setattr(owner, name, own)


def _changed_alone(
    every_related: Callable[..., set[ModelKey]],
    state: ProjectState,
    app_label: str,
    model_name: str,
    delay: bool = False,  # noqa: FBT001, FBT002
) -> set[ModelKey]:
    if not is_for_others_as_before(state, app_label, model_name):
        return every_related(state, app_label, model_name, delay)
    state.is_delayed = True
    return {(app_label, model_name)}


def _caches_emptied_once(
    reload: Callable[..., None], state: ProjectState, related: set[ModelKey]
) -> None:
    """Not after the old classes have gone and again after the new ones have come."""
    with state.apps.bulk_update():
        reload(state, related)


def _option_in_place(
    change: Callable[..., None], state: ProjectState, app: str, model: str, option: str, *rest: Any
) -> None:
    """Give a class its new list of constraints or indexes without making it anew.

    Whoever adds or removes one has it in hand and asks the class for its table alone.
    """
    made = vars(state).pop("apps", None)  # a state that has no classes remakes none
    change(state, app, model, option, *rest)
    if made is not None:
        vars(state)["apps"] = made
        setattr(made.get_model(app, model)._meta, option, state.models[app, model].options[option])


def _state_as_it_is(_: Callable[..., ModelState], state: ModelState) -> ModelState:
    """A copy of a model's state, whose fields were checked when it was made.

    Django copies the states of all models before each operation.
    """
    made = object.__new__(type(state))
    vars(made).update(vars(state))
    made.fields, made.options = dict(state.fields), dict(state.options)
    made.managers = list(state.managers)
    vars(made).pop("name_lower", None)  # whoever copies it may give it another name
    return made


def _classes_as_they_are(_: Callable[..., StateApps], known: StateApps) -> StateApps:
    """A copy of a state's registry, without a look at every class whether it is to be copied."""
    made = StateApps([], {})
    for label in known.app_configs:
        made.all_models[label].update(known.all_models[label])
        config = made.app_configs[label] = AppConfigStub(label)
        config.apps = made
        config.import_models()
    made.real_models = known.real_models
    return made


def _with_models_asked_for(
    run: Callable[..., None], operation: RunPython, app: str, editor: Any, *states: ProjectState
) -> None:
    before, after = states
    run(operation, app, editor, StateOfModelsAskedFor(before), after)


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
