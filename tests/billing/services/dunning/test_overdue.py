"""Overdue states and requests: what a customer's whole debt makes of it."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from billing.domain.overdue import (
    Debt,
    OverdueTerms,
    RequestTerms,
    currencies_due,
    ensure_overdue,
    is_exhausted,
    overdue_state,
)
from billing.errors import CampaignInvalid
from billing.models import (
    Announcement,
    BlockedTime,
    CreditNote,
    DunningRequest,
    Notice,
    OverdueChange,
)
from billing.services.announcements.announcing import announce_new, start_announcing
from billing.services.announcements.notices import words_of
from billing.services.changes.customer_clocks import advance_clock
from billing.services.dunning.campaigns import assign_campaign, publish_campaign
from billing.services.dunning.overdue import debt_of, update_overdue
from billing.services.dunning.requests import request_overdue
from billing.services.invoices.invoicing import void_invoice
from subscriptions.models import Plan, Subscription
from subscriptions.services.customer_clocks import create_clock
from subscriptions.services.lifecycle import end_subscription
from tests.factories.billing import open_invoice
from tests.factories.dunning import campaign_terms
from tests.factories.subscriptions import JAN_1, TEST_ACTOR, make_customer
from tests.stripe_world import first_invoice_of, later
from tiktoktoe.simulator.playing import check
from tiktoktoe.simulator.scenario.timeline import read_scenarios

D = Decimal
OLD = OverdueTerms(name="OLD", days_since_earliest_unpaid=30, blocks_service=True)
MANY = OverdueTerms(name="MANY", unpaid_invoices=2, unpaid_amount=D(150), blocks_changes=True)


def debt(day: int, invoices: int = 1, amount: str = "99") -> Debt:
    return Debt(earliest_on=date(2026, 1, day), invoices=invoices, amount=D(amount))


@pytest.mark.parametrize(
    ("owed", "today", "name"),
    [
        (None, date(2026, 9, 1), None),
        (debt(1), date(2026, 1, 30), None),
        (debt(1), date(2026, 1, 31), "OLD"),
        (debt(1, 2, "149.99"), date(2026, 1, 30), None),
        (debt(1, 2, "150"), date(2026, 1, 30), "MANY"),
        (debt(1, 2, "150"), date(2026, 1, 31), "MANY"),  # the strictest stands last
    ],
)
def test_the_strictest_state_whose_conditions_all_hold_counts(
    owed: Debt | None, today: date, name: str | None
) -> None:
    found = overdue_state([OLD, MANY], owed, today)

    assert (found.name if found else None) == name


def test_a_state_without_a_condition_or_a_name_is_refused() -> None:
    for wrong in ([OverdueTerms(name="A")], [OLD, OLD], []):
        with pytest.raises(CampaignInvalid, match="states"):
            ensure_overdue(wrong)


TERMS = RequestTerms(thresholds={"EUR": D(150), "USD": D(100)}, requests_max=2, days_between=2)


@pytest.mark.parametrize(
    ("overdue", "made", "last", "expected"),
    [
        ({"EUR": "149.99", "USD": "100"}, {}, None, ["USD"]),
        ({"EUR": "150", "USD": "100"}, {"USD": 1}, 2, []),  # exactly two days is not yet
        ({"EUR": "150", "USD": "100"}, {"USD": 1}, 1, ["EUR", "USD"]),
        ({"EUR": "150", "USD": "100"}, {"USD": 2}, 1, ["EUR"]),
        ({"CHF": "900"}, {}, None, []),
    ],
)
def test_each_currency_counts_its_own_requests(
    overdue: dict[str, str], made: dict[str, int], last: int | None, expected: list[str]
) -> None:
    at = datetime(2026, 3, 4, 10)
    found = currencies_due(
        terms=TERMS,
        overdue={c: D(amount) for c, amount in overdue.items()},
        requests_made=made,
        last_at=datetime(2026, 3, last, 10) if last else None,
        at=at,
    )

    assert found == expected


def test_a_customer_is_exhausted_when_every_currency_that_was_asked_for_is() -> None:
    assert is_exhausted({"USD": 2, "EUR": 2}, 2)
    assert not is_exhausted({"USD": 2, "EUR": 1}, 2)
    assert not is_exhausted({}, 2)


def put_in_force(**terms: Any) -> None:
    campaign = publish_campaign(
        code="whole", name="Whole", terms=campaign_terms(""), actor=TEST_ACTOR, at=JAN_1, **terms
    )
    assign_campaign(campaign=campaign, actor=TEST_ACTOR, at=JAN_1)


@pytest.mark.django_db
def test_a_debt_in_another_currency_counts_by_age_and_number_not_by_amount() -> None:
    customer = make_customer(currency="EUR")
    open_invoice(customer=customer)  # 99.00 USD

    assert debt_of(customer, JAN_1) == debt(1, 1, "0")
    customer.currency = "USD"
    assert debt_of(customer, JAN_1) == debt(1, 1, "99")


@pytest.mark.django_db
def test_service_that_is_blocked_is_not_billed_and_its_days_are_credited_once() -> None:
    put_in_force(states=[OLD])
    invoice = first_invoice_of(make_customer())
    subscription = Subscription.objects.get()
    next_billing = subscription.next_billing_at

    changes = [update_overdue(at=later(days=day)) for day in (29, 30, 30, 31)]
    subscription.refresh_from_db()
    assert (changes, subscription.next_billing_at) == ([0, 1, 0, 0], None)
    assert invoice.customer.restrictions.get().reason == "invoices are unpaid: OLD"

    void_invoice(invoice=invoice, at=later(days=30, hours=12))
    assert [update_overdue(at=later(days=31)) for _ in range(2)] == [1, 0]

    subscription.refresh_from_db()
    assert subscription.next_billing_at == next_billing
    assert invoice.customer.restrictions.get().ends_at == later(days=31)
    blocked = BlockedTime.objects.get()
    assert (blocked.blocked_from, blocked.blocked_until) == (later(days=30), later(days=31))
    assert blocked.credited_at == later(days=31)
    assert not CreditNote.objects.exists()  # of a void invoice nothing is given back
    assert [str(c.state) for c in OverdueChange.objects.order_by("pk")] == ["OLD", "None"]


@pytest.mark.django_db
def test_requests_begin_anew_once_nothing_is_overdue() -> None:
    put_in_force(requests=RequestTerms(thresholds={"USD": D(99)}, requests_max=1, days_between=2))
    invoice = first_invoice_of(make_customer())

    made = [request_overdue(at=later(days=day)) for day in (14, 15, 18)]
    void_invoice(invoice=invoice, at=later(days=19))
    request_overdue(at=later(days=20))
    assert invoice.subscription is not None
    end_subscription(
        subscription=invoice.subscription, effective_at=later(days=20), at=later(days=20)
    )
    again = open_invoice(later(days=21), customer=invoice.customer)

    assert made == [0, 1, 0]
    assert [request_overdue(at=later(days=day)) for day in (34, 36)] == [0, 1]
    rows = list(DunningRequest.objects.order_by("at"))
    assert [(r.number, r.invoices, r.is_last) for r in rows] == [
        (1, [invoice.number], True),
        (1, [again.number], True),
    ]


@pytest.mark.django_db
def test_a_request_is_told_to_the_customer_and_the_last_one_to_systems() -> None:
    put_in_force(requests=RequestTerms(thresholds={"USD": D(99)}, requests_max=2, days_between=2))
    invoice = first_invoice_of(make_customer(locale="fr-FR"))
    start_announcing(at=later(days=14))
    for day in (15, 18):
        request_overdue(at=later(days=day))
        announce_new(at=later(days=day))

    kinds = sorted(a.kind for a in Announcement.objects.all() if "dunning" in a.kind)
    assert kinds == ["dunning.finished", "dunning.request", "dunning.request"]
    words = words_of(Notice.objects.filter(kind="dunning.request").order_by("created_at")[0])
    assert words.subject.startswith("Votre solde en retard : 99,00")
    assert f"sur vos factures {invoice.number}." in words.text
    assert "/portal/invoices/" in words.text


@pytest.mark.django_db
def test_whole_debts_are_not_a_plans_matter() -> None:
    first_invoice_of(make_customer())
    campaign = publish_campaign(
        code="w", name="W", terms=campaign_terms(""), states=[OLD], actor=TEST_ACTOR, at=JAN_1
    )

    with pytest.raises(CampaignInvalid, match="not of a plan"):
        assign_campaign(campaign=campaign, plan=Plan.objects.get(), actor=TEST_ACTOR, at=JAN_1)


@pytest.mark.django_db
def test_states_and_requests_go_by_the_customers_test_clock() -> None:
    put_in_force(
        states=[OLD],
        requests=RequestTerms(thresholds={"USD": D(1)}, requests_max=2, days_between=5),
    )
    clock = create_clock(code="mine", starts_at=JAN_1, at=JAN_1)
    open_invoice(customer=make_customer(clock=clock))

    advance_clock(clock=clock, to=later(days=30, hours=1))

    days = [(r.at - JAN_1).days for r in DunningRequest.objects.order_by("at")]
    assert days == [14, 19]
    assert [(c.at - JAN_1).days for c in OverdueChange.objects.all()] == [30]


STAGES = """
policy: killbill
currency: USD
dunning:
  retry_every_days: 8
  states: [{{name: OD2, days_since_earliest_unpaid: 40, blocks_service: true}}]
plans: [{{code: monthly, interval: monthly, price_cents: 24995}}]
customers: [{{id: late, card: declines}}]
timeline:
  - {{at: 2012-05-31, do: subscribe, plan: monthly, billing_day: 31}}
  - {{at: {day}, do: set_card, card: none}}
  - {{at: {day}, expect: {{overdue: OD2, invoices: 0}}}}
  - at: {day}
    do: pay
    invoice: all
    expect: {{overdue: clear, credit_note: {{total_cents: 16932}}}}
expect:
  balance: {{balance_cents: {balance}}}
  has_invoices: [{{date: {day}, total_cents: 24995}}]
"""


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("day", "balance"),
    [
        ("2012-07-31", 24995 - 16932),
        ("2012-08-01", 24189 - 16932),  # as Kill Bill bills the rest of that month
    ],
)
def test_what_was_blocked_over_the_end_of_a_period_is_billed_and_credited(
    day: str, balance: int
) -> None:
    text = STAGES.format(day=day, balance=balance)
    if day == "2012-08-01":
        text = text.replace("credit_note: {total_cents: 16932}", "credit_notes: 2")
    (scenario,) = read_scenarios(text)

    assert [str(difference) for difference in check(scenario)] == []
