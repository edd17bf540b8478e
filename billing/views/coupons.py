"""Staff pages of coupons: which there are, who has them, making and giving them."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from billing.errors import CouponInvalid
from billing.forms.coupons import CouponCreateForm, CouponGiveForm
from billing.models import Coupon, CouponRedemption
from billing.services.credit.coupons import (
    archive_coupon,
    create_coupon,
    redeem_coupon,
    withdraw_redemption,
)
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.web.access import requires
from tiktoktoe.web.pagination import paginate


@require_GET
@requires(Permission.VIEW_BILLING)
def coupon_list(request: HttpRequest) -> HttpResponse:
    """All coupons, the newest first."""
    context = {"page": paginate(request, Coupon.objects.all())}
    return render(request, "billing/coupon_list.html", context)


@require_http_methods(["GET", "POST"])
@requires(Permission.CHANGE_BILLING)
def coupon_create(request: HttpRequest) -> HttpResponse:
    """Offer a coupon."""
    form = CouponCreateForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            coupon = create_coupon(details=form.details(), at=now())
        except CouponInvalid as refusal:
            form.add_error(refusal.field or None, refusal.message)
        else:
            messages.success(request, f"{coupon.code} can be redeemed.")
            return redirect("coupon_detail", coupon.code)
    return render(request, "billing/coupon_form.html", {"form": form})


@require_http_methods(["GET", "POST"])
@requires(Permission.VIEW_BILLING)
def coupon_detail(request: HttpRequest, code: str) -> HttpResponse:
    """One coupon with who has it; who may, gives it to a customer."""
    coupon = get_object_or_404(Coupon, code=code)
    assert isinstance(request.user, User)
    may_give = request.user.may(Permission.CHANGE_BILLING)
    form = CouponGiveForm(request.POST or None) if may_give else None
    if request.method == "POST" and form is not None and form.is_valid():
        try:
            redemption = redeem_coupon(
                code=coupon.code,
                customer=form.cleaned_data["customer"],
                subscription=form.cleaned_data["subscription"],
                actor=Actor(source="finance", user=request.user),
                at=now(),
            )
        except CouponInvalid as refusal:
            form.add_error("customer", refusal.message)
        else:
            messages.success(request, f"{redemption.customer} has it.")
            return redirect("coupon_detail", code)
    redemptions = coupon.redemptions.select_related("customer", "subscription")
    context = {
        "coupon": coupon,
        "form": form,
        "page": paginate(request, redemptions.prefetch_related("uses__invoice")),
    }
    return render(request, "billing/coupon_detail.html", context)


@require_POST
@requires(Permission.CHANGE_BILLING)
def coupon_archiving(request: HttpRequest, code: str) -> HttpResponse:
    """Let nobody redeem a coupon any more."""
    archive_coupon(coupon=get_object_or_404(Coupon, code=code), at=now())
    messages.success(request, "Nobody can redeem it any more.")
    return redirect("coupon_detail", code)


@require_POST
@requires(Permission.CHANGE_BILLING)
def redemption_withdrawal(request: HttpRequest, redemption_id: int) -> HttpResponse:
    """Take a coupon away from a customer."""
    redemption = get_object_or_404(CouponRedemption, pk=redemption_id)
    withdraw_redemption(redemption=redemption)
    messages.success(request, "It takes nothing off later invoices.")
    return redirect("coupon_detail", redemption.coupon.code)
