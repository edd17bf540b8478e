"""A chunk of subscriptions is billed through to an instant by the run's own code, and rolled back.

So that later periods follow from earlier ones, drafts are really written, the subscriptions
really moved on, and all of it undone: nobody else ever sees any of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import InterfaceError, OperationalError, transaction

from billing.errors import BeingWorkedOn
from billing.models import DatedChange
from billing.models.dated_changes import DatedChangeQuerySet
from billing.services.changes.dated_work import carry_out
from billing.services.invoices.due import due
from billing.services.invoices.renewal import claim, draft_and_move_on
from billing.services.invoices.run_changes import LinesBefore, Rehearsed, beside_last_period
from tiktoktoe.kernel.rehearsal import rehearsing

PERIODS_MAX = 800


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What billing some subscriptions would come to: invoices, and who would be set aside why."""

    invoices: tuple[Rehearsed, ...] = ()
    failures: tuple[tuple[int, str], ...] = ()


def rehearse(ids: Sequence[int], *, by: datetime) -> Rehearsal:
    """Bill everything of these that is due by an instant, and undo it; what fails is halved.

    Raises:
        BeingWorkedOn: If another transaction holds some of them; ask again.
    """
    try:
        with transaction.atomic(), rehearsing():
            found = _bill_through(ids, by)
            transaction.set_rollback(True)
        return Rehearsal(invoices=tuple(found))
    except (OperationalError, InterfaceError, BeingWorkedOn):
        raise
    except Exception as problem:  # noqa: BLE001 - as in a run, it is at the fault of one
        if len(ids) == 1:
            return Rehearsal(failures=((ids[0], f"{type(problem).__name__}: {problem}"),))
    middle = len(ids) // 2
    first, rest = rehearse(ids[:middle], by=by), rehearse(ids[middle:], by=by)
    return Rehearsal(first.invoices + rest.invoices, first.failures + rest.failures)


def _make_changes(days: DatedChangeQuerySet, by: datetime) -> None:
    while ready := list(days.ready(by)):
        for change in ready:
            carry_out(change, at=max(change.due_at, change.try_at))


def _bill_through(ids: Sequence[int], by: datetime) -> list[Rehearsed]:
    found: list[Rehearsed] = []
    rehearsed: dict[int, LinesBefore] = {}
    days = DatedChange.objects.scheduled().filter(subscription__in=ids, due_at__lte=by)
    has_changes = days.exists()
    for _ in range(PERIODS_MAX):
        if has_changes:
            _make_changes(days, by)
        boundaries, _ = claim(ids, by, by, is_held=True)
        if not boundaries:
            break
        drafts = [draft for _, draft in draft_and_move_on(boundaries, by)]
        found += beside_last_period(drafts, rehearsed)
    if due(by).filter(pk__in=ids).exists():
        raise BeingWorkedOn("some of them are being billed or changed right now")
    return found
