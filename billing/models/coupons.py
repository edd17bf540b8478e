"""Coupons, who redeemed them, and what they took off which invoice.

The database counts (migration `0013`): a redemption on its coupon, a use on its redemption; and it
refuses what is beyond their limits.
"""

from decimal import Decimal

from django.db import models

from billing.models.invoices import Invoice
from billing.models.money_fields import money_field
from subscriptions.models import Customer, Meter, Plan, Subscription
from tiktoktoe.kernel.clock import now


class Coupon(models.Model):
    """An amount or a percentage off, for some time, for who knows its code."""

    class Kind(models.TextChoices):
        AMOUNT = "amount"
        PERCENT = "percent"

    class Duration(models.TextChoices):
        ONCE = "once"
        REPEATING = "repeating"
        FOREVER = "forever"

    code = models.SlugField(max_length=32, unique=True, help_text="what customers type")
    name = models.CharField(max_length=100, help_text="as printed")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    currency = models.CharField(max_length=3, blank=True, help_text="of an amount")
    amount = models.DecimalField(max_digits=19, decimal_places=4, null=True, blank=True)
    percentage = models.DecimalField(max_digits=7, decimal_places=4, null=True, blank=True)
    monthly_cap = models.DecimalField(
        max_digits=19,
        decimal_places=4,
        null=True,
        blank=True,
        help_text="at most so much off all invoices that bill one month; in its currency",
    )
    duration = models.CharField(max_length=12, choices=Duration.choices)
    periods = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="of a repeating one: how many invoices"
    )
    max_redemptions = models.PositiveIntegerField(null=True, blank=True)
    max_per_customer = models.PositiveSmallIntegerField(default=1)
    expires_at = models.DateTimeField(
        null=True, blank=True, help_text="from then on nobody can redeem it"
    )
    archived_at = models.DateTimeField(null=True, blank=True)
    plans = models.ManyToManyField(Plan, blank=True, related_name="+")
    meters = models.ManyToManyField(Meter, blank=True, related_name="+")
    price_codes = models.JSONField(
        default=list, blank=True, help_text="of the prices that it comes off; empty: of all"
    )
    redeemed_count = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=now)

    objects = models.Manager["Coupon"]()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    kind="amount", amount__gt=0, percentage=None, currency__regex=r"^[A-Z]{3}$"
                )
                | models.Q(
                    kind="percent",
                    amount=None,
                    percentage__gt=0,
                    percentage__lte=Decimal(100),
                )
                & (
                    models.Q(monthly_cap=None, currency="")
                    | models.Q(monthly_cap__gt=0, currency__regex=r"^[A-Z]{3}$")
                ),
                name="coupon_is_an_amount_or_a_percentage",
            ),
            models.CheckConstraint(
                condition=models.Q(monthly_cap=None)
                | (models.Q(monthly_cap__gt=0) & ~models.Q(kind="amount", duration="once")),
                name="coupon_cap_is_of_what_goes_on",
            ),
            models.CheckConstraint(
                condition=models.Q(duration="repeating", periods__gte=1)
                | models.Q(duration__in=["once", "forever"], periods=None),
                name="coupon_repeats_so_often",
            ),
            models.CheckConstraint(
                condition=models.Q(max_redemptions=None)
                | models.Q(redeemed_count__lte=models.F("max_redemptions")),
                name="coupon_not_redeemed_too_often",
            ),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def worth(self) -> str:
        """What it gives, in words."""
        if self.kind == self.Kind.PERCENT:
            given = f"{self.percentage.normalize():f} %" if self.percentage else ""
        else:
            given = f"{self.amount.normalize():f} {self.currency}" if self.amount else ""
        if self.monthly_cap is None:
            return given
        return f"{given}, at most {self.monthly_cap.normalize():f} {self.currency} a month"


class CouponRedemption(models.Model):
    """That a customer has a coupon, for all its subscriptions or for one; and what is left."""

    class State(models.TextChoices):
        ACTIVE = "active"
        USED_UP = "used_up"
        WITHDRAWN = "withdrawn"

    coupon = models.ForeignKey(Coupon, on_delete=models.PROTECT, related_name="redemptions")
    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, related_name="coupon_redemptions"
    )
    subscription = models.ForeignKey(
        Subscription,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="coupon_redemptions",
    )
    number = models.PositiveSmallIntegerField(help_text="of this customer's of this coupon")
    state = models.CharField(max_length=12, choices=State.choices, default=State.ACTIVE)
    amount_left = models.DecimalField(
        max_digits=19, decimal_places=4, null=True, help_text="of an amount that is given once"
    )
    uses_left = models.IntegerField(null=True, help_text="empty: for ever, or until it is used up")
    actor = models.CharField(max_length=64)
    redeemed_at = models.DateTimeField()

    objects = models.Manager["CouponRedemption"]()

    class Meta:
        ordering = ["-redeemed_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["coupon", "customer", "number"], name="redemption_number_once"
            ),
            models.UniqueConstraint(
                fields=["coupon", "customer", "subscription"],
                condition=models.Q(state="active"),
                nulls_distinct=False,
                name="redemption_one_live",
            ),
            models.CheckConstraint(
                condition=(models.Q(amount_left=None) | models.Q(amount_left__gte=0))
                & (models.Q(uses_left=None) | models.Q(uses_left__gte=0)),
                name="redemption_has_not_less_than_nothing_left",
            ),
        ]
        indexes = [
            models.Index(
                fields=["customer"],
                condition=models.Q(state="active"),
                name="redemption_of_customer",
            )
        ]

    def __str__(self) -> str:
        return f"{self.coupon} of {self.customer}"


class CouponUse(models.Model):
    """What a redeemed coupon took off an invoice; `is_returned` once that is void."""

    redemption = models.ForeignKey(CouponRedemption, on_delete=models.PROTECT, related_name="uses")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="coupon_uses")
    currency = models.CharField(max_length=3)
    amount = money_field()
    counts = models.BooleanField(default=True, help_text="whether it uses up one of the times")
    month = models.DateField(
        null=True, help_text="of one with a cap: the first day of the month that is billed"
    )
    is_returned = models.BooleanField(default=False)

    objects = models.Manager["CouponUse"]()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["redemption", "invoice"],
                condition=models.Q(is_returned=False),
                name="coupon_used_once_per_invoice",
            ),
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="coupon_use_is_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} off {self.invoice}"
