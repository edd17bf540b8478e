"""Whatever is done to a subscription: it is what was shown, and no cent is lost or made.

A fee of 3775.80 is a whole number of cents a day in months of 28 to 31 days, so that what was
billed, less what was given back, must be exactly the days that were served, each at its price.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.models import CreditNote, CreditNoteLine, Invoice, InvoiceLine
from billing.services.changes.cancelling import cancel_subscription, preview_cancellation
from billing.services.changes.following import invoice_after
from billing.services.changes.pausing import pause, preview_pause, preview_resumption, resume
from billing.services.changes.plan_change_previews import preview_plan_change
from billing.services.changes.plan_changes import change_plan
from billing.services.changes.planned_previews import preview_planned_start
from billing.services.changes.planned_starts import StartWanted, plan_start
from billing.services.changes.planned_work import start_planned
from billing.services.credit.customer_credit import grant_credit
from billing.services.invoices.invoicing import preview_next_invoice
from billing.services.invoices.renewal import run_billing
from subscriptions.domain.proration_policy import Timing, UnusedTime
from subscriptions.models import Customer, Subscription
from subscriptions.services.policies import ChangeOverride
from tests.factories.lifecycle import begin, fee_of
from tests.factories.subscriptions import TEST_ACTOR, make_customer
from tests.shared_world import undone
from tests.strategies import histories
from tiktoktoe.kernel.errors import TikTokToeError
from tiktoktoe.kernel.money import Money
from tiktoktoe.kernel.periods import local_date, local_midnight

pytestmark = pytest.mark.django_db
START = datetime(2026, 1, 31, 12, tzinfo=UTC)
ASKED = datetime(2026, 1, 28, 12, tzinfo=UTC)
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland"]
FEES = ("3775.80", "7551.60", "11327.40")
ONE_DAY = timedelta(days=1)
step = st.one_of(
    st.tuples(st.just("change"), st.integers(0, 5)),
    st.tuples(st.just("backdate"), st.integers(0, 3)),
    st.tuples(st.just("toggle"), st.just(0)),
    st.tuples(st.just("toggle"), st.just(0)),
    st.tuples(st.just("pause"), st.just(1)),
    st.tuples(st.just("cancel"), st.just(0)),
)


class History:
    """A subscription to which things happen, each compared with what was shown before."""

    def __init__(self, policy: str, timing: str, zone: str, *, is_planned: bool = False) -> None:
        self.versions = [fee_of(fee, policy, timing=timing) for fee in FEES]
        customer = make_customer(time_zone=zone)
        if is_planned:
            self.subscription = self.planned(customer)
        else:
            self.subscription = begin(self.versions[0], START.isoformat(), customer=customer)

    def planned(self, customer: Customer) -> Subscription:
        """One that was asked for days before; its first invoice is the one that was shown."""
        wanted = StartWanted(
            on=local_date(START, customer.time_zone), plan_version=self.versions[0]
        )
        terms = {"customer": customer, "wanted": wanted, "actor": TEST_ACTOR, "at": ASKED}
        shown = preview_planned_start(**terms).first  # type: ignore[arg-type]
        plan_start(**terms)  # type: ignore[arg-type]
        start_planned(at=START)
        begun = Subscription.objects.get(customer=customer)
        billed = begun.invoices.first()
        assert (billed and billed.total) == (shown and shown.totals.total)
        return begun

    def play(self, what: str, n: int, at: datetime) -> None:
        shown, given_back = getattr(self, what)(n, at)
        made = Invoice.objects.filter(subscription=self.subscription, created_at=at)
        billed = made.exclude(kind="period").first()
        assert (billed.amount_due if billed else None) == (shown.due if shown else None)
        if shown is not None and billed is not None:
            assert [line.derivation.to_json() for line in shown.lines] == [
                line.derivation for line in billed.lines.order_by("position")
            ]
        notes = CreditNote.objects.filter(customer=self.subscription.customer, issued_at=at)
        assert sorted(note.total for note in notes) == sorted(note.total for note in given_back)

    def change(self, n: int, at: datetime) -> tuple[object, object]:
        version = self.versions[n % 3]
        timing = Timing.IMMEDIATE if n > 2 else None
        terms = {
            "subscription": self.subscription,
            "plan_version": version,
            "quantity": 1,
            "override": ChangeOverride(timing=timing),
            "at": at,
        }
        shown = preview_plan_change(**terms)  # type: ignore[arg-type]
        terms |= {"actor": TEST_ACTOR, "expected": shown.token}
        act = partial(change_plan, **terms)  # type: ignore[arg-type]
        following = invoice_after(act, subscription=self.subscription)
        act()
        after = preview_next_invoice(subscription=self.subscription)
        assert (following and following.lines) == (after and after.lines)
        return shown.draft, shown.notes

    def backdate(self, n: int, at: datetime) -> tuple[object, object]:
        """Another plan as of a day that is over: where something of it is settled, refused."""
        self.subscription.refresh_from_db()
        others = [v for v in self.versions if v.pk != self.subscription.plan_version_id]
        since = local_date(at, self.subscription.time_zone) - (n // 2 + 1) * ONE_DAY
        terms = {
            "subscription": self.subscription,
            "plan_version": others[n % 2],
            "quantity": 1,
            "since": since,
            "at": at,
        }
        shown = preview_plan_change(**terms)  # type: ignore[arg-type]
        change_plan(**terms, actor=TEST_ACTOR, expected=shown.token)  # type: ignore[arg-type]
        return shown.draft, shown.notes

    def pause(self, n: int, at: datetime) -> tuple[object, object]:
        terms = {"subscription": self.subscription, "at": at, "at_period_end": bool(n)}
        shown = preview_pause(**terms)  # type: ignore[arg-type]
        pause(actor=TEST_ACTOR, expected=shown.token, **terms)  # type: ignore[arg-type]
        return shown.draft, shown.notes

    def resume(self, _n: int, at: datetime) -> tuple[object, object]:
        shown = preview_resumption(subscription=self.subscription, at=at)
        resume(subscription=self.subscription, actor=TEST_ACTOR, expected=shown.token, at=at)
        return shown.draft, ()

    def cancel(self, _n: int, at: datetime) -> tuple[object, object]:
        terms = {"subscription": self.subscription, "at": at, "unused": UnusedTime.CREDIT}
        shown = preview_cancellation(**terms)  # type: ignore[arg-type]
        cancel_subscription(actor=TEST_ACTOR, expected=shown.token, **terms)  # type: ignore[arg-type]
        return shown.draft, shown.notes

    def toggle(self, n: int, at: datetime) -> tuple[object, object]:
        self.subscription.refresh_from_db()
        is_paused = self.subscription.state == Subscription.State.PAUSED
        return self.resume(n, at) if is_paused else self.pause(n, at)


def net_billed(subscription: Subscription) -> Fraction:
    """What was charged, less what was taken back, before tax."""
    lines = InvoiceLine.objects.filter(subscription=subscription)
    charged = sum((line.amount.amount for line in lines), Decimal(0))
    notes = CreditNoteLine.objects.filter(invoice_line__in=lines)
    return Fraction(charged - sum((note.amount.amount for note in notes), Decimal(0)))


def worth_of_service(subscription: Subscription, until: datetime) -> Fraction:
    """Every day that it was served, at the price of its phase: a day's part of its period."""
    zone = subscription.time_zone
    row = subscription.billing_periods
    worth = Fraction(0)
    for phase in subscription.phases.select_related("plan_version"):
        fee = Fraction(phase.plan_version.prices.get().unit_amount.amount)
        on = local_date(phase.starts_at, zone)
        last = local_date(min(phase.ends_at or until, until), zone)
        while on < last:
            worth += fee / row.period_at(local_midnight(on, zone)).days(zone)
            on += ONE_DAY
    return worth


@histories(15, thorough=40)
@given(
    steps=st.lists(st.tuples(step, st.integers(0, 6)), min_size=4, max_size=10),
    policy=st.sampled_from(["own", "lago"]),
    timing=st.sampled_from(["advance", "arrears"]),
    zone=st.sampled_from(ZONES),
    kind=st.tuples(st.booleans(), st.booleans()),
)
@undone()
def test_any_history_is_as_it_was_shown_and_bills_exactly_what_was_served(
    steps: list[tuple[tuple[str, int], int]],
    policy: str,
    timing: str,
    zone: str,
    kind: tuple[bool, bool],
) -> None:
    is_rich, is_planned = kind
    history = History(policy, timing, zone, is_planned=is_planned)
    subscription = history.subscription
    if is_rich:
        grant_credit(
            customer=subscription.customer,
            amount=Money(100_000, "USD"),
            reason="Deposit",
            idempotency_key=f"deposit:{subscription.pk}",
            actor=TEST_ACTOR,
            at=START,
        )
    at = START
    for (what, n), days in steps:
        at += timedelta(days=days, minutes=1)
        run_billing(at=at)
        at += timedelta(minutes=1)
        try:
            history.play(what, n, at)
        except TikTokToeError:
            continue  # refused: then nothing may have come of it
    at += timedelta(days=32)
    run_billing(at=at)

    subscription.refresh_from_db()
    in_advance = timing == "advance"
    until = subscription.current_period_end if in_advance else subscription.current_period_start
    if subscription.next_billing_at is None:
        until = at
    assert net_billed(subscription) == worth_of_service(subscription, until)
    for invoice in Invoice.objects.filter(subscription=subscription):
        assert Decimal(0) <= invoice.amount_credited.amount <= invoice.total.amount
