"""The models that a migration's Python code asks for, and no others.

Django makes a class of every model before such code may look: here some 150, for code that fills
one small table. Made are those that it asks for by name, with what they refer to, and what that
refers to; nobody who refers to them. So code that looks from an invoice to its lines must have
asked for the lines, else PostgreSQL or Django refuses. Only a fresh database is migrated so.
"""

from collections.abc import Iterator
from typing import Any

from django.db.migrations.state import ModelState, ProjectState, StateApps
from django.db.migrations.utils import resolve_relation
from django.db.models import Model
from django.db.models.utils import make_model_tuple

ModelKey = tuple[str, str]


class StateOfModelsAskedFor:
    """What a RunPython operation needs of the state from before it."""

    def __init__(self, state: ProjectState) -> None:
        """Nothing is made yet."""
        self.apps = ModelsAskedFor(state)

    def clear_delayed_apps_cache(self) -> None:
        """There is nothing stale here."""


class ModelsAskedFor:
    """What Python code of a migration knows as `apps`."""

    def __init__(self, state: ProjectState) -> None:
        """Nothing is made yet."""
        self._state = state
        self._made = StateApps([], {})

    def get_model(self, app_label: str, model_name: str | None = None) -> type[Model]:
        """A model by its name, made when it is first asked for."""
        app, name = make_model_tuple(f"{app_label}.{model_name}" if model_name else app_label)
        wanted = self._with_what_it_refers_to((app, name))
        self._made.render_multiple(wanted)
        return self._made.get_model(app, name)

    def __getattr__(self, name: str) -> Any:
        """Whoever asks for more than a model gets Django's own registry, with all of them."""
        self._state.clear_delayed_apps_cache()
        return getattr(self._state.apps, name)

    def _with_what_it_refers_to(self, key: ModelKey) -> list[ModelState]:
        """The states of models that are not made yet, from one along its fields and bases."""
        found: dict[ModelKey, ModelState] = {}
        waiting = [key]
        while waiting:
            key = waiting.pop()
            if key not in found and key[1] not in self._made.all_models[key[0]]:
                found[key] = self._state.models[key]
                waiting += _referred_to(found[key])
        return list(found.values())


def _referred_to(state: ModelState) -> Iterator[ModelKey]:
    here = state.app_label, state.name_lower
    for base in state.bases:
        if isinstance(base, str):
            yield resolve_relation(base, *here)
    for field in state.fields.values():
        if field.remote_field:
            yield resolve_relation(field.remote_field.model, *here)
            if through := getattr(field.remote_field, "through", None):
                yield resolve_relation(through, *here)
