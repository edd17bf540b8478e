"""What customers bring along from another engine: stored methods, coupons, credits, add-ons.

Each row is taken in by the service that a page would call, so that nothing gets past its rules;
all of a file, or nothing. What is there already is left alone.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from billing.domain.belongings import FIELDS, BelongingKind
from billing.services.moving_in.add_ons import take_add_on
from billing.services.moving_in.arrivals import Arrival
from billing.services.moving_in.books import Books
from billing.services.moving_in.credit import take_coupon, take_credits
from billing.services.moving_in.methods import take_method
from billing.services.moving_in.opening_bills import take_opening_bill
from billing.services.moving_in.plan_changes import take_plan_change
from subscriptions.domain.moving_in import ReadRow, RowError
from subscriptions.services.moving_in.files import MovedIn, read_file
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.errors import Conflict, InvalidInput

logger = logging.getLogger(__name__)
Take = Callable[[Mapping[str, Any], Arrival], bool]


def move_belongings_in(
    *,
    kind: BelongingKind,
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
    rows, errors = read_file(FIELDS[kind], text, mapping or {})
    result = MovedIn(kind=kind, errors=errors)
    take, books = TAKERS[kind], Books()
    with transaction.atomic():
        for row in rows:
            _take(take, row, result, Arrival(actor, at, books))
        result.is_written = not is_dry_run and not result.errors
        transaction.set_rollback(not result.is_written)
    result.errors.sort(key=lambda error: (error.line, error.field))
    if result.is_written:
        logger.info("moved in", extra={"kind": str(kind), "made": result.made})
    return result


def _take(take: Take, row: ReadRow, result: MovedIn, by: Arrival) -> None:
    """One row; what it is refused for is said by line and field, and nothing of it stays."""
    try:
        with transaction.atomic():
            is_new = take(row.values, by)
    except InvalidInput as refusal:
        said = f"{refusal.message}{f' ({refusal.remedy})' if refusal.remedy else ''}"
        result.errors.append(RowError(row.line, refusal.field, said))
    except Conflict as refusal:
        result.errors.append(RowError(row.line, "", str(refusal)))
    else:
        result.made += is_new
        result.known += not is_new
        result.remarks += [RowError(row.line, name, said) for name, said in by.remarks]
        for (name, _), amount in by.sums.items():
            result.add(name, amount)


TAKERS: Mapping[BelongingKind, Take] = {
    BelongingKind.PAYMENT_METHODS: take_method,
    BelongingKind.COUPONS: take_coupon,
    BelongingKind.WALLETS: take_credits,
    BelongingKind.ADD_ONS: take_add_on,
    BelongingKind.PLAN_CHANGES: take_plan_change,
    BelongingKind.OPENING_BILLS: take_opening_bill,
}
