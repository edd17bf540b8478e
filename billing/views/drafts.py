"""Drafts that wait for people: the list, one changed by hand, issued, or discarded."""

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from billing.forms.drafts import DraftLineForm, ReasonForm
from billing.models import Invoice
from billing.queries.drafts import drafts_seen, not_charged
from billing.queries.invoices import invoice_sums
from billing.services.invoices.draft_edits import add_draft_line, remove_draft_line
from billing.services.invoices.draft_review import issue_all
from billing.services.invoices.redrafting import bill_again, discard_draft
from billing.services.invoices.refreshing import refresh_draft
from billing.services.invoices.replacing import replace_invoice
from billing.views.invoices import find_invoice
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict, InvalidInput
from tiktoktoe.web.access import requires
from tiktoktoe.web.pagination import paginate

NOT_CHARGED_SHOWN = 50


@require_GET
@requires(Permission.VIEW_BILLING)
def draft_list(request: HttpRequest) -> HttpResponse:
    """All drafts, what they add up to, and how each differs from the invoice before."""
    drafts = Invoice.objects.filter(state=Invoice.State.DRAFT).select_related("customer")
    page = paginate(request, drafts.order_by("review_until", "created_at", "pk"))
    context = {
        "page": page,
        "seen": drafts_seen(list(page.object_list)),
        "sums": invoice_sums(drafts),
        "not_charged": not_charged()[:NOT_CHARGED_SHOWN],
    }
    return render(request, "billing/draft_list.html", context)


@require_POST
@requires(Permission.CHANGE_BILLING)
def drafts_issue(request: HttpRequest) -> HttpResponse:
    """Issue those of the page that were looked at."""
    ids = [UUID(text) for text in request.POST.getlist("draft")[:1000] if _is_id(text)]
    issued = issue_all(ids=ids, at=now())
    messages.success(request, f"{issued} issued.")
    return redirect("draft_list")


@require_POST
@requires(Permission.CHANGE_BILLING)
def draft_line_create(request: HttpRequest, key: str) -> HttpResponse:
    """Charge something more on a draft."""
    form = DraftLineForm(request.POST)
    if not form.is_valid():
        said = "; ".join(f"{name}: {error[0]}" for name, error in form.errors.items())
        messages.error(request, f"Nothing was changed: {said}")
        return redirect("invoice_detail", key)
    return _act(
        request,
        key,
        lambda draft, actor: add_draft_line(
            invoice=draft,
            line=form.line(),
            reason=form.cleaned_data["reason"],
            actor=actor,
            at=now(),
        ),
        "The line is on it.",
    )


@require_POST
@requires(Permission.CHANGE_BILLING)
def draft_line_removal(request: HttpRequest, key: str, line_id: UUID) -> HttpResponse:
    """Take a line that somebody wrote off again."""
    return _act(
        request,
        key,
        lambda draft, actor: remove_draft_line(
            invoice=draft, line_id=line_id, reason=_reason(request), actor=actor, at=now()
        ),
        "The line is gone.",
    )


@require_POST
@requires(Permission.CHANGE_BILLING)
def draft_refreshing(request: HttpRequest, key: str) -> HttpResponse:
    """Work it out again, with the usage that has come since."""
    return _act(
        request,
        key,
        lambda draft, actor: refresh_draft(invoice=draft, actor=actor, at=now()),
        "The draft has all usage that has come so far.",
    )


@require_POST
@requires(Permission.CHANGE_BILLING)
def draft_discarding(request: HttpRequest, key: str) -> HttpResponse:
    """Never issue it; its period is billed again, or not charged."""
    bills_again = request.POST.get("period") == "again"
    return _act(
        request,
        key,
        lambda draft, actor: discard_draft(
            invoice=draft,
            reason=_reason(request),
            actor=actor,
            at=now(),
            bills_again=bills_again,
        ),
        "The draft is discarded, and its period drafted again."
        if bills_again
        else "The draft is discarded; its period is not charged.",
    )


@require_POST
@requires(Permission.CHANGE_BILLING)
def period_redrafting(request: HttpRequest, key: str) -> HttpResponse:
    """Bill the period of a discarded draft after all."""
    return _act(
        request,
        key,
        lambda draft, actor: bill_again(
            invoice=draft, reason=_reason(request), actor=actor, at=now()
        ),
        "Its period is drafted again.",
    )


@require_POST
@requires(Permission.CHANGE_BILLING)
def invoice_replacement(request: HttpRequest, key: str) -> HttpResponse:
    """Take an invoice back and go to the draft that replaces it."""
    invoice = find_invoice(key)
    assert isinstance(request.user, User)
    try:
        draft = replace_invoice(
            invoice=invoice,
            reason=_reason(request),
            actor=Actor(source="finance", user=request.user),
            at=now(),
        )
    except (Conflict, InvalidInput) as refusal:
        messages.error(request, f"Nothing was changed: {refusal}.")
        return redirect("invoice_detail", invoice.address_key)
    messages.success(request, "This draft replaces it; it waits to be issued.")
    return redirect("invoice_detail", draft.address_key)


def _act(
    request: HttpRequest, key: str, act: Callable[[Invoice, Actor], object], done: str
) -> HttpResponse:
    invoice = find_invoice(key)
    assert isinstance(request.user, User)
    try:
        act(invoice, Actor(source="finance", user=request.user))
    except (Conflict, InvalidInput) as refusal:
        messages.error(request, f"Nothing was changed: {refusal}.")
    else:
        messages.success(request, done)
    return redirect("invoice_detail", invoice.address_key)


def _reason(request: HttpRequest) -> str:
    form = ReasonForm(request.POST)
    return form.cleaned_data["reason"] if form.is_valid() else ""


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
