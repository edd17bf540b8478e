"""The credit balance: what we owe a customer in one currency, and every movement of it.

An entry moves its balance in the same statement, by a trigger (migration `0008`); the balance
cannot be moved otherwise, nor go below zero, and entries are never changed.
"""

from django.db import models
from django.db.models.functions import Now

from billing.models.credit_notes import CreditNote
from billing.models.invoices import Invoice
from billing.models.money_fields import money_field
from billing.models.payments import Payment
from subscriptions.models import Customer


class CreditBalance(models.Model):
    """What is left of a customer's credit in one currency; the row that is locked to use it."""

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="credit_balances")
    currency = models.CharField(max_length=3)
    amount = money_field()

    objects = models.Manager["CreditBalance"]()

    class Meta:
        ordering = ["customer", "currency"]
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "currency"], name="credit_balance_once_per_currency"
            ),
            models.CheckConstraint(
                condition=models.Q(amount__gte=0), name="credit_balance_is_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} of {self.customer_id}"


class CreditEntry(models.Model):
    """One movement of a credit balance: what put it there, or which invoice it paid."""

    class Kind(models.TextChoices):
        GRANTED = "granted"
        WITHDRAWN = "withdrawn"
        CREDIT_NOTE = "credit_note"
        APPLIED = "applied"
        RETURNED = "returned"
        OVERPAYMENT = "overpayment"

    id = models.UUIDField(primary_key=True)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="credit_entries")
    currency = models.CharField(max_length=3)
    amount = money_field(help_text="above zero: the customer has more credit")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    invoice = models.ForeignKey(
        Invoice, on_delete=models.PROTECT, null=True, related_name="credit_entries"
    )
    credit_note = models.ForeignKey(
        CreditNote, on_delete=models.PROTECT, null=True, related_name="credit_entries"
    )
    payment = models.ForeignKey(
        Payment,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="credit_entries",
        help_text="of an overpayment: what it was paid by",
    )
    reason = models.CharField(max_length=200)
    actor = models.CharField(max_length=64, help_text="a person's e-mail, schedule, …")
    idempotency_key = models.CharField(max_length=100, unique=True)
    at = models.DateTimeField()
    recorded_at = models.DateTimeField(db_default=Now())

    objects = models.Manager["CreditEntry"]()

    class Meta:
        ordering = ["-at", "-id"]
        verbose_name_plural = "credit entries"
        constraints = [
            models.CheckConstraint(
                condition=(
                    models.Q(
                        kind__in=["granted", "credit_note", "returned", "overpayment"],
                        amount__gt=0,
                    )
                    | models.Q(kind__in=["withdrawn", "applied"], amount__lt=0)
                ),
                name="credit_entry_has_the_sign_of_its_kind",
            ),
            models.CheckConstraint(
                condition=(
                    models.Q(kind__in=["granted", "withdrawn"], invoice=None, credit_note=None)
                    | models.Q(kind="credit_note", invoice=None, credit_note__isnull=False)
                    | models.Q(
                        kind__in=["applied", "returned"], invoice__isnull=False, credit_note=None
                    )
                    | models.Q(kind="overpayment", invoice=None, credit_note=None)
                ),
                name="credit_entry_names_its_document",
            ),
            models.CheckConstraint(
                condition=models.Q(kind="overpayment", payment__isnull=False)
                | (~models.Q(kind="overpayment") & models.Q(payment=None)),
                name="credit_entry_of_an_overpayment_names_its_payment",
            ),
        ]
        indexes = [
            models.Index(fields=["customer", "currency", "-at"], name="credit_entry_of_customer"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount}"
