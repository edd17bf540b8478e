"""The invoice of a change: what is charged, and unused time beside it where it can bear that.

Else unused time is given back by credit notes. A change of plan and one of an add-on go this way.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.models import Invoice
from billing.queries.extras import Extras, extras_of
from billing.queries.tax_table import TaxTable
from billing.services.credit.coupon_book import CouponBook
from billing.services.credit.note_plans import NotePlan, after_notes, plan_notes
from billing.services.credit.unused_time import Unused
from billing.services.invoices.draft_parts import DraftInvoice, DraftLine
from billing.services.invoices.drafting import make_draft
from billing.services.invoices.preview_books import coupons_of
from billing.services.invoices.proration_lines import credit_lines
from subscriptions.domain.proration_policy import CreditForm, UnusedTime
from subscriptions.models import Subscription
from subscriptions.services.policies import ChangeTerms
from tiktoktoe.kernel.money import total


@dataclass(frozen=True, slots=True)
class ChangeDraft:
    """What is invoiced at once, and what is given back by notes instead of beside it."""

    draft: DraftInvoice | None
    notes: tuple[NotePlan, ...]
    is_netted: bool


def draft_change(
    *,
    subscription: Subscription,
    boundary: datetime,
    period_end: datetime,
    lines: Sequence[DraftLine],
    unused: Sequence[Unused],
    terms: ChangeTerms,
    key: str,
) -> ChangeDraft:
    """The invoice of a change with these charges, and the notes for time that is not used."""
    extras = extras_of(subscription)
    drafts = _Drafts(subscription, boundary, period_end, key, extras)
    charged = drafts.of(lines)
    if _may_net(terms) and _bears(charged, unused, subscription.currency):
        both = drafts.of([*credit_lines(unused), *lines]) if unused else charged
        seen = after_notes(both, [], subscription, extras) if both else None
        return ChangeDraft(seen, (), is_netted=True)
    notes = plan_notes(unused, terms.unused_time)
    draft = after_notes(charged, notes, subscription, extras) if charged else None
    return ChangeDraft(draft, tuple(notes), is_netted=False)


class _Drafts:
    """Drafts of one change: taxes are read once, and coupons once where there are none."""

    def __init__(
        self,
        subscription: Subscription,
        boundary: datetime,
        period_end: datetime,
        key: str,
        extras: Extras,
    ) -> None:
        self._subscription = subscription
        self._boundary, self._period_end, self._key = boundary, period_end, key
        self._taxes = TaxTable([subscription.customer.country])
        self._coupons = coupons_of(subscription, extras)

    def of(self, lines: Iterable[DraftLine]) -> DraftInvoice | None:
        known = list(lines)
        if not known:
            return None
        coupons = self._coupons
        if not coupons.is_empty:  # it remembers what it has taken
            self._coupons = CouponBook([self._subscription.customer_id])
        return make_draft(
            subscription=self._subscription,
            kind=Invoice.Kind.CHANGE,
            boundary=self._boundary,
            period_end=self._period_end,
            lines=known,
            taxes=self._taxes,
            coupons=coupons,
            idempotency_key=self._key,
        )


def _may_net(terms: ChangeTerms) -> bool:
    """Whether unused time is given back beside the charge, where the invoice can bear it."""
    is_line = terms.policy.credit_form == CreditForm.LINE
    return is_line and terms.unused_time == UnusedTime.CREDIT


def _bears(charged: DraftInvoice | None, unused: Sequence[Unused], currency: str) -> bool:
    """Whether what is charged, less coupons, is at least what is given back, said the same way."""
    lines = charged.lines if charged else ()
    with_tax = {line.includes_tax for line in lines} | {item.line.includes_tax for item in unused}
    if len(with_tax) > 1:
        return False
    given_back = total((item.part.amount for item in unused), currency)
    return total((line.amount for line in lines), currency) >= given_back
