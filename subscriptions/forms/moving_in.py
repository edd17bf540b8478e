"""A file of customers or subscriptions that staff give."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from django import forms

from tiktoktoe.web.tones import label_of

BYTES_MAX = 10_000_000
CARRIED_MAX = 1_000_000


class MovingInForm(forms.Form):
    """Which file, of what, and what its columns mean."""

    kind = forms.ChoiceField(label="The file has")
    file = forms.FileField(
        label="CSV file",
        help_text="in UTF-8, with a line of column names",
        error_messages={"required": "Choose a file."},
    )
    mapping = forms.CharField(
        required=False,
        widget=forms.Textarea({"rows": 4}),
        label="Columns of other names",
        help_text="a line each: field = column",
    )

    def __init__(self, *given: Any, kinds: Iterable[StrEnum], **options: Any) -> None:
        """A file of one of these kinds."""
        super().__init__(*given, **options)
        if self.data.get("text"):  # of a file that was checked before
            self.fields["file"].required = False
        field = self.fields["kind"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(kind.value, label_of(kind.value)) for kind in kinds]

    @property
    def carried(self) -> dict[str, str] | None:
        """What was checked, to be given again without choosing it; not if it is large."""
        text = self.cleaned_data["file"]
        if len(text) > CARRIED_MAX:
            return None
        return {"text": text, "mapping": str(self["mapping"].value() or "")}

    def clean_file(self) -> str:
        """Its text, or that of the file that was checked before."""
        file = self.cleaned_data["file"]
        if not file:
            return str(self.data["text"]).replace("\r\n", "\n")
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
