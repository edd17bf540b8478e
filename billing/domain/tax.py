"""Tax on lines: beside the price or in it, one or several, rounded by a named rule, shared out
without loss."""

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
    """A tax as it is printed; `percentage` counts only if the treatment is that it is charged.

    A compound tax is charged on the price and the taxes named before it.
    """

    code: str
    name: str
    percentage: Decimal
    treatment: TaxTreatment = TaxTreatment.TAXED
    note: str = ""
    jurisdiction: str = ""
    is_compound: bool = False

    @property
    def multiplier(self) -> Fraction:
        """What a net amount is multiplied by to get its tax."""
        is_charged = self.treatment == TaxTreatment.TAXED
        return percent(self.percentage) if is_charged else Fraction(0)


def multipliers(rates: Sequence[TaxRate]) -> tuple[Fraction, ...]:
    """What a net amount is multiplied by to get each of its taxes, exactly."""
    made: list[Fraction] = []
    for rate in rates:
        base = 1 + sum(made, Fraction(0)) if rate.is_compound else Fraction(1)
        made.append(rate.multiplier * base)
    return tuple(made)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxableLine:
    """A payable amount and its taxes: net if they come on top, gross if the price includes them.

    `exact` is the amount before discounts were rounded, where that makes a difference.
    """

    amount: Money
    rates: tuple[TaxRate, ...]
    exact: Fraction | None = None
    includes_tax: bool = False

    @property
    def exact_taxes(self) -> tuple[Fraction, ...]:
        """Each of its taxes, with all decimals; of the payable amount."""
        return self._taxes_of(Fraction(self.amount.amount))

    @property
    def undiscounted_taxes(self) -> tuple[Fraction, ...]:
        """The same of the amount before discounts were rounded."""
        return self._taxes_of(Fraction(self.amount.amount) if self.exact is None else self.exact)

    def _taxes_of(self, amount: Fraction) -> tuple[Fraction, ...]:
        shares = multipliers(self.rates)
        whole = 1 + sum(shares, Fraction(0)) if self.includes_tax else Fraction(1)
        return tuple(amount * share / whole for share in shares)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxedLine:
    """A line's net amount and each of the taxes on it."""

    net: Money
    taxes: tuple[Money, ...]
    rates: tuple[TaxRate, ...]

    @property
    def tax(self) -> Money:
        """All of them."""
        return total(self.taxes, self.net.currency)

    @property
    def gross(self) -> Money:
        """Net and tax."""
        return self.net + self.tax

    @property
    def code(self) -> str:
        """The codes of its taxes, as one."""
        return "+".join(rate.code for rate in self.rates)

    def parts_json(self) -> list[dict[str, str]]:
        """Each of several taxes; of one, the line's tax says it all."""
        if len(self.rates) == 1:
            return []
        pairs = zip(self.rates, self.taxes, strict=True)
        return [{"code": rate.code, "tax": str(tax.amount)} for rate, tax in pairs]


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
            "jurisdiction": self.rate.jurisdiction,
            "base": str(self.base.amount),
            "tax": str(self.tax.amount),
            "note": self.rate.note,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Taxed:
    """The lines of a document with their tax, in their order, and the totals by rate."""

    lines: tuple[TaxedLine, ...]
    by_rate: tuple[RateTotal, ...]


Cell = tuple[int, int]  # a line's position, and which of its taxes


def tax_lines(
    lines: Sequence[TaxableLine],
    *,
    currency: str,
    rounding: TaxRounding = TaxRounding.PER_INVOICE,
) -> Taxed:
    """Work out the tax on a document's lines.

    By `PER_DOCUMENT` all tax is summed exactly, over all rates, and rounded once (as Lago does).
    By `PER_INVOICE` the tax of a rate is rounded once, on the sum of its lines, and shared out
    to them so that their taxes add up to it; lines whose price includes tax are summed apart.
    By `PER_LINE` each line's is rounded and summed. Of a price that includes tax, net is what
    tax leaves of it, so that nothing is rounded twice and the gross amount stays.

    Source: EN 16931, BR-CO-17: a rate's tax is its base times its percentage, rounded.
    """
    cells = _rounded(lines, currency, rounding)
    taxed = []
    for position, line in enumerate(lines):
        taxes = tuple(cells[position, n] for n in range(len(line.rates)))
        net = line.amount - total(taxes, currency) if line.includes_tax else line.amount
        taxed.append(TaxedLine(net=net, taxes=taxes, rates=line.rates))
    by_rate = []
    for rate in dict.fromkeys(rate for line in lines for rate in line.rates):
        charged = [line for line in taxed if rate in line.rates]
        tax = total((line.taxes[line.rates.index(rate)] for line in charged), currency)
        base = total((line.net for line in charged), currency)
        by_rate.append(RateTotal(rate=rate, base=base, tax=tax))
    return Taxed(lines=tuple(taxed), by_rate=tuple(by_rate))


def tax_outcome(
    *,
    seller_country: str,
    customer_country: str,
    rates: Sequence[TaxRate],
    has_tax_number: bool,
    is_exempt: bool,
) -> tuple[TaxRate, ...]:
    """Which taxes a customer is charged, for services sold from one country to another.

    Args:
        seller_country: Where we are, ISO 3166-1 alpha-2.
        customer_country: Where the customer is.
        rates: Those of the customer's country and region on that day, if we know any.
        has_tax_number: Whether the customer gave a valid VAT number.
        is_exempt: Whether the customer is exempt by its status.

    Raises:
        TaxRateMissing: If tax is due there by EU law or ours, and no rate is known.

    Source: Directive 2006/112/EC, articles 44, 58 and 196.
    """
    if is_exempt:
        return (_untaxed("exempt", "Exempt", TaxTreatment.EXEMPT, EXEMPT_NOTE),)
    is_domestic = customer_country == seller_country
    within_eu = {seller_country, customer_country} <= EU_COUNTRIES
    if within_eu and not is_domestic and has_tax_number:
        treatment = TaxTreatment.REVERSE_CHARGE
        return (_untaxed("reverse-charge", "Reverse charge", treatment, REVERSE_CHARGE_NOTE),)
    if rates:
        return tuple(rates)
    if is_domestic or within_eu:
        raise TaxRateMissing(
            f"no tax rate is known for {customer_country}",
            field="country",
            remedy="add the country's rate for this day",
        )
    return (_untaxed("out-of-scope", "No tax", TaxTreatment.OUT_OF_SCOPE, OUT_OF_SCOPE_NOTE),)


def _rounded(
    lines: Sequence[TaxableLine], currency: str, rounding: TaxRounding
) -> dict[Cell, Money]:
    """The payable tax of each line at each of its rates."""
    if rounding == TaxRounding.PER_DOCUMENT:
        exact = {
            (position, n): tax
            for position, line in enumerate(lines)
            for n, tax in enumerate(line.undiscounted_taxes)
        }
        return _rounded_once(exact, currency)
    groups: dict[object, dict[Cell, Fraction]] = {}
    for position, line in enumerate(lines):
        for n, (rate, tax) in enumerate(zip(line.rates, line.exact_taxes, strict=True)):
            per_line = rounding == TaxRounding.PER_LINE
            key = (position, n) if per_line else (rate, line.includes_tax)
            groups.setdefault(key, {})[position, n] = tax
    cells: dict[Cell, Money] = {}
    for group in groups.values():
        cells |= _rounded_once(group, currency)
    return cells


def _rounded_once(exact: dict[Cell, Fraction], currency: str) -> dict[Cell, Money]:
    """Taxes that add up to their exact sum, rounded."""
    whole = quantize_amount(sum(exact.values(), Fraction(0)), currency)
    return dict(zip(exact, round_to_total(list(exact.values()), whole), strict=True))


def _untaxed(code: str, name: str, treatment: TaxTreatment, note: str) -> TaxRate:
    return TaxRate(code=code, name=name, percentage=Decimal(0), treatment=treatment, note=note)
