"""The taxes of previews, where an engine says them that is not ours.

Asked outside of transactions, once a draft, as an estimate that the engine need not keep, and
within a deadline for all drafts of a page. Where no answer came the draft is before tax, and
says so: its tax is worked out when the invoice is made.
"""

import logging
from collections.abc import Iterable
from dataclasses import fields, replace
from time import perf_counter
from typing import Any, TypeVar

from django.conf import settings

from billing.domain.tax_engine import Sale, TaxEngine
from billing.errors import TaxRateMissing
from billing.gateways.tax_service import tax_engine
from billing.queries.wallets import Purse
from billing.services.invoices.draft_parts import Buyer, DraftInvoice
from billing.services.invoices.drafting import sale_of_lines
from subscriptions.models import Price
from tiktoktoe.kernel.errors import GatewayError
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import Money, zero

logger = logging.getLogger(__name__)
P = TypeVar("P")
Account = tuple[int, str]  # a customer's, in a currency


def with_taxes(preview: P) -> P:
    """A preview whose drafts have their taxes; the same where our own table said them."""
    values = {field.name: getattr(preview, field.name) for field in fields(preview)}  # type: ignore[arg-type]
    awaiting = {
        name: value
        for name, value in values.items()
        if isinstance(value, DraftInvoice) and value.awaits_tax
    }
    if not awaiting:
        return preview
    taxed = taxed_drafts(awaiting.values())
    changes: dict[str, Any] = dict(zip(awaiting, taxed, strict=True))
    return replace(preview, **changes)  # type: ignore[type-var]


def taxed_invoice(draft: DraftInvoice | None) -> DraftInvoice | None:
    """One draft with its tax, if there is one."""
    return taxed_drafts([draft])[0] if draft is not None else None


def taxed_drafts(drafts: Iterable[DraftInvoice]) -> list[DraftInvoice]:
    """Drafts of one page with their taxes, as far as the engine answers in time."""
    known = list(drafts)
    if not any(draft.awaits_tax for draft in known):
        return known
    ends = perf_counter() + settings.TAX_ENGINE_PREVIEW_SECONDS
    till = _Till()
    return [till.paid(_taxed(draft, left=ends - perf_counter())) for draft in known]


def _taxed(draft: DraftInvoice, *, left: float) -> DraftInvoice:
    engine = tax_engine(within_seconds=left) if left > 0 else None
    if engine is None or not draft.awaits_tax:
        return draft
    return _asked(draft, engine)


def _asked(draft: DraftInvoice, engine: TaxEngine) -> DraftInvoice:
    try:
        answer = engine.tax(_sale(draft))
    except (GatewayError, TaxRateMissing) as refusal:
        logger.warning("a preview is before tax", extra={"reason": str(refusal)[:200]})
        return draft
    return replace(draft, totals=answer, awaits_tax=False)


def _sale(draft: DraftInvoice) -> Sale:
    """As the invoice will be asked about, the category of each line's price included."""
    ids = {line.price_id for line in draft.lines if line.price_id}
    named = Price.objects.filter(pk__in=ids).exclude(tax_category="")
    categories = dict(named.values_list("pk", "tax_category"))
    lines = [
        replace(line, tax_category=line.tax_category or categories.get(line.price_id or 0, ""))
        for line in draft.lines
    ]
    country = draft.issued_by.country if draft.issued_by else ""
    buyer = Buyer(draft.customer, draft.currency)
    sale = sale_of_lines(buyer, lines, draft.boundary, country)
    return replace(sale, key=f"preview:{uuid7()}", is_estimate=True)


class _Till:
    """What credit pays of drafts one after the other, now that they have tax."""

    def __init__(self) -> None:
        self._used_more: dict[Account, Money] = {}
        self._purses: dict[Account, Purse] = {}

    def paid(self, draft: DraftInvoice) -> DraftInvoice:
        """A draft with what is left of the balance and the wallets for it."""
        if draft.credit_at_hand is None:
            return draft
        account = (draft.customer.pk, draft.currency)
        nothing = zero(draft.currency)
        used_more = self._used_more.get(account, nothing)
        from_balance = max(min(draft.credit_at_hand - used_more, draft.totals.total), nothing)
        self._used_more[account] = used_more + from_balance - (draft.from_balance or nothing)
        purse = self._purses.setdefault(account, Purse(*account))
        gross = [(line.price_id, taxed.gross) for line, taxed in draft.taxed_lines]
        left = draft.totals.total - from_balance
        return replace(
            draft,
            from_balance=from_balance,
            from_wallets=purse.take(gross, left, draft.boundary),
        )
