"""Changes of plan, quantity or add-on, and pauses, asked for now for a day to come."""

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q

from subscriptions.domain.proration_policy import UnusedTime
from subscriptions.models import CustomerClock, PlanVersion, Subscription

if TYPE_CHECKING:
    from datetime import datetime


class DatedChangeQuerySet(models.QuerySet["DatedChange"]):
    """Named sets of them."""

    def scheduled(self) -> "DatedChangeQuerySet":
        """Those of which nothing became yet."""
        return self.filter(state="scheduled")

    def on_clock(self, clock: CustomerClock | None) -> "DatedChangeQuerySet":
        """Those of customers whose time a clock shows; None: of those without one."""
        return self.filter(subscription__customer__clock=clock)

    def ready(self, at: "datetime") -> "DatedChangeQuerySet":
        """Those whose day has come by an instant, and everything before it is billed and made.

        One of each subscription: on a day there is but one.
        """
        until = F("subscription__next_billing_at")
        billed = Q(subscription__next_billing_at=None) | Q(due_at__lte=until)
        before = DatedChange.objects.scheduled().filter(
            subscription=OuterRef("subscription"), due_at__lt=OuterRef("due_at")
        )
        return self.scheduled().filter(billed, ~Exists(before), due_at__lte=at, try_at__lte=at)


class DatedChange(models.Model):
    """That a subscription goes to another plan, quantity or add-on, or is paused, on a day.

    Each is done once: what does it is of the source `dated_change` and of the instant `due_at`
    (`plan_change_of_a_day_once`).
    """

    SOURCE = "dated_change"

    class Kind(models.TextChoices):
        PLAN = "plan"
        ADD_ON = "add_on", "Add-on"
        PAUSE = "pause"

    class State(models.TextChoices):
        SCHEDULED = "scheduled"
        APPLIED = "applied"
        REFUSED = "refused"
        WITHDRAWN = "withdrawn"

    subscription = models.ForeignKey(
        Subscription, on_delete=models.PROTECT, related_name="dated_changes"
    )
    kind = models.CharField(max_length=8, choices=Kind.choices)
    plan_version = models.ForeignKey(
        PlanVersion,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="of the plan, or of the add-on; empty: the prices that it is on then",
    )
    quantity = models.PositiveIntegerField(
        null=True, blank=True, help_text="of an add-on: 0 takes it off"
    )
    resume_on = models.DateField(null=True, blank=True, help_text="of a pause: until when")
    on = models.DateField(help_text="the local day with whose beginning it takes effect")
    due_at = models.DateTimeField(help_text="when that day begins")
    prorates = models.BooleanField(null=True, blank=True, help_text="empty: as the policy says")
    unused_time = models.CharField(
        max_length=16,
        choices=[(str(u), u.name.capitalize()) for u in UnusedTime],
        blank=True,
        help_text="empty: as the policy says",
    )
    state = models.CharField(max_length=12, choices=State.choices, default=State.SCHEDULED)
    why = models.CharField(max_length=300, blank=True, help_text="why it was not done")
    reason = models.CharField(max_length=200, blank=True)
    requested_at = models.DateTimeField()
    try_at = models.DateTimeField(help_text="not before")
    tries = models.PositiveSmallIntegerField(default=0)
    done_at = models.DateTimeField(null=True, blank=True)
    source = models.CharField(max_length=32, help_text="finance, portal, api, …")
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = DatedChangeQuerySet.as_manager()

    class Meta:
        ordering = ["subscription", "due_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["subscription", "on"],
                condition=Q(state="scheduled"),
                name="dated_change_one_a_day",
            ),
            models.CheckConstraint(
                condition=Q(kind="plan", quantity__isnull=False, quantity__gte=1, resume_on=None)
                | Q(
                    kind="add_on",
                    plan_version__isnull=False,
                    quantity__isnull=False,
                    quantity__gte=0,
                    resume_on=None,
                )
                | Q(kind="pause", quantity=None, plan_version=None, prorates=None),
                name="dated_change_is_of_its_kind",
            ),
            models.CheckConstraint(
                condition=Q(resume_on=None) | Q(resume_on__gt=F("on")),
                name="dated_change_resumes_later",
            ),
            models.CheckConstraint(
                condition=Q(due_at__gt=F("requested_at")), name="dated_change_is_to_come"
            ),
            models.CheckConstraint(
                condition=~Q(state="refused") | ~Q(why=""),
                name="dated_change_refused_for_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(state="scheduled", done_at=None)
                | (~Q(state="scheduled") & Q(done_at__isnull=False)),
                name="dated_change_is_done_some_day",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(state="scheduled"), name="dated_change_waiting"
            )
        ]

    def __str__(self) -> str:
        return f"{self.subscription} on {self.on}"
