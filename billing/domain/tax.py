"""Tax on lines: exclusive or inclusive, rounded by a named rule, shared out without loss."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from billing.errors import TaxRateMissing
from tiktoktoe.kernel.money import Money, quantize_amount, round_to_total, total
from tiktoktoe.kernel.rates import exact_text, percent

REVERSE_CHARGE_NOTE = "Reverse charge: VAT is to be accounted for by the recipient."
EXEMPT_NOTE = "Exempt from tax."
OUT_OF_SCOPE_NOTE = "Outside the scope of tax."

EU_COUNTRIES = frozenset(
    [
        "AT",
        "BE",
        "BG",
        "CY",
        "CZ",
        "DE",
        "DK",
        "EE",
        "ES",
        "FI",
        "FR",
        "GR",
        "HR",
        "HU",
        "IE",
        "IT",
        "LT",
        "LU",
        "LV",
        "MT",
        "NL",
        "PL",
        "PT",
        "RO",
        "SE",
        "SI",
        "SK",
    ]
)


class TaxTreatment(StrEnum):
    """Whether tax is charged, and if not, why not."""

    TAXED = "taxed"
    EXEMPT = "exempt"
    REVERSE_CHARGE = "reverse_charge"
    OUT_OF_SCOPE = "out_of_scope"


class TaxRounding(StrEnum):
    """Where tax is rounded: once for each rate of a document, on each line, or only once."""

    PER_INVOICE = "per_invoice"
    PER_DOCUMENT = "per_document"
    PER_LINE = "per_line"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxRate:
    """A tax as it is printed; `percentage` counts only if the treatment is that it is charged."""

    code: str
    name: str
    percentage: Decimal
    treatment: TaxTreatment = TaxTreatment.TAXED
    note: str = ""

    @property
    def multiplier(self) -> Fraction:
        """What a net amount is multiplied by to get its tax."""
        is_charged = self.treatment == TaxTreatment.TAXED
        return percent(self.percentage) if is_charged else Fraction(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxableLine:
    """A payable amount and its rate: net if tax comes on top, gross if tax is in it.

    `exact` is the amount before discounts were rounded, where that makes a difference.
    """

    amount: Money
    rate: TaxRate
    exact: Fraction | None = None

    @property
    def base(self) -> Fraction:
        """The amount, with all its decimals."""
        return Fraction(self.amount.amount) if self.exact is None else self.exact


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxedLine:
    """A line's net amount and the tax on it."""

    net: Money
    tax: Money
    rate: TaxRate

    @property
    def gross(self) -> Money:
        """Net and tax."""
        return self.net + self.tax


@dataclass(frozen=True, slots=True, kw_only=True)
class RateTotal:
    """What a document owes at one rate."""

    rate: TaxRate
    base: Money
    tax: Money

    def to_json(self) -> dict[str, str]:
        """The row of an invoice's tax table, with exact strings."""
        return {
            "code": self.rate.code,
            "name": self.rate.name,
            "percentage": exact_text(self.rate.percentage),
            "treatment": str(self.rate.treatment),
            "base": str(self.base.amount),
            "tax": str(self.tax.amount),
            "note": self.rate.note,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Taxed:
    """The lines of a document with their tax, in their order, and the totals by rate."""

    lines: tuple[TaxedLine, ...]
    by_rate: tuple[RateTotal, ...]


def tax_lines(
    lines: Sequence[TaxableLine],
    *,
    currency: str,
    rounding: TaxRounding = TaxRounding.PER_INVOICE,
    is_inclusive: bool = False,
) -> Taxed:
    """Work out the tax on a document's lines.

    By `PER_DOCUMENT` all tax is summed exactly, over all rates, and rounded once (as Lago does).
    By `PER_INVOICE` the tax of a rate is rounded once, on the sum of its lines, and shared out
    to them so that their taxes add up to it. By `PER_LINE` each line's is rounded and summed.

    Source: EN 16931, BR-CO-17: a rate's tax is its base times its percentage, rounded.
    """
    taxed: dict[int, TaxedLine] = {}
    by_rate = []
    once = _rounded_once(lines, currency, is_inclusive=is_inclusive)
    for rate in dict.fromkeys(line.rate for line in lines):
        positions = [i for i, line in enumerate(lines) if line.rate == rate]
        amounts = [lines[i].amount for i in positions]
        if rounding == TaxRounding.PER_DOCUMENT:
            taxes = tuple(once[i] for i in positions)
        else:
            taxes = _taxes(amounts, rate, currency, rounding, is_inclusive=is_inclusive)
        group = [
            TaxedLine(net=amount - tax if is_inclusive else amount, tax=tax, rate=rate)
            for amount, tax in zip(amounts, taxes, strict=True)
        ]
        taxed |= zip(positions, group, strict=True)
        base = total((line.net for line in group), currency)
        by_rate.append(RateTotal(rate=rate, base=base, tax=total(taxes, currency)))
    return Taxed(lines=tuple(taxed[i] for i in range(len(lines))), by_rate=tuple(by_rate))


def tax_outcome(
    *,
    seller_country: str,
    customer_country: str,
    rate: TaxRate | None,
    has_tax_number: bool,
    is_exempt: bool,
) -> TaxRate:
    """Which tax a customer is charged, for services sold from one country to another.

    Args:
        seller_country: Where we are, ISO 3166-1 alpha-2.
        customer_country: Where the customer is.
        rate: The rate of the customer's country on that day, if we know one.
        has_tax_number: Whether the customer gave a valid VAT number.
        is_exempt: Whether the customer is exempt by its status.

    Raises:
        TaxRateMissing: If tax is due there by EU law or ours, and no rate is known.

    Source: Directive 2006/112/EC, articles 44, 58 and 196.
    """
    if is_exempt:
        return _untaxed("exempt", "Exempt", TaxTreatment.EXEMPT, EXEMPT_NOTE)
    is_domestic = customer_country == seller_country
    within_eu = {seller_country, customer_country} <= EU_COUNTRIES
    if within_eu and not is_domestic and has_tax_number:
        treatment = TaxTreatment.REVERSE_CHARGE
        return _untaxed("reverse-charge", "Reverse charge", treatment, REVERSE_CHARGE_NOTE)
    if rate is not None:
        return rate
    if is_domestic or within_eu:
        raise TaxRateMissing(
            f"no tax rate is known for {customer_country}",
            field="country",
            remedy="add the country's rate for this day",
        )
    return _untaxed("out-of-scope", "No tax", TaxTreatment.OUT_OF_SCOPE, OUT_OF_SCOPE_NOTE)


def _taxes(
    amounts: Sequence[Money],
    rate: TaxRate,
    currency: str,
    rounding: TaxRounding,
    *,
    is_inclusive: bool,
) -> tuple[Money, ...]:
    share = rate.multiplier / (1 + rate.multiplier) if is_inclusive else rate.multiplier
    exact = [Fraction(amount.amount) * share for amount in amounts]
    if rounding == TaxRounding.PER_LINE:
        return tuple(quantize_amount(tax, currency) for tax in exact)
    return round_to_total(exact, quantize_amount(sum(exact, Fraction(0)), currency))


def _rounded_once(
    lines: Sequence[TaxableLine], currency: str, *, is_inclusive: bool
) -> tuple[Money, ...]:
    """The taxes of all lines, which add up to their exact sum, rounded."""
    rates = [line.rate.multiplier for line in lines]
    shares = [rate / (1 + rate) if is_inclusive else rate for rate in rates]
    exact = [line.base * share for line, share in zip(lines, shares, strict=True)]
    return round_to_total(exact, quantize_amount(sum(exact, Fraction(0)), currency))


def _untaxed(code: str, name: str, treatment: TaxTreatment, note: str) -> TaxRate:
    return TaxRate(code=code, name=name, percentage=Decimal(0), treatment=treatment, note=note)
