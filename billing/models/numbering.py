"""Gap-free numbers, taken inside the transaction that makes the document final."""

from django.db import models


class NumberSeries(models.Model):
    """A sequence of document numbers; `next_number` moves only in a finalising transaction."""

    code = models.CharField(max_length=32, unique=True, help_text="invoice, credit_note")
    prefix = models.CharField(max_length=16)
    next_number = models.BigIntegerField(default=1)

    objects = models.Manager["NumberSeries"]()

    class Meta:
        verbose_name_plural = "number series"

    def __str__(self) -> str:
        return f"{self.prefix}{self.next_number:06d}"
