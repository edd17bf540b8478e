"""Products, plans and their versions: made, priced, published."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import QuerySet

from subscriptions.errors import PlanVersionPublished, PriceInvalid
from subscriptions.models import (
    Plan,
    PlanVersion,
    Price,
    Product,
    SpendingThreshold,
    Tier,
)
from subscriptions.services.catalog_rows import create_row
from subscriptions.services.features import carry_grants
from subscriptions.services.price_specs import (
    PriceSpec,
    ThresholdSpec,
    check_thresholds,
)
from subscriptions.services.version_terms import (
    check_prices,
    specs_of,
    thresholds_of,
    write_terms,
)
from tiktoktoe.kernel.money import currency_of
from tiktoktoe.kernel.periods import Interval
from tiktoktoe.standing import standing


@transaction.atomic
def create_product(*, code: str, name: str, at: datetime, description: str = "") -> Product:
    """Make a product.

    Raises:
        PriceInvalid: If the code is taken.
    """
    product = Product(code=code, name=name, description=description, created_at=at)
    return create_row(product)


@transaction.atomic
def create_plan(
    *,
    product: Product,
    code: str,
    name: str,
    interval: Interval,
    at: datetime,
    description: str = "",
    trial_days: int = 0,
    rank: int = 0,
    is_public: bool = True,
    is_add_on: bool = False,
    offer: str = "",
) -> Plan:
    """Make a plan, or an add-on, without prices yet.

    Raises:
        PriceInvalid: If the code is taken, or the offer has a plan of that interval.
    """
    taken = {"interval": interval.unit.value, "interval_count": interval.count}
    if offer and Plan.objects.filter(product=product, offer=offer, **taken).exists():
        raise PriceInvalid(
            f"{offer!r} has a plan of that interval",
            field="offer",
            remedy="an offer has one plan for each interval",
        )
    return create_row(
        Plan(
            product=product,
            code=code,
            name=name,
            description=description,
            offer=offer,
            interval=interval.unit.value,
            interval_count=interval.count,
            trial_days=trial_days,
            rank=rank,
            is_public=is_public,
            is_add_on=is_add_on,
            created_at=at,
        )
    )


@transaction.atomic
def draft_plan_version(
    *,
    plan: Plan,
    currency: str,
    prices: Sequence[PriceSpec],
    effective_from: datetime,
    minimum_amount: Decimal = Decimal(0),
    thresholds: Sequence[ThresholdSpec] = (),
    includes_tax: bool = False,
) -> PlanVersion:
    """Write down the next version of a plan's prices in a currency; not yet for sale.

    It brings the features of the version before, until `grant_features` says otherwise.

    Args:
        plan: Whose prices.
        currency: Of all amounts.
        prices: In the order in which they are billed.
        effective_from: From when it can be subscribed to, once published.
        minimum_amount: What a whole period comes to at least; the rest is topped up.
        thresholds: Usage of so much in an open period is billed at once.
        includes_tax: Whether every amount contains the tax of whoever buys.

    Raises:
        PriceInvalid: If a price contradicts itself; the error names its code and field.
    """
    check_prices(prices, minimum_amount)
    check_thresholds(thresholds)
    _locked_plan.get(pk=plan.pk)
    currency_of(currency)
    last = _numbers.first(plan=plan.pk, currency=currency)
    version = PlanVersion.objects.create(
        plan=plan,
        currency=currency,
        number=(last or 0) + 1,
        effective_from=effective_from,
        minimum_amount=minimum_amount,
        includes_tax=includes_tax,
    )
    write_terms(version, prices, thresholds)
    carry_grants(version)
    return version


@standing
def _locked_plan(pk: int) -> "QuerySet[Plan]":
    return Plan.objects.select_for_update().filter(pk=pk).order_by()


@standing
def _numbers(plan: int, currency: str) -> "QuerySet[PlanVersion, int]":
    versions = PlanVersion.objects.filter(plan=plan, currency=currency)
    return versions.order_by("-number").values_list("number", flat=True)[:1]


@standing
def _locked(pk: int) -> "QuerySet[PlanVersion]":
    locked = PlanVersion.objects.select_for_update(of=("self",)).select_related("plan")
    return locked.filter(pk=pk).order_by()


@standing
def _price_of(version: int) -> "QuerySet[Price, int]":
    return Price.objects.filter(plan_version=version).order_by().values_list("pk", flat=True)[:1]


@transaction.atomic
def publish_plan_version(*, version: PlanVersion, at: datetime) -> PlanVersion:
    """Put a version on sale; from then on neither it nor its prices can change.

    Raises:
        PlanVersionPublished: If it is on sale already.
        PriceInvalid: If it has no price.
    """
    locked = _locked.get(pk=version.pk)
    if locked.published_at is not None:
        raise PlanVersionPublished(f"{locked} is on sale since {locked.published_at:%Y-%m-%d}")
    if not _price_of.rows(version=locked.pk):
        raise PriceInvalid("a plan version needs at least one price", field="prices")
    if locked.plan.is_add_on:
        _check_add_on(locked)
    locked.published_at = at
    locked.save(update_fields=["published_at"])
    return locked


def _check_add_on(version: PlanVersion) -> None:
    """An add-on has fees, and usage that is billed with the period; the rest is a plan's."""
    ahead = version.prices.filter(kind=Price.Kind.USAGE, timing=Price.Timing.ADVANCE)
    if version.minimum_amount.amount or version.thresholds.exists():
        raise PriceInvalid("minimums and thresholds are a plan's, not an add-on's", field="prices")
    if ahead.exists():
        raise PriceInvalid(
            "usage of an add-on is billed with the period",
            field="prices",
            remedy="let it be in arrears",
        )


@transaction.atomic
def next_version(*, version: PlanVersion, at: datetime) -> PlanVersion:
    """A draft with the terms of an earlier version, to be changed and put on sale."""
    return draft_plan_version(
        plan=version.plan,
        currency=version.currency,
        prices=specs_of(version),
        effective_from=at,
        minimum_amount=version.minimum_amount.amount,
        thresholds=thresholds_of(version),
        includes_tax=version.includes_tax,
    )


@transaction.atomic
def rewrite_draft(
    *,
    version: PlanVersion,
    prices: Sequence[PriceSpec],
    minimum_amount: Decimal | None = None,
    thresholds: Sequence[ThresholdSpec] | None = None,
    includes_tax: bool | None = None,
) -> PlanVersion:
    """Give a draft other prices; what is not given stays.

    Raises:
        PlanVersionPublished: If it is on sale: a new price is a new version.
        PriceInvalid: If a price contradicts itself; nothing is changed.
    """
    locked = PlanVersion.objects.select_for_update().get(pk=version.pk)
    if locked.published_at is not None:
        raise PlanVersionPublished(f"{locked} is on sale: make a new version of it")
    minimum = locked.minimum_amount.amount if minimum_amount is None else minimum_amount
    kept = thresholds_of(locked) if thresholds is None else thresholds
    check_prices(prices, minimum)
    check_thresholds(kept)
    Tier.objects.filter(price__plan_version=locked).delete()
    Price.objects.filter(plan_version=locked, variant_of__isnull=False).delete()
    Price.objects.filter(plan_version=locked).delete()
    SpendingThreshold.objects.filter(plan_version=locked).delete()
    locked.minimum_amount = minimum
    if includes_tax is not None:
        locked.includes_tax = includes_tax
    locked.save(update_fields=["minimum_amount", "includes_tax"])
    write_terms(locked, prices, kept)
    return locked
