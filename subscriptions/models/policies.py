"""By which rules time becomes money: named policies, and for which plans each of them counts."""

from enum import StrEnum

from django.conf import settings
from django.db import models

from subscriptions.domain import proration_policy as rules
from subscriptions.models.catalog import Plan
from tiktoktoe.kernel.clock import now


def _choices(kind: type[StrEnum]) -> list[tuple[str, str]]:
    return [(str(member), member.name.replace("_", " ").capitalize()) for member in kind]


class BillingPolicy(models.Model):
    """A set of rules under a name; never changed (migration `0008`): new rules are a new number.

    What each field means: `subscriptions.domain.proration_policy`.
    """

    code = models.SlugField(max_length=32)
    number = models.PositiveIntegerField(default=1)
    name = models.CharField(max_length=100)
    unit = models.CharField(max_length=16, choices=_choices(rules.ProrationUnit))
    change_day = models.CharField(max_length=16, choices=_choices(rules.DayGoesTo))
    cancel_day = models.CharField(max_length=16, choices=_choices(rules.DayGoesTo))
    denominator = models.CharField(max_length=16, choices=_choices(rules.Denominator))
    credit_base = models.CharField(max_length=16, choices=_choices(rules.CreditBase))
    credit_form = models.CharField(max_length=16, choices=_choices(rules.CreditForm))
    share_places = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="places that a share is rounded to first; empty: none"
    )
    usage_places = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        help_text="places that a prorated quantity of usage is rounded up to; empty: none",
    )
    anchor_rule = models.CharField(max_length=16, choices=_choices(rules.AnchorRule))
    trial_anchor = models.CharField(max_length=16, choices=_choices(rules.TrialAnchor))
    unused_time = models.CharField(max_length=16, choices=_choices(rules.UnusedTime))
    upgrade_timing = models.CharField(max_length=16, choices=_choices(rules.Timing))
    downgrade_timing = models.CharField(max_length=16, choices=_choices(rules.Timing))
    cross_grade_timing = models.CharField(
        max_length=16,
        choices=_choices(rules.Timing),
        blank=True,
        help_text="empty: as an upgrade or a downgrade",
    )
    bills_change_at_once = models.BooleanField(default=False)
    note_pays = models.CharField(
        max_length=16, choices=_choices(rules.NotePays), default=rules.NotePays.OPEN
    )
    resume_anchor = models.CharField(
        max_length=16, choices=_choices(rules.AnchorRule), default=rules.AnchorRule.ANNIVERSARY
    )
    threshold_span = models.CharField(
        max_length=16, choices=_choices(rules.ThresholdSpan), default=rules.ThresholdSpan.PERIOD
    )
    prorates_included = models.BooleanField(default=True)
    trial_usage = models.CharField(
        max_length=16, choices=_choices(rules.TrialUsage), default=rules.TrialUsage.FREE
    )
    changed_trial = models.CharField(
        max_length=16, choices=_choices(rules.ChangedTrial), default=rules.ChangedTrial.STAYS
    )
    created_at = models.DateTimeField(default=now)

    objects = models.Manager["BillingPolicy"]()

    class Meta:
        ordering = ["code", "-number"]
        verbose_name_plural = "billing policies"
        constraints = [
            models.UniqueConstraint(fields=["code", "number"], name="policy_numbered_once"),
            models.CheckConstraint(
                condition=models.Q(share_places__isnull=True) | models.Q(share_places__lte=18),
                name="policy_share_places_are_few",
            ),
            models.CheckConstraint(
                condition=models.Q(usage_places__isnull=True) | models.Q(usage_places__lte=10),
                name="policy_usage_places_are_few",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} v{self.number}"

    @property
    def rules(self) -> rules.ProrationPolicy:
        """As the arithmetic wants it; a later version is named by its number too."""
        timing = self.cross_grade_timing
        return rules.ProrationPolicy(
            name=self.code if self.number == 1 else str(self),
            unit=rules.ProrationUnit(self.unit),
            change_day=rules.DayGoesTo(self.change_day),
            cancel_day=rules.DayGoesTo(self.cancel_day),
            denominator=rules.Denominator(self.denominator),
            credit_base=rules.CreditBase(self.credit_base),
            credit_form=rules.CreditForm(self.credit_form),
            share_places=self.share_places,
            usage_places=self.usage_places,
            anchor_rule=rules.AnchorRule(self.anchor_rule),
            trial_anchor=rules.TrialAnchor(self.trial_anchor),
            unused_time=rules.UnusedTime(self.unused_time),
            upgrade_timing=rules.Timing(self.upgrade_timing),
            downgrade_timing=rules.Timing(self.downgrade_timing),
            cross_grade_timing=rules.Timing(timing) if timing else None,
            bills_change_at_once=self.bills_change_at_once,
            note_pays=rules.NotePays(self.note_pays),
            resume_anchor=rules.AnchorRule(self.resume_anchor),
            threshold_span=rules.ThresholdSpan(self.threshold_span),
            prorates_included=self.prorates_included,
            trial_usage=rules.TrialUsage(self.trial_usage),
            changed_trial=rules.ChangedTrial(self.changed_trial),
        )


class PolicyRule(models.Model):
    """From when on which policy counts: for the company, a plan, or a change between two plans.

    The most specific one counts, field by field, and of the same kind the newest. Append-only:
    what counted on a day can be said for ever.
    """

    from_plan = models.ForeignKey(
        Plan, on_delete=models.PROTECT, null=True, blank=True, related_name="policy_rules"
    )
    to_plan = models.ForeignKey(
        Plan, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    policy = models.ForeignKey(
        BillingPolicy, on_delete=models.PROTECT, null=True, blank=True, related_name="rules_of"
    )
    timing = models.CharField(max_length=16, choices=_choices(rules.Timing), blank=True)
    prorates = models.BooleanField(
        null=True, help_text="no: a change at once costs nothing until the next period"
    )
    unused_time = models.CharField(max_length=16, choices=_choices(rules.UnusedTime), blank=True)
    effective_from = models.DateTimeField()
    created_at = models.DateTimeField(default=now)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = models.Manager["PolicyRule"]()

    class Meta:
        ordering = ["effective_from", "id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(to_plan__isnull=True) | models.Q(from_plan__isnull=False),
                name="policy_rule_to_a_plan_is_from_a_plan",
            ),
            models.CheckConstraint(
                condition=models.Q(policy__isnull=False)
                | models.Q(from_plan__isnull=False) & ~models.Q(timing="", unused_time="")
                | models.Q(from_plan__isnull=False, prorates__isnull=False),
                name="policy_rule_says_something",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.from_plan or 'company'} {self.policy or ''}".strip()
