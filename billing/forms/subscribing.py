"""A subscription is started, by staff or by who signs up."""

from datetime import datetime
from typing import Any

from babel import Locale
from django import forms
from django.db.models import OuterRef, Q, QuerySet, Subquery

from billing.forms.fields import DAY
from subscriptions.models import PlanVersion
from tiktoktoe.kernel.ids import short_id
from tiktoktoe.web.days import DayField


def country_choices() -> list[tuple[str, str]]:
    """Every country by its English name."""
    names = Locale("en").territories
    found = [(code, name) for code, name in names.items() if len(code) == 2 and code.isalpha()]
    return sorted((pair for pair in found if pair[0] not in NO_COUNTRIES), key=lambda p: p[1])


NO_COUNTRIES = frozenset({"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"})


def versions_on_sale(at: datetime) -> QuerySet[PlanVersion]:
    """The newest version on sale of every plan, in each currency."""
    newest = (
        PlanVersion.objects.published()
        .filter(plan=OuterRef("plan"), currency=OuterRef("currency"), effective_from__lte=at)
        .order_by("-number")
        .values("pk")[:1]
    )
    rows = PlanVersion.objects.filter(pk=Subquery(newest), plan__is_add_on=False)
    return rows.select_related("plan").order_by("plan__rank", "currency")


def offered_versions(at: datetime) -> QuerySet[PlanVersion]:
    """What is on sale to everybody: the versions of public plans."""
    return versions_on_sale(at).filter(plan__is_public=True)


def startable_versions(at: datetime) -> QuerySet[PlanVersion]:
    """What is on sale, and what will be: for starts on a day to come."""
    coming = PlanVersion.objects.published().filter(effective_from__gt=at, plan__is_add_on=False)
    rows = PlanVersion.objects.filter(Q(pk__in=versions_on_sale(at)) | Q(pk__in=coming))
    return rows.select_related("plan").order_by("plan__rank", "currency", "number")


class StartableChoice(forms.ModelChoiceField[PlanVersion]):
    """A choice among prices; of those that are to come, from when on they are sold."""

    at: datetime | None = None

    def label_from_instance(self, obj: PlanVersion) -> str:
        """As staff know it."""
        is_to_come = self.at is not None and obj.effective_from > self.at
        return f"{obj}, sold from {obj.effective_from:%-d %b %Y} on" if is_to_come else str(obj)


class SubscriptionForm(forms.Form):
    """Which plan a customer is put on, and how many."""

    plan_version = StartableChoice(PlanVersion.objects.none(), label="Plan")
    quantity = forms.IntegerField(min_value=1, max_value=1_000_000, initial=1)
    trial_days = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=365,
        label="Trial days",
        help_text="Left empty, the plan's own",
    )
    starts_on = DayField(
        required=False,
        label="On a later day",
        widget=DAY,
        help_text="Left empty, it starts today",
    )
    coupon_code = forms.CharField(max_length=32, required=False, label="Coupon code")
    reason = forms.CharField(
        max_length=200,
        required=False,
        label="Why on that day",
        help_text="Of a later day; kept with it, not shown to the customer",
    )
    reference = forms.RegexField(r"^sub_[0-9a-z]{12}$", required=False, widget=forms.HiddenInput)

    def __init__(self, given: Any = None, *, at: datetime) -> None:
        """Offer what is on sale, in every currency: a customer may have several.

        Plans that are not public too: those are agreed with a customer. The reference makes
        sending the form twice harmless.
        """
        super().__init__(given, initial={"reference": short_id("sub")})
        choice = self.fields["plan_version"]
        assert isinstance(choice, StartableChoice)
        choice.at, choice.queryset = at, startable_versions(at)


class PlanChoice(forms.ModelChoiceField[PlanVersion]):
    """A choice among what is on sale, by the plan's name."""

    def label_from_instance(self, obj: PlanVersion) -> str:
        """As a customer knows it; of an offer in several intervals, with its own."""
        interval = f", billed {obj.plan.interval_words}" if obj.plan.offer else ""
        return f"{obj.plan.name}{interval}, in {obj.currency}"
