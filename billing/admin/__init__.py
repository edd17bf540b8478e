"""Support's view of billing: a file for each noun; importing them registers them."""

from billing.admin import (
    clocks,
    credit,
    invoices,
    payment_rules,
    payments,
    runs,
    subscriptions,
    tax,
)

__all__ = [
    "clocks",
    "credit",
    "invoices",
    "payment_rules",
    "payments",
    "runs",
    "subscriptions",
    "tax",
]
