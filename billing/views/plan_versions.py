"""Staff pages of a plan's prices: looked at, worked out for a quantity, drafted and published."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from billing.services.invoices.calculating import calculate
from subscriptions.errors import PlanVersionPublished, PriceInvalid
from subscriptions.forms.prices import CalculatorForm, PlanVersionForm, PriceForm, TierFormSet
from subscriptions.models import PlanVersion
from subscriptions.services.catalog import next_version, publish_plan_version, rewrite_draft
from subscriptions.services.price_specs import PriceSpec
from subscriptions.services.version_terms import specs_of, thresholds_of
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.rates import exact_text
from tiktoktoe.web.access import requires


@require_GET
@requires(Permission.VIEW_BILLING)
def plan_version(request: HttpRequest, version_id: int) -> HttpResponse:
    """A version's prices, and what they come to for a quantity that is typed in.

    Asked by a script, it answers with the arithmetic alone.
    """
    version = _version(version_id)
    asked = {name: field.initial for name, field in CalculatorForm.base_fields.items()}
    form = CalculatorForm({**asked, **request.GET.dict()})
    context = {
        "version": version,
        "calculator": form,
        "calculation": calculate(version, **_numbers(form)) if form.is_valid() else None,
    }
    if request.headers.get("HX-Request"):
        return render(request, "billing/_calculation.html", context)
    context |= {
        "specs": specs_of(version),
        "thresholds": thresholds_of(version),
        "may_edit": version.published_at is None and _may_change(request),
        "may_change": _may_change(request),
    }
    return render(request, "billing/plan_version.html", context)


@require_POST
@requires(Permission.CHANGE_BILLING)
def plan_version_copy(request: HttpRequest, version_id: int) -> HttpResponse:
    """A draft with the same terms."""
    made = next_version(version=_version(version_id), at=now())
    messages.success(request, f"Version {made.number} is a draft now: change what is to change.")
    return redirect("plan_version", made.pk)


@require_POST
@requires(Permission.CHANGE_BILLING)
def plan_version_publication(request: HttpRequest, version_id: int) -> HttpResponse:
    """Put a draft on sale."""
    version = _version(version_id)
    try:
        publish_plan_version(version=version, at=now())
    except (PlanVersionPublished, PriceInvalid) as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"Version {version.number} is on sale.")
    return redirect("plan_version", version.pk)


@require_http_methods(["GET", "POST"])
@requires(Permission.CHANGE_BILLING)
def plan_version_terms(request: HttpRequest, version_id: int) -> HttpResponse:
    """What a draft's prices have in common: the minimum and the thresholds."""
    version = _version(version_id)
    form = PlanVersionForm(request.POST or None, initial=_common(version))
    if request.method == "POST" and form.is_valid():
        try:
            rewrite_draft(version=version, prices=specs_of(version), **form.cleaned_data)
        except (PlanVersionPublished, PriceInvalid) as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect("plan_version", version.pk)
    context = {"version": version, "form": form, "title": "Minimum, thresholds, tax"}
    return render(request, "billing/price_form.html", context)


@require_http_methods(["GET", "POST"])
@requires(Permission.CHANGE_BILLING)
def price_edit(request: HttpRequest, version_id: int, code: str = "") -> HttpResponse:
    """A price of a draft: added, changed or removed."""
    version = _version(version_id)
    specs = specs_of(version)
    base, old = _found(specs, code)
    form = PriceForm(request.POST or None, initial=_initial(old, base), bases=_bases(specs, code))
    rows = [_written(vars(tier)) for tier in old.tiers] if old else []
    tiers = TierFormSet(request.POST or None, initial=rows, prefix="tiers")
    if request.method == "POST":
        if "remove" in request.POST:
            wanted = _without(specs, code)
        elif form.is_valid() and tiers.is_valid():
            steps = [terms for row in tiers if (terms := row.terms()) is not None]
            wanted = _with(specs, code, form.spec(steps), str(form.cleaned_data["variant_of"]))
        else:
            wanted = None
        if wanted is not None and _saved(version, wanted, form):
            return redirect("plan_version", version.pk)
    context = {
        "version": version,
        "form": form,
        "tiers": tiers,
        "old": old,
        "title": old.name if old else "New price",
    }
    return render(request, "billing/price_form.html", context)


def _saved(version: PlanVersion, specs: Sequence[PriceSpec], form: PriceForm) -> bool:
    try:
        rewrite_draft(version=version, prices=specs)
    except PlanVersionPublished as refusal:
        form.add_error(None, str(refusal))
    except PriceInvalid as refusal:
        name = refusal.field.rpartition(".")[2]
        form.add_error(name if name in form.fields else None, _words(refusal, form))
    else:
        return True
    return False


def _words(refusal: PriceInvalid, form: PriceForm) -> str:
    """The reason; with its place where no field of the form is meant."""
    return refusal.message if refusal.field.rpartition(".")[2] in form.fields else str(refusal)


def _version(version_id: int) -> PlanVersion:
    return get_object_or_404(PlanVersion.objects.select_related("plan__product"), pk=version_id)


def _may_change(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.may(Permission.CHANGE_BILLING)


def _numbers(form: CalculatorForm) -> dict[str, Any]:
    asked = form.cleaned_data
    return {**asked, "quantity": Decimal(asked["quantity"])}


def _common(version: PlanVersion) -> dict[str, object]:
    parts = [
        f"{'every ' if row.is_repeating else ''}{exact_text(row.amount)}"
        for row in thresholds_of(version)
    ]
    minimum = exact_text(version.minimum_amount.amount)
    return {
        "minimum_amount": minimum,
        "thresholds": ", ".join(parts),
        "includes_tax": version.includes_tax,
    }


def _found(specs: Sequence[PriceSpec], code: str) -> tuple[PriceSpec | None, PriceSpec | None]:
    """The price that a code names, and the one that it is a variant of; no code, none."""
    if not code:
        return None, None
    for spec in specs:
        for one in (spec, *spec.variants):
            if one.code == code:
                return (None if one is spec else spec), one
    raise Http404


def _initial(old: PriceSpec | None, base: PriceSpec | None) -> dict[str, Any]:
    if old is None:
        return {"kind": "usage", "charge_model": "per_unit", "timing": "arrears"}
    match = "; ".join(f"{name} = {', '.join(values)}" for name, values in (old.match or {}).items())
    return {**_written(vars(old)), "match": match, "variant_of": base.code if base else ""}


def _written(terms: Mapping[str, Any]) -> dict[str, Any]:
    """Terms as people write them: 0.004 for 0.0040000000, and nothing for a zero."""
    return {
        name: (exact_text(value) if value else "") if isinstance(value, Decimal) else value
        for name, value in terms.items()
    }


def _bases(specs: Sequence[PriceSpec], code: str) -> list[tuple[str, str]]:
    """The usage prices that may have variants, without the one at hand."""
    return [(s.code, s.name) for s in specs if s.kind == "usage" and s.code != code]


def _without(specs: Sequence[PriceSpec], code: str) -> list[PriceSpec]:
    return [
        replace(spec, variants=tuple(v for v in spec.variants if v.code != code))
        for spec in specs
        if spec.code != code
    ]


def _with(
    specs: Sequence[PriceSpec], code: str, made: PriceSpec, base_code: str
) -> list[PriceSpec]:
    """The prices with another one, or with one changed in its place."""
    _, old = _found(specs, code)
    if base_code:
        return [
            replace(spec, variants=_in_place(spec.variants, code, made))
            if spec.code == base_code
            else replace(spec, variants=tuple(v for v in spec.variants if v.code != code))
            for spec in specs
            if spec.code != code
        ]
    made = replace(made, variants=old.variants if old else ())
    moved = _without(specs, code) if not any(s.code == code for s in specs) else list(specs)
    return list(_in_place(moved, code, made))


def _in_place(specs: Sequence[PriceSpec], code: str, made: PriceSpec) -> tuple[PriceSpec, ...]:
    if code and any(spec.code == code for spec in specs):
        return tuple(made if spec.code == code else spec for spec in specs)
    return (*specs, made)
