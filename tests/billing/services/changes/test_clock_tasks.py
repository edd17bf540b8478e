"""What happens to customers by itself happens by their own time, and moves nobody else's."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.core import mail

from billing import tasks
from billing.domain.attempts import Answer
from billing.gateways.base import Outcome
from billing.models import (
    Announcement,
    Dispute,
    DisputeReminder,
    Invoice,
    Notice,
    PaymentMethod,
    PrepaidEntry,
    UsageAlert,
)
from billing.services.announcements.announcing import start_announcing
from billing.services.changes.customer_clocks import advance_clock
from billing.services.changes.subscribing import start_subscription
from billing.services.credit.wallets import grant_prepaid, open_wallet
from billing.services.payments.channels import Channel
from billing.services.payments.charging import open_attempt
from billing.services.payments.settling import settle_attempt
from subscriptions.models import Customer, CustomerClock, Subscription
from subscriptions.services.changes import schedule_cancellation
from subscriptions.services.customer_clocks import create_clock
from subscriptions.services.customers import CustomerDetails, create_customer
from tests.factories.announcements import announce_from_january
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    per_call,
    published_version,
    recurring,
)
from tests.factories.usage import use
from tiktoktoe.kernel import clock as time
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db
REAL = datetime(2026, 6, 1, tzinfo=UTC)  # what time it is for everybody else
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def clock() -> CustomerClock:
    """A clock that shows the first of January."""
    return create_clock(code="mine", starts_at=JAN_1, at=JAN_1)


def customer_on(clock: CustomerClock | None, name: str) -> Customer:
    details = CustomerDetails(
        external_id=name, name=name, email="a@b.example", country="US", currency="USD"
    )
    return create_customer(details=details, clock=clock, at=JAN_1)


def begun(customer: Customer, **terms: object) -> Subscription:
    given: dict[str, object] = {"plan_version": published_version(recurring("31.00")), **terms}
    return start_subscription(customer=customer, at=JAN_1, actor=TEST_ACTOR, **given).subscription  # type: ignore[arg-type]


def test_what_was_never_paid_is_given_up_by_its_own_time(clock: CustomerClock) -> None:
    here = begun(customer_on(clock, "here"), needs_payment=True)
    real = begun(customer_on(None, "real"), needs_payment=True)
    Subscription.objects.update(created_at=JAN_1)

    advance_clock(clock=clock, to=JAN_1 + 22 * HOUR)
    assert Subscription.objects.get(pk=here.pk).state == "incomplete"
    advance_clock(clock=clock, to=JAN_1 + 30 * HOUR)
    states = dict(Subscription.objects.values_list("pk", "state"))
    assert (states[here.pk], states[real.pk]) == ("expired", "incomplete")

    with time.moved_to(JAN_1 + 23 * HOUR):
        tasks.expire_unpaid_subscriptions()
    assert Subscription.objects.get(pk=real.pk).state == "expired"


def test_prepaid_credits_expire_and_are_bought_by_their_own_time(clock: CustomerClock) -> None:
    for name, whose in (("here", clock), ("real", None)):
        wallet = open_wallet(
            customer=customer_on(whose, name),
            currency="USD",
            name="Main",
            topup_amount=Decimal(25),
            topup_every="month",
            topup_from=JAN_1.date() + DAY,
            at=JAN_1,
        )
        grant_prepaid(
            wallet=wallet,
            amount=Money(5, "USD"),
            reason="welcome",
            idempotency_key=name,
            expires_at=JAN_1 + 10 * DAY,
            actor=TEST_ACTOR,
            at=JAN_1,
        )

    advance_clock(clock=clock, to=JAN_1 + 40 * DAY)

    assert [entry.at for entry in PrepaidEntry.objects.all()] == [JAN_1 + 10 * DAY]
    bought = Invoice.objects.filter(kind="top_up").order_by("finalized_at")
    assert [(i.customer.external_id, i.finalized_at) for i in bought] == [
        ("here", JAN_1 + DAY),
        ("here", datetime(2026, 2, 2, tzinfo=UTC)),
    ]
    with time.moved_to(JAN_1 + 5 * DAY):
        tasks.tend_wallets()
    assert Invoice.objects.filter(customer__external_id="real").count() == 1
    assert PrepaidEntry.objects.count() == 1


def test_usage_is_taken_by_the_clock_and_alerts_follow_it(clock: CustomerClock) -> None:
    version = published_version(recurring("31.00"), per_call(included="100"))
    here = begun(customer_on(clock, "here"), plan_version=version)
    real = begun(customer_on(None, "real"), plan_version=version)

    taken = use(here.customer, 90, JAN_1 - HOUR + DAY, received_at=REAL)
    advance_clock(clock=clock, to=JAN_1 + 2 * DAY)
    taken_later = use(here.customer, 90, JAN_1 - HOUR + DAY, received_at=REAL)
    refused = use(real.customer, 90, JAN_1 - HOUR + DAY, received_at=REAL)

    assert [r.code for r in taken.refused] == ["in_future"]  # the clock still shows January 1st
    assert (taken_later.accepted, refused.refused[0].code) == (1, "too_late")
    with time.moved_to(REAL):
        tasks.raise_usage_alerts()
    alert = UsageAlert.objects.get(is_told=True)
    assert (alert.subscription, alert.percent) == (here, 80)
    assert alert.raised_at == JAN_1 + 2 * DAY


def test_a_trial_s_end_is_told_three_days_before_by_the_clock(clock: CustomerClock) -> None:
    start_announcing(at=JAN_1)
    begun(customer_on(clock, "here"), trial_days=14)
    begun(customer_on(None, "real"), trial_days=14)

    advance_clock(clock=clock, to=JAN_1 + 15 * DAY)

    notices = Notice.objects.filter(kind="trial.ending")
    assert [(n.customer.external_id, n.state, n.sent_at) for n in notices] == [
        ("here", "sent", JAN_1 + 11 * DAY)
    ]
    assert {m.to[0] for m in mail.outbox} == {"a@b.example"}
    assert not Announcement.objects.filter(customer__external_id="real").exists()


def test_what_people_do_by_our_time_is_told_too(clock: CustomerClock) -> None:
    start_announcing(at=JAN_1)
    here = begun(customer_on(clock, "here"))
    schedule_cancellation(subscription=here, actor=TEST_ACTOR, reason="", at=REAL)

    with time.moved_to(REAL):
        tasks.announce()
        tasks.send_due_notices()

    told = Notice.objects.get(kind="subscription.cancellation_scheduled")
    assert (told.state, told.sent_at) == ("sent", REAL)


def test_a_clock_that_stands_is_tended_by_the_scheduler_as_it_stands(clock: CustomerClock) -> None:
    here, real = begun(customer_on(clock, "here")), begun(customer_on(None, "real"))

    with time.moved_to(REAL):
        tasks.bill_due()
        tasks.mark_overdue_subscriptions()

    assert Invoice.objects.filter(subscription=here).count() == 1
    assert Invoice.objects.filter(subscription=real).count() == 6
    states = dict(Subscription.objects.values_list("pk", "state"))
    assert (states[here.pk], states[real.pk]) == ("active", "past_due")


def test_disputes_and_cards_are_looked_for_on_the_way(clock: CustomerClock) -> None:
    """Seven, three and one day before the deadline, and thirty before the card ends."""
    announce_from_january()
    customer = customer_on(clock, "here")
    begun(customer)
    invoice = Invoice.objects.get()
    attempt = open_attempt(
        invoice=invoice, channel=Channel.HOSTED_PAGE, gateway="stripe", actor=TEST_ACTOR, at=JAN_1
    )
    amount, fee = attempt.payment.amount, Money(1, "USD")  # of which nothing is to be asked again
    paid = Outcome(answer=Answer.SUCCEEDED, reference="pi_1", amount=amount, fee=fee)
    settle_attempt(attempt=attempt, outcome=paid, actor=TEST_ACTOR, at=JAN_1)
    Dispute.objects.create(
        id=uuid7(),
        payment=attempt.payment,
        attempt=attempt,
        gateway="stripe",
        gateway_reference="dp_1",
        state="needs_response",
        reason_class="fraud",
        currency="USD",
        amount=31,
        due_at=datetime(2026, 1, 25, 12, tzinfo=UTC),
        opened_at=JAN_1,
        reported_at=JAN_1,
    )
    PaymentMethod.objects.create(
        customer=customer,
        gateway="stripe",
        gateway_reference="pm_1",
        kind="card",
        brand="visa",
        last4="4242",
        expires_on=date(2026, 2, 14),
        is_default=True,
    )

    advance_clock(clock=clock, to=datetime(2026, 1, 31, tzinfo=UTC))

    reminders = DisputeReminder.objects.order_by("sent_at").values_list("sent_at", flat=True)
    assert [f"{sent:%m-%d %H}" for sent in reminders if sent] == [
        "01-18 12",
        "01-22 12",
        "01-24 12",
    ]
    told = Announcement.objects.get(kind="payment_method.expiring")
    assert told.announced_at == datetime(2026, 1, 15, tzinfo=UTC)
