"""What staff type about moving subscribers to other prices."""

from typing import Any

from django import forms

from billing.domain.price_moves import NOTICE_DAYS
from billing.models import PriceMove
from billing.services.changes.price_move_previews import MoveTerms
from subscriptions.models import PlanVersion
from tiktoktoe.web.days import DayField

PRORATES = {"": None, "yes": True, "no": False}
WHEN = [
    (PriceMove.When.FROM_DAY, "First renewal from a day"),
    (PriceMove.When.RENEWAL, "Next renewal"),
    (PriceMove.When.ON_DAY, "On a day, mid-period"),
    (PriceMove.When.NOW, "Now"),
]


class VersionChoice(forms.ModelChoiceField[PlanVersion]):
    """Versions by plan, number and currency."""

    def label_from_instance(self, version: PlanVersion) -> str:
        """Team, version 3, EUR."""
        return f"{version.plan.name}, version {version.number}, {version.currency}"


class PriceMoveForm(forms.Form):
    """From which prices to which, when, and for whom."""

    from_version = VersionChoice(PlanVersion.objects.none(), label="From")
    to_version = VersionChoice(PlanVersion.objects.none(), label="To")
    when = forms.ChoiceField(choices=WHEN, initial=PriceMove.When.FROM_DAY)
    on = DayField(
        required=False,
        label="The day",
        widget=forms.DateInput({"type": "date"}),
        help_text="On each customer's calendar. After the notice that they get.",
    )
    notice_days = forms.IntegerField(
        min_value=0,
        max_value=365,
        initial=NOTICE_DAYS,
        label="Days of notice",
        help_text="Each hears of it by e-mail and webhook so long before its own day, with "
        "both prices. 0: nobody does.",
    )
    short_notice_reason = forms.CharField(
        required=False,
        max_length=200,
        label="Why the notice may be shorter",
        help_text="Only where some have less time than that; kept with the move.",
    )
    prorates = forms.ChoiceField(
        required=False,
        choices=[
            ("", "As the policy says"),
            ("yes", "Credit and charge the rest of the period"),
            ("no", "Charge nothing before the next period"),
        ],
        label="Proration",
    )
    countries = forms.CharField(
        required=False, max_length=200, help_text="DE, AT; empty: everywhere"
    )
    quantity_min = forms.IntegerField(required=False, min_value=1, label="Quantity at least")
    quantity_max = forms.IntegerField(required=False, min_value=1, label="Quantity at most")
    started_before = DayField(
        required=False,
        label="Subscribed before",
        widget=forms.DateInput({"type": "date"}),
    )
    reason = forms.CharField(max_length=200, help_text="kept with each change")

    def __init__(self, given: Any = None, **options: Any) -> None:
        super().__init__(given, **options)
        on_sale = PlanVersion.objects.published().select_related("plan")
        for name in ("from_version", "to_version"):
            field = self.fields[name]
            assert isinstance(field, forms.ModelChoiceField)
            field.queryset = on_sale.order_by("plan__name", "currency", "-number")

    def clean_countries(self) -> list[str]:
        """Country codes, in capitals."""
        codes = [c.strip().upper() for c in str(self.cleaned_data["countries"]).split(",")]
        wanted = [code for code in codes if code]
        if any(len(code) != 2 or not code.isalpha() for code in wanted):
            raise forms.ValidationError("Two letters each, such as DE, AT.")
        return wanted

    def terms(self) -> MoveTerms:
        """What valid input asks for."""
        given = dict(self.cleaned_data)
        given["prorates"] = PRORATES[given["prorates"]]
        return MoveTerms(**given)
