"""Staff pages of payments: find one, see what happened, ask again, try again, refund."""

from collections.abc import Iterator
from datetime import tzinfo
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Count, Exists, OuterRef, Prefetch
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from billing.forms.charging import ChargeForm
from billing.forms.holds import CaptureForm
from billing.forms.payments import (
    CHARGED_BACK,
    REFUNDED,
    TO_COME,
    WITH_FEE,
    PaymentFilter,
    RefundForm,
)
from billing.models import Payment, PaymentAttempt, PaymentOperation, Refund
from billing.models.payments import PaymentQuerySet
from billing.queries.payments import decline_in_words, payment_history, payment_sums
from billing.services.payments.charging import charge_invoice
from billing.services.payments.reconciling import look_into
from billing.services.payments.refunds import look_into_refund, refund_payment
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict, GatewayError
from tiktoktoe.kernel.money import Money
from tiktoktoe.web.access import requires
from tiktoktoe.web.chips import state_chips
from tiktoktoe.web.csv_export import csv_response
from tiktoktoe.web.days import day_end, day_of, day_start
from tiktoktoe.web.pagination import paginate

UNPROVEN = {"dispatched", "unknown"}
CSV_HEADER = [
    "payment",
    "created",
    "state",
    "customer",
    "invoice",
    "currency",
    "amount",
    "refunded",
    "paid",
    "next_attempt",
]


@require_GET
@requires(Permission.VIEW_BILLING)
def payment_list(request: HttpRequest) -> HttpResponse:
    """Payments by state, words, customer and days, and what they add up to."""
    form = PaymentFilter(request.GET)
    asked = _asked(form)
    found = _narrowed(asked)
    counts = dict(found.order_by().values_list("state").annotate(n=Count("pk")))
    shown = _in_state(found, asked["state"])
    last_first = PaymentAttempt.objects.order_by("-sequence")
    rows = shown.select_related("customer", "invoice").prefetch_related(
        Prefetch("attempts", last_first, to_attr="last_first")
    )
    context = {
        "form": form,
        "page": paginate(request, rows),
        "sums": payment_sums(shown),
        "state": asked["state"],
        "choices": state_chips(Payment.State, counts),
        "total_count": sum(counts.values()),
    }
    return render(request, "billing/payment_list.html", context)


@require_GET
@requires(Permission.VIEW_BILLING)
def payment_csv(request: HttpRequest) -> HttpResponseBase:
    """What the list shows, as a file."""
    asked = _asked(PaymentFilter(request.GET))
    found = _narrowed(asked)
    shown = _in_state(found, asked["state"])
    return csv_response("payments.csv", CSV_HEADER, _csv_rows(shown))


@require_GET
@requires(Permission.VIEW_BILLING)
def payment_detail(request: HttpRequest, payment_id: UUID) -> HttpResponse:
    """One payment: its attempts, what they cost, its refunds, and everything that happened."""
    return _detail(request, _find(payment_id))


@require_POST
@requires(Permission.CHANGE_BILLING)
def payment_look(request: HttpRequest, payment_id: UUID) -> HttpResponse:
    """Ask the gateway now what became of what is not known yet."""
    payment, actor, at = _find(payment_id), _actor(request), now()
    for attempt in payment.attempts.filter(next_check_at__isnull=False):
        look_into(attempt=attempt, actor=actor, at=at)
    for refund in payment.refunds.filter(next_check_at__isnull=False):
        look_into_refund(refund=refund, actor=actor, at=at)
    messages.info(request, "The gateway was asked; this is what is known now.")
    return redirect("payment_detail", payment.pk)


@require_POST
@requires(Permission.CHANGE_BILLING)
def payment_attempt(request: HttpRequest, payment_id: UUID) -> HttpResponse:
    """Charge the default method for the invoice of a payment now, without waiting."""
    payment, form = _find(payment_id), ChargeForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Nothing was charged: a weight is a number from 0 on.")
        return redirect("payment_detail", payment.pk)
    try:
        attempt = charge_invoice(
            invoice=payment.invoice,
            objectives=form.objectives(),
            actor=_actor(request),
            at=now(),
        )
    except (Conflict, GatewayError) as refusal:
        messages.error(request, f"Nothing was charged: {refusal}.")
        return redirect("payment_detail", payment.pk)
    messages.info(request, f"The attempt is {str(attempt.state).replace('_', ' ')}.")
    return redirect("payment_detail", attempt.payment_id)


@require_POST
@requires(Permission.REFUND)
def refund_create(request: HttpRequest, payment_id: UUID) -> HttpResponse:
    """Give back part or all of a payment."""
    payment = _find(payment_id)
    form = RefundForm(request.POST, payment=payment)
    if not form.is_valid():
        return _detail(request, payment, form=form, status=422)
    wanted = form.cleaned_data
    try:
        refund = refund_payment(
            payment=payment,
            amount=Money(wanted["amount"], payment.currency),
            reason=wanted["reason"],
            credit_note=wanted["credit_note"],
            actor=_actor(request),
            idempotency_key=f"refund:{wanted['key']}",
            at=now(),
        )
    except (Conflict, GatewayError) as refusal:
        messages.error(request, f"Nothing was refunded: {refusal}.")
    else:
        messages.info(request, _what_became(refund))
    return redirect("payment_detail", payment.pk)


def _what_became(refund: Refund) -> str:
    """The state of a refund, or of each of its parts."""
    states = [str(part.state).replace("_", " ") for part in (refund, *refund.parts.order_by("pk"))]
    if len(states) == 1:
        return f"The refund is {states[0]}."
    return f"The refund is in {len(states)} parts, one for each capture: {', '.join(states)}."


def _detail(
    request: HttpRequest, payment: Payment, *, form: RefundForm | None = None, status: int = 200
) -> HttpResponse:
    known = payment.attempts.select_related("method").prefetch_related("foreign_fees")
    attempts = list(known.order_by("-sequence"))
    held = [a for a in attempts if a.is_hold and a.state == PaymentAttempt.State.AUTHORIZED]
    hold = held[0] if held else None
    left = payment.amount_refundable
    is_refundable = payment.state == Payment.State.PAID and left.amount > 0
    is_refundable = is_refundable and payment.contested != Payment.Contested.DISPUTED
    context = {
        "payment": payment,
        "attempts": [(attempt, decline_in_words(attempt)) for attempt in attempts],
        "refunds": payment.refunds.select_related("credit_note", "capture"),
        "disputes": payment.disputes.all(),
        "hold": hold,
        "capture_form": CaptureForm(attempt=hold) if hold else None,
        "operations": PaymentOperation.objects.filter(attempt__payment=payment),
        "history": payment_history(payment),
        "unproven": next((a for a in attempts if a.state in UNPROVEN), None),
        "has_contradiction": payment.events.filter(event="gateway_contradicts").exists(),
        "is_chargeable": payment.state in {"open", "failed"} and payment.invoice.state == "open",
        "left": left,
        "charge_form": ChargeForm(auto_id="charge-%s"),
        "form": form or (RefundForm(payment=payment) if is_refundable else None),
    }
    return render(request, "billing/payment_detail.html", context, status=status)


def _find(payment_id: UUID) -> Payment:
    payments = Payment.objects.select_related("customer", "invoice")
    return get_object_or_404(payments, pk=payment_id)


def _asked(form: PaymentFilter) -> dict[str, Any]:
    """What was asked for; a filter that makes no sense asks for what of it does."""
    form.is_valid()
    return {name: form.cleaned_data.get(name) or "" for name in form.fields}


def _narrowed(asked: dict[str, Any]) -> PaymentQuerySet:
    payments = Payment.objects.matching(asked["q"])
    if asked["customer"]:
        payments = payments.filter(customer=asked["customer"])
    if asked["currency"]:
        payments = payments.filter(currency=asked["currency"])
    if asked["start"]:
        payments = payments.filter(created_at__gte=day_start(asked["start"]))
    if asked["end"]:
        payments = payments.filter(created_at__lt=day_end(asked["end"]))
    return payments


def _in_state(payments: PaymentQuerySet, state: str) -> PaymentQuerySet:
    """Those in a state, or those that one of the sums above the list is made of."""
    if state == TO_COME:
        return payments.live()
    if state == REFUNDED:
        return payments.filter(amount_refunded__gt=0)
    if state == CHARGED_BACK:
        return payments.filter(amount_charged_back__gt=0)
    if state == WITH_FEE:
        with_fee = PaymentAttempt.objects.filter(payment=OuterRef("pk"), fee__gt=0)
        return payments.filter(Exists(with_fee))
    return payments.filter(state=state) if state else payments


def _actor(request: HttpRequest) -> Actor:
    assert isinstance(request.user, User)
    return Actor(source="finance", user=request.user)


def _csv_rows(payments: PaymentQuerySet) -> Iterator[list[object]]:
    # Streamed after the request, so the viewer's zone, by which the filter counts days, is
    # asked for now.
    zone = timezone.get_current_timezone()
    found = payments.select_related("customer", "invoice")
    return _rows_in(zone, found.order_by("created_at", "pk"))


def _rows_in(zone: tzinfo, ordered: PaymentQuerySet) -> Iterator[list[object]]:
    for payment in ordered.iterator(chunk_size=1000):
        yield [
            str(payment.pk),
            day_of(payment.created_at, zone),
            payment.state,
            payment.customer.name,
            payment.invoice.number,
            payment.currency,
            payment.amount.amount,
            payment.amount_refunded.amount,
            day_of(payment.paid_at, zone),
            day_of(payment.next_attempt_at, zone),
        ]
