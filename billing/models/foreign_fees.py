"""What gateways keep of payments in another currency than the payment's."""

from django.db import models

from billing.models.money_fields import money_field
from billing.models.payments import PaymentAttempt


class ForeignFee(models.Model):
    """A fee as it was told, in the currency of the gateway's payout; never changed.

    Below zero, what the gateway has given back.
    """

    id = models.UUIDField(primary_key=True)
    attempt = models.ForeignKey(
        PaymentAttempt, on_delete=models.PROTECT, related_name="foreign_fees"
    )
    reference = models.CharField(
        max_length=64, blank=True, help_text="of a capture: its operation; empty: of the charge"
    )
    currency = models.CharField(max_length=3)
    amount = money_field()
    at = models.DateTimeField(help_text="when it was told")

    objects = models.Manager["ForeignFee"]()

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["attempt", "reference"], name="foreign_fee_once"),
            models.CheckConstraint(condition=~models.Q(amount=0), name="foreign_fee_is_something"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} for {self.attempt_id}"
