"""What staff type about dunning: campaigns and their steps, a calendar's day, a promise."""

from typing import Any

from django import forms

from billing.domain.campaigns import DAYS_MAX, STEPS_MAX, CampaignTerms, Step, StepKind
from billing.domain.declines import DeclineClass
from billing.models import DunningCampaign
from billing.models.dunning import KINDS
from subscriptions.models import Plan
from tiktoktoe.web.days import DayField

DAY = forms.DateInput({"type": "date"}, format="%Y-%m-%d")


class StepForm(forms.Form):
    """One step: on which day, and what."""

    day = forms.IntegerField(min_value=0, max_value=DAYS_MAX)
    kind = forms.ChoiceField(label="Step", choices=[("", "—"), *KINDS])


class StepForms(forms.BaseFormSet[StepForm]):
    """The steps of a campaign to be; empty ones are left out."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """What was typed, in the order of the days."""
        typed = [form.cleaned_data for form in self.forms if form.has_changed()]
        ordered = sorted((row for row in typed if row), key=lambda row: row["day"])
        return tuple(
            Step(position=n, day=row["day"], kind=StepKind(row["kind"]))
            for n, row in enumerate(ordered, start=1)
        )


StepFormSet: type[StepForms] = forms.formset_factory(  # type: ignore[assignment]
    StepForm, formset=StepForms, extra=6, max_num=STEPS_MAX, validate_max=True
)


class CampaignForm(forms.Form):
    """A new campaign, or a new version of one."""

    code = forms.SlugField(max_length=32, help_text="the same code makes its next version")
    name = forms.CharField(max_length=100)
    retry_every_days = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=DAYS_MAX,
        label="Retry every so many days",
        help_text="empty: on its retry steps, or without any by the reason of the decline",
    )
    retries_max = forms.IntegerField(
        required=False, min_value=1, max_value=99, label="At most so often"
    )

    def __init__(
        self, *args: Any, start_from: DunningCampaign | None = None, **kwargs: Any
    ) -> None:
        """Filled with the campaign that it is to follow."""
        super().__init__(*args, **kwargs)
        first: list[dict[str, Any]] = []
        if start_from is not None:
            self.initial = {
                "code": start_from.code,
                "name": start_from.name,
                "retry_every_days": start_from.retry_every_days,
                "retries_max": start_from.retries_max,
            }
            first = [{"day": s.day, "kind": str(s.kind)} for s in start_from.terms.steps]
        data = self.data if self.is_bound else None
        self.rows: StepForms = StepFormSet(
            data, initial=[] if self.is_bound else first, prefix="steps"
        )

    def is_whole(self) -> bool:
        """Whether it and its steps can be used."""
        return bool(self.is_valid() & self.rows.is_valid())

    def terms(self) -> CampaignTerms:
        """What was typed."""
        return CampaignTerms(
            steps=self.rows.steps,
            retry_every_days=self.cleaned_data["retry_every_days"],
            retries_max=self.cleaned_data["retries_max"],
        )


class CalendarForm(forms.Form):
    """For which day a campaign's calendar is shown, and after which decline."""

    past_due_on = DayField(required=False, label="Past due on", widget=DAY)
    reason = forms.ChoiceField(
        required=False,
        label="After",
        choices=[
            ("", "no payment, only an unpaid invoice"),
            *((str(c), f"a decline: {c.replace('_', ' ')}") for c in DeclineClass),
        ],
    )


class AssignmentForm(forms.Form):
    """For whom a campaign is to count."""

    plan = forms.ModelChoiceField(
        Plan.objects.none(), required=False, empty_label="the company", label="For"
    )
    from_day = DayField(required=False, label="From", widget=DAY, help_text="empty: from now on")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """With the plans that there are."""
        super().__init__(*args, **kwargs)
        field = self.fields["plan"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Plan.objects.order_by("name")


class PromiseForm(forms.Form):
    """Until when a customer will have paid, and who said so."""

    until = DayField(label="Promised until", widget=DAY)
    reason = forms.CharField(max_length=200, label="Who said so")
