"""A file of customers or subscriptions that staff give."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from django import forms

BYTES_MAX = 10_000_000


class MovingInForm(forms.Form):
    """Which file, of what, and what its columns mean."""

    kind = forms.ChoiceField(label="The file has")
    file = forms.FileField(label="CSV file", help_text="in UTF-8, with a line of column names")
    mapping = forms.CharField(
        required=False,
        widget=forms.Textarea({"rows": 4}),
        label="Columns of other names",
        help_text="a line each: field = column",
    )

    def __init__(self, *given: Any, kinds: Iterable[StrEnum], **options: Any) -> None:
        """A file of one of these kinds."""
        super().__init__(*given, **options)
        field = self.fields["kind"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [
            (kind.value, kind.value.replace("_", " ").replace("add ons", "add-ons").capitalize())
            for kind in kinds
        ]

    def clean_file(self) -> str:
        """Its text."""
        file = self.cleaned_data["file"]
        if file.size > BYTES_MAX:
            raise forms.ValidationError("It is too large: 10 MB at most; divide it.")
        try:
            return str(file.read().decode("utf-8-sig"))
        except UnicodeDecodeError:
            raise forms.ValidationError("It is not in UTF-8.") from None

    def clean_mapping(self) -> dict[str, str]:
        """Field to column."""
        found = {}
        for line in str(self.cleaned_data["mapping"]).splitlines():
            name, mark, column = (part.strip() for part in line.partition("="))
            if line.strip() and not (name and mark and column):
                raise forms.ValidationError(f"{line.strip()!r} is not like field = column.")
            if name:
                found[name] = column
        return found
