"""Changes of plan: asked for, then applied at once or at the end of the period."""

from django.conf import settings
from django.db import models

from billing.models.invoices import Invoice
from subscriptions.domain.proration_policy import AnchorRule, ChangeKind, UnusedTime
from subscriptions.models import PlanVersion, Subscription


class PlanChange(models.Model):
    """That a subscription goes, or went, to other prices or another quantity at an instant."""

    class State(models.TextChoices):
        SCHEDULED = "scheduled"
        APPLIED = "applied"
        WITHDRAWN = "withdrawn"

    subscription = models.ForeignKey(
        Subscription, on_delete=models.PROTECT, related_name="plan_changes"
    )
    plan_version = models.ForeignKey(PlanVersion, on_delete=models.PROTECT, related_name="+")
    quantity = models.PositiveIntegerField()
    state = models.CharField(max_length=16, choices=State.choices)
    kind = models.CharField(
        max_length=16,
        choices=[(str(k), k.name.replace("_", " ").capitalize()) for k in ChangeKind],
        default=str(ChangeKind.UPGRADE),
    )
    policy = models.CharField(max_length=40, blank=True, help_text="whose rules were applied")
    anchor_rule = models.CharField(
        max_length=16,
        choices=[(str(r), r.name.replace("_", " ").capitalize()) for r in AnchorRule],
        default=str(AnchorRule.CHANGE_DAY),
    )
    unused_time = models.CharField(
        max_length=16,
        choices=[(str(u), u.name.capitalize()) for u in UnusedTime],
        default=str(UnusedTime.CREDIT),
    )
    reason = models.CharField(max_length=200, blank=True)
    effective_at = models.DateTimeField()
    requested_at = models.DateTimeField()
    applied_at = models.DateTimeField(null=True, blank=True)
    invoice = models.ForeignKey(
        Invoice, on_delete=models.PROTECT, null=True, blank=True, related_name="plan_changes"
    )
    source = models.CharField(max_length=32, help_text="finance, portal, api, …")
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = models.Manager["PlanChange"]()

    class Meta:
        ordering = ["subscription", "-requested_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["subscription"],
                condition=models.Q(state="scheduled"),
                name="plan_change_scheduled_once",
            ),
            models.CheckConstraint(
                condition=models.Q(quantity__gte=1), name="plan_change_quantity_is_positive"
            ),
            models.UniqueConstraint(
                fields=["subscription", "requested_at"],
                condition=models.Q(source="dated_change"),
                name="plan_change_of_a_day_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subscription} to {self.plan_version}"
