"""Which holds are due for a void, by when the last one failed."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Max, Q, QuerySet

from billing.domain.hold_ends import is_void_due
from billing.models import PaymentAttempt


@dataclass(frozen=True, slots=True)
class Due:
    """A hold whose void may be sent now, and how many have failed before."""

    pk: UUID
    voids_failed: int
    authorized_until: datetime


def due_for_void(holds: QuerySet[PaymentAttempt], at: datetime) -> list[Due]:
    """Those of which no void has failed, or the last one long enough ago; one query.

    The first to lapse comes first.
    """
    failed = Q(operations__kind="void", operations__state="failed")
    found = holds.annotate(
        voids_failed=Count("operations", filter=failed),
        failed_at=Max("operations__resolved_at", filter=failed),
    ).order_by("authorized_until")
    rows = found.values_list("pk", "voids_failed", "authorized_until", "failed_at")
    return [
        Due(pk, voids_failed, until)
        for pk, voids_failed, until, failed_at in rows
        if until is not None and is_void_due(voids_failed=voids_failed, failed_at=failed_at, at=at)
    ]
