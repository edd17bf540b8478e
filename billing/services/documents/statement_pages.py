"""What is printed on a statement of account, in the customer's words."""

from billing.queries.statement_tax import DocumentTax, TaxPart
from billing.queries.statements import Statement
from billing.services.documents.letters import Row, letter, total_row
from billing.services.documents.words import Wording
from billing.services.invoices.writing import bill_to


def statement_content(statement: Statement) -> Row:
    """What is printed on a statement, in words."""
    customer, currency = statement.customer, statement.currency
    seller = statement.issued_by
    to = bill_to(customer)
    wording = Wording.of(to)
    days = wording.days(statement.start, statement.end)
    closing = wording.money(statement.closing.amount, currency)
    rows = [
        {
            "description": f"{wording.say(row.what)} {row.number}".strip(),
            "note": wording.day(row.at),
            "steps": _steps(row.document, currency, wording),
            "quantity": wording.money(row.document.net.amount, currency) if row.document else "",
            "unit_price": wording.money(row.amount.amount, currency),
            "amount": wording.money(row.balance.amount, currency),
        }
        for row in statement.rows
    ]
    title = wording.say("Statement of {days}", days=days)
    head = letter(title, wording.say("Statement"), to, statement.last_day, seller)
    columns = {"quantity": wording.say("Net"), "unit_price": wording.say("Amount")}
    labels = {**head["labels"], **columns, "amount": wording.say("Owed then")}
    last_day = wording.day(statement.last_day)
    return {
        **head,
        "labels": labels,
        "has_columns": True,
        "stamp": None,
        "facts": [
            [wording.say("Days"), days],
            [wording.say("Currency"), currency],
            [wording.say("Customer"), customer.external_id],
        ],
        "headline": wording.say("{amount} owed on {day}", amount=closing, day=last_day),
        "lines": rows,
        "totals": [
            *_in_all(statement.taxed, currency, wording),
            total_row("Opening", statement.opening.amount, currency, wording, strong=False),
            total_row("Closing", statement.closing.amount, currency, wording, strong=True),
        ],
        "notes": [],
    }


def _in_all(taxed: DocumentTax, currency: str, wording: Wording) -> list[Row]:
    """What all documents come to before tax, each tax, and with it."""
    if not taxed.gross and not taxed.parts:
        return []
    return [
        total_row("Documents before tax", taxed.net.amount, currency, wording, strong=False),
        *(
            total_row(
                _tax(part, currency, wording), part.tax.amount, currency, wording, strong=False
            )
            for part in taxed.parts
        ),
        total_row("Documents with tax", taxed.gross.amount, currency, wording, strong=False),
    ]


def _steps(document: DocumentTax | None, currency: str, wording: Wording) -> list[str]:
    """A document's taxes, one line each, and what it comes to with them."""
    if document is None:
        return []
    gross = wording.money(document.gross.amount, currency)
    taxes = [
        f"{_tax(part, currency, wording)}: {wording.money(part.tax.amount, currency)}"
        for part in document.parts
    ]
    return [*taxes, f"{wording.say('Total')}: {gross}"]


def _tax(part: TaxPart, currency: str, wording: Wording) -> str:
    name = wording.say(part.name)
    if not part.is_charged:
        return name
    return wording.say(
        "{tax} {percentage} on {base}",
        tax=name,
        percentage=wording.percentage(part.percentage),
        base=wording.money(part.net.amount, currency),
    )
