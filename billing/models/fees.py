"""What processors charge: dated rules with their source, which staff keep up to date."""

from datetime import date
from decimal import Decimal

from django.db import models


class ProcessorFeeRuleQuerySet(models.QuerySet["ProcessorFeeRule"]):
    """Named sets of fee rules."""

    def valid_on(self, day: date) -> "ProcessorFeeRuleQuerySet":
        """Those that hold on a day."""
        return self.filter(valid_from__lte=day).exclude(valid_to__lt=day)


class ProcessorFeeRule(models.Model):
    """One rule between two dates; `billing.domain.fees` says which one counts.

    Of a gateway, kind and currency no two rules are valid on one day: the exclusion constraint
    `processor_fee_rule_one_at_a_time` of migration `0015` refuses that.
    """

    gateway = models.CharField(max_length=32)
    kind = models.CharField(max_length=32, blank=True, help_text="card, bank_debit; empty: any")
    currency = models.CharField(max_length=3, blank=True, help_text="empty: any")
    share_bps = models.DecimalField(
        max_digits=8, decimal_places=3, default=Decimal(0), help_text="of the amount; 290 is 2.9 %"
    )
    fixed_amount = models.DecimalField(max_digits=12, decimal_places=4, default=Decimal(0))
    cross_border_bps = models.DecimalField(
        max_digits=8, decimal_places=3, default=Decimal(0), help_text="more for a foreign method"
    )
    minimum = models.DecimalField(max_digits=12, decimal_places=4, null=True, blank=True)
    maximum = models.DecimalField(max_digits=12, decimal_places=4, null=True, blank=True)
    decline_fee = models.DecimalField(max_digits=12, decimal_places=4, default=Decimal(0))
    dispute_fee = models.DecimalField(max_digits=12, decimal_places=4, default=Decimal(0))
    return_fee = models.DecimalField(max_digits=12, decimal_places=4, default=Decimal(0))
    settle_days = models.PositiveSmallIntegerField(default=0)
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True, help_text="the last day; empty: no end")
    source = models.CharField(max_length=300, help_text="who says so: a page and when it was read")
    source_url = models.URLField(blank=True)

    objects = ProcessorFeeRuleQuerySet.as_manager()

    class Meta:
        ordering = ["gateway", "kind", "currency", "-valid_from"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(share_bps__gte=0, fixed_amount__gte=0, cross_border_bps__gte=0),
                name="processor_fee_rule_is_not_negative",
            ),
            models.CheckConstraint(
                condition=models.Q(valid_to__isnull=True)
                | models.Q(valid_to__gte=models.F("valid_from")),
                name="processor_fee_rule_ends_after_it_starts",
            ),
            models.CheckConstraint(
                condition=~models.Q(source=""), name="processor_fee_rule_has_a_source"
            ),
        ]

    def __str__(self) -> str:
        about = "/".join(part for part in (self.gateway, self.kind, self.currency) if part)
        return f"{about} from {self.valid_from}"
