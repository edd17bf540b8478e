"""What else moves in from another engine beside customers and subscriptions: rows of files."""

from calendar import monthrange
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum

from subscriptions.domain.moving_in import (
    Field,
    Fields,
    amount,
    amount_or_none,
    capitals,
    day,
    flag,
    number,
    text,
)


class BelongingKind(StrEnum):
    """What a file holds."""

    PAYMENT_METHODS = "payment_methods"
    COUPONS = "coupons"
    WALLETS = "wallets"
    ADD_ONS = "add_ons"
    PLAN_CHANGES = "plan_changes"
    OPENING_BILLS = "opening_bills"


def month(value: str) -> date:
    """The last day of a month that is written 2027-09."""
    first = day(f"{value[:7]}-01")
    return first.replace(day=monthrange(first.year, first.month)[1])


FIELDS: Mapping[BelongingKind, Fields] = {
    BelongingKind.PAYMENT_METHODS: {
        "customer": Field(text, ..., "the customer's external id"),
        "gateway": Field(text, ..., "the name of a gateway account here: stripe, adyen, paypal"),
        "customer_reference": Field(text, ..., "what the gateway calls the customer"),
        "reference": Field(text, ..., "the gateway's token of the method; known once"),
        "kind": Field(text, "card", "card, bank_debit (its mandate is with the token) or wallet"),
        "brand": Field(text, "", "visa"),
        "last4": Field(text, "", "of its number; never more"),
        "expires": Field(month, None, "the month, as 2027-09"),
        "country": Field(capitals, "", "two letters, of the card"),
        "is_default": Field(flag, otherwise=False, says="yes where it is charged by itself"),
    },
    BelongingKind.COUPONS: {
        "customer": Field(text, ..., "the customer's external id"),
        "coupon": Field(text, ..., "its code; the coupon has to be there"),
        "subscription": Field(text, None, "a reference, where it is for that one only"),
        "amount_left": Field(amount, None, "of an amount that is given once; all of it if empty"),
        "invoices_left": Field(number, None, "how many it is for yet; all of them if empty"),
    },
    BelongingKind.WALLETS: {
        "key": Field(text, ..., "a name of the credits in the other engine; known once"),
        "customer": Field(text, ..., "the customer's external id"),
        "amount": Field(amount, ..., "what is left"),
        "currency": Field(capitals, "", "the customer's if empty"),
        "wallet": Field(text, "Wallet", "the wallet's name; it is opened if it is not there"),
        "expires_on": Field(day, None, "the first day on which they are gone"),
    },
    BelongingKind.ADD_ONS: {
        "subscription": Field(text, ..., "its reference"),
        "add_on": Field(text, ..., "the add-on's code"),
        "quantity": Field(number, 1, "1 if empty"),
    },
    BelongingKind.PLAN_CHANGES: {
        "subscription": Field(text, ..., "its reference"),
        "plan": Field(text, ..., "the code of the plan that it goes to; its own for a quantity"),
        "version": Field(number, None, "of its prices; the newest on sale if empty"),
        "quantity": Field(number, None, "as many as it has if empty"),
        "on": Field(day, None, "the first day that it counts; with the next billing if empty"),
    },
    BelongingKind.OPENING_BILLS: {
        "subscription": Field(text, ..., "its reference; it and its add-ons are there already"),
        "add_on": Field(text, None, "the code of the add-on that was billed; the plan if empty"),
        "invoice": Field(text, ..., "its number in the other engine; credit notes name it"),
        "billed_amount": Field(
            amount, ..., "charged in advance: before tax, or with it where the prices include it"
        ),
        "billed_through": Field(
            day, ..., "the last day that it pays for: the one before the next billing"
        ),
        "billed_from": Field(
            day, None, "the first day that it pays for; that of the running period if empty"
        ),
        "tax": Field(amount_or_none, None, "the tax on it; as our rates have it if empty"),
        "discount": Field(amount_or_none, Decimal(0), "what coupons had taken off it"),
        "quantity": Field(number, None, "as many as there are if empty"),
    },
}
