"""Tables of what it means: analytics' own snapshots."""

from analytics.models.movements import MrrDay, MrrMovement

__all__ = ["MrrDay", "MrrMovement"]
