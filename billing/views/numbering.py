"""How invoices are numbered: the rules with their dates, and another one."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from billing.errors import NumberingInvalid
from billing.forms.numbering import NumberingForm
from billing.models import NumberingRule, NumberSeries
from billing.services.invoices.numbering import set_numbering
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.web.access import requires


@require_http_methods(["GET", "POST"])
@requires(Permission.VIEW_BILLING)
def numbering(request: HttpRequest) -> HttpResponse:
    """Every rule, the latest first, which of them counts; who may, sets another."""
    assert isinstance(request.user, User)
    may_change, at = request.user.may(Permission.CHANGE_BILLING), now()
    form = NumberingForm(request.POST or None)
    if request.method == "POST":
        if not may_change:
            raise PermissionDenied
        if form.is_valid() and _set(request, form):
            return redirect("numbering")
    rules = list(NumberingRule.objects.all())
    counting = next((rule for rule in rules if rule.effective_from <= at), None)
    context = {
        "rules": rules,
        "counting": counting,
        "series": NumberSeries.objects.order_by("code"),
        "form": form,
        "may_change": may_change,
        "at": at,
    }
    return render(request, "billing/numbering.html", context)


def _set(request: HttpRequest, form: NumberingForm) -> bool:
    assert isinstance(request.user, User)
    try:
        rule = set_numbering(
            mode=NumberingRule.Mode(form.cleaned_data["mode"]),
            prefix=form.cleaned_data["prefix"],
            effective_from=form.effective_from(),
            actor=Actor(source="finance", user=request.user),
            at=now(),
        )
    except NumberingInvalid as refusal:
        field = refusal.field if refusal.field in form.fields else None
        form.add_error(field, refusal.message)
        return False
    messages.success(request, f"From {rule.effective_from:%-d %b %Y} on behind {rule.prefix}.")
    return True
