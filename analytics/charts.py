"""Rows become Plotly figures, as plain dicts: its figure classes cost milliseconds a page.

Colours are names of the design's variables; static/js/chart.js resolves them by theme.
"""

from collections.abc import Sequence
from typing import Any

from analytics.queries import MonthBridge, PaidMonth
from tiktoktoe.kernel.money import Money

Figure = dict[str, Any]
KINDS = (
    ("new", "New", "var(--chart-1)"),
    ("expansion", "Expansion", "var(--chart-2)"),
    ("reactivation", "Reactivation", "var(--chart-5)"),
    ("contraction", "Contraction", "var(--chart-3)"),
    ("churn", "Churn", "var(--chart-4)"),
)


def mrr_movement(rows: Sequence[MonthBridge]) -> Figure:
    """Bars of what moved MRR, month by month, above and below zero."""
    months = [row.month.first.isoformat() for row in rows]
    return {
        "data": [
            {
                "type": "bar",
                "name": words,
                "x": months,
                "y": [_plot(getattr(row.bridge, kind)) for row in rows],
                "marker": {"color": colour},
            }
            for kind, words, colour in KINDS
        ],
        "layout": {
            "barmode": "relative",
            "xaxis": {"tickformat": "%b %y", "dtick": "M1" if len(rows) <= 6 else "M2"},
            "yaxis": {"tickformat": "~s"},
            "legend": {"orientation": "h", "y": 1.15},
        },
    }


def mrr_level(rows: Sequence[MonthBridge]) -> Figure:
    """A line of MRR at each month's end."""
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": "MRR",
                "x": [row.month.first.isoformat() for row in rows],
                "y": [_plot(row.bridge.closing) for row in rows],
                "line": {"color": "var(--chart-1)"},
            }
        ],
        "layout": {
            "showlegend": False,
            "xaxis": {"tickformat": "%b %y"},
            "yaxis": {"tickformat": "~s", "rangemode": "tozero"},
        },
    }


def invoiced_and_collected(rows: Sequence[PaidMonth]) -> Figure:
    """Bars of what was invoiced beside what was collected."""
    months = [row.month.first.isoformat() for row in rows]
    parts = (
        ("Invoiced", [_plot(row.invoiced) for row in rows], "var(--chart-1)"),
        ("Collected", [_plot(row.collected) for row in rows], "var(--chart-2)"),
    )
    return {
        "data": [
            {"type": "bar", "name": words, "x": months, "y": values, "marker": {"color": colour}}
            for words, values, colour in parts
        ],
        "layout": {
            "barmode": "group",
            "xaxis": {"tickformat": "%b %y"},
            "yaxis": {"tickformat": "~s"},
            "legend": {"orientation": "h", "y": 1.15},
        },
    }


def _plot(money: Money) -> float:
    """A number for the eye; the table beside the chart has the exact one."""
    return float(money.amount)
