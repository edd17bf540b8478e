"""Staff pages that say anew what products, plans and meters are called."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods

from subscriptions.forms.catalog import MeterWordsForm, PlanWordsForm, ProductWordsForm
from subscriptions.models import Meter, Plan, Product
from subscriptions.services.catalog_words import describe_meter, describe_plan, describe_product
from subscriptions.views.catalog_forms import form_page
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.web.access import requires


@require_http_methods(["GET", "POST"])
@requires(Permission.CHANGE_BILLING)
def product_words(request: HttpRequest, code: str) -> HttpResponse:
    """A product's name and description."""
    product = get_object_or_404(Product, code=code)
    form = ProductWordsForm(request.POST or None, initial=_said(product, "name", "description"))

    def make() -> HttpResponse:
        described = describe_product(product=product, **form.cleaned_data)
        messages.success(request, f"It is called {described.name}.")
        return redirect("plan_list")

    return form_page(request, form, make, title=product.name, button="Save")


@require_http_methods(["GET", "POST"])
@requires(Permission.CHANGE_BILLING)
def plan_words(request: HttpRequest, code: str) -> HttpResponse:
    """A plan's name, what it is an offer with, and who sees it."""
    plan = get_object_or_404(Plan.objects.select_related("product"), code=code)
    said = _said(plan, "name", "description", "offer", "trial_days", "rank", "is_public")
    form = PlanWordsForm(request.POST or None, initial=said)

    def make() -> HttpResponse:
        described = describe_plan(plan=plan, **form.cleaned_data)
        messages.success(request, f"{described.name} is saved.")
        return redirect("plan_detail", plan.code)

    return form_page(request, form, make, title=plan.name, button="Save")


@require_http_methods(["GET", "POST"])
@requires(Permission.CHANGE_BILLING)
def meter_words(request: HttpRequest, code: str) -> HttpResponse:
    """A meter's name and its word for one unit."""
    meter = get_object_or_404(Meter, code=code)
    form = MeterWordsForm(request.POST or None, initial=_said(meter, "name", "unit"))

    def make() -> HttpResponse:
        described = describe_meter(meter=meter, **form.cleaned_data)
        messages.success(request, f"It is called {described.name}.")
        return redirect("plan_list")

    return form_page(request, form, make, title=meter.name, button="Save")


def _said(row: Product | Plan | Meter, *words: str) -> dict[str, object]:
    return {word: getattr(row, word) for word in words}
