"""Wallets are opened, filled for nothing or by a paid invoice, and emptied when credits expire."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet, Sum

from billing.domain.derivation import prepaid_derivation
from billing.errors import CreditInvalid, CreditKeyReused
from billing.models import Invoice, InvoiceLine, PrepaidCredit, TopUp, Wallet
from billing.queries.issuers import IssuerBook
from billing.services.invoices.writing import bill_to, finalize_drafts
from billing.services.payments.payment_events import actor_name
from subscriptions.models import Customer, CustomerClock, Meter, Plan
from subscriptions.services.customer_clocks import key_of
from subscriptions.services.transitions import SCHEDULE, Actor
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import Money, currency_of, quantize, zero
from tiktoktoe.kernel.periods import (
    BillingPeriods,
    Interval,
    IntervalUnit,
    local_date,
    local_midnight,
)
from tiktoktoe.standing import standing

logger = logging.getLogger(__name__)

EXPIRE = """
WITH over AS (
    SELECT id, currency, amount_left FROM billing_prepaidcredit
    WHERE amount_left > 0 AND expires_at <= %(at)s AND EXISTS (
        SELECT FROM billing_wallet wallet
        JOIN subscriptions_customer customer ON customer.id = wallet.customer_id
        WHERE wallet.id = billing_prepaidcredit.wallet_id
          AND customer.clock_id IS NOT DISTINCT FROM %(clock)s::bigint)
    ORDER BY id FOR UPDATE SKIP LOCKED
)
INSERT INTO billing_prepaidentry (id, credit_id, kind, currency, amount, idempotency_key, at)
SELECT gen_random_uuid(), id, 'expired', currency, -amount_left, format('expired:%%s:%%s', id, (
    SELECT count(*) FROM billing_prepaidentry known
    WHERE known.credit_id = over.id AND known.kind = 'expired')), %(at)s
FROM over
"""


@transaction.atomic
def open_wallet(
    *,
    customer: Customer,
    currency: str,
    name: str,
    at: datetime,
    priority: int = 10,
    topup_below: Decimal | None = None,
    topup_amount: Decimal | None = None,
    topup_every: str = "",
    topup_from: date | None = None,
) -> Wallet:
    """Give a customer a wallet; with a top-up amount it buys more by itself: below a threshold,
    each interval, or both.

    Intervals are counted from the customer's local day `topup_from`, by default the next one.

    Raises:
        CreditInvalid: If the name is taken, or the top-up makes no sense.
    """
    code = currency_of(currency).code
    if (
        not name.strip()
        or Wallet.objects.filter(customer=customer, currency=code, name=name).exists()
    ):
        raise CreditInvalid("a wallet needs a name of its own", field="name")
    rule = _rule(customer, code, TopUpRule(topup_below, topup_amount, topup_every, topup_from), at)
    return Wallet.objects.create(
        customer=customer,
        currency=code,
        name=name,
        priority=priority,
        created_at=at,
        **rule,
    )


@transaction.atomic
def limit_wallet(*, wallet: Wallet, plans: Sequence[Plan], meters: Sequence[Meter]) -> Wallet:
    """Let a wallet pay only for lines of these plans and usage of these meters; none: for all.

    What it has paid stays.
    """
    locked = Wallet.objects.select_for_update(of=("self",)).get(pk=wallet.pk)
    locked.plan_codes = sorted(plan.code for plan in plans)
    locked.meter_codes = sorted(meter.code for meter in meters)
    locked.save(update_fields=["plan_codes", "meter_codes"])
    logger.info("wallet limited", extra={"wallet": locked.pk})
    return locked


@dataclass(frozen=True, slots=True)
class TopUpRule:
    """When a wallet buys more by itself, and how much: below an amount, each interval, or both."""

    below: Decimal | None = None
    amount: Decimal | None = None
    every: str = ""
    first_on: date | None = None


@transaction.atomic
def change_top_up(*, wallet: Wallet, rule: TopUpRule, at: datetime) -> Wallet:
    """Let a wallet buy by another rule from now on; an empty one: not by itself any more.

    Raises:
        CreditInvalid: If the rule makes no sense.
    """
    held = Wallet.objects.select_for_update(of=("self",)).select_related("customer")
    locked = held.get(pk=wallet.pk)
    for name, value in _rule(locked.customer, locked.currency, rule, at).items():
        setattr(locked, name, value)
    locked.save()
    logger.info("wallet top-up changed", extra={"wallet": locked.pk})
    return locked


def _rule(customer: Customer, currency: str, rule: TopUpRule, at: datetime) -> dict[str, Any]:
    """A rule as it is kept."""
    buys = rule.below is not None or bool(rule.every)
    if buys != (rule.amount is not None) or (rule.amount is not None and rule.amount <= 0):
        raise CreditInvalid(
            "say how much a top-up buys, and when, or neither", field="topup_amount"
        )
    if rule.amount is not None and quantize(Money(rule.amount, currency)).amount != rule.amount:
        raise CreditInvalid(
            f"nobody can pay {rule.amount} {currency}",
            field="topup_amount",
            remedy="a whole number of its smallest unit",
        )
    if rule.every and rule.every not in Wallet.Every.values:
        raise CreditInvalid(f"{rule.every!r} is no interval of a top-up", field="topup_every")
    tomorrow = local_date(at, customer.time_zone) + timedelta(days=1)
    first = (rule.first_on or tomorrow) if rule.every else None
    if first is not None and first < tomorrow:
        raise CreditInvalid(f"{first} is not to come", field="topup_from")
    return {
        "topup_below": rule.below,
        "topup_amount": rule.amount,
        "topup_every": rule.every,
        "topup_from_on": first,
        "topup_next_at": local_midnight(first, customer.time_zone) if first else None,
    }


@transaction.atomic
def grant_prepaid(
    *,
    wallet: Wallet,
    amount: Money,
    reason: str,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
    expires_at: datetime | None = None,
) -> PrepaidCredit:
    """Put credits into a wallet for nothing. The same key gives the same lot.

    Raises:
        CreditInvalid: If the amount is not payable, or in another currency, or no reason is given.
        CreditKeyReused: If the key belongs to something else.
    """
    known = PrepaidCredit.objects.filter(idempotency_key=idempotency_key).first()
    if known is not None:
        if known.wallet_id != wallet.pk or known.amount != amount:
            raise CreditKeyReused(f"{idempotency_key} is the key of other credits")
        return known
    _check(wallet, amount)
    if not reason.strip():
        raise CreditInvalid("say why", field="reason")
    return _fill(
        wallet,
        amount,
        kind=PrepaidCredit.Kind.GRANTED,
        reason=reason,
        actor=actor_name(actor),
        key=idempotency_key,
        expires_at=expires_at,
        at=at,
    )


@transaction.atomic
def top_up(*, wallet: Wallet, amount: Money, idempotency_key: str, at: datetime) -> Invoice:
    """Invoice prepaid credits; they are in the wallet once it is paid. The same key, the same one.

    No tax: it is on the invoices that the credits pay.

    Raises:
        CreditInvalid: If the amount is not payable, or in another currency.
    """
    key = f"top-up:{idempotency_key}"
    known = Invoice.objects.filter(idempotency_key=key).first()
    if known is not None:
        return known
    _check(wallet, amount)
    issuer_id, seller = IssuerBook().of(wallet.customer)
    invoice = Invoice.objects.create(
        id=uuid7(),
        customer=wallet.customer,
        kind=Invoice.Kind.TOP_UP,
        currency=wallet.currency,
        period_start=at,
        period_end=at,
        subtotal=amount.amount,
        total=amount.amount,
        bill_to=bill_to(wallet.customer),
        issuer_id=issuer_id,
        issued_by=seller.to_json(),
        idempotency_key=key,
        created_at=at,
    )
    InvoiceLine.objects.create(
        id=uuid7(),
        invoice=invoice,
        position=1,
        kind=InvoiceLine.Kind.PREPAID,
        description=f"Prepaid credits: {wallet.name}",
        period_start=at,
        period_end=at,
        currency=wallet.currency,
        amount=amount.amount,
        derivation=prepaid_derivation(amount, wallet.name).to_json(),
    )
    finalize_drafts([invoice.pk], at=at)
    TopUp.objects.create(wallet=wallet, invoice=invoice)
    return Invoice.objects.get(pk=invoice.pk)


@transaction.atomic
def fill_wallet(
    *,
    customer: Customer,
    name: str,
    amount: Money,
    is_paid: bool,
    reason: str,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
    expires_at: datetime | None = None,
) -> Invoice | None:
    """Grant credits into a wallet of this name, or invoice them; a new one is opened if need be.

    Gives the invoice. Raises what `open_wallet`, `grant_prepaid` and `top_up` do.
    """
    currency = amount.currency.code
    known = Wallet.objects.filter(customer=customer, currency=currency, name=name).first()
    wallet = known or open_wallet(customer=customer, currency=currency, name=name, at=at)
    if is_paid:
        return top_up(wallet=wallet, amount=amount, idempotency_key=idempotency_key, at=at)
    grant_prepaid(
        wallet=wallet,
        amount=amount,
        reason=reason,
        idempotency_key=idempotency_key,
        actor=actor,
        at=at,
        expires_at=expires_at,
    )
    return None


def tend_wallets(*, at: datetime, clock: CustomerClock | None = None) -> int:
    """Fill what was paid for, take away what expired, buy more where it is due; gives how many.

    Of customers with a test clock only those of `clock`, and of it no others.
    """
    filled = fill_paid_top_ups(at=at, clock=clock)
    return filled + expire_prepaid(at=at, clock=clock) + top_up_due(at=at, clock=clock)


@transaction.atomic
def fill_paid_top_ups(*, at: datetime, clock: CustomerClock | None = None) -> int:
    """Put the credits of paid top-ups into their wallets, each once; gives how many."""
    found = _paid_for.rows(clock=key_of(clock))
    for one in found:
        _fill(
            one.wallet,
            one.invoice.total,
            kind=PrepaidCredit.Kind.PAID,
            reason=f"Invoice {one.invoice}",
            actor=SCHEDULE.source,
            key=f"top-up:{one.invoice_id}",
            expires_at=None,
            at=at,
            invoice=one.invoice,
        )
    return len(found)


def top_up_due(*, at: datetime, clock: CustomerClock | None = None) -> int:
    """Invoice more credits for wallets whose interval is over, or that fell below their threshold;
    gives how many invoices.

    For a threshold never while an earlier top-up is not paid yet. An interval's is made once,
    also of those that were missed.
    """
    by_interval = _by_interval.rows(clock=key_of(clock), at=at)
    bought = sum(_top_up_by_interval(wallet, at) for wallet in by_interval)
    for wallet in _by_threshold.rows(clock=key_of(clock)):
        bought += _top_up_if_low(wallet, at)
    return bought


@standing
def _paid_for(clock: int | None) -> "QuerySet[TopUp]":
    ready = TopUp.objects.filter(
        wallet__customer__clock=clock,
        invoice__state=Invoice.State.PAID,
        invoice__prepaid_credit__isnull=True,
    )
    # The invoice too: nobody can make it void in the meantime.
    locked = ready.select_for_update(of=("self", "invoice"), skip_locked=True)
    return locked.select_related("wallet", "invoice").order_by("pk")


@standing
def _by_interval(clock: int | None, at: datetime) -> "QuerySet[Wallet]":
    return Wallet.objects.filter(customer__clock=clock, topup_next_at__lte=at).order_by("pk")


@standing
def _by_threshold(clock: int | None) -> "QuerySet[Wallet]":
    unpaid = TopUp.objects.filter(wallet=OuterRef("pk"), invoice__state__in=["draft", "open"])
    low = Wallet.objects.filter(~Exists(unpaid), customer__clock=clock, topup_below__isnull=False)
    return low.order_by("pk")


@transaction.atomic
def expire_prepaid(*, at: datetime, clock: CustomerClock | None = None) -> int:
    """Take away what has expired of every lot; gives how many lots."""
    with connection.cursor() as cursor:
        cursor.execute(EXPIRE, {"at": at, "clock": clock.pk if clock else None})
        return int(cursor.rowcount)


def wallet_left(wallet: Wallet, at: datetime) -> Money:
    """What is in a wallet and has not expired."""
    valid = wallet.credits.exclude(expires_at__lte=at).aggregate(left=Sum("amount_left"))
    return Money(valid["left"] or 0, wallet.currency)


@transaction.atomic
def _top_up_by_interval(wallet: Wallet, at: datetime) -> int:
    """One invoice for each interval that has begun by now."""
    held = Wallet.objects.select_for_update(of=("self",)).select_related("customer")
    locked = held.get(pk=wallet.pk)
    bought = 0
    while locked.topup_next_at is not None and locked.topup_next_at <= at:
        assert locked.topup_amount is not None
        top_up(
            wallet=locked,
            amount=Money(locked.topup_amount, locked.currency),
            idempotency_key=f"every:{locked.pk}:{locked.topup_next_at.date().isoformat()}",
            at=at,
        )
        locked.topup_next_at = _interval_after(locked, locked.topup_next_at)
        locked.save(update_fields=["topup_next_at"])
        bought += 1
    return bought


def _interval_after(wallet: Wallet, begun_at: datetime) -> datetime:
    """When the next interval begins, counted from the wallet's first day."""
    assert wallet.topup_from_on is not None
    interval = Interval(IntervalUnit(wallet.topup_every))
    row = BillingPeriods(wallet.topup_from_on, wallet.customer.time_zone, interval)
    return row.period_at(begun_at).end


@transaction.atomic
def _top_up_if_low(wallet: Wallet, at: datetime) -> bool:
    held = Wallet.objects.select_for_update(of=("self",)).select_related("customer")
    locked = held.get(pk=wallet.pk)
    below, amount = locked.topup_below, locked.topup_amount
    waits = locked.top_ups.filter(invoice__state__in=["draft", "open"]).exists()
    unfilled = locked.top_ups.filter(
        invoice__state=Invoice.State.PAID, invoice__prepaid_credit__isnull=True
    )
    if below is None or amount is None or waits or unfilled.exists():
        return False
    if wallet_left(locked, at) >= Money(below, locked.currency):
        return False
    key = f"auto:{locked.pk}:{locked.top_ups.count() + 1}"
    top_up(wallet=locked, amount=Money(amount, locked.currency), idempotency_key=key, at=at)
    return True


def _check(wallet: Wallet, amount: Money) -> None:
    in_wallet = amount.currency.code == wallet.currency
    if not in_wallet or quantize(amount) != amount or amount <= zero(amount.currency):
        raise CreditInvalid(
            f"{amount} cannot be put into a wallet in {wallet.currency}",
            field="amount",
            remedy="a payable amount above zero",
        )


def _fill(
    wallet: Wallet,
    amount: Money,
    *,
    kind: PrepaidCredit.Kind,
    reason: str,
    actor: str,
    key: str,
    expires_at: datetime | None,
    at: datetime,
    invoice: Invoice | None = None,
) -> PrepaidCredit:
    credit = PrepaidCredit.objects.create(
        id=uuid7(),
        wallet=wallet,
        kind=kind,
        currency=wallet.currency,
        amount=amount.amount,
        amount_left=amount.amount,
        expires_at=expires_at,
        invoice=invoice,
        reason=reason[:200],
        actor=actor[:64],
        idempotency_key=key,
        at=at,
    )
    logger.info("wallet filled", extra={"wallet": wallet.pk, "kind": kind})
    return credit
