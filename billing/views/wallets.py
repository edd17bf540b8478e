"""A customer's wallets: what is in them, granting and invoicing more."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from billing.errors import CreditInvalid
from billing.forms.wallets import (
    TopUpRuleForm,
    WalletFillForm,
    WalletScopeForm,
    WalletVoidForm,
)
from billing.models import Wallet
from billing.queries.wallets import wallet_rows
from billing.services.credit.wallet_voids import void_prepaid
from billing.services.credit.wallets import (
    change_top_up,
    fill_wallet,
    limit_wallet,
    wallet_left,
)
from subscriptions.models import Customer
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict
from tiktoktoe.kernel.money import Money
from tiktoktoe.web.access import requires


@require_http_methods(["GET", "POST"])
@requires(Permission.VIEW_BILLING)
def wallet_detail(request: HttpRequest, customer_id: int) -> HttpResponse:
    """What a customer has prepaid; who may, grants credits or invoices them."""
    customer = get_object_or_404(Customer, pk=customer_id)
    assert isinstance(request.user, User)
    may_grant = request.user.may(Permission.GRANT_CREDIT)
    form = WalletFillForm(request.POST or None, currency=customer.currency)
    if request.method == "POST":
        if not may_grant:
            raise PermissionDenied
        if form.is_valid() and _fill(request, customer, form):
            return redirect("wallet_detail", customer.pk)
    context = {
        "customer": customer,
        "rows": wallet_rows(customer, now()),
        "form": form,
        "may_grant": may_grant,
    }
    return render(request, "billing/wallet_detail.html", context)


@require_http_methods(["GET", "POST"])
@requires(Permission.GRANT_CREDIT)
def wallet_top_up_rule(request: HttpRequest, wallet_id: int) -> HttpResponse:
    """When a wallet buys more by itself, and how much."""
    wallet = get_object_or_404(Wallet.objects.select_related("customer"), pk=wallet_id)
    form = TopUpRuleForm(request.POST or None, wallet=wallet)
    if request.method == "POST" and form.is_valid():
        try:
            change_top_up(wallet=wallet, rule=form.rule(), at=now())
        except CreditInvalid as refusal:
            form.add_error(refusal.field or None, refusal.message)
        else:
            messages.success(request, "The wallet buys by this rule from now on.")
            return redirect("wallet_detail", wallet.customer_id)
    context = {"wallet": wallet, "customer": wallet.customer, "form": form}
    return render(request, "billing/wallet_top_up.html", context)


@require_http_methods(["GET", "POST"])
@requires(Permission.GRANT_CREDIT)
def wallet_scope(request: HttpRequest, wallet_id: int) -> HttpResponse:
    """For which plans and meters a wallet pays."""
    wallet = get_object_or_404(Wallet.objects.select_related("customer"), pk=wallet_id)
    form = WalletScopeForm(request.POST or None, wallet=wallet)
    # Nothing chosen is an answer too, so that an empty form must be told from no form.
    if request.method == "POST":
        form = WalletScopeForm(request.POST, wallet=wallet)
        if form.is_valid():
            limit_wallet(wallet=wallet, **form.cleaned_data)
            messages.success(request, "It pays for these from the next invoice on.")
            return redirect("wallet_detail", wallet.customer_id)
    context = {"wallet": wallet, "customer": wallet.customer, "form": form}
    return render(request, "billing/wallet_scope.html", context)


@require_http_methods(["GET", "POST"])
@requires(Permission.GRANT_CREDIT)
def wallet_void(request: HttpRequest, wallet_id: int) -> HttpResponse:
    """Take credits out of a wallet before anything used them."""
    wallet = get_object_or_404(Wallet.objects.select_related("customer"), pk=wallet_id)
    form = WalletVoidForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and _void(request, wallet, form):
        return redirect("wallet_detail", wallet.customer_id)
    context = {
        "wallet": wallet,
        "customer": wallet.customer,
        "form": form,
        "left": wallet_left(wallet, now()),
    }
    return render(request, "billing/wallet_void.html", context)


def _void(request: HttpRequest, wallet: Wallet, form: WalletVoidForm) -> bool:
    assert isinstance(request.user, User)
    amount = form.cleaned_data["amount"]
    try:
        taken = void_prepaid(
            wallet=wallet,
            amount=None if amount is None else Money(amount, wallet.currency),
            reason=form.cleaned_data["reason"],
            idempotency_key=f"page:{form.cleaned_data['key']}",
            actor=Actor(source="finance", user=request.user),
            at=now(),
        )
    except CreditInvalid as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        return False
    except Conflict as refusal:
        messages.error(request, f"Nothing was changed: {refusal}.")
        return False
    messages.success(request, f"{taken} are taken out of {wallet.name}.")
    return True


def _fill(request: HttpRequest, customer: Customer, form: WalletFillForm) -> bool:
    assert isinstance(request.user, User)
    try:
        invoice = fill_wallet(
            customer=customer,
            name=form.cleaned_data["name"],
            amount=form.money(),
            is_paid=form.cleaned_data["how"] == "invoice",
            expires_at=form.expires_at(customer),
            reason=form.cleaned_data["reason"],
            idempotency_key=f"page:{form.cleaned_data['key']}",
            actor=Actor(source="finance", user=request.user),
            at=now(),
        )
    except CreditInvalid as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
    except Conflict as refusal:
        messages.error(request, f"Nothing was changed: {refusal}.")
    else:
        done = (
            f"{invoice} is issued; once paid, it fills the wallet." if invoice else "It is filled."
        )
        messages.success(request, done)
        return True
    return False
