"""What plans let a customer do: features, granted by plan versions, overridden per customer."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q

from subscriptions.domain.entitlements import FeatureKind
from subscriptions.models.catalog import Meter, PlanVersion
from subscriptions.models.customers import Customer
from tiktoktoe.kernel.clock import now

LIMIT = "above zero or zero; empty: without limit"


class Feature(models.Model):
    """One thing that a customer may or may not do, or may do so much of."""

    code = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    description = models.CharField(max_length=300, blank=True)
    kind = models.CharField(max_length=16, choices=[(k.value, k.name.title()) for k in FeatureKind])
    unit = models.CharField(max_length=32, blank=True, help_text="of a limit: project, seat")
    meter = models.ForeignKey(
        Meter, on_delete=models.PROTECT, null=True, blank=True, related_name="features"
    )
    created_at = models.DateTimeField(default=now)

    objects = models.Manager["Feature"]()

    class Meta:
        ordering = ["name", "code"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="metered", meter__isnull=False)
                | (Q(kind__in=["boolean", "limit"]) & Q(meter__isnull=True)),
                name="feature_has_a_meter_if_metered",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class FeatureGrant(models.Model):
    """A feature that a plan version brings; frozen with the version.

    `limit_units` is empty for a boolean feature (a trigger sees to it), and for one without
    limit. `is_per_unit` multiplies the limit by the subscription's quantity.
    """

    plan_version = models.ForeignKey(PlanVersion, on_delete=models.PROTECT, related_name="grants")
    feature = models.ForeignKey(Feature, on_delete=models.PROTECT, related_name="grants")
    limit_units = models.DecimalField(
        max_digits=24, decimal_places=6, null=True, blank=True, help_text=LIMIT
    )
    is_per_unit = models.BooleanField(default=False)

    objects = models.Manager["FeatureGrant"]()

    class Meta:
        ordering = ["plan_version", "feature"]
        constraints = [
            models.UniqueConstraint(
                fields=["plan_version", "feature"], name="feature_granted_once_per_version"
            ),
            models.CheckConstraint(
                condition=Q(limit_units__isnull=True) | Q(limit_units__gte=0),
                name="grant_limit_is_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.feature} in {self.plan_version}"


class FeatureOverrideQuerySet(models.QuerySet["FeatureOverride"]):
    """Named sets of overrides."""

    def in_force(self, at: datetime) -> "FeatureOverrideQuerySet":
        """Those that decide at an instant."""
        return self.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=at), starts_at__lte=at)


class FeatureOverride(models.Model):
    """What one customer gets of a feature for a time, whatever its plans say.

    No two of a customer and feature overlap, and only the end can change, to an earlier one:
    migration `features` has both in raw SQL.
    """

    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, related_name="feature_overrides"
    )
    feature = models.ForeignKey(Feature, on_delete=models.PROTECT, related_name="overrides")
    is_granted = models.BooleanField(default=True)
    limit_units = models.DecimalField(
        max_digits=24, decimal_places=6, null=True, blank=True, help_text=LIMIT
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=200)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True
    )
    source = models.CharField(max_length=32)
    created_at = models.DateTimeField(default=now)

    objects = FeatureOverrideQuerySet.as_manager()

    class Meta:
        ordering = ["-starts_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gte=models.F("starts_at")),
                name="override_ends_after_its_start",
            ),
            models.CheckConstraint(
                condition=Q(limit_units__isnull=True) | Q(limit_units__gte=0, is_granted=True),
                name="override_limit_is_of_a_grant",
            ),
        ]
        indexes = [
            models.Index(fields=["customer", "feature", "starts_at"], name="override_of_customer")
        ]

    def __str__(self) -> str:
        return f"{self.feature} for {self.customer}"
