"""What a customer may use, answered to systems: GET /api/v1/entitlements."""

from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_GET

from subscriptions.models import Customer
from subscriptions.queries import Entitlement, entitlements
from subscriptions.services.event_sources import source_of_key
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.rates import exact_text
from tiktoktoe.web.access import public

BEARER = "Bearer "


@public
@require_GET
def entitlement_list(request: HttpRequest) -> HttpResponse:
    """What a customer may use, of one feature or of all; docs/api-entitlements.md has it all."""
    header = request.headers.get("Authorization", "")
    if not header.startswith(BEARER):
        return _refusal(401, "no_key", "send your key as: Authorization: Bearer KEY")
    if source_of_key(header.removeprefix(BEARER).strip()) is None:
        return _refusal(401, "unknown_key", "this key is unknown or was revoked")
    name = request.GET.get("customer", "")
    customer_id = Customer.objects.filter(external_id=name).values_list("pk", flat=True).first()
    if customer_id is None:
        return _refusal(404, "unknown_customer", f"customer: no customer is called {name!r}")
    code = request.GET.get("feature") or None
    at = now()
    found = entitlements(customer_id, at=at, feature=code)
    if code is not None and not found:
        return _refusal(404, "unknown_feature", f"feature: no feature is called {code!r}")
    body = {
        "customer": name,
        "at": at.isoformat(timespec="seconds"),
        "features": [_answer(entitlement) for entitlement in found],
    }
    return JsonResponse(body)


def _answer(entitlement: Entitlement) -> dict[str, Any]:
    terms = entitlement.terms
    answer: dict[str, Any] = {
        "feature": entitlement.code,
        "kind": entitlement.kind.value,
        "is_allowed": entitlement.is_allowed,
        "granted_by": terms.granted_by.value,
        "until": terms.until.isoformat(timespec="seconds") if terms.until else None,
    }
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


def _refusal(status: int, code: str, reason: str) -> HttpResponse:
    response = JsonResponse({"error": {"code": code, "reason": reason}}, status=status)
    if status == 401:
        response["WWW-Authenticate"] = "Bearer"
    return response
