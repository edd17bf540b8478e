"""Let a system send usage: `manage.py create_event_source NAME`."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from subscriptions.services.event_sources import create_event_source
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import InvalidInput


class Command(BaseCommand):
    """Make an API key for a system that sends usage, and show it this once."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The system's name."""
        parser.add_argument("name", help="what the system is called, for example: gateway")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Print the key alone on standard output, so that a script can keep it."""
        try:
            made = create_event_source(name=options["name"], at=now())
        except InvalidInput as refusal:
            raise CommandError(str(refusal)) from None
        self.stderr.write(f"{made.source} may send usage. This key is shown once:")
        self.stdout.write(made.key)
