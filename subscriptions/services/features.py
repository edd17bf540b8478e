"""Features: made, granted by plan versions while these are drafts, overridden for customers."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Q

from subscriptions.domain.entitlements import FeatureKind
from subscriptions.errors import FeatureInvalid, OverrideOverlaps, PlanVersionPublished
from subscriptions.models import (
    Customer,
    Feature,
    FeatureGrant,
    FeatureOverride,
    Meter,
    PlanVersion,
)
from subscriptions.services.transitions import Actor

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class GrantTerms:
    """What a plan version is to bring of a feature; no limit: without limit, or boolean."""

    feature: Feature
    limit_units: Decimal | None = None
    is_per_unit: bool = False


@dataclass(frozen=True, kw_only=True)
class OverrideTerms:
    """What a customer is to get of a feature, why and until when."""

    feature: Feature
    reason: str
    is_granted: bool = True
    limit_units: Decimal | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None


@transaction.atomic
def create_feature(
    *,
    code: str,
    name: str,
    kind: str,
    at: datetime,
    description: str = "",
    unit: str = "",
    meter: Meter | None = None,
) -> Feature:
    """Make a feature; its code, kind and meter stay for ever.

    Raises:
        FeatureInvalid: If the code is taken, or kind and meter do not go together.
    """
    if Feature.objects.filter(code=code).exists():
        raise FeatureInvalid(f"{code!r} is taken", field="code", remedy="choose another")
    if (kind == FeatureKind.METERED) != (meter is not None):
        raise FeatureInvalid(
            "a metered feature has a meter, others none", field="meter", remedy="choose one"
        )
    return Feature.objects.create(
        code=code,
        name=name,
        kind=kind,
        description=description,
        unit=unit if kind == FeatureKind.LIMIT else "",
        meter=meter,
        created_at=at,
    )


@transaction.atomic
def grant_features(*, version: PlanVersion, grants: Sequence[GrantTerms]) -> PlanVersion:
    """Let a draft bring features; one that it brought before gets the new terms.

    Raises:
        PlanVersionPublished: If the version is on sale: its features are frozen.
        FeatureInvalid: If a limit does not fit its feature.
    """
    locked = _lock_draft(version)
    for terms in grants:
        _check_limit(terms.feature, terms.limit_units)
    FeatureGrant.objects.bulk_create(
        [
            FeatureGrant(
                plan_version=locked,
                feature=terms.feature,
                limit_units=terms.limit_units,
                is_per_unit=terms.is_per_unit and terms.limit_units is not None,
            )
            for terms in grants
        ],
        update_conflicts=True,
        unique_fields=["plan_version", "feature"],
        update_fields=["limit_units", "is_per_unit"],
    )
    return locked


@transaction.atomic
def revoke_grant(*, version: PlanVersion, feature: Feature) -> None:
    """Take a feature out of a draft.

    Raises:
        PlanVersionPublished: If the version is on sale.
    """
    locked = _lock_draft(version)
    FeatureGrant.objects.filter(plan_version=locked, feature=feature).delete()


def carry_grants(version: PlanVersion) -> None:
    """Give a new draft the features of the version before, in the caller's transaction."""
    if version.number == 1:
        return
    before = PlanVersion.objects.filter(
        plan_id=version.plan_id, currency=version.currency, number__lt=version.number
    ).order_by("-number")
    FeatureGrant.objects.bulk_create(
        FeatureGrant(
            plan_version=version,
            feature_id=grant.feature_id,
            limit_units=grant.limit_units,
            is_per_unit=grant.is_per_unit,
        )
        for grant in FeatureGrant.objects.filter(plan_version=before[:1])
    )


@transaction.atomic
def override_feature(
    *, customer: Customer, terms: OverrideTerms, actor: Actor, at: datetime
) -> FeatureOverride:
    """Decide what a customer gets of a feature for a time, whatever its plans say.

    Raises:
        FeatureInvalid: If it would begin in the past, end before it begins, has no reason, or
            its limit does not fit the feature.
        OverrideOverlaps: If another one decides in that time.
    """
    starts_at = terms.starts_at or at
    _check_override(terms, starts_at, at)
    # The lock puts two at once in a row; the database's exclusion has the last word.
    Customer.objects.select_for_update(of=("self",)).get(pk=customer.pk)
    other = FeatureOverride.objects.filter(
        Q(ends_at__isnull=True) | Q(ends_at__gt=starts_at),
        customer=customer,
        feature=terms.feature,
    )
    if terms.ends_at is not None:
        other = other.filter(starts_at__lt=terms.ends_at)
    if (found := other.order_by("starts_at").first()) is not None:
        until = f"until {found.ends_at:%Y-%m-%d}" if found.ends_at else "without an end"
        raise OverrideOverlaps(
            f"{terms.feature} is overridden from {found.starts_at:%Y-%m-%d} {until}; "
            "end that one first"
        )
    override = FeatureOverride.objects.create(
        customer=customer,
        feature=terms.feature,
        is_granted=terms.is_granted,
        limit_units=terms.limit_units if terms.is_granted else None,
        starts_at=starts_at,
        ends_at=terms.ends_at,
        reason=terms.reason,
        actor=actor.user,
        source=actor.source,
        created_at=at,
    )
    logger.info(
        "feature overridden",
        extra={"customer": customer.external_id, "feature": terms.feature.code},
    )
    return override


@transaction.atomic
def end_override(*, override: FeatureOverride, at: datetime) -> FeatureOverride:
    """Let the plans decide again from now on; one that has ended already stays as it is."""
    locked = FeatureOverride.objects.select_for_update(of=("self",)).get(pk=override.pk)
    if locked.ends_at is not None and locked.ends_at <= at:
        return locked
    locked.ends_at = max(at, locked.starts_at)
    locked.save(update_fields=["ends_at"])
    logger.info("override ended", extra={"override": locked.pk})
    return locked


def _lock_draft(version: PlanVersion) -> PlanVersion:
    locked = PlanVersion.objects.select_for_update(of=("self",)).get(pk=version.pk)
    if locked.published_at is not None:
        raise PlanVersionPublished(
            f"{locked} is on sale since {locked.published_at:%Y-%m-%d}; change its next version"
        )
    return locked


def _check_limit(feature: Feature, limit: Decimal | None) -> None:
    if limit is None:
        return
    if feature.kind == FeatureKind.BOOLEAN:
        raise FeatureInvalid(
            f"{feature} is had or not, it has no limit",
            field="limit_units",
            remedy="leave it empty",
        )
    if limit < 0:
        raise FeatureInvalid("a limit cannot be negative", field="limit_units")


def _check_override(terms: OverrideTerms, starts_at: datetime, at: datetime) -> None:
    _check_limit(terms.feature, terms.limit_units)
    if not terms.is_granted and terms.limit_units is not None:
        raise FeatureInvalid("what is taken away has no limit", field="limit_units")
    if not terms.reason.strip():
        raise FeatureInvalid("say why", field="reason")
    if starts_at < at:
        raise FeatureInvalid(
            "it cannot begin in the past: that was answered already", field="starts_at"
        )
    if terms.ends_at is not None and terms.ends_at <= starts_at:
        raise FeatureInvalid("it would end before it begins", field="ends_at")
