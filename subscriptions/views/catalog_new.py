"""Staff pages that put something new into the catalog: products, plans, first prices, meters."""

from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods

from subscriptions.errors import PriceInvalid
from subscriptions.forms.catalog import FirstVersionForm, MeterForm, PlanForm, ProductForm
from subscriptions.models import Plan, PlanVersion, Product
from subscriptions.services.catalog import create_plan, create_product, draft_plan_version
from subscriptions.services.catalog_meters import create_meter
from subscriptions.services.price_specs import PriceSpec
from subscriptions.views.catalog_forms import form_page
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.web.access import requires


@require_http_methods(["GET", "POST"])
@requires(Permission.CHANGE_BILLING)
def product_create(request: HttpRequest) -> HttpResponse:
    """Something new to sell."""
    form = ProductForm(request.POST or None)

    def make() -> HttpResponse:
        product = create_product(at=now(), **form.cleaned_data)
        messages.success(request, f"{product} can have plans now.")
        return redirect("plan_create")

    return form_page(request, form, make, title="New product", button="Make it")


@require_http_methods(["GET", "POST"])
@requires(Permission.CHANGE_BILLING)
def plan_create(request: HttpRequest) -> HttpResponse:
    """A plan of a product; without a product there is none."""
    if not Product.objects.exists():
        messages.info(request, "A plan is of a product: make that first.")
        return redirect("product_create")
    form = PlanForm(request.POST or None)

    def make() -> HttpResponse:
        plan = create_plan(at=now(), **form.terms())
        messages.success(request, f"{plan} needs prices now.")
        return redirect("plan_first_version", plan.code)

    return form_page(request, form, make, title="New plan", button="Make it")


@require_http_methods(["GET", "POST"])
@requires(Permission.CHANGE_BILLING)
def plan_first_version(request: HttpRequest, code: str) -> HttpResponse:
    """The first prices of a plan in a currency, as a draft that is then edited and put on sale."""
    plan = get_object_or_404(Plan.objects.select_related("product"), code=code)
    form = FirstVersionForm(request.POST or None)

    def make() -> HttpResponse:
        version = _draft(plan, form.cleaned_data)
        messages.success(request, "It is a draft: add what else it charges, then put it on sale.")
        return redirect("plan_version", version.pk)

    return form_page(request, form, make, title=f"Prices of {plan}", button="Make a draft")


@require_http_methods(["GET", "POST"])
@requires(Permission.CHANGE_BILLING)
def meter_create(request: HttpRequest) -> HttpResponse:
    """Something that usage is counted in."""
    form = MeterForm(request.POST or None)

    def make() -> HttpResponse:
        meter = create_meter(spec=form.spec(), at=now())
        messages.success(request, f"Usage events may name {meter.code} now.")
        return redirect("plan_list")

    return form_page(request, form, make, title="New meter", button="Make it")


def _draft(plan: Plan, given: dict[str, Any]) -> PlanVersion:
    if PlanVersion.objects.filter(plan=plan, currency=given["currency"]).exists():
        raise PriceInvalid(
            f"it has prices in {given['currency']} already",
            field="currency",
            remedy="make a new version of them",
        )
    fee = PriceSpec(
        code="base",
        name=given["fee_name"],
        kind="recurring",
        charge_model="flat",
        timing="advance",
        unit_amount=Decimal(given["fee"]),
    )
    at = now()
    return draft_plan_version(
        plan=plan, currency=given["currency"], prices=[fee], effective_from=at
    )
