"""The demo company's year: real services, driven day by day with the clock.

Every customer signs up, uses, is billed, pays, fails, upgrades and leaves through the same
services as in earnest; no row is written by hand. The dice are seeded, so that the same seed
makes the same company.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from math import exp, expm1
from random import Random
from uuid import UUID

from django.db.models import QuerySet

from analytics.services.movements import record_movements
from billing.models import Invoice, Payment, PaymentAttempt
from billing.services.changes.add_ons import change_add_on
from billing.services.changes.plan_changes import change_plan
from billing.services.changes.subscribing import start_subscription
from billing.services.dunning.runs import run_dunning
from billing.services.invoices.due import due
from billing.services.invoices.renewal import run_billing
from billing.services.payments.collection import EVERYBODY, mark_overdue, resume_collection
from billing.services.payments.reconciling import look_into
from finance.services.posting import post_documents
from subscriptions.models import Customer, EventSource, PlanVersion, Subscription
from subscriptions.services.changes import schedule_cancellation
from subscriptions.services.customers import create_customer
from subscriptions.services.rollups import fold_deltas
from subscriptions.services.transitions import Actor
from subscriptions.services.usage import Incoming, record_events
from tiktoktoe.demo.catalog import Catalog, raise_team_price
from tiktoktoe.demo.chores import PORTAL, do_chores, store_card
from tiktoktoe.demo.disputes import Disputes
from tiktoktoe.demo.dunning import found_dunning
from tiktoktoe.demo.goodwill import refund_somebody
from tiktoktoe.demo.helper import Helpers, PageOfCustomer
from tiktoktoe.demo.means import DECLINING, Means, choose_means, good_card
from tiktoktoe.demo.people import Directory
from tiktoktoe.demo.second_gateway import SecondGateway
from tiktoktoe.demo.usage import Habit, days
from tiktoktoe.kernel import clock
from tiktoktoe.kernel.periods import Alignment
from tiktoktoe.sandbox.control import SandboxControl
from tiktoktoe.standing import standing

FINANCE = Actor(source="finance")
GATEWAY = Actor(source="webhook")
MORNING = time(6, 0)
GROWTH = 2.0  # of sign-ups over the whole time, as the exponent of e: they double every 4 months
# Billed on the first of the month, as companies like it, and not from the day they signed up.
BY_CALENDAR = {"starter": 0.5, "team": 1.0, "scale": 1.0, "team-yearly": 0.0}
APPETITE = {"starter": 60_000, "team": 900_000, "scale": 6_000_000}
CHURN_A_MONTH = {"starter": 0.055, "team": 0.032, "scale": 0.015, "team-yearly": 0.0}
UPGRADE_A_MONTH = 0.03
DOWNGRADE_A_MONTH = 0.01
SEAT_CHANGE_A_MONTH = 0.04
EXTRA_A_MONTH = 0.02
REFUND_A_DAY = 0.05
FIX_CARD_A_DAY = 0.035
TWICE_A_WEEK = frozenset({0, 3})
PAYS_A_DAY = 0.09
PATIENCE = timedelta(days=30)


@standing
def _first_due(at: datetime) -> QuerySet[Subscription, int]:
    return due(at).order_by().values_list("pk", flat=True)[:1]


@standing
def _live_among(pks: list[int]) -> QuerySet[Subscription, int]:
    mine = Subscription.objects.live().filter(pk__any_of=pks)
    return mine.order_by().values_list("pk", flat=True)


@standing
def _owed_by(customers: list[int]) -> QuerySet[Invoice, tuple[UUID, int, str]]:
    owed = Invoice.objects.collectable().filter(customer__any_of=customers).order_by("number")
    return owed.values_list("pk", "customer", "customer__country")


@standing
def _on_their_way() -> QuerySet[PaymentAttempt]:
    pending = PaymentAttempt.objects.filter(state="pending")
    return pending.order_by("dispatched_at", "payment__invoice__number")


@standing
def _plans_of_active() -> QuerySet[Subscription, tuple[int, str]]:
    return _active().values_list("pk", "plan_version__plan__code")


def _active() -> QuerySet[Subscription]:
    return Subscription.objects.filter(state="active", cancel_at__isnull=True).order_by("pk")


@dataclass
class Company:
    """The company as its year goes by."""

    catalog: Catalog
    source: EventSource
    sandbox: SandboxControl
    dice: Random
    customers_wanted: int
    first_day: date
    last_day: date
    habits: dict[int, Habit] = field(default_factory=dict)
    declining: dict[int, Customer] = field(default_factory=dict)
    by_hand: set[int] = field(default_factory=set)
    debt: float = 0.0
    helpers: Helpers | None = None
    new_cards: dict[int, Means] = field(default_factory=dict)
    second: SecondGateway | None = None

    def __post_init__(self) -> None:
        self._directory = Directory(self.dice)
        self._is_raised = False
        self._disputes = Disputes(self.sandbox, self.dice)

    def live(self, progress: Callable[[date], None], last_deed: Callable[[], None]) -> None:
        """Live through every day from the first to the last.

        Args:
            last_deed: What is left to do then; the books are brought up to date beside it.
        """
        found_dunning(actor=FINANCE, at=datetime.combine(self.first_day, MORNING, UTC))
        for day in days(self.first_day, self.last_day):
            at = datetime.combine(day, MORNING, UTC)
            with clock.moved_to(at):
                self.live_day(day, at)
            progress(day)
        self._close_books(datetime.combine(self.last_day, MORNING, UTC), last_deed)

    def live_day(self, day: date, at: datetime) -> None:
        """One day: yesterday's usage arrives, what is due is billed, people act, and pay.

        Helpers do the paying while the next day begins: nothing until `_wait` looks at it.
        """
        self._send_usage(day - timedelta(days=1), at)
        if _first_due.rows(at=at):
            run_billing(at=at)
        self._sign_up(day, at)
        self._wait()
        self._turn_clocks(at)
        self._fix_cards(at)
        self._change_minds(at)
        self._refund_somebody(at)
        if day.weekday() == 0:
            mark_overdue(at=at)
            self._give_up_on_some(at)
            self._settle(at)
        if day.weekday() in TWICE_A_WEEK:
            self._disputes.go_on(at)
            self._hear_of_debits(at)
            run_dunning(at=at)
        self._do_chores(at)
        if day.weekday() == 0:
            self._post(at)

    def _sign_up(self, day: date, at: datetime) -> None:
        """New customers: more every month, fewer at weekends and in summer."""
        if not self._is_raised and self._share(day) > 0.6:
            self._team_for_new = raise_team_price(self.catalog, at)
            self._is_raised = True
        self.debt += self._rate(day)
        while self.debt >= 1:
            self.debt -= 1
            self.add_customer(day, at)

    def add_customer(self, day: date, at: datetime) -> Subscription:
        """A customer signs up, and chooses how to pay."""
        version = self._choose_plan()
        customer = create_customer(details=self._directory.company(), at=at)
        code = version.plan.code
        seats = self.dice.randint(2, 14) if code != "starter" else 1
        started = start_subscription(
            customer=customer,
            plan_version=version,
            quantity=seats,
            alignment=self._alignment(code),
            at=at,
            actor=PORTAL,
        )
        self._choose_how_to_pay(customer)
        if code in APPETITE:
            self.habits[started.subscription.pk] = Habit(
                customer=customer.external_id,
                tokens_a_day=APPETITE[code] * self.dice.lognormvariate(0, 0.6),
                growth_a_month=self.dice.gauss(0.03, 0.04),
                since=day,
                storage_gb=0.0 if code == "starter" else self.dice.uniform(20, 260),
            )
        return started.subscription

    def _alignment(self, code: str) -> Alignment:
        is_by_calendar = self.dice.random() < BY_CALENDAR[code]
        return Alignment.CALENDAR if is_by_calendar else Alignment.ANNIVERSARY

    def _choose_how_to_pay(self, customer: Customer) -> None:
        means = choose_means(customer, self.dice)
        if not means.number:
            self.by_hand.add(customer.pk)
            return
        self.new_cards[customer.pk] = means
        if means.number == DECLINING:
            self.declining[customer.pk] = customer

    def _send_usage(self, day: date, at: datetime) -> None:
        live = set(_live_among.rows(pks=list(self.habits)))
        bodies = [
            body
            for pk, habit in self.habits.items()
            if pk in live and habit.since <= day
            for body in habit.events(day, self.dice)
        ]
        if bodies:
            events = [Incoming(index, body) for index, body in enumerate(bodies)]
            record_events(source=self.source, events=events, at=at)

    def _change_minds(self, at: datetime) -> None:
        """Some upgrade, some add seats, a few step down, some leave at their period's end."""
        codes = _plans_of_active.rows()
        wishes = {pk: wish for pk, code in codes if (wish := self._wish(code))}
        if not wishes:
            return
        with_plan = _active().select_related("plan_version__plan", "customer")
        for subscription in with_plan.filter(pk__in=wishes):
            self._grant(subscription, wishes[subscription.pk], at)

    def _wish(self, code: str) -> str:
        """What a customer of a plan wants today; on most days nothing."""
        roll = self.dice.random() * 30.4
        for wish, share in (
            ("leave", CHURN_A_MONTH[code]),
            ("up", UPGRADE_A_MONTH),
            ("down", DOWNGRADE_A_MONTH),
            ("seats", 0.0 if code == "starter" else SEAT_CHANGE_A_MONTH),
            ("extra", 0.0 if code == "team-yearly" else EXTRA_A_MONTH),
        ):
            if roll < share:
                return wish
            roll -= share
        return ""

    def _grant(self, subscription: Subscription, wish: str, at: datetime) -> None:
        if wish == "leave":
            reason = self.dice.choice(["too expensive", "project ended", "another supplier"])
            schedule_cancellation(subscription=subscription, actor=PORTAL, reason=reason, at=at)
        elif wish == "seats":
            seats = subscription.quantity + self.dice.randint(1, 4)
            self._change(subscription, subscription.plan_version, seats, at)
        elif wish == "extra":
            self._add_projects(subscription, at)
        else:
            self._step(subscription, 1 if wish == "up" else -1, at)

    def _add_projects(self, subscription: Subscription, at: datetime) -> None:
        """Some want more projects than their plan has, once."""
        wanted = self.dice.randint(2, 6)
        if not subscription.add_ons.exists():
            change_add_on(
                subscription=subscription,
                plan_version=self.catalog.extra,
                quantity=wanted,
                actor=PORTAL,
                at=at,
            )

    def _step(self, subscription: Subscription, up: int, at: datetime) -> None:
        ladder = [version.plan_id for version in self.catalog.ladder]
        place = (
            ladder.index(subscription.plan_version.plan_id) + up
            if subscription.plan_version.plan_id in ladder
            else -1
        )
        if not 0 <= place < len(ladder):
            return
        seats = max(subscription.quantity, 2 if place else 1)
        self._change(subscription, self.catalog.ladder[place], seats, at)
        habit = self.habits.get(subscription.pk)
        if habit is not None and up > 0:
            habit.tokens_a_day *= 3

    def _change(
        self, subscription: Subscription, version: PlanVersion, seats: int, at: datetime
    ) -> None:
        change_plan(
            subscription=subscription, plan_version=version, quantity=seats, actor=PORTAL, at=at
        )

    def _fix_cards(self, at: datetime) -> None:
        """Some whose card is declined bring another; what they owe is then tried again."""
        for customer in list(self.declining.values()):
            if self.dice.random() < FIX_CARD_A_DAY and customer.invoices.filter(state="open"):
                card = good_card(customer.country)
                store_card(sandbox=self.sandbox, customer=customer, card=card, at=at)
                resume_collection(customer=customer, actor=PORTAL, at=at)
                del self.declining[customer.pk]

    def _do_chores(self, at: datetime) -> None:
        """Cards are stored, pages paid, what is due collected."""
        cards = [(who, means.number, means.holder) for who, means in self.new_cards.items()]
        self.new_cards = {}
        pages = self._pages()
        if self.helpers is not None:
            due = self._likely_due(at)
            self.helpers.begin_chores(cards=cards, pages=pages, due=due, at=at)
            return
        wanted = [page[:2] for page in pages]
        do_chores(
            sandbox=self.sandbox,
            second=self.second,
            cards=cards,
            pages=wanted,
            share=EVERYBODY,
            at=at,
        )

    def _likely_due(self, at: datetime) -> set[int]:
        """Who will be charged today, at a quick look, to share the work out by."""
        invoiced = Invoice.objects.filter(finalized_at=at).values_list("customer_id", flat=True)
        again = Payment.objects.due_for_attempt(at).values_list("customer_id", flat=True)
        return {*invoiced, *again} - self.by_hand

    def _wait(self) -> None:
        """Until the helpers have done the day before's chores."""
        if self.helpers is not None:
            self.helpers.finish()

    def _pages(self) -> list[PageOfCustomer]:
        """Those without a stored card pay on the gateway's page, sooner or later.

        Gives the invoice, the card, and the customer.
        """
        owed = _owed_by.rows(customers=list(self.by_hand))
        return [
            (str(invoice), good_card(country), customer)
            for invoice, customer, country in owed
            if self.dice.random() <= PAYS_A_DAY
        ]

    def _turn_clocks(self, at: datetime) -> None:
        """Let it be that time at the gateways too, for the whole day.

        A debit clears so many days after its second: were the seconds to pass there, it would
        be heard of on the day or not by how quick we and our helpers were.
        """
        self.sandbox.set_clock(at, stands=True)
        if self.second is not None:
            self.second.set_clock(at)

    def _hear_of_debits(self, at: datetime) -> None:
        """What became of debits that were on their way."""
        for attempt in _on_their_way.rows():
            look_into(attempt=attempt, actor=GATEWAY, at=at)

    def _settle(self, at: datetime) -> None:
        """What the second gateway's payments have cost is told once a week."""
        if self.second is not None:
            self.second.settle(at)

    def _post(self, at: datetime) -> None:
        """Bring the books up to date; a helper does it while the next day begins."""
        if self.helpers is not None:
            self.helpers.begin_posting(at)
            return
        fold_deltas()
        post_documents(at=at)

    def _give_up_on_some(self, at: datetime) -> None:
        """Who has been past due for too long is let go at the end of the period."""
        late = Subscription.objects.filter(
            state="past_due",
            cancel_at__isnull=True,
            invoices__state="open",
            invoices__due_at__lt=at - PATIENCE,
        )
        for subscription in late.distinct().order_by("pk"):
            schedule_cancellation(
                subscription=subscription, actor=FINANCE, reason="unpaid for a month", at=at
            )

    def _refund_somebody(self, at: datetime) -> None:
        """Now and then a complaint is met with a credit note and a refund."""
        if self.dice.random() <= REFUND_A_DAY and refund_somebody(self.dice, at):
            self._hear(at)

    def _hear(self, at: datetime) -> None:
        if self.second is not None:
            self.second.hear(at)

    def _close_books(self, at: datetime, last_deed: Callable[[], None]) -> None:
        self._wait()
        self._settle(at)
        run_dunning(at=at)
        self._post(at)
        while record_movements(at=at):
            pass
        last_deed()
        self._wait()

    def _choose_plan(self) -> PlanVersion:
        team = self._team_for_new if self._is_raised else self.catalog.team
        versions = [self.catalog.starter, team, self.catalog.scale, self.catalog.yearly]
        return self.dice.choices(versions, [52, 31, 9, 8])[0]

    def _share(self, day: date) -> float:
        return (day - self.first_day).days / max((self.last_day - self.first_day).days, 1)

    def _rate(self, day: date) -> float:
        """Sign-ups expected on a day; over the whole time they add up to those wanted."""
        length = (self.last_day - self.first_day).days + 1
        weekday = 1.25 if day.weekday() < 5 else 0.375
        growth = GROWTH * exp(GROWTH * self._share(day)) / expm1(GROWTH)
        return self.customers_wanted / length * growth * weekday
