"""Prices as the rating arithmetic wants them, loaded once for many subscriptions."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from billing.domain.rating import ChargeModel, PriceTerms, Tier
from subscriptions.models import Meter, Price
from tiktoktoe.kernel.money import Money
from tiktoktoe.kernel.rates import round_down

INCLUDED_PLACES = 6


@dataclass(frozen=True, slots=True)
class LoadedPrice:
    """A price with its terms, and what identifies it in a derivation."""

    price: Price
    terms: PriceTerms
    meter: Meter | None
    identity: dict[str, str]

    @property
    def plan_id(self) -> int:
        """Whose price it is."""
        return self.price.plan_version.plan_id

    def terms_for_share(self, share: Fraction) -> PriceTerms:
        """The terms for part of a period: included units shrink with it, prices do not."""
        if share == 1 or not self.terms.included_units:
            return self.terms
        included = Fraction(self.terms.included_units) * share
        return PriceTerms(
            model=self.terms.model,
            currency=self.terms.currency,
            unit_amount=self.terms.unit_amount,
            tiers=self.terms.tiers,
            package_size=self.terms.package_size,
            included_units=round_down(included, INCLUDED_PLACES),
        )

    def fee(self, quantity: int) -> Money:
        """A recurring fee for a whole period: flat, or so much for each of the quantity."""
        unit = Money(self.terms.unit_amount, self.terms.currency)
        return unit if self.terms.model == ChargeModel.FLAT else unit * quantity


class PriceBook:
    """The prices of plan versions, in the order that they are billed in."""

    def __init__(self, version_ids: Iterable[int]) -> None:
        prices = (
            Price.objects.filter(plan_version__in=set(version_ids))
            .select_related("meter", "plan_version__plan")
            .prefetch_related("tiers")
            .order_by("plan_version", "position", "pk")
        )
        self._by_version: dict[int, list[LoadedPrice]] = defaultdict(list)
        for price in prices:
            self._by_version[price.plan_version_id].append(_load(price))

    def recurring(self, version_id: int, timing: str) -> list[LoadedPrice]:
        """The recurring fees of a version that are billed in advance, or in arrears."""
        return [
            p
            for p in self._by_version[version_id]
            if p.price.kind == Price.Kind.RECURRING and p.price.timing == timing
        ]

    def usage(self, version_id: int) -> list[LoadedPrice]:
        """The usage prices of a version."""
        return [p for p in self._by_version[version_id] if p.price.kind == Price.Kind.USAGE]


def _load(price: Price) -> LoadedPrice:
    version = price.plan_version
    terms = PriceTerms(
        model=ChargeModel(price.charge_model),
        currency=version.currency,
        unit_amount=price.unit_amount.amount,
        tiers=[
            Tier(
                up_to=tier.up_to,
                unit_amount=tier.unit_amount.amount,
                flat_amount=tier.flat_amount.amount,
            )
            for tier in price.tiers.all()
        ],
        package_size=price.package_size,
        included_units=price.included_units or Decimal(0),
    )
    identity = {
        "plan": version.plan.name,
        "plan_code": version.plan.code,
        "version": str(version.number),
        "code": price.code,
        "name": price.name,
        "id": str(price.pk),
    }
    return LoadedPrice(price, terms, price.meter, identity)
