from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from threading import Barrier, Thread

import pytest
from django.db import DatabaseError, connection, transaction
from pytest_django import DjangoAssertNumQueries

from billing.models import Announcement, Announcing, Notice, PaymentMethod, WebhookDelivery
from billing.queries.happenings import FINDERS
from billing.services.announcements import announcing
from billing.services.announcements.announcing import announce_new, start_announcing
from billing.services.announcements.webhook_endpoints import create_endpoint, remove_endpoint
from billing.services.credit.credit_notes import issue_credit_note
from billing.services.invoices.invoicing import bill_start
from subscriptions.services.changes import schedule_cancellation, switch_plan
from tests.factories.announcements import announce_from_january
from tests.factories.billing import open_invoice
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    make_customer,
    make_plan,
    published_version,
    recurring,
    subscription_since,
)

pytestmark = pytest.mark.django_db
NOON = JAN_1 + timedelta(hours=12)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _from_january(db: None) -> None:
    announce_from_january()


def announced() -> list[str]:
    return list(Announcement.objects.order_by("pk").values_list("kind", flat=True))


def only(kind: str) -> Announcement:
    return Announcement.objects.get(kind=kind)


def test_an_invoice_is_announced_once_with_its_notice_and_its_facts() -> None:
    invoice = open_invoice()

    assert announce_new(at=NOON) == 2
    assert announce_new(at=NOON + DAY) == 0

    assert announced() == ["subscription.subscribed", "invoice.finalized"]
    found = only("invoice.finalized")
    assert found.facts["invoice"] == invoice.number
    assert found.facts["total"] == {"amount": "99", "currency": "USD"}
    notice = Notice.objects.get()
    assert (notice.kind, notice.state, notice.recipient) == (
        "invoice.finalized",
        "queued",
        invoice.customer.email,
    )


def test_nothing_before_the_start_line_is_told() -> None:
    open_invoice()
    start_announcing(at=NOON)

    assert announce_new(at=NOON + DAY) == 0


def test_a_fresh_installation_starts_when_it_is_made() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('test_seeds.billing_announcing') IS NOT NULL")
        assert cursor.fetchone() == (True,)
        cursor.execute("SELECT starts_at FROM test_seeds.billing_announcing")
        (start,) = cursor.fetchone()
    assert start > datetime(2026, 2, 1, tzinfo=UTC)


def test_what_a_dead_worker_left_is_found_however_long_it_took() -> None:
    announce_new(at=NOON)
    open_invoice(at=NOON + DAY)

    assert announce_new(at=NOON + 30 * DAY) == 2

    assert Notice.objects.get().reason == "it happened too long ago"


def test_a_row_committed_late_with_an_earlier_instant_is_still_found() -> None:
    announce_new(at=NOON + 12 * DAY)
    open_invoice(at=NOON + 12 * DAY - timedelta(hours=20))

    assert announce_new(at=NOON + 12 * DAY + timedelta(minutes=1)) == 2


def test_a_change_of_plan_tells_both_plans() -> None:
    subscription = subscription_since()
    scale = published_version(recurring("249"), plan=make_plan(code="scale", name="Scale"))
    switch_plan(
        subscription=subscription,
        plan_version=scale,
        quantity=3,
        effective_at=NOON + DAY,
        actor=TEST_ACTOR,
        at=NOON + DAY,
    )

    announce_new(at=NOON + DAY)

    facts = only("subscription.plan_changed").facts
    assert (facts["plan_before"], facts["quantity_before"]) == ("Team", 1)
    assert (facts["plan"], facts["quantity"]) == ("Scale", 3)


def test_a_scheduled_cancellation_names_its_day() -> None:
    subscription = subscription_since()
    schedule_cancellation(subscription=subscription, actor=TEST_ACTOR, at=NOON, reason="dear")

    announce_new(at=NOON)

    facts = only("subscription.cancellation_scheduled").facts
    assert facts["cancel_at"] == "2026-02-01T00:00:00+00:00"


def test_a_trial_is_announced_three_days_before_it_ends_and_not_again() -> None:
    subscription_since(trial_days=14)
    start_announcing(at=NOON)
    ends = JAN_1 + 14 * DAY

    assert announce_new(at=ends - 3 * DAY - timedelta(seconds=1)) == 0
    assert announce_new(at=ends - 3 * DAY) == 1
    assert announce_new(at=ends - DAY) == 0
    assert announced() == ["trial.ending"]


@pytest.mark.parametrize(
    ("interval", "count", "announced_kinds"),
    [("year", 1, ["renewal.upcoming"]), ("month", 3, ["renewal.upcoming"]), ("month", 1, [])],
)
def test_only_a_long_period_is_announced_before_it_renews(
    interval: str, count: int, announced_kinds: list[str]
) -> None:
    plan = make_plan(interval=interval, interval_count=count)
    subscription = subscription_since(version=published_version(recurring(), plan=plan))
    end = subscription.current_period_end
    start_announcing(at=NOON)

    announce_new(at=end - 14 * DAY)

    assert announced() == announced_kinds


def test_a_default_card_is_announced_a_month_before_it_expires() -> None:
    customer = make_customer()
    for number, is_default in enumerate((True, False)):
        PaymentMethod.objects.create(
            customer=customer,
            gateway="stripe",
            gateway_reference=f"pm_{number}",
            kind="card",
            brand="visa",
            last4="4242",
            expires_on=date(2026, 2, 28),
            is_default=is_default,
        )

    assert announce_new(at=datetime(2026, 1, 28, tzinfo=UTC)) == 0
    assert announce_new(at=datetime(2026, 1, 29, tzinfo=UTC)) == 1
    assert only("payment_method.expiring").facts == {
        "method": "Visa 4242",
        "expires_on": "2026-02-28",
    }


def test_a_credit_note_is_announced_with_its_reason() -> None:
    invoice = open_invoice()
    issue_credit_note(
        invoice=invoice, reason="Outage", idempotency_key="o", amount=Decimal("9.90"), at=NOON
    )

    announce_new(at=NOON)

    facts = only("credit_note.issued").facts
    assert (facts["amount"]["amount"], facts["reason"]) == ("9.9", "Outage")


def test_each_active_or_resting_endpoint_gets_what_it_wants_exactly_once() -> None:
    every = create_endpoint(url="https://a.example/", kinds=[], at=JAN_1).endpoint
    some = create_endpoint(url="https://b.example/", kinds=["invoice.finalized"], at=JAN_1).endpoint
    gone = create_endpoint(url="https://c.example/", kinds=[], at=JAN_1).endpoint
    remove_endpoint(endpoint=gone)
    open_invoice()

    announce_new(at=NOON)
    announce_new(at=NOON)

    rows = WebhookDelivery.objects.values_list("endpoint_id", "announcement__kind")
    assert sorted(rows) == sorted(
        [
            (every.pk, "subscription.subscribed"),
            (every.pk, "invoice.finalized"),
            (some.pk, "invoice.finalized"),
        ]
    )


def test_a_search_takes_the_same_number_of_queries_however_much_it_finds(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(12):
        open_invoice()

    with django_assert_max_num_queries(6 * len(FINDERS) + 20):
        assert announce_new(at=NOON) == 24


def test_what_was_announced_stays() -> None:
    open_invoice()
    announce_new(at=NOON)

    for attack in (
        lambda: Announcement.objects.update(kind="x"),
        lambda: Announcement.objects.all().delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            attack()


def test_a_search_that_dies_in_the_middle_leaves_nothing_half_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    open_invoice()

    def die(*_: object, **__: object) -> int:
        raise RuntimeError("killed")

    with monkeypatch.context() as broken:
        broken.setattr(announcing, "write_deliveries", die)
        with pytest.raises(RuntimeError):
            announce_new(at=NOON)
    assert not Announcement.objects.exists()
    assert not Notice.objects.exists()

    assert announce_new(at=NOON + DAY) == 2
    assert Notice.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_searches_at_once_tell_each_thing_once() -> None:
    announce_from_january()
    create_endpoint(url="https://a.example/", kinds=[], at=JAN_1)
    version = published_version()
    for _ in range(20):
        bill_start(subscription=subscription_since(version=version), at=JAN_1)
    together = Barrier(2)

    def search() -> None:
        together.wait(10)
        try:
            announce_new(at=NOON)
        finally:
            connection.close()

    threads = [Thread(target=search) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert Announcement.objects.count() == 40
    assert Notice.objects.count() == 20
    assert WebhookDelivery.objects.count() == 40
    assert Announcing.objects.get().searched_through == NOON
