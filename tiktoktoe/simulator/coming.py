"""What comes by itself in a simulation, and when the next of it is due."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from billing.models import DatedChange, Invoice, PlannedStart, Wallet
from billing.services.invoices.draft_review import in_review
from billing.services.invoices.due import next_due_at
from tiktoktoe.kernel.errors import InvalidInput
from tiktoktoe.simulator.dunning import dunning_instants
from tiktoktoe.simulator.world import World
from tiktoktoe.standing import standing

RUNS_MAX = 20_000


def instants(world: World, *, after: datetime, until: datetime) -> Iterator[datetime]:
    """Every instant up to one at which something is due, each asked for when the one before it
    is over.

    Raises:
        InvalidInput: If there are too many.
    """
    at = after
    for _ in range(RUNS_MAX):
        coming = min(_coming(world, after=at, until=until), default=None)
        if coming is None:
            return
        at = max(coming, at)
        yield at
    raise InvalidInput(
        f"more than {RUNS_MAX} billing runs", field="run_until", remedy="an earlier day"
    )


def held_drafts() -> list[UUID]:
    """The drafts that wait to be looked at."""
    return _held.rows()


def _coming(world: World, *, after: datetime, until: datetime) -> Iterator[datetime]:
    yield from dunning_instants(world, after=after, until=until)
    billing = next_due_at(until)
    if billing is not None:
        yield billing
    # First bills of a day wait until it is over, for others to be put on them.
    yield from (end for end in _review_ends.rows(until=until) if end is not None)
    if world.dated:
        yield from DatedChange.objects.ready(until).values_list("try_at", flat=True)
    if world.planned:
        yield from PlannedStart.objects.ready(until).values_list("try_at", flat=True)
    if world.buys_credits:
        buying = Wallet.objects.filter(topup_next_at__lte=until)
        yield from (at for at in buying.values_list("topup_next_at", flat=True) if at)


@standing
def _review_ends(until: datetime) -> QuerySet[Invoice, datetime | None]:
    held = in_review().filter(review_until__lte=until, awaits_tax=False)
    return held.order_by("review_until").values_list("review_until", flat=True)[:1]


@standing
def _held() -> QuerySet[Invoice, UUID]:
    return in_review().order_by().values_list("pk", flat=True)
