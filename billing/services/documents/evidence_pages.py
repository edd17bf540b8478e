"""What is printed of our answer to a dispute; banks read English."""

from collections.abc import Collection
from datetime import datetime

from billing.models import DisputeAnswer
from billing.services.documents.letters import Row, letter, seller_of
from billing.services.documents.words import Wording


def evidence_content(
    answer: DisputeAnswer, at: datetime, only: Collection[str] | None = None
) -> Row:
    """What is printed of an answer, or of some of its sections; banks read English."""
    payment = answer.dispute.payment
    to = {**payment.invoice.bill_to, "locale": "en", "time_zone": "UTC"}
    wording = Wording.of(to)
    title = f"Evidence about invoice {payment.invoice}"
    head = letter(title, "Evidence", to, at, seller_of(payment.invoice))
    return {
        **head,
        "stamp": None,
        "labels": {**head["labels"], "bill_to": "Customer"},
        "facts": [
            ["Dispute", answer.dispute.gateway_reference],
            ["Payment", answer.dispute.attempt.gateway_reference],
            ["Amount", wording.money(answer.dispute.amount.amount, answer.dispute.currency)],
            ["Reason", answer.dispute.reason],
        ],
        "headline": title,
        "sections": [
            {"name": name.capitalize(), "lines": text.splitlines()}
            for name, text in answer.texts.items()
            if text.strip() and (only is None or name in only)
        ],
    }
