"""Payments that a person looks at before they are sent."""

from django.conf import settings
from django.db import models

from billing.models.payments import Payment
from subscriptions.models import Customer
from tiktoktoe.kernel.clock import now


class PaymentLimit(models.Model):
    """How much may be charged by itself in a currency; beyond it, a person looks first."""

    currency = models.CharField(max_length=3)
    customer = models.ForeignKey(
        Customer,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="empty: every customer who has no limit of their own",
    )
    maximum = models.DecimalField(
        max_digits=18,
        decimal_places=3,
        null=True,
        blank=True,
        help_text="of one payment, and of an invoice that is paid in parts",
    )
    daily_maximum = models.DecimalField(
        max_digits=18, decimal_places=3, null=True, blank=True, help_text="of a customer in a day"
    )
    monthly_maximum = models.DecimalField(
        max_digits=18,
        decimal_places=3,
        null=True,
        blank=True,
        help_text="of a customer in thirty days",
    )

    objects = models.Manager["PaymentLimit"]()

    class Meta:
        ordering = ["currency", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["currency", "customer"],
                nulls_distinct=False,
                name="payment_limit_once_per_currency",
            ),
            models.CheckConstraint(
                condition=models.Q(maximum__isnull=False)
                | models.Q(daily_maximum__isnull=False)
                | models.Q(monthly_maximum__isnull=False),
                name="payment_limit_limits_something",
            ),
            models.CheckConstraint(
                condition=models.Q(maximum__gt=0, daily_maximum__gt=0, monthly_maximum__gt=0),
                name="payment_limit_is_positive",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.customer or 'everybody'}, {self.currency}"


class PaymentReview(models.Model):
    """What risk rules said of a payment, and what a person decided."""

    class State(models.TextChoices):
        OPEN = "open"
        APPROVED = "approved"
        REFUSED = "refused"
        LAPSED = "lapsed"

    payment = models.OneToOneField(Payment, on_delete=models.PROTECT, related_name="review")
    state = models.CharField(max_length=16, choices=State.choices, default=State.OPEN)
    is_hold = models.BooleanField(
        default=False, help_text="money was only to be held: approving charges nothing by itself"
    )
    is_on_page = models.BooleanField(
        default=False, help_text="the customer wants to pay on a page: approving lets them"
    )
    points = models.PositiveSmallIntegerField()
    hits = models.JSONField(help_text="the rules that hit, and their points")
    created_at = models.DateTimeField(default=now)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    reason = models.CharField(max_length=300, blank=True)

    objects = models.Manager["PaymentReview"]()

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state="open", decided_at__isnull=True)
                | (models.Q(decided_at__isnull=False) & ~models.Q(reason="")),
                name="payment_review_decided_with_a_reason",
            )
        ]
        indexes = [
            models.Index(
                fields=["created_at"],
                name="payment_review_open",
                condition=models.Q(state="open"),
            ),
            models.Index(
                fields=["decided_at"],
                name="payment_review_let_on",
                condition=models.Q(state="approved", is_on_page=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.points} points: {self.state}"

    @property
    def dialog_ids(self) -> tuple[str, str]:
        """What the dialogs to approve and to refuse it are called on a page."""
        return f"approve-{self.pk}", f"refuse-{self.pk}"

    @property
    def approving_means(self) -> str:
        """What approving it leads to, for whoever decides."""
        if self.is_hold:
            return "Nothing is charged by itself; whoever asked for it can hold the money."
        if self.is_on_page:
            return "The customer is told, and can pay now; a stored method waits for three days."
        return "The stored method is charged within a minute."
