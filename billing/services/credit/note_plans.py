"""The credit notes that give unused time back, planned before they are issued.

A line that took part of its money from another one (a change of plan credits and charges on one
invoice) can give back no more than its invoice came to; the rest comes back from the line that
was credited.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from uuid import UUID

from django.db.models import Sum

from billing.domain.credit_parts import Sources
from billing.domain.crediting import credit_line, credit_total
from billing.domain.totals import creditable
from billing.models import Invoice, InvoiceLine, PrepaidCredit
from billing.queries.credit_balance import credit_of
from billing.queries.extras import Extras
from billing.queries.wallets import Purse
from billing.services.credit.credit_notes import (
    left_of_lines,
    refundable_of,
    sources_of,
)
from billing.services.credit.prepaid_returns import refilled
from billing.services.credit.unused_time import Unused
from billing.services.invoices.draft_parts import DraftInvoice
from billing.services.invoices.drafting import with_credit
from subscriptions.domain.proration_policy import NotePays, UnusedTime
from subscriptions.models import Subscription
from tiktoktoe.kernel.money import Money, total, zero


@dataclass(frozen=True, slots=True, kw_only=True)
class NotePlan:
    """A credit note to be: what it takes back of an invoice, tax included.

    `line_amounts` are as the lines' prices say them; None takes `total` from all the lines.
    `to_wallets` goes back to the prepaid credits that paid, `refund` as money, `to_balance` to the
    customer's credit balance; the rest comes off what the invoice owes.
    `waits`: the balance pays no open invoice now, but those that are made later.
    """

    invoice: Invoice
    line_amounts: Mapping[UUID, Decimal] | None
    total: Money
    refund: Money
    to_balance: Money
    to_wallets: Money
    waits: bool = False


def plan_notes(unused: Sequence[Unused], choice: UnusedTime) -> list[NotePlan]:
    """The credit notes that give unused time back, the newest invoice first."""
    if choice == UnusedTime.SKIP:
        return []
    wanted = {item.line.pk: item.part.amount for item in unused if item.part.amount}
    waiting = {item.line.pk: item.line for item in unused if item.part.amount}
    waits = any(item.pays == NotePays.LATER for item in unused)
    plans = []
    while waiting:
        newest = max(waiting.values(), key=lambda line: (line.invoice.created_at, line.invoice.pk))
        invoice = newest.invoice
        taken = [line for line in waiting.values() if line.invoice_id == invoice.pk]
        for line in taken:
            del waiting[line.pk]
        plan, short = _plan_note(invoice, {line.pk: wanted[line.pk] for line in taken}, choice)
        if plan is not None:
            plans.append(_waiting(plan) if waits else plan)
        for line, amount in _carry_over(invoice, short):
            wanted[line.pk] = amount
            waiting[line.pk] = line
    return plans


def _plan_note(
    invoice: Invoice, wanted: Mapping[UUID, Money], choice: UnusedTime
) -> tuple[NotePlan | None, Money]:
    """A note over lines of an invoice, and how much it falls short of what is wanted."""
    lines = list(invoice.lines.order_by("position"))
    left = left_of_lines(lines)
    nothing = zero(invoice.currency)
    limit = creditable(invoiced=invoice.total, credited=invoice.amount_credited)
    parts = [credit_line(left[pk], amount) for pk, amount in wanted.items()]
    gross = total((part.net + part.tax for part in parts), invoice.currency)
    if gross <= limit:
        amounts = {pk: amount.amount for pk, amount in wanted.items()}
        return _note(invoice, amounts, gross, choice), nothing
    asked = total(wanted.values(), invoice.currency)
    if not limit:
        return None, asked
    taken = total(
        (c.charged for c in credit_total([left[line.pk] for line in lines], limit)),
        invoice.currency,
    )
    return _note(invoice, None, limit, choice), max(asked - taken, nothing)


def _note(
    invoice: Invoice, amounts: Mapping[UUID, Decimal] | None, gross: Money, choice: UnusedTime
) -> NotePlan:
    sources = _sources(invoice)
    prepaid, refund = sources.to_wallets(gross), zero(invoice.currency)
    if choice == UnusedTime.REFUND:
        refund = min(_refund(invoice, gross), gross - prepaid)
    off = min(gross - prepaid - refund, sources.due)
    return NotePlan(
        invoice=invoice,
        line_amounts=amounts,
        total=gross,
        refund=refund,
        to_balance=gross - prepaid - refund - off,
        to_wallets=prepaid,
    )


def _sources(invoice: Invoice) -> Sources:
    """Where an invoice's money came from, or a draft's will once it is issued and takes credit."""
    if invoice.state != Invoice.State.DRAFT:
        return sources_of(invoice)
    lots = PrepaidCredit.objects.filter(
        wallet__customer=invoice.customer_id, wallet__currency=invoice.currency
    )
    held = lots.aggregate(left=Sum("amount_left"))["left"] or Decimal(0)
    from_balance = min(credit_of(invoice.customer_id, invoice.currency), invoice.total)
    prepaid = min(Money(held, invoice.currency), invoice.total - from_balance)
    return Sources(due=invoice.total - from_balance - prepaid, prepaid=prepaid, others=from_balance)


def _waiting(plan: NotePlan) -> NotePlan:
    """The same note, but nothing of it comes off its own invoice."""
    return replace(plan, to_balance=plan.total - plan.refund - plan.to_wallets, waits=True)


def _refund(invoice: Invoice, gross: Money) -> Money:
    """What has been paid beyond what is used: min(max(paid - used, 0), what is given back)."""
    used: Money = invoice.total - invoice.amount_credited - gross
    paid: Money = invoice.amount_paid - invoice.amount_refunded + invoice.amount_from_balance
    beyond: Money = paid - invoice.amount_to_balance - used
    return max(min(beyond, gross, refundable_of(invoice)), zero(invoice.currency))


def to_come(plans: Iterable[NotePlan], subscription: Subscription) -> Money:
    """What planned notes leave on the balance, after the open invoices that it pays first."""
    currency = subscription.currency
    plans = list(plans)
    added = total((plan.to_balance for plan in plans), currency)
    if not added or any(plan.waits for plan in plans):
        return added
    settled = {plan.invoice.pk for plan in plans}
    owing = Invoice.objects.collectable().filter(
        customer=subscription.customer_id, currency=currency
    )
    owed = total((i.amount_due for i in owing if i.pk not in settled), currency)
    return max(added - owed, zero(currency))


def after_notes(
    draft: DraftInvoice, plans: Sequence[NotePlan], subscription: Subscription, extras: Extras
) -> DraftInvoice:
    """For a preview: a draft with what credit pays of it once planned notes have been issued."""
    back = refilled(((plan.invoice, plan.to_wallets) for plan in plans), draft.boundary)
    owner, currency = subscription.customer_id, subscription.currency
    purse = Purse(owner, currency, back, has_any=extras.has_prepaid)
    return with_credit(draft, to_come(plans, subscription), purse, extras.balance)


def _carry_over(invoice: Invoice, short: Money) -> list[tuple[InvoiceLine, Money]]:
    """The lines that an invoice's credits were taken from, for what it cannot give back itself."""
    if not short:
        return []
    given = invoice.lines.filter(kind=InvoiceLine.Kind.PRORATION_CREDIT).order_by("position")
    keys = [line.derivation.get("inputs", {}).get("billed_line") for line in given]
    sources = InvoiceLine.objects.filter(pk__in=[key for key in keys if key])
    found = []
    lines = list(sources.select_related("invoice", "price").order_by("position"))
    left = left_of_lines(lines)
    for line in lines:
        amount = min(short, max(left[line.pk].charged, zero(invoice.currency)))
        if amount:
            found.append((line, amount))
            short -= amount
    return found


def as_issued(plan: NotePlan) -> NotePlan:
    """A plan for what was a draft, by what has really paid it since it was issued."""
    if plan.invoice.state != Invoice.State.DRAFT:
        return plan
    issued = Invoice.objects.get(pk=plan.invoice.pk)
    fresh = _note(issued, plan.line_amounts, plan.total, UnusedTime.CREDIT)
    return _waiting(fresh) if plan.waits else fresh
