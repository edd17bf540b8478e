"""Take in usage from a file: `manage.py import_usage FILE --source NAME --map FIELD=COLUMN …`."""

import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.management.base import BaseCommand, CommandError

from subscriptions.domain.columns import FIELDS, EventColumns
from subscriptions.models import EventSource
from subscriptions.services.usage_import import FileFormat, ImportSummary, import_usage
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import InvalidInput

BAR = 30
REASONS_SHOWN = 5


def pair(text: str) -> tuple[str, str]:
    """`field=column` as two words."""
    name, mark, value = text.partition("=")
    if not (name and mark and value):
        raise ArgumentTypeError(f"{text!r} is not like field=column")
    return name, value


def each_once(pairs: Sequence[tuple[str, str]], option: str) -> dict[str, str]:
    """Pairs by their first word, which none may share."""
    named = [name for name, _ in pairs]
    twice = next((name for name in named if named.count(name) > 1), None)
    if twice is not None:
        raise CommandError(f"{option} gives {twice!r} twice; keep one")
    return dict(pairs)


def time_zone(text: str) -> ZoneInfo:
    """The zone of a name such as Europe/Berlin."""
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError):
        raise ArgumentTypeError(f"{text!r} is no time zone") from None


class Command(BaseCommand):
    """Take in usage from a CSV or NDJSON file; doing it again adds nothing."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The file, and what its columns mean."""
        fields = ", ".join(FIELDS)
        parser.add_argument("file", type=Path)
        parser.add_argument("--source", required=True, help="the event source it counts as")
        parser.add_argument("--format", choices=[f.value for f in FileFormat], dest="file_format")
        parser.add_argument("--map", type=pair, action="append", default=[], help=fields)
        parser.add_argument("--set", type=pair, action="append", default=[], help="field=constant")
        parser.add_argument("--property", type=pair, action="append", default=[])
        parser.add_argument("--id-prefix", default="", help="alone, it goes before the row number")
        parser.add_argument("--time-zone", type=time_zone, help="of times written without one")
        parser.add_argument("--rejected", type=Path, help="where bad rows go")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Import, showing how far it is, and say what became of the rows."""
        path: Path = options["file"]
        rejected: Path = options["rejected"] or path.with_name(path.name + ".rejected.ndjson")
        source = EventSource.objects.filter(name=options["source"], revoked_at=None).first()
        if source is None:
            raise CommandError(
                f"no event source is called {options['source']!r}; "
                f"make it with: manage.py create_event_source {options['source']}"
            )
        if rejected.exists() and path.exists() and rejected.samefile(path):
            raise CommandError("bad rows would be written over the file itself; name another")
        try:
            summary = self._import(source, path, rejected, options)
        except (InvalidInput, OSError) as problem:
            raise CommandError(str(problem)) from None
        finally:
            if rejected.is_file() and rejected.stat().st_size == 0:
                rejected.unlink()
        self._report(summary, rejected)

    def _import(
        self, source: EventSource, path: Path, rejected: Path, options: dict[str, Any]
    ) -> ImportSummary:
        columns = EventColumns(
            columns=each_once(options["map"], "--map"),
            constants=each_once(options["set"], "--set"),
            properties=each_once(options["property"], "--property"),
            id_prefix=options["id_prefix"],
            time_zone=options["time_zone"],
        )
        is_csv = path.suffix.lower() in {".csv", ".txt"}
        guessed = FileFormat.CSV if is_csv else FileFormat.NDJSON
        with ExitStack() as stack:
            file = stack.enter_context(path.open("rb"))
            bad = stack.enter_context(rejected.open("w", encoding="utf-8"))
            size = max(path.stat().st_size, 1)
            return import_usage(
                source=source,
                file=file,
                file_format=FileFormat(options["file_format"] or guessed),
                columns=columns,
                at=now(),
                rejected=bad,
                on_progress=lambda rows: self._show(rows, file.tell() / size),
            )

    def _show(self, rows: int, share: float) -> None:
        """Draw the bar; only on a terminal, for a log needs none."""
        if sys.stderr.isatty():
            full = round(BAR * min(share, 1))
            bar = "█" * full + "░" * (BAR - full)
            self.stderr.write(f"\r{bar} {share:4.0%}  {rows:,} rows", ending="")

    def _report(self, summary: ImportSummary, rejected: Path) -> None:
        if sys.stderr.isatty():
            self.stderr.write("")
        self.stdout.write(
            f"{summary.rows:,} rows: {summary.accepted:,} accepted, "
            f"{summary.duplicates:,} duplicates, {summary.refused:,} rejected"
        )
        if not summary.refused:
            return
        for reason, count in summary.reasons.most_common(REASONS_SHOWN):
            self.stdout.write(f"  {count:,} times: {reason}")
        self.stdout.write(f"The rejected rows are in {rejected}")
