"""A fee that was measured becomes a dated rule, by a person's word."""

from datetime import datetime, timedelta

from django.db import transaction

from billing.errors import NothingMeasured
from billing.models import ProcessorFeeRule
from billing.queries.fee_truth import fee_truths
from tiktoktoe.accounts.models import User

_GO_ON = (
    *("gateway", "kind", "currency", "cross_border_bps", "minimum", "maximum"),
    *("decline_fee", "dispute_fee", "return_fee", "settle_days"),
)


@transaction.atomic
def accept_measured(*, rule: ProcessorFeeRule, user: User, at: datetime) -> ProcessorFeeRule:
    """End a rule today, and let what was measured hold from tomorrow.

    It is measured again here: what staff saw may be old. What else a rule says (of disputes,
    returns, foreign methods) goes on as it was.

    Raises:
        NothingMeasured: If the payments do not call for another rule any more.
    """
    locked = ProcessorFeeRule.objects.select_for_update().get(pk=rule.pk)
    truth = next((found for found in fee_truths(at) if found.rule.pk == locked.pk), None)
    if truth is None or truth.measured is None or not truth.is_proposed:
        raise NothingMeasured("the payments do not call for another rule")
    today, ends = at.date(), locked.valid_to
    locked.valid_to = today
    locked.save(update_fields=["valid_to"])
    goes_on = {name: getattr(locked, name) for name in _GO_ON}
    return ProcessorFeeRule.objects.create(
        **goes_on,
        share_bps=truth.measured.share_bps,
        fixed_amount=truth.measured.fixed_amount,
        valid_from=today + timedelta(days=1),
        valid_to=ends,
        source=(
            f"measured: {truth.sums.count} payments until {today}, {truth.sums.actual_bps} bps "
            f"where {truth.sums.expected_bps} were expected; accepted by {user.email}"
        )[:300],
    )
