"""What a subscription will be on by an instant, of all that is scheduled for it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something that is scheduled: other prices or another quantity, or a pause.

    What is None stays as it is by then. A step that is `replaceable` waits for the end of the
    running period, and is withdrawn when another change of plan is made or scheduled before.
    """

    due_at: datetime
    version_id: int | None = None
    quantity: int | None = None
    is_pause: bool = False
    resumes_at: datetime | None = None
    replaceable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What it is on; `since` is when it went, or is to go, to these prices, if it is to."""

    version_id: int
    quantity: int
    since: datetime | None = None
    paused_from: datetime | None = None


def standing(*, version_id: int, quantity: int, steps: Iterable[Step], until: datetime) -> Standing:
    """After all that is due up to an instant, that instant's own included."""
    found = Standing(version_id=version_id, quantity=quantity)
    for step in sorted(steps, key=lambda step: step.due_at):
        if step.due_at > until:
            break
        if step.is_pause:
            is_over = step.resumes_at is not None and step.resumes_at <= until
            found = found if is_over else replace(found, paused_from=step.due_at)
            continue
        version = step.version_id or found.version_id
        since = found.since if version == found.version_id else step.due_at
        found = replace(
            found, version_id=version, quantity=step.quantity or found.quantity, since=since
        )
    return found
