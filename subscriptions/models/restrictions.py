"""Service that is held back from a customer for a time, and why: somebody has not paid."""

from datetime import datetime

from django.db import models
from django.db.models import Q

from subscriptions.models.customers import Customer
from subscriptions.models.subscriptions import Subscription
from tiktoktoe.kernel.clock import now


class ServiceRestrictionQuerySet(models.QuerySet["ServiceRestriction"]):
    """Named sets of restrictions."""

    def in_force(self, at: datetime) -> "ServiceRestrictionQuerySet":
        """Those that hold at an instant."""
        return self.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=at), starts_at__lte=at)

    def of_subscription(self, subscription: Subscription) -> "ServiceRestrictionQuerySet":
        """Those of a subscription, or of everything that its customer has."""
        return self.filter(
            Q(subscription=subscription) | Q(subscription__isnull=True),
            customer_id=subscription.customer_id,
        )


class ServiceRestriction(models.Model):
    """From when on what a customer's subscription brings is held back; only its end is added.

    Without a subscription it counts for all of the customer's. `source` names what asked for
    it, such as a dunning run, and can hold each subscription back only once at a time.
    """

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="restrictions")
    subscription = models.ForeignKey(
        Subscription, on_delete=models.PROTECT, null=True, blank=True, related_name="restrictions"
    )
    blocks_service = models.BooleanField(default=True, help_text="entitlements say no")
    blocks_changes = models.BooleanField(default=False, help_text="plans cannot be changed")
    reason = models.CharField(max_length=200)
    source = models.CharField(max_length=64)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=now)

    objects = ServiceRestrictionQuerySet.as_manager()

    class Meta:
        ordering = ["-starts_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["source", "customer", "subscription"],
                condition=Q(ends_at__isnull=True),
                nulls_distinct=False,
                name="restriction_open_once_per_source",
            ),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gte=models.F("starts_at")),
                name="restriction_ends_after_its_start",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="restriction_has_a_reason"),
            models.CheckConstraint(
                condition=Q(blocks_service=True) | Q(blocks_changes=True),
                name="restriction_blocks_something",
            ),
        ]
        indexes = [
            models.Index(
                fields=["customer"],
                name="restriction_open",
                condition=Q(ends_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.customer}: {self.reason}"
