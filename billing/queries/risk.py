"""What risk rules and retry budgets ask about customers, in few queries for any number."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import chain
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from billing.domain.budgets import LONGEST, REPRESENTMENTS
from billing.domain.declines import DeclineClass
from billing.domain.disputes import DisputeClass, DisputeState
from billing.domain.same_card import CardFacts
from billing.models import (
    Dispute,
    Payment,
    PaymentAttempt,
    PaymentLimit,
    PaymentMethod,
    PaymentReturn,
    PaymentReview,
)
from tiktoktoe.standing import standing

DAY = timedelta(days=1)
MONTH = timedelta(days=30)
FRAUD_WITHIN = timedelta(days=90)
DISPUTED_WITHIN = timedelta(days=365)
_LOOKED_BACK = max(FRAUD_WITHIN, LONGEST)
_PRESENTED_AGAIN = {rule.brand for rule in REPRESENTMENTS}
# An inquiry is no claim yet, and what we have won was none.
_NO_CLAIM = [DisputeState.INQUIRY, DisputeState.CLOSED, DisputeState.WON]
_SUSPICIOUS = {DeclineClass.DATA_FIX, DeclineClass.HARD_INSTRUMENT, DeclineClass.FRAUD}


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """A no to one of a customer's charges, and what was known of the card, or other method."""

    attempt: UUID
    method: int | None
    card: CardFacts
    decline_class: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is known of some customers: their methods, their declines, their limits, reviews."""

    at: datetime
    methods: Mapping[int, Sequence[PaymentMethod]]  # usable, or added within a day
    declines: Mapping[int, Sequence[Declined]]
    fraud_disputes: Mapping[int, datetime]  # when the last one was opened, within a year
    of_cards: Mapping[tuple[str, str], Mapping[UUID, datetime]]  # by fingerprint, whoever holds it
    limits: Mapping[tuple[int | None, str], PaymentLimit]
    reviews: Mapping[UUID, PaymentReview]  # of payments being collected
    rounds: Mapping[UUID, int]  # decided so far, of payments being collected
    returns: Mapping[tuple[UUID, str], Sequence[tuple[str, datetime]]]  # of an invoice, by brand

    def usable(self, customer: int) -> list[PaymentMethod]:
        """The methods that can be charged, the default one first."""
        return [m for m in self.methods.get(customer, ()) if m.state == PaymentMethod.State.ACTIVE]

    def default_method(self, customer: int) -> PaymentMethod | None:
        """The method that invoices are charged to by themselves."""
        return next((method for method in self.usable(customer) if method.is_default), None)

    def methods_added(self, customer: int) -> int:
        """How many methods were stored within a day, also those removed since."""
        added = (method.created_at for method in self.methods.get(customer, ()))
        return sum(self.at - DAY < moment <= self.at for moment in added)

    def suspicious_declines(self, customer: int) -> int:
        """How many charges of a day were declined for a reason that fraud has too."""
        found = self.declines.get(customer, ())
        return sum(no.decline_class in _SUSPICIOUS and no.at > self.at - DAY for no in found)

    def fraud_declines(self, customer: int) -> int:
        """How many were called fraudulent within ninety days."""
        found = self.declines.get(customer, ())
        called_fraud = (no.at for no in found if no.decline_class == DeclineClass.FRAUD)
        return sum(moment > self.at - FRAUD_WITHIN for moment in called_fraud)

    def fraud_disputed_on(self, customer: int) -> date | None:
        """On which day, in UTC, a payment was last disputed as fraud."""
        opened_at = self.fraud_disputes.get(customer)
        return opened_at.date() if opened_at else None

    def limit_of(self, payment: Payment) -> PaymentLimit | None:
        """The customer's own limit in the currency, or else everybody's."""
        own = self.limits.get((payment.customer_id, payment.currency))
        return own or self.limits.get((None, payment.currency))


def record_of(customers: Collection[int], *, at: datetime) -> Record:
    """The record of some customers, as it is now."""
    whose = list(customers)
    limits = _limits.rows(customers=whose)
    rows = _decided.rows(customers=whose)
    reviewed = {review for _, __, review in rows} - {None}
    reviews = PaymentReview.objects.in_bulk(reviewed) if reviewed else {}
    methods = _methods(whose, at)
    declines, fraud_disputes = _against(whose, at)
    return Record(
        at=at,
        methods=methods,
        declines=declines,
        fraud_disputes=fraud_disputes,
        of_cards=_declines_of_cards(methods, at),
        limits={(limit.customer_id, limit.currency): limit for limit in limits},
        reviews={review.payment_id: review for review in reviews.values()},
        rounds={payment: rounds for payment, rounds, _ in rows},
        returns=_returns(methods),
    )


@standing
def _limits(customers: list[int]) -> "QuerySet[PaymentLimit]":
    return PaymentLimit.objects.filter(Q(customer__any_of=customers) | Q(customer__isnull=True))


@standing
def _decided(customers: list[int]) -> "QuerySet[Payment, tuple[UUID, int, int | None]]":
    """Payments being collected: how often was decided about each, and its review."""
    live = Payment.objects.live().filter(customer__any_of=customers).order_by()
    return live.annotate(rounds=Count("decisions")).values_list("pk", "rounds", "review")


@standing
def _methods_of(customers: list[int], since: datetime) -> "QuerySet[PaymentMethod]":
    rows = PaymentMethod.objects.filter(customer__any_of=customers).filter(
        Q(state=PaymentMethod.State.ACTIVE) | Q(created_at__gt=since)
    )
    return rows.order_by("customer_id", "-is_default", "pk")


def _methods(customers: list[int], at: datetime) -> Mapping[int, list[PaymentMethod]]:
    found: dict[int, list[PaymentMethod]] = defaultdict(list)
    for row in _methods_of.rows(customers=customers, since=at - DAY):
        found[row.customer_id].append(row)
    return found


def returns_of(
    methods: Collection[PaymentMethod],
) -> Mapping[tuple[UUID, str], list[tuple[str, datetime]]]:
    """What banks took back of debits by such methods' customers: by invoice and brand."""
    brands = {method.brand for method in methods} & _PRESENTED_AGAIN
    found: dict[tuple[UUID, str], list[tuple[str, datetime]]] = defaultdict(list)
    if not brands:
        return found
    rows = PaymentReturn.objects.filter(
        payment__customer__in={method.customer_id for method in methods},
        attempt__method__brand__in=brands,
    )
    fields = ("payment__invoice_id", "attempt__method__brand", "code", "returned_at")
    for invoice, brand, code, returned_at in chain(
        rows.values_list(*fields), _refused(methods, brands), _taken_back(methods, brands)
    ):
        found[invoice, str(brand)].append((code, returned_at))
    return found


def _refused(
    methods: Collection[PaymentMethod], brands: Collection[str]
) -> Iterable[tuple[UUID, str, str, datetime]]:
    """Debits that a gateway says have come back, before they counted as paid."""
    attempts = PaymentAttempt.objects.filter(
        payment__customer__in={method.customer_id for method in methods},
        method__brand__in=brands,
        state="declined",
        resolved_at__isnull=False,
    )
    fields = ("payment__invoice_id", "method__brand", "decline_code", "resolved_at")
    return attempts.values_list(*fields)


def _taken_back(
    methods: Collection[PaymentMethod], brands: Collection[str]
) -> Iterable[tuple[UUID, str, str, datetime]]:
    """Debits that a gateway says have come back, by way of a dispute."""
    disputes = Dispute.objects.filter(
        payment__customer__in={method.customer_id for method in methods},
        attempt__method__brand__in=brands,
    )
    fields = ("payment__invoice_id", "attempt__method__brand", "reason", "opened_at")
    return disputes.values_list(*fields)


def _returns(
    methods: Mapping[int, Sequence[PaymentMethod]],
) -> Mapping[tuple[UUID, str], list[tuple[str, datetime]]]:
    """A query only where somebody pays by what such a rule is about."""
    return returns_of([method for rows in methods.values() for method in rows])


def _declines_of_cards(
    methods: Mapping[int, Sequence[PaymentMethod]], at: datetime
) -> Mapping[tuple[str, str], dict[UUID, datetime]]:
    """When cards were declined, by whomever they are held: only times, which tell of nobody.

    Two customers may have one card, as a firm's two accounts do, and its network counts the card.
    A query only where a gateway marks cards.
    """
    marked = {
        (method.gateway, method.fingerprint)
        for rows in methods.values()
        for method in rows
        if method.fingerprint
    }
    found: dict[tuple[str, str], dict[UUID, datetime]] = defaultdict(dict)
    if not marked:
        return found
    for gateway, mark, attempt, resolved_at in _declines_of.rows(
        gateways=[*{gateway for gateway, _ in marked}],
        marks=[*{mark for _, mark in marked}],
        since=at - LONGEST,
    ):
        assert resolved_at is not None
        found[str(gateway), str(mark)][attempt] = resolved_at
    return found


@standing
def _declines_of(
    gateways: list[str], marks: list[str], since: datetime
) -> "QuerySet[PaymentAttempt, tuple[str, str, UUID, datetime | None]]":
    recent = PaymentAttempt.objects.filter(
        method__gateway__any_of=gateways,
        method__fingerprint__any_of=marks,
        state="declined",
        resolved_at__gt=since,
    ).order_by()
    return recent.values_list("method__gateway", "method__fingerprint", "pk", "resolved_at")


def _against(
    customers: list[int], at: datetime
) -> tuple[Mapping[int, list[Declined]], Mapping[int, datetime]]:
    """What was declined, and when a fraud dispute was opened last: in one query."""
    found: dict[int, list[Declined]] = defaultdict(list)
    disputed: dict[int, datetime] = {}
    for (
        attempt,
        customer,
        method,
        decline_class,
        resolved_at,
        kind,
        brand,
        last4,
        expires_on,
        country,
        state,
    ) in _told_against.rows(
        customers=customers,
        declined_since=at - _LOOKED_BACK,
        disputed_since=at - DISPUTED_WITHIN,
        at=at,
    ):
        assert resolved_at is not None
        if state != "declined":
            disputed[customer] = max(resolved_at, disputed.get(customer, resolved_at))
            continue
        card = CardFacts(
            kind=kind or "",
            network=brand or "",
            last4=last4 or "",
            expires_on=expires_on,
            country=country or "",
        )
        no = Declined(
            attempt=attempt, method=method, card=card, decline_class=decline_class, at=resolved_at
        )
        found[customer].append(no)
    return found, disputed


@standing
def _told_against(
    customers: list[int], declined_since: datetime, disputed_since: datetime, at: datetime
) -> "QuerySet[PaymentAttempt, Any]":
    recent = PaymentAttempt.objects.filter(
        payment__customer__any_of=customers, state="declined", resolved_at__gt=declined_since
    )
    fields = ("pk", "payment__customer_id", "method_id", "decline_class", "resolved_at")
    told = ("kind", "brand", "last4", "expires_on", "country")
    rows = recent.order_by().values_list(*fields, *(f"method__{name}" for name in told), "state")
    disputes = Dispute.objects.filter(
        payment__customer__any_of=customers,
        reason_class=DisputeClass.FRAUD,
        opened_at__gt=disputed_since,
        opened_at__lte=at,
    )
    return rows.union(_in_columns_of_declines(disputes, told), all=True)


def _in_columns_of_declines(rows: "QuerySet[Dispute]", told: Sequence[str]) -> Any:
    """So that they are asked for together."""
    fields = ("attempt_id", "payment__customer_id", "attempt__method_id", "reason_class")
    columns = (*fields, "opened_at", *(f"attempt__method__{name}" for name in told), "state")
    return rows.exclude(state__in=_NO_CLAIM).order_by().values_list(*columns)
