"""How much of each line a credit note takes back, and the tax with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from billing.errors import CreditExceedsInvoice, CreditInvalid
from tiktoktoe.kernel.money import Money, quantize, quantize_amount, round_to_total, total


@dataclass(frozen=True, slots=True, kw_only=True)
class LineLeft:
    """What of an invoice line has not been credited yet; negative for a line that was a credit.

    `parts` are its taxes by code, where it has several.
    """

    net: Money
    tax: Money
    includes_tax: bool = False
    parts: tuple[tuple[str, Money], ...] = ()

    @property
    def gross(self) -> Money:
        """Net and tax."""
        return self.net + self.tax

    @property
    def charged(self) -> Money:
        """What is left as its price says it: with the tax that the price includes, or without."""
        return self.gross if self.includes_tax else self.net

    def parts_of(self, tax: Money) -> tuple[tuple[str, Money], ...]:
        """Tax that is taken back, divided among several taxes by what is left of each."""
        if not self.parts or not self.tax:
            return ()
        share = Fraction(tax.amount) / Fraction(self.tax.amount)
        divided = round_to_total([Fraction(left.amount) * share for _, left in self.parts], tax)
        return tuple((code, part) for (code, _), part in zip(self.parts, divided, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class LineCredit:
    """What is taken back of a line, and of each of its taxes, where it has several."""

    net: Money
    tax: Money
    includes_tax: bool = False
    parts: tuple[tuple[str, Money], ...] = ()

    @property
    def charged(self) -> Money:
        """As the line's price says it: with the tax that the price includes, or without."""
        return self.net + self.tax if self.includes_tax else self.net


def credit_total(lines: Sequence[LineLeft], amount: Money) -> tuple[LineCredit, ...]:
    """Take an amount, tax included, back from the lines in proportion to what is left of them.

    Tax and net are rounded once for the note and shared out without loss, so that their sum is
    the amount, and everything left can be taken back to the last minor unit.

    Raises:
        CreditInvalid: If the amount is not positive, or no whole number of minor units.
        CreditExceedsInvoice: If it is more than is left.
    """
    _check(amount)
    left = total((line.gross for line in lines), amount.currency)
    if amount > left:
        raise CreditExceedsInvoice(f"{amount} is more than the {left} that can be credited")
    share = Fraction(amount.amount) / Fraction(left.amount)
    nets = [Fraction(line.net.amount) * share for line in lines]
    taxes = [Fraction(line.tax.amount) * share for line in lines]
    tax = quantize_amount(sum(taxes, Fraction(0)), amount.currency)
    shared_taxes = round_to_total(taxes, tax)
    shared_nets = round_to_total(nets, amount - tax)
    return tuple(
        _credited(line, net, line_tax)
        for line, net, line_tax in zip(lines, shared_nets, shared_taxes, strict=True)
    )


def credit_line(line: LineLeft, amount: Money) -> LineCredit:
    """Take an amount of one line back, as its price says it, with its share of tax, rounded.

    Of a price that includes tax the tax is in the amount, and net is the rest of it; else it
    comes on top.

    Raises:
        CreditInvalid: If the amount is not positive, or no whole number of minor units.
        CreditExceedsInvoice: If it is more than is left of the line.
    """
    _check(amount)
    if amount > line.charged:
        raise CreditExceedsInvoice(f"{amount} is more than the {line.charged} left of the line")
    share = Fraction(amount.amount) / Fraction(line.charged.amount)
    tax = quantize_amount(Fraction(line.tax.amount) * share, amount.currency)
    return _credited(line, amount - tax if line.includes_tax else amount, tax)


def _credited(line: LineLeft, net: Money, tax: Money) -> LineCredit:
    return LineCredit(net=net, tax=tax, includes_tax=line.includes_tax, parts=line.parts_of(tax))


def _check(amount: Money) -> None:
    if amount.amount <= 0 or quantize(amount) != amount:
        raise CreditInvalid(f"{amount} cannot be credited", field="amount", remedy="above zero")
