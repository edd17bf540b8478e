"""Play timelines through the real services, in a space that vanishes, and print what comes out."""

import logging
import sys
from argparse import ArgumentParser
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tiktoktoe.kernel.errors import Conflict, InvalidInput
from tiktoktoe.simulator.playing import Played, play
from tiktoktoe.simulator.printing import as_json, as_table, replayed_as_json, replayed_as_table
from tiktoktoe.simulator.replaying import Question, replay
from tiktoktoe.simulator.scenario.timeline import Scenario, read_scenarios
from tiktoktoe.simulator.scratch import scratch_space

DIFFERENT = 1


class Command(BaseCommand):
    """`manage.py simulate FILE…`"""

    help = "What would be billed: play a timeline (docs/simulate.md) and print every document."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The files, and how to print."""
        parser.add_argument("files", nargs="*", metavar="FILE", help="YAML, or - for the input")
        parser.add_argument("--format", choices=["table", "json"], default="table")

        real = parser.add_argument_group("a real customer's recorded usage, under another plan")
        real.add_argument("--customer", metavar="ID", help="its external id")
        real.add_argument("--plan", metavar="CODE")
        real.add_argument("--from", dest="from_day", type=date.fromisoformat, metavar="DAY")
        real.add_argument("--to", dest="to_day", type=date.fromisoformat, metavar="DAY")
        real.add_argument("--policy", default="", help="own, lago, killbill or stripe")
        real.add_argument("--quantity", type=int, default=1)
        real.add_argument("--alignment", choices=["anniversary", "calendar"], default="anniversary")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Play each scenario in a space of its own; exits with 1 if one is not as expected."""
        logging.disable(logging.INFO)  # of what happens, the documents are told
        try:
            if options["customer"]:
                self._replay(options)
                return
            if not options["files"]:
                raise CommandError("name a file, or --customer with --plan, --from and --to")
            played = [
                self._play(scenario, name) for name in options["files"] for scenario in _read(name)
            ]
        finally:
            logging.disable(logging.NOTSET)
        show = as_json if options["format"] == "json" else as_table
        self.stdout.write(show(played))
        if any(one.differences for one in played):
            sys.exit(DIFFERENT)

    def _replay(self, options: dict[str, Any]) -> None:
        names = [field.name for field in fields(Question)]
        given = {name: options[name] for name in names}
        missing = [name for name, value in given.items() if value is None]
        if missing:
            flags = ", ".join(f"--{name.removesuffix('_day')}" for name in missing)
            raise CommandError(f"--customer needs {flags} too")
        try:
            answer = replay(Question(**given))
        except (InvalidInput, Conflict) as problem:
            raise CommandError(str(problem)) from None
        show = replayed_as_json if options["format"] == "json" else replayed_as_table
        self.stdout.write(show(answer))

    def _play(self, scenario: Scenario, name: str) -> Played:
        try:
            with scratch_space():
                return play(scenario)
        except InvalidInput as problem:
            raise CommandError(f"{name}: {problem}") from None


def _read(name: str) -> list[Scenario]:
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
        return read_scenarios(text)
    except OSError as problem:
        raise CommandError(f"{name}: {problem.strerror}") from None
    except UnicodeDecodeError:
        raise CommandError(f"{name}: is not UTF-8 text") from None
    except InvalidInput as problem:
        raise CommandError(f"{name}:\n{problem}") from None
