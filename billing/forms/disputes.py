"""What staff type about disputes: the evidence, section by section."""

from typing import Any

from django import forms

from billing.models import DisputeAnswer
from billing.services.disputes.answers import TEXT_MAX
from billing.services.disputes.evidence import SECTIONS

HELP = {
    "product": "What was bought.",
    "customer": "Who bought it, and since when.",
    "invoice": "What was billed, and for which days.",
    "payment": "How it was paid, and whether the holder confirmed it.",
    "usage": "That it was used: from our meters.",
    "subscription": "What the customer did about it.",
    "notices": "What the customer was told, and when.",
    "refunds": "What was given back.",
    "statement": "What you want to say yourself.",
}


class EvidenceForm(forms.Form):
    """The pack, to be corrected before it is sent."""

    def __init__(self, *args: Any, answer: DisputeAnswer, **kwargs: Any) -> None:
        """With what our records say, or what was written instead."""
        super().__init__(*args, **kwargs)
        for name in SECTIONS:
            text = str(answer.texts.get(name, ""))
            self.fields[name] = forms.CharField(
                required=False,
                max_length=TEXT_MAX,
                initial=text,
                help_text=HELP[name],
                widget=forms.Textarea({"rows": min(12, max(2, text.count("\n") + 1))}),
            )
