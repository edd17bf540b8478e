"""The bank rail: mandates, orders and the files they travel in, and what the bank has sent.

Account numbers are sealed (billing.services.bank.sealing); what may be shown are the last four.
"""

from django.conf import settings
from django.db import models

from billing.models.money_fields import money_field
from billing.models.payment_methods import PaymentMethod
from billing.models.payments import Payment, PaymentAttempt, Refund
from subscriptions.models import Customer
from tiktoktoe.kernel.clock import now


class Mandate(models.Model):
    """A customer's permission to collect from an account of theirs."""

    class State(models.TextChoices):
        ACTIVE = "active"
        REVOKED = "revoked"
        EXPIRED = "expired"
        USED = "used"

    id = models.UUIDField(primary_key=True)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="mandates")
    method = models.OneToOneField(PaymentMethod, on_delete=models.PROTECT, related_name="mandate")
    gateway = models.CharField(max_length=32)
    reference = models.CharField(max_length=35, unique=True)
    sequence_type = models.CharField(max_length=4, help_text="RCUR or OOFF")
    state = models.CharField(max_length=16, choices=State.choices, default=State.ACTIVE)
    debtor_name = models.CharField(max_length=70)
    account_sealed = models.TextField()
    account_mark = models.CharField(max_length=64, help_text="the same for the same account")
    last4 = models.CharField(max_length=4)
    bic = models.CharField(max_length=11, blank=True)
    signed_on = models.DateField()
    signed_by = models.CharField(max_length=254, help_text="who agreed, and how they are known")
    consent = models.TextField(help_text="the words that were agreed to")
    language = models.CharField(max_length=8)
    notice_days = models.PositiveSmallIntegerField(help_text="between notice and due day")
    creditor_id = models.CharField(max_length=35, help_text="who debits, as banks know us")
    last_used_on = models.DateField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_because = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=now)

    objects = models.Manager["Mandate"]()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state="active", ended_at__isnull=True)
                | (~models.Q(state="active") & models.Q(ended_at__isnull=False)),
                name="mandate_ended_with_an_instant",
            ),
            models.UniqueConstraint(
                fields=["customer", "gateway", "account_mark"],
                condition=models.Q(state="active"),
                name="mandate_one_active_per_account",
            ),
        ]

    def __str__(self) -> str:
        return self.reference


class MandateEvent(models.Model):
    """One thing that happened to a mandate; append-only."""

    mandate = models.ForeignKey(Mandate, on_delete=models.PROTECT, related_name="events")
    at = models.DateTimeField()
    actor = models.CharField(max_length=64)
    event = models.CharField(max_length=32)
    from_state = models.CharField(max_length=16, blank=True)
    to_state = models.CharField(max_length=16)
    reason = models.CharField(max_length=200, blank=True)

    objects = models.Manager["MandateEvent"]()

    class Meta:
        ordering = ["mandate", "id"]

    def __str__(self) -> str:
        return self.event


class BankFile(models.Model):
    """A file for a bank, kept as it was written, so that it can be sent again byte for byte."""

    class Kind(models.TextChoices):
        DEBITS = "debits"
        TRANSFERS = "transfers"

    class State(models.TextChoices):
        WRITTEN = "written"
        SENT = "sent"
        ACCEPTED = "accepted"
        PART = "part", "Taken in part"
        REJECTED = "rejected"

    id = models.UUIDField(primary_key=True)
    gateway = models.CharField(max_length=32)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    message_id = models.CharField(max_length=35, unique=True)
    body_sealed = models.TextField()
    digest = models.CharField(max_length=64, help_text="SHA-256 of the file")
    due_on = models.DateField()
    orders_count = models.PositiveIntegerField()
    currency = models.CharField(max_length=3)
    total = money_field()
    state = models.CharField(max_length=16, choices=State.choices, default=State.WRITTEN)
    reason = models.CharField(max_length=300, blank=True, help_text="what the bank says of it")
    sends = models.PositiveSmallIntegerField(default=0, help_text="how often it left, or may have")
    written_at = models.DateTimeField(default=now)
    sent_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)

    objects = models.Manager["BankFile"]()

    class Meta:
        ordering = ["-written_at", "-id"]
        indexes = [
            models.Index(
                fields=["written_at"], name="bank_file_to_send", condition=models.Q(state="written")
            )
        ]

    def __str__(self) -> str:
        return self.message_id


class BankOrder(models.Model):
    """One order to collect or to send money: of one attempt or refund, in one file at most."""

    class State(models.TextChoices):
        PLANNED = "planned"
        STOPPED = "stopped"
        FILED = "filed"
        ACCEPTED = "accepted"
        REJECTED = "rejected"
        BOOKED = "booked"
        RETURNED = "returned"

    id = models.UUIDField(primary_key=True)
    gateway = models.CharField(max_length=32)
    attempt = models.OneToOneField(
        PaymentAttempt, on_delete=models.PROTECT, null=True, blank=True, related_name="bank_order"
    )
    refund = models.OneToOneField(
        Refund, on_delete=models.PROTECT, null=True, blank=True, related_name="bank_order"
    )
    mandate = models.ForeignKey(
        Mandate, on_delete=models.PROTECT, null=True, blank=True, related_name="orders"
    )
    end_to_end_id = models.CharField(max_length=35, unique=True)
    currency = models.CharField(max_length=3)
    amount = money_field()
    due_on = models.DateField(help_text="when it is collected, or sent")
    state = models.CharField(max_length=16, choices=State.choices, default=State.PLANNED)
    file = models.ForeignKey(
        BankFile, on_delete=models.PROTECT, null=True, blank=True, related_name="orders"
    )
    reason = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=now, help_text="when the debit was announced")
    booked_on = models.DateField(null=True, blank=True)

    objects = models.Manager["BankOrder"]()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(attempt__isnull=False, refund__isnull=True)
                | models.Q(attempt__isnull=True, refund__isnull=False),
                name="bank_order_of_an_attempt_or_a_refund",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["planned", "stopped"], file__isnull=True)
                | (~models.Q(state__in=["planned", "stopped"]) & models.Q(file__isnull=False)),
                name="bank_order_is_in_a_file_once_filed",
            ),
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="bank_order_is_positive"),
        ]
        indexes = [
            models.Index(
                fields=["due_on"], name="bank_order_to_file", condition=models.Q(state="planned")
            )
        ]

    def __str__(self) -> str:
        return self.end_to_end_id

    @property
    def payment(self) -> Payment:
        """The payment that it collects, or gives back."""
        owner = self.attempt or self.refund
        assert owner is not None
        return owner.payment


class BankDelivery(models.Model):
    """A message of a bank, kept as it came, before anything is done about it."""

    class State(models.TextChoices):
        WAITING = "waiting"
        DONE = "done"
        UNREADABLE = "unreadable"

    id = models.UUIDField(primary_key=True)
    gateway = models.CharField(max_length=32)
    name = models.CharField(max_length=255, help_text="what the bank has called the file")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the message")
    kind = models.CharField(max_length=16, blank=True)
    message_id = models.CharField(max_length=70, blank=True)
    body_sealed = models.TextField()
    state = models.CharField(max_length=16, choices=State.choices, default=State.WAITING)
    result = models.CharField(max_length=300, blank=True)
    problem = models.CharField(max_length=300, blank=True, help_text="what a person has to know")
    tries = models.PositiveSmallIntegerField(default=0)
    received_at = models.DateTimeField(default=now)
    done_at = models.DateTimeField(null=True, blank=True)

    objects = models.Manager["BankDelivery"]()

    class Meta:
        ordering = ["-received_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["gateway", "digest"], name="bank_delivery_once")
        ]
        indexes = [
            models.Index(
                fields=["id"], name="bank_delivery_waiting", condition=models.Q(state="waiting")
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind or 'message'} {self.message_id or self.name}"


class BankEntry(models.Model):
    """One movement of our account, however many messages tell of it; it stays as it was booked."""

    class State(models.TextChoices):
        ORDERED = "ordered", "Of an order of ours"
        MATCHED = "matched"
        WAITING = "waiting", "To be matched"
        ASIDE = "aside", "Not a customer's payment"
        CHARGE = "charge", "The bank's own charge"

    id = models.UUIDField(primary_key=True)
    gateway = models.CharField(max_length=32)
    reference = models.CharField(max_length=100, help_text="the bank's name for it")
    delivery = models.ForeignKey(BankDelivery, on_delete=models.PROTECT, related_name="entries")
    is_credit = models.BooleanField()
    currency = models.CharField(max_length=3)
    amount = money_field()
    booked_on = models.DateField()
    end_to_end_id = models.CharField(max_length=35, blank=True)
    structured = models.CharField(max_length=35, blank=True, help_text="the creditor reference")
    text = models.CharField(max_length=500, blank=True)
    party_name = models.CharField(max_length=140, blank=True)
    party_sealed = models.TextField(blank=True)
    party_last4 = models.CharField(max_length=4, blank=True)
    code = models.CharField(max_length=32, blank=True)
    return_reason = models.CharField(max_length=16, blank=True)
    state = models.CharField(max_length=16, choices=State.choices)
    order = models.ForeignKey(
        BankOrder, on_delete=models.PROTECT, null=True, blank=True, related_name="entries"
    )
    payment = models.OneToOneField(
        Payment, on_delete=models.PROTECT, null=True, blank=True, related_name="bank_entry"
    )
    why = models.CharField(max_length=300, blank=True, help_text="why it was matched, or not")
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=now)

    objects = models.Manager["BankEntry"]()

    class Meta:
        ordering = ["-booked_on", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["gateway", "reference"], name="bank_entry_once"),
            models.CheckConstraint(
                condition=models.Q(state="matched", payment__isnull=False, is_credit=True)
                | (~models.Q(state="matched") & models.Q(payment__isnull=True)),
                name="bank_entry_matched_to_a_payment",
            ),
            models.CheckConstraint(
                condition=models.Q(state="ordered", order__isnull=False)
                | (~models.Q(state="ordered") & models.Q(order__isnull=True)),
                name="bank_entry_of_an_order",
            ),
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="bank_entry_is_positive"),
        ]
        indexes = [
            models.Index(
                fields=["booked_on", "id"],
                name="bank_entry_waiting",
                condition=models.Q(state="waiting"),
            )
        ]

    def __str__(self) -> str:
        return self.reference


class PaymentReturn(models.Model):
    """Money that a bank has taken back after it had been paid; never changed.

    The payment is no longer paid, and what it paid is owed again.
    """

    id = models.UUIDField(primary_key=True)
    payment = models.OneToOneField(Payment, on_delete=models.PROTECT, related_name="payment_return")
    attempt = models.OneToOneField(PaymentAttempt, on_delete=models.PROTECT, related_name="+")
    currency = models.CharField(max_length=3)
    amount = money_field()
    code = models.CharField(max_length=64, help_text="as the bank said it")
    decline_class = models.CharField(max_length=32)
    message = models.CharField(max_length=300, blank=True)
    returned_on = models.DateField()
    returned_at = models.DateTimeField(help_text="when it was recorded here")

    objects = models.Manager["PaymentReturn"]()

    class Meta:
        ordering = ["-returned_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="return_is_positive")
        ]

    def __str__(self) -> str:
        return f"{self.amount} of {self.payment_id}: {self.code}"
