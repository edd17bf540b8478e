"""Paying one invoice by a link, without a password; and the links that staff share.

Whoever comes by a link sees that one invoice's amount and goes on to the gateway's page. Nothing
is done by a GET, because mail programs follow links.
"""

from collections.abc import Callable
from functools import wraps
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from billing.domain.part_amounts import as_typed
from billing.errors import PartInvalid, PayLinkEnded, PaymentHeld
from billing.forms.pay_links import ShareForm
from billing.models import Invoice, PayLink, Payment, PaymentMethod
from billing.queries.portal import held_in_words, last_failure, why_declined
from billing.queries.ways_to_pay import Way, ways_by_link
from billing.services.payments.checkout import confirm_payment
from billing.services.payments.pay_links import (
    BY_LINK,
    MadeLink,
    find_link,
    make_share_link,
    pay_by_card,
    pay_by_link,
    revoke_link,
)
from billing.views.portal import (
    chosen_part,
    portal_payment,
    present_customer,
    what_became_of,
)
from billing.views.portal_access import see_other
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.accounts.throttling import PAY_LINK, TooManyTries, take_try
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict, GatewayError, InvalidInput
from tiktoktoe.web.access import public, requires
from tiktoktoe.web.limits import client_address, too_many_tries

USED_LINKS, OWN_PAYMENTS = "pay_links", "pay_link_payments"
UNREACHABLE = "The payment service cannot be reached right now. Please try again in a minute."
Door = Callable[..., HttpResponse]


def _limited(view: Door) -> Door:
    """Let nobody try tokens quickly; what a link cannot open looks the same whatever the reason."""

    @wraps(view)
    def guarded(request: HttpRequest, token: str) -> HttpResponse:
        try:
            take_try(PAY_LINK, who=client_address(request), at=now())
            return view(request, find_link(token=token, at=now()), token)
        except TooManyTries as refusal:
            return too_many_tries(request, refusal)
        except PayLinkEnded:
            return render(request, "portal/pay_link_ended.html", status=404)

    return guarded


@never_cache
@public
@require_GET
@_limited
def pay_link(request: HttpRequest, link: PayLink, token: str) -> HttpResponse:
    """The invoice of a link: its amount, what went wrong, and the way to pay."""
    invoice = link.invoice
    failed = last_failure(invoice.payments.order_by("-created_at", "-id"))
    is_others = (
        link.kind == PayLink.Kind.FIX and link.used_at is not None and not _is_mine(request, link)
    )
    context = {
        "invoice": invoice,
        "token": token,
        "why": why_declined(failed) if failed else "",
        "is_payable": invoice.state in {"open", "uncollectible"} and invoice.amount_due.amount > 0,
        "held": held_in_words(invoice),
        "is_others": is_others,
        "in_all": as_typed(invoice.amount_due),
        "ways": ways_by_link(link, at=now()),
    }
    return render(request, "portal/pay_link.html", context)


@never_cache
@public
@require_POST
@_limited
def pay_link_payment(request: HttpRequest, link: PayLink, token: str) -> HttpResponse:
    """Go to the gateway's page, or the bank's; who goes first may come back, others may not."""
    way = _chosen_way(request, link)
    if way is None:
        messages.error(request, "Please choose one of the ways to pay.")
        return redirect("pay_link", token)
    try:
        if way.method is not None:
            return _charge_card(request, link, way.method)
        address, used = pay_by_link(
            link=link,
            gateway=way.gateway,
            is_mine=_is_mine(request, link),
            saves_method=request.POST.get("save") == "yes",
            part=chosen_part(request, link.invoice),
            at=now(),
        )
    except PayLinkEnded:
        raise
    except PartInvalid as refusal:
        messages.error(request, f"{str(refusal)[:1].upper()}{str(refusal)[1:]}.")
    except (Conflict, GatewayError) as refusal:
        # The link is theirs by now, though no page was opened: they may try again.
        _remember(request, link)
        if isinstance(refusal, GatewayError):
            messages.error(request, UNREACHABLE)
        elif not isinstance(refusal, PaymentHeld):  # of that the link's page says what happens
            messages.info(request, f"{str(refusal)[:1].upper()}{str(refusal)[1:]}.")
    else:
        _remember(request, used)
        return HttpResponse(status=303, headers={"Location": address})
    return redirect("pay_link", token)


@never_cache
@public
@require_GET
def payment_return(request: HttpRequest, payment_id: UUID) -> HttpResponse:
    """Where the gateway sends people back to: the portal, or what their link paid."""
    if str(payment_id) not in request.session.get(OWN_PAYMENTS, []):
        answer: HttpResponse = portal_payment(request, payment_id)  # type: ignore[assignment]
        return answer
    payment = get_object_or_404(Payment.objects.select_related("invoice__customer"), pk=payment_id)
    if payment.state in {Payment.State.PROCESSING, Payment.State.REQUIRES_ACTION}:
        told = request.GET.get("redirectResult", "")
        payment = confirm_payment(payment=payment, told=told, actor=BY_LINK, at=now())
    context = {"payment": payment, "invoice": payment.invoice, **what_became_of(request, payment)}
    return render(request, "portal/pay_link_payment.html", context)


@require_http_methods(["GET", "POST"])
@requires(Permission.CHANGE_BILLING)
def payment_links(request: HttpRequest, key: str) -> HttpResponse:
    """The links to an invoice; a new one is shown once."""
    invoice = get_object_or_404(Invoice.objects.select_related("customer"), number=key)
    form, made = ShareForm(request.POST or None), None
    if request.method == "POST" and form.is_valid():
        made = _share(request, invoice, form)
    context = {
        "invoice": invoice,
        "form": form,
        "made": made,
        "links": invoice.pay_links.all()[:100],
        "at": now(),
    }
    return render(request, "billing/payment_links.html", context)


@require_POST
@requires(Permission.CHANGE_BILLING)
def payment_link_revocation(request: HttpRequest, key: str, link_id: int) -> HttpResponse:
    """Let a link open nothing any more."""
    link = get_object_or_404(PayLink, pk=link_id, invoice__number=key)
    revoke_link(link=link, actor=_actor(request), at=now())
    messages.success(request, "The link opens nothing any more.")
    return redirect("payment_links", key)


def _share(request: HttpRequest, invoice: Invoice, form: ShareForm) -> MadeLink | None:
    days = form.cleaned_data["days"]
    try:
        return make_share_link(invoice=invoice, days=days, actor=_actor(request), at=now())
    except InvalidInput as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
        return None


def _charge_card(request: HttpRequest, link: PayLink, method: PaymentMethod) -> HttpResponse:
    """Charge a stored card: on to its bank if that asks to confirm, else to what came of it."""
    attempt, used = pay_by_card(
        link=link,
        is_mine=_is_mine(request, link),
        method=method,
        present=present_customer(request),
        part=chosen_part(request, link.invoice),
        at=now(),
    )
    _remember(request, used, attempt.payment_id)
    if attempt.state == attempt.State.REQUIRES_ACTION and attempt.action_url:
        return see_other(attempt.action_url)
    return redirect("portal_payment", attempt.payment_id)


def _chosen_way(request: HttpRequest, link: PayLink) -> Way | None:
    """What was chosen; without a choice the first way, None where it is not offered."""
    ways, chosen = ways_by_link(link, at=now()), request.POST.get("way", "")
    return next((way for way in ways if chosen in {"", way.value}), None)


def _is_mine(request: HttpRequest, link: PayLink) -> bool:
    return link.pk in request.session.get(USED_LINKS, [])


def _remember(request: HttpRequest, link: PayLink, *paid: UUID) -> None:
    """Who went on to pay may come back: the session knows the link and its payments."""
    payments = link.invoice.payments.live().values_list("pk", flat=True)
    links = {*request.session.get(USED_LINKS, []), link.pk}
    own = {*request.session.get(OWN_PAYMENTS, []), *map(str, [*payments, *paid])}
    request.session[USED_LINKS], request.session[OWN_PAYMENTS] = sorted(links), sorted(own)


def _actor(request: HttpRequest) -> Actor:
    assert isinstance(request.user, User)
    return Actor(source="finance", user=request.user)
