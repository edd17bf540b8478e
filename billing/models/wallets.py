"""Wallets: prepaid credits, in lots that expire, and every use of each.

An entry moves its lot in the same statement, by a trigger (migration `0020`); a lot is moved by
nothing else, never falls below zero nor grows beyond what it was.
"""

from django.db import models
from django.db.models.functions import Now

from billing.models.invoices import Invoice
from billing.models.money_fields import money_field
from subscriptions.models import Customer
from tiktoktoe.kernel.clock import now


class Wallet(models.Model):
    """A customer's prepaid credits in one currency; the lowest priority is used first.

    It buys more by itself below a threshold, or each interval from `topup_next_at` on.
    """

    class Every(models.TextChoices):
        WEEK = "week", "Every week"
        MONTH = "month", "Every month"
        QUARTER = "quarter", "Every quarter"
        YEAR = "year", "Every year"

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="wallets")
    currency = models.CharField(max_length=3)
    name = models.CharField(max_length=100)
    priority = models.PositiveSmallIntegerField(default=10)
    topup_below = models.DecimalField(
        max_digits=19, decimal_places=4, null=True, blank=True, help_text="buy more below this"
    )
    topup_amount = models.DecimalField(
        max_digits=19, decimal_places=4, null=True, blank=True, help_text="so much each time"
    )
    plan_codes = models.JSONField(
        default=list, blank=True, help_text="of the plans that it pays for; empty: of all"
    )
    meter_codes = models.JSONField(
        default=list, blank=True, help_text="of the meters whose usage it pays for; empty: all"
    )
    topup_every = models.CharField(max_length=8, choices=Every.choices, blank=True)
    topup_from_on = models.DateField(
        null=True, blank=True, help_text="the local day from which intervals are counted"
    )
    topup_next_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=now)

    objects = models.Manager["Wallet"]()

    class Meta:
        ordering = ["customer", "currency", "priority", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "currency", "name"], name="wallet_name_once_per_customer"
            ),
            models.CheckConstraint(
                condition=models.Q(topup_below=None, topup_amount=None, topup_every="")
                | (
                    models.Q(topup_amount__gt=0)
                    & (models.Q(topup_below=None) | models.Q(topup_below__gte=0))
                    & (models.Q(topup_below__isnull=False) | ~models.Q(topup_every=""))
                ),
                name="wallet_top_up_is_whole",
            ),
            models.CheckConstraint(
                condition=models.Q(topup_every="", topup_from_on=None, topup_next_at=None)
                | (
                    ~models.Q(topup_every="")
                    & models.Q(topup_from_on__isnull=False, topup_next_at__isnull=False)
                ),
                name="wallet_top_up_by_interval_has_its_next",
            ),
        ]

        indexes = [
            models.Index(
                fields=["topup_next_at"],
                condition=models.Q(topup_next_at__isnull=False),
                name="wallet_to_top_up",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_limited(self) -> bool:
        """Whether it pays only for some plans or meters."""
        return bool(self.plan_codes or self.meter_codes)


class PrepaidCredit(models.Model):
    """A lot of prepaid credits: paid for by a top-up, or granted for nothing."""

    class Kind(models.TextChoices):
        GRANTED = "granted"
        PAID = "paid"

    id = models.UUIDField(primary_key=True)
    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="credits")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    currency = models.CharField(max_length=3)
    amount = money_field()
    amount_left = money_field()
    expires_at = models.DateTimeField(null=True, blank=True)
    invoice = models.OneToOneField(
        Invoice, on_delete=models.PROTECT, null=True, blank=True, related_name="prepaid_credit"
    )
    reason = models.CharField(max_length=200)
    actor = models.CharField(max_length=64)
    idempotency_key = models.CharField(max_length=100, unique=True)
    at = models.DateTimeField()

    objects = models.Manager["PrepaidCredit"]()

    class Meta:
        ordering = ["wallet", "-at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    amount__gt=0, amount_left__gte=0, amount_left__lte=models.F("amount")
                ),
                name="prepaid_credit_within_zero_and_its_amount",
            ),
            models.CheckConstraint(
                condition=models.Q(kind="granted", invoice=None)
                | models.Q(kind="paid", invoice__isnull=False),
                name="prepaid_credit_is_paid_by_an_invoice",
            ),
        ]
        indexes = [
            models.Index(
                fields=["expires_at"],
                condition=models.Q(amount_left__gt=0),
                name="prepaid_credit_to_expire",
            )
        ]

    def __str__(self) -> str:
        return f"{self.amount_left} of {self.amount}"


class TopUp(models.Model):
    """That an invoice buys credits for a wallet; the lot is made once it is paid."""

    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="top_ups")
    invoice = models.OneToOneField(Invoice, on_delete=models.PROTECT, related_name="top_up")

    objects = models.Manager["TopUp"]()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.invoice} for {self.wallet}"


class PrepaidEntry(models.Model):
    """One movement of a lot: used by an invoice, returned by it, expired, or voided by people.

    What is voided says why, and by whom.
    """

    class Kind(models.TextChoices):
        APPLIED = "applied"
        RETURNED = "returned"
        EXPIRED = "expired"
        VOIDED = "voided"

    id = models.UUIDField(primary_key=True)
    credit = models.ForeignKey(PrepaidCredit, on_delete=models.PROTECT, related_name="entries")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    currency = models.CharField(max_length=3)
    amount = money_field(help_text="above zero: more is left of the lot")
    invoice = models.ForeignKey(
        Invoice, on_delete=models.PROTECT, null=True, related_name="prepaid_entries"
    )
    reason = models.CharField(max_length=200, blank=True, default="", db_default="")
    actor = models.CharField(max_length=64, blank=True, default="", db_default="")
    idempotency_key = models.CharField(max_length=120, unique=True)
    at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    objects = models.Manager["PrepaidEntry"]()

    class Meta:
        ordering = ["-at", "-id"]
        verbose_name_plural = "prepaid entries"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind="applied", amount__lt=0, invoice__isnull=False)
                | models.Q(kind="returned", amount__gt=0, invoice__isnull=False)
                | models.Q(kind="expired", amount__lt=0, invoice=None)
                | (models.Q(kind="voided", amount__lt=0, invoice=None) & ~models.Q(reason="")),
                name="prepaid_entry_fits_its_kind",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount}"
