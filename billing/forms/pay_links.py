"""What staff type about payment links."""

from django import forms

from billing.services.payments.pay_links import SHARE_DAYS_MAX


class ShareForm(forms.Form):
    """For how long a link is to serve."""

    days = forms.IntegerField(
        min_value=1, max_value=SHARE_DAYS_MAX, initial=14, label="Days until it expires"
    )
