"""Customers and subscriptions move in from another engine, by a file: all of it, or nothing.

A file is checked line by line and field by field; a dry run says what would be made. What is
there already, the same, is left alone, so that a file may be given again. A subscription goes on
where it is: nothing is billed for time before its next billing, and its periods keep their days.
"""

import logging
from collections.abc import Mapping
from datetime import datetime

from django.db import IntegrityError, transaction

from subscriptions.domain.moving_in import FIELDS, FileKind
from subscriptions.services.moving_in.customers import take_customers
from subscriptions.services.moving_in.files import MovedIn, read_file
from subscriptions.services.moving_in.subscriptions import take_subscriptions
from subscriptions.services.moving_in.world import Planned
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.errors import InvalidInput

logger = logging.getLogger(__name__)


def move_in(
    *,
    kind: FileKind,
    text: str,
    actor: Actor,
    at: datetime,
    planned: Planned,
    mapping: Mapping[str, str] | None = None,
    is_dry_run: bool = True,
) -> MovedIn:
    """Check a CSV file and, unless it is a dry run or a line is wrong, take all of it in.

    Args:
        kind: What it holds.
        text: All of it.
        actor: By whom.
        at: Now.
        planned: What is scheduled for the customers that are there: whoever calls knows.
        mapping: Which column holds a field, where not the one of its name.
        is_dry_run: Whether nothing is written.

    Raises:
        InvalidInput: If it is no such file at all: unreadable, too long, columns missing.
    """
    rows, errors = read_file(FIELDS[kind], text, mapping or {})
    result = MovedIn(kind=kind, errors=errors)
    try:
        with transaction.atomic():
            if kind == FileKind.CUSTOMERS:
                take_customers(rows, result, at)
            else:
                take_subscriptions(rows, result, planned, actor=actor, at=at)
            result.is_written = not is_dry_run and not result.errors
            transaction.set_rollback(not result.is_written)
    except IntegrityError as clash:
        raise InvalidInput("somebody has just made one of these; try again") from clash
    result.errors.sort(key=lambda error: (error.line, error.field))
    if result.is_written:
        logger.info("moved in", extra={"kind": str(kind), "made": result.made})
    return result
