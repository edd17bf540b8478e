"""Pages of notices: the outbox, what each kind says, and what customers want of them."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from billing.domain.announcements import NOTICE_KINDS
from billing.domain.notice_samples import SAMPLE_CUSTOMER, SAMPLE_ZONE, SAMPLES
from billing.domain.notice_words import CATALOGS
from billing.errors import BudgetInvalid, NoticeNotResendable
from billing.forms.budgets import BudgetForm
from billing.models import Notice
from billing.services.announcements.notice_text import NoticeText, read_refusal, render_notice
from billing.services.announcements.notices import (
    choose_notices,
    mark_bounced,
    refuse_notices,
    refused_kinds,
    resend_notice,
    words_of,
)
from billing.services.announcements.usage_alerts import set_budget
from subscriptions.models import Customer, Subscription
from subscriptions.models.subscriptions import SubscriptionQuerySet
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.web.access import public, requires
from tiktoktoe.web.chips import state_chips
from tiktoktoe.web.pagination import paginate

LANGUAGES = {"en": "English", "de": "German", "fr": "French"}
# A notice is a page of its own with its own style, and loads nothing.
NOTICE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox allow-popups"


@require_GET
@requires(Permission.VIEW_BILLING)
def notice_list(request: HttpRequest) -> HttpResponse:
    """The outbox: what was written to customers, and what became of it."""
    text, state = request.GET.get("q", "").strip(), request.GET.get("state", "")
    matching = Notice.objects.matching(text)
    counts = dict(matching.values_list("state").annotate(n=Count("pk")).order_by())
    shown = matching.filter(state=state) if state in Notice.State.values else matching
    context = {
        "page": paginate(request, shown.select_related("customer").defer("body")),
        "q": text,
        "state": state,
        "choices": state_chips(Notice.State, counts),
        "total_count": sum(counts.values()),
        "kinds": NOTICE_KINDS,
    }
    return render(request, "notices/notice_list.html", context)


@require_GET
@requires(Permission.VIEW_BILLING)
def notice_detail(request: HttpRequest, notice_id: UUID) -> HttpResponse:
    """One notice: what it says, and how far sending it has come."""
    notice = _notice(notice_id)
    words = words_of(notice)
    context = {
        "notice": notice,
        "label": NOTICE_KINDS[notice.kind].label,
        "subject": notice.subject or words.subject,
        "text": notice.body or words.text,
        "may_resend": notice.state not in {"queued", "sending"},
    }
    return render(request, "notices/notice_detail.html", context)


@require_GET
@requires(Permission.VIEW_BILLING)
def notice_html(_request: HttpRequest, notice_id: UUID) -> HttpResponse:
    """The HTML of a notice as the customer gets it."""
    return _as_page(words_of(_notice(notice_id)))


@require_POST
@requires(Permission.CHANGE_BILLING)
def notice_resend(request: HttpRequest, notice_id: UUID) -> HttpResponse:
    """Send a notice again."""
    try:
        resend_notice(notice=_notice(notice_id), at=now())
    except NoticeNotResendable as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, "It will be sent again in a moment.")
    return redirect("notice_detail", notice_id)


@require_POST
@requires(Permission.CHANGE_BILLING)
def notice_bounce(request: HttpRequest, notice_id: UUID) -> HttpResponse:
    """Note that a notice came back."""
    reason = request.POST.get("reason", "").replace("\x00", "").strip() or "it came back"
    try:
        mark_bounced(notice=_notice(notice_id), reason=reason)
    except NoticeNotResendable as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, "It is marked as bounced.")
    return redirect("notice_detail", notice_id)


@require_GET
@requires(Permission.VIEW_BILLING)
def notice_preview(request: HttpRequest) -> HttpResponse:
    """What each kind of notice says in each language, with sample facts."""
    kind, language = _previewed(request)
    context: dict[str, Any] = {
        "kind": kind,
        "language": language,
        "spec": NOTICE_KINDS[kind],
        "kinds": NOTICE_KINDS.values(),
        "languages": LANGUAGES.items(),
        "words": _sample(kind, language),
    }
    return render(request, "notices/notice_preview.html", context)


@require_GET
@requires(Permission.VIEW_BILLING)
def notice_preview_html(request: HttpRequest) -> HttpResponse:
    """The HTML of such a sample."""
    return _as_page(_sample(*_previewed(request)))


@csrf_exempt
@require_http_methods(["GET", "POST"])
@public
def notice_refusal(request: HttpRequest, token: str) -> HttpResponse:
    """Stop notices of a kind by the link in one of them.

    A GET only asks, because mail scanners follow links; a POST does it, also the one that
    mail programs send by themselves (RFC 8058). The signed token is the permission.
    """
    told = read_refusal(token)
    if told is None:
        raise Http404
    customer_id, spec = told
    if request.method == "POST":
        refuse_notices(customer_id=customer_id, kind=spec.kind, source="link", at=now())
    context = {"label": spec.label, "is_done": request.method == "POST"}
    return render(request, "notices/refusal.html", context)


@require_http_methods(["GET", "POST"])
@requires(Permission.USE_PORTAL)
def portal_notices(request: HttpRequest) -> HttpResponse:
    """Which e-mails a customer wants."""
    customer = _own_customer(request)
    if request.method == "POST":
        wanted = set(request.POST.getlist("kind")) & set(NOTICE_KINDS)
        choose_notices(customer=customer, wanted=wanted, source="portal", at=now())
        messages.success(request, "Your choice is saved.")
        return redirect(request.get_full_path())
    refused = refused_kinds(customer)
    context = {
        "customer": customer,
        "choices": [(s, s.kind not in refused) for s in NOTICE_KINDS.values()],
        "subscriptions": _budgeted(request).filter(customer=customer),
    }
    return render(request, "portal/notices.html", context)


@require_POST
@requires(Permission.USE_PORTAL)
def portal_budget(request: HttpRequest, reference: str) -> HttpResponse:
    """From which amount of usage in a period the customer wants to be told; none: not at all."""
    subscription = get_object_or_404(_budgeted(request), reference=reference)
    assert isinstance(request.user, User)
    form = BudgetForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Enter an amount, such as 500, or nothing.")
    else:
        amount = form.cleaned_data["amount"]
        actor = Actor(source="portal", user=request.user)
        try:
            set_budget(subscription=subscription, amount=amount, actor=actor, at=now())
        except BudgetInvalid as refusal:
            messages.error(request, f"{refusal.message}: {refusal.remedy}.")
        else:
            messages.success(request, "Your budget is saved." if amount else "There is no budget.")
    query = urlencode({"customer": subscription.customer.external_id})
    return redirect(f"{reverse('portal_notices')}?{query}")


def _notice(notice_id: UUID) -> Notice:
    return get_object_or_404(
        Notice.objects.select_related("announcement", "customer"), pk=notice_id
    )


def _previewed(request: HttpRequest) -> tuple[str, str]:
    kind = request.GET.get("kind") or next(iter(NOTICE_KINDS))
    language = request.GET.get("language") or "en"
    if kind not in NOTICE_KINDS or language not in CATALOGS:
        raise Http404
    return kind, language


def _sample(kind: str, language: str) -> NoticeText:
    return render_notice(
        kind=kind,
        facts=SAMPLES[kind],
        locale=language,
        time_zone=SAMPLE_ZONE,
        customer_id=0,
        customer_name=SAMPLE_CUSTOMER,
    )


def _as_page(words: NoticeText) -> HttpResponse:
    return HttpResponse(words.html, headers={"Content-Security-Policy": NOTICE_POLICY})


def _budgeted(request: HttpRequest) -> SubscriptionQuerySet:
    """The running subscriptions of those whom this person acts for, with their budgets."""
    assert isinstance(request.user, User)
    mine = Customer.objects.of_user(request.user.pk)
    return (
        Subscription.objects.live()
        .filter(customer__in=mine)
        .select_related("customer", "plan_version__plan", "usage_budget")
        .order_by("started_at", "pk")
    )


def _own_customer(request: HttpRequest) -> Customer:
    """The one that `?customer=` names, or else the first of those the person acts for."""
    assert isinstance(request.user, User)
    mine = Customer.objects.of_user(request.user.pk)
    wanted = request.GET.get("customer")
    found = mine.filter(external_id=wanted).first() if wanted else mine.first()
    if found is None:
        raise Http404
    return found
