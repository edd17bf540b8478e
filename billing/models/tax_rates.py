"""Dated tax rates by country."""

from django.db import models


class TaxRate(models.Model):
    """A tax that is charged to customers of a country, or a region of it, between two dates.

    Taxes of different levies are charged side by side (Canada: GST and QST); of one levy the
    region's rate stands in for the country's, and the newest counts.
    """

    code = models.SlugField(max_length=32)
    name = models.CharField(max_length=64, help_text="as printed: VAT, Sales tax")
    country = models.CharField(max_length=2)
    region = models.CharField(
        max_length=100, blank=True, help_text="as customers' addresses name it; empty: all of it"
    )
    levy = models.SlugField(
        max_length=32, blank=True, help_text="which of several taxes side by side: gst, qst"
    )
    is_compound = models.BooleanField(
        default=False, help_text="charged on the price and the taxes that are not compound"
    )
    category = models.SlugField(
        max_length=32, blank=True, help_text="what prices name to be charged it; empty: standard"
    )
    percentage = models.DecimalField(max_digits=7, decimal_places=4)
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True)
    source = models.URLField(blank=True)

    objects = models.Manager["TaxRate"]()

    class Meta:
        ordering = ["country", "-valid_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["country", "code", "valid_from"], name="tax_rate_once_per_date"
            ),
            models.UniqueConstraint(
                fields=["country", "region", "levy", "category", "valid_from"],
                name="tax_rate_once_per_category_and_date",
            ),
            models.CheckConstraint(
                condition=models.Q(percentage__gte=0, percentage__lte=100),
                name="tax_rate_is_a_percentage",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.percentage.normalize():f} % ({self.jurisdiction})"

    @property
    def jurisdiction(self) -> str:
        """Whose tax it is: the country, or a region of it."""
        return f"{self.country}-{self.region}" if self.region else self.country
