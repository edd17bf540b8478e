"""Dunning: campaigns and for whom they count, their runs over invoices, and what was done."""

from datetime import datetime

from django.db import models
from django.db.models import Q

from billing.domain.campaigns import CampaignTerms, Step, StepKind
from billing.models.invoices import Invoice
from billing.models.payments import PaymentAttempt
from subscriptions.models import Customer, Plan
from tiktoktoe.kernel.clock import now

KINDS = [(str(kind), kind.name.replace("_", " ").capitalize()) for kind in StepKind]


class DunningCampaign(models.Model):
    """A campaign under a code; never changed (migration `dunning_guards`), but has versions.

    What its terms mean: billing.domain.campaigns.
    """

    code = models.SlugField(max_length=32)
    number = models.PositiveIntegerField(default=1)
    name = models.CharField(max_length=100)
    retry_every_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="after each decline; empty: by its steps, or its reason"
    )
    retries_max = models.PositiveSmallIntegerField(null=True, blank=True)
    requests_max = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="how often an overdue balance is asked for"
    )
    days_between = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="between two of these requests"
    )
    created_at = models.DateTimeField(default=now)
    created_by = models.CharField(max_length=64, blank=True)

    objects = models.Manager["DunningCampaign"]()

    class Meta:
        ordering = ["code", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["code", "number"], name="campaign_numbered_once"),
            models.CheckConstraint(
                condition=Q(retry_every_days__isnull=True) | Q(retry_every_days__gte=1),
                name="campaign_retries_after_a_day",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} (version {self.number})"

    @property
    def terms(self) -> CampaignTerms:
        """As the rules want it; asks for its steps unless they were fetched."""
        steps = sorted(self.steps.all(), key=lambda step: step.position)
        return CampaignTerms(
            steps=tuple(step.terms for step in steps),
            retry_every_days=self.retry_every_days,
            retries_max=self.retries_max,
        )


class DunningStep(models.Model):
    """One step of a campaign: what is done so many days after an invoice fell past due."""

    campaign = models.ForeignKey(DunningCampaign, on_delete=models.PROTECT, related_name="steps")
    position = models.PositiveSmallIntegerField()
    day = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=16, choices=KINDS)

    objects = models.Manager["DunningStep"]()

    class Meta:
        ordering = ["campaign", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "position"], name="dunning_step_position_once"
            ),
        ]

    def __str__(self) -> str:
        return f"day {self.day}: {self.kind}"

    @property
    def terms(self) -> Step:
        """As the rules want it."""
        return Step(position=self.position, day=self.day, kind=StepKind(self.kind))


class DunningRule(models.Model):
    """From when on which campaign counts, for a plan or (without one) the company; append-only.

    A plan's own rule goes before the company's, and of the same kind the newest counts. Without
    a campaign a plan goes by the company's again.
    """

    plan = models.ForeignKey(
        Plan, on_delete=models.PROTECT, null=True, blank=True, related_name="dunning_rules"
    )
    campaign = models.ForeignKey(
        DunningCampaign, on_delete=models.PROTECT, null=True, related_name="rules"
    )
    effective_from = models.DateTimeField()
    actor = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(default=now)

    objects = models.Manager["DunningRule"]()

    class Meta:
        ordering = ["-effective_from", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(plan__isnull=False) | Q(campaign__isnull=False),
                name="dunning_rule_of_the_company_has_a_campaign",
            )
        ]

    def __str__(self) -> str:
        return f"{self.plan or 'company'}: {self.campaign or 'as the company'}"


class DunningRunQuerySet(models.QuerySet["DunningRun"]):
    """Named sets of runs."""

    def going_on(self) -> "DunningRunQuerySet":
        """Those that have not ended."""
        return self.filter(ended_at__isnull=True)

    def due(self, at: datetime) -> "DunningRunQuerySet":
        """Those whose next step has come."""
        return self.filter(ended_at__isnull=True, next_step_at__lte=at)


class DunningRun(models.Model):
    """A campaign at work on one past-due invoice, from its day 0 until it has an outcome."""

    class Outcome(models.TextChoices):
        PAID = "paid"
        VOID = "void"
        WRITTEN_OFF = "written_off"
        STOPPED = "stopped"

    id = models.UUIDField(primary_key=True)
    campaign = models.ForeignKey(DunningCampaign, on_delete=models.PROTECT, related_name="runs")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="dunning_runs")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="dunning_runs")
    past_due_from = models.DateTimeField(help_text="its day 0")
    opened_at = models.DateTimeField()
    next_step_at = models.DateTimeField(null=True, blank=True)
    promised_until = models.DateTimeField(
        null=True, blank=True, help_text="until when the customer has promised to pay"
    )
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=16, choices=Outcome.choices, blank=True)

    objects = DunningRunQuerySet.as_manager()

    class Meta:
        ordering = ["-opened_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["invoice"],
                condition=Q(ended_at__isnull=True),
                name="dunning_run_one_per_invoice",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, outcome="")
                | (Q(ended_at__isnull=False, next_step_at__isnull=True) & ~Q(outcome="")),
                name="dunning_run_ends_with_an_outcome",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_step_at"],
                name="dunning_run_due",
                condition=Q(next_step_at__isnull=False),
            ),
            models.Index(fields=["customer", "-opened_at"], name="dunning_run_of_customer"),
            models.Index(fields=["ended_at"], name="dunning_run_ended"),
        ]

    def __str__(self) -> str:
        return f"{self.invoice}"

    @property
    def source(self) -> str:
        """How what it does elsewhere is named."""
        return f"dunning:{self.pk}"


class DunningAct(models.Model):
    """What became of one step of a run: at most one row a step; append-only."""

    class State(models.TextChoices):
        DONE = "done"
        SKIPPED = "skipped"
        REFUSED = "refused"

    run = models.ForeignKey(DunningRun, on_delete=models.PROTECT, related_name="acts")
    step = models.ForeignKey(DunningStep, on_delete=models.PROTECT, related_name="acts")
    state = models.CharField(max_length=16, choices=State.choices)
    reason = models.CharField(max_length=300, blank=True)
    attempt = models.ForeignKey(
        PaymentAttempt, on_delete=models.PROTECT, null=True, related_name="dunning_acts"
    )
    due_at = models.DateTimeField()
    at = models.DateTimeField()
    actor = models.CharField(max_length=64)

    objects = models.Manager["DunningAct"]()

    class Meta:
        ordering = ["run", "at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["run", "step"], name="dunning_step_once"),
            models.CheckConstraint(
                condition=Q(state="done") | ~Q(reason=""), name="dunning_act_not_done_says_why"
            ),
        ]
        indexes = [models.Index(fields=["at"], name="dunning_act_at")]

    def __str__(self) -> str:
        return f"{self.step}: {self.state}"


class DunningEvent(models.Model):
    """What people decided about a run, and how it began and ended; append-only."""

    run = models.ForeignKey(DunningRun, on_delete=models.PROTECT, related_name="events")
    at = models.DateTimeField()
    actor = models.CharField(max_length=64)
    event = models.CharField(max_length=32)
    reason = models.CharField(max_length=300, blank=True)
    details = models.JSONField(default=dict)

    objects = models.Manager["DunningEvent"]()

    class Meta:
        ordering = ["run", "at", "id"]

    def __str__(self) -> str:
        return self.event
