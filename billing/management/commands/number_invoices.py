"""Number invoices otherwise from now on."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.models import NumberingRule
from billing.services.invoices.numbering import set_numbering
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import InvalidInput


class Command(BaseCommand):
    """Let another numbering count from now on; every mode goes on without a gap."""

    help = "Number invoices one after the other, with the month, or by customer, from now on."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the mode, and a prefix if it is to be another."""
        parser.add_argument("mode", choices=NumberingRule.Mode.values)
        parser.add_argument("--prefix", default="", help="the one that counts by default")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and say what counts now."""
        del args
        try:
            rule = set_numbering(
                mode=NumberingRule.Mode(options["mode"]),
                prefix=options["prefix"],
                actor=Actor(source="command line"),
                at=now(),
            )
        except InvalidInput as refusal:
            raise CommandError(str(refusal)) from refusal
        label = NumberingRule.Mode(rule.mode).label
        self.stdout.write(f"from now on behind {rule.prefix}, as in {label}")
