"""What the API can do, a file for each kind of object; importing them registers their routes."""

from tiktoktoe.sandbox.stripe.resources import (
    account,
    balance,
    catalog,
    charges,
    checkout,
    customers,
    disputes,
    events,
    files,
    mandates,
    nothing,
    payment_intents,
    payment_methods,
    payouts,
    refunds,
    setup_intents,
)

__all__ = [
    "account",
    "balance",
    "catalog",
    "charges",
    "checkout",
    "customers",
    "disputes",
    "events",
    "files",
    "mandates",
    "nothing",
    "payment_intents",
    "payment_methods",
    "payouts",
    "refunds",
    "setup_intents",
]
