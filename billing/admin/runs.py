"""Billing runs and what failed in them; read-only."""

from django.contrib import admin

from billing.models import (
    BillingFailure,
    BillingRun,
)
from tiktoktoe.web.admin import ReadOnlyAdmin


@admin.register(BillingRun)
class BillingRunAdmin(ReadOnlyAdmin[BillingRun]):
    """Billing runs."""

    list_display = ["at", "state", "due_count", "invoice_count", "failure_count", "finished_at"]
    list_filter = ["state"]


@admin.register(BillingFailure)
class BillingFailureAdmin(ReadOnlyAdmin[BillingFailure]):
    """Subscriptions that could not be billed."""

    list_display = ["subscription", "error", "failed_at", "released_at"]
    list_filter = ["released_at"]
    search_fields = ["subscription__reference", "subscription__customer__name", "error"]
    list_select_related = ["subscription"]
