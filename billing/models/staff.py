"""What is written to the people of the company."""

from django.db import models


class StaffDigest(models.Model):
    """That the company was told what waits for people, once a day."""

    day = models.DateField(primary_key=True)
    claimed_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)

    objects = models.Manager["StaffDigest"]()

    class Meta:
        ordering = ["-day"]

    def __str__(self) -> str:
        return f"{self.day:%Y-%m-%d}"
