"""Tax that is owed by jurisdiction and rate, as the posted documents say it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db import connection
from django.db.models import Sum

from finance.domain.chart import VAT_PAYABLE
from finance.models import MAIN_BOOKS, Posting
from tiktoktoe.kernel.money import from_minor, minor_unit

# What was posted between two days: invoices, void ones and credit notes the other way.
BY_RATE = """
WITH posted AS (
    SELECT kind, source_id, CASE kind WHEN 'invoice_finalized' THEN 1 ELSE -1 END AS sign
    FROM finance_journalentry
    WHERE kind IN ('invoice_finalized', 'invoice_finalized_reversal', 'credit_note_issued')
      AND effective_on BETWEEN %(since)s AND %(until)s
), document AS (
    SELECT sign, invoice.bill_to ->> 'country' AS country, invoice.tax_breakdown
    FROM posted JOIN billing_invoice invoice ON invoice.id = source_id
    WHERE posted.kind <> 'credit_note_issued' AND invoice.currency = %(currency)s
    UNION ALL
    SELECT sign, invoice.bill_to ->> 'country', note.tax_breakdown
    FROM posted JOIN billing_creditnote note ON note.id = source_id
    JOIN billing_invoice invoice ON invoice.id = note.invoice_id
    WHERE posted.kind = 'credit_note_issued' AND note.currency = %(currency)s
)
SELECT coalesce(nullif(tax ->> 'jurisdiction', ''), country, ''), tax ->> 'name',
       (tax ->> 'percentage')::numeric, coalesce(tax ->> 'treatment', 'taxed'),
       sum(sign * (tax ->> 'base')::numeric),
       coalesce(sum((tax ->> 'tax')::numeric) FILTER (WHERE sign > 0), 0),
       coalesce(sum((tax ->> 'tax')::numeric) FILTER (WHERE sign < 0), 0)
FROM document CROSS JOIN jsonb_array_elements(tax_breakdown) AS tax
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""


@dataclass(frozen=True, slots=True)
class TaxRow:
    """One tax of a jurisdiction: what it was charged on, charged, and taken back."""

    jurisdiction: str
    name: str
    percentage: Decimal
    treatment: str
    base: Decimal
    charged: Decimal
    taken_back: Decimal

    @property
    def owed(self) -> Decimal:
        """What is left of it."""
        return self.charged - self.taken_back


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxReport:
    """Taxes in a currency between two days, and what the books say about the account."""

    since: date
    until: date
    currency: str
    rows: Sequence[TaxRow]
    booked: Decimal

    @property
    def owed(self) -> Decimal:
        """All of it."""
        return sum((row.owed for row in self.rows), Decimal(0))

    @property
    def difference(self) -> Decimal:
        """Documents less books: 0, or one of them is wrong."""
        return self.owed - self.booked


def tax_report(*, since: date, until: date, currency: str) -> TaxReport:
    """What is owed to whom of what was posted between two days, both counted."""
    asked: dict[str, date | str] = {"since": since, "until": until, "currency": currency}
    with connection.cursor() as cursor:
        cursor.execute(BY_RATE, asked)
        rows = [TaxRow(*row) for row in cursor.fetchall()]
    moved = Posting.objects.filter(
        account__code=VAT_PAYABLE,
        account__entity_id=MAIN_BOOKS,
        currency=currency,
        effective_on__range=(since, until),
    ).aggregate(sum=Sum("amount_minor"))["sum"]
    booked = from_minor(-int(moved or 0), currency).amount
    return TaxReport(
        since=since, until=until, currency=currency, rows=rows, booked=_places(booked, currency)
    )


def _places(amount: Decimal, currency: str) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-minor_unit(currency)))
