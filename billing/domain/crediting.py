"""How much of each line a credit note takes back, and the tax with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from billing.errors import CreditExceedsInvoice, CreditInvalid
from tiktoktoe.kernel.money import Money, quantize, quantize_amount, round_to_total, total


@dataclass(frozen=True, slots=True, kw_only=True)
class LineLeft:
    """What of an invoice line has not been credited yet; negative for a line that was a credit."""

    net: Money
    tax: Money

    @property
    def gross(self) -> Money:
        """Net and tax."""
        return self.net + self.tax


@dataclass(frozen=True, slots=True, kw_only=True)
class LineCredit:
    """What is taken back of a line."""

    net: Money
    tax: Money


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
        LineCredit(net=net, tax=line_tax)
        for net, line_tax in zip(shared_nets, shared_taxes, strict=True)
    )


def credit_line(line: LineLeft, net: Money) -> LineCredit:
    """Take a net amount of one line back, with its share of the line's tax, rounded.

    Raises:
        CreditInvalid: If the amount is not positive, or no whole number of minor units.
        CreditExceedsInvoice: If it is more than is left of the line.
    """
    _check(net)
    if net > line.net:
        raise CreditExceedsInvoice(f"{net} is more than the {line.net} left of the line")
    share = Fraction(net.amount) / Fraction(line.net.amount)
    tax = quantize_amount(Fraction(line.tax.amount) * share, net.currency)
    return LineCredit(net=net, tax=tax)


def _check(amount: Money) -> None:
    if amount.amount <= 0 or quantize(amount) != amount:
        raise CreditInvalid(f"{amount} cannot be credited", field="amount", remedy="above zero")
