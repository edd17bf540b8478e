"""How long a preview takes while somebody waits for it: the median and the slowest twentieth.

Beside them the same question to the naive loop of `billing_run`, which bills and rolls back,
as the first version of a preview would.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from time import perf_counter

from django.db import transaction

from billing.services.changes.cancelling import preview_cancellation
from billing.services.changes.following import invoice_after
from billing.services.changes.pausing import pause, preview_pause
from billing.services.changes.plan_change_previews import preview_plan_change
from billing.services.changes.plan_changes import change_plan
from billing.services.invoices.coming_invoices import preview_next_invoices
from billing.services.invoices.invoicing import preview_next_invoice
from subscriptions.models import PlanVersion, Subscription
from subscriptions.services.transitions import Actor
from tests.benchmarks.big_billing_run import set_up
from tests.benchmarks.billing_run import JAN_1, TIERS, a_plan, bill_one
from tests.factories.subscriptions import make_plan, per_call, published_version, recurring
from tiktoktoe.kernel.ids import short_id

SUBSCRIPTIONS = 2_000
PREVIEWS = 200
BENCHMARK = Actor(source="benchmark")
Say = Callable[[str], object]
Preview = Callable[[Subscription], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """How long one kind of preview took, in milliseconds."""

    name: str
    p50: float
    p95: float
    ratio: float

    def __str__(self) -> str:
        ratio = f"  {self.ratio:.2f} times the naive one" if self.ratio != 1 else ""
        return f"{self.name:<36} p50 {self.p50:>7.1f} ms  p95 {self.p95:>7.1f} ms{ratio}"


def run(
    *, say: Say = print, subscriptions: int = SUBSCRIPTIONS, previews: int = PREVIEWS
) -> list[Latency]:
    """Measure each kind over many subscriptions of a filled database, print and return them."""
    version, dearer = a_plan(), a_dearer_plan()
    set_up(version, subscriptions=subscriptions)
    # In the middle of January, as customers ask.
    asked = list(Subscription.objects.filter(plan_version=version).order_by("?")[:previews])
    at = JAN_1.replace(day=15)
    kinds: dict[str, Preview] = {
        "Naive: bill it and roll back": bill_and_roll_back,
        "Next invoice": lambda s: preview_next_invoice(subscription=s),
        "Next three invoices": lambda s: preview_next_invoices(subscription=s),
        "Change of plan": lambda s: preview_plan_change(
            subscription=s, plan_version=dearer, quantity=2, at=at
        ),
        "Cancellation": lambda s: preview_cancellation(subscription=s, at=at),
        "Pause": lambda s: preview_pause(subscription=s, at=at),
        "Invoice after a change of plan": lambda s: after(
            s, partial(change_plan, plan_version=dearer, quantity=2, at=at)
        ),
        "Invoice after a pause": lambda s: after(s, partial(pause, at_period_end=True, at=at)),
    }
    measured: list[Latency] = []
    for name, preview in kinds.items():
        preview(asked[0])  # warm up
        took = sorted(milliseconds(preview, subscription) for subscription in asked)
        p50, p95 = took[len(took) // 2], took[len(took) * 95 // 100]
        naive = measured[0].p50 if measured else p50
        measured.append(Latency(name=name, p50=p50, p95=p95, ratio=p50 / naive))
        say(str(measured[-1]))
    return measured


def milliseconds(preview: Preview, subscription: Subscription) -> float:
    """How long one preview takes."""
    started = perf_counter()
    preview(subscription)
    return (perf_counter() - started) * 1000


def bill_and_roll_back(subscription: Subscription) -> None:
    """What a first version of a preview does."""
    with transaction.atomic():
        bill_one(subscription.pk)
        transaction.set_rollback(True)


def after(subscription: Subscription, change: Callable[..., object]) -> object:
    """The change is made, the next invoice looked at, and all of it undone."""
    act = partial(change, subscription=subscription, actor=BENCHMARK)
    seen = invoice_after(act, subscription=subscription)
    assert seen is not None, "it was refused, or given up"
    return seen


def a_dearer_plan() -> PlanVersion:
    """The same in dearer."""
    calls = per_call(charge_model="graduated", tiers=TIERS, included="0")
    plan = make_plan(code=short_id("bench"), name="Business", rank=2)
    return published_version(recurring("249.00"), calls, plan=plan, currency="EUR")
