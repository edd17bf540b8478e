"""What staff type about customers' whole debts: requests by currency, and overdue states."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django import forms

from billing.domain.overdue import OverdueTerms, RequestTerms
from billing.models import DunningCampaign
from tiktoktoe.kernel.errors import InvalidInput
from tiktoktoe.kernel.money import currency_of

CURRENCIES_MAX, STATES_MAX = 20, 10
AMOUNT: dict[str, Any] = {"max_digits": 18, "decimal_places": 3, "min_value": 0}


class RequestsForm(forms.Form):
    """How often customers are asked for what is overdue, and how far apart."""

    requests_max = forms.IntegerField(
        required=False, min_value=1, max_value=99, label="At most so many requests in a currency"
    )
    days_between = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=365,
        label="More than so many days apart",
        help_text="counted over all currencies of a customer",
    )


class ThresholdForm(forms.Form):
    """From which overdue balance in a currency a customer is asked for it."""

    currency = forms.CharField(max_length=3)
    amount = forms.DecimalField(label="From", **AMOUNT)

    def clean_currency(self) -> str:
        """A currency that exists."""
        code = str(self.cleaned_data["currency"]).upper()
        try:
            return currency_of(code).code
        except InvalidInput as unknown:
            raise forms.ValidationError(unknown.message) from None


class StateForm(forms.Form):
    """A state that a customer's debt makes of it; conditions that are empty are met."""

    name = forms.CharField(max_length=32)
    days = forms.IntegerField(required=False, min_value=0, max_value=3650, label="Days unpaid")
    invoices = forms.IntegerField(required=False, min_value=1, max_value=9999, label="Invoices")
    amount = forms.DecimalField(required=False, label="Owed", **AMOUNT)
    blocks_changes = forms.BooleanField(required=False, label="Blocks changes")
    blocks_service = forms.BooleanField(required=False, label="Blocks service")


ThresholdForms = forms.formset_factory(
    ThresholdForm, extra=2, max_num=CURRENCIES_MAX, validate_max=True
)
StateForms = forms.formset_factory(StateForm, extra=2, max_num=STATES_MAX, validate_max=True)


class DebtForms:
    """The forms for whole debts together; rows that are empty are left out."""

    def __init__(
        self, data: Mapping[str, Any] | None, *, start_from: DunningCampaign | None = None
    ) -> None:
        """Filled with the campaign that the new one is to follow."""
        first = _said_by(start_from) if start_from is not None and data is None else ({}, [], [])
        self.requests_form = RequestsForm(data, initial=first[0])
        self.thresholds = ThresholdForms(data, initial=first[1], prefix="thresholds")
        self.states_rows = StateForms(data, initial=first[2], prefix="states")

    def is_whole(self) -> bool:
        """Whether all of it can be used."""
        return bool(
            self.requests_form.is_valid()
            & self.thresholds.is_valid()
            & self.states_rows.is_valid()
            & self._says_how_often()
        )

    def requests(self) -> RequestTerms | None:
        """When a customer is asked for all that is overdue; None: never."""
        rows = _typed(self.thresholds)
        if not rows:
            return None
        said = self.requests_form.cleaned_data
        return RequestTerms(
            thresholds={row["currency"]: row["amount"] for row in rows},
            requests_max=said["requests_max"],
            days_between=said["days_between"],
        )

    def states(self) -> tuple[OverdueTerms, ...]:
        """What a customer's debt makes of it, the strictest last."""
        return tuple(
            OverdueTerms(
                name=row["name"],
                days_since_earliest_unpaid=row["days"],
                unpaid_invoices=row["invoices"],
                unpaid_amount=row["amount"],
                blocks_changes=row["blocks_changes"],
                blocks_service=row["blocks_service"],
            )
            for row in _typed(self.states_rows)
        )

    def _says_how_often(self) -> bool:
        """Whether thresholds come with how often and how far apart, each currency once."""
        form, rows = self.requests_form, _typed(self.thresholds)
        if not form.is_valid() or not self.thresholds.is_valid() or not rows:
            return True
        for field in ("requests_max", "days_between"):
            if form.cleaned_data.get(field) is None:
                form.add_error(field, "Say it, where a currency has a threshold.")
        currencies = [row["currency"] for row in rows]
        if len(set(currencies)) < len(currencies):
            form.add_error(None, "Each currency has one threshold.")
        return form.is_valid()


def _typed(rows: Any) -> Sequence[dict[str, Any]]:
    found = (getattr(row, "cleaned_data", None) for row in rows.forms if row.has_changed())
    return [row for row in found if row]


def _plain(amount: Decimal) -> str:
    """As a person writes it: 50, not 50.000 nor 5E+1."""
    return f"{amount.normalize():f}"


_Said = tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]


def _said_by(campaign: DunningCampaign) -> _Said:
    asked = {"requests_max": campaign.requests_max, "days_between": campaign.days_between}
    thresholds = [
        {"currency": row.currency, "amount": _plain(row.amount)}
        for row in campaign.thresholds.all()
    ]
    states = [
        {
            "name": row.name,
            "days": row.days_since_earliest_unpaid,
            "invoices": row.unpaid_invoices,
            "amount": None if row.unpaid_amount is None else _plain(row.unpaid_amount),
            "blocks_changes": row.blocks_changes,
            "blocks_service": row.blocks_service,
        }
        for row in campaign.states.all()
    ]
    return asked, thresholds, states
