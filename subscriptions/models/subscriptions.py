"""Who pays for which plan, since when, and in which state."""

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models

from subscriptions.domain.lifecycle import ENDED_STATES, LIVE_STATES
from subscriptions.domain.proration_policy import UnusedTime
from subscriptions.models.catalog import PlanVersion
from subscriptions.models.customer_clocks import CustomerClock
from subscriptions.models.customers import Customer
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.periods import Alignment, BillingPeriods, Period

if TYPE_CHECKING:
    from datetime import datetime


class SubscriptionQuerySet(models.QuerySet["Subscription"]):
    """Named sets of subscriptions."""

    def live(self) -> "SubscriptionQuerySet":
        """Those that have not ended."""
        return self.filter(state__in=LIVE_STATES)

    def matching(self, text: str) -> "SubscriptionQuerySet":
        """Those whose reference is a text, or whose customer or plan contains it."""
        if not text:
            return self
        return self.filter(
            models.Q(reference=text)
            | models.Q(customer__name__icontains=text)
            | models.Q(customer__email__icontains=text)
            | models.Q(plan_version__plan__name__icontains=text)
        )

    def on_clock(self, clock: CustomerClock | None) -> "SubscriptionQuerySet":
        """Those whose customers live by a test clock; without one, by ours."""
        return self.filter(customer__clock=clock)

    def due_for_billing(self, at: "datetime") -> "SubscriptionQuerySet":
        """Those whose current period has ended, or that ended and have a last bill to come."""
        return self.filter(next_billing_at__lte=at)


class Subscription(models.Model):
    """A customer's subscription to a plan version.

    Billing asks for `next_billing_at`: null means that nothing more is to be billed.
    The period boundaries are computed from `anchor_on` in the customer's time zone.
    """

    class State(models.TextChoices):
        INCOMPLETE = "incomplete"
        TRIALING = "trialing"
        ACTIVE = "active"
        PAST_DUE = "past_due"
        PAUSED = "paused"
        CANCELED = "canceled"
        EXPIRED = "expired"

    reference = models.CharField(max_length=32, unique=True)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="subscriptions")
    plan_version = models.ForeignKey(
        PlanVersion, on_delete=models.PROTECT, related_name="subscriptions"
    )
    quantity = models.PositiveIntegerField(default=1)
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=16, choices=State.choices)
    time_zone = models.CharField(max_length=64)
    alignment = models.CharField(
        max_length=16,
        choices=[(str(a), a.name.capitalize()) for a in Alignment],
        default=str(Alignment.ANNIVERSARY),
    )
    anchor_on = models.DateField(help_text="the local day every period boundary is counted from")
    started_at = models.DateTimeField()
    trial_ends_at = models.DateTimeField(null=True, blank=True)
    bills_trial_usage = models.BooleanField(
        default=False, help_text="of a trial: only the fee is free, and usage is billed in periods"
    )
    current_period_start = models.DateTimeField()
    current_period_end = models.DateTimeField()
    next_billing_at = models.DateTimeField(null=True, blank=True)
    cancel_at = models.DateTimeField(null=True, blank=True)
    cancel_unused_time = models.CharField(
        max_length=16,
        choices=[(str(u), u.name.capitalize()) for u in UnusedTime],
        blank=True,
        help_text="of a scheduled end: what happens to time billed in advance; empty: the policy",
    )
    pause_at = models.DateTimeField(
        null=True, blank=True, help_text="from when it is to be paused; not yet"
    )
    resume_at = models.DateTimeField(
        null=True, blank=True, help_text="until when it is paused, or is to be; empty: open"
    )
    paused_from = models.DateTimeField(
        null=True, blank=True, help_text="while paused: from when it is not billed"
    )
    ended_at = models.DateTimeField(null=True, blank=True)
    usage_from = models.DateTimeField(
        null=True,
        blank=True,
        help_text="from when usage is its own, if another one has billed its first day",
    )
    created_at = models.DateTimeField(default=now)

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        ordering = ["-started_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(current_period_end__gt=models.F("current_period_start")),
                name="subscription_period_is_not_empty",
            ),
            models.CheckConstraint(
                condition=models.Q(quantity__gte=1), name="subscription_quantity_is_positive"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=sorted(ENDED_STATES), ended_at__isnull=False)
                | (~models.Q(state__in=sorted(ENDED_STATES)) & models.Q(ended_at__isnull=True)),
                name="subscription_ended_has_an_end",
            ),
            models.CheckConstraint(
                condition=models.Q(state="paused", paused_from__isnull=False)
                | (~models.Q(state="paused") & models.Q(paused_from__isnull=True)),
                name="subscription_paused_has_a_start",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_billing_at", "id"],
                name="subscription_due",
                condition=models.Q(next_billing_at__isnull=False),
            ),
            models.Index(fields=["customer", "state"], name="subscription_of_customer"),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def billing_periods(self) -> BillingPeriods:
        """The endless row of its billing periods, counted from its anchor day."""
        return BillingPeriods(
            self.anchor_on, self.time_zone, self.plan_version.plan.billing_interval
        )

    @property
    def is_trialing(self) -> bool:
        """Whether its fee is free now."""
        return self.state == self.State.TRIALING

    @property
    def current_period(self) -> Period:
        """The period that it is in, or was in when it ended."""
        return Period(self.current_period_start, self.current_period_end)


class SubscriptionPhase(models.Model):
    """A stretch of time on one plan version with one quantity; what MRR is made of."""

    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="phases")
    plan_version = models.ForeignKey(PlanVersion, on_delete=models.PROTECT, related_name="+")
    quantity = models.PositiveIntegerField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)

    objects = models.Manager["SubscriptionPhase"]()

    class Meta:
        ordering = ["subscription", "starts_at"]
        constraints = [
            models.UniqueConstraint(fields=["subscription", "starts_at"], name="phase_starts_once"),
            models.UniqueConstraint(
                fields=["subscription"],
                condition=models.Q(ends_at__isnull=True),
                name="phase_open_once",
            ),
            models.CheckConstraint(
                condition=models.Q(ends_at__isnull=True)
                | models.Q(ends_at__gt=models.F("starts_at")),
                name="phase_is_not_empty",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subscription} from {self.starts_at:%Y-%m-%d}"


class SubscriptionTransition(models.Model):
    """One change of state: what, effective when, recorded when, by whom and why. Append-only."""

    subscription = models.ForeignKey(
        Subscription, on_delete=models.PROTECT, related_name="transitions"
    )
    from_state = models.CharField(max_length=16, blank=True)
    to_state = models.CharField(max_length=16)
    event = models.CharField(max_length=32, help_text="subscribed, activated, plan_changed, …")
    effective_at = models.DateTimeField()
    recorded_at = models.DateTimeField(default=now)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True
    )
    source = models.CharField(max_length=32, help_text="admin, finance, portal, api, schedule")
    reason = models.CharField(max_length=200, blank=True)
    details = models.JSONField(default=dict, blank=True)

    objects = models.Manager["SubscriptionTransition"]()

    class Meta:
        ordering = ["subscription", "effective_at", "id"]

    def __str__(self) -> str:
        return f"{self.subscription}: {self.event}"
