"""The live monitor of payments."""

from datetime import datetime, timedelta
from fractions import Fraction

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.timesince import timesince
from django.views.decorators.http import require_GET

from billing.charts import decline_mix
from billing.domain.return_rates import ReturnRate
from billing.queries.fee_truth import fee_truths
from billing.queries.monitor import monitor
from billing.queries.return_rates import ach_return_rates
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.rates import round_half_away
from tiktoktoe.web.access import requires
from tiktoktoe.web.tones import label_of

A_SECOND_OR_TWO = 2  # dates of answers have whole seconds
UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
HOURS = {"1": "hour", "24": "day", "168": "week"}


@require_GET
@requires(Permission.VIEW_BILLING)
def payment_monitor(request: HttpRequest) -> HttpResponse:
    """Rates, latency, unknowns, breakers, fees, declines; the page asks again by itself."""
    asked = request.GET.get("hours", "")
    hours = asked if asked in HOURS else "24"
    at = now()
    seen = monitor(at=at, hours=int(hours))
    is_asked_again = bool(request.headers.get("HX-Request"))
    context = {
        "seen": seen,
        "gateway_rows": [
            (row, _percent(row.first_rate), _clock(row.clock_ahead)) for row in seen.gateways
        ],
        "askew": [
            f"{label_of(row.gateway)}: our clock is {_clock(row.clock_ahead)}"
            for row in seen.gateways
            if row.is_askew
        ],
        "net_rate": _percent(seen.net_rate),
        "oldest": _oldest(seen.oldest_unknown_at, at),
        "wait": _duration(seen.inbox.oldest_wait),
        "lag": _duration(seen.inbox.lag),
        "missed": _missed(seen.inbox.missed),
        "dispute_rate": _percent(seen.disputes.rate, places=2),
        "hours": hours,
        "fee_rows": [(row, _basis_points(row.off_by)) for row in seen.fees],
        # Not asked again every five seconds: they look at 90 and 60 days.
        "truths": [] if is_asked_again else fee_truths(at),
        "return_rows": [] if is_asked_again else _return_rows(at),
        "choices": HOURS.items(),
        "figure": decline_mix(seen.declines),
        "table": {"headers": ["Reason", "Declines"], "rows": seen.declines},
    }
    return render(request, "billing/payment_monitor.html", context)


def _return_rows(at: datetime) -> list[tuple[ReturnRate, str, str]]:
    return [
        (row, _percent(row.share, places=2), _percent(row.limit.most, places=1))
        for row in ach_return_rates(at)
    ]


def _percent(rate: Fraction | None, *, places: int = 1) -> str:
    return "—" if rate is None else f"{round_half_away(rate * 100, places)} %"


def _basis_points(share: Fraction | None) -> str:
    return "—" if share is None else f"{round_half_away(share * 10_000, 1):+} bps"


def _missed(events: int) -> str:
    return f"{events} never came: we asked" if events else "from happening to arrival"


def _duration(span: timedelta | None) -> str:
    """How long, in whole seconds below two minutes and in minutes beyond."""
    if span is None:
        return "—"
    seconds = int(span.total_seconds())
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"


def _clock(ahead: timedelta | None) -> str:
    """How far our clock is from a gateway's, in its largest unit."""
    if ahead is None:
        return "—"
    seconds = abs(int(ahead.total_seconds()))
    if seconds <= A_SECOND_OR_TWO:
        return "as ours"
    size, unit = next((s, u) for s, u in UNITS if seconds >= s)
    count = seconds // size
    return (
        f"{count} {unit}{'s' if count > 1 else ''} {'ahead' if ahead > timedelta() else 'behind'}"
    )


def _oldest(since: datetime | None, at: datetime) -> str:
    return f"the oldest for {timesince(since, at)}" if since else ""
