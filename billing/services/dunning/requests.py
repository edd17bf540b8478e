"""Requests for a customer's overdue balance: counted by currency, against thresholds."""

import logging
from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import Max

from billing.domain.overdue import RequestTerms, currencies_due, is_exhausted
from billing.models import DunningCampaign, DunningRequest, DunningSeries, Invoice
from billing.models.invoices import LEFT_TO_PAY
from billing.services.dunning.campaigns import company_campaign
from billing.services.payments.collection import resume_collection
from subscriptions.models import Customer, CustomerClock
from subscriptions.services.transitions import SCHEDULE

logger = logging.getLogger(__name__)

MOMENT = timedelta(microseconds=1)


def request_overdue(*, at: datetime, clock: CustomerClock | None = None) -> int:
    """Ask every customer for what is overdue and due to be asked for; gives how many requests.

    Each lets the collection pass charge the stored method again, and is told by e-mail. Counts
    only while the company's campaign has thresholds.
    """
    campaign = company_campaign(at)
    if campaign is None or not campaign.thresholds.exists():
        return 0
    owing = Invoice.objects.overdue(at).filter(customer__clock=clock).values("customer")
    open_ones = DunningSeries.objects.filter(ended_at__isnull=True, customer__clock=clock)
    customers = Customer.objects.filter(pk__in=owing.union(open_ones.values("customer")))
    return sum(_request(customer, campaign, at) for customer in customers.order_by("pk"))


@transaction.atomic
def _request(customer: Customer, campaign: DunningCampaign, at: datetime) -> int:
    Customer.objects.select_for_update(of=("self",)).get(pk=customer.pk)
    overdue = _overdue(customer, at)
    balances = {currency: sum(parts.values()) for currency, parts in overdue.items()}
    mine = DunningSeries.objects.filter(customer=customer, ended_at__isnull=True)
    mine.exclude(currency__in=[c for c, left in balances.items() if left]).update(ended_at=at)
    made = {row.currency: row.requests.count() for row in mine}
    last_at = DunningRequest.objects.filter(series__in=mine).aggregate(last=Max("at"))["last"]
    terms = request_terms(campaign)
    due = currencies_due(
        terms=terms,
        overdue={c: Decimal(left) for c, left in balances.items()},
        requests_made=made,
        last_at=last_at,
        at=at,
    )
    for currency in due:
        made[currency] = made.get(currency, 0) + 1
    is_last = is_exhausted(made, terms.requests_max)
    for place, currency in enumerate(due, start=1):
        series, _ = DunningSeries.objects.get_or_create(
            customer=customer,
            currency=currency,
            ended_at=None,
            defaults={"campaign": campaign, "opened_at": at},
        )
        DunningRequest.objects.create(
            series=series,
            number=made[currency],
            currency=currency,
            amount=balances[currency],
            invoices=sorted(overdue[currency]),
            is_last=is_last and place == len(due),
            at=at,
        )
        resume_collection(customer=customer, currency=currency, actor=SCHEDULE, at=at)
    if due:
        logger.info("overdue balance requested", extra={"customer": customer.external_id})
    return len(due)


def next_request_at(clock: CustomerClock, *, after: datetime, to: datetime) -> datetime | None:
    """When a customer of a test clock may be asked again, within a time; None if nobody."""
    campaign = company_campaign(to)
    if campaign is None or campaign.days_between is None:
        return None
    open_ones = DunningSeries.objects.filter(customer__clock=clock, ended_at__isnull=True)
    asked = open_ones.values("customer").annotate(last=Max("requests__at"))
    gap = timedelta(days=campaign.days_between) + MOMENT
    coming = [row["last"] + gap for row in asked if row["last"] is not None]
    return min((at for at in coming if after < at <= to), default=None)


def request_terms(campaign: DunningCampaign) -> RequestTerms:
    """As the rules want it."""
    return RequestTerms(
        thresholds={row.currency: row.amount for row in campaign.thresholds.all()},
        requests_max=campaign.requests_max or 1,
        days_between=campaign.days_between or 1,
    )


def _overdue(customer: Customer, at: datetime) -> dict[str, dict[str, Decimal]]:
    """What is left to pay of overdue invoices, by currency and number."""
    found: dict[str, dict[str, Decimal]] = defaultdict(dict)
    invoices = Invoice.objects.overdue(at).filter(customer=customer).annotate(left=LEFT_TO_PAY)
    for number, currency, left in invoices.values_list("number", "currency", "left"):
        if left > 0:
            found[currency][str(number)] = left
    return found
