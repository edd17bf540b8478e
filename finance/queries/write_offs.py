"""Write-offs: what the books have lost on an invoice, beside what is given up of it.

An invoice can be given up, then credited in part, paid after all, owed again and given up
once more. So the books do not ask what happened but what is: they post the difference.
"""

from datetime import datetime
from typing import Any

from django.db.models import (
    Case,
    DecimalField,
    F,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Greatest

from billing.models import Invoice
from billing.models.invoices import LEFT_TO_PAY
from finance.domain.chart import RECEIVABLE
from finance.models import JournalEntry, Posting
from tiktoktoe.kernel.money import currencies_with_decimals

WRITE_OFF_KINDS = ("invoice_written_off", "invoice_written_off_reversal")
_MINOR = DecimalField(max_digits=24, decimal_places=4)


def written_off_invoices(at: datetime) -> QuerySet[Any]:
    """Invoices of which more is given up than the books have lost."""
    return _with_loss(at).filter(lost_minor__lt=F("given_up_minor"))


def recovered_invoices(at: datetime) -> QuerySet[Any]:
    """Invoices of which less is given up than the books have lost: paid, credited, pursued."""
    return _with_loss(at).filter(lost_minor__gt=F("given_up_minor"))


def _with_loss(at: datetime) -> QuerySet[Any]:
    """Invoices that are or were given up, with what is and what the books say, in minor units."""
    entries = JournalEntry.objects.filter(kind__in=WRITE_OFF_KINDS)
    touched = Q(state=Invoice.State.UNCOLLECTIBLE) | Q(pk__in=entries.values("source_id"))
    return Invoice.objects.filter(touched, finalized_at__lte=at).annotate(
        given_up_minor=Case(
            When(state=Invoice.State.UNCOLLECTIBLE, then=_due_minor()),
            default=Value(0),
            output_field=_MINOR,
        ),
        lost_minor=Coalesce(Subquery(_lost()), Value(0), output_field=_MINOR),
    )


def _lost() -> QuerySet[Any]:
    """What the write-offs of an invoice have taken off what is owed to us."""
    postings = Posting.objects.filter(
        entry__source_id=OuterRef("pk"),
        entry__kind__in=WRITE_OFF_KINDS,
        account__code=RECEIVABLE,
    )
    return (
        postings.order_by().values("entry__source_id").annotate(n=-Sum("amount_minor")).values("n")
    )


def _due_minor() -> Any:
    decimals = [
        When(currency__in=currencies_with_decimals(places), then=Value(10**places))
        for places in (0, 3, 4)
    ]
    factor = Case(*decimals, default=Value(100), output_field=IntegerField())
    return Greatest(LEFT_TO_PAY, Value(0), output_field=_MINOR) * factor


def write_off_counts(invoice_ids: list[Any]) -> dict[Any, int]:
    """How many write-off entries each invoice has in the books."""
    entries = JournalEntry.objects.filter(kind__in=WRITE_OFF_KINDS, source_id__in=invoice_ids)
    counts: dict[Any, int] = {}
    for source_id in entries.values_list("source_id", flat=True):
        counts[source_id] = counts.get(source_id, 0) + 1
    return counts
