"""What commands have in common that check a CSV file and take it in."""

from argparse import ArgumentParser
from collections.abc import Callable, Collection, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError

from subscriptions.management.commands.import_usage import pair
from subscriptions.services.moving_in.files import MovedIn
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import InvalidInput

ERRORS_SHOWN = 50


class FileCommand(BaseCommand):
    """A command for files of some kinds; nothing is written without --write."""

    kinds: ClassVar[type[StrEnum]]
    fields: ClassVar[Mapping[Any, Collection[str]]]
    take_in: ClassVar[Callable[..., MovedIn]]

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The file, and what its columns mean."""
        parser.add_argument("kind", choices=[kind.value for kind in self.kinds])
        parser.add_argument("file", type=Path)
        parser.add_argument("--map", type=pair, action="append", default=[], help="field=column")
        parser.add_argument("--write", action="store_true", help="else nothing is written")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Check, take in, and say what became of the lines."""
        kind = self.kinds(options["kind"])
        try:
            done = type(self).take_in(
                kind=kind,
                text=options["file"].read_text(encoding="utf-8"),
                mapping=dict(options["map"]),
                actor=Actor(source="command"),
                at=now(),
                is_dry_run=not options["write"],
            )
        except (InvalidInput, OSError, UnicodeDecodeError) as problem:
            fields = ", ".join(self.fields[kind])
            raise CommandError(f"{problem}\nFields of {kind}: {fields}") from None
        self._report(done)

    def _report(self, done: MovedIn) -> None:
        for error in done.errors[:ERRORS_SHOWN]:
            self.stdout.write(f"line {error.line}, {error.field or 'row'}: {error.message}")
        if done.errors:
            raise CommandError(f"{len(done.errors)} errors; nothing was written")
        for remark in done.remarks[:ERRORS_SHOWN]:
            self.stdout.write(f"line {remark.line}, {remark.field}: {remark.message}")
        for (name, _), amount in done.sums.items():
            self.stdout.write(f"{name}: {amount}")
        verb = "made" if done.is_written else "would be made (--write does it)"
        self.stdout.write(f"{done.made} {verb}, {done.known} are there already")
