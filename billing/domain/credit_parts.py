"""Where the amount of a credit note goes: off the invoice, back as money, to the balance, or back
to the prepaid credits that paid."""

from dataclasses import dataclass
from fractions import Fraction

from billing.errors import CreditInvalid
from tiktoktoe.kernel.money import Money, quantize, quantize_amount, zero


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the money of an invoice came from, as far as it has not been given back.

    `due` is still to come, `prepaid` came from prepaid credits, `others` from payments and the
    credit balance; together they are what is left to credit.
    """

    due: Money
    prepaid: Money
    others: Money

    @property
    def lasting(self) -> Money:
        """What may at most come off, go back as money or to the balance."""
        return self.due + self.others

    def to_wallets(self, amount: Money) -> Money:
        """Of an amount that is credited, what goes back to prepaid credits.

        First what is due is owed less; of what was settled the share that prepaid credits paid,
        rounded once. Never more than they paid, and never so little that the rest would have
        to come from them.
        """
        settled = amount - min(amount, self.due)
        if not settled or not self.prepaid:
            return zero(amount.currency)
        whole = Fraction(self.prepaid.amount) + Fraction(self.others.amount)
        share = Fraction(self.prepaid.amount) / whole
        wanted = quantize_amount(Fraction(settled.amount) * share, amount.currency)
        return max(min(wanted, self.prepaid), settled - self.others)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditParts:
    """The parts of a credit note. Three add up to it: off the invoice, as money, to the balance.

    What comes off the invoice may have been paid with prepaid credits: that part, `to_wallets`,
    goes back to them.
    """

    to_invoice: Money
    to_refund: Money
    to_balance: Money
    to_wallets: Money


def credit_parts(
    *,
    amount: Money,
    sources: Sources,
    refundable: Money,
    to_refund: Money | None = None,
    to_balance: Money | None = None,
    to_wallets: Money | None = None,
) -> CreditParts:
    """Divide a credit note's amount.

    Without a wish: what the invoice still owes is owed less; of the rest, what prepaid credits
    paid goes back to them, what was paid goes back as money, and what came from the balance goes
    back there. With one, what was not wished for comes off the invoice, and where it owes less
    than that, goes back to prepaid credits.

    Args:
        amount: The note's total.
        sources: Where the invoice's money came from.
        refundable: What was paid of it and is neither given back nor promised yet.
        to_refund: How much is to be given back as money.
        to_balance: How much is to go to the balance.
        to_wallets: How much is to go back to prepaid credits.

    Raises:
        CreditInvalid: If a part is no payable amount, or more than there is for it.
    """
    nothing, due = zero(amount.currency), sources.due
    if to_refund is None and to_balance is None:
        prepaid = sources.to_wallets(amount)
        rest = amount - min(amount, due) - prepaid
        back = min(rest, max(refundable, nothing))
        return CreditParts(
            to_invoice=amount - rest,
            to_refund=back,
            to_balance=rest - back,
            to_wallets=prepaid,
        )
    back, kept = to_refund or nothing, to_balance or nothing
    for name, part in (("to_refund", back), ("to_balance", kept)):
        if part < nothing or quantize(part) != part:
            raise CreditInvalid(f"{part} is no payable amount", field=name)
    if back > max(refundable, nothing):
        raise CreditInvalid(f"at most {refundable} can be refunded", field="to_refund")
    off = amount - back - kept
    if off < nothing:
        raise CreditInvalid(f"the parts come to more than {amount}", field="to_balance")
    prepaid = max(off - due, nothing) if to_wallets is None else to_wallets
    if off - prepaid > due or prepaid > sources.prepaid:
        raise CreditInvalid(
            f"the invoice owes only {due} of the {off} that are left",
            field="to_balance",
            remedy="put the rest on the balance or refund it",
        )
    if sources.prepaid and amount - prepaid > sources.lasting:
        raise CreditInvalid(
            f"{sources.prepaid} was paid with prepaid credits and goes back to them",
            field="to_balance",
            remedy=f"of the note at most {sources.lasting} goes elsewhere",
        )
    return CreditParts(to_invoice=off, to_refund=back, to_balance=kept, to_wallets=prepaid)
