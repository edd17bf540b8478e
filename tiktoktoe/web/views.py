"""Pages that belong to no app: policy reports and the style guide."""

import json
import logging

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from tiktoktoe.web.access import public

logger = logging.getLogger(__name__)

REPORT_MAX_BYTES = 16 * 1024
REPORT_FIELDS = ("effective-directive", "blocked-uri", "line-number", "source-file")


@csrf_exempt
@require_POST
@public
def csp_reports(request: HttpRequest) -> HttpResponse:
    """Write down what a browser refused to run or load; browsers post this by themselves."""
    body = request.read(REPORT_MAX_BYTES)
    try:
        report = json.loads(body)["csp-report"]
        told = {f"csp_{name}": str(report.get(name, ""))[:200] for name in REPORT_FIELDS}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return HttpResponse(status=400)
    logger.warning("the browser refused something", extra=told)
    return HttpResponse(status=204)
