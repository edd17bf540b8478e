"""Everybody on one plan version is moved to another: as a whole, and one by one."""

from datetime import UTC

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F

from billing.domain.price_moves import NoticeRule
from billing.models.money_fields import money_field
from billing.models.plan_changes import PlanChange
from subscriptions.models import PlanVersion, Subscription


class PriceMove(models.Model):
    """A move of the subscribers of a plan version, by whom, when and why."""

    class When(models.TextChoices):
        NOW = "now", "Now"
        RENEWAL = "renewal", "At each one's next renewal"
        ON_DAY = "on_day", "On a day, in the middle of the period"
        FROM_DAY = "from_day", "At each one's first renewal on or after a day"

    class State(models.TextChoices):
        RUNNING = "running"
        DONE = "done"
        UNDONE = "undone", "Taken back"

    AT_RENEWAL = (When.RENEWAL, When.FROM_DAY)
    WITH_DAY = (When.ON_DAY, When.FROM_DAY)

    from_version = models.ForeignKey(PlanVersion, on_delete=models.PROTECT, related_name="+")
    to_version = models.ForeignKey(PlanVersion, on_delete=models.PROTECT, related_name="+")
    when = models.CharField(max_length=8, choices=When.choices)
    on = models.DateField(null=True, blank=True, help_text="on each customer's own calendar")
    prorates = models.BooleanField(null=True, blank=True, help_text="empty: as the policy says")
    countries = ArrayField(models.CharField(max_length=2), default=list, blank=True)
    quantity_min = models.PositiveIntegerField(null=True, blank=True)
    quantity_max = models.PositiveIntegerField(null=True, blank=True)
    started_before = models.DateField(null=True, blank=True)
    notice_days = models.PositiveSmallIntegerField(
        default=0, help_text="each hears of it so many days before its own day; 0: nobody does"
    )
    short_notice_reason = models.CharField(
        max_length=200, blank=True, help_text="why some may hear of it later than that"
    )
    reason = models.CharField(max_length=200)
    state = models.CharField(max_length=8, choices=State.choices, default=State.RUNNING)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    undone_at = models.DateTimeField(null=True, blank=True)

    objects = models.Manager["PriceMove"]()

    class Meta:
        ordering = ["-started_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(when__in=["on_day", "from_day"]) ^ models.Q(on__isnull=True),
                name="price_move_on_a_day_names_it",
            ),
            models.CheckConstraint(
                condition=~models.Q(from_version=models.F("to_version")),
                name="price_move_leads_elsewhere",
            ),
            models.UniqueConstraint(
                fields=["from_version"],
                condition=models.Q(state="running"),
                name="price_move_one_at_a_time",
            ),
            models.CheckConstraint(
                condition=models.Q(short_notice_reason="") | models.Q(notice_days__gt=0),
                name="price_move_short_notice_is_of_a_notice",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.from_version} to {self.to_version}"

    @property
    def is_at_renewal(self) -> bool:
        """Whether it begins with a period."""
        return self.when in self.AT_RENEWAL

    @property
    def notice(self) -> NoticeRule:
        """How long before each one's day it is told."""
        return NoticeRule(days=self.notice_days, may_be_short=bool(self.short_notice_reason))


class PriceMoveRowQuerySet(models.QuerySet["PriceMoveRow"]):
    """Named sets of rows."""

    def waiting(self) -> "PriceMoveRowQuerySet":
        """Those that nothing was decided about yet."""
        return self.filter(state="waiting")

    def to_come(self) -> "PriceMoveRowQuerySet":
        """Those of them whose subscription has not left the old prices meanwhile."""
        return self.waiting().filter(subscription__plan_version=F("move__from_version"))


class PriceMoveRow(models.Model):
    """One subscription of a move: what its fees were and become, and what became of it.

    One that is told before is not moved until it was (migration `price_move_notices`).
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        MOVED = "moved"
        REFUSED = "refused"
        TAKEN_BACK = "taken_back", "Taken back"

    move = models.ForeignKey(PriceMove, on_delete=models.PROTECT, related_name="rows")
    subscription = models.ForeignKey(
        Subscription, on_delete=models.PROTECT, related_name="price_moves"
    )
    state = models.CharField(max_length=12, choices=State.choices, default=State.WAITING)
    why = models.CharField(max_length=300, blank=True)
    currency = models.CharField(max_length=3)
    fee_before = money_field(help_text="of a whole period, as the prices say it")
    fee_after = money_field()
    change = models.ForeignKey(
        PlanChange, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    not_before = models.DateTimeField(
        null=True, blank=True, help_text="the new prices; empty: its next renewal, or at once"
    )
    effective_at = models.DateTimeField(
        null=True, blank=True, help_text="its own day, as last worked out"
    )
    tell_at = models.DateTimeField(null=True, blank=True, help_text="from when it is told")
    due_at = models.DateTimeField(help_text="not before")
    tries = models.PositiveSmallIntegerField(default=0)
    done_at = models.DateTimeField(null=True, blank=True)

    objects = PriceMoveRowQuerySet.as_manager()

    class Meta:
        ordering = ["move", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["move", "subscription"], name="price_move_row_once_per_subscription"
            ),
            models.CheckConstraint(
                condition=~models.Q(state="moved") | models.Q(change__isnull=False),
                name="price_move_row_moved_by_a_change",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="refused") | ~models.Q(why=""),
                name="price_move_row_refused_for_a_reason",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=models.Q(state="waiting"),
                name="price_move_row_waiting",
            ),
            models.Index(
                fields=["effective_at"],
                condition=models.Q(tell_at__isnull=False),
                name="price_move_row_told",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subscription}: {self.state}"

    @property
    def told_as(self) -> str:
        """The key under which its day is announced; another day is another thing to tell."""
        assert self.effective_at is not None
        return f"{self.pk}:{self.effective_at.astimezone(UTC):%Y%m%d}"
