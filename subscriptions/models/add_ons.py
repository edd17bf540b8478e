"""What is sold beside a plan: which add-on a subscription has, how many, and when."""

from datetime import datetime

from django.db import models
from django.db.models import F, Q

from subscriptions.models.catalog import Plan, PlanVersion
from subscriptions.models.subscriptions import Subscription
from tiktoktoe.kernel.clock import now


class SubscriptionAddOnQuerySet(models.QuerySet["SubscriptionAddOn"]):
    """Named sets of add-ons."""

    def at(self, at: datetime) -> "SubscriptionAddOnQuerySet":
        """Those that are there at an instant."""
        return self.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=at), starts_at__lte=at)


class SubscriptionAddOn(models.Model):
    """A stretch of time in which a subscription has so many of an add-on, at one version's prices.

    An end to come is a removal, or a change of quantity, with the next period. No two of a
    subscription and add-on overlap: migration `add_ons` has that, and what may be added to what,
    in raw SQL.
    """

    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="add_ons")
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="+")
    plan_version = models.ForeignKey(PlanVersion, on_delete=models.PROTECT, related_name="+")
    quantity = models.PositiveIntegerField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    owes_setup = models.BooleanField(
        default=False, help_text="its set-up fee is billed with the bill that follows its start"
    )
    usage_from = models.DateTimeField(
        null=True,
        blank=True,
        help_text="if later than its start: the first day whose usage is not billed yet",
    )
    created_at = models.DateTimeField(default=now)

    objects = SubscriptionAddOnQuerySet.as_manager()

    class Meta:
        ordering = ["subscription", "plan", "starts_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=F("starts_at")),
                name="add_on_is_not_empty",
            ),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="add_on_is_at_least_one"),
        ]
        indexes = [models.Index(fields=["subscription", "starts_at"], name="add_on_of_time")]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.plan_version}"
