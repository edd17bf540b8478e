"""What would we have billed? A real customer's recorded usage under another plan or policy.

The customer, the catalog, the policies, the tax rates and the customer's usage are copied into
the scratch space; a subscription is started there on the first day and billed up to the last.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db.models import Sum

from billing.gateways.registry import standing_in
from billing.models import CreditNote, Invoice
from billing.services.changes.subscribing import start_subscription
from billing.services.invoices.draft_review import in_review, issue_all
from billing.services.invoices.renewal import run_billing
from billing.services.invoices.thresholds import bill_thresholds
from subscriptions.domain.proration_policy import POLICIES
from subscriptions.models import Customer, PlanVersion
from subscriptions.services.policies import assign_policy, publish_policy
from tiktoktoe.kernel import clock
from tiktoktoe.kernel.errors import InvalidInput
from tiktoktoe.kernel.money import Money
from tiktoktoe.kernel.periods import Alignment, local_midnight
from tiktoktoe.simulator.cash_desk import CashDesk
from tiktoktoe.simulator.looking import invoices
from tiktoktoe.simulator.scratch import scratch_space
from tiktoktoe.simulator.seen import InvoiceSeen
from tiktoktoe.simulator.world import ACTOR

WHOLE_TABLES = (
    "subscriptions_product",
    "subscriptions_meter",
    "subscriptions_plan",
    "subscriptions_planversion",
    "subscriptions_price",
    "subscriptions_tier",
    "subscriptions_spendingthreshold",
    "subscriptions_billingpolicy",
    "subscriptions_policyrule",
    "subscriptions_customerclock",
    "billing_taxrate",
)
OF_CUSTOMER = (
    "subscriptions_usageevent",
    "subscriptions_usageday",
    "subscriptions_usagedelta",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Whose usage, under which plan, from which day up to which."""

    customer: str
    plan: str
    from_day: date
    to_day: date
    policy: str = ""
    quantity: int = 1
    alignment: str = "anniversary"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What was billed in that time, what would have been, before tax, and the difference."""

    customer: str
    plan: str
    currency: str
    billed: Money
    would_be: Money
    difference: Money
    invoices: tuple[InvoiceSeen, ...]


def replay(question: Question) -> Replayed:
    """Answer it; nothing real is written.

    Raises:
        InvalidInput: If there is no such customer, or its plan was not on sale then.
    """
    customer = Customer.objects.filter(external_id=question.customer).first()
    if customer is None:
        raise InvalidInput(f"no customer is called {question.customer!r}", field="--customer")
    if question.policy and question.policy not in POLICIES:
        allowed = ", ".join(POLICIES)
        raise InvalidInput(f"{question.policy!r} is none", field="--policy", remedy=allowed)
    start = local_midnight(question.from_day, customer.time_zone)
    end = local_midnight(question.to_day, customer.time_zone)
    if end <= start:
        raise InvalidInput("is not after --from", field="--to")
    version = _version(question, customer, start)
    billed = Money(_net(customer, start, end), customer.currency)
    with scratch_space(copies(customer)), standing_in(CashDesk()):
        there = Customer.objects.get(pk=customer.pk)
        seen = _play(question, there, PlanVersion.objects.get(pk=version.pk), start, end)
        would_be = Money(_net(customer, start, end), customer.currency)
    return Replayed(
        customer=question.customer,
        plan=question.plan,
        currency=customer.currency,
        billed=billed,
        would_be=would_be,
        difference=would_be - billed,
        invoices=seen,
    )


def copies(customer: Customer) -> Mapping[str, str]:
    """The tables that are copied, each with which of its rows."""
    rules = "id IN (SELECT actor_id FROM public.subscriptions_policyrule)"
    return {
        **dict.fromkeys(WHOLE_TABLES, "true"),
        **dict.fromkeys(OF_CUSTOMER, f"customer_id = {customer.pk:d}"),
        "subscriptions_customer": f"id = {customer.pk:d}",
        "accounts_user": rules,
    }


def _play(
    question: Question, customer: Customer, version: PlanVersion, start: datetime, end: datetime
) -> tuple[InvoiceSeen, ...]:
    with clock.moved_to(start):
        if question.policy:
            rules = POLICIES[question.policy]
            kept = publish_policy(code="replay", name="Replay", rules=rules, at=start)
            assign_policy(policy=kept, from_plan=version.plan, actor=ACTOR, at=start)
        start_subscription(
            customer=customer,
            plan_version=version,
            quantity=question.quantity,
            trial_days=0,
            alignment=Alignment(question.alignment),
            actor=ACTOR,
            at=start,
        )
    with clock.moved_to(end):
        run_billing(at=end, clock=customer.clock)
        issue_all(ids=list(in_review().values_list("pk", flat=True)), at=end)
        bill_thresholds(at=end, clock=customer.clock)
    return invoices([customer], {})


def _version(question: Question, customer: Customer, at: datetime) -> PlanVersion:
    found = PlanVersion.objects.published().filter(
        plan__code=question.plan, currency=customer.currency
    )
    version = found.filter(effective_from__lte=at).order_by("-effective_from").first()
    if version is None:
        plans = found.model.objects.published().filter(currency=customer.currency)
        codes = sorted(set(plans.values_list("plan__code", flat=True)))
        raise InvalidInput(
            f"{question.plan!r} was not on sale in {customer.currency} on {question.from_day}",
            field="--plan",
            remedy=", ".join(codes),
        )
    return version


def _net(customer: Customer, start: datetime, end: datetime) -> Decimal:
    """What the customer's invoices of a time came to before tax, less what was credited."""
    rows = Invoice.objects.final().exclude(state=Invoice.State.VOID)
    mine = rows.filter(customer=customer.pk, finalized_at__gte=start, finalized_at__lte=end)
    notes = CreditNote.objects.filter(invoice__in=mine)
    billed: Decimal = mine.aggregate(net=Sum("subtotal"))["net"] or Decimal(0)
    credited: Decimal = notes.aggregate(net=Sum("subtotal"))["net"] or Decimal(0)
    return billed - credited
