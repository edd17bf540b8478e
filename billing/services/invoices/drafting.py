"""What a subscription owes at a boundary of its periods: worked out for many at once, not written.

A preview and a billing run go through here, so that they cannot differ.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from billing.domain.tax_engine import Sale, SaleLine, untaxed
from billing.domain.totals import Totals
from billing.gateways.tax_service import tax_engine
from billing.models import Invoice
from billing.queries.credit_balance import credit_of
from billing.queries.tax_table import TaxTable
from billing.queries.wallets import Purse
from billing.services.credit.coupon_book import CouponBook, CouponTaken, per_redemption
from billing.services.invoices.add_on_lines import AddOnBook
from billing.services.invoices.consolidating import together
from billing.services.invoices.coupon_lines import less_coupons, month_of
from billing.services.invoices.draft_parts import Boundary, Buyer, DraftInvoice, DraftLine
from billing.services.invoices.period_lines import Phases, draft_lines
from billing.services.invoices.tax import tax_rounding
from subscriptions.models import Subscription
from tiktoktoe.kernel.money import Money, zero
from tiktoktoe.kernel.periods import local_date

Owed = tuple[Boundary, list[DraftLine]]


def draft_invoices(
    boundaries: Sequence[Boundary],
    *,
    coupons: CouponBook | None = None,
    phases: Phases | None = None,
    taxes: TaxTable | None = None,
    known: AddOnBook | None = None,
) -> list[DraftInvoice]:
    """Work out what is owed at each boundary; one without any line gives no invoice.

    The subscriptions must have their customer and plan version loaded. Queries: a fixed
    number, however many boundaries. A rehearsal of later boundaries brings its own coupons,
    of which some are used up by then, the phases that the closed periods will have had, and what
    was read for the boundary before.

    Raises:
        TaxRateMissing: If tax is due in a customer's country and no rate is known.
    """
    taxes = taxes or TaxTable(b.subscription.customer.country for b in boundaries)
    book = coupons or CouponBook(b.subscription.customer_id for b in boundaries)
    lines = dict(zip(map(id, boundaries), draft_lines(boundaries, phases, known), strict=True))
    drafted = []
    for group in together(boundaries):
        owed = [(boundary, lines[id(boundary)]) for boundary in group if lines[id(boundary)]]
        for ours in _by_issuer(owed, taxes):
            if len(ours) > 1:
                drafted.append(_consolidated(ours, taxes, book))
            else:
                drafted.append(_draft(*ours[0], taxes, book))
    return drafted


def _by_issuer(owed: Iterable[Owed], taxes: TaxTable) -> Iterable[list[Owed]]:
    """Companies of ours never share an invoice."""
    found: dict[int | None, list[Owed]] = defaultdict(list)
    for boundary, lines in owed:
        subscription = boundary.subscription
        issuer, _ = taxes.issuers.of(subscription.customer, subscription.plan_version.plan)
        found[issuer].append((boundary, lines))
    return found.values()


def with_credit(
    draft: DraftInvoice,
    to_come: Money | None = None,
    purse: Purse | None = None,
    balance: Money | None = None,
) -> DraftInvoice:
    """For a preview: the draft with what the credit balance and wallets would pay of it now.

    `to_come` is put on the balance before the invoice is made; a `purse` knows what earlier
    invoices took of prepaid credits; a `balance` was read before.
    """
    nothing = zero(draft.currency)
    if balance is None:
        balance = credit_of(draft.customer.pk, draft.currency)
    held = balance + (to_come or nothing)
    from_balance = min(held, draft.totals.total)
    wallets = purse or Purse(draft.customer.pk, draft.currency)
    priced = zip(draft.lines, draft.totals.lines, strict=True)
    gross = [(line.price_id, taxed.gross) for line, taxed in priced]
    left = draft.totals.total - from_balance
    return replace(
        draft,
        from_balance=from_balance,
        credit_at_hand=held,
        from_wallets=wallets.take(gross, left, draft.boundary),
    )


def make_draft(
    *,
    subscription: Subscription,
    kind: str,
    boundary: datetime,
    period_end: datetime,
    lines: Iterable[DraftLine],
    taxes: TaxTable,
    idempotency_key: str,
    coupons: CouponBook | None = None,
) -> DraftInvoice:
    """An invoice of lines, less coupons, taxed on the customer's local day of the boundary."""
    customer = subscription.customer
    book = coupons or CouponBook([customer.pk])
    buyer = Buyer(customer, subscription.currency, subscription)
    made, taken = less_coupons(buyer, kind, tuple(lines), book)
    issuer_id, seller = taxes.issuers.of(customer, subscription.plan_version.plan)
    return DraftInvoice(
        subscription=subscription,
        customer=customer,
        currency=subscription.currency,
        kind=kind,
        boundary=boundary,
        period_end=period_end,
        lines=made,
        totals=taxed_totals(buyer, made, taxes, boundary, seller.country),
        issuer_id=issuer_id,
        issued_by=seller,
        awaits_tax=tax_engine() is not None,
        idempotency_key=idempotency_key,
        coupons=taken,
    )


def taxed_totals(
    buyer: Buyer,
    lines: Sequence[DraftLine],
    taxes: TaxTable,
    boundary: datetime,
    seller_country: str,
) -> Totals:
    """What lines come to with the tax of the customer's local day of the boundary.

    Where a tax engine says it that is not ours, it comes later: nobody is asked in a transaction.
    """
    sale = sale_of_lines(buyer, lines, boundary, seller_country)
    return taxes.tax(sale) if tax_engine() is None else untaxed(sale)


def sale_of_lines(
    buyer: Buyer, lines: Sequence[DraftLine], boundary: datetime, seller_country: str
) -> Sale:
    """Lines to be, as their tax is asked about."""
    return Sale(
        key="",
        payer=buyer.customer,
        on=local_date(boundary, buyer.customer.time_zone),
        currency=buyer.currency,
        rounding=tax_rounding(),
        seller_country=seller_country,
        lines=[
            SaleLine(
                amount=line.amount,
                price_id=line.price_id,
                category=line.tax_category,
                exact=line.exact,
                includes_tax=line.includes_tax,
            )
            for line in lines
        ],
    )


def _draft(
    boundary: Boundary, lines: Iterable[DraftLine], taxes: TaxTable, coupons: CouponBook
) -> DraftInvoice:
    subscription = boundary.subscription
    return make_draft(
        subscription=subscription,
        kind="period",
        boundary=boundary.at,
        period_end=boundary.coming.end if boundary.coming else boundary.at,
        lines=lines,
        taxes=taxes,
        idempotency_key=f"period:{subscription.pk}:{boundary.at.isoformat()}",
        coupons=coupons,
    )


def _consolidated(owed: Sequence[Owed], taxes: TaxTable, coupons: CouponBook) -> DraftInvoice:
    """One invoice for several subscriptions of a customer, their lines one after the other."""
    first = owed[0][0].subscription
    lines, taken, counted = list[DraftLine](), list[CouponTaken](), set[int]()
    whole = Buyer(first.customer, first.currency)
    month = month_of(whole, [line for _, own in owed for line in own])
    for boundary, own in owed:
        subscription = boundary.subscription
        buyer = replace(whole, subscription=subscription)
        made, used = less_coupons(
            buyer, Invoice.Kind.PERIOD, tuple(own), coupons, counted, month=month
        )
        lines += [replace(line, subscription_id=subscription.pk) for line in made]
        taken += used
        counted |= {use.redemption_id for use in used if use.counts}
    at = owed[0][0].at
    issuer_id, seller = taxes.issuers.of(first.customer, first.plan_version.plan)
    return DraftInvoice(
        subscription=None,
        customer=first.customer,
        currency=first.currency,
        kind=Invoice.Kind.PERIOD,
        boundary=at,
        period_end=max(b.coming.end if b.coming else b.at for b, _ in owed),
        lines=tuple(lines),
        totals=taxed_totals(whole, lines, taxes, at, seller.country),
        issuer_id=issuer_id,
        issued_by=seller,
        awaits_tax=tax_engine() is not None,
        idempotency_key=f"together:{first.pk}:{at.isoformat()}",
        coupons=per_redemption(taken),
        parts=tuple(boundary.subscription for boundary, _ in owed),
    )
