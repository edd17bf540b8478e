"""Charts of usage: rows in, a Plotly figure as a plain dict out."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from subscriptions.domain.metering import Aggregation
from subscriptions.models import Meter
from subscriptions.queries import DayOfUsage


def daily_usage(
    days: Sequence[DayOfUsage], *, meter: Meter, from_day: date, to_day: date
) -> dict[str, Any]:
    """A bar for every day of a span; days without usage are empty, not left out."""
    aggregation = Aggregation(meter.aggregation)
    found = {day.day: day.total.shown(aggregation) for day in days}
    every = [from_day + timedelta(days=n) for n in range((to_day - from_day).days)]
    bars = {
        "type": "bar",
        "x": [day.isoformat() for day in every],
        "y": [float(found.get(day, 0)) for day in every],
        "hovertemplate": "%{x|%-d %b %Y}: %{y:,} " + meter.unit + "<extra></extra>",
        "marker": {"color": "var(--chart-1)"},
    }
    layout = {
        "xaxis": {"type": "date"},
        "yaxis": {"title": {"text": meter.name}, "rangemode": "tozero"},
        "bargap": 0.2,
    }
    return {"data": [bars], "layout": layout}
