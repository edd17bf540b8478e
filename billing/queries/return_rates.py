"""How many ACH debits came back lately, of our own bank's and of gateways'."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from django.db.models import Count

from billing.domain.debit_schemes import ACH_DEBIT
from billing.domain.return_rates import WITHIN, ReturnRate, return_rates
from billing.models import Dispute, PaymentAttempt, PaymentReturn

_ORIGINATED = ("pending", "succeeded", "declined")


def ach_return_rates(at: datetime) -> list[ReturnRate]:
    """What came back within the time that Nacha looks at, against each of its limits.

    A debit that is refused by the bank before it is paid has come back as well.
    """
    since = at - WITHIN
    debits = PaymentAttempt.objects.filter(method__brand=ACH_DEBIT, state__in=_ORIGINATED)
    count = debits.filter(dispatched_at__gt=since, dispatched_at__lte=at).count()
    if not count:
        return []
    refused = debits.filter(state="declined", resolved_at__gt=since, resolved_at__lte=at)
    returns = PaymentReturn.objects.filter(
        attempt__method__brand=ACH_DEBIT, returned_at__gt=since, returned_at__lte=at
    )
    disputes = Dispute.objects.filter(
        attempt__method__brand=ACH_DEBIT, opened_at__gt=since, opened_at__lte=at
    )
    returned: Counter[str] = Counter()
    for rows in (
        _by(refused.values_list("decline_code").annotate(n=Count("pk")).order_by()),
        _by(returns.values_list("code").annotate(n=Count("pk")).order_by()),
        _by(disputes.values_list("reason").annotate(n=Count("pk")).order_by()),
    ):
        returned.update(rows)
    return return_rates(debits=count, returned=returned, on=at.date())


def _by(rows: Iterable[tuple[str, int]]) -> dict[str, int]:
    return dict(rows)
