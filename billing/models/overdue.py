"""Campaigns over a customer's whole debt: requests by currency, overdue states, blocked time."""

from django.db import models
from django.db.models import F, Q

from billing.domain.overdue import OverdueTerms
from billing.models.dunning import DunningCampaign
from billing.models.money_fields import money_field
from subscriptions.models import Customer, Subscription
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.money import Money


class DunningThreshold(models.Model):
    """From which overdue balance in a currency a campaign asks for it; frozen when in force."""

    campaign = models.ForeignKey(
        DunningCampaign, on_delete=models.PROTECT, related_name="thresholds"
    )
    currency = models.CharField(max_length=3)
    amount = models.DecimalField(max_digits=18, decimal_places=3)

    objects = models.Manager["DunningThreshold"]()

    class Meta:
        ordering = ["campaign", "currency"]
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "currency"], name="dunning_threshold_once_per_currency"
            ),
            models.CheckConstraint(
                condition=Q(amount__gte=0), name="dunning_threshold_is_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"

    @property
    def money(self) -> Money:
        """The amount with its currency."""
        return Money(self.amount, self.currency)


class DunningSeries(models.Model):
    """The requests for a customer's overdue balance in a currency, until it is settled."""

    campaign = models.ForeignKey(DunningCampaign, on_delete=models.PROTECT, related_name="series")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="dunning_series")
    currency = models.CharField(max_length=3)
    opened_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = models.Manager["DunningSeries"]()

    class Meta:
        ordering = ["-opened_at", "-id"]
        verbose_name_plural = "dunning series"
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "currency"],
                condition=Q(ended_at__isnull=True),
                name="dunning_series_one_per_currency",
            )
        ]

    def __str__(self) -> str:
        return f"{self.customer} in {self.currency}"


class DunningRequest(models.Model):
    """One request for what is overdue in a currency; append-only.

    `is_last` of the one after which no currency of the customer has any left.
    """

    series = models.ForeignKey(DunningSeries, on_delete=models.PROTECT, related_name="requests")
    number = models.PositiveSmallIntegerField()
    currency = models.CharField(max_length=3)
    amount = money_field()
    invoices = models.JSONField(default=list, help_text="their numbers")
    is_last = models.BooleanField(default=False)
    at = models.DateTimeField()

    objects = models.Manager["DunningRequest"]()

    class Meta:
        ordering = ["series", "number"]
        constraints = [
            models.UniqueConstraint(fields=["series", "number"], name="dunning_request_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="dunning_request_is_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.number} for {self.amount}"


class OverdueState(models.Model):
    """A state of a campaign; the strictest stands last. Frozen when in force."""

    campaign = models.ForeignKey(DunningCampaign, on_delete=models.PROTECT, related_name="states")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=32)
    days_since_earliest_unpaid = models.PositiveSmallIntegerField(null=True, blank=True)
    unpaid_invoices = models.PositiveSmallIntegerField(null=True, blank=True)
    unpaid_amount = models.DecimalField(max_digits=18, decimal_places=3, null=True, blank=True)
    blocks_changes = models.BooleanField(default=False)
    blocks_service = models.BooleanField(default=False)

    objects = models.Manager["OverdueState"]()

    class Meta:
        ordering = ["campaign", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "position"], name="overdue_state_position_once"
            ),
            models.UniqueConstraint(fields=["campaign", "name"], name="overdue_state_name_once"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def terms(self) -> OverdueTerms:
        """As the rules want it."""
        return OverdueTerms(
            name=self.name,
            days_since_earliest_unpaid=self.days_since_earliest_unpaid,
            unpaid_invoices=self.unpaid_invoices,
            unpaid_amount=self.unpaid_amount,
            blocks_changes=self.blocks_changes,
            blocks_service=self.blocks_service,
        )


class OverdueChange(models.Model):
    """That a customer came into an overdue state, or (without one) is clear again; append-only."""

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="overdue_changes")
    state = models.ForeignKey(OverdueState, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()
    created_at = models.DateTimeField(default=now)

    objects = models.Manager["OverdueChange"]()

    class Meta:
        ordering = ["customer", "-id"]
        indexes = [models.Index(fields=["customer", "-id"], name="overdue_change_of_customer")]

    def __str__(self) -> str:
        return f"{self.customer}: {self.state or 'clear'}"


class BlockedTime(models.Model):
    """Time in which a subscription was neither served nor billed; given back once it is over."""

    subscription = models.ForeignKey(
        Subscription, on_delete=models.PROTECT, related_name="blocked_times"
    )
    blocked_from = models.DateTimeField()
    blocked_until = models.DateTimeField(null=True, blank=True)
    credited_at = models.DateTimeField(null=True, blank=True)

    objects = models.Manager["BlockedTime"]()

    class Meta:
        ordering = ["subscription", "blocked_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["subscription"],
                condition=Q(blocked_until__isnull=True),
                name="blocked_time_open_once",
            ),
            models.CheckConstraint(
                condition=Q(blocked_until__isnull=True) | Q(blocked_until__gte=F("blocked_from")),
                name="blocked_time_ends_after_its_start",
            ),
            models.CheckConstraint(
                condition=Q(credited_at__isnull=True) | Q(blocked_until__isnull=False),
                name="blocked_time_is_credited_when_over",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subscription} from {self.blocked_from:%Y-%m-%d}"
