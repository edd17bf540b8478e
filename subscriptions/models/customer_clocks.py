"""Clocks of their own for customers of a sandbox."""

from django.db import models

from tiktoktoe.kernel.clock import now


class CustomerClock(models.Model):
    """A test clock: what happens to its customers by itself happens by this time, not by ours.

    It only goes forward, and a customer's clock stays the one that it was made with (migration
    of this model): the database keeps both.
    """

    code = models.SlugField(max_length=64, unique=True)
    at = models.DateTimeField(help_text="what time it is for its customers")
    created_at = models.DateTimeField(default=now)

    objects = models.Manager["CustomerClock"]()

    class Meta:
        ordering = ["code"]

    def __str__(self) -> str:
        return f"{self.code} at {self.at:%Y-%m-%d %H:%M} UTC"
