"""Customers that move in."""

import re
from collections.abc import Sequence
from datetime import datetime

from django.core.exceptions import ValidationError

from subscriptions.domain.moving_in import ReadRow, RowError
from subscriptions.models import Customer
from subscriptions.services.customers import known_time_zones
from subscriptions.services.moving_in.files import BATCH, MovedIn, once
from tiktoktoe.kernel.errors import InvalidInput
from tiktoktoe.kernel.money import currency_of


def take_customers(rows: Sequence[ReadRow], result: MovedIn, at: datetime) -> None:
    """Make those that are not there, and compare the others."""
    rows = once(rows, "external_id", result)
    ids = [row.values["external_id"] for row in rows]
    known = {c.external_id: c for c in Customer.objects.filter(external_id__in=ids)}
    fresh = []
    for row in rows:
        there = known.get(row.values["external_id"])
        if there is not None:
            _same_customer(there, row, result)
            continue
        customer = Customer(**row.values, created_at=at)
        wrong = _customer_errors(customer, row.line)
        result.errors += wrong
        if not wrong:
            fresh.append(customer)
    result.made = len(fresh)
    Customer.objects.bulk_create(fresh, batch_size=BATCH)


def _same_customer(there: Customer, row: ReadRow, result: MovedIn) -> None:
    differs = [name for name, value in row.values.items() if getattr(there, name) != value]
    result.known += not differs
    for name in differs:
        message = f"is there already, with {getattr(there, name)!r}"[:200]
        result.errors.append(RowError(row.line, name, message))


def _customer_errors(customer: Customer, line: int) -> list[RowError]:
    found = []
    try:
        customer.clean_fields(exclude=["clock"])
    except ValidationError as problem:
        for name, messages in problem.message_dict.items():
            found.append(RowError(line, name, messages[0]))
    if customer.time_zone not in known_time_zones():
        found.append(RowError(line, "time_zone", "is no time zone; write Europe/Berlin"))
    if not re.fullmatch("[A-Z]{2}", customer.country):
        found.append(RowError(line, "country", "write two letters, like DE"))
    try:
        currency_of(customer.currency)
    except InvalidInput as refusal:
        found.append(RowError(line, "currency", refusal.message))
    return found
