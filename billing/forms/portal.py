"""What customers type in the portal about their prepaid credits."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django import forms

from billing.domain.leaving import REASONS
from billing.forms.days import DayToComeForm
from billing.forms.fields import DAY
from billing.forms.lifecycle import PlanChangeForm
from billing.forms.subscribing import PlanChoice, offered_versions
from subscriptions.models import PlanVersion, Subscription
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.periods import local_date
from tiktoktoe.web.days import DayField


class TopUpForm(forms.Form):
    """How much more is bought; the key makes sending it twice harmless."""

    amount = forms.DecimalField(
        max_digits=12, decimal_places=4, min_value=Decimal("0.0001"), max_value=Decimal(1_000_000)
    )
    key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, given: Any = None, *, wallet_id: int) -> None:
        """Its fields have the wallet in their ids: a page may have one for each."""
        super().__init__(given, initial={"key": uuid7()}, auto_id=f"wallet-{wallet_id}-%s")


class PortalReturnForm(DayToComeForm):
    """From when on what has ended is to run again."""

    def __init__(self, given: Any = None, *, today: date) -> None:
        """`today` is the customer's."""
        super().__init__(given)
        self.today = today
        self.fields["on"].help_text = "Left empty, today."


class PortalCancelForm(forms.Form):
    """Why a customer leaves; kept with the cancellation."""

    why = forms.ChoiceField(
        choices=list(REASONS.items()), widget=forms.RadioSelect, label="Why do you leave?"
    )
    more = forms.CharField(
        max_length=150,
        required=False,
        label="What could we have done better?",
        widget=forms.Textarea({"rows": 3}),
    )

    def reason(self) -> str:
        """Both in one line, as it is kept."""
        why = REASONS[self.cleaned_data["why"]]
        more = " ".join(self.cleaned_data["more"].split())
        return f"{why}: {more}"[:200] if more else why


class PortalPauseForm(forms.Form):
    """Until when it rests."""

    resume_on = DayField(
        required=False,
        label="Go on again on",
        widget=DAY,
        help_text="Left empty, until you resume it here.",
    )


class PortalResumptionForm(DayToComeForm):
    """On which day what is paused goes on."""

    def __init__(self, given: Any = None, *, subscription: Subscription, at: datetime) -> None:
        """Days are the subscription's."""
        super().__init__(given)
        self.today = local_date(at, subscription.time_zone)


class PortalPlanForm(PlanChangeForm, DayToComeForm):
    """Which plan and how many, of what customers are offered."""

    plan_version = PlanChoice(PlanVersion.objects.none(), label="Plan", empty_label=None)
    field_order = ["plan_version", "quantity", "on"]

    def __init__(self, given: Any = None, *, subscription: Subscription, at: datetime) -> None:
        """Offer what is on sale to everybody, and the plan that it is on."""
        super().__init__(given, subscription=subscription)
        self.today = local_date(at, subscription.time_zone)
        public = offered_versions(at).filter(currency=subscription.currency).values("pk")
        own = PlanVersion.objects.filter(pk=subscription.plan_version_id)
        offered = PlanVersion.objects.filter(pk__in=public) | own
        field = self.fields["plan_version"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = offered.select_related("plan").order_by("plan__rank", "plan__name")
