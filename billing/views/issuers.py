"""Staff pages of the companies of ours that issue documents."""

from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from billing.forms.issuers import BelongsForm, IssuerForm
from billing.models import Invoice
from billing.queries.issuers import company
from billing.services.documents.pdf import sample_pdf
from subscriptions.errors import IssuerInvalid
from subscriptions.models import Issuer
from subscriptions.services.issuers import (
    assign_customer,
    assign_plan,
    correct_issuer,
    create_issuer,
)
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.web.access import requires


@require_GET
@requires(Permission.VIEW_BILLING)
def issuer_list(request: HttpRequest) -> HttpResponse:
    """All of them, and that of the settings."""
    issuers = Issuer.objects.annotate(
        customer_count=Count("customers", distinct=True), plan_count=Count("plans", distinct=True)
    )
    return render(request, "billing/issuer_list.html", {"issuers": issuers, "company": company()})


@require_http_methods(["GET", "POST"])
@requires(Permission.CHANGE_BILLING)
def issuer_edit(request: HttpRequest, code: str = "") -> HttpResponse:
    """Take one in, or correct it; documents keep what they were issued with."""
    issuer = get_object_or_404(Issuer, code=code) if code else None
    form = IssuerForm(request.POST or None, instance=issuer)
    if request.method == "POST" and form.is_valid() and _saved(form, issuer):
        messages.success(request, "It is kept; documents from now on are issued so.")
        return redirect("issuer_list")
    context = {
        "form": form,
        "issuer": issuer,
        "belongs": BelongsForm(),
        "plans": issuer.plans.all() if issuer else (),
        "customers": issuer.customers.all()[:50] if issuer else (),
    }
    return render(request, "billing/issuer_form.html", context)


@require_POST
@requires(Permission.CHANGE_BILLING)
def issuer_sample(request: HttpRequest) -> HttpResponse:
    """The newest invoice as it would look with what is typed; nothing is kept."""
    issuer = Issuer.objects.filter(code=request.POST.get("code", "")).first()
    form = IssuerForm(request.POST, instance=issuer)
    invoice = Invoice.objects.final().order_by("-finalized_at").first()
    if not form.is_valid():
        context = {"form": form, "issuer": issuer, "belongs": BelongsForm()}
        return render(request, "billing/issuer_form.html", context)
    if invoice is None:
        messages.info(request, "There is no invoice yet that could be shown.")
        return redirect("issuer_list")
    pdf = sample_pdf(invoice=invoice, seller=form.issued_by())
    return HttpResponse(pdf, content_type="application/pdf")


@require_POST
@requires(Permission.CHANGE_BILLING)
def issuer_belongs(request: HttpRequest, code: str) -> HttpResponse:
    """Give it a customer or a plan."""
    issuer = get_object_or_404(Issuer, code=code)
    form = BelongsForm(request.POST)
    if not form.is_valid():
        messages.error(request, "There is no such customer or plan; nothing was changed.")
        return redirect("issuer_edit", issuer.code)
    if form.cleaned_data["customer"]:
        assign_customer(customer=form.cleaned_data["customer"], issuer=issuer)
    if form.cleaned_data["plan"]:
        assign_plan(plan=form.cleaned_data["plan"], issuer=issuer)
    messages.success(request, "It belongs to it from the next document on.")
    return redirect("issuer_edit", issuer.code)


def _saved(form: IssuerForm, issuer: Issuer | None) -> bool:
    try:
        if issuer is None:
            create_issuer(details=form.details(), at=now())
        else:
            correct_issuer(issuer=issuer, details=form.details())
    except IssuerInvalid as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        return False
    return True
