"""What was billed in advance for time that is not used: found, and given back by credit notes.

A preview plans the notes that are then issued, so that they cannot differ. A line that took
part of its money from another one (a change of plan credits and charges on one invoice) can
give back no more than its invoice came to; the rest comes back from the line that was credited.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

from django.db.models import Sum

from billing.domain.crediting import LineLeft, credit_line, credit_total
from billing.domain.derivation import Derivation, proration_derivation
from billing.domain.totals import creditable
from billing.models import CreditNote, Invoice, InvoiceLine, PrepaidCredit, UnusedCredit
from billing.models.invoices import UNBILLED_STATES
from billing.queries.credit_balance import credit_of
from billing.services.credit.credit_notes import issue_credit_note, left_of_lines, refundable_of
from billing.services.credit.credit_refunds import refund_credit_note
from billing.services.invoices.draft_parts import Boundary
from billing.services.invoices.draft_review import issue_closed
from billing.services.invoices.refreshing import close_usage_of
from billing.services.invoices.terms import LoadedPrice, PriceBook
from subscriptions.domain.proration import Billed, Proration, credit_unused, whole_of
from subscriptions.domain.proration_policy import NotePays, ProrationPolicy, UnusedTime
from subscriptions.models import Plan, Price, Subscription
from subscriptions.services.policies import policy_of
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.money import Money, quantize_amount, total, zero
from tiktoktoe.kernel.periods import BillingPeriods, Period

CHARGED_KINDS = (InvoiceLine.Kind.RECURRING, InvoiceLine.Kind.PRORATION_CHARGE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unused:
    """A line whose time from an instant on is not used, and what that is worth, as its price
    says it: net of tax, or with the tax that the price includes."""

    line: InvoiceLine
    loaded: LoadedPrice
    part: Proration
    unused_from: datetime
    derivation: Derivation
    pays: NotePays = NotePays.OPEN


@dataclass(frozen=True, slots=True, kw_only=True)
class NotePlan:
    """A credit note to be: what it takes back of an invoice, tax included.

    `line_amounts` are as the lines' prices say them; None takes `total` from all the lines.
    `refund` goes back as money, `to_balance` to the customer's credit balance; the rest comes off
    what the invoice owes.
    `waits`: the balance pays no open invoice now, but those that are made later.
    """

    invoice: Invoice
    line_amounts: Mapping[UUID, Decimal] | None
    total: Money
    refund: Money
    to_balance: Money
    waits: bool = False


def unused_time(
    subscription: Subscription,
    unused_from: datetime,
    policy: ProrationPolicy,
    counts: Callable[[Plan], bool] = lambda _: True,
    *,
    book: PriceBook | None = None,
) -> list[Unused]:
    """What was billed in advance beyond an instant, and has not been given back yet.

    `counts` says of which plans and add-ons; of all by default. A `book` of prices that are
    loaded already is asked first.
    """
    billed = _billed_beyond(subscription, unused_from)
    lines = [line for line in billed if line.price and counts(line.price.plan_version.plan)]
    return _found(subscription, lines, unused_from, policy, book=book)


def blocked_time(
    subscription: Subscription,
    blocked_from: datetime,
    blocked_until: datetime,
    policy: ProrationPolicy,
) -> list[Unused]:
    """What was billed in advance for time in which nothing was served."""
    billed = _billed_beyond(subscription, blocked_from)
    lines = [line for line in billed if line.period_start < blocked_until]
    return _found(subscription, lines, blocked_from, policy, until=blocked_until)


def _found(
    subscription: Subscription,
    lines: Sequence[InvoiceLine],
    unused_from: datetime,
    policy: ProrationPolicy,
    *,
    until: datetime | None = None,
    book: PriceBook | None = None,
) -> list[Unused]:
    book = book or PriceBook([])
    book.load({line.price.plan_version_id for line in lines if line.price})
    loaded = {
        p.price.pk: p
        for line in lines
        if line.price
        for p in book.recurring(line.price.plan_version_id, Price.Timing.ADVANCE)
    }
    left = left_of_lines(lines)
    row = subscription.billing_periods
    found = []
    for line in lines:
        price = loaded.get(line.price_id or 0)
        if price is None:
            continue
        part = _worth(
            line,
            price,
            left[line.pk],
            row=row,
            unused_from=unused_from,
            policy=policy,
            until=until,
        )
        found.append(replace(_unused(line, price, part, unused_from), pays=policy.note_pays))
    return found


def _billed_beyond(subscription: Subscription, unused_from: datetime) -> list[InvoiceLine]:
    lines = list(
        InvoiceLine.objects.filter(subscription=subscription, period_end__gt=unused_from)
        .exclude(invoice__state__in=UNBILLED_STATES)
        .select_related("invoice", "price__plan_version__plan")
        .order_by("invoice__created_at", "invoice", "position")
    )
    given_back = {line.derivation.get("inputs", {}).get("billed_line") for line in lines}
    known = UnusedCredit.objects.filter(invoice_line__in=lines, counts=True)
    given_back |= {str(pk) for pk in known.values_list("invoice_line", flat=True)}
    return [line for line in lines if line.kind in CHARGED_KINDS and str(line.pk) not in given_back]


def _worth(
    line: InvoiceLine,
    loaded: LoadedPrice,
    left: LineLeft,
    *,
    row: BillingPeriods,
    unused_from: datetime,
    policy: ProrationPolicy,
    until: datetime | None = None,
) -> Proration:
    period = Period(line.period_start, line.period_end)
    return credit_unused(
        price=_less_discount(loaded.fee(int(line.quantity)), line),
        whole=whole_of(period, periods=row, policy=policy),
        billed=Billed(amount=line.charged, period=period, credited=line.charged - left.charged),
        unused_from=unused_from,
        time_zone=row.time_zone,
        policy=policy,
        unused_until=until,
    )


def _less_discount(fee: Money, line: InvoiceLine) -> Money:
    """A current price, less the share that coupons took off the line that was billed."""
    if not line.discount:
        return fee
    before = Fraction(line.charged.amount) + Fraction(line.discount.amount)
    share = Fraction(line.charged.amount) / before
    return quantize_amount(Fraction(fee.amount) * share, fee.currency)


def _unused(
    line: InvoiceLine, loaded: LoadedPrice, part: Proration, unused_from: datetime
) -> Unused:
    derivation = proration_derivation(part, kind="proration_credit", price=loaded.identity)
    inputs = {**derivation.inputs, "billed_line": str(line.pk)}
    return Unused(
        line=line,
        loaded=loaded,
        part=part,
        unused_from=unused_from,
        derivation=replace(derivation, inputs=inputs),
    )


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
    refund = zero(invoice.currency)
    if choice == UnusedTime.REFUND:
        refund = _refund(invoice, gross)
    off = min(gross - refund, _due(invoice))
    return NotePlan(
        invoice=invoice,
        line_amounts=amounts,
        total=gross,
        refund=refund,
        to_balance=gross - refund - off,
    )


def _due(invoice: Invoice) -> Money:
    """What an invoice owes, or a draft will at least once it is issued and takes credit."""
    if invoice.state != Invoice.State.DRAFT:
        return invoice.amount_due
    lots = PrepaidCredit.objects.filter(
        wallet__customer=invoice.customer_id, wallet__currency=invoice.currency
    )
    prepaid = lots.aggregate(left=Sum("amount_left"))["left"] or Decimal(0)
    held: Money = credit_of(invoice.customer_id, invoice.currency)
    still_owed: Money = invoice.total - held - Money(prepaid, invoice.currency)
    return max(still_owed, zero(invoice.currency))


def _waiting(plan: NotePlan) -> NotePlan:
    """The same note, but nothing of it comes off its own invoice."""
    return replace(plan, to_balance=plan.total - plan.refund, waits=True)


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


def issue_notes(
    plans: Sequence[NotePlan], *, reason: str, idempotency_key: str, at: datetime
) -> list[CreditNote]:
    """Issue planned notes, in the caller's transaction."""
    _issue_drafts((plan.invoice for plan in plans), at)
    return [
        issue_credit_note(
            invoice=plan.invoice,
            reason=reason,
            idempotency_key=f"{idempotency_key}:{n}",
            amount=plan.total.amount if plan.line_amounts is None else None,
            line_amounts=plan.line_amounts,
            to_refund=plan.refund.amount,
            to_balance=plan.to_balance.amount,
            pays_open=not plan.waits,
            at=at,
        )
        for n, plan in enumerate(plans, start=1)
    ]


def close_drafts(unused: Iterable[Unused]) -> None:
    """Close the usage of drafts that are issued when these lines' time is given back.

    Outside of any transaction, before that.
    """
    if ids := _drafts_of(item.line.invoice for item in unused):
        close_usage_of(ids)


def _issue_drafts(invoices: Iterable[Invoice], at: datetime) -> None:
    """Issue what still waits for people: what is given back has to have been billed."""
    if ids := _drafts_of(invoices):
        issue_closed(ids, at=at)


def _drafts_of(invoices: Iterable[Invoice]) -> list[UUID]:
    return sorted({i.pk for i in invoices if i.state == Invoice.State.DRAFT})


def refund_notes(notes: Iterable[CreditNote], *, actor: Actor, at: datetime) -> None:
    """Send what notes give back as money; outside of any transaction, and safe to repeat."""
    for note in notes:
        if note.to_refund:
            refund_credit_note(note=note, actor=actor, at=at)


def keep_unused(
    unused: Iterable[Unused],
    *,
    form: UnusedCredit.Form,
    at: datetime,
    notes: Sequence[CreditNote] = (),
    invoice: Invoice | None = None,
) -> None:
    """Write down that these lines' time has ended, and what became of it; once for each."""
    unused = list(unused)
    _issue_drafts((item.line.invoice for item in unused), at)
    by_invoice = {note.invoice_id: note for note in notes}
    is_skipped = form == UnusedCredit.Form.SKIP
    UnusedCredit.objects.bulk_create(
        UnusedCredit(
            invoice_line=item.line,
            unused_from=item.unused_from,
            form=form,
            currency=item.line.currency,
            amount=Decimal(0) if is_skipped else item.part.amount.amount,
            derivation=item.derivation.to_json(),
            invoice=invoice,
            credit_note=by_invoice.get(item.line.invoice_id),
            created_at=at,
        )
        for item in unused
    )


def give_back(
    unused: Sequence[Unused],
    choice: UnusedTime,
    *,
    reason: str,
    idempotency_key: str,
    at: datetime,
) -> list[CreditNote]:
    """Give unused time back as the choice says, in the caller's transaction."""
    plans = plan_notes(unused, choice)
    notes = issue_notes(plans, reason=reason, idempotency_key=idempotency_key, at=at)
    skips = choice == UnusedTime.SKIP
    form = UnusedCredit.Form.SKIP if skips else UnusedCredit.Form.NOTE
    keep_unused(unused, form=form, at=at, notes=notes)
    return notes


def give_back_at_end(boundary: Boundary, *, at: datetime) -> list[CreditNote]:
    """Give back what was billed beyond the boundary at which a subscription was to end."""
    subscription = boundary.subscription
    policy = policy_of(subscription.plan_version.plan, boundary.at)
    kept = subscription.cancel_unused_time
    return give_back(
        unused_time(subscription, boundary.at, policy),
        UnusedTime(kept) if kept else policy.unused_time,
        reason="Unused time",
        idempotency_key=f"end:{subscription.pk}:{boundary.at.isoformat()}",
        at=at,
    )
