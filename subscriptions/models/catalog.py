"""What can be bought: products, plans, and immutable dated versions of their prices."""

from decimal import Decimal

from django.db import models
from djmoney.models.fields import MoneyField

from subscriptions.models.money_fields import nothing
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.periods import Interval, IntervalUnit

INTERVAL_CHOICES = [(unit.value, unit.name.replace("_", " ").title()) for unit in IntervalUnit]


class Product(models.Model):
    """What is sold; plans are ways of paying for it."""

    code = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    created_at = models.DateTimeField(default=now)

    objects = models.Manager["Product"]()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Meter(models.Model):
    """What usage is counted in."""

    class Aggregation(models.TextChoices):
        SUM = "sum"
        COUNT = "count"
        MAX = "max"

    code = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    unit = models.CharField(max_length=32, help_text="singular: token, request, GB")
    aggregation = models.CharField(
        max_length=16, choices=Aggregation.choices, default=Aggregation.SUM
    )
    created_at = models.DateTimeField(default=now)

    objects = models.Manager["Meter"]()

    class Meta:
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name


class Plan(models.Model):
    """A way of paying for a product; `rank` orders plans from small to large."""

    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="plans")
    code = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    interval = models.CharField(
        max_length=16, choices=INTERVAL_CHOICES, default=IntervalUnit.MONTH.value
    )
    interval_count = models.PositiveSmallIntegerField(default=1)
    trial_days = models.PositiveSmallIntegerField(default=0)
    rank = models.PositiveSmallIntegerField(default=0)
    is_public = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=now)

    objects = models.Manager["Plan"]()

    class Meta:
        ordering = ["product", "rank", "code"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(interval_count__gte=1), name="plan_interval_count_is_positive"
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def billing_interval(self) -> Interval:
        """The length of its billing periods."""
        return Interval(IntervalUnit(self.interval), self.interval_count)


class PlanVersionQuerySet(models.QuerySet["PlanVersion"]):
    """Named sets of plan versions."""

    def published(self) -> "PlanVersionQuerySet":
        """Those that can be subscribed to."""
        return self.filter(published_at__isnull=False)


class PlanVersion(models.Model):
    """The prices of a plan in one currency from a date on; frozen once published.

    The database refuses any change to a published version and its prices
    (migration `0002`): a new price is a new version.
    """

    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="versions")
    currency = models.CharField(max_length=3)
    number = models.PositiveIntegerField()
    effective_from = models.DateTimeField()
    published_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=now)

    objects = PlanVersionQuerySet.as_manager()

    class Meta:
        ordering = ["plan", "currency", "-number"]
        constraints = [
            models.UniqueConstraint(
                fields=["plan", "currency", "number"], name="plan_version_numbered_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.plan} v{self.number} {self.currency}"


class Price(models.Model):
    """One charge of a plan version: a recurring fee, or a price for metered usage."""

    class Kind(models.TextChoices):
        RECURRING = "recurring"
        USAGE = "usage"

    class ChargeModel(models.TextChoices):
        FLAT = "flat"
        PER_UNIT = "per_unit"
        GRADUATED = "graduated"
        VOLUME = "volume"
        PACKAGE = "package"

    class Timing(models.TextChoices):
        ADVANCE = "advance"
        ARREARS = "arrears"

    plan_version = models.ForeignKey(PlanVersion, on_delete=models.PROTECT, related_name="prices")
    code = models.SlugField(max_length=64)
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    charge_model = models.CharField(max_length=16, choices=ChargeModel.choices)
    timing = models.CharField(max_length=16, choices=Timing.choices)
    meter = models.ForeignKey(
        Meter, on_delete=models.PROTECT, null=True, blank=True, related_name="prices"
    )
    unit_amount = MoneyField(
        max_digits=22,
        decimal_places=10,
        currency_field_name="currency",
        default=nothing,
        default_currency="USD",
        help_text="per unit, per package, or the flat fee; tiers carry their own",
    )
    package_size = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True)
    included_units = models.DecimalField(max_digits=24, decimal_places=6, default=Decimal(0))
    position = models.PositiveSmallIntegerField(default=0)

    objects = models.Manager["Price"]()

    class Meta:
        ordering = ["plan_version", "position", "code"]
        constraints = [
            models.UniqueConstraint(
                fields=["plan_version", "code"], name="price_code_once_per_version"
            ),
            models.CheckConstraint(
                condition=models.Q(kind="recurring", meter__isnull=True)
                | models.Q(kind="usage", meter__isnull=False, timing="arrears"),
                name="price_of_usage_has_a_meter_and_is_in_arrears",
            ),
            models.CheckConstraint(
                condition=models.Q(unit_amount__gte=0), name="price_is_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.plan_version})"


class Tier(models.Model):
    """One step of a graduated or volume price; `up_to` is null on the last one."""

    price = models.ForeignKey(Price, on_delete=models.PROTECT, related_name="tiers")
    position = models.PositiveSmallIntegerField()
    up_to = models.DecimalField(max_digits=24, decimal_places=6, null=True, blank=True)
    unit_amount = MoneyField(
        max_digits=22,
        decimal_places=10,
        currency_field_name="currency",
        default=nothing,
        default_currency="USD",
    )
    flat_amount = MoneyField(
        max_digits=22,
        decimal_places=10,
        currency_field_name="currency",
        default=nothing,
        default_currency="USD",
    )

    objects = models.Manager["Tier"]()

    class Meta:
        ordering = ["price", "position"]
        constraints = [
            models.UniqueConstraint(fields=["price", "position"], name="tier_position_once"),
            models.CheckConstraint(
                condition=models.Q(unit_amount__gte=0, flat_amount__gte=0),
                name="tier_is_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"up to {self.up_to}" if self.up_to is not None else "and above"
