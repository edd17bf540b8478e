"""Past-due invoices by stage, and what dunning has recovered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import CharField, Count, Exists, OuterRef, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce

from billing.domain.campaigns import DatedStep, Declined, StepKind, calendar
from billing.domain.declines import DeclineClass
from billing.models import DunningAct, DunningRun, PaymentAttempt
from billing.models.invoices import Invoice
from subscriptions.models import Customer
from tiktoktoe.kernel.money import Money
from tiktoktoe.kernel.periods import add_months, local_midnight
from tiktoktoe.standing import standing

FIRST_STAGE = "new"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSum:
    """Runs of one stage and currency, and what their invoices are owed."""

    stage: str
    currency: str
    count: int
    at_risk: Money

    @property
    def words(self) -> str:
        """How many there are."""
        return "1 invoice" if self.count == 1 else f"{self.count} invoices"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What was paid in a month while a run went on, by what had been done last."""

    month: date
    step: str
    currency: str
    count: int
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthRate:
    """Of the runs that were opened in a month, how many have been paid."""

    month: date
    opened: int
    paid: int
    lost: int

    @property
    def share(self) -> Fraction:
        """What share was paid."""
        return Fraction(self.paid, self.opened)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveredPayment:
    """A payment that came while a run went on."""

    payment_id: UUID
    run_id: UUID
    invoice: str
    customer: str
    step: str
    paid_at: datetime
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Banner:
    """What the portal says on every page about an invoice that is past due."""

    invoice: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """A step or a decision of a run."""

    at: datetime
    what: str
    state: str
    why: str
    who: str
    payment_id: UUID | None = None


def portal_banners(user_id: int) -> list[Banner]:
    """For the customers of a portal user: invoices whose run has shown its banner."""
    return [
        Banner(invoice=str(run.invoice), words=f"Invoice {run.invoice} is past due. Please pay it.")
        for run in _with_banner.rows(user_id=user_id)
    ]


@standing
def _with_banner(user_id: int) -> QuerySet[DunningRun]:
    shown = DunningAct.objects.filter(
        run=OuterRef("pk"), step__kind=StepKind.BANNER, state=DunningAct.State.DONE
    )
    runs = DunningRun.objects.going_on().filter(
        Exists(shown), customer__in=Customer.objects.of_user(user_id), invoice__state="open"
    )
    return runs.select_related("invoice").order_by("past_due_from", "pk")


def what_happened(run: DunningRun) -> list[Happened]:
    """Every step and decision of a run, the oldest first."""
    acts = [
        Happened(
            at=act.at,
            what=act.step.kind,
            state=act.state,
            why=act.attempt.state if act.attempt else act.reason,
            who=act.actor,
            payment_id=act.attempt.payment_id if act.attempt else None,
        )
        for act in run.acts.select_related("step", "attempt")
    ]
    events = [
        Happened(at=event.at, what=event.event, state="", why=event.reason, who=event.actor)
        for event in run.events.all()
    ]
    return sorted([*events, *acts], key=lambda happened: happened.at)


def runs_by_stage(stage: str = "") -> QuerySet[DunningRun, DunningRun]:
    """Runs that go on, with the kind of the last step that was done as their stage."""
    acts = DunningAct.objects.filter(run=OuterRef("pk"), state=DunningAct.State.DONE)
    last = acts.order_by("-step__position").values("step__kind")[:1]
    found = Coalesce(Subquery(last), Value(FIRST_STAGE), output_field=CharField())
    runs = DunningRun.objects.going_on().annotate(stage=found)
    return runs.filter(stage=stage) if stage else runs


def stage_sums() -> list[StageSum]:
    """How many runs are in each stage, and what is at risk."""
    runs: QuerySet[Any, Any] = runs_by_stage()
    rows = (
        runs.order_by("stage", "invoice__currency")
        .values_list("stage", "invoice__currency")
        .annotate(
            found=Count("pk"),
            at_risk=Sum("invoice__total")
            - Sum("invoice__amount_credited")
            + Sum("invoice__amount_to_balance")
            - Sum("invoice__amount_from_balance")
            - Sum("invoice__amount_from_wallets")
            - Sum("invoice__amount_paid")
            + Sum("invoice__amount_refunded"),
        )
    )
    return [
        StageSum(stage=stage, currency=currency, count=count, at_risk=Money(at_risk, currency))
        for stage, currency, count, at_risk in rows
    ]


# A payment counts for the step whose attempt it is, or a retry that no step asked for, or else
# for the last step that was done before it. What was given, charged or taken back does not.
RECOVERED = """
SELECT p.id, run.id, p.paid_at, p.currency,
       p.amount - p.amount_refunded - p.amount_charged_back AS amount,
       i.number, c.name, CASE
           WHEN tried.channel = 'stored_method' AND NOT tried.is_on_session THEN 'retry'
           ELSE coalesce((
               SELECT step.kind FROM billing_dunningact act
               JOIN billing_dunningstep step ON step.id = act.step_id
               WHERE act.run_id = run.id AND act.state = 'done' AND act.at <= p.paid_at
               ORDER BY act.at DESC, act.id DESC LIMIT 1), 'new') END AS step
FROM billing_payment p
JOIN billing_dunningrun run ON run.invoice_id = p.invoice_id
     AND p.paid_at >= run.past_due_from AND (run.ended_at IS NULL OR p.paid_at <= run.ended_at)
JOIN billing_invoice i ON i.id = p.invoice_id JOIN subscriptions_customer c ON c.id = p.customer_id
LEFT JOIN billing_paymentattempt tried ON tried.payment_id = p.id AND tried.state = 'succeeded'
WHERE p.state = 'paid' AND p.paid_at >= %(start)s AND p.paid_at < %(end)s
     AND p.amount > p.amount_refunded + p.amount_charged_back
"""
BY_MONTH = f"""
SELECT date_trunc('month', paid_at AT TIME ZONE %(zone)s)::date, step, currency,
       count(*), sum(amount)
FROM ({RECOVERED}) AS recovered (id, run_id, paid_at, currency, amount, number, name, step)
GROUP BY 1, 2, 3 ORDER BY 1 DESC, 3, 2
"""  # noqa: S608 - made of constants
RATES = """
SELECT date_trunc('month', opened_at AT TIME ZONE %(zone)s)::date, count(*),
       count(*) FILTER (WHERE outcome = 'paid'),
       count(*) FILTER (WHERE outcome IN ('written_off', 'stopped'))
FROM billing_dunningrun WHERE opened_at >= %(start)s AND opened_at < %(end)s
GROUP BY 1 ORDER BY 1 DESC
"""


def recovered_by_month(*, first: date, last: date, zone: str) -> list[Recovered]:
    """What came in from the month of one day to that of another, in a time zone's months."""
    return [
        Recovered(month=month, step=step, currency=currency, count=n, amount=Money(sum_, currency))
        for month, step, currency, n, sum_ in _ask(BY_MONTH, first, last, zone)
    ]


def recovery_rates(*, first: date, last: date, zone: str) -> list[MonthRate]:
    """How many of the runs that were opened in each month have been paid so far."""
    rows = _ask(RATES, first, last, zone)
    return [MonthRate(month=m, opened=n, paid=paid, lost=lost) for m, n, paid, lost in rows]


def recovered_payments(
    *, month: date, zone: str, step: str = "", currency: str = "", limit: int = 500
) -> list[RecoveredPayment]:
    """The payments that a sum above is made of, the newest first."""
    found = [
        RecoveredPayment(
            payment_id=row[0],
            run_id=row[1],
            paid_at=row[2],
            amount=Money(row[4], row[3]),
            invoice=row[5],
            customer=row[6],
            step=row[7],
        )
        for row in _ask(f"{RECOVERED} ORDER BY p.paid_at DESC, p.id", month, month, zone)
    ]
    kept = [p for p in found if step in {"", p.step} and currency in {"", p.amount.currency.code}]
    return kept[:limit]


def _ask(sql: str, first: date, last: date, zone: str) -> Sequence[tuple[Any, ...]]:
    start = local_midnight(first.replace(day=1), zone)
    end = local_midnight(add_months(last.replace(day=1), 1), zone)
    with connection.cursor() as cursor:
        cursor.execute(sql, {"start": start, "end": end, "zone": zone})
        rows: Sequence[tuple[Any, ...]] = cursor.fetchall()
    return rows


def declines_of(invoice: Invoice) -> list[Declined]:
    """What was declined of an invoice by stored methods, the oldest first."""
    attempts = PaymentAttempt.objects.filter(
        payment__invoice=invoice,
        channel="stored_method",
        state=PaymentAttempt.State.DECLINED,
        resolved_at__isnull=False,
    )
    return [
        Declined(
            at=attempt.resolved_at,
            decline_class=DeclineClass(attempt.decline_class or DeclineClass.UNCLASSIFIED),
        )
        for attempt in attempts.order_by("resolved_at", "pk")
        if attempt.resolved_at is not None
    ]


def steps_to_come(run: DunningRun, at: datetime) -> list[DatedStep]:
    """What a run will do from an instant on, if nothing is paid and every retry is declined."""
    if run.ended_at is not None:
        return []
    acted = set(run.acts.values_list("step__position", flat=True))
    dated = calendar(
        terms=run.campaign.terms,
        past_due_from=run.past_due_from,
        declines=declines_of(run.invoice),
        time_zone=run.customer.time_zone,
    )
    return [
        step
        for step in dated
        if (step.position is None and step.at > at)
        or (step.position is not None and step.position not in acted)
    ]
