"""Every request to a gateway: what was asked, what was answered, how long it took."""

from django.db import models

from billing.models.payments import PaymentAttempt, Refund


class GatewayCall(models.Model):
    """One request and its answer, redacted: no secrets, no tokens, no card data; append-only."""

    gateway = models.CharField(max_length=32)
    verb = models.CharField(max_length=32, help_text="charge, open_page, read_charge, …")
    attempt = models.ForeignKey(
        PaymentAttempt, on_delete=models.PROTECT, null=True, related_name="calls"
    )
    refund = models.ForeignKey(Refund, on_delete=models.PROTECT, null=True, related_name="calls")
    started_at = models.DateTimeField()
    latency_ms = models.PositiveIntegerField()
    answer = models.CharField(max_length=32, help_text="an Answer, or error")
    is_technical_failure = models.BooleanField()
    request = models.JSONField()
    response = models.JSONField()

    objects = models.Manager["GatewayCall"]()

    class Meta:
        ordering = ["-started_at", "-id"]
        indexes = [
            models.Index(fields=["gateway", "-started_at"], name="gateway_call_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.gateway}.{self.verb}: {self.answer}"
