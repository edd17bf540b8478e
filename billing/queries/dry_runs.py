"""What a dry run came to: by currency, and its invoices."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, Q, QuerySet, Sum

from billing.models import DryRun, DryRunInvoice
from billing.queries.line_changes import LineChange
from tiktoktoe.kernel.money import Money

SHOWN = {
    "": Q(),
    "changed": ~Q(difference=0) & Q(difference__isnull=False),
    "new": Q(before__isnull=True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrencySum:
    """What the invoices in one currency would come to, and how that differs, before tax, from
    the periods before of those that had one."""

    currency: str
    count: int
    subtotal: Money
    tax: Money
    total: Money
    difference: Money

    @property
    def noun(self) -> str:
        """How many invoices, in words."""
        return f"{self.count:,} invoice{'' if self.count == 1 else 's'}"


def currency_sums(run: DryRun) -> list[CurrencySum]:
    """The sums of a dry run, so far."""
    rows = (
        run.invoices.order_by("currency")
        .values("currency")
        .annotate(
            count=Count("pk"),
            net=Sum("subtotal"),
            taxes=Sum("tax"),
            gross=Sum("total"),
            more=Sum("difference"),
        )
    )
    return [
        CurrencySum(
            currency=row["currency"],
            count=row["count"],
            subtotal=Money(row["net"], row["currency"]),
            tax=Money(row["taxes"], row["currency"]),
            total=Money(row["gross"], row["currency"]),
            difference=Money(row["more"] or 0, row["currency"]),
        )
        for row in rows
    ]


def rehearsed_invoices(run: DryRun, shown: str) -> "QuerySet[DryRunInvoice]":
    """The invoices of a dry run: all, those that changed (the most first), or the first ones."""
    rows = run.invoices.filter(SHOWN.get(shown, Q())).select_related("customer")
    return rows.order_by("-difference", "pk") if shown == "changed" else rows.order_by("pk")


def with_changes(rows: Iterable[DryRunInvoice]) -> list[tuple[DryRunInvoice, list[LineChange]]]:
    """Each invoice with what differs from the one before, as it was kept."""
    return [(row, [_change(told, row.currency) for told in row.changes]) for row in rows]


def _change(told: dict[str, str], currency: str) -> LineChange:
    return LineChange(
        description=told["description"],
        before=Money(Decimal(told["before"]), currency),
        after=Money(Decimal(told["after"]), currency),
        why=told["why"],
    )
