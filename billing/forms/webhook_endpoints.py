"""Where outgoing webhooks go."""

from django import forms

from billing.domain.announcements import EVENT_KINDS


class EndpointForm(forms.Form):
    """A system that is to be told of events."""

    url = forms.CharField(max_length=500, label="Address", help_text="https://…")
    description = forms.CharField(max_length=200, required=False)
    kinds = forms.MultipleChoiceField(
        choices=[(kind, kind) for kind in EVENT_KINDS],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        label="What it is told of",
        help_text="None: everything, also kinds that are added later",
    )
