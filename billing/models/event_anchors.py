"""Seals over payments' events that whoever can write to the database cannot make."""

from django.db import models

from billing.domain.event_anchors import AnchorTerms


class EventAnchor(models.Model):
    """What the events up to one came to, sealed with the installation's secret; append-only."""

    number = models.PositiveIntegerField(unique=True)
    after_event = models.BigIntegerField()
    until_event = models.BigIntegerField()
    events = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    previous_seal = models.CharField(max_length=64, blank=True)
    seal = models.CharField(max_length=64)
    made_at = models.DateTimeField()

    objects = models.Manager["EventAnchor"]()

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(events__gt=0, until_event__gt=models.F("after_event")),
                name="event_anchor_seals_something",
            )
        ]

    def __str__(self) -> str:
        return f"anchor {self.number}"

    @property
    def terms(self) -> AnchorTerms:
        """What is sealed."""
        return AnchorTerms(
            number=self.number,
            after_event=self.after_event,
            until_event=self.until_event,
            events=self.events,
            digest=self.digest,
            previous_seal=self.previous_seal,
        )
