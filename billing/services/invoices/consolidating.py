"""One invoice for all subscriptions of a customer whose period ends at the same instant.

Who wants it is locked first, so that no two workers share out one customer's subscriptions.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from billing.models import Invoice, InvoicingTerms
from billing.services.invoices.draft_parts import Boundary
from billing.services.invoices.due import waiting
from billing.services.payments.payment_events import actor_name
from subscriptions.models import Customer, Subscription
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.money import currency_of
from tiktoktoe.standing import standing


@transaction.atomic
def set_invoicing(
    *,
    customer: Customer,
    currency: str,
    is_consolidated: bool,
    actor: Actor,
    at: datetime,
    review_days: int | None = None,
) -> InvoicingTerms:
    """Say how a customer is invoiced in a currency: together or each alone, at once or reviewed.

    `review_days`: how long its drafts are held; None: as the company's setting says.
    """
    terms, _ = InvoicingTerms.objects.update_or_create(
        customer=customer,
        currency=currency_of(currency).code,
        defaults={
            "is_consolidated": is_consolidated,
            "review_days": review_days,
            "actor": actor_name(actor)[:64],
            "changed_at": at,
        },
    )
    return terms


def together(boundaries: Sequence[Boundary]) -> list[list[Boundary]]:
    """The boundaries that are billed on one invoice, in the order that they came in.

    No query where every customer has but one.
    """
    counted = Counter(b.subscription.customer_id for b in boundaries)
    several = [customer for customer, count in counted.items() if count > 1]
    wanted = consolidated_of(several) if several else set()
    groups: dict[object, list[Boundary]] = defaultdict(list)
    for boundary in boundaries:
        subscription = boundary.subscription
        who = (subscription.customer_id, subscription.currency)
        key = (*who, boundary.at) if who in wanted else subscription.pk
        groups[key].append(boundary)
    return list(groups.values())


def billed_with(subscription: Subscription) -> list[Subscription]:
    """A subscription, with those that come on its next invoice if its customer wants one."""
    who = (subscription.customer_id, subscription.currency)
    if subscription.next_billing_at is None or who not in consolidated_of([who[0]]):
        return [subscription]
    others = Subscription.objects.filter(
        customer=who[0], currency=who[1], next_billing_at=subscription.next_billing_at
    )
    rows = others.exclude(pk=subscription.pk).select_related("customer", "plan_version__plan")
    return sorted([subscription, *rows], key=lambda row: row.pk)


def subscriptions_of(invoice: Invoice) -> list[Subscription]:
    """What an invoice is for: one subscription, several, or none."""
    if invoice.subscription is not None:
        return [invoice.subscription]
    parts = invoice.parts.select_related("subscription").order_by("pk")
    return [part.subscription for part in parts]


def consolidated_of(customer_ids: Iterable[int]) -> set[tuple[int, str]]:
    """Which of these customers want one invoice, in which currency."""
    rows = InvoicingTerms.objects.filter(customer__in=set(customer_ids), is_consolidated=True)
    return set(rows.order_by().values_list("customer_id", "currency"))


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a worker may bill: subscriptions, whole customers of those who want one invoice."""

    ids: list[int]
    whole: dict[int, set[int]] = field(default_factory=dict)

    def complete(self, boundaries: Sequence[Boundary]) -> list[Boundary]:
        """Without customers of whom a subscription could not be held, and those ahead of others.

        What has fallen behind is billed first, until all are due at the same instant.
        """
        found: dict[int, set[int]] = defaultdict(set)
        first: dict[tuple[int, str], datetime] = {}
        for boundary in boundaries:
            subscription = boundary.subscription
            found[subscription.customer_id].add(subscription.pk)
            who = (subscription.customer_id, subscription.currency)
            first[who] = min(first.get(who, boundary.at), boundary.at)
        return list(self._ready(boundaries, found, first))

    def _ready(
        self,
        boundaries: Iterable[Boundary],
        found: dict[int, set[int]],
        first: dict[tuple[int, str], datetime],
    ) -> Iterator[Boundary]:
        for boundary in boundaries:
            subscription = boundary.subscription
            wanted = self.whole.get(subscription.customer_id)
            is_whole = wanted is None or wanted <= found[subscription.customer_id]
            is_first = boundary.at == first[subscription.customer_id, subscription.currency]
            if wanted is None or (is_whole and is_first):
                yield boundary


def claim_whole(ids: Sequence[int], due_by: datetime) -> Claimed:
    """The same subscriptions, with all others that are due of customers who want one invoice.

    In the caller's transaction. Customers whom another worker has are left out. One query
    where nobody wants it.
    """
    wanted = dict(_who_want_one.rows(ids=list(ids)))
    if not wanted:
        return Claimed(list(ids))
    due = waiting(due_by)
    locked = InvoicingTerms.objects.filter(pk__in=wanted).order_by("pk")
    held = set(locked.select_for_update(skip_locked=True, no_key=True).values_list("pk", flat=True))
    away = {customer for pk, customer in wanted.items() if pk not in held}
    mine = set(wanted.values()) - away
    whole: dict[int, set[int]] = {customer: set() for customer in mine}
    for pk, customer in due.filter(customer__in=mine).values_list("pk", "customer_id"):
        whole[customer].add(pk)
    others = due.filter(pk__in=ids).exclude(customer__in=[*mine, *away])
    kept = list(others.values_list("pk", flat=True))
    return Claimed([*kept, *(pk for group in whole.values() for pk in group)], whole)


@standing
def _who_want_one(ids: list[int]) -> QuerySet[InvoicingTerms, tuple[int, int]]:
    terms = InvoicingTerms.objects.filter(customer__subscriptions__any_of=ids, is_consolidated=True)
    return terms.values_list("pk", "customer_id")
