"""Recount what happened to payments: every event's seal, every chain, every anchor."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.models import PaymentEvent
from billing.queries.event_anchors import broken_anchors, newest_anchor
from billing.queries.event_chain import broken_seals


class Command(BaseCommand):
    """Say whether the record holds; ends with 1 if it does not."""

    help = "Recount the seals and anchors of payment events; compare the newest with an e-mail."

    def handle(self, *args: Any, **options: Any) -> None:
        """Recount, and print the newest anchor."""
        del args, options
        seals, anchors = broken_seals(), broken_anchors()
        newest = newest_anchor()
        if newest is not None:
            later = PaymentEvent.objects.filter(pk__gt=newest.until_event).count()
            self.stdout.write(f"anchor {newest.number} of {newest.made_at:%Y-%m-%d %H:%M} UTC")
            self.stdout.write(f"seal {newest.seal}")
            self.stdout.write(f"{later} events are newer and not anchored yet")
        for seal in seals:
            self.stderr.write(f"event {seal.event_id} of payment {seal.payment_id}")
        for anchor in anchors:
            self.stderr.write(f"anchor {anchor.number}: {anchor.reason}")
        if seals or anchors:
            raise CommandError("the record of payments does not hold")
        self.stdout.write("every seal and anchor holds")
