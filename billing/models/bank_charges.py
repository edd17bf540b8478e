"""What banks take for their work, beside the fee of a payment."""

from django.db import models

from billing.models.bank import BankEntry, BankOrder
from billing.models.money_fields import money_field


class BankCharge(models.Model):
    """A bank's charge, or, below zero, one that it has given back; never changed."""

    class Kind(models.TextChoices):
        OWN = "own", "An entry of its own"
        TRANSFER = "transfer", "For a transfer of ours"
        RETURN = "return", "With a debit that came back"

    id = models.UUIDField(primary_key=True)
    gateway = models.CharField(max_length=32)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    entry = models.ForeignKey(
        BankEntry, on_delete=models.PROTECT, null=True, blank=True, related_name="charges"
    )
    order = models.ForeignKey(
        BankOrder, on_delete=models.PROTECT, null=True, blank=True, related_name="charges"
    )
    currency = models.CharField(max_length=3)
    amount = money_field(help_text="above zero it is taken from us")
    charged_on = models.DateField()
    text = models.CharField(max_length=300, blank=True, help_text="as the bank said it")
    created_at = models.DateTimeField()

    objects = models.Manager["BankCharge"]()

    class Meta:
        ordering = ["-charged_on", "-id"]
        constraints = [
            models.CheckConstraint(condition=~models.Q(amount=0), name="bank_charge_is_something"),
            models.CheckConstraint(
                condition=models.Q(kind="own", entry__isnull=False, order__isnull=True)
                | (~models.Q(kind="own") & models.Q(order__isnull=False, amount__gt=0)),
                name="bank_charge_has_its_cause",
            ),
            models.UniqueConstraint(
                fields=["entry"],
                condition=models.Q(entry__isnull=False),
                name="bank_charge_once_per_entry",
            ),
            models.UniqueConstraint(
                fields=["order", "kind"],
                condition=models.Q(order__isnull=False),
                name="bank_charge_once_per_order_and_kind",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} by {self.gateway}"
