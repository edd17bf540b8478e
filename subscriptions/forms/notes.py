"""What staff write down about a customer."""

from django import forms

from subscriptions.services.notes import LONGEST


class NoteForm(forms.Form):
    """A note for the staff; the customer never sees it."""

    text = forms.CharField(
        label="Note",
        max_length=LONGEST,
        widget=forms.Textarea({"rows": 3}),
        help_text="For the staff only. It cannot be changed afterwards.",
    )
