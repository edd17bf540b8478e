"""Subscriptions asked for now that start on a day to come, and what became of them."""

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q

from billing.models.runs import BillingFailure
from subscriptions.models import Customer, CustomerClock, PlanVersion, Subscription
from tiktoktoe.kernel.periods import Alignment

if TYPE_CHECKING:
    from datetime import datetime


class PlannedStartQuerySet(models.QuerySet["PlannedStart"]):
    """Named sets of them."""

    def waiting(self) -> "PlannedStartQuerySet":
        """Those of which nothing became yet."""
        return self.filter(state="waiting")

    def on_clock(self, clock: CustomerClock | None) -> "PlannedStartQuerySet":
        """Those of customers whose time a clock shows; None: of those without one."""
        return self.filter(customer__clock=clock)

    def ready(self, at: "datetime") -> "PlannedStartQuerySet":
        """Those whose day has come by an instant, and the customer's others are billed up to it.

        One that ends with that day has to end first. What is set aside is not waited for. Of a
        customer's it is the first alone: what was to start before, or was planned before for the
        same instant, has started or is refused.
        """
        failed = BillingFailure.objects.filter(
            subscription=OuterRef("pk"), released_at__isnull=True
        )
        unbilled = Subscription.objects.live().filter(
            ~Exists(failed),
            customer=OuterRef("customer"),
            next_billing_at__lte=OuterRef("due_at"),
        )
        sooner = Q(due_at__lt=OuterRef("due_at")) | Q(
            due_at=OuterRef("due_at"), pk__lt=OuterRef("pk")
        )
        before = PlannedStart.objects.waiting().filter(sooner, customer=OuterRef("customer"))
        return self.waiting().filter(
            ~Exists(unbilled), ~Exists(before), due_at__lte=at, try_at__lte=at
        )


class PlannedStart(models.Model):
    """That a customer is put on a plan on a day to come: no subscription before that day.

    Its reference is the one that the subscription is to have: that is there once.
    """

    SOURCE = "planned_start"

    class State(models.TextChoices):
        WAITING = "waiting"
        STARTED = "started"
        WITHDRAWN = "withdrawn"
        REFUSED = "refused"

    reference = models.CharField(
        max_length=32, unique=True, help_text="of the subscription to be; the idempotency key"
    )
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="planned_starts")
    plan_version = models.ForeignKey(PlanVersion, on_delete=models.PROTECT, related_name="+")
    quantity = models.PositiveIntegerField()
    trial_days = models.PositiveIntegerField(
        null=True, blank=True, help_text="empty: the plan's own"
    )
    alignment = models.CharField(
        max_length=16,
        choices=[(str(a), a.name.capitalize()) for a in Alignment],
        default=str(Alignment.ANNIVERSARY),
    )
    anchor_day = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="empty: as of the day"
    )
    coupon_code = models.CharField(max_length=32, blank=True, help_text="redeemed on the day")
    on = models.DateField(help_text="the customer's local day with whose beginning it starts")
    due_at = models.DateTimeField(help_text="when that day begins")
    state = models.CharField(max_length=12, choices=State.choices, default=State.WAITING)
    why = models.CharField(max_length=300, blank=True, help_text="why it did not start")
    subscription = models.OneToOneField(
        Subscription, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    requested_at = models.DateTimeField()
    try_at = models.DateTimeField(help_text="not before")
    tries = models.PositiveSmallIntegerField(default=0)
    done_at = models.DateTimeField(null=True, blank=True)
    source = models.CharField(max_length=32, help_text="finance, api, …")
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = PlannedStartQuerySet.as_manager()

    class Meta:
        ordering = ["customer", "due_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(quantity__gte=1), name="planned_start_of_one_or_more"
            ),
            models.CheckConstraint(
                condition=Q(due_at__gt=F("requested_at")), name="planned_start_is_to_come"
            ),
            models.CheckConstraint(
                condition=Q(state="started", subscription__isnull=False)
                | (~Q(state="started") & Q(subscription=None)),
                name="planned_start_has_what_started",
            ),
            models.CheckConstraint(
                condition=~Q(state="refused") | ~Q(why=""),
                name="planned_start_refused_for_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(state="waiting", done_at=None)
                | (~Q(state="waiting") & Q(done_at__isnull=False)),
                name="planned_start_is_done_some_day",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(state="waiting"), name="planned_start_waiting"
            )
        ]

    def __str__(self) -> str:
        return f"{self.reference} on {self.on}"


class PlannedAddOn(models.Model):
    """So many of an add-on that a planned start is to begin with."""

    start = models.ForeignKey(PlannedStart, on_delete=models.PROTECT, related_name="add_ons")
    plan_version = models.ForeignKey(PlanVersion, on_delete=models.PROTECT, related_name="+")
    quantity = models.PositiveIntegerField()

    objects = models.Manager["PlannedAddOn"]()

    class Meta:
        ordering = ["start", "id"]
        constraints = [
            models.UniqueConstraint(fields=["start", "plan_version"], name="planned_add_on_once"),
            models.CheckConstraint(
                condition=Q(quantity__gte=1), name="planned_add_on_of_one_or_more"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.plan_version}"


class PlannedStartEvent(models.Model):
    """What happened to a planned start: by whom, when, why, and for when.

    Append-only (migration `planned_start_events`), and each happens once.
    """

    class Kind(models.TextChoices):
        PLANNED = "planned"
        WITHDRAWN = "withdrawn", "Taken back"
        STARTED = "started"
        REFUSED = "refused", "Not started"

    start = models.ForeignKey(PlannedStart, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    at = models.DateTimeField()
    effective_at = models.DateTimeField(help_text="when its day begins")
    reason = models.CharField(max_length=300, blank=True)
    source = models.CharField(max_length=32, help_text="finance, portal, planned_start, …")
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = models.Manager["PlannedStartEvent"]()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["start", "kind"], name="planned_start_event_once"),
            models.UniqueConstraint(
                fields=["start"],
                condition=~Q(kind="planned"),
                name="planned_start_ends_in_one_way",
            ),
        ]
        indexes = [models.Index(fields=["at"], name="planned_start_event_at")]

    def __str__(self) -> str:
        return f"{self.start}: {self.kind}"
