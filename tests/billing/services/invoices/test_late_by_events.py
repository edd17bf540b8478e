"""Prices that look at single events: billed late they charge what they would have in time."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from billing.models import CreditNote, InvoiceLine, LateUsage
from billing.queries.explanation import explain_line
from billing.queries.late_usage import unbilled_usage
from billing.services.changes.cancelling import cancel_subscription
from billing.services.invoices.late_charges import late_charges
from billing.services.invoices.late_usage import bill_late_usage
from finance.queries import unposted_count
from finance.services.posting import post_documents
from subscriptions.models import PlanVersion, Subscription
from subscriptions.services.price_specs import PriceSpec, TierTerms
from tests.factories.accounts import make_user
from tests.factories.lifecycle import at, begin, fee_of
from tests.factories.subscriptions import TEST_ACTOR, make_meter, per_call
from tests.factories.usage import event_of, use_together
from tiktoktoe.accounts.roles import Role

pytestmark = pytest.mark.django_db
D = Decimal
ENDED = at("2026-01-20T09:30")
TIERS = (
    TierTerms(up_to=D(3), unit_amount=D("0.5")),
    TierTerms(up_to=None, unit_amount=D("0.25")),
)


def price(code: str, model: str = "per_unit", amount: str = "1.005", **terms: Any) -> PriceSpec:
    """A price on a meter of its own, of that name; what the meter is comes first."""
    kinds = {"aggregation", "unique_property", "amount_property", "dimensions", "is_carried_over"}
    meter = make_meter(code, **{name: terms.pop(name) for name in kinds & terms.keys()})
    return per_call(
        amount, included="0", code=code, name=code, charge_model=model, meter=meter, **terms
    )


def every_way() -> list[PriceSpec]:
    calls: dict[str, Any] = {"dimensions": ["model"]}
    big = replace(price("calls", amount="0.01", **calls), code="big", match={"model": ["big"]})
    return [
        price("people", aggregation="unique", unique_property="user"),
        price("disk", aggregation="latest"),
        price("seats", aggregation="weighted", is_carried_over=True),
        price("cost", "dynamic", "0", amount_property="cost"),
        price("paid", "percentage", "0.30", percentage=D("2.9"), included_events=1,
              event_minimum=D("0.50")),
        price("steps", "volume", "0", tiers=TIERS),
        price("held", "graduated", "0", tiers=TIERS, is_carried_over=True, is_prorated=True),
        price("rented", aggregation="unique", unique_property="user", is_carried_over=True,
              is_prorated=True),
        price("calls", **calls,
              variants=(big,)),
    ]  # fmt: skip


EVENTS: list[tuple[str, int, int, dict[str, object]]] = [
    (meter, day, quantity, {"user": user, "cost": cost, "model": model})
    for meter in ("people", "disk", "seats", "cost", "paid", "steps", "held", "rented", "calls")
    for day, quantity, user, cost, model in (
        (3, 2, "ada", "1.25", "big"),
        (7, 4, "bob", "0.40", "small"),
        (9, 1, "ada", "2.00", "big"),
        (15, 5, "cy", "0.07", "other"),
        (18, 1, "dee", "3.00", "big"),
    )
]


def send(customer: Subscription, events: Iterable[int], received_at: datetime) -> None:
    """Send events together."""
    given = []
    for number in events:
        meter, day, quantity, properties = EVENTS[number]
        at = datetime(2026, 1, day, 12, tzinfo=UTC)
        given.append(event_of(customer.customer, quantity, at, meter=meter, properties=properties))
    use_together(given, at=received_at)


def ended(version: PlanVersion, events: Iterable[int]) -> Subscription:
    subscription = begin(version, "2026-01-01")
    send(subscription, events, ENDED - timedelta(hours=1))
    cancel_subscription(subscription=subscription, actor=TEST_ACTOR, at=ENDED)
    subscription.refresh_from_db()
    return subscription


def charged(subscription: Subscription) -> dict[str, Decimal]:
    """What was charged for usage and minimums, price by price, less what was given back."""
    found: dict[str, Decimal] = defaultdict(Decimal)
    lines = InvoiceLine.objects.filter(subscription=subscription, kind__in=["usage", "true_up"])
    for line in lines.select_related("price"):
        found["in all"] += line.amount.amount
        if line.price is not None and line.kind == "usage":
            found[line.price.code + str(line.price.variant_of_id is None)] += line.amount.amount
    for note in CreditNote.objects.filter(
        invoice__subscription=subscription, reason__contains="late"
    ):
        found["in all"] -= note.subtotal.amount
    return dict(found)


@pytest.mark.parametrize("policy", ["own", "killbill", "stripe"])
def test_billed_late_every_price_charges_what_it_would_have_in_time(policy: str) -> None:
    version = fee_of("10.00", policy, *every_way())
    in_time = ended(version, range(len(EVENTS)))
    late = ended(version, range(0, len(EVENTS), 3))
    for first, received in ((1, ENDED + timedelta(days=1)), (2, ENDED + timedelta(days=2))):
        send(late, range(first, len(EVENTS), 3), received)
        rows = unbilled_usage()
        shown = sum(charge.amount.amount for charge in late_charges(rows) if charge.amount)
        before = charged(late)["in all"]
        bill_late_usage(subscription=late, at=received)
        assert charged(late)["in all"] - before == shown

    assert charged(late)["in all"] == charged(in_time)["in all"]
    assert unbilled_usage() == []
    assert LateUsage.objects.filter(counts=True).count() == len(EVENTS) - 15
    post_documents(at=ENDED + timedelta(days=3))
    assert unposted_count(at=ENDED + timedelta(days=3)) == 0


def test_what_comes_to_less_is_given_back_and_its_events_are_billed_once() -> None:
    steps = price("steps", "volume", "0", tiers=TIERS)
    subscription = ended(fee_of("10.00", "own", steps), [25, 27])  # three units at 0.50
    closing = InvoiceLine.objects.get(subscription=subscription, kind="usage")
    send(subscription, [29], ENDED + timedelta(days=1))  # four units at 0.25
    (shown,) = late_charges(unbilled_usage())

    made = bill_late_usage(subscription=subscription, at=ENDED + timedelta(days=1))

    (note,) = made.notes
    assert (made.invoice, note.subtotal.amount, note.to_refund.amount) == (None, D("0.50"), D(0))
    assert shown.amount is not None
    assert shown.amount.amount == D("-0.50")
    assert LateUsage.objects.get().line == closing
    assert unbilled_usage() == []

    send(subscription, [28], ENDED + timedelta(days=2))  # nine units at 0.25: 2.25 less 1.00
    later = bill_late_usage(subscription=subscription, at=ENDED + timedelta(days=2))

    assert later.invoice is not None
    assert later.invoice.subtotal.amount == D("1.25")


def test_the_line_is_explained_down_to_the_events(client: Client) -> None:
    people = price("people", aggregation="unique", unique_property="user")
    subscription = ended(fee_of("10.00", "own", people), [0])
    send(subscription, [1, 2], ENDED + timedelta(days=1))  # bob, and ada again

    invoice = bill_late_usage(subscription=subscription, at=ENDED + timedelta(days=1)).invoice

    assert invoice is not None
    line = invoice.lines.get()
    explained = explain_line(line, invoice)
    assert (line.quantity, line.amount.amount) == (D(1), D("1.00"))  # 2.01 less 1.01
    assert [event.quantity for event in explained.came_late.events] == [D(4), D(1)]
    assert explained.agrees
    client.force_login(make_user(Role.FINANCE))
    page = client.get(
        reverse("invoice_line_detail", args=[invoice.number, line.pk])
    ).content.decode()
    assert "Events that came late" in page
    assert "Charged before" in page
