"""What is printed on an invoice, in the customer's words."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from django.conf import settings

from billing.domain.creditor_references import creditor_reference, printed
from billing.models import Invoice, InvoiceLine
from billing.services.bank.coming_debits import ComingDebit, coming_debit
from billing.services.documents.letters import (
    Row,
    letter,
    named_facts,
    seller_of,
    shown_amount,
    sums,
    tax_notes,
    total_row,
)
from billing.services.documents.words import Wording

DEBITED_ON = (
    "There is nothing to do: on {day} we debit {amount} from your account ending in {account}, by "
    "mandate {mandate}. Our creditor identifier is {creditor}."
)
DEBITED_FROM = (
    "There is nothing to do: we debit {amount} from your account ending in {account}, not before "
    "{day}, by mandate {mandate}. Our creditor identifier is {creditor}."
)
STAMPS = {"draft": ("Draft", "bad"), "paid": ("Paid", "good"), "void": ("Void", "bad")}


def invoice_content(invoice: Invoice) -> Row:
    """What is printed on an invoice, in words."""
    wording = Wording.of(invoice.bill_to)
    issued = invoice.finalized_at or invoice.created_at
    lines = list(invoice.lines.select_related("subscription").order_by("position"))
    with_tax = bool(lines) and all(line.includes_tax for line in lines)
    facts = [
        ("Invoice number", invoice.number or wording.say("not issued yet")),
        ("Date", wording.day(issued)),
        ("Due", wording.day(invoice.due_at) if invoice.due_at else ""),
        ("Replaces invoice", str(invoice.replaces) if invoice.replaces else ""),
        ("Period", _period(invoice, wording)),
        ("Your tax number", str(invoice.bill_to.get("tax_number", ""))),
    ]
    due = wording.money(invoice.amount_due.amount, invoice.currency)
    is_owed = invoice.state in {"open", "uncollectible"} and invoice.amount_due.amount > 0
    headline = None
    if is_owed and invoice.due_at:
        headline = wording.say("{amount} due {day}", amount=due, day=wording.day(invoice.due_at))
    title = (
        wording.say("Invoice {number}", number=invoice.number)
        if invoice.number
        else wording.say("Draft of an invoice")
    )
    return {
        **letter(title, wording.say("Invoice"), invoice.bill_to, issued, seller_of(invoice)),
        "stamp": _stamp(invoice, wording),
        "facts": named_facts(facts, wording),
        "headline": headline,
        "lines": list(_lines(invoice, lines, wording, with_tax=with_tax)),
        "totals": _invoice_totals(invoice, wording, with_tax=with_tax),
        "notes": tax_notes(invoice.tax_breakdown, wording),
        "pay": _how_to_pay(invoice, wording) if is_owed else None,
        "pay_link": f"{settings.BASE_URL}/portal/" if is_owed else None,
    }


def _stamp(invoice: Invoice, wording: Wording) -> Row | None:
    if invoice.state not in STAMPS:
        return None
    words, tone = STAMPS[invoice.state]
    return {"words": wording.say(words), "tone": tone}


def _period(invoice: Invoice, wording: Wording) -> str:
    """From the first day of any line to the last."""
    lines = list(invoice.lines.all())
    if not lines:
        return ""
    start = min(line.period_start for line in lines)
    return wording.days(start, max(line.period_end for line in lines))


def _lines(
    invoice: Invoice, lines: Iterable[InvoiceLine], wording: Wording, *, with_tax: bool
) -> Iterable[Row]:
    """Its lines; where they are of several subscriptions, with a heading for each."""
    before = invoice.subscription_id
    for line in lines:
        of = line.subscription
        group = ""
        if of is not None and of.pk != before:
            group, before = wording.say("Subscription {reference}", reference=of.reference), of.pk
        yield {**_line(line, wording, with_tax=with_tax), "group": group}


def _line(line: InvoiceLine, wording: Wording, *, with_tax: bool) -> Row:
    # A price with tax has no place beside net amounts.
    unit_amount = line.unit_amount if with_tax or not line.includes_tax else None
    return {
        "description": wording.line(line.kind, line.description),
        "note": wording.days(line.period_start, line.period_end),
        "steps": list(_steps(line, wording, with_tax=with_tax)),
        "quantity": wording.number(line.quantity),
        "unit_price": (
            wording.price(unit_amount, line.currency) if unit_amount is not None else ""
        ),
        "amount": wording.money(shown_amount(line, with_tax=with_tax), line.currency),
    }


def _steps(line: InvoiceLine, wording: Wording, *, with_tax: bool) -> Iterable[str]:
    """The arithmetic, where quantity times unit price does not say it all."""
    inputs = line.derivation.get("inputs", {})
    steps: Sequence[Row] = line.derivation.get("steps", [])
    included = inputs.get("included")
    if included:
        billable = wording.number(Decimal(inputs["billable"]))
        yield wording.say(
            "{included} included, {billable} charged",
            included=wording.number(Decimal(included)),
            billable=billable,
        )
    if line.unit_amount is None and line.quantity and (with_tax or not line.includes_tax):
        yield from (wording.step(step["label"], step["formula"]) for step in steps)
    if line.discount:
        less = wording.money(line.discount.amount, line.currency)
        yield wording.say("less {amount} by coupon", amount=less)
    if line.includes_tax and not with_tax:
        yield wording.say(
            "{amount} with tax", amount=wording.money(line.charged.amount, line.currency)
        )


def _invoice_totals(invoice: Invoice, wording: Wording, *, with_tax: bool) -> list[Row]:
    currency = invoice.currency
    rows = list(sums(invoice, "Total", wording, with_tax=with_tax))
    deductions = [
        ("Credited", -invoice.amount_taken_off.amount),
        ("Paid from your credit balance", -invoice.amount_from_balance.amount),
        ("Paid from prepaid credits", -invoice.amount_from_wallets.amount),
        ("Amount paid", -invoice.amount_paid.amount),
        ("Refunded", invoice.amount_refunded.amount),
    ]
    shown = [
        total_row(name, amount, currency, wording, strong=False)
        for name, amount in deductions
        if amount
    ]
    if shown:
        due = invoice.amount_due.amount
        rows += [*shown, total_row("Amount due", due, currency, wording, strong=True)]
    return rows


def transfer_reference(invoice: Invoice) -> str:
    """What a payer puts on a transfer: in euros the structured reference, which banks check."""
    number = str(invoice.number)
    reference = creditor_reference(number) if invoice.currency == "EUR" else ""
    return f"{printed(reference)} ({number})" if reference else number


def _how_to_pay(invoice: Invoice, wording: Wording) -> list[str]:
    debit = coming_debit(invoice)
    if debit is not None:
        return [_debited(debit, wording)]
    bank = seller_of(invoice).bank
    by_card = wording.say("By card, on your own page:")
    if not bank:
        return [by_card]
    transfer = wording.say(
        "By bank transfer to {bank}, reference {number}.",
        bank=bank,
        number=transfer_reference(invoice),
    )
    return [transfer, by_card]


def _debited(debit: ComingDebit, wording: Wording) -> str:
    """What is to be known before a debit: amount, day, account, mandate, and who debits."""
    words = DEBITED_ON if debit.is_planned else DEBITED_FROM
    return wording.say(
        words,
        amount=wording.money(debit.amount.amount, debit.amount.currency.code),
        day=wording.day(debit.on),
        account=debit.mandate.last4,
        mandate=debit.mandate.reference,
        creditor=debit.mandate.creditor_id,
    )
