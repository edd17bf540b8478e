"""What can be bought: products, plans, and immutable dated versions of their prices."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from djmoney.models.fields import MoneyField

from subscriptions.models.issuers import Issuer
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
    """What usage is counted in; what it means stays once it is made (the database keeps it).

    A meter that is carried over has a level that goes on from period to period: seats that
    stay taken, gigabytes that stay stored.
    """

    class Aggregation(models.TextChoices):
        SUM = "sum"
        COUNT = "count"
        MAX = "max"
        UNIQUE = "unique"
        LATEST = "latest"
        WEIGHTED = "weighted", "Sum weighted by time"

    class Rounding(models.TextChoices):
        NONE = "none", "Not rounded"
        UP = "up"
        DOWN = "down"
        HALF = "half", "Half away from zero"

    code = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    unit = models.CharField(max_length=32, help_text="singular: token, request, GB")
    aggregation = models.CharField(
        max_length=16, choices=Aggregation.choices, default=Aggregation.SUM
    )
    is_carried_over = models.BooleanField(
        default=False, help_text="the level at the end of a period goes on in the next"
    )
    unique_property = models.CharField(
        max_length=64, blank=True, help_text="the property whose different values are counted"
    )
    amount_property = models.CharField(
        max_length=64, blank=True, help_text="the property with the amount of money of an event"
    )
    dimensions = ArrayField(
        models.CharField(max_length=64),
        default=list,
        blank=True,
        help_text="properties that prices may tell apart, such as model, region",
    )
    rounding = models.CharField(max_length=8, choices=Rounding.choices, default=Rounding.NONE)
    rounding_places = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(default=now)

    objects = models.Manager["Meter"]()

    class Meta:
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(aggregation="unique") ^ models.Q(unique_property=""),
                name="meter_of_unique_names_the_property",
            ),
            models.CheckConstraint(
                condition=models.Q(is_carried_over=False)
                | models.Q(aggregation__in=["sum", "unique", "latest", "weighted"]),
                name="meter_carried_over_has_a_level",
            ),
            models.CheckConstraint(
                condition=models.Q(rounding_places__lte=10), name="meter_rounds_to_ten_places"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_signed(self) -> bool:
        """Whether its events may take away: a level goes down as well as up."""
        is_sum = self.aggregation == self.Aggregation.SUM and self.is_carried_over
        return is_sum or self.aggregation == self.Aggregation.WEIGHTED


class Plan(models.Model):
    """A way of paying for a product; `rank` orders plans from small to large."""

    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="plans")
    code = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    offer = models.SlugField(
        max_length=64,
        blank=True,
        help_text="plans of one offer are the same, billed in other intervals: month and year",
    )
    interval = models.CharField(
        max_length=16, choices=INTERVAL_CHOICES, default=IntervalUnit.MONTH.value
    )
    interval_count = models.PositiveSmallIntegerField(default=1)
    trial_days = models.PositiveSmallIntegerField(default=0)
    rank = models.PositiveSmallIntegerField(default=0)
    issuer = models.ForeignKey(
        Issuer,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="plans",
        help_text="which company of ours sells; empty: that of the settings",
    )
    is_public = models.BooleanField(default=True)
    is_add_on = models.BooleanField(
        default=False,
        db_default=False,
        help_text="sold beside another plan, never alone; fixed once it has prices",
    )
    created_at = models.DateTimeField(default=now)

    objects = models.Manager["Plan"]()

    class Meta:
        ordering = ["product", "rank", "code"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(interval_count__gte=1), name="plan_interval_count_is_positive"
            ),
            models.UniqueConstraint(
                fields=["product", "offer", "interval", "interval_count"],
                condition=~models.Q(offer=""),
                name="plan_of_an_offer_once_per_interval",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def interval_words(self) -> str:
        """How often it is billed: every month, every 3 months."""
        unit = IntervalUnit(self.interval).name.lower().replace("_", " ")
        return (
            f"every {unit}" if self.interval_count == 1 else f"every {self.interval_count} {unit}s"
        )

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
    minimum_amount = MoneyField(
        max_digits=22,
        decimal_places=10,
        currency_field_name="currency",
        default=nothing,
        default_currency="USD",
        help_text="what a whole period comes to at least, before tax",
    )
    includes_tax = models.BooleanField(
        default=False, help_text="every amount contains the tax of whoever buys"
    )
    published_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=now)

    objects = PlanVersionQuerySet.as_manager()

    class Meta:
        ordering = ["plan", "currency", "-number"]
        constraints = [
            models.UniqueConstraint(
                fields=["plan", "currency", "number"], name="plan_version_numbered_once"
            ),
            models.CheckConstraint(
                condition=models.Q(minimum_amount__gte=0), name="plan_minimum_is_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.plan} v{self.number} {self.currency}"
