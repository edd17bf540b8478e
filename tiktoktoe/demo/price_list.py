"""What the trace's customers are charged; all that its recount may know of the project."""

from decimal import Decimal

CURRENCY = "EUR"
COUNTRY = "DE"
TAX_PERCENT = Decimal(19)
FEE = Decimal("50.00")  # a month, in advance
CONTEXT_PRICE = Decimal("0.0000025")  # a token
CONTEXT_INCLUDED = 1_000_000  # tokens a month
# Generated tokens, graduated: up to so many, at so much a token.
GENERATED_TIERS: tuple[tuple[int | None, Decimal], ...] = (
    (500_000, Decimal("0.00001")),
    (None, Decimal("0.0000075")),
)
CUSTOMERS = 5  # request number n, from 1, belongs to customer n mod 5
