"""What a plan version charges: prices, their variants and tiers, and what bills early."""

from decimal import Decimal

from django.db import models
from djmoney.models.fields import MoneyField

from subscriptions.models.catalog import Meter, PlanVersion
from subscriptions.models.money_fields import nothing

EVENT_PRICED = ("percentage",)
TIERED = ("graduated", "graduated_percentage", "volume", "stairstep")
# More events never make less of these meters; more units may cost less by these models.
GROWING = frozenset({"sum", "count", "max", "unique"})
FALLING = frozenset({"volume", "stairstep"})
USAGE_ONLY = ("percentage", "graduated_percentage", "dynamic")


def _rate_field(help_text: str = "") -> MoneyField:
    """An amount with the decimals that prices of very small things need."""
    return MoneyField(
        max_digits=22,
        decimal_places=10,
        currency_field_name="currency",
        default=nothing,
        default_currency="USD",
        help_text=help_text,
    )


def _limit_field(help_text: str) -> "models.DecimalField[Decimal | None, Decimal | None]":
    return models.DecimalField(
        max_digits=22, decimal_places=10, null=True, blank=True, help_text=help_text
    )


class Price(models.Model):
    """One charge of a plan version: a recurring or set-up fee, or a price for metered usage.

    A variant is a price for some of a usage price's events: those whose properties match.
    The first variant that matches counts, else the price that they are variants of.
    """

    class Kind(models.TextChoices):
        RECURRING = "recurring"
        USAGE = "usage"
        SETUP = "setup", "Set-up fee"

    class ChargeModel(models.TextChoices):
        FLAT = "flat"
        PER_UNIT = "per_unit"
        GRADUATED = "graduated"
        VOLUME = "volume"
        STAIRSTEP = "stairstep"
        PACKAGE = "package"
        PERCENTAGE = "percentage"
        GRADUATED_PERCENTAGE = "graduated_percentage"
        DYNAMIC = "dynamic", "Amount on the event"

    class Timing(models.TextChoices):
        ADVANCE = "advance"
        ARREARS = "arrears"

    plan_version = models.ForeignKey(PlanVersion, on_delete=models.PROTECT, related_name="prices")
    code = models.SlugField(max_length=64)
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    charge_model = models.CharField(max_length=24, choices=ChargeModel.choices)
    timing = models.CharField(max_length=16, choices=Timing.choices)
    meter = models.ForeignKey(
        Meter, on_delete=models.PROTECT, null=True, blank=True, related_name="prices"
    )
    variant_of = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="variants"
    )
    match = models.JSONField(
        null=True, blank=True, help_text='of a variant: {"region": ["eu", "uk"]}'
    )
    unit_amount = _rate_field(
        "per unit, per package, per event of a percentage, or the flat fee; tiers carry their own"
    )
    package_size = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True)
    percentage = models.DecimalField(max_digits=12, decimal_places=6, default=Decimal(0))
    included_units = models.DecimalField(max_digits=24, decimal_places=6, default=Decimal(0))
    included_events = models.PositiveIntegerField(default=0)
    event_minimum = _limit_field("what a percentage of one event comes to at least")
    event_maximum = _limit_field("what a percentage of one event comes to at most")
    minimum_amount = _rate_field("what a whole period of this price comes to at least")
    is_prorated = models.BooleanField(
        default=False, help_text="a level that is carried over counts by the days that it stood"
    )
    tax_category = models.SlugField(
        max_length=32,
        blank=True,
        help_text="which of a country's rates is charged; empty: standard",
    )
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
                | models.Q(kind="setup", meter__isnull=True, timing="advance")
                | models.Q(kind="usage", meter__isnull=False),
                name="price_of_usage_has_a_meter",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    unit_amount__gte=0,
                    percentage__gte=0,
                    included_units__gte=0,
                    minimum_amount__gte=0,
                ),
                name="price_is_not_negative",
            ),
            models.CheckConstraint(
                condition=~models.Q(charge_model="package")
                | models.Q(package_size__isnull=False, package_size__gt=0),
                name="price_of_a_package_has_a_size",
            ),
            models.CheckConstraint(
                condition=models.Q(charge_model__in=EVENT_PRICED)
                | models.Q(
                    percentage=0,
                    included_events=0,
                    event_minimum__isnull=True,
                    event_maximum__isnull=True,
                ),
                name="price_of_events_is_a_percentage",
            ),
            models.CheckConstraint(
                condition=models.Q(event_minimum__isnull=True)
                | models.Q(event_maximum__isnull=True)
                | models.Q(event_maximum__gte=models.F("event_minimum")),
                name="price_event_limits_are_in_order",
            ),
            models.CheckConstraint(
                condition=models.Q(kind="usage")
                | (
                    ~models.Q(charge_model__in=USAGE_ONLY)
                    & models.Q(is_prorated=False, minimum_amount=0, variant_of__isnull=True)
                ),
                name="price_of_a_fee_knows_no_usage",
            ),
            models.CheckConstraint(
                condition=models.Q(variant_of__isnull=True, match__isnull=True)
                | models.Q(variant_of__isnull=False, match__isnull=False, minimum_amount=0),
                name="price_variant_has_a_match",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.plan_version})"


class Tier(models.Model):
    """One step of a tiered price; `up_to` is null on the last one.

    With a `block_size`, `unit_amount` is the price of each started block of so many units;
    `percentage` is that of a graduated percentage.
    """

    price = models.ForeignKey(Price, on_delete=models.PROTECT, related_name="tiers")
    position = models.PositiveSmallIntegerField()
    up_to = models.DecimalField(max_digits=24, decimal_places=6, null=True, blank=True)
    unit_amount = _rate_field()
    flat_amount = _rate_field()
    percentage = models.DecimalField(max_digits=12, decimal_places=6, default=Decimal(0))
    block_size = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True)

    objects = models.Manager["Tier"]()

    class Meta:
        ordering = ["price", "position"]
        constraints = [
            models.UniqueConstraint(fields=["price", "position"], name="tier_position_once"),
            models.CheckConstraint(
                condition=models.Q(unit_amount__gte=0, flat_amount__gte=0, percentage__gte=0),
                name="tier_is_not_negative",
            ),
            models.CheckConstraint(
                condition=models.Q(block_size__isnull=True) | models.Q(block_size__gt=0),
                name="tier_block_is_not_empty",
            ),
        ]

    def __str__(self) -> str:
        return f"up to {self.up_to}" if self.up_to is not None else "and above"


class SpendingThreshold(models.Model):
    """Usage of so much in an open period is billed at once; repeating: each time as much again."""

    plan_version = models.ForeignKey(
        PlanVersion, on_delete=models.PROTECT, related_name="thresholds"
    )
    amount = _rate_field("usage of the open period, before tax")
    is_repeating = models.BooleanField(default=False)

    objects = models.Manager["SpendingThreshold"]()

    class Meta:
        ordering = ["plan_version", "is_repeating", "amount"]
        constraints = [
            models.UniqueConstraint(
                fields=["plan_version", "amount", "is_repeating"], name="threshold_once"
            ),
            models.UniqueConstraint(
                fields=["plan_version"],
                condition=models.Q(is_repeating=True),
                name="threshold_repeats_once",
            ),
            models.CheckConstraint(
                condition=models.Q(amount__gt=0), name="threshold_is_above_zero"
            ),
        ]

    def __str__(self) -> str:
        return f"{'every ' if self.is_repeating else ''}{self.amount}"
