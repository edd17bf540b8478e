"""Returns that a bank does not explain: they wait for a person."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from billing.models.bank import BankOrder
from billing.models.money_fields import money_field


class UnclearReturn(models.Model):
    """That another amount than an order's went back, as the bank told it; decided once."""

    class State(models.TextChoices):
        WAITING = "waiting"
        RECORDED = "recorded"
        ASIDE = "aside", "Put aside"

    id = models.UUIDField(primary_key=True)
    order = models.OneToOneField(BankOrder, on_delete=models.PROTECT, related_name="unclear_return")
    currency = models.CharField(max_length=3)
    amount = money_field(help_text="what went back")
    reason = models.CharField(max_length=16)
    text = models.CharField(max_length=300, blank=True)
    returned_on = models.DateField()
    told_at = models.DateTimeField()
    state = models.CharField(max_length=16, choices=State.choices, default=State.WAITING)
    note = models.CharField(max_length=300, blank=True, help_text="what was decided, and why")
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)

    objects = models.Manager["UnclearReturn"]()

    class Meta:
        ordering = ["returned_on", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="unclear_return_is_positive"),
            models.CheckConstraint(
                condition=Q(state="waiting", decided_at__isnull=True)
                | (~Q(state="waiting") & Q(decided_at__isnull=False)),
                name="unclear_return_decided_with_an_instant",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} of {self.order.end_to_end_id}"
