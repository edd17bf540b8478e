"""What a customer may use, answered to systems: GET /api/v1/entitlements."""

from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_GET

from subscriptions.models import Customer
from subscriptions.queries.entitlements import Entitlement, entitlements
from subscriptions.views.api import Unacceptable, source_of
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.rates import exact_text
from tiktoktoe.web.access import public


@public
@require_GET
def entitlement_list(request: HttpRequest) -> HttpResponse:
    """What a customer may use, of one feature or of all; docs/api-entitlements.md has it all."""
    try:
        source_of(request)
        return JsonResponse(_answered(request))
    except Unacceptable as problem:
        return problem.answer()


def _answered(request: HttpRequest) -> dict[str, Any]:
    name = request.GET.get("customer", "")
    customer_id = Customer.objects.filter(external_id=name).values_list("pk", flat=True).first()
    if customer_id is None:
        raise Unacceptable(
            404, "unknown_customer", f"customer: no customer is called {name[:64]!r}"
        )
    code = request.GET.get("feature") or None
    at = now()
    found = entitlements(customer_id, at=at, feature=code)
    if code is not None and not found:
        raise Unacceptable(404, "unknown_feature", f"feature: no feature is called {code[:64]!r}")
    return {
        "customer": name,
        "at": at.isoformat(timespec="seconds"),
        "features": [_answer(entitlement) for entitlement in found],
    }


def _answer(entitlement: Entitlement) -> dict[str, Any]:
    terms = entitlement.terms
    answer: dict[str, Any] = {
        "feature": entitlement.code,
        "kind": entitlement.kind.value,
        "is_allowed": entitlement.is_allowed,
        "granted_by": terms.granted_by.value,
        "until": terms.until.isoformat(timespec="seconds") if terms.until else None,
    }
    if terms.restriction:
        answer["restriction"] = terms.restriction
    if entitlement.kind == "boolean":
        return answer
    answer["limit"] = _text(terms.limit)
    if entitlement.period is not None:
        answer["used"] = _text(entitlement.used)
        answer["left"] = _text(entitlement.left)
        answer["period"] = {
            "start": entitlement.period.start.isoformat(timespec="seconds"),
            "end": entitlement.period.end.isoformat(timespec="seconds"),
        }
    return answer


def _text(number: Decimal | None) -> str | None:
    return exact_text(number) if number is not None else None
