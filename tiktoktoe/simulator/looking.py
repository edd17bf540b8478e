"""What there is, read from the rows and shown by the names of the file."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from billing.models import (
    CreditBalance,
    CreditNote,
    DunningRequest,
    Invoice,
    InvoiceLine,
    OverdueChange,
    PaymentAttempt,
    PrepaidCredit,
    Refund,
)
from subscriptions.models import Customer, Subscription, SubscriptionTransition
from tiktoktoe.kernel.money import Money, minor_unit, quantize_amount, total, zero
from tiktoktoe.kernel.periods import local_date, local_midnight
from tiktoktoe.kernel.rates import percent, round_half_away
from tiktoktoe.simulator.seen import (
    BalanceSeen,
    CreditNoteSeen,
    InvoiceSeen,
    LineSeen,
    OverdueSeen,
    PaymentRequestSeen,
    PaymentSeen,
    RefundSeen,
    Seen,
    SubscriptionSeen,
    TransitionSeen,
)
from tiktoktoe.simulator.world import World
from tiktoktoe.standing import standing

COUPON_PLACES = 5
CLEAR = "clear"


def invoices(
    customers: list[Customer], names: dict[int, str], *, only: Collection[UUID] | None = None
) -> tuple[InvoiceSeen, ...]:
    """The invoices of customers, or those of some keys, in the order in which they were made."""
    owners = [customer.pk for customer in customers]
    rows = _of_owners.rows(owners=owners) if only is None else _of_keys.rows(keys=list(only))
    lines: dict[UUID, list[InvoiceLine]] = defaultdict(list)
    for line in _lines_of.rows(invoices=[row.pk for row in rows]) if rows else ():
        lines[line.invoice_id].append(line)
    return tuple(_invoice(row, lines[row.pk], names) for row in rows)


@standing
def _of_owners(owners: list[int]) -> QuerySet[Invoice]:
    return _in_order().filter(customer__any_of=owners)


@standing
def _of_keys(keys: list[UUID]) -> QuerySet[Invoice]:
    return _in_order().filter(pk__any_of=keys)


def _in_order() -> QuerySet[Invoice]:
    return Invoice.objects.select_related("customer").order_by("created_at", "id")


@standing
def _lines_of(invoices: list[UUID]) -> QuerySet[InvoiceLine]:
    rows = InvoiceLine.objects.filter(invoice__any_of=invoices).order_by("position", "pk")
    return rows.select_related("price__meter", "price__plan_version__plan")


def _invoice(row: Invoice, lines: list[InvoiceLine], names: dict[int, str]) -> InvoiceSeen:
    zone = row.customer.time_zone
    issued_at = row.finalized_at or row.created_at
    first, after, last = _days(row.period_start, row.period_end, zone)
    percentages = {
        rate["code"]: Decimal(rate["percentage"])
        for rate in row.tax_breakdown
        if rate["treatment"] == "taxed"
    }
    coupons = total((line.discount for line in lines), row.currency)
    return InvoiceSeen(
        number=row.number or "",
        customer=row.customer.external_id,
        subscription=names.get(row.subscription_id or 0, ""),
        kind=row.kind,
        state=row.state,
        date=local_date(issued_at, zone),
        issued_at=issued_at,
        due_on=local_date(row.due_at, zone) if row.due_at else None,
        period_from=first,
        period_to=after,
        period_through=last,
        currency=row.currency,
        fees=row.subtotal + coupons,
        coupons=coupons,
        subtotal=row.subtotal,
        tax=row.tax,
        total=row.total,
        credited=row.amount_credited,
        credit_used=row.amount_from_balance,
        prepaid=row.amount_from_wallets,
        paid=row.amount_paid,
        refunded=row.amount_refunded,
        due=row.amount_due,
        lines=tuple(_line(line, zone, names, percentages) for line in lines),
    )


def _line(
    row: InvoiceLine, zone: str, names: dict[int, str], percentages: Mapping[str, Decimal]
) -> LineSeen:
    first, after, last = _days(row.period_start, row.period_end, zone)
    price = row.price
    inputs: dict[str, Any] = row.derivation.get("inputs", {})
    steps: list[dict[str, Any]] = row.derivation.get("steps", [])
    return LineSeen(
        kind=row.kind,
        code=price.code if price else "",
        plan=price.plan_version.plan.code if price else "",
        meter=price.meter.code if price and price.meter else "",
        description=row.description,
        subscription=names.get(row.subscription_id or 0, ""),
        period_from=first,
        period_to=after,
        period_through=last,
        quantity=row.quantity.normalize() + Decimal(0),
        coupon=row.discount,
        coupon_exact=_coupon_exact(row.currency, steps),
        amount=row.amount,
        tax=row.tax_amount,
        tax_alone=_tax_alone(row, percentages),
        units=_counted(inputs.get("units")),
        denominator=_counted(inputs.get("of")),
        formula="; ".join(str(step["formula"]) for step in steps),
    )


def _coupon_exact(currency: str, steps: list[dict[str, Any]]) -> Money:
    """What coupons took off before rounding, each to five places of the minor unit."""
    places = minor_unit(currency) + COUPON_PLACES
    shares = [-Fraction(s["amount"]) for s in steps if str(s["label"]).startswith("coupon ")]
    return Money(sum((round_half_away(share, places) for share in shares), Decimal(0)), currency)


def _tax_alone(row: InvoiceLine, percentages: Mapping[str, Decimal]) -> Money:
    """The line's tax, rounded by itself: what it would be if the line were all.

    Of several taxes each is rounded; of a price that includes tax, it is the line's own share.
    """
    if row.includes_tax:
        share: Money = row.tax_amount
        return share
    exact = Fraction(row.derivation["exact"]) if row.discount else Fraction(row.amount.amount)
    charged = [percentages.get(code, Decimal(0)) for code in row.tax_code.split("+")]
    return total(
        (quantize_amount(exact * percent(rate), row.currency) for rate in charged), row.currency
    )


def _counted(text: object) -> int | None:
    """The number of "14 days"."""
    return int(str(text).split()[0]) if text else None


def _days(start: datetime, end: datetime, zone: str) -> tuple[date, date, date]:
    """The first day, the day after the last, and the last."""
    first, after = local_date(start, zone), local_date(end, zone)
    if local_midnight(after, zone) != end:
        after += timedelta(days=1)
    return first, after, max(after - timedelta(days=1), first)


def credit_notes(world: World) -> tuple[CreditNoteSeen, ...]:
    """The credit notes, in the order in which they were issued."""
    rows = CreditNote.objects.filter(customer__in=list(world.customers.values()))
    return tuple(
        CreditNoteSeen(
            number=row.number,
            invoice=row.invoice.number or "",
            customer=row.customer.external_id,
            date=local_date(row.issued_at, row.customer.time_zone),
            currency=row.currency,
            subtotal=row.subtotal,
            tax=row.tax,
            total=row.total,
            to_invoice=row.to_invoice,
            to_refund=row.to_refund,
            to_balance=row.to_balance,
            reason=row.reason,
        )
        for row in rows.select_related("invoice", "customer").order_by("issued_at", "id")
    )


def subscriptions(world: World) -> tuple[SubscriptionSeen, ...]:
    """The subscriptions as they stand, in the order in which they began."""
    rows = Subscription.objects.filter(pk__in=world.subscriptions.values()).select_related(
        "customer", "plan_version__plan"
    )
    names = world.subscription_names()
    return tuple(_subscription(row, names[row.pk]) for row in rows.order_by("created_at", "pk"))


def _subscription(row: Subscription, name: str) -> SubscriptionSeen:
    zone = row.time_zone
    first, after, last = _days(row.current_period_start, row.current_period_end, zone)
    return SubscriptionSeen(
        name=name,
        customer=row.customer.external_id,
        plan=row.plan_version.plan.code,
        quantity=row.quantity,
        state=row.state,
        started_on=local_date(row.started_at, zone),
        period_from=first,
        period_to=after,
        period_through=last,
        trial_ends_on=local_date(row.trial_ends_at, zone) if row.trial_ends_at else None,
        cancels_on=local_date(row.cancel_at, zone) if row.cancel_at else None,
        ended_on=local_date(row.ended_at, zone) if row.ended_at else None,
    )


def transitions(world: World) -> tuple[TransitionSeen, ...]:
    """The moves of the subscriptions, in the order in which they took effect."""
    names = world.subscription_names()
    rows = SubscriptionTransition.objects.filter(subscription__in=names).select_related(
        "subscription"
    )
    return tuple(
        TransitionSeen(
            subscription=names[row.subscription_id],
            at=row.effective_at,
            date=local_date(row.effective_at, row.subscription.time_zone),
            event=row.event,
            before=row.from_state,
            after=row.to_state,
        )
        for row in rows.order_by("effective_at", "id")
    )


def payments(world: World) -> tuple[PaymentSeen, ...]:
    """The tries to collect, in their order."""
    rows = PaymentAttempt.objects.filter(payment__customer__in=list(world.customers.values()))
    return tuple(
        PaymentSeen(
            date=local_date(row.dispatched_at, row.payment.customer.time_zone),
            invoice=row.payment.invoice.number or "",
            customer=row.payment.customer.external_id,
            amount=row.payment.amount,
            state=row.state,
        )
        for row in rows.select_related("payment__customer", "payment__invoice").order_by(
            "dispatched_at", "id"
        )
    )


def refunds(world: World) -> tuple[RefundSeen, ...]:
    """What went back, in its order."""
    rows = Refund.objects.filter(payment__customer__in=list(world.customers.values()))
    return tuple(
        RefundSeen(
            date=local_date(row.requested_at, row.payment.customer.time_zone),
            invoice=row.payment.invoice.number or "",
            customer=row.payment.customer.external_id,
            amount=row.amount,
            state=row.state,
        )
        for row in rows.select_related("payment__customer", "payment__invoice").order_by(
            "requested_at", "id"
        )
    )


def payment_requests(world: World) -> tuple[PaymentRequestSeen, ...]:
    """The requests for what was overdue, in their order."""
    rows = DunningRequest.objects.filter(series__customer__in=list(world.customers.values()))
    return tuple(
        PaymentRequestSeen(
            date=local_date(row.at, row.series.customer.time_zone),
            customer=row.series.customer.external_id,
            currency=row.currency,
            number=row.number,
            amount=row.amount,
            settled=row.series.ended_at is not None,
        )
        for row in rows.select_related("series__customer").order_by("at", "currency", "id")
    )


def overdue_states(world: World) -> tuple[OverdueSeen, ...]:
    """The changes of overdue states, in their order."""
    rows = OverdueChange.objects.filter(customer__in=list(world.customers.values()))
    return tuple(
        OverdueSeen(
            date=local_date(row.at, row.customer.time_zone),
            customer=row.customer.external_id,
            state=row.state.name if row.state else CLEAR,
        )
        for row in rows.select_related("customer", "state").order_by("id")
    )


def balances(world: World) -> tuple[BalanceSeen, ...]:
    """What each customer owes, and its credit, in each currency that it has some of."""
    owed: dict[tuple[str, str], list[Money]] = defaultdict(list)
    credit: dict[tuple[str, str], Money] = {}
    customers = list(world.customers.values())
    for customer in customers:
        owed[customer.external_id, customer.currency] = []
    invoices = Invoice.objects.filter(customer__in=customers).select_related("customer")
    for row in invoices.order_by("created_at", "id"):
        owed[row.customer.external_id, row.currency].append(row.amount_due)
    for held in CreditBalance.objects.filter(customer__in=customers).select_related("customer"):
        owed[held.customer.external_id, held.currency] += []
        credit[held.customer.external_id, held.currency] = held.amount
    prepaid: dict[tuple[str, str], Money] = {}
    for lot in PrepaidCredit.objects.filter(wallet__customer__in=customers).select_related(
        "wallet__customer"
    ):
        key = lot.wallet.customer.external_id, lot.currency
        owed[key] += []
        prepaid[key] = prepaid.get(key, zero(lot.currency)) + lot.amount_left
    return tuple(
        BalanceSeen(
            customer=customer,
            currency=currency,
            owed=total(amounts, currency),
            credit=credit.get((customer, currency), zero(currency)),
            prepaid=prepaid.get((customer, currency), zero(currency)),
            balance=total(amounts, currency) - credit.get((customer, currency), zero(currency)),
        )
        for (customer, currency), amounts in owed.items()
    )


def finished(world: World) -> int:
    """How many series of requests were asked for the last time."""
    owners = list(world.customers.values())
    return DunningRequest.objects.filter(series__customer__in=owners, is_last=True).count()


READERS: Mapping[str, Callable[[World], Any]] = {
    "invoices": lambda world: invoices(list(world.customers.values()), world.subscription_names()),
    "credit_notes": credit_notes,
    "subscriptions": subscriptions,
    "transitions": transitions,
    "payments": payments,
    "refunds": refunds,
    "balances": balances,
    "payment_requests": payment_requests,
    "overdue_states": overdue_states,
    "finished": finished,
}


def look(world: World, *, at: Collection[str] = READERS.keys()) -> Seen:
    """What there is now: everything, or of that only what is to be looked at."""
    return Seen(**{name: reader(world) for name, reader in READERS.items() if name in at})
