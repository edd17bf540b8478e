"""What Python code of a migration sees on a fresh database."""

from typing import Any

import pytest
from django.db import models
from django.db.migrations import operations
from django.db.migrations.state import ProjectState

from tiktoktoe.web.management.models_asked_for import StateOfModelsAskedFor


def state_of(
    *models_with_fields: tuple[str, dict[str, Any]],
) -> ProjectState:
    """A state with those models, of which no class is made."""
    state = ProjectState()
    for name, fields in models_with_fields:
        key = ("id", models.AutoField(primary_key=True, serialize=False))
        operations.CreateModel(name, [key, *fields.items()]).state_forwards("trade", state)
    return state


@pytest.fixture
def state() -> ProjectState:
    """Lines refer to orders, and orders to shops and to each other."""
    return state_of(
        ("Shop", {}),
        (
            "Order",
            {
                "shop": models.ForeignKey("trade.Shop", models.CASCADE),
                "follows": models.ForeignKey("self", models.CASCADE, null=True),
            },
        ),
        ("Line", {"order": models.ForeignKey("trade.Order", models.CASCADE)}),
    )


def test_a_model_knows_what_it_refers_to_whatever_was_asked_for_first(state: ProjectState) -> None:
    apps = StateOfModelsAskedFor(state).apps

    shop = apps.get_model("trade", "Shop")
    order = apps.get_model("trade", "Order")
    line = apps.get_model("trade.Line")

    assert apps.get_model("trade", "Shop") is shop
    assert order._meta.get_field("shop").related_model is shop
    assert order._meta.get_field("follows").related_model is order
    assert line._meta.get_field("order").related_model is order
    assert [relation.name for relation in shop._meta.related_objects] == ["order"]


def test_no_more_is_made_than_was_asked_for(state: ProjectState) -> None:
    apps = StateOfModelsAskedFor(state).apps

    order = apps.get_model("trade", "Order")

    assert [relation.related_model for relation in order._meta.related_objects] == [order]
    assert "apps" not in vars(state)


def test_whoever_asks_for_all_models_gets_them(state: ProjectState) -> None:
    apps = StateOfModelsAskedFor(state).apps

    assert {model.__name__ for model in apps.get_models()} == {"Shop", "Order", "Line"}


def test_tables_in_between_and_models_inherited_from_come_along() -> None:
    state = state_of(
        ("Shop", {}),
        ("Visit", {}),
        ("Guest", {"shops": models.ManyToManyField("trade.Shop", through="trade.Visit")}),
    )
    for name in ("shop", "guest"):
        field = models.ForeignKey(f"trade.{name}", models.CASCADE)
        operations.AddField("Visit", name, field).state_forwards("trade", state)
    operations.CreateModel("Regular", [], bases=("trade.guest",)).state_forwards("trade", state)

    regular = StateOfModelsAskedFor(state).apps.get_model("trade", "Regular")

    shops: Any = regular._meta.get_field("shops").remote_field
    assert (shops.model.__name__, shops.through.__name__) == ("Shop", "Visit")


def test_a_model_that_is_not_there_is_said_by_name(state: ProjectState) -> None:
    with pytest.raises(LookupError, match="till"):
        StateOfModelsAskedFor(state).apps.get_model("trade", "Till")
