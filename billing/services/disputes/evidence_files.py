"""The documents of an answer, uploaded one by one where the gateway takes files."""

from collections.abc import Mapping

from billing.domain.attempts import Answer
from billing.errors import GatewayRefused, GatewayUnavailable
from billing.gateways.base import Outcome
from billing.gateways.disputes import TakesFiles
from billing.models import DisputeAnswer
from billing.services.documents.pdf import evidence_pdf, invoice_pdf

BYTES_MAX = 4_500_000  # of all together. Source: docs.stripe.com/disputes/responding
_SECTIONS: Mapping[str, frozenset[str]] = {
    "communication": frozenset({"notices"}),
    "service": frozenset({"product", "usage", "subscription"}),
}


def upload_documents(*, answer: DisputeAnswer, gateway: TakesFiles) -> Outcome | None:
    """Upload the receipt, what the customer was told and what was used, and keep their names.

    An upload that fails proves that nothing was handed in: the outcome says so. What would be
    too large together is left out, the largest first: the text says the same.
    """
    documents = _documents(answer)
    while sum(map(len, documents.values())) > BYTES_MAX:
        documents.pop(max(documents, key=lambda name: len(documents[name])))
    try:
        held = {
            name: gateway.upload_evidence(name=f"{name}.pdf", content=content)
            for name, content in documents.items()
        }
    except (GatewayUnavailable, GatewayRefused) as error:
        message = f"the documents could not be uploaded: {error}"
        return Outcome(answer=Answer.NEVER_LEFT, message=message[:300])
    answer.files = held
    answer.save(update_fields=["files"])
    return None


def _documents(answer: DisputeAnswer) -> dict[str, bytes]:
    """What there is to be shown, as PDF; sections without a word make none."""
    invoice, at = answer.dispute.payment.invoice, answer.dispatched_at or answer.created_at
    made = {"receipt": invoice_pdf(invoice=invoice)}
    for name, sections in _SECTIONS.items():
        if any(answer.texts.get(section, "").strip() for section in sections):
            made[name] = evidence_pdf(answer=answer, at=at, only=sections)
    return made
