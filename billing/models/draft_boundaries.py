"""What a draft was drafted for, so that it can be worked out again until it is issued."""

from datetime import datetime

from django.db import models

from billing.models.invoices import Invoice
from subscriptions.models import PlanVersion, Subscription
from tiktoktoe.kernel.periods import BillingPeriods, Interval, IntervalUnit, Period

INTERVALS = [(unit.value, unit.value) for unit in IntervalUnit]


class DraftBoundary(models.Model):
    """A subscription at the boundary that a draft bills, as it was when that was drafted.

    Until the draft is issued, usage of the closed period still counts in that period.
    """

    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="boundaries")
    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    closed_from = models.DateTimeField(
        null=True, help_text="when the period began that closes; empty: none does"
    )
    coming_until = models.DateTimeField(
        null=True, help_text="when the period ends that comes; empty: none does"
    )
    is_last = models.BooleanField(help_text="the subscription stops there")
    closed_anchor_on = models.DateField()
    closed_interval = models.CharField(max_length=16, choices=INTERVALS)
    closed_interval_count = models.PositiveSmallIntegerField()
    anchor_on = models.DateField(help_text="of the period that comes")
    plan_version = models.ForeignKey(PlanVersion, on_delete=models.PROTECT, related_name="+")
    quantity = models.PositiveIntegerField()
    again_of = models.OneToOneField(
        "self",
        on_delete=models.PROTECT,
        null=True,
        related_name="again",
        help_text="the same boundary, on a draft that was discarded",
    )
    events_seen = models.BigIntegerField(
        default=-1, help_text="events of the closed period when it was last worked out; -1: unknown"
    )

    objects = models.Manager["DraftBoundary"]()

    class Meta:
        ordering = ["invoice", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["invoice", "subscription"], name="draft_boundary_once_per_subscription"
            ),
            models.CheckConstraint(
                condition=models.Q(closed_from=None) | models.Q(closed_from__lt=models.F("at")),
                name="draft_boundary_closes_what_began_before",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subscription} at {self.at:%Y-%m-%d}"

    @property
    def closed(self) -> Period | None:
        """The period whose usage is owed."""
        return Period(self.closed_from, self.at) if self.closed_from else None

    @property
    def closed_row(self) -> BillingPeriods:
        """The periods that the closed one is a part of."""
        interval = Interval(IntervalUnit(self.closed_interval), self.closed_interval_count)
        return BillingPeriods(self.closed_anchor_on, self.subscription.time_zone, interval)

    def coming_to(self, end: datetime | None) -> Period | None:
        """The period whose fee is due in advance, no further than to an instant."""
        if self.coming_until is None:
            return None
        return Period(self.at, min(self.coming_until, end or self.coming_until))
