"""Of which days a file is wanted."""

from typing import Any

from django import forms

DAY = forms.DateInput({"type": "date"}, format="%Y-%m-%d")


class ExportForm(forms.Form):
    """From which day to which; all where none is said."""

    start = forms.DateField(required=False, widget=DAY, label="From")
    end = forms.DateField(required=False, widget=DAY, label="To")

    def clean(self) -> dict[str, Any]:
        """In the order of time."""
        found: dict[str, Any] = super().clean() or {}
        start, end = found.get("start"), found.get("end")
        if start and end and start > end:
            self.add_error("end", "It ends before it starts.")
        return found
