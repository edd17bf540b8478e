"""Customers and subscriptions move in beside what is scheduled for those that are there."""

from collections.abc import Mapping
from datetime import datetime

from billing.queries.planned_prices import planned_by_customer
from subscriptions.domain.moving_in import FileKind
from subscriptions.services.moving_in.files import MovedIn
from subscriptions.services.moving_in.taking import move_in
from subscriptions.services.transitions import Actor


def move_customers_in(
    *,
    kind: FileKind,
    text: str,
    actor: Actor,
    at: datetime,
    mapping: Mapping[str, str] | None = None,
    is_dry_run: bool = True,
) -> MovedIn:
    """Check a CSV file and, unless it is a dry run or a line is wrong, take all of it in.

    Raises:
        InvalidInput: If it is no such file at all: unreadable, too long, columns missing.
    """
    return move_in(
        kind=kind,
        text=text,
        actor=actor,
        at=at,
        planned=planned_by_customer,
        mapping=mapping,
        is_dry_run=is_dry_run,
    )
