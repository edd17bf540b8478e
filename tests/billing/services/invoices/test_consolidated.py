"""One invoice for all subscriptions of a customer: one number, one payment, each line its own."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from billing.domain.attempts import Answer
from billing.gateways.base import Outcome
from billing.models import (
    CouponRedemption,
    CreditNote,
    DunningCampaign,
    DunningRun,
    Invoice,
    InvoicePart,
)
from billing.services.changes.cancelling import cancel_subscription
from billing.services.changes.pausing import pause
from billing.services.changes.subscribing import Started, start_subscription
from billing.services.credit.coupons import CouponDetails, create_coupon, redeem_coupon
from billing.services.documents.invoice_pages import invoice_content
from billing.services.dunning.campaigns import assign_campaign, publish_campaign
from billing.services.dunning.runs import run_dunning
from billing.services.invoices.consolidating import set_invoicing
from billing.services.invoices.draft_review import issue_reviewed
from billing.services.invoices.invoicing import bill_start, preview_next_invoice, void_invoice
from billing.services.invoices.rehearsing import rehearse
from billing.services.invoices.renewal import open_run, run_billing, work_on
from billing.services.payments.channels import Channel
from billing.services.payments.charging import open_attempt
from billing.services.payments.collection import mark_overdue
from billing.services.payments.settling import settle_attempt
from finance.queries import unposted_count
from finance.services.posting import post_documents
from subscriptions.models import Customer, PlanVersion, ServiceRestriction, Subscription
from tests.factories.dunning import campaign_in_force, campaign_terms
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    make_customer,
    make_plan,
    published_version,
    recurring,
    subscription_since,
)
from tests.shared_world import shared_world
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db
FEB_1 = datetime(2026, 2, 1, tzinfo=UTC)
NOON = FEB_1 + timedelta(hours=12)
MAR_1 = datetime(2026, 3, 1, tzinfo=UTC)


def two(customer: Customer | None = None, at: datetime = JAN_1, **sets: Any) -> list[Subscription]:
    """Two subscriptions of one customer, 30.00 and 12.00 a month, with their first invoices."""
    owner = customer or make_customer()
    made = []
    for fee, name in (("30.00", "Team"), ("12.00", "Mail")):
        version = published_version(recurring(fee), plan=make_plan(name=name))
        made.append(subscription_since(at, customer=owner, version=version))
        bill_start(subscription=made[-1], at=at)
    if sets.get("is_consolidated", True):
        together(owner)
    return made


pair = shared_world(two)


def together(customer: Customer, *, is_on: bool = True) -> None:
    set_invoicing(
        customer=customer, currency="USD", is_consolidated=is_on, actor=TEST_ACTOR, at=JAN_1
    )


def pay(invoice: Invoice) -> None:
    attempt = open_attempt(
        invoice=invoice, channel=Channel.HOSTED_PAGE, gateway="stripe", actor=TEST_ACTOR, at=FEB_1
    )
    amount = attempt.payment.amount
    paid = Outcome(answer=Answer.SUCCEEDED, reference=f"paid-{attempt.pk}", amount=amount)
    settle_attempt(attempt=attempt, outcome=paid, actor=TEST_ACTOR, at=FEB_1)


def renewed(at: datetime = FEB_1) -> list[Invoice]:
    return list(Invoice.objects.filter(period_start=at).order_by("number"))


def test_what_ends_at_the_same_instant_comes_on_one_invoice(pair: list[Subscription]) -> None:
    team, mail = pair

    run_billing(at=FEB_1)

    (invoice,) = renewed()
    assert (invoice.total, invoice.subscription, invoice.kind) == (Money(42, "USD"), None, "period")
    assert [line.subscription for line in invoice.lines.order_by("position")] == [team, mail]
    assert {part.subscription for part in invoice.parts.all()} == {team, mail}
    numbers = Invoice.objects.order_by("number").values_list("number", flat=True)
    assert list(numbers) == ["INV-000001", "INV-000002", "INV-000003"]


def test_each_is_alone_by_default_and_again_after_that() -> None:
    team, _ = two(is_consolidated=False)
    run_billing(at=FEB_1)
    alone = len(renewed())
    together(team.customer)
    run_billing(at=MAR_1)
    one = len(renewed(MAR_1))
    together(team.customer, is_on=False)
    run_billing(at=datetime(2026, 4, 1, tzinfo=UTC))

    assert (alone, one) == (2, 1)
    assert len(renewed(datetime(2026, 4, 1, tzinfo=UTC))) == 2


def test_another_anchor_or_currency_keeps_its_own_invoice(pair: list[Subscription]) -> None:
    team, _ = pair
    euros = published_version(recurring("7.00"), currency="EUR")
    bill_start(
        subscription=subscription_since(JAN_1, customer=team.customer, version=euros), at=JAN_1
    )
    late = published_version(recurring("5.00"), plan=make_plan())
    at = JAN_1 + timedelta(days=14)
    bill_start(subscription=subscription_since(at, customer=team.customer, version=late), at=at)

    run_billing(at=FEB_1)
    run_billing(at=FEB_1 + timedelta(days=14))

    assert sorted(i.total.amount for i in renewed()) == [Decimal(7), Decimal(42)]
    assert [i.total.amount for i in renewed(FEB_1 + timedelta(days=14))] == [Decimal(5)]


def test_the_preview_and_the_dry_run_are_what_is_then_billed(pair: list[Subscription]) -> None:
    team, mail = pair

    seen = [preview_next_invoice(subscription=one) for one in (team, mail)]
    rehearsal = rehearse([one.pk for one in (team, mail)], by=FEB_1)
    run_billing(at=FEB_1)

    (invoice,) = renewed()
    assert [draft.totals.total for draft in seen if draft] == [invoice.total] * 2
    assert [one.draft.totals.total for one in rehearsal.invoices] == [invoice.total]


def test_chunks_do_not_tear_a_customer_apart(settings: Any) -> None:
    settings.BILLING_CHUNK_SIZE = 1
    customers = [two()[0].customer for _ in range(3)]
    two(is_consolidated=False)

    run = run_billing(at=FEB_1)

    assert run.invoice_count == 5
    for customer in customers:
        assert Invoice.objects.filter(customer=customer, period_start=FEB_1).count() == 1


def test_what_fell_behind_catches_up_first(pair: list[Subscription]) -> None:
    _, mail = pair
    Subscription.objects.filter(pk=mail.pk).update(next_billing_at=None)
    run_billing(at=FEB_1)
    Subscription.objects.filter(pk=mail.pk).update(next_billing_at=FEB_1)

    run_billing(at=MAR_1)

    assert [i.total.amount for i in renewed()] == [Decimal(30), Decimal(12)]
    assert [i.total.amount for i in renewed(MAR_1)] == [Decimal(42)]


def test_a_second_pass_bills_nothing_and_the_database_would_refuse_it(
    pair: list[Subscription],
) -> None:
    team, _ = pair
    run_billing(at=FEB_1)
    invoice = renewed()[0]

    run_billing(at=FEB_1)

    assert len(renewed()) == 1
    with pytest.raises(IntegrityError, match="invoice_part_once"), transaction.atomic():
        InvoicePart.objects.create(invoice=invoice, subscription=team, period_start=FEB_1)


def test_the_run_takes_as_many_queries_for_many_customers_as_for_two() -> None:
    counts = []
    for customers in (2, 6):
        with transaction.atomic():
            for _ in range(customers):
                two()
            run = open_run(at=FEB_1)
            with CaptureQueriesContext(
                connection,
            ) as queries:
                work_on(run=run, at=FEB_1)
            counts.append(len(queries))
            transaction.set_rollback(True)

    assert counts[0] == counts[1]


def test_a_line_is_credited_when_its_subscription_ends_and_the_others_stay(
    pair: list[Subscription],
) -> None:
    team, _ = pair
    run_billing(at=FEB_1)

    cancel_subscription(subscription=team, actor=TEST_ACTOR, at=FEB_1 + timedelta(days=13, hours=9))

    note = CreditNote.objects.get()
    assert note.invoice == renewed()[0]
    assert note.total == Money("15.00", "USD")


@pytest.mark.usefixtures("pair")
def test_void_it_is_gone_for_all_and_can_be_billed_anew() -> None:
    run_billing(at=FEB_1)
    (invoice,) = renewed()

    void_invoice(invoice=invoice, at=FEB_1)

    assert not InvoicePart.objects.filter(counts=True).exists()


@pytest.mark.django_db(transaction=True)
def test_overdue_all_its_subscriptions_are_past_due_and_recover_with_it() -> None:
    two()
    for first in Invoice.objects.all():
        pay(first)
    run_billing(at=FEB_1)

    marked = mark_overdue(at=FEB_1 + timedelta(days=20))
    states = set(Subscription.objects.values_list("state", flat=True))
    pay(renewed()[0])

    assert marked == 2
    assert states == {"past_due"}
    assert set(Subscription.objects.values_list("state", flat=True)) == {"active"}


def test_a_coupon_counts_once_for_the_invoice_and_for_all_on_it(pair: list[Subscription]) -> None:
    team, _ = pair
    details = CouponDetails(
        code="HALF", name="Half", percentage=Decimal(50), duration="repeating", periods=2
    )
    create_coupon(details=details, at=JAN_1)
    redeem_coupon(code="HALF", customer=team.customer, actor=TEST_ACTOR, at=JAN_1)

    for at in (FEB_1, MAR_1, datetime(2026, 4, 1, tzinfo=UTC)):
        run_billing(at=at)

    amounts = [renewed(at)[0].total.amount for at in (FEB_1, MAR_1)]
    assert amounts == [Decimal(21), Decimal(21)]
    assert renewed(datetime(2026, 4, 1, tzinfo=UTC))[0].total.amount == 42
    assert CouponRedemption.objects.get().state == "used_up"


def test_an_amount_off_is_spread_over_it_without_loss(pair: list[Subscription]) -> None:
    team, _ = pair
    create_coupon(
        details=CouponDetails(code="FORTY", name="Forty", amount=Money(40, "USD")), at=JAN_1
    )
    redeem_coupon(code="FORTY", customer=team.customer, actor=TEST_ACTOR, at=JAN_1)

    run_billing(at=FEB_1)

    assert renewed()[0].total == Money("2.00", "USD")


def test_it_is_in_the_books_and_its_file_says_which_line_is_whose(pair: list[Subscription]) -> None:
    team, mail = pair
    run_billing(at=FEB_1)

    post_documents(at=FEB_1)

    assert unposted_count(at=FEB_1) == 0
    groups = [row["group"] for row in invoice_content(renewed()[0])["lines"]]
    assert groups == [f"Subscription {team.reference}", f"Subscription {mail.reference}"]


def unpaid(campaign: str, **terms: Any) -> list[Subscription]:
    """Two subscriptions on one invoice of February that was due on the 15th."""
    made = two()
    campaign_in_force(campaign, **terms)
    for invoice in Invoice.objects.collectable():
        pay(invoice)
    run_billing(at=FEB_1)
    return made


def states() -> list[str]:
    return list(Subscription.objects.order_by("pk").values_list("state", flat=True))


def test_dunning_pauses_all_that_are_on_the_invoice_and_lets_them_go_on_once_paid() -> None:
    team, mail = unpaid("0 restrict, 1 pause")
    other = subscription_since(JAN_1, customer=team.customer)
    pause(subscription=mail, actor=TEST_ACTOR, reason="By hand", at=FEB_1 + timedelta(days=1))
    run_dunning(at=FEB_1 + timedelta(days=15))
    run_dunning(at=FEB_1 + timedelta(days=17))
    stopped = states()
    restricted = set(ServiceRestriction.objects.values_list("subscription", flat=True))

    pay(renewed()[0])
    run_dunning(at=FEB_1 + timedelta(days=18))

    assert stopped == ["paused", "paused", "active"]
    assert restricted == {team.pk, mail.pk}
    assert states() == ["active", "paused", "active"]
    assert not ServiceRestriction.objects.filter(ends_at=None).exists()
    assert other.state == "active"


def test_dunning_ends_all_that_are_on_the_invoice_and_says_why() -> None:
    team, mail = unpaid("1 cancel")
    run_dunning(at=FEB_1 + timedelta(days=15))
    run_dunning(at=FEB_1 + timedelta(days=17))

    assert states() == ["canceled", "canceled"]
    (invoice,) = renewed()
    for subscription in (team, mail):
        ended = subscription.transitions.get(event="canceled")
        assert ended.reason.startswith(f"invoice {invoice} is past due since")


def test_plans_on_one_invoice_that_share_a_campaign_go_by_it_else_by_the_companys() -> None:
    team, mail = unpaid("9 cancel")
    for subscription in (team, mail):
        plan = subscription.plan_version.plan
        assign_campaign(
            campaign=publish_campaign(
                code="plans", name="P", terms=campaign_terms("1 banner"), actor=TEST_ACTOR, at=JAN_1
            )
            if subscription is team
            else DunningCampaign.objects.get(code="plans"),
            plan=plan,
            actor=TEST_ACTOR,
            at=JAN_1,
        )
    run_dunning(at=FEB_1 + timedelta(days=15))

    assert DunningRun.objects.get().campaign.code == "plans"


def begin(customer: Customer, fee: str, at: datetime, **terms: Any) -> Started:
    version = published_version(recurring(fee), plan=make_plan(name=f"Plan {fee}"))
    return start_subscription(
        customer=customer, plan_version=version, at=at, actor=TEST_ACTOR, **terms
    )


def test_first_bills_of_a_day_come_on_one_invoice_when_the_day_is_over() -> None:
    customer = make_customer()
    together(customer)
    first = begin(customer, "30.00", NOON)
    second = begin(customer, "12.00", NOON + timedelta(hours=3))
    tomorrow = begin(customer, "7.00", NOON + timedelta(days=1))

    early = issue_reviewed(at=FEB_1 + timedelta(hours=23))
    issue_reviewed(at=FEB_1 + timedelta(days=1))

    assert early == 0
    assert first.invoice == second.invoice != tomorrow.invoice
    invoice = Invoice.objects.get(state="open")
    assert (invoice, invoice.total) == (first.invoice, Money(42, "USD"))
    assert [x.amount.amount for x in invoice.lines.order_by("position")] == [30, 12]
    parts = {part.subscription for part in invoice.parts.all()}
    assert parts == {first.subscription, second.subscription}
    run_billing(at=MAR_1)
    assert [i.total.amount for i in renewed(MAR_1)] == [42]


def test_a_first_bill_is_joined_to_a_runs_draft_that_still_waits(
    settings: Any, pair: list[Subscription]
) -> None:
    settings.INVOICE_REVIEW_DAYS = 3
    team, _ = pair
    run_billing(at=FEB_1)
    begin(team.customer, "7.00", NOON)

    (draft,) = renewed()
    assert (draft.state, draft.total) == ("draft", Money(49, "USD"))
    assert draft.events.order_by("-pk")[0].kind == "joined"


def test_a_coupon_is_shared_out_over_all_first_bills() -> None:
    customer = make_customer()
    together(customer)
    details = CouponDetails(code="OFF", name="Off", amount=Money("21.00", "USD"))
    create_coupon(details=details, at=JAN_1)
    begin(customer, "30.00", NOON)
    begin(customer, "12.00", NOON, coupon_code="OFF")

    (draft,) = renewed()
    assert draft.total == Money("21.00", "USD")
    assert [x.amount.amount for x in draft.lines.order_by("position")] == [
        Decimal("9.00"),
        Decimal("12.00"),
    ]


def test_where_the_first_payment_is_waited_for_nothing_is_joined() -> None:
    customer = make_customer()
    together(customer)
    begin(customer, "30.00", NOON)
    alone = begin(customer, "12.00", NOON, needs_payment=True)

    assert alone.invoice is not None
    assert (alone.invoice.state, alone.invoice.total) == ("open", Money(12, "USD"))


def test_billed_again_the_start_is_on_the_same_draft_once() -> None:
    customer = make_customer()
    together(customer)
    started = begin(customer, "30.00", NOON)

    again = bill_start(subscription=started.subscription, at=NOON)

    assert again == started.invoice
    assert InvoicePart.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_subscriptions_begun_at_once_share_the_draft() -> None:
    customer = make_customer()
    together(customer)
    versions = [published_version(recurring("10.00"), plan=make_plan()) for _ in range(4)]

    def start(version: PlanVersion) -> None:
        try:
            start_subscription(customer=customer, plan_version=version, at=NOON, actor=TEST_ACTOR)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(start, versions))

    (draft,) = renewed()
    assert (draft.total, draft.parts.count()) == (Money(40, "USD"), 4)
