"""What payments were estimated to cost when it was decided how to make them, and were charged."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from django.db.models import Count, Q, Sum

from billing.models.payments import PaymentAttemptQuerySet
from tiktoktoe.kernel.money import Money
from tiktoktoe.kernel.rates import ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeRow:
    """Successful payments of a gateway in a currency.

    Attributes:
        payments: Those whose fee is known and was estimated; `amount` is theirs.
        estimated: By the rule in force when the gateway was chosen.
        charged: By the gateway's own balance or settlement.
        untold: Those whose fee the gateway has not told yet; they count nowhere else.
    """

    gateway: str
    payments: int
    amount: Money
    estimated: Money
    charged: Money
    untold: int

    @property
    def difference(self) -> Money:
        """How much dearer they were than estimated; below zero: cheaper."""
        return self.charged - self.estimated

    @property
    def off_by(self) -> Fraction | None:
        """The difference as a share of the amount."""
        return ratio(self.difference.amount, self.amount.amount)


def fee_rows(attempts: PaymentAttemptQuerySet) -> tuple[FeeRow, ...]:
    """Estimate against actual by gateway and currency, in one query."""
    known = Q(fee__isnull=False, fee_expected__isnull=False)
    rows = (
        attempts.filter(state="succeeded")
        .order_by("gateway", "currency")
        .values_list("gateway", "currency")
        .annotate(
            payments=Count("pk", filter=known),
            amount=Sum("payment__amount", filter=known),
            estimated=Sum("fee_expected", filter=known),
            charged=Sum("fee", filter=known),
            untold=Count("pk", filter=Q(fee__isnull=True, has_foreign_fee=False)),
        )
    )
    return tuple(
        FeeRow(
            gateway=gateway,
            payments=payments,
            amount=Money(amount or Decimal(0), currency),
            estimated=Money(estimated or Decimal(0), currency),
            charged=Money(charged or Decimal(0), currency),
            untold=untold,
        )
        for gateway, currency, payments, amount, estimated, charged, untold in rows
        if payments or untold
    )
