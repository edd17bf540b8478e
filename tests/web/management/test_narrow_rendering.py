"""Migrating a fresh database quickly: the very tables that Django's own way makes."""

import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, models
from django.db.migrations import operations
from django.db.migrations.state import ProjectState

from tests.web.management.scratch import NAME_HASH, dump, manage, python, scratch_database
from tiktoktoe.web.management.narrow_rendering import narrow_rendering

OUR_APPS = ("accounts", "subscriptions", "billing", "finance", "analytics")
WIDE = """
import contextlib
import django
django.setup()
from django.core.management import call_command
from tiktoktoe.web.management.commands import migrate
migrate.narrow_rendering = contextlib.nullcontext
call_command("migrate", verbosity=0, interactive=False)
"""
is_long = pytest.mark.skipif(
    not os.environ.get("SLOW_TESTS"), reason="migrates in Django's way; set SLOW_TESTS=1"
)


@pytest.fixture
def state() -> Iterator[ProjectState]:
    """A shop with orders, rendered, whose classes are remade narrowly."""
    state = ProjectState()
    key = models.CharField(max_length=10, unique=True)
    refers = models.ForeignKey("trade.Shop", models.CASCADE, to_field="code")
    for name, field in (("Shop", ("code", key)), ("Order", ("shop", refers))):
        number = models.AutoField(primary_key=True, serialize=False)
        operations.CreateModel(name, [("id", number), field]).state_forwards("trade", state)
    _ = state.apps  # renders
    with narrow_rendering():
        yield state


def remade(state: ProjectState, operation: Any) -> set[str]:
    """The models whose classes an operation on the shop has made anew."""
    before = {model.__name__: model for model in state.apps.get_models()}
    operation.state_forwards("trade", state)
    after = {model.__name__: model for model in state.apps.get_models()}
    return {name for name, model in after.items() if before.get(name) is not model}


@pytest.mark.parametrize("is_key", [False, True])
def test_a_new_field_remakes_only_its_model(state: ProjectState, is_key: bool) -> None:
    field = models.CharField(max_length=10, default="", unique=is_key)

    assert remade(state, operations.AddField("Shop", "name", field)) == {"Shop"}
    assert state.apps.get_model("trade", "Shop")._meta.get_field("name")


@pytest.mark.parametrize(
    "operation",
    [
        operations.AlterField("Shop", "code", models.CharField(max_length=20, unique=True)),
        operations.AlterField("Shop", "id", models.BigAutoField(primary_key=True)),
        operations.RemoveField("Shop", "code"),
        operations.AlterModelTable("Shop", "shops"),
    ],
    ids=["key", "primary key", "key gone", "table"],
)
def test_whoever_refers_to_a_changed_key_or_table_is_remade_too(
    state: ProjectState, operation: Any
) -> None:
    assert remade(state, operation) == {"Shop", "Order"}


def test_python_code_of_a_migration_sees_every_model_remade(state: ProjectState) -> None:
    operations.AddField("Shop", "name", models.TextField(default="")).state_forwards("trade", state)

    state.clear_delayed_apps_cache()

    shop, order = (state.apps.get_model("trade", name) for name in ("Shop", "Order"))
    assert order._meta.get_field("shop").related_model is shop


@pytest.mark.parametrize("option", ["index", "constraint"])
def test_a_new_index_or_constraint_remakes_nothing_and_is_known(
    state: ProjectState, option: str
) -> None:
    index = models.Index(fields=["code"], name="by_code")
    constraint = models.UniqueConstraint(fields=["code"], name="by_code")
    add, remove = {
        "index": (operations.AddIndex("Shop", index), operations.RemoveIndex("Shop", "by_code")),
        "constraint": (
            operations.AddConstraint("Shop", constraint),
            operations.RemoveConstraint("Shop", "by_code"),
        ),
    }[option]

    def names() -> list[str]:
        meta = state.apps.get_model("trade", "Shop")._meta
        return [found.name for found in (*meta.indexes, *meta.constraints)]

    assert remade(state, add) == set()
    assert names() == ["by_code"]
    assert remade(state, remove) == set()
    assert names() == []


def test_a_copy_of_a_state_is_changed_alone(state: ProjectState) -> None:
    copied = state.clone()
    operations.AddField("Shop", "name", models.TextField()).state_forwards("trade", copied)
    operations.RenameModel("Order", "Sale").state_forwards("trade", copied)

    assert set(state.models["trade", "shop"].fields) == {"id", "code"}
    assert set(state.models) == {("trade", "shop"), ("trade", "order")}
    assert set(copied.models) == {("trade", "shop"), ("trade", "sale")}
    assert copied.models["trade", "sale"].name_lower == "sale"


def test_python_code_of_a_migration_sees_the_models_from_before_it(state: ProjectState) -> None:
    seen: list[set[str]] = []

    def look(apps: Any, _editor: Any) -> None:
        seen.append({field.name for field in apps.get_model("trade", "Shop")._meta.get_fields()})

    for name in ("name", "place"):
        operations.RunPython(look).database_forwards(
            "trade", connection.schema_editor(), state.clone(), state
        )
        field = models.TextField(default="")
        operations.AddField("Shop", name, field).state_forwards("trade", state)

    assert seen == [{"id", "code"}, {"id", "code", "name"}]


def test_whether_a_model_is_swappable_is_looked_up_as_ever_afterwards() -> None:
    with narrow_rendering():
        assert apps.get_swappable_settings_name("accounts.User") == "AUTH_USER_MODEL"
        assert apps.get_swappable_settings_name("billing.Invoice") is None

    assert "get_swappable_settings_name" not in vars(apps)


@pytest.mark.django_db
def test_the_migrated_tables_have_all_that_the_models_say() -> None:
    own = [model for label in OUR_APPS for model in apps.get_app_config(label).get_models()]
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA twin")
        cursor.execute("SET LOCAL search_path = twin, public")
    with connection.schema_editor() as editor:
        for model in own:
            if model._meta.managed:
                editor.create_model(model)

    said, found = what_is_in("twin"), what_is_in("public")

    assert len(said) > 1000
    assert said - found == set()


def what_is_in(schema: str) -> set[tuple[str, ...]]:
    """Columns, constraints and indexes of the tables in a schema, without hashes in names."""
    tables = (
        "SELECT oid FROM pg_class WHERE relnamespace = %s::regnamespace AND relkind IN ('r', 'p')"
    )
    questions = (
        f"""SELECT attrelid::regclass::text, attname, format_type(atttypid, atttypmod),
            attnotnull::text, attidentity::text, attcollation::regcollation::text,
            coalesce(pg_get_expr(adbin, adrelid), '')
            FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
            WHERE attnum > 0 AND NOT attisdropped AND attrelid IN ({tables})""",
        f"""SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
            FROM pg_constraint WHERE contype <> 'n' AND conrelid IN ({tables})""",
        f"""SELECT indrelid::regclass::text, pg_get_indexdef(indexrelid)
            FROM pg_index WHERE indrelid IN ({tables})""",
    )
    with connection.cursor() as cursor:
        found = []
        for question in questions:
            cursor.execute(question, [schema])
            found += cursor.fetchall()
    place = re.compile(rf"\b{schema}\.")
    return {tuple(NAME_HASH.sub("_#", place.sub("", value)) for value in row) for row in found}


@is_long
@pytest.mark.django_db
def test_a_fresh_database_is_the_same_to_the_letter_as_in_djangos_way() -> None:
    with scratch_database() as quick, scratch_database() as wide:
        manage(quick, "migrate", "-v0")
        python(wide, "-c", WIDE)

        assert len(dump(quick)) > 10_000
        assert dump(quick) == dump(wide)
