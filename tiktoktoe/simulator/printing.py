"""What came out, as JSON for programs and as a table for people."""

import dataclasses
import json
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from tiktoktoe.kernel.money import Money, quantize
from tiktoktoe.kernel.rates import exact_text
from tiktoktoe.simulator.playing import Played
from tiktoktoe.simulator.replaying import Replayed
from tiktoktoe.simulator.seen import InvoiceSeen, LineSeen, Seen


def as_json(played: Sequence[Played]) -> str:
    """Everything, one object for each scenario; amounts are exact strings in whole units."""
    rows = [
        {
            "scenario": one.scenario.title,
            "as_expected": not one.differences,
            "differences": [str(difference) for difference in one.differences],
            **_plain(one.seen),
        }
        for one in played
    ]
    return json.dumps(rows if len(rows) != 1 else rows[0], indent=2, ensure_ascii=False)


def replayed_as_json(replayed: Replayed) -> str:
    """The answer of a replay, as JSON."""
    return json.dumps(_plain(replayed), indent=2, ensure_ascii=False)


def replayed_as_table(replayed: Replayed) -> str:
    """The answer of a replay, to be read."""
    sums = (
        f"{replayed.customer} on {replayed.plan}, before tax:"
        f" was billed {_money(replayed.billed)},"
        f" would have been billed {_money(replayed.would_be)},"
        f" difference {_money(replayed.difference)} {replayed.currency}"
    )
    return "\n".join([*_invoices(replayed.invoices), sums])


def _plain(value: object) -> Any:
    """A value as JSON: amounts and numbers as exact text, instants in UTC."""
    match value:
        case Money():
            plain: Any = _money(value)
        case Decimal():
            plain = exact_text(value)
        case datetime():
            plain = value.isoformat().replace("+00:00", "Z")
        case date():
            plain = value.isoformat()
        case tuple():
            plain = [_plain(item) for item in value]
        case _ if dataclasses.is_dataclass(value):
            plain = {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        case _:
            plain = value
    return plain


def as_table(played: Sequence[Played]) -> str:
    """Everything that one wants to read."""
    return "\n".join(line for one in played for line in _table(one))


def _table(played: Played) -> Iterator[str]:
    yield f"── {played.scenario.title} ──"
    seen = played.seen
    yield from _invoices(seen.invoices)
    for note in seen.credit_notes:
        yield (
            f"{note.date}  credit note {note.number} of {note.invoice}: {_money(note.subtotal)}"
            f" + tax {_money(note.tax)} = {_money(note.total)} {note.currency}"
        )
    for payment in seen.payments:
        amount = _money(payment.amount)
        yield f"{payment.date}  payment of {payment.invoice}: {amount} {payment.state}"
    for refund in seen.refunds:
        yield f"{refund.date}  refund of {refund.invoice}: {_money(refund.amount)} {refund.state}"
    yield from _subscriptions(seen)
    for balance in seen.balances:
        owed, credit = _money(balance.owed), _money(balance.credit)
        yield f"{balance.customer} owes {owed} and has {credit} of credit, {balance.currency}"
    for step in seen.steps:
        if step.refused:
            yield f"{step.date}  {step.do} (line {step.line}) was refused: {step.refused}"
    for difference in played.differences:
        yield f"✗ {difference}"
    yield "as expected" if not played.differences else f"differences: {len(played.differences)}"


def _invoices(invoices: Sequence[InvoiceSeen]) -> Iterator[str]:
    for invoice in invoices:
        yield (
            f"{invoice.date}  invoice {invoice.number or '(draft)'}  {invoice.customer}"
            f"  {_money(invoice.subtotal)} + tax {_money(invoice.tax)}"
            f" = {_money(invoice.total)} {invoice.currency}  {invoice.state}{_rest(invoice)}"
        )
        for line in invoice.lines:
            yield f"            {_money(line.amount):>12}  {_line(line)}"


def _rest(invoice: InvoiceSeen) -> str:
    parts = [
        ("credited", invoice.credited),
        ("from the balance", invoice.credit_used),
        ("paid", invoice.paid),
        ("refunded", invoice.refunded),
        ("due", invoice.due),
    ]
    shown = [f"{name} {_money(amount)}" for name, amount in parts if amount.amount]
    return f" ({', '.join(shown)})" if shown else ""


def _line(line: LineSeen) -> str:
    days = f"{line.period_from} to {line.period_through}"
    formula = f"  [{line.formula}]" if line.formula else ""
    return f"{line.description}, {days}, {exact_text(line.quantity)} ×{formula}"


def _subscriptions(seen: Seen) -> Iterator[str]:
    for subscription in seen.subscriptions:
        yield (
            f"{subscription.name}: {subscription.plan} × {subscription.quantity},"
            f" {subscription.state}, {subscription.period_from} to {subscription.period_through}"
        )
    for move in seen.transitions:
        states = f"{move.before or '–'} → {move.after}"
        yield f"{move.date}  {move.subscription}: {move.event} ({states})"


def _money(money: Money) -> str:
    """An amount with the decimals of its currency, or with more if it has more."""
    payable = quantize(money)
    return f"{payable.amount if payable == money else money.amount:f}"
