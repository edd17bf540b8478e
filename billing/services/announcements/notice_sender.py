"""Which company of ours writes a notice: that of the document it is about, else the customer's."""

from collections.abc import Mapping
from typing import Any

from billing.domain.issuing import IssuedBy
from billing.models import CreditNote, Invoice
from billing.queries.issuers import IssuerBook, company
from subscriptions.models import Customer, Subscription


def sender_of(customer: Customer, facts: Mapping[str, Any]) -> IssuedBy:
    """The company with its name, address and e-mail, of a document as they were printed."""
    invoice = _invoice(facts)
    if invoice is not None:
        return IssuedBy.from_json(invoice.issued_by) if invoice.issued_by else company()
    reference = facts.get("subscription")
    subscription = (
        Subscription.objects.select_related("plan_version__plan")
        .filter(reference=reference, customer=customer)
        .first()
        if reference
        else None
    )
    plan = subscription.plan_version.plan if subscription else None
    return IssuerBook().of(customer, plan)[1]


def _invoice(facts: Mapping[str, Any]) -> Invoice | None:
    if facts.get("credit_note"):
        notes = CreditNote.objects.select_related("invoice")
        note = notes.filter(number=facts["credit_note"]).first()
        return note.invoice if note else None
    if facts.get("invoice_id"):
        return Invoice.objects.filter(pk=facts["invoice_id"]).first()
    if facts.get("invoice"):
        return Invoice.objects.filter(number=facts["invoice"]).first()
    return None
