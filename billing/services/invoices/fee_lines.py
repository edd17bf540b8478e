"""Lines of fees: for a period or a part of one, and once at the start."""

from decimal import Decimal

from billing.domain.derivation import proration_derivation, rated_derivation
from billing.domain.rating import rate
from billing.models import InvoiceLine
from billing.services.invoices.draft_parts import DraftLine
from billing.services.invoices.terms import LoadedPrice
from subscriptions.domain.proration import charge_part
from subscriptions.domain.proration_policy import ProrationPolicy
from tiktoktoe.kernel.periods import Period


def fee_line(
    loaded: LoadedPrice,
    part: Period,
    quantity: int,
    *,
    whole: Period,
    time_zone: str,
    policy: ProrationPolicy,
) -> DraftLine:
    """A recurring fee for a whole period, or for the part of it that is used."""
    description = f"{loaded.identity['plan']}: {loaded.price.name}"
    if part == whole:
        terms = loaded.terms
        count = Decimal(quantity)
        rated = rate(count, terms)
        amount, derivation = (
            rated.rounded,
            rated_derivation(rated, terms, kind="recurring", price=loaded.identity),
        )
    else:
        prorated = charge_part(
            price=loaded.fee(quantity),
            whole=whole,
            start=part.start,
            end=part.end,
            time_zone=time_zone,
            policy=policy,
        )
        amount = prorated.amount
        derivation = proration_derivation(prorated, kind="recurring", price=loaded.identity)
    return DraftLine(
        kind=InvoiceLine.Kind.RECURRING,
        description=description,
        price_id=loaded.price.pk,
        period=part,
        quantity=Decimal(quantity),
        unit_amount=None if loaded.terms.tiers else loaded.terms.unit_amount,
        amount=amount,
        derivation=derivation,
        includes_tax=loaded.includes_tax,
    )


def setup_line(loaded: LoadedPrice, period: Period, quantity: int) -> DraftLine:
    """A set-up fee, whole."""
    rated = rate(Decimal(quantity), loaded.terms)
    return DraftLine(
        kind=InvoiceLine.Kind.SETUP,
        description=f"{loaded.identity['plan']}: {loaded.price.name}",
        price_id=loaded.price.pk,
        period=period,
        quantity=rated.quantity,
        unit_amount=None if loaded.terms.tiers else loaded.terms.unit_amount,
        amount=rated.rounded,
        derivation=rated_derivation(rated, loaded.terms, kind="setup", price=loaded.identity),
        includes_tax=loaded.includes_tax,
    )
