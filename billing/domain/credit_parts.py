"""Where the amount of a credit note goes: off the invoice, back as money, or to the balance."""

from dataclasses import dataclass

from billing.errors import CreditInvalid
from tiktoktoe.kernel.money import Money, quantize, zero


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditParts:
    """The parts of a credit note; they add up to it."""

    to_invoice: Money
    to_refund: Money
    to_balance: Money


def credit_parts(
    *,
    amount: Money,
    due: Money,
    refundable: Money,
    to_refund: Money | None = None,
    to_balance: Money | None = None,
) -> CreditParts:
    """Divide a credit note's amount.

    Without a wish: what the invoice still owes is owed less; of the rest, what was paid goes
    back as money, and what came from the balance goes back there. With one, what was not
    wished for comes off the invoice.

    Args:
        amount: The note's total.
        due: What is left to pay of the invoice.
        refundable: What was paid of it and is neither given back nor promised yet.
        to_refund: How much is to be given back as money.
        to_balance: How much is to go to the balance.

    Raises:
        CreditInvalid: If a part is no payable amount, or more than there is for it.
    """
    nothing = zero(amount.currency)
    if to_refund is None and to_balance is None:
        off = min(amount, due)
        back = min(amount - off, max(refundable, nothing))
        return CreditParts(to_invoice=off, to_refund=back, to_balance=amount - off - back)
    back, kept = to_refund or nothing, to_balance or nothing
    for name, part in (("to_refund", back), ("to_balance", kept)):
        if part < nothing or quantize(part) != part:
            raise CreditInvalid(f"{part} is no payable amount", field=name)
    if back > max(refundable, nothing):
        raise CreditInvalid(f"at most {refundable} can be refunded", field="to_refund")
    off = amount - back - kept
    if off < nothing:
        raise CreditInvalid(f"the parts come to more than {amount}", field="to_balance")
    if off > due:
        raise CreditInvalid(
            f"the invoice owes only {due} of the {off} that are left",
            field="to_balance",
            remedy="put the rest on the balance or refund it",
        )
    return CreditParts(to_invoice=off, to_refund=back, to_balance=kept)
