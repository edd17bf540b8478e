"""Gap-free numbers, taken inside the transaction that makes the document final."""

from django.db import models

from subscriptions.models import Customer
from tiktoktoe.kernel.clock import now


class NumberSeries(models.Model):
    """A sequence of document numbers; `next_number` moves only in a finalising transaction."""

    code = models.CharField(max_length=32, unique=True, help_text="invoice, credit_note")
    prefix = models.CharField(max_length=16)
    next_number = models.BigIntegerField(default=1)

    objects = models.Manager["NumberSeries"]()

    class Meta:
        verbose_name_plural = "number series"

    def __str__(self) -> str:
        return f"{self.prefix}{self.next_number:06d}"


class NumberingRule(models.Model):
    """From when on invoices are numbered how; append-only, the newest that has begun counts.

    Without one they are numbered on as `INVOICE_PREFIX` says. Every mode counts on from all
    invoices that there are, so that one may be switched to another and back without a gap.
    """

    class Mode(models.TextChoices):
        """What a number is made of; `prefix` comes first."""

        CONTINUOUS = "continuous", "INV-000012: one after the other"
        PER_ENTITY = "per_entity", "INV-202601-012: month, one after the other"
        PER_CUSTOMER = "per_customer", "INV-007-003: customer, and its one after the other"

    mode = models.CharField(max_length=16, choices=Mode.choices)
    prefix = models.CharField(max_length=12)
    actor = models.CharField(max_length=64)
    effective_from = models.DateTimeField(unique=True)
    created_at = models.DateTimeField(default=now)

    objects = models.Manager["NumberingRule"]()

    class Meta:
        ordering = ["-effective_from"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(mode__in=["continuous", "per_entity", "per_customer"]),
                name="numbering_mode_is_known",
            ),
            models.CheckConstraint(condition=~models.Q(prefix=""), name="numbering_has_a_prefix"),
        ]

    def __str__(self) -> str:
        return f"{self.prefix} {self.mode} from {self.effective_from:%Y-%m-%d}"


class CustomerNumber(models.Model):
    """Which number a customer has in its invoices' numbers; given with the first of them."""

    customer = models.OneToOneField(
        Customer, on_delete=models.PROTECT, primary_key=True, related_name="invoicing_number"
    )
    number = models.PositiveBigIntegerField(unique=True)

    objects = models.Manager["CustomerNumber"]()

    def __str__(self) -> str:
        return f"{self.number:03d}"
