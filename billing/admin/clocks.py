"""Test clocks of sandbox customers, advanced by support."""

from datetime import timedelta

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from billing.services.changes.customer_clocks import advance_clock
from subscriptions.models import (
    CustomerClock,
)
from subscriptions.services.customer_clocks import may_have_clocks
from tiktoktoe.kernel.errors import Conflict, InvalidInput
from tiktoktoe.web.admin import LabelledInputs

ClockSet = QuerySet[CustomerClock]


@admin.register(CustomerClock)
class CustomerClockAdmin(LabelledInputs, admin.ModelAdmin[CustomerClock]):
    """Test clocks: setting one forward lets everything happen that is due on the way."""

    list_display = ["code", "at", "created_at"]
    fields = ["code", "at"]
    actions = ["advance_a_day", "advance_a_week", "advance_a_month"]

    def get_readonly_fields(
        self, request: HttpRequest, obj: CustomerClock | None = None
    ) -> list[str]:
        """Once it is made, only time passes."""
        return ["code", "at"] if obj else []

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only where no real money is."""
        return may_have_clocks() and super().has_add_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: CustomerClock | None = None) -> bool:
        """Its customers live by it."""
        return False

    @admin.action(description="Let a day pass", permissions=["change"])
    def advance_a_day(self, request: HttpRequest, clocks: ClockSet) -> None:
        """What is due in it happens."""
        self._advance(request, clocks, timedelta(days=1))

    @admin.action(description="Let a week pass", permissions=["change"])
    def advance_a_week(self, request: HttpRequest, clocks: ClockSet) -> None:
        """What is due in it happens."""
        self._advance(request, clocks, timedelta(days=7))

    @admin.action(description="Let 31 days pass", permissions=["change"])
    def advance_a_month(self, request: HttpRequest, clocks: ClockSet) -> None:
        """What is due in them happens."""
        self._advance(request, clocks, timedelta(days=31))

    def _advance(self, request: HttpRequest, clocks: ClockSet, by: timedelta) -> None:
        """Not in `save_model`: that is in a transaction, and gateways are talked to here."""
        for clock in clocks:
            try:
                moved = advance_clock(clock=clock, to=clock.at + by)
                self.message_user(request, f"It is {moved.at:%Y-%m-%d %H:%M} for {moved.code}.")
            except (Conflict, InvalidInput) as refusal:
                self.message_user(request, str(refusal), level=messages.ERROR)
