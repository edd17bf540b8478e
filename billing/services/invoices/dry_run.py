"""What a billing run would come to, worked out by the run's own code and not written."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.services.changes.scheduled_changes import rehearsed_boundaries
from billing.services.invoices.draft_parts import Boundary, DraftInvoice
from billing.services.invoices.drafting import draft_invoices
from billing.services.invoices.renewal import due
from billing.services.invoices.run_changes import Rehearsed, beside_last_period
from subscriptions.models import Subscription
from tiktoktoe.kernel.errors import TikTokToeError
from tiktoktoe.kernel.money import Money, total

DRY_RUN_MAX = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrencySum:
    """What the invoices in one currency would come to, and how that differs, before tax, from
    the last periods of those that had one."""

    currency: str
    count: int
    subtotal: Money
    tax: Money
    total: Money
    difference: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """What would be billed by an instant: one boundary of each subscription that is due."""

    at: datetime
    due_count: int
    looked_at: int
    drafts: tuple[DraftInvoice, ...]
    rehearsed: tuple[Rehearsed, ...]
    sums: tuple[CurrencySum, ...]
    failures: tuple[tuple[Subscription, str], ...]


def dry_run(*, at: datetime) -> DryRun:
    """Work out what is due by an instant, for at most 1,000 subscriptions.

    What cannot be billed is named with its reason.
    """
    waiting = due(at).select_related("customer", "plan_version__plan")
    subscriptions = list(waiting.order_by("customer_id", "pk")[:DRY_RUN_MAX])
    drafts, failures = _draft_or_halve(rehearsed_boundaries(subscriptions))
    rehearsed = beside_last_period(drafts)
    return DryRun(
        at=at,
        due_count=due(at).count(),
        looked_at=len(subscriptions),
        drafts=tuple(drafts),
        rehearsed=tuple(rehearsed),
        sums=tuple(_sums(rehearsed)),
        failures=tuple(failures),
    )


def _draft_or_halve(
    boundaries: Sequence[Boundary],
) -> tuple[list[DraftInvoice], list[tuple[Subscription, str]]]:
    try:
        return draft_invoices(boundaries), []
    except (TikTokToeError, ArithmeticError) as problem:
        if len(boundaries) == 1:
            return [], [(boundaries[0].subscription, str(problem))]
        middle = len(boundaries) // 2
        first, first_failures = _draft_or_halve(boundaries[:middle])
        rest, rest_failures = _draft_or_halve(boundaries[middle:])
        return [*first, *rest], [*first_failures, *rest_failures]


def _sums(rehearsed: Sequence[Rehearsed]) -> list[CurrencySum]:
    by_currency: dict[str, list[Rehearsed]] = defaultdict(list)
    for one in rehearsed:
        by_currency[one.draft.currency].append(one)
    return [
        CurrencySum(
            currency=currency,
            count=len(group),
            subtotal=total((one.draft.totals.subtotal for one in group), currency),
            tax=total((one.draft.totals.tax for one in group), currency),
            total=total((one.draft.totals.total for one in group), currency),
            difference=total((one.difference for one in group if one.difference), currency),
        )
        for currency, group in sorted(by_currency.items())
    ]
