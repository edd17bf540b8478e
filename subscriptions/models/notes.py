"""What staff write down about a customer, for each other."""

from django.conf import settings
from django.db import models

from subscriptions.models.customers import Customer
from tiktoktoe.kernel.clock import now


class CustomerNote(models.Model):
    """Something that somebody of the staff wrote down about a customer; kept as it was written."""

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="notes")
    text = models.TextField(max_length=2000)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    written_at = models.DateTimeField(default=now)

    objects = models.Manager["CustomerNote"]()

    class Meta:
        ordering = ["-written_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(text=""), name="customer_note_says_something"
            )
        ]
        indexes = [models.Index(fields=["customer", "-written_at"], name="note_of_customer")]

    def __str__(self) -> str:
        return f"{self.customer}, {self.written_at:%Y-%m-%d}"
