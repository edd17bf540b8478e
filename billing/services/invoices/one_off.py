"""One-off charges: an invoice of lines that somebody wrote, for no subscription.

The preview and the invoice are the same draft, so that they cannot differ.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from billing.domain.derivation import rated_derivation
from billing.domain.price_terms import ChargeModel, PriceTerms
from billing.domain.rating import rate
from billing.errors import ChargeInvalid, ChargeKeyReused
from billing.gateways.tax_service import tax_engine
from billing.models import Invoice, InvoiceEvent, InvoiceLine
from billing.queries.tax_table import TaxTable
from billing.services.credit.coupon_book import Buyer, CouponBook
from billing.services.invoices.coupon_lines import less_coupons
from billing.services.invoices.draft_parts import DraftInvoice, DraftLine
from billing.services.invoices.drafting import taxed_totals, with_credit
from billing.services.invoices.writing import finalize_drafts, write_drafts
from billing.services.payments.payment_events import actor_name
from subscriptions.models import Customer
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.errors import InvalidInput
from tiktoktoe.kernel.money import currency_of
from tiktoktoe.kernel.periods import Period, local_date, local_midnight
from tiktoktoe.standing import standing

logger = logging.getLogger(__name__)

LINES_MAX = 100
DUE_DAYS_MAX = 365
PLACES_MAX = 10
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeLine:
    """What is charged once: so many of something at a price, before tax."""

    description: str
    unit_price: Decimal
    quantity: Decimal = Decimal(1)
    tax_category: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOffCharge:
    """All that an invoice of one-off charges is made of.

    Args:
        takes_coupons: Whether the customer's coupons come off; those for one subscription, plan
            or meter never do.
        due_days: Days to pay it in, where not as the company's setting says.
    """

    customer: Customer
    currency: str
    lines: Sequence[ChargeLine]
    takes_coupons: bool = False
    due_days: int | None = None


def preview_one_off(*, charge: OneOffCharge, at: datetime) -> DraftInvoice:
    """What the invoice would be, with what credit would pay of it; nothing is written.

    Raises:
        ChargeInvalid: If a line makes no sense, or the whole cannot be paid; names the field.
        TaxRateMissing: If tax is due in the customer's country and no rate is known.
    """
    return with_credit(_draft(charge, idempotency_key="", at=at))


@transaction.atomic
def charge_once(
    *,
    charge: OneOffCharge,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
    is_draft: bool = False,
) -> Invoice:
    """Invoice one-off charges; the same key gives the same invoice. A draft waits to be issued.

    Raises:
        ChargeInvalid, TaxRateMissing: As `preview_one_off` does.
        ChargeKeyReused: If the key belongs to something else.
    """
    # Held, so that the same request sent twice at once finds the other's invoice.
    _held.get(pk=charge.customer.pk)
    draft = _draft(charge, idempotency_key=f"one-off:{idempotency_key}", at=at)
    known = _by_key.first(key=draft.idempotency_key)
    if known is not None:
        return _same(known, draft)
    (invoice_id,) = write_drafts([draft], at=at)
    InvoiceEvent.objects.create(
        invoice_id=invoice_id,
        kind=InvoiceEvent.Kind.CHARGED,
        actor=actor_name(actor)[:64],
        at=at,
    )
    if not is_draft:
        finalize_drafts([invoice_id], at=at)
    invoice = _issued.get(pk=invoice_id)
    logger.info("charged once", extra={"invoice": str(invoice.pk), "by": actor.source})
    return invoice


@standing
def _held(pk: int) -> "QuerySet[Customer]":
    return Customer.objects.select_for_update(no_key=True).filter(pk=pk)


@standing
def _by_key(key: str) -> "QuerySet[Invoice]":
    return Invoice.objects.filter(idempotency_key=key)


@standing
def _issued(pk: UUID) -> "QuerySet[Invoice]":
    return Invoice.objects.filter(pk=pk)


def _draft(charge: OneOffCharge, *, idempotency_key: str, at: datetime) -> DraftInvoice:
    customer, currency = charge.customer, _checked(charge)
    day = local_date(at, customer.time_zone)
    period = Period(
        local_midnight(day, customer.time_zone), local_midnight(day + ONE_DAY, customer.time_zone)
    )
    made = tuple(
        _line(line, place, currency, period) for place, line in enumerate(charge.lines, start=1)
    )
    buyer = Buyer(customer, currency)
    book = CouponBook([customer.pk] if charge.takes_coupons else [])
    lines, taken = less_coupons(buyer, Invoice.Kind.ONE_OFF, made, book)
    taxes = TaxTable([customer.country])
    issuer_id, seller = taxes.issuers.of(customer)
    return DraftInvoice(
        subscription=None,
        customer=customer,
        currency=currency,
        kind=Invoice.Kind.ONE_OFF,
        boundary=at,
        period_end=at,
        lines=lines,
        awaits_tax=tax_engine() is not None,
        totals=taxed_totals(buyer, lines, taxes, at, seller.country),
        issuer_id=issuer_id,
        issued_by=seller,
        idempotency_key=idempotency_key,
        coupons=taken,
        due_days=charge.due_days,
    )


def charged_line(line: ChargeLine, currency: str, period: Period) -> DraftLine:
    """A line of an invoice that somebody wrote: quantity times price, rounded once.

    Raises:
        ChargeInvalid: If it has no description, no quantity, or a price below 0.
    """
    _check_line(line)
    terms = PriceTerms(
        model=ChargeModel.PER_UNIT, currency=currency, unit_amount=line.unit_price.normalize()
    )
    rated = rate(line.quantity.normalize(), terms)
    name = line.description.strip()
    return DraftLine(
        kind=InvoiceLine.Kind.ONE_OFF,
        description=name,
        price_id=None,
        period=period,
        quantity=line.quantity,
        unit_amount=line.unit_price,
        amount=rated.rounded,
        derivation=rated_derivation(rated, terms, kind="one_off", price={"name": name}),
        tax_category=line.tax_category,
    )


def _line(line: ChargeLine, place: int, currency: str, period: Period) -> DraftLine:
    try:
        return charged_line(line, currency, period)
    except InvalidInput as refusal:
        raise ChargeInvalid(
            f"line {place}: {refusal.message}", field=refusal.field, remedy=refusal.remedy
        ) from refusal


def _checked(charge: OneOffCharge) -> str:
    """The currency, once the charge as a whole makes sense."""
    if not charge.lines:
        raise ChargeInvalid("there is nothing to charge", field="lines", remedy="write a line")
    if len(charge.lines) > LINES_MAX:
        raise ChargeInvalid(f"an invoice has at most {LINES_MAX} of them", field="lines")
    if charge.due_days is not None and not 0 <= charge.due_days <= DUE_DAYS_MAX:
        raise ChargeInvalid(f"from 0 to {DUE_DAYS_MAX}", field="due_days")
    return currency_of(charge.currency).code


def _check_line(line: ChargeLine) -> None:
    if not line.description.strip():
        raise ChargeInvalid("say what it is for", field="description")
    if not line.quantity.is_finite() or line.quantity <= 0:
        raise ChargeInvalid("above 0", field="quantity")
    if not line.unit_price.is_finite() or line.unit_price < 0:
        raise ChargeInvalid(
            "not below 0", field="unit_price", remedy="grant credit, or write a credit note"
        )
    for field, value in (("quantity", line.quantity), ("unit_price", line.unit_price)):
        exponent = value.normalize().as_tuple().exponent
        if not isinstance(exponent, int) or exponent < -PLACES_MAX or value.adjusted() > PLACES_MAX:
            raise ChargeInvalid(f"at most {PLACES_MAX} digits before and after", field=field)


def _same(known: Invoice, draft: DraftInvoice) -> Invoice:
    """The invoice that is there, if it is what was asked for."""
    fields = ("description", "quantity", "unit_amount", "tax_category")
    wanted = [(x.description, x.quantity, x.unit_amount, x.tax_category) for x in draft.lines]
    was = list(known.lines.order_by("position").values_list(*fields))
    is_same = known.customer_id == draft.customer.pk and known.currency == draft.currency
    if not is_same or was != wanted:
        raise ChargeKeyReused(f"{known.idempotency_key} is the key of another invoice")
    return known
