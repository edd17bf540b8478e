"""What the pages of the books can be asked."""

from datetime import date
from typing import Any

from django import forms

from finance.models import Account
from finance.queries import JournalFilter, documents_named, kinds_used
from subscriptions.models import Customer
from tiktoktoe.web.tones import label_of


class DayInput(forms.DateInput):
    """A day, picked in the browser."""

    input_type = "date"


class JournalForm(forms.Form):
    """The journal's filters; all may be empty."""

    account = forms.ModelChoiceField(
        Account.objects.all(), required=False, to_field_name="code", empty_label="All accounts"
    )
    kind = forms.ChoiceField(required=False)
    since = forms.DateField(required=False, widget=DayInput, label="From")
    until = forms.DateField(required=False, widget=DayInput, label="To")
    customer = forms.CharField(required=False, max_length=64)
    document = forms.CharField(required=False, max_length=64)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kinds = [("", "All kinds"), *((kind, label_of(kind)) for kind in kinds_used())]
        self.fields["kind"] = forms.ChoiceField(choices=kinds, required=False)
        self.fields["customer"].widget.attrs["placeholder"] = "Number or external id"
        self.fields["document"].widget.attrs["placeholder"] = "Invoice or credit note"

    def clean_customer(self) -> int | None:
        """A customer by our number or by the name that usage events use."""
        text = self.cleaned_data["customer"].strip()
        if not text:
            return None
        known = Customer.objects.filter(external_id=text)
        if text.isascii() and text.isdecimal() and not known.exists():
            known = Customer.objects.filter(pk=int(text[:18]))
        found = known.values_list("pk", flat=True).first()
        if found is None:
            raise forms.ValidationError("There is no such customer.")
        return found

    def clean_document(self) -> list[Any] | None:
        """The documents that belong to a number."""
        text = self.cleaned_data["document"].strip()
        if not text:
            return None
        found = documents_named(text)
        if not found:
            raise forms.ValidationError("There is no such document.")
        return found

    def wanted(self) -> JournalFilter:
        """What valid filters ask for."""
        given = self.cleaned_data
        account = given["account"]
        return JournalFilter(
            account_id=account.pk if account else None,
            kind=given["kind"],
            since=given["since"],
            until=given["until"],
            customer_id=given["customer"],
            source_ids=given["document"],
        )


class BalanceForm(forms.Form):
    """A day and a currency."""

    on = forms.DateField(widget=DayInput, label="At the end of")
    currency = forms.ChoiceField()

    def __init__(self, data: Any, *, today: date, currencies: list[str]) -> None:
        given = {
            "on": data.get("on") or today.isoformat(),
            "currency": data.get("currency") or (currencies[0] if currencies else ""),
        }
        super().__init__(given)
        self.fields["currency"] = forms.ChoiceField(choices=[(code, code) for code in currencies])


class LedgerForm(forms.Form):
    """A currency of an account, between two days."""

    currency = forms.ChoiceField()
    since = forms.DateField(required=False, widget=DayInput, label="From")
    until = forms.DateField(required=False, widget=DayInput, label="To")

    def __init__(self, data: Any, *, currencies: list[str]) -> None:
        given = {name: data.get(name, "") for name in ("currency", "since", "until")}
        given["currency"] = given["currency"] or (currencies[0] if currencies else "")
        super().__init__(given)
        self.fields["currency"] = forms.ChoiceField(choices=[(code, code) for code in currencies])


class TaxForm(forms.Form):
    """Days from and to, both counted, and a currency; this month if nothing is said."""

    since = forms.DateField(widget=DayInput, label="From")
    until = forms.DateField(widget=DayInput, label="To")
    currency = forms.ChoiceField()

    def __init__(self, data: Any, *, today: date, currencies: list[str]) -> None:
        given = {
            "since": data.get("since") or today.replace(day=1).isoformat(),
            "until": data.get("until") or today.isoformat(),
            "currency": data.get("currency") or (currencies[0] if currencies else ""),
        }
        super().__init__(given)
        self.fields["currency"] = forms.ChoiceField(choices=[(code, code) for code in currencies])
