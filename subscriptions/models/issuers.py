"""Companies of ours that sell: whose name, address and numbers are on a document."""

from django.db import models

from tiktoktoe.kernel.clock import now


class Issuer(models.Model):
    """A company of ours; customers and plans belong to one, or to that of the settings.

    What it is called may change: documents keep it as it was. Its numbers never do.
    """

    code = models.SlugField(max_length=16, unique=True)
    name = models.CharField(max_length=200)
    address = models.CharField(max_length=300, help_text="on one line")
    country = models.CharField(max_length=2, help_text="ISO 3166-1 alpha-2; where it owes tax")
    tax_number = models.CharField(max_length=32, blank=True)
    email = models.EmailField()
    bank = models.CharField(max_length=200, blank=True, help_text="where to pay by transfer")
    logo_text = models.CharField(max_length=40, blank=True, help_text="in place of our mark")
    colour = models.CharField(max_length=7, default="#4a3fb5")
    footer = models.CharField(max_length=300, blank=True, help_text="register, directors")
    invoice_prefix = models.CharField(max_length=12, unique=True)
    credit_note_prefix = models.CharField(max_length=12, unique=True)
    created_at = models.DateTimeField(default=now)

    objects = models.Manager["Issuer"]()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(country__regex=r"^[A-Z]{2}$"),
                name="issuer_country_is_two_capitals",
            ),
            models.CheckConstraint(
                condition=models.Q(colour__regex=r"^#[0-9a-fA-F]{6}$"),
                name="issuer_colour_is_a_colour",
            ),
            models.CheckConstraint(
                condition=models.Q(invoice_prefix__regex=r"^[A-Z][A-Z0-9-]*-$")
                & models.Q(credit_note_prefix__regex=r"^[A-Z][A-Z0-9-]*-$")
                & ~models.Q(invoice_prefix=models.F("credit_note_prefix")),
                name="issuer_prefixes_are_prefixes",
            ),
        ]

    def __str__(self) -> str:
        return self.name
