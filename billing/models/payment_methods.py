"""Stored ways to pay, and how gateways name whose they are."""

from django.db import models

from billing.domain.wallet_brands import CARD_WALLETS
from subscriptions.models import Customer
from tiktoktoe.kernel.clock import now


class GatewayCustomer(models.Model):
    """How a gateway names a customer."""

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+")
    gateway = models.CharField(max_length=32)
    gateway_reference = models.CharField(max_length=255)
    created_at = models.DateTimeField(default=now)

    objects = models.Manager["GatewayCustomer"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["customer", "gateway"], name="gateway_customer_once"),
            models.UniqueConstraint(
                fields=["gateway", "gateway_reference"], name="gateway_customer_reference_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.customer} at {self.gateway}"


class PaymentMethodQuerySet(models.QuerySet["PaymentMethod"]):
    """Named sets of payment methods."""

    def usable(self) -> "PaymentMethodQuerySet":
        """Those that have not been removed."""
        return self.filter(state="active")


class PaymentMethod(models.Model):
    """A stored way to pay; the gateway holds it, we hold its reference and what may be shown."""

    class State(models.TextChoices):
        ACTIVE = "active"
        REMOVED = "removed"

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="payment_methods")
    gateway = models.CharField(max_length=32)
    gateway_reference = models.CharField(max_length=255)
    kind = models.CharField(max_length=32, help_text="card, bank_debit, wallet")
    brand = models.CharField(max_length=32, blank=True)
    network = models.CharField(max_length=32, blank=True, help_text="of the card in a wallet")
    last4 = models.CharField(max_length=4, blank=True)
    expires_on = models.DateField(null=True, blank=True)
    country = models.CharField(max_length=2, blank=True)
    fingerprint = models.CharField(
        max_length=64, blank=True, help_text="the gateway's mark of the card, whoever holds it"
    )
    state = models.CharField(max_length=16, choices=State.choices, default=State.ACTIVE)
    is_default = models.BooleanField(default=False)
    asked_at = models.DateTimeField(
        null=True, blank=True, help_text="when the gateway was last asked about it"
    )
    created_at = models.DateTimeField(default=now)

    objects = PaymentMethodQuerySet.as_manager()

    class Meta:
        ordering = ["customer", "-is_default", "-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["gateway", "gateway_reference"], name="payment_method_reference_once"
            ),
            models.UniqueConstraint(
                fields=["customer"],
                condition=models.Q(is_default=True),
                name="payment_method_default_once",
            ),
            models.CheckConstraint(
                condition=models.Q(is_default=False) | models.Q(state="active"),
                name="payment_method_default_is_active",
            ),
        ]
        indexes = [
            models.Index(
                fields=["gateway", "fingerprint"],
                name="payment_method_of_card",
                condition=~models.Q(fingerprint=""),
            )
        ]

    def __str__(self) -> str:
        plain = (self.brand or self.kind).replace("_", " ").capitalize()
        name = CARD_WALLETS.get(self.brand, plain)
        return f"{name} ending {self.last4}" if self.last4 else name
