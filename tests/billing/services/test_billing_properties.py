"""Whatever happened to a subscription: nothing is billed twice, nothing is missing, all adds up."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.models import CreditNote, Invoice, InvoiceLine
from billing.services.changes.plan_changes import change_plan
from billing.services.credit.credit_notes import issue_credit_note
from billing.services.invoices.invoicing import bill_start, preview_next_invoice
from billing.services.invoices.renewal import run_billing
from subscriptions.models import PlanVersion, Subscription
from subscriptions.services.changes import schedule_cancellation
from tests.factories.subscriptions import (
    TEST_ACTOR,
    make_customer,
    make_plan,
    per_call,
    published_version,
    recurring,
    subscription_since,
)
from tests.factories.usage import use
from tests.shared_world import undone
from tests.strategies import histories
from tiktoktoe.kernel.errors import TikTokToeError

pytestmark = pytest.mark.django_db
START = datetime(2026, 1, 31, 12, tzinfo=UTC)
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland", "Asia/Kolkata"]
few = histories(10, thorough=30)
step = st.one_of(
    st.tuples(st.just("use"), st.integers(0, 50_000)),
    st.tuples(st.just("change"), st.integers(0, 2)),
    st.tuples(st.just("bill"), st.just(0)),
    st.tuples(st.just("credit"), st.integers(1, 9_900)),
    st.tuples(st.just("cancel"), st.just(0)),
)


def catalog() -> list[PlanVersion]:
    return [
        published_version(
            recurring(fee), per_call("0.0013", included="1000"), plan=make_plan(), at=START
        )
        for fee in ("19.00", "99.00", "249.00")
    ]


def play(
    subscription: Subscription, versions: list[PlanVersion], what: str, n: int, at: datetime
) -> None:
    if what == "use":
        use(subscription.customer, n, at)
    elif what == "bill":
        run_billing(at=at)
    elif what == "cancel":
        schedule_cancellation(subscription=subscription, actor=TEST_ACTOR, at=at)
    elif what == "change":
        change_plan(
            subscription=subscription,
            plan_version=versions[n],
            quantity=1,
            actor=TEST_ACTOR,
            at=at,
        )
    else:
        invoice = Invoice.objects.filter(subscription=subscription).final().first()
        if invoice is not None:
            issue_credit_note(
                invoice=invoice,
                amount=Decimal(n) / 100,
                reason="Goodwill",
                idempotency_key=f"{subscription.pk}:{at}",
                at=at,
            )


@few
@given(
    steps=st.lists(st.tuples(step, st.integers(1, 25)), min_size=3, max_size=10),
    zone=st.sampled_from(ZONES),
)
@undone()
def test_any_history_is_billed_once_without_gap_and_adds_up(
    steps: list[tuple[tuple[str, int], int]], zone: str
) -> None:
    versions = catalog()
    customer = make_customer(time_zone=zone)
    subscription = subscription_since(START, customer=customer, version=versions[0])
    bill_start(subscription=subscription, at=START)
    at = START
    for (what, n), days in steps:
        at += timedelta(days=days)
        try:
            play(subscription, versions, what, n, at)
        except TikTokToeError:
            continue  # refused, and nothing may have come of it
    run_billing(at=at)
    before = list(Invoice.objects.order_by("pk").values())

    run_billing(at=at)

    assert list(Invoice.objects.order_by("pk").values()) == before
    check_sums(subscription)
    check_fees_cover_the_time_once(subscription)


def check_sums(subscription: Subscription) -> None:
    for invoice in Invoice.objects.filter(subscription=subscription):
        net = sum((line.amount.amount for line in invoice.lines.all()), Decimal(0))
        tax = sum((line.tax_amount.amount for line in invoice.lines.all()), Decimal(0))
        assert (net, tax) == (invoice.subtotal.amount, invoice.tax.amount)
        assert invoice.total.amount == net + tax
        notes = CreditNote.objects.filter(invoice=invoice)
        credited = sum((note.total.amount for note in notes), Decimal(0))
        assert credited == invoice.amount_credited.amount <= invoice.total.amount


def check_fees_cover_the_time_once(subscription: Subscription) -> None:
    """Whole fees follow each other without gap or overlap, from the first day on."""
    fees = InvoiceLine.objects.filter(subscription=subscription, kind="recurring")
    periods = list(fees.order_by("period_start").values_list("period_start", "period_end"))
    subscription.refresh_from_db()
    for (_, end), (start, _) in pairwise(periods):
        assert end == start
    assert periods[-1][1] == subscription.current_period_end


@few
@given(
    quantity=st.integers(0, 10**7),
    seats=st.integers(1, 9),
    day=st.integers(1, 27),
    zone=st.sampled_from(ZONES),
)
@undone()
def test_the_preview_equals_the_invoice(quantity: int, seats: int, day: int, zone: str) -> None:
    version = published_version(
        recurring("12.34", charge_model="per_unit"), per_call("0.00037"), at=START
    )
    customer = make_customer(time_zone=zone)
    subscription = subscription_since(START, customer=customer, version=version, quantity=seats)
    use(customer, quantity, START + timedelta(days=day))

    preview = preview_next_invoice(subscription=subscription)
    run_billing(at=subscription.current_period_end)

    invoice = Invoice.objects.get(subscription=subscription)
    assert preview is not None
    assert preview.totals.total == invoice.total
    assert [line.amount.amount for line in preview.lines] == [
        line.amount.amount for line in invoice.lines.order_by("position")
    ]
    assert [line.derivation.to_json() for line in preview.lines] == [
        line.derivation for line in invoice.lines.order_by("position")
    ]
