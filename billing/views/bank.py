"""The bank desk: transfers to be matched, files and messages, mandates."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from billing.models import (
    BankCharge,
    BankDelivery,
    BankEntry,
    BankFile,
    GatewayMandate,
    Invoice,
    Mandate,
    UnclearReturn,
)
from billing.queries.transfers import candidates
from billing.services.bank.charges import ReturnedMoney, plain_return
from billing.services.bank.mandates import revoke_mandate
from billing.services.bank.returns import put_unclear_aside, record_unclear
from billing.services.bank.transfers import put_aside, take_transfer
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict
from tiktoktoe.web.access import requires
from tiktoktoe.web.pagination import paginate


@require_GET
@requires(Permission.VIEW_BILLING)
def bank_entry_list(request: HttpRequest) -> HttpResponse:
    """Transfers that wait for a person, the oldest first, then what was matched lately."""
    entries = BankEntry.objects.select_related("payment__invoice__customer", "decided_by")
    waiting = entries.filter(state=BankEntry.State.WAITING).order_by("booked_on", "pk")
    page = paginate(request, waiting)
    context = {
        "page": page,
        "rows": [(entry, candidates(entry)) for entry in page.object_list],
        "matched": entries.filter(state=BankEntry.State.MATCHED)[:20],
        "unclear": _unclear_returns(),
        "charges": BankCharge.objects.all()[:20],
    }
    return render(request, "billing/bank_entry_list.html", context)


@require_POST
@requires(Permission.CHANGE_BILLING)
def bank_entry_match(request: HttpRequest, entry_id: UUID) -> HttpResponse:
    """Let an entry pay the invoice of a number."""
    entry = get_object_or_404(BankEntry, pk=entry_id)
    number = request.POST.get("number", "").strip()
    invoice = Invoice.objects.final().filter(number__iexact=number).first()
    if invoice is None:
        messages.error(request, f"There is no issued invoice {number[:40] or 'without a number'}.")
        return redirect("bank_entry_list")
    try:
        payment = take_transfer(
            entry=entry, invoice=invoice, why="matched by hand", actor=_actor(request), at=now()
        )
    except Conflict as refusal:
        messages.error(request, f"Nothing was changed: {refusal}.")
    else:
        messages.success(request, f"{payment} is recorded.")
    return redirect("bank_entry_list")


@require_POST
@requires(Permission.CHANGE_BILLING)
def bank_entry_aside(request: HttpRequest, entry_id: UUID) -> HttpResponse:
    """Say that an entry is no customer's payment."""
    entry = get_object_or_404(BankEntry, pk=entry_id)
    assert isinstance(request.user, User)
    reason = request.POST.get("reason", "").strip() or "no reason given"
    try:
        put_aside(entry=entry, reason=reason, user=request.user, at=now())
    except Conflict as refusal:
        messages.error(request, f"Nothing was changed: {refusal}.")
    else:
        messages.success(request, "It is put aside.")
    return redirect("bank_entry_list")


@require_POST
@requires(Permission.CHANGE_BILLING)
def bank_return_record(request: HttpRequest, return_id: UUID) -> HttpResponse:
    """Take an unclear return for what it seems to be."""
    unclear = get_object_or_404(UnclearReturn, pk=return_id)
    assert isinstance(request.user, User)
    try:
        recorded = record_unclear(unclear=unclear, user=request.user, at=now())
    except Conflict as refusal:
        messages.error(request, f"Nothing was changed: {refusal}.")
    else:
        messages.success(request, f"It is recorded: {recorded.note}.")
    return redirect("bank_entry_list")


@require_POST
@requires(Permission.CHANGE_BILLING)
def bank_return_aside(request: HttpRequest, return_id: UUID) -> HttpResponse:
    """Leave an unclear return as it is."""
    unclear = get_object_or_404(UnclearReturn, pk=return_id)
    assert isinstance(request.user, User)
    reason = request.POST.get("reason", "").strip() or "no reason given"
    try:
        put_unclear_aside(unclear=unclear, reason=reason, user=request.user, at=now())
    except Conflict as refusal:
        messages.error(request, f"Nothing was changed: {refusal}.")
    else:
        messages.success(request, "It is put aside.")
    return redirect("bank_entry_list")


def _unclear_returns() -> list[tuple[UnclearReturn, ReturnedMoney]]:
    """Those that wait, each with what it would be recorded as."""
    waiting = UnclearReturn.objects.filter(state=UnclearReturn.State.WAITING)
    rows = waiting.select_related("order__attempt__payment__invoice", "order__refund__payment")
    return [(row, plain_return(row.order, row.amount)) for row in rows[:100]]


@require_GET
@requires(Permission.VIEW_BILLING)
def bank_file_list(request: HttpRequest) -> HttpResponse:
    """What was sent to banks and what became of it, and messages that somebody has to look at."""
    troubles = BankDelivery.objects.exclude(problem="")
    context = {
        "page": paginate(request, BankFile.objects.all()),
        "troubles": troubles[:20],
        "waiting": BankDelivery.objects.filter(state=BankDelivery.State.WAITING).count(),
    }
    return render(request, "billing/bank_file_list.html", context)


@require_GET
@requires(Permission.VIEW_BILLING)
def mandate_list(request: HttpRequest) -> HttpResponse:
    """Every mandate, the newest first, with its orders' day of last use."""
    mandates = Mandate.objects.select_related("customer")
    text = request.GET.get("q", "").strip()
    if text:
        mandates = mandates.filter(reference__iexact=text) | mandates.filter(
            customer__name__icontains=text
        )
    kept = GatewayMandate.objects.select_related("method__customer")
    if text:
        kept = kept.filter(reference__iexact=text) | kept.filter(
            method__customer__name__icontains=text
        )
    context = {"page": paginate(request, mandates), "q": text, "kept": kept[:50]}
    return render(request, "billing/mandate_list.html", context)


@require_GET
@requires(Permission.VIEW_BILLING)
def mandate_detail(request: HttpRequest, reference: str) -> HttpResponse:
    """One mandate: what was agreed to, what happened to it, what was collected by it."""
    mandate = get_object_or_404(Mandate.objects.select_related("customer"), reference=reference)
    orders = mandate.orders.select_related("attempt__payment__invoice", "file")
    context = {"mandate": mandate, "events": mandate.events.all(), "orders": orders[:50]}
    return render(request, "billing/mandate_detail.html", context)


@require_POST
@requires(Permission.CHANGE_BILLING)
def mandate_revocation(request: HttpRequest, reference: str) -> HttpResponse:
    """Withdraw a mandate for a customer who has asked for it."""
    mandate = get_object_or_404(Mandate, reference=reference)
    reason = request.POST.get("reason", "").strip() or "asked for by the customer"
    try:
        revoke_mandate(mandate=mandate, reason=reason, actor=_actor(request), at=now())
    except Conflict as refusal:
        messages.error(request, f"Nothing was changed: {refusal}.")
    else:
        messages.success(request, "It is withdrawn; what is with the bank already still goes on.")
    return redirect("mandate_detail", reference)


def _actor(request: HttpRequest) -> Actor:
    assert isinstance(request.user, User)
    return Actor(source="finance", user=request.user)
