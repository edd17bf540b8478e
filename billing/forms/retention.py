"""What staff type about offers to customers who are about to leave."""

from django import forms

from billing.domain.leaving import REASONS
from billing.models import Coupon
from billing.services.changes.retention import OfferTerms
from subscriptions.models import Plan


class RetentionOfferForm(forms.Form):
    """A coupon or a pause, and to whom it is offered."""

    name = forms.CharField(max_length=100, help_text="For the staff.")
    text = forms.CharField(
        max_length=300,
        label="What the customer reads",
        widget=forms.Textarea({"rows": 2}),
    )
    coupon = forms.ModelChoiceField(
        Coupon.objects.none(), required=False, empty_label="No coupon: a pause"
    )
    pause_months = forms.IntegerField(
        required=False, min_value=1, max_value=12, label="Months of a pause"
    )
    plans = forms.ModelMultipleChoiceField(
        Plan.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None: of whatever plan.",
    )
    reasons = forms.MultipleChoiceField(
        choices=list(REASONS.items()),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None: for whatever reason.",
    )
    priority = forms.IntegerField(
        min_value=1, max_value=99, initial=10, help_text="The lowest comes first."
    )

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["coupon"].queryset = Coupon.objects.filter(archived_at=None)  # type: ignore[attr-defined]
        self.fields["plans"].queryset = Plan.objects.order_by("name")  # type: ignore[attr-defined]

    def terms(self) -> OfferTerms:
        """What was typed."""
        given = self.cleaned_data
        return OfferTerms(**{**given, "plans": list(given["plans"])})
