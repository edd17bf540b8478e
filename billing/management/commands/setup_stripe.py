"""Register this installation's webhook endpoint with Stripe, or with the local sandbox."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.gateways.stripe_events import EVENTS
from billing.services.payments.stripe_setup import set_up_stripe
from tiktoktoe.kernel.errors import GatewayError


class Command(BaseCommand):
    """Set up the account's mirror and the webhook endpoint; run it as often as you like."""

    help = "Make Stripe's account known and register the webhook endpoint (idempotent)."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the address to register, when it is not BASE_URL."""
        parser.add_argument("--base-url", default=settings.BASE_URL)

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and say what was done."""
        del args
        try:
            account, endpoint = set_up_stripe(base_url=options["base_url"], events=EVENTS)
        except GatewayError as error:
            raise CommandError(f"Stripe could not be set up: {error}") from error
        what = "registered" if endpoint.is_new else "is registered already"
        self.stdout.write(f"account {account}: webhook endpoint {endpoint.url} {what}")
