"""The opposite of what the books have, for what was taken back."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

from finance.domain.journal import Entry, Posting
from finance.errors import DocumentInconsistent
from finance.models import JournalEntry, NothingToPost
from finance.models import Posting as PostingRow
from finance.queries import DocumentKind, Rows
from finance.services.built_entries import Found, PostingDay

_REVERSED_AT: Mapping[str, str] = {
    "invoice_finalized_reversal": "voided_at",
    "moved_in_billed_reversal": "taken_back_at",
    "refund_paid_reversal": "resolved_at",
    "capture_received_reversal": "resolved_at",
}


def reversals(document: DocumentKind, rows: Rows, days: PostingDay) -> Iterator[Found]:
    """An opposite entry for each row; None where the original moved nothing."""
    events = dict(rows.values_list("source_id", _REVERSED_AT[document.kind]))
    originals = _posted_entries(document.reverses, list(events))
    moved_nothing = set(
        NothingToPost.objects.filter(
            kind=document.reverses, source_id__in=events.keys() - originals.keys()
        ).values_list("source_id", flat=True)
    )
    for source_id, instant in events.items():
        if source_id in originals:
            yield source_id, originals[source_id].reversed(effective_on=days.of(instant or days.at))
        elif source_id in moved_nothing:
            yield source_id, None
        else:
            yield source_id, DocumentInconsistent("what it takes back is not in the books")


def _posted_entries(kind: str, source_ids: Sequence[UUID]) -> dict[UUID, Entry]:
    """The entries as the books have them, whatever the rules would make of them today."""
    heads = {
        head.pk: head for head in JournalEntry.objects.filter(kind=kind, source_id__in=source_ids)
    }
    postings: dict[UUID, list[Posting]] = defaultdict(list)
    for row in (
        PostingRow.objects.filter(entry_id__in=list(heads))
        .select_related("account")
        .order_by("entry_id", "line_no")
    ):
        postings[row.entry_id].append(
            Posting(
                account_code=row.account.code,
                amount_minor=row.amount_minor,
                currency=row.currency,
                customer=str(row.customer_id or ""),
                document=str(row.document_id or ""),
            )
        )
    return {
        head.source_id: Entry(
            kind=head.kind,
            key=head.idempotency_key,
            effective_on=head.effective_on,
            postings=tuple(postings[pk]),
            description=head.description,
        )
        for pk, head in heads.items()
    }
