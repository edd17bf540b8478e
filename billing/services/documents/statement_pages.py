"""What is printed on a statement of account, in the customer's words."""

from billing.queries.issuers import IssuerBook
from billing.queries.statements import Statement
from billing.services.documents.letters import Row, letter, total_row
from billing.services.documents.words import Wording
from billing.services.invoices.writing import bill_to


def statement_content(statement: Statement) -> Row:
    """What is printed on a statement, in words."""
    customer, currency = statement.customer, statement.currency
    _, seller = IssuerBook().of(customer)
    to = bill_to(customer)
    wording = Wording.of(to)
    days = wording.days(statement.start, statement.end)
    closing = wording.money(statement.closing.amount, currency)
    rows = [
        {
            "description": f"{wording.say(row.what)} {row.number}".strip(),
            "note": wording.day(row.at),
            "steps": [],
            "quantity": "",
            "unit_price": wording.money(row.amount.amount, currency),
            "amount": wording.money(row.balance.amount, currency),
        }
        for row in statement.rows
    ]
    title = wording.say("Statement of {days}", days=days)
    head = letter(title, wording.say("Statement"), to, statement.last_day, seller)
    columns = {"quantity": "", "unit_price": wording.say("Amount")}
    labels = {**head["labels"], **columns, "amount": wording.say("Owed then")}
    last_day = wording.day(statement.last_day)
    return {
        **head,
        "labels": labels,
        "stamp": None,
        "facts": [
            [wording.say("Days"), days],
            [wording.say("Currency"), currency],
            [wording.say("Customer"), customer.external_id],
        ],
        "headline": wording.say("{amount} owed on {day}", amount=closing, day=last_day),
        "lines": rows,
        "totals": [
            total_row("Opening", statement.opening.amount, currency, wording, strong=False),
            total_row("Closing", statement.closing.amount, currency, wording, strong=True),
        ],
        "notes": [],
    }
