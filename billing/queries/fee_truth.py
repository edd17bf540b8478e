"""What payments have really cost, by gateway, kind and currency, against the rules in force."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Count, DecimalField, F, Sum
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast

from billing.domain.fee_learning import FeeSums, MeasuredFee, has_drifted, measure
from billing.models import PaymentAttempt, ProcessorFeeRule
from tiktoktoe.kernel.money import minor_unit

LOOKED_BACK = timedelta(days=90)
DOMESTIC = "/domestic/"  # a foreign method's share is its own


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeTruth:
    """What payments of a rule have cost, and the rule that would have said so."""

    rule: ProcessorFeeRule
    sums: FeeSums
    measured: MeasuredFee | None

    @property
    def has_drifted(self) -> bool:
        """Whether enough payments say that the rule is wrong."""
        return has_drifted(self.sums)

    @property
    def is_proposed(self) -> bool:
        """Whether another rule is proposed."""
        return self.measured is not None and has_drifted(self.sums)


def fee_truths(at: datetime) -> list[FeeTruth]:
    """Every rule in force by which payments were made lately, in two queries.

    A rule with a smallest or largest fee is compared, and no other is made of it: no straight
    line fits one. Counted are payments since the rule holds.
    """
    rules = ProcessorFeeRule.objects.valid_on(at.date()).exclude(kind="").exclude(currency="")
    sums = _sums(at, [rule for rule in rules if rule.valid_from <= at.date()])
    return [
        FeeTruth(rule=rule, sums=found, measured=_measured(rule, found))
        for rule in rules
        if (found := sums.get((rule.gateway, rule.kind, rule.currency))) is not None
    ]


def _measured(rule: ProcessorFeeRule, sums: FeeSums) -> MeasuredFee | None:
    if rule.minimum is not None or rule.maximum is not None:
        return None
    places = minor_unit(rule.currency)
    return measure(sums, fixed_before=rule.fixed_amount, places=places)


def _sums(at: datetime, rules: Sequence[ProcessorFeeRule]) -> dict[tuple[str, str, str], FeeSums]:
    since = {(rule.gateway, rule.kind, rule.currency): rule.valid_from for rule in rules}
    charged = PaymentAttempt.objects.filter(
        state=PaymentAttempt.State.SUCCEEDED,
        fee__isnull=False,
        fee_expected__isnull=False,
        is_hold=False,
        resolved_at__gt=at - LOOKED_BACK,
        segment__contains=DOMESTIC,
    ).order_by()
    x, y = _plain("payment__amount"), _plain("fee")
    rows = charged.values("gateway", "method__kind", "currency", "dispatched_at__date").annotate(
        n=Count("pk"),
        sx=Sum(x),
        sy=Sum(y),
        se=Sum(_plain("fee_expected")),
        sxx=Sum(x * x),
        sxy=Sum(x * y),
        syy=Sum(y * y),
    )
    found: dict[tuple[str, str, str], list[Decimal]] = {}
    for row in rows:
        key = (row["gateway"], row["method__kind"] or "", row["currency"])
        if key not in since or row["dispatched_at__date"] < since[key]:
            continue
        parts = [Decimal(row[name]) for name in ("n", "sx", "sy", "se", "sxx", "sxy", "syy")]
        known = found.setdefault(key, [Decimal(0)] * len(parts))
        found[key] = [a + b for a, b in zip(known, parts, strict=True)]
    return {
        key: FeeSums(
            count=int(n),
            amounts=sx,
            fees=sy,
            expected=se,
            squares=sxx,
            products=sxy,
            fee_squares=syy,
        )
        for key, (n, sx, sy, se, sxx, sxy, syy) in found.items()
        if sx > 0
    }


def _plain(name: str) -> Combinable:
    """An amount as a number: money fields cannot be multiplied."""
    return Cast(F(name), DecimalField(max_digits=30, decimal_places=6))
