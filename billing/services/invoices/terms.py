"""Prices as the rating arithmetic wants them, loaded once for many subscriptions."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from django.db.models import QuerySet

from billing.domain.included import included_share
from billing.domain.price_terms import TIERED, ChargeModel, PriceTerms
from billing.domain.price_terms import Tier as TierTerms
from billing.domain.rating import rate
from subscriptions.models import Meter, PlanVersion, Price, Tier
from tiktoktoe.kernel.money import Money
from tiktoktoe.standing import standing


@dataclass(frozen=True, slots=True)
class LoadedPrice:
    """A price with its terms, and what identifies it in a derivation."""

    price: Price
    terms: PriceTerms
    meter: Meter | None
    identity: dict[str, str]
    variants: tuple["LoadedPrice", ...] = ()

    @property
    def match(self) -> dict[str, list[str]]:
        """Of a variant: the values of each dimension that it is for."""
        return self.price.match or {}

    @property
    def includes_tax(self) -> bool:
        """Whether its amounts contain tax."""
        return self.price.plan_version.includes_tax

    @property
    def plan_id(self) -> int:
        """Whose price it is."""
        return self.price.plan_version.plan_id

    def terms_for_share(self, share: Fraction) -> PriceTerms:
        """The terms for part of a period: included units shrink with it, prices do not."""
        if share == 1:
            return self.terms
        return replace(
            self.terms,
            included_units=included_share(self.terms.included_units, share),
            included_events=int(self.terms.included_events * share),
        )

    def fee(self, quantity: int) -> Money:
        """A recurring fee for a whole period, exact, as its charge model makes it."""
        return Money(rate(Decimal(quantity), self.terms).amount, self.terms.currency)


@dataclass(frozen=True, slots=True)
class LoadedVersion:
    """What a plan version says of all its prices together."""

    currency: str
    minimum: Decimal
    identity: dict[str, str]
    includes_tax: bool = False


@standing
def _prices_of(versions: list[int]) -> QuerySet[Price]:
    return (
        Price.objects.filter(plan_version__any_of=versions)
        .select_related("meter", "plan_version__plan")
        .order_by("plan_version_id", "position", "pk")
    )


@standing
def _tiers_of(prices: list[int]) -> QuerySet[Tier]:
    return Tier.objects.filter(price__any_of=prices).order_by("price_id", "position")


class PriceBook:
    """The prices of plan versions, in the order that they are billed in."""

    def __init__(self, version_ids: Iterable[int]) -> None:
        self._by_version: dict[int, list[LoadedPrice]] = defaultdict(list)
        self._versions: dict[int, LoadedVersion] = {}
        self._known: set[int] = set()
        self.load(version_ids)

    def load(self, version_ids: Iterable[int]) -> None:
        """The prices of these too; one query where some are not known yet, two where some have
        tiers."""
        wanted = set(version_ids) - self._known
        if not wanted:
            return
        self._known |= wanted
        variants: dict[int, list[LoadedPrice]] = defaultdict(list)
        loaded = _prices_of.rows(versions=list(wanted))
        tiers: dict[int, list[Tier]] = defaultdict(list)
        if tiered := [price.pk for price in loaded if price.charge_model in TIERED]:
            for tier in _tiers_of.rows(prices=tiered):
                tiers[tier.price_id].append(tier)
        for price in loaded:
            if price.variant_of_id is not None:
                variants[price.variant_of_id].append(_load(price, tiers[price.pk]))
        for price in loaded:
            if price.variant_of_id is None:
                made = _load(price, tiers[price.pk], tuple(variants[price.pk]))
                self._by_version[price.plan_version_id].append(made)
                self._versions[price.plan_version_id] = _load_version(price.plan_version)

    @property
    def all_of_usage(self) -> list[LoadedPrice]:
        """Every usage price that is known, without variants of them."""
        known = (price for prices in self._by_version.values() for price in prices)
        return [price for price in known if price.price.kind == Price.Kind.USAGE]

    @property
    def meters(self) -> set[int]:
        """The meters of its usage prices."""
        return {price.meter.pk for price in self.all_of_usage if price.meter is not None}

    def version(self, version_id: int) -> LoadedVersion | None:
        """A version that has prices."""
        return self._versions.get(version_id)

    def setup(self, version_id: int) -> list[LoadedPrice]:
        """The set-up fees of a version."""
        return [p for p in self._by_version[version_id] if p.price.kind == Price.Kind.SETUP]

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


def _load(
    price: Price, tiers: Sequence[Tier], variants: tuple[LoadedPrice, ...] = ()
) -> LoadedPrice:
    version = price.plan_version
    terms = PriceTerms(
        model=ChargeModel(price.charge_model),
        currency=version.currency,
        unit_amount=price.unit_amount.amount,
        tiers=[
            TierTerms(
                up_to=tier.up_to,
                unit_amount=tier.unit_amount.amount,
                flat_amount=tier.flat_amount.amount,
                percentage=tier.percentage,
                block_size=tier.block_size,
            )
            for tier in tiers
        ],
        package_size=price.package_size,
        percentage=price.percentage,
        included_units=price.included_units or Decimal(0),
        included_events=price.included_events,
        event_minimum=price.event_minimum,
        event_maximum=price.event_maximum,
    )
    identity = {
        **_load_version(version).identity,
        "code": price.code,
        "name": price.name,
        "id": str(price.pk),
    }
    return LoadedPrice(price, terms, price.meter, identity, variants)


def _load_version(version: PlanVersion) -> LoadedVersion:
    return LoadedVersion(
        currency=version.currency,
        minimum=version.minimum_amount.amount,
        includes_tax=version.includes_tax,
        identity={
            "plan": version.plan.name,
            "plan_code": version.plan.code,
            "version": str(version.number),
        },
    )
