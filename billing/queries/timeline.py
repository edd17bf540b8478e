"""Everything that happened to a customer, the latest first: one statement for each source.

A page begins where the one before ended. The place of an entry is its instant, then its source,
then its row, so that no two have the same one and nothing is shown twice or left out.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import islice
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce

from billing.models import (
    CouponRedemption,
    CouponUse,
    CreditEntry,
    CreditNote,
    Dispute,
    DunningEvent,
    InstrumentToken,
    Invoice,
    Notice,
    OfferMade,
    PaymentAttempt,
    PaymentMethod,
    PlanChange,
    PlannedStartEvent,
    PrepaidCredit,
    PrepaidEntry,
    Refund,
    UsageAlert,
    UsageBudget,
)
from subscriptions.models import (
    Customer,
    CustomerMember,
    CustomerNote,
    FeatureOverride,
    Invitation,
    SubscriptionTransition,
)
from tiktoktoe.standing import StandingQuery, standing

PER_PAGE = 50

KINDS = {
    "subscriptions": "Subscriptions",
    "changes": "Changes",
    "invoices": "Invoices",
    "credit_notes": "Credit notes",
    "payments": "Payments",
    "disputes": "Disputes",
    "dunning": "Dunning",
    "credit": "Credit",
    "wallets": "Wallets",
    "coupons": "Coupons",
    "notices": "Notices",
    "usage": "Usage",
    "features": "Features",
    "people": "People",
    "notes": "Notes",
}


@dataclass(frozen=True, slots=True)
class Source:
    """Where something happens to customers: `rows` are all of them with the instant `moment`."""

    name: str
    kind: str
    rows: Callable[[], QuerySet[Any]]
    customer: str = "customer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Something that happened: the row that says so."""

    at: datetime
    source: Source
    row: Any
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelinePage:
    """Some entries, the latest first, and where the next page begins, if there is one."""

    entries: tuple[Entry, ...]
    next_place: str


@dataclass(frozen=True, slots=True)
class _Place:
    at: datetime
    rank: int
    key: Any


def timeline_page(
    customer_id: int,
    *,
    kind: str = "",
    after: tuple[datetime, str] | None = None,
    limit: int = PER_PAGE,
) -> TimelinePage:
    """A page of what happened to a customer, of one kind or of all.

    Raises:
        ValueError: If no entry can have that place.
    """
    place = _read(*after) if after else None
    found = [
        (row.moment, -rank, row.pk, row)
        for rank, source in enumerate(SOURCES)
        if kind in {"", source.kind}
        for row in _rows(source, customer_id, rank, place, limit + 1)
    ]
    # The keys of one source are of one type, and rows themselves are never compared.
    found.sort(key=lambda item: item[:3], reverse=True)
    entries = tuple(
        Entry(
            at=moment,
            source=SOURCES[-rank],
            row=row,
            place=f"{moment.isoformat()} {-rank}:{key}",
        )
        for moment, rank, key, row in islice(found, limit)
    )
    is_last = len(found) <= limit
    return TimelinePage(entries=entries, next_place="" if is_last else entries[-1].place)


def _rows(
    source: Source, customer_id: int, rank: int, place: _Place | None, most: int
) -> Iterable[Any]:
    if place is None:
        return latest(source, most).rows(customer_id=customer_id)
    earlier = Q(moment__lt=place.at)
    if rank == place.rank:
        earlier |= Q(moment=place.at, pk__lt=place.key)
    elif rank > place.rank:
        earlier |= Q(moment=place.at)
    return _of(source, customer_id).filter(earlier)[:most]


@cache
def latest(source: Source, most: int) -> StandingQuery[..., Any, Any]:
    """What the first page of a timeline is made of."""

    def of_source(customer_id: int) -> QuerySet[Any]:
        return _of(source, customer_id)[:most]

    return standing(of_source)


def _of(source: Source, customer_id: int) -> QuerySet[Any]:
    return source.rows().filter(**{source.customer: customer_id}).order_by("-moment", "-pk")


def _read(at: datetime, text: str) -> _Place:
    number, _, key = text.partition(":")
    if not number.isascii() or not number.isdecimal() or int(number) >= len(SOURCES):
        raise ValueError(text)
    rank = int(number)
    try:
        return _Place(at, rank, SOURCES[rank].rows().model._meta.pk.to_python(key))
    except ValidationError:
        raise ValueError(text) from None


def _transitions() -> QuerySet[Any]:
    rows = SubscriptionTransition.objects.annotate(moment=F("recorded_at"))
    return rows.select_related("subscription__plan_version__plan", "actor")


def _changes() -> QuerySet[Any]:
    rows = PlanChange.objects.annotate(moment=Coalesce("applied_at", "requested_at"))
    return rows.select_related("subscription", "plan_version__plan", "invoice", "actor")


def _starts() -> QuerySet[Any]:
    rows = PlannedStartEvent.objects.annotate(moment=F("at"))
    return rows.select_related("start__plan_version__plan", "actor")


def _invoices(instant: str) -> Callable[[], QuerySet[Any]]:
    def rows() -> QuerySet[Any]:
        return Invoice.objects.filter(**{f"{instant}__isnull": False}).annotate(moment=F(instant))

    return rows


def _drafts() -> QuerySet[Any]:
    """Drafts, and what was billed elsewhere: there since they were made."""
    rows = Invoice.objects.filter(state__in=[Invoice.State.DRAFT, Invoice.State.ELSEWHERE])
    return rows.annotate(moment=F("created_at"))


def _notes_of_credit() -> QuerySet[Any]:
    return CreditNote.objects.annotate(moment=F("issued_at")).select_related("invoice")


def _attempts() -> QuerySet[Any]:
    rows = PaymentAttempt.objects.annotate(moment=Coalesce("resolved_at", "dispatched_at"))
    return rows.select_related("payment__invoice", "method")


def _refunds() -> QuerySet[Any]:
    rows = Refund.objects.annotate(moment=Coalesce("resolved_at", "requested_at"))
    return rows.select_related("payment__invoice")


def _disputes(instant: str) -> Callable[[], QuerySet[Any]]:
    def rows() -> QuerySet[Any]:
        found = Dispute.objects.filter(**{f"{instant}__isnull": False})
        return found.annotate(moment=F(instant)).select_related("payment__invoice")

    return rows


def _dunning() -> QuerySet[Any]:
    return DunningEvent.objects.annotate(moment=F("at")).select_related("run__invoice")


def _methods() -> QuerySet[Any]:
    return PaymentMethod.objects.annotate(moment=F("created_at"))


def _tokens() -> QuerySet[Any]:
    return InstrumentToken.objects.annotate(moment=F("created_at")).select_related("method")


def _credit() -> QuerySet[Any]:
    rows = CreditEntry.objects.annotate(moment=F("at"))
    return rows.select_related("invoice", "credit_note")


def _lots() -> QuerySet[Any]:
    return PrepaidCredit.objects.annotate(moment=F("at")).select_related("wallet", "invoice")


def _lot_moves() -> QuerySet[Any]:
    rows = PrepaidEntry.objects.annotate(moment=F("at"))
    return rows.select_related("credit__wallet", "invoice")


def _redemptions() -> QuerySet[Any]:
    return CouponRedemption.objects.annotate(moment=F("redeemed_at")).select_related("coupon")


def _coupon_uses() -> QuerySet[Any]:
    billed = Coalesce("invoice__finalized_at", "invoice__created_at")
    rows = CouponUse.objects.annotate(moment=billed)
    return rows.select_related("redemption__coupon", "invoice")


def _notices() -> QuerySet[Any]:
    return Notice.objects.annotate(moment=Coalesce("sent_at", "created_at"))


def _alerts() -> QuerySet[Any]:
    rows = UsageAlert.objects.filter(is_told=True).annotate(moment=F("raised_at"))
    return rows.select_related("subscription", "price__meter")


def _budgets() -> QuerySet[Any]:
    return UsageBudget.objects.annotate(moment=F("set_at")).select_related("subscription", "actor")


def _offers() -> QuerySet[Any]:
    rows = OfferMade.objects.annotate(moment=Coalesce("answered_at", "made_at"))
    return rows.select_related("offer")


def _overrides() -> QuerySet[Any]:
    rows = FeatureOverride.objects.annotate(moment=F("created_at"))
    return rows.select_related("feature", "actor")


def _invitations() -> QuerySet[Any]:
    return Invitation.objects.annotate(moment=F("invited_at")).select_related("invited_by")


def _members() -> QuerySet[Any]:
    return CustomerMember.objects.annotate(moment=F("created_at")).select_related("user")


def _customers() -> QuerySet[Any]:
    return Customer.objects.annotate(moment=F("created_at"))


def _notes() -> QuerySet[Any]:
    return CustomerNote.objects.annotate(moment=F("written_at")).select_related("author")


# Of one instant, what is further up is shown first: what came of something before the thing.
SOURCES = (
    Source("note", "notes", _notes),
    Source("notice", "notices", _notices),
    Source("alert", "usage", _alerts, "subscription__customer"),
    Source("budget", "usage", _budgets, "subscription__customer"),
    Source("dispute_closed", "disputes", _disputes("closed_at"), "payment__customer"),
    Source("dispute_opened", "disputes", _disputes("opened_at"), "payment__customer"),
    Source("dunning", "dunning", _dunning, "run__customer"),
    Source("refund", "payments", _refunds, "payment__customer"),
    Source("attempt", "payments", _attempts, "payment__customer"),
    Source("token", "payments", _tokens, "method__customer"),
    Source("method", "payments", _methods),
    Source("invoice_written_off", "invoices", _invoices("written_off_at")),
    Source("invoice_void", "invoices", _invoices("voided_at")),
    Source("invoice_paid", "invoices", _invoices("paid_at")),
    Source("credit", "credit", _credit),
    Source("lot_move", "wallets", _lot_moves, "credit__wallet__customer"),
    Source("lot", "wallets", _lots, "wallet__customer"),
    Source("credit_note", "credit_notes", _notes_of_credit),
    Source("coupon_use", "coupons", _coupon_uses, "redemption__customer"),
    Source("invoice_issued", "invoices", _invoices("finalized_at")),
    Source("invoice_draft", "invoices", _drafts),
    Source("redemption", "coupons", _redemptions),
    Source("offer", "subscriptions", _offers),
    Source("change", "changes", _changes, "subscription__customer"),
    Source("planned_start", "subscriptions", _starts, "start__customer"),
    Source("transition", "subscriptions", _transitions, "subscription__customer"),
    Source("override", "features", _overrides),
    Source("member", "people", _members),
    Source("invitation", "people", _invitations),
    Source("customer", "people", _customers, "pk"),
)
