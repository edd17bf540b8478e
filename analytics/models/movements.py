"""The movement ledger: each change of recurring revenue once, and the sums of each day."""

from django.db import models
from djmoney.models.fields import MoneyField

from subscriptions.models import Customer, Subscription, SubscriptionTransition
from tiktoktoe.kernel.clock import now


class MrrMovementQuerySet(models.QuerySet["MrrMovement"]):
    """Named sets of movements."""

    def that_moved(self) -> "MrrMovementQuerySet":
        """Those that changed MRR."""
        return self.exclude(kind="none")


class MrrMovement(models.Model):
    """What one transition of a subscription did to monthly recurring revenue. Append-only.

    `effective_at` is when it happened, `recorded_at` when it became known; a transition that
    changed nothing is kept with an amount of 0, so that each is read once.
    """

    class Kind(models.TextChoices):
        NEW = "new"
        EXPANSION = "expansion"
        CONTRACTION = "contraction"
        CHURN = "churn"
        REACTIVATION = "reactivation"
        NONE = "none"

    transition = models.OneToOneField(
        SubscriptionTransition, on_delete=models.PROTECT, related_name="mrrmovement"
    )
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+")
    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    currency = models.CharField(max_length=3)
    amount = MoneyField(
        max_digits=19,
        decimal_places=4,
        currency_field_name="currency",
        default_currency="USD",
        help_text="signed: contraction and churn are negative",
    )
    effective_at = models.DateTimeField()
    recorded_at = models.DateTimeField(default=now)
    definition_version = models.PositiveSmallIntegerField(default=1)

    objects = MrrMovementQuerySet.as_manager()

    class Meta:
        ordering = ["effective_at", "id"]
        indexes = [
            models.Index(fields=["currency", "effective_at"], name="movement_by_time"),
            models.Index(fields=["customer", "effective_at"], name="movement_of_customer"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount}"


class MrrDay(models.Model):
    """What a day's movements of one kind add up to; written with the movements."""

    pk = models.CompositePrimaryKey("day", "currency", "kind")
    day = models.DateField(help_text="UTC")
    currency = models.CharField(max_length=3)
    kind = models.CharField(max_length=16)
    amount = MoneyField(
        max_digits=19, decimal_places=4, currency_field_name="currency", default_currency="USD"
    )
    movement_count = models.PositiveIntegerField()

    objects = models.Manager["MrrDay"]()

    def __str__(self) -> str:
        return f"{self.day} {self.kind} {self.amount}"
