"""Offers to customers who are about to leave, and what became of each."""

from django.db import models

from billing.models.coupons import Coupon
from subscriptions.models import Customer, Plan, Subscription
from tiktoktoe.kernel.clock import now


class RetentionOffer(models.Model):
    """A coupon or a pause that the portal offers to whoever cancels, for plans and reasons."""

    class Kind(models.TextChoices):
        COUPON = "coupon"
        PAUSE = "pause"

    name = models.CharField(max_length=100, unique=True, help_text="for the staff")
    text = models.CharField(max_length=300, help_text="what the customer reads")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    coupon = models.ForeignKey(
        Coupon, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    pause_months = models.PositiveSmallIntegerField(null=True, blank=True)
    plans = models.ManyToManyField(Plan, blank=True, related_name="+")
    reasons = models.JSONField(default=list, blank=True, help_text="empty: whatever the reason")
    priority = models.PositiveSmallIntegerField(default=10, help_text="the lowest comes first")
    created_at = models.DateTimeField(default=now)
    ended_at = models.DateTimeField(null=True, blank=True, help_text="from when it is not made")

    objects = models.Manager["RetentionOffer"]()

    class Meta:
        ordering = ["priority", "id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind="coupon", coupon__isnull=False, pause_months=None)
                | models.Q(kind="pause", coupon=None, pause_months__gte=1, pause_months__lte=12),
                name="retention_offer_is_a_coupon_or_a_pause",
            )
        ]

    def __str__(self) -> str:
        return self.name


class OfferMade(models.Model):
    """That an offer was made to a customer, once, and what they said."""

    class State(models.TextChoices):
        OPEN = "open"
        ACCEPTED = "accepted"
        DECLINED = "declined"

    offer = models.ForeignKey(RetentionOffer, on_delete=models.PROTECT, related_name="made")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="offers_made")
    subscription = models.ForeignKey(
        Subscription, on_delete=models.PROTECT, related_name="offers_made"
    )
    reason = models.CharField(max_length=32, help_text="why they wanted to leave")
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    made_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True, blank=True)

    objects = models.Manager["OfferMade"]()

    class Meta:
        ordering = ["-made_at", "-id"]
        verbose_name_plural = "offers made"
        constraints = [
            models.UniqueConstraint(
                fields=["offer", "customer"], name="retention_offer_made_once_to_a_customer"
            ),
            models.UniqueConstraint(
                fields=["customer"],
                condition=models.Q(state="accepted"),
                name="retention_offer_accepted_once_by_a_customer",
            ),
            models.CheckConstraint(
                condition=models.Q(state="open", answered_at=None)
                | (~models.Q(state="open") & models.Q(answered_at__isnull=False)),
                name="retention_offer_answered_when_it_was",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.offer} to {self.customer}"
