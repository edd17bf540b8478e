"""What customers type in the portal about their prepaid credits."""

from decimal import Decimal
from typing import Any

from django import forms

from tiktoktoe.kernel.ids import uuid7


class TopUpForm(forms.Form):
    """How much more is bought; the key makes sending it twice harmless."""

    amount = forms.DecimalField(
        max_digits=12, decimal_places=4, min_value=Decimal("0.0001"), max_value=Decimal(1_000_000)
    )
    key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, given: Any = None, *, wallet_id: int) -> None:
        """Its fields have the wallet in their ids: a page may have one for each."""
        super().__init__(given, initial={"key": uuid7()}, auto_id=f"wallet-{wallet_id}-%s")
