"""The customer's stored ways to pay: add one at a gateway, keep it at a second, remove it."""

import re

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from billing.gateways.registry import DEFAULT_GATEWAY
from billing.models import PaymentMethod
from billing.queries.held_methods import held_methods, pages_that_store, pays_only_pages
from billing.queries.ways_to_pay import debit_page_for
from billing.services.bank.banks import bank_for
from billing.services.bank.mandates import withdraw_with_method
from billing.services.payments.collection import resume_collection
from billing.services.payments.further_tokens import forget_token
from billing.services.payments.payment_methods import (
    open_setup,
    remove_method,
    replace_method,
    set_default_method,
    take_over_method,
)
from billing.views.portal import UNREACHABLE
from billing.views.portal_access import acting_customer, acting_customers, portal_actor, see_other
from subscriptions.models import Customer
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict, GatewayError
from tiktoktoe.web.access import requires
from tiktoktoe.web.tones import label_of

# In the browser's session: which page was opened last at a gateway that does not say so itself.
OPENED = "setup_pages"
REPLACED = "replaced_methods"  # and which method what is stored there is to replace
NAMES_OF_PAGES = re.compile(r"[A-Za-z0-9_-]{1,255}")


@require_GET
@requires(Permission.USE_PORTAL)
def portal_payment_methods(request: HttpRequest) -> HttpResponse:
    """The stored ways to pay, and which gateways hold each."""
    customer = acting_customer(request)
    held = held_methods(customer)
    context = {
        "customer": customer,
        "held": held,
        "to_keep": [one for one in held if one.also_at],
    }
    return render(request, "portal/payment_methods.html", context)


@require_http_methods(["GET", "POST"])
@requires(Permission.USE_PORTAL)
def portal_method_add(request: HttpRequest) -> HttpResponse:
    """Choose a gateway, and go to its page to store a way to pay; without a choice the default.

    A card that is to be kept at a second gateway too is named with it, and so is a method that
    what is stored now is to replace.
    """
    customer = acting_customer(request)
    pages = pages_that_store(customer)
    if request.method == "GET":
        return render(request, "portal/method_add.html", _ways_to_add(request, pages))
    chosen = request.POST.get("gateway") or (pages[0].gateway if pages else "")
    if chosen not in {page.gateway for page in pages}:
        messages.error(request, "Please choose one of the payment services.")
        return redirect("portal_method_add")
    card = _named(request, customer, "method")
    replaced = _named(request, customer, "replaces")
    try:
        page = open_setup(customer=customer, at=now(), gateway=chosen, meant=card)
    except GatewayError:
        messages.error(request, UNREACHABLE)
        return redirect("portal_payment_methods")
    request.session[OPENED] = {**request.session.get(OPENED, {}), chosen: page.session}
    if replaced is not None:
        request.session[REPLACED] = {page.session: replaced.pk}
    return see_other(page.address)


def _named(request: HttpRequest, customer: Customer, field: str) -> PaymentMethod | None:
    """The customer's own method that a form names, if it names one."""
    named = request.POST.get(field, "")[:18]
    mine = PaymentMethod.objects.usable().filter(customer=customer)
    return get_object_or_404(mine, pk=int(named)) if named.isdecimal() else None


def _ways_to_add(request: HttpRequest, pages: object) -> dict[str, object]:
    customer = acting_customer(request)
    has_bank = bank_for(customer.currency) is not None
    return {
        "customer": customer,
        "pages": pages,
        "pays_only": pays_only_pages(customer),
        "offers_debit": has_bank,
        "offers_debit_page": not has_bank and debit_page_for(customer) != "",
    }


@require_GET
@requires(Permission.USE_PORTAL)
def portal_method_return(request: HttpRequest) -> HttpResponse:
    """Take over what was stored on the gateway's page, if it is a page of this customer."""
    customer, at = acting_customer(request), now()
    gateway = request.GET.get("gateway", DEFAULT_GATEWAY)[:32]
    session = request.GET.get("session", _opened(request, gateway))
    if not NAMES_OF_PAGES.fullmatch(session):
        session = ""  # it would become part of an address at the gateway
    try:
        method = (
            take_over_method(session=session, customer=customer, at=at, gateway=gateway)
            if session
            else None
        )
    except GatewayError:
        messages.info(request, "The payment method will appear here in a moment.")
        return redirect("portal_payment_methods")
    if method is None:
        messages.info(request, "No payment method was added.")
        return redirect("portal_payment_methods")
    messages.success(request, _what_was_stored(method, gateway))
    _replace(request, method, request.session.pop(REPLACED, {}).get(session))
    if method.is_default:
        resume_collection(customer=customer, actor=portal_actor(request), at=at)
    return redirect("portal_payment_methods")


def _replace(request: HttpRequest, method: PaymentMethod, replaced: int | None) -> None:
    """Let a new method take the place of the one for which its page was opened."""
    if replaced is None:
        return
    mine = PaymentMethod.objects.usable().filter(customer=method.customer_id)
    old = mine.exclude(pk=method.pk).filter(pk=replaced).select_related("customer").first()
    if old is None:
        return
    try:
        replace_method(method=old, by=method)
        withdraw_with_method(method=old, actor=portal_actor(request), at=now())
    except Conflict as refusal:
        messages.error(request, f"{old} is still there: {refusal}.")
    else:
        messages.success(request, f"It replaces {old}, which is removed.")
    method.refresh_from_db()


def _opened(request: HttpRequest, gateway: str) -> str:
    """The page that this browser opened last at a gateway and has not come back from."""
    opened = dict(request.session.get(OPENED, {}))
    session = str(opened.pop(gateway, ""))
    request.session[OPENED] = opened
    return session


def _what_was_stored(method: PaymentMethod, gateway: str) -> str:
    if method.gateway == gateway:
        return f"{method} was added."
    there, first = label_of(gateway), label_of(method.gateway)
    return f"{method} is kept at {there} too: what {first} cannot take is tried there."


@require_POST
@requires(Permission.USE_PORTAL)
def portal_method_default(request: HttpRequest, method_id: int) -> HttpResponse:
    """Charge invoices to this method from now on, and what is owed at once."""
    method = _method(request, method_id)
    try:
        chosen = set_default_method(method=method)
    except Conflict as refusal:
        messages.error(request, str(refusal))
    else:
        resume_collection(customer=method.customer, actor=portal_actor(request), at=now())
        messages.success(request, f"Invoices are charged to {chosen} from now on.")
    return redirect("portal_payment_methods")


@require_POST
@requires(Permission.USE_PORTAL)
def portal_method_removal(request: HttpRequest, method_id: int) -> HttpResponse:
    """Stop using a method."""
    method = _method(request, method_id)
    try:
        remove_method(method=method)
        withdraw_with_method(method=method, actor=portal_actor(request), at=now())
    except Conflict as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"{method} was removed.")
    return redirect("portal_payment_methods")


@require_POST
@requires(Permission.USE_PORTAL)
def portal_token_removal(request: HttpRequest, method_id: int) -> HttpResponse:
    """Keep a method at one gateway less; where it was stored it stays."""
    method = _method(request, method_id)
    gateway = request.POST.get("gateway", "")
    try:
        forget_token(method=method, gateway=gateway)
    except Conflict as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"{method} is not kept at {label_of(gateway)} any more.")
    return redirect("portal_payment_methods")


def _method(request: HttpRequest, method_id: int) -> PaymentMethod:
    mine = PaymentMethod.objects.usable().filter(customer__in=acting_customers(request))
    return get_object_or_404(mine.select_related("customer"), pk=method_id)
