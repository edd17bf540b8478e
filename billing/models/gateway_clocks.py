"""What gateways' clocks have shown, against ours."""

from datetime import timedelta

from django.conf import settings
from django.db import models


class GatewayClockQuerySet(models.QuerySet["GatewayClock"]):
    """Named sets of clocks."""

    def askew(self) -> "GatewayClockQuerySet":
        """Those that differ from ours by more than is tolerated: nothing is sent there."""
        limit = int(settings.CLOCK_SKEW_MAX_SECONDS)
        return self.filter(models.Q(ahead_seconds__gt=limit) | models.Q(ahead_seconds__lt=-limit))


class GatewayClock(models.Model):
    """The last reading of a gateway's clock, half a minute old at most while it answers."""

    gateway = models.CharField(max_length=32, unique=True)
    told_at = models.DateTimeField(help_text="by the gateway's clock")
    read_at = models.DateTimeField(help_text="by ours")
    ahead_seconds = models.IntegerField(help_text="how far ours is ahead; negative: behind")

    objects = GatewayClockQuerySet.as_manager()

    class Meta:
        ordering = ["gateway"]

    def __str__(self) -> str:
        return f"{self.gateway}: {self.ahead_seconds} s"

    @property
    def ahead(self) -> timedelta:
        """How far ours is ahead."""
        return timedelta(seconds=self.ahead_seconds)
