"""Django's migrate, with two shortcuts on a fresh database.

dj-stripe's own history removes some 520 fields one by one, so its tables are made in one step;
of all other migrations every statement is run, and fewer classes are remade in between. A
database that has been migrated gets Django's own. See docs/decisions/0002-djstripe-tables.md.
"""

from contextlib import nullcontext
from typing import Any

from django.core.management import call_command
from django.core.management.commands.migrate import Command as DjangoMigrate
from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Model

from tiktoktoe.web.management.narrow_rendering import narrow_rendering

DJSTRIPE = "djstripe"
NEEDED_FIRST = ["contenttypes", "auth", "accounts"]
ORDINARY_OPTIONS = ["plan", "check_unapplied", "fake", "fake_initial", "app_label", "prune"]


class Command(DjangoMigrate):
    """Migrate; on a fresh database quickly."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the shortcut where it applies, the ordinary command, then grant the app's role."""
        is_ordinary = not any(options.get(name) for name in ORDINARY_OPTIONS)
        is_fresh = is_ordinary and not _is_migrated(options["database"])
        with narrow_rendering() if is_fresh else nullcontext():
            if is_ordinary:
                self._make_djstripe_tables(options["database"], options["verbosity"])
            super().handle(*args, **options)
        if is_ordinary:
            call_command("grant_app_role", verbosity=options["verbosity"])

    def _make_djstripe_tables(self, database: str, verbosity: int) -> None:
        connection = connections[database]
        executor = MigrationExecutor(connection)
        loader = executor.loader
        names = [name for app, name in loader.disk_migrations if app == DJSTRIPE]
        has_trace = any(app == DJSTRIPE for app, _ in loader.applied_migrations)
        models = _models_at_the_end(loader)
        tables = set(connection.introspection.table_names())
        if not names or has_trace or any(m._meta.db_table in tables for m in models):
            return
        executor.migrate([node for node in loader.graph.leaf_nodes() if node[0] in NEEDED_FIRST])
        with connection.schema_editor() as editor:
            for model in models:
                editor.create_model(model)
            recorder = MigrationRecorder(connection)
            recorder.ensure_schema()
            for name in sorted(names):
                recorder.record_applied(DJSTRIPE, name)
        if verbosity:
            self.stdout.write(f"  Made {len(models)} tables of dj-stripe in one step")


def _is_migrated(database: str) -> bool:
    """Whether a database has been migrated before, however far."""
    return bool(MigrationRecorder(connections[database]).applied_migrations())


def _models_at_the_end(loader: MigrationLoader) -> list[type[Model]]:
    """dj-stripe's models as its own history leaves them.

    Not the installed ones: in those, the tables of plain many-to-many fields have narrower keys.
    """
    last = [node for node in loader.graph.leaf_nodes() if node[0] == DJSTRIPE]
    models = loader.project_state(last).apps.get_models()
    own = [model for model in models if model._meta.app_label == DJSTRIPE]
    return [model for model in own if model._meta.managed and not model._meta.proxy]
