"""What is done to money that was only authorised: taken in parts, or let go."""

from django.db import models

from billing.models.money_fields import money_field
from billing.models.payments import PaymentAttempt


class PaymentOperation(models.Model):
    """A capture or void of a hold.

    A capture's amount is part of `PaymentAttempt.amount_captured` from the request on, until it
    fails, so that a constraint of the database keeps captures within what was authorised.
    """

    class Kind(models.TextChoices):
        CAPTURE = "capture"
        VOID = "void"

    class State(models.TextChoices):
        DISPATCHED = "dispatched"
        PENDING = "pending"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        UNKNOWN = "unknown"

    id = models.UUIDField(primary_key=True)
    attempt = models.ForeignKey(PaymentAttempt, on_delete=models.PROTECT, related_name="operations")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    state = models.CharField(max_length=16, choices=State.choices, default=State.DISPATCHED)
    currency = models.CharField(max_length=3)
    amount = money_field(help_text="of a void: 0")
    is_last = models.BooleanField(default=True, help_text="what is left is let go")
    idempotency_key = models.CharField(max_length=100, unique=True)
    fee = money_field(
        null=True, default=None, help_text="what the capture has cost; told in another currency: 0"
    )
    gateway_reference = models.CharField(max_length=255, blank=True)
    message = models.CharField(max_length=300, blank=True)
    sends = models.PositiveSmallIntegerField(default=0, help_text="how often it left, or may have")
    sent_at = models.DateTimeField(null=True, blank=True, help_text="when it left last")
    told_at = models.DateTimeField(
        null=True, blank=True, help_text="what the gateway's clock had shown before it left first"
    )
    missed_at = models.DateTimeField(null=True, blank=True, help_text="when first not found")
    checks = models.PositiveSmallIntegerField(default=0, help_text="how often it was looked into")
    next_check_at = models.DateTimeField(null=True, blank=True)
    requested_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)

    objects = models.Manager["PaymentOperation"]()

    class Meta:
        ordering = ["-requested_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind="capture", amount__gt=0)
                | models.Q(kind="void", amount=0, is_last=True),
                name="operation_captures_something",
            ),
            models.CheckConstraint(
                condition=models.Q(fee__isnull=True) | models.Q(kind="capture"),
                name="operation_fee_is_of_a_capture",
            ),
            models.UniqueConstraint(
                fields=["attempt"],
                condition=models.Q(kind="void") & ~models.Q(state="failed"),
                name="operation_one_void",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_check_at"],
                name="operation_to_check",
                condition=models.Q(next_check_at__isnull=False),
            ),
            models.Index(fields=["gateway_reference"], name="operation_by_reference"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.attempt_id}"
