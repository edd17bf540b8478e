"""What another engine billed in advance for the period that a subscription moves in with.

It is kept as an invoice that is none of ours: with no number of our series, owed by nobody, and
posted as an opening balance. Its lines are found as our own are when their time is not used, so
that a change, an end or a pause gives back of them by the same rules, and never more than they say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from billing.domain.opening_bills import not_served
from billing.domain.totals import Totals
from billing.errors import OpeningBillInvalid
from billing.models import Invoice, InvoiceLine
from billing.services.invoices.fee_lines import fee_line
from billing.services.invoices.terms import LoadedPrice
from billing.services.moving_in.arrivals import Arrival, subscription_named
from billing.services.moving_in.opening_bill_tax import OpeningBill, payable, tax_of_bill
from billing.services.moving_in.opening_bill_writing import write_opening_bill
from subscriptions.domain.proration import whole_of
from subscriptions.models import PlanVersion, Subscription
from subscriptions.services.lifecycle import lock_subscription
from tiktoktoe.kernel.money import allocate, total
from tiktoktoe.kernel.periods import Period, local_date, local_midnight

ONE_DAY = timedelta(days=1)
_WHICH = "subscription"
BILLED, NOT_SERVED, TAX = "Billed", "Of it, for days from today on", "Tax on it"


def take_opening_bill(given: Mapping[str, Any], by: Arrival) -> bool:
    """Keep what was billed elsewhere, in the caller's transaction; False if it is there already.

    Raises:
        OpeningBillInvalid: If it fits no subscription as that has moved in; names the field.
    """
    locked = _locked(given["subscription"])
    version, quantity = _billed_item(locked, given["add_on"], by.at)
    key = _key(locked, version)
    before = _brought_before(key)
    known = next((bill for bill in before if bill.state == Invoice.State.ELSEWHERE), None)
    if known is not None:
        _ensure_same(known, given)
        return False
    by.books.prices.load([version.pk])
    prices = by.books.prices.recurring(version.pk, "advance")
    bill = _bill(locked, version, prices, given["quantity"] or quantity, given=given)
    if before:
        bill = replace(bill, key=f"{key}:{len(before) + 1}")
    _ensure_as_moved_in(bill)
    taxed = tax_of_bill(bill, given["tax"], by)
    _compare(bill, by)
    write_opening_bill(bill, taxed, by)
    _count(bill, taxed, by)
    return True


def _key(subscription: Subscription, version: PlanVersion) -> str:
    """By which a bill is known: of a plan or add-on of a subscription one counts."""
    return f"moved-in:{subscription.pk}:{version.plan_id}"


def _count(bill: OpeningBill, taxed: Totals, by: Arrival) -> None:
    by.add(BILLED, taxed.subtotal)
    zone = bill.subscription.time_zone
    for line in taxed.lines:
        left = not_served(line.net, bill.period, moved_in_at=by.at, time_zone=zone)
        by.add(NOT_SERVED, left)
    by.add(TAX, taxed.tax)


def _locked(reference: str) -> Subscription:
    """The subscription of a reference, with whose it is and what it is on."""
    known = subscription_named(reference)
    locked = lock_subscription(known)
    locked.customer = known.customer
    if locked.plan_version_id == known.plan_version_id:
        locked.plan_version = known.plan_version
    return locked


def _brought_before(key: str) -> list[Invoice]:
    """That of this key, and those that were taken back."""
    keys = Q(idempotency_key=key) | Q(idempotency_key__startswith=f"{key}:")
    return list(Invoice.objects.filter(keys))


def _bill(
    subscription: Subscription,
    version: PlanVersion,
    prices: Sequence[LoadedPrice],
    quantity: int,
    *,
    given: Mapping[str, Any],
) -> OpeningBill:
    weights = [loaded.fee(quantity).amount for loaded in prices]
    if not any(weights):
        field = "add_on" if given["add_on"] else _WHICH
        raise OpeningBillInvalid(f"{version.plan} bills nothing in advance", field=field)
    amount, discount = (
        payable(given[name], subscription, name) for name in ("billed_amount", "discount")
    )
    return OpeningBill(
        subscription=subscription,
        plan=version.plan,
        prices=prices,
        period=_period(subscription, given),
        quantity=quantity,
        reference=_reference(given["invoice"]),
        key=_key(subscription, version),
        amounts=allocate(amount, weights),
        discounts=allocate(discount, weights),
    )


def _billed_item(
    subscription: Subscription, add_on: str | None, at: datetime
) -> tuple[PlanVersion, int]:
    """The plan, or an add-on, with how many of it there are."""
    if add_on is None:
        return subscription.plan_version, subscription.quantity
    held = (
        subscription.add_ons.at(at)
        .select_related("plan_version__plan")
        .filter(plan__code=add_on)
        .first()
    )
    if held is None:
        raise OpeningBillInvalid(
            "the subscription has no such add-on", field="add_on", remedy="move that in first"
        )
    return held.plan_version, held.quantity


def _period(subscription: Subscription, given: Mapping[str, Any]) -> Period:
    """What was paid for: the running period, or the rest of it from a day on."""
    zone, running = subscription.time_zone, subscription.current_period
    last = local_date(running.end, zone) - ONE_DAY
    if given["billed_through"] != last:
        raise OpeningBillInvalid(
            f"the running period ends with {last}",
            field="billed_through",
            remedy="write what was billed for that period",
        )
    if given["billed_from"] is None:
        return running
    start = local_midnight(given["billed_from"], zone)
    if not running.start <= start < running.end:
        first = local_date(running.start, zone)
        raise OpeningBillInvalid(
            f"is not in the running period, {first} to {last}", field="billed_from"
        )
    return Period(start, running.end)


def _reference(number: str) -> str:
    if len(number) > 64:
        raise OpeningBillInvalid("64 letters at most", field="invoice")
    return number


def _ensure_same(known: Invoice, given: Mapping[str, Any]) -> None:
    """Refuse another bill under a known key."""
    charged = total((line.charged for line in known.lines.all()), known.currency)
    if (known.reference, charged.amount) != (given["invoice"], given["billed_amount"]):
        raise OpeningBillInvalid(
            f"invoice {known} with {charged} is there already", field="billed_amount"
        )


def _ensure_as_moved_in(bill: OpeningBill) -> None:
    """Refuse what has not moved in, has begun another period, or has been changed since."""
    subscription = bill.subscription
    came = subscription.transitions.filter(event="moved_in").order_by("-pk").first()
    if came is None:
        raise OpeningBillInvalid("it has not moved in: its periods are billed here", field=_WHICH)
    if came.details["next_billing_at"] != subscription.current_period_end.isoformat():
        raise OpeningBillInvalid("the period that it moved in with is over", field=_WHICH)
    if subscription.state not in {Subscription.State.ACTIVE, Subscription.State.PAST_DUE}:
        raise OpeningBillInvalid(
            f"it is {subscription.state}: nothing is billed in advance for that", field=_WHICH
        )
    billed_here = InvoiceLine.objects.filter(
        subscription=subscription, period_end__gt=bill.period.start
    ).exclude(invoice__kind=Invoice.Kind.OPENING)
    if subscription.phases.count() > 1 or billed_here.exists():
        raise OpeningBillInvalid("it has been changed or billed here since", field=_WHICH)


def _compare(bill: OpeningBill, by: Arrival) -> None:
    """Say where the other engine has charged something else than we would have."""
    subscription, policy = bill.subscription, by.books.policies.of_plan(bill.plan.pk, by.at)
    row = subscription.billing_periods
    ours = total(
        (
            fee_line(
                loaded,
                bill.period,
                bill.quantity,
                whole=whole_of(bill.period, periods=row, policy=policy),
                time_zone=row.time_zone,
                policy=policy,
            ).amount
            for loaded in bill.prices
        ),
        subscription.currency,
    )
    theirs = bill.amount + total(bill.discounts, subscription.currency)
    if theirs != ours:
        by.remarks.append(
            ("billed_amount", f"{theirs} was charged before coupons; here it is {ours}")
        )
