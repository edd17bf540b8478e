"""Rows of payments become Plotly figures, as plain dicts; colours are the design's names."""

from collections.abc import Sequence
from typing import Any

Figure = dict[str, Any]


def decline_mix(rows: Sequence[tuple[str, int]]) -> Figure:
    """Bars of why payments were declined, the most frequent reason on top."""
    shown = list(reversed(rows))
    return {
        "data": [
            {
                "type": "bar",
                "orientation": "h",
                "name": "Declines",
                "x": [count for _, count in shown],
                "y": [name.replace("_", " ") for name, _ in shown],
                "marker": {"color": "var(--chart-4)"},
            }
        ],
        "layout": {"showlegend": False, "xaxis": {"rangemode": "tozero"}},
    }
