"""Invoices: credited, paid, taken back, given up."""

from datetime import datetime
from uuid import UUID

from billing.domain.attempts import Answer
from billing.domain.part_amounts import Part
from billing.gateways.base import Outcome
from billing.models import (
    CreditEntry,
    CreditNote,
    Invoice,
    NumberingRule,
    PrepaidCredit,
    Wallet,
)
from billing.models.invoices import InvoiceQuerySet
from billing.services.credit.coupons import redeem_coupon
from billing.services.credit.credit_notes import issue_credit_note
from billing.services.credit.credit_refunds import refund_credit_note
from billing.services.credit.customer_credit import grant_credit, withdraw_credit
from billing.services.credit.wallets import fill_wallet, limit_wallet
from billing.services.invoices.draft_review import in_review, issue_all
from billing.services.invoices.invoicing import mark_uncollectible, void_invoice
from billing.services.invoices.numbering import set_numbering
from billing.services.invoices.one_off import ChargeLine, OneOffCharge, charge_once
from billing.services.payments.channels import Channel
from billing.services.payments.charging import open_attempt
from billing.services.payments.collection import mark_overdue
from billing.services.payments.settling import settle_attempt
from subscriptions.models import Meter, Plan
from tiktoktoe.kernel.money import Money
from tiktoktoe.simulator.acts.registry import plays
from tiktoktoe.simulator.errors import ScenarioInvalid
from tiktoktoe.simulator.scenario import actions
from tiktoktoe.simulator.world import ACTOR, World

GATEWAY = "stripe"


@plays(actions.ChargeOnce)
def charge(world: World, action: actions.ChargeOnce, at: datetime) -> None:
    """Invoice something once."""
    customer = world.customer(action)
    currency = (action.currency or customer.currency).upper()
    charge_once(
        charge=OneOffCharge(
            customer=customer,
            currency=currency,
            lines=_charge_lines(action, currency),
            takes_coupons=action.coupons,
            due_days=action.due_days,
        ),
        idempotency_key=f"simulated:{Invoice.objects.count() + 1}",
        is_draft=action.draft,
        actor=ACTOR,
        at=at,
    )


def _charge_lines(action: actions.ChargeOnce, currency: str) -> list[ChargeLine]:
    """What is charged: the rows under `lines`, or the one thing that the step itself names."""
    if (action.amount is None) == (not action.lines):
        raise ScenarioInvalid("needs amount, or lines", action.place, allowed="one of them")
    return [
        ChargeLine(
            description=row.name,
            quantity=row.quantity,
            unit_price=row.amount.exact(currency),
            tax_category=row.tax_category,
        )
        for row in (action.lines or [action])
        if row.amount is not None
    ]


@plays(actions.CreditInvoice)
def credit(world: World, action: actions.CreditInvoice, at: datetime) -> None:
    """Take back part of an invoice: all, an amount with tax, or a net amount of one line."""
    invoice = world.invoice(action.invoice, action)
    if action.amount is not None and action.line is None and invoice.lines.count() > 1:
        raise ScenarioInvalid(
            "lacks line: the invoice has several", action.place, allowed="line: 1, or total"
        )
    line_amounts = None
    if action.amount is not None:
        line_amounts = {_line(invoice, action): action.amount.payable(invoice.currency)}
    note = issue_credit_note(
        invoice=invoice,
        reason=action.reason,
        amount=action.total.payable(invoice.currency) if action.total else None,
        line_amounts=line_amounts,
        to_refund=action.to_refund.payable(invoice.currency) if action.to_refund else None,
        to_balance=action.to_balance.payable(invoice.currency) if action.to_balance else None,
        idempotency_key=f"simulated:{CreditNote.objects.count() + 1}",
        at=at,
    )
    refund_credit_note(note=note, actor=ACTOR, at=at)


def _line(invoice: Invoice, action: actions.CreditInvoice) -> UUID:
    line = invoice.lines.filter(position=action.line or 1).first()
    if line is None:
        raise ScenarioInvalid(f"{invoice} has no line {action.line}", action.place)
    return line.pk


@plays(actions.GrantCredit)
def grant(world: World, action: actions.GrantCredit, at: datetime) -> None:
    """Give credit that pays invoices, or (`withdraw_credit`) take it away."""
    customer = world.customer(action)
    currency = (action.currency or customer.currency).upper()
    amount = Money(action.amount.payable(currency), currency)
    enter = withdraw_credit if isinstance(action, actions.WithdrawCredit) else grant_credit
    enter(
        customer=customer,
        amount=amount,
        reason=action.reason,
        idempotency_key=f"simulated:{CreditEntry.objects.count() + 1}",
        actor=ACTOR,
        at=at,
    )


plays(actions.WithdrawCredit)(grant)


@plays(actions.TopUpWallet)
def fill(world: World, action: actions.TopUpWallet, at: datetime) -> None:
    """Put credits into a wallet; bought ones are there when their invoice is paid."""
    customer = world.customer(action)
    currency = (action.currency or customer.currency).upper()
    fill_wallet(
        customer=customer,
        name=action.wallet,
        amount=Money(action.amount.payable(currency), currency),
        is_paid=action.paid,
        reason=action.reason,
        idempotency_key=f"simulated:{PrepaidCredit.objects.count()}:{Invoice.objects.count()}",
        actor=ACTOR,
        at=at,
        expires_at=action.expires.at(customer.time_zone) if action.expires else None,
    )
    if action.plans or action.meters:
        _limit(Wallet.objects.get(customer=customer, currency=currency, name=action.wallet), action)


def _limit(wallet: Wallet, action: actions.TopUpWallet) -> None:
    """Let a wallet pay only for what a step names."""
    plans = Plan.objects.filter(code__in=action.plans)
    meters = Meter.objects.filter(code__in=action.meters)
    known = {*plans.values_list("code", flat=True), *meters.values_list("code", flat=True)}
    for code in (*action.plans, *action.meters):
        if code not in known:
            raise ScenarioInvalid(f"{code!r} is not in the file", action.place)
    limit_wallet(wallet=wallet, plans=list(plans), meters=list(meters))


@plays(actions.ApplyCoupon)
def redeem(world: World, action: actions.ApplyCoupon, at: datetime) -> None:
    """Redeem a coupon."""
    redeem_coupon(
        code=action.coupon,
        customer=world.customer(action),
        subscription=world.subscription(action) if action.subscription else None,
        actor=ACTOR,
        at=at,
    )


@plays(actions.Pay)
def pay(world: World, action: actions.Pay, at: datetime) -> None:
    """A payment comes in: an attempt that the gateway says has succeeded."""
    if action.invoice.strip() == "all":
        _issue_held(in_review().filter(customer=world.customer(action)), at)
        owed = Invoice.objects.owed().filter(customer=world.customer(action))
        for invoice in owed.order_by("finalized_at", "pk"):
            _pay(invoice, None, at)
        return
    invoice = world.invoice(action.invoice, action)
    if _issue_held(in_review().filter(pk=invoice.pk), at):
        invoice.refresh_from_db()
    part = action.amount.payable(invoice.currency) if action.amount else None
    _pay(invoice, Money(part, invoice.currency) if part is not None else None, at)


def _issue_held(held: InvoiceQuerySet, at: datetime) -> int:
    """Issue what waits for the rest of its day: who pays it has got it."""
    return issue_all(ids=list(held.values_list("pk", flat=True)), at=at)


def _pay(invoice: Invoice, amount: Money | None, at: datetime) -> None:
    attempt = open_attempt(
        invoice=invoice,
        channel=Channel.HOSTED_PAGE,
        gateway=GATEWAY,
        part=Part(amount=amount, of=invoice.amount_due) if amount is not None else None,
        actor=ACTOR,
        at=at,
    )
    paid = Outcome(
        answer=Answer.SUCCEEDED, reference=f"simulated-{attempt.pk}", amount=attempt.payment.amount
    )
    settle_attempt(attempt=attempt, outcome=paid, actor=ACTOR, at=at)


@plays(actions.VoidInvoice)
def void(world: World, action: actions.VoidInvoice, at: datetime) -> None:
    """Take an invoice back."""
    void_invoice(invoice=world.invoice(action.invoice, action), at=at)


@plays(actions.WriteOff)
def write_off(world: World, action: actions.WriteOff, at: datetime) -> None:
    """Give up what it is owed."""
    mark_uncollectible(invoice=world.invoice(action.invoice, action), at=at)


@plays(actions.MarkOverdue)
def overdue(world: World, action: actions.MarkOverdue, at: datetime) -> None:
    """As the scheduler does every hour."""
    mark_overdue(at=at)


@plays(actions.ChangeNumbering)
def number(world: World, action: actions.ChangeNumbering, at: datetime) -> None:
    """Number invoices otherwise from now on."""
    mode = NumberingRule.Mode(action.mode)
    set_numbering(mode=mode, prefix=action.prefix, actor=ACTOR, at=at)


@plays(actions.RunBilling)
def run(world: World, action: actions.RunBilling, at: datetime) -> None:
    """What is due was billed before this step; here only so that a file may say so."""
