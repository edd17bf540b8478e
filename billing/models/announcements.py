"""What happened and is told: to customers by notices, to systems by webhooks."""

from django.db import models

from billing.domain.announcements import NOTICE_KINDS
from subscriptions.models import Customer


class Announcing(models.Model):
    """From when on things are told, and how far the search for them has come; one row.

    What was recorded before `starts_at` is never told, such as history that was imported.
    """

    starts_at = models.DateTimeField()
    searched_through = models.DateTimeField()

    objects = models.Manager["Announcing"]()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="announcing_is_one_row")
        ]

    def __str__(self) -> str:
        return f"from {self.starts_at:%Y-%m-%d %H:%M}"


class Announcement(models.Model):
    """One thing that happened, found once: `kind` and `object_key` name it.

    Append-only (migration `announcements`). `facts` is what notices and webhooks say of it.
    """

    kind = models.CharField(max_length=48)
    object_key = models.CharField(max_length=100)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="announcements")
    happened_at = models.DateTimeField()
    announced_at = models.DateTimeField()
    facts = models.JSONField(default=dict)

    objects = models.Manager["Announcement"]()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "object_key"], name="announced_once")
        ]
        indexes = [models.Index(fields=["customer", "-id"], name="announcement_of_customer")]

    def __str__(self) -> str:
        return f"{self.kind} {self.object_key}"


class NoticeQuerySet(models.QuerySet["Notice"]):
    """Named sets of notices."""

    def matching(self, text: str) -> "NoticeQuerySet":
        """Those to a customer or address, or with a subject, that contains a text."""
        if not text:
            return self
        return self.filter(
            models.Q(customer__name__icontains=text)
            | models.Q(recipient__icontains=text)
            | models.Q(subject__icontains=text)
        )


class Notice(models.Model):
    """An e-mail to a customer, and how far sending it has come.

    `body` is the text that was sent; the HTML says the same.
    """

    class State(models.TextChoices):
        QUEUED = "queued"
        SENDING = "sending"
        SENT = "sent"
        FAILED = "failed"
        BOUNCED = "bounced"
        SKIPPED = "skipped"

    id = models.UUIDField(primary_key=True)
    announcement = models.OneToOneField(
        Announcement, on_delete=models.PROTECT, related_name="notice"
    )
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="notices")
    kind = models.CharField(max_length=48)
    locale = models.CharField(max_length=10)
    recipient = models.EmailField()
    subject = models.CharField(max_length=300, blank=True)
    body = models.TextField(blank=True)
    state = models.CharField(max_length=16, choices=State.choices, default=State.QUEUED)
    reason = models.CharField(max_length=200, blank=True, help_text="why it is in this state")
    tries = models.PositiveSmallIntegerField(default=0)
    resends = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=["queued", "sending"], next_try_at__isnull=False)
                | (~models.Q(state__in=["queued", "sending"]) & models.Q(next_try_at__isnull=True)),
                name="notice_waits_for_a_try_or_is_done",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_try_at"],
                name="notice_due",
                condition=models.Q(next_try_at__isnull=False),
            ),
            models.Index(fields=["state", "-created_at"], name="notice_by_state"),
            models.Index(fields=["customer", "-created_at"], name="notice_of_customer"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    @property
    def label(self) -> str:
        """What it is about, in words, as long as it has no subject yet."""
        spec = NOTICE_KINDS.get(self.kind)
        return spec.label if spec else self.kind


class NoticeRefusal(models.Model):
    """A kind of notice that a customer does not want; kinds without one are wanted."""

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=48)
    source = models.CharField(max_length=32, help_text="portal, link, or finance")
    refused_at = models.DateTimeField()

    objects = models.Manager["NoticeRefusal"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["customer", "kind"], name="notice_refused_once")
        ]

    def __str__(self) -> str:
        return f"{self.customer_id} does not want {self.kind}"
