"""Up to which amounts banks may be asked to let a customer off confirming: dated rows."""

from django.db import models


class ExemptionRule(models.Model):
    """From a day on, in a currency: how much a payment may be, and how many in a row."""

    class Exemption(models.TextChoices):
        LOW_VALUE = "low_value", "Low value"
        LOW_RISK = "low_risk", "Low risk, as analysed with the acquirer"

    exemption = models.CharField(max_length=32, choices=Exemption.choices)
    gateway = models.CharField(
        max_length=32, blank=True, help_text="whose acquirer has agreed; empty: every one's"
    )
    currency = models.CharField(max_length=3)
    maximum = models.DecimalField(max_digits=12, decimal_places=4, help_text="of one payment")
    total_maximum = models.DecimalField(
        max_digits=12,
        decimal_places=4,
        null=True,
        blank=True,
        help_text="of such payments in a row, since the customer last confirmed one",
    )
    count_maximum = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="how many of them in a row"
    )
    valid_from = models.DateField()
    source = models.CharField(max_length=300, help_text="who says so")

    objects = models.Manager["ExemptionRule"]()

    class Meta:
        ordering = ["exemption", "currency", "-valid_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["exemption", "gateway", "currency", "valid_from"],
                name="exemption_rule_once_a_day",
            ),
            models.CheckConstraint(
                condition=models.Q(maximum__gt=0) & ~models.Q(source=""),
                name="exemption_rule_has_a_limit_and_a_source",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.exemption} up to {self.maximum} {self.currency} from {self.valid_from}"
