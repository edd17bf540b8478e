"""Who buys."""

from django.conf import settings
from django.db import models

from subscriptions.models.customer_clocks import CustomerClock
from subscriptions.models.issuers import Issuer
from tiktoktoe.kernel.clock import now


class CustomerQuerySet(models.QuerySet["Customer"]):
    """Named sets of customers."""

    def of_user(self, user_id: int) -> "CustomerQuerySet":
        """Those a signed-in person acts for."""
        return self.filter(members__user_id=user_id)

    def matching(self, text: str) -> "CustomerQuerySet":
        """Those whose name, e-mail, external id or tax number contains a text."""
        if not text:
            return self
        return self.filter(
            models.Q(name__icontains=text)
            | models.Q(email__icontains=text)
            | models.Q(external_id__icontains=text)
            | models.Q(tax_number__iexact=text)
        )


class Customer(models.Model):
    """A person or company that subscribes; `external_id` is its name in usage events."""

    external_id = models.CharField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    email = models.EmailField()
    address_line1 = models.CharField(max_length=200, blank=True)
    address_line2 = models.CharField(max_length=200, blank=True)
    city = models.CharField(max_length=100, blank=True)
    region = models.CharField(max_length=100, blank=True)
    postal_code = models.CharField(max_length=20, blank=True)
    country = models.CharField(max_length=2, help_text="ISO 3166-1 alpha-2")
    tax_number = models.CharField(max_length=32, blank=True)
    is_tax_exempt = models.BooleanField(default=False)
    currency = models.CharField(max_length=3)
    time_zone = models.CharField(max_length=64, default="UTC", help_text="IANA name")
    locale = models.CharField(max_length=10, default="en")
    issuer = models.ForeignKey(
        Issuer,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="customers",
        help_text="which company of ours sells; empty: the plan's, or that of the settings",
    )
    clock = models.ForeignKey(
        CustomerClock,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="customers",
        help_text="of a sandbox's customer: the test clock that it lives by, for good",
    )
    created_at = models.DateTimeField(default=now)

    objects = CustomerQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(country__regex=r"^[A-Z]{2}$"),
                name="customer_country_is_two_capitals",
            ),
            models.CheckConstraint(
                condition=models.Q(currency__regex=r"^[A-Z]{3}$"),
                name="customer_currency_is_three_capitals",
            ),
        ]
        indexes = [models.Index(fields=["-created_at"], name="customer_newest")]

    def __str__(self) -> str:
        return self.name


class CustomerMember(models.Model):
    """A person who may act for a customer in the portal."""

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="members")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="memberships"
    )
    created_at = models.DateTimeField(default=now)

    objects = models.Manager["CustomerMember"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["customer", "user"], name="member_once_per_customer")
        ]

    def __str__(self) -> str:
        return f"{self.user} at {self.customer}"


class InvitationQuerySet(models.QuerySet["Invitation"]):
    """Named sets of invitations."""

    def open(self) -> "InvitationQuerySet":
        """Those that were neither accepted nor taken back."""
        return self.filter(accepted_at__isnull=True, revoked_at__isnull=True)


class Invitation(models.Model):
    """Somebody may come to act for a customer in the portal, with a password of their own."""

    id = models.UUIDField(primary_key=True)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="invitations")
    email = models.EmailField()
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    invited_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ["-invited_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "email"],
                condition=models.Q(accepted_at__isnull=True, revoked_at__isnull=True),
                name="invitation_one_open_per_person",
            ),
            models.CheckConstraint(
                condition=models.Q(accepted_at__isnull=True) | models.Q(revoked_at__isnull=True),
                name="invitation_accepted_or_revoked",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email} to {self.customer}"
