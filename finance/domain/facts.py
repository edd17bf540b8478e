"""What is known of a document or a movement of money, as its journal entry needs it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tiktoktoe.kernel.money import Money


class Earned(StrEnum):
    """When the revenue of an invoice line is earned."""

    OVER_TIME = "over_time"  # billed in advance: deferred, then recognised
    USAGE = "usage"  # delivered already, by a meter
    ARREARS = "arrears"  # delivered already, a fee for a period that is over
    PREPAID = "prepaid"  # when the credits are used, or expire


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceLineFact:
    """A line of an invoice, net of tax; negative for what is credited on the invoice."""

    amount: Money
    earned: Earned


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceFact:
    """A final invoice, or what there is to post of it."""

    id: str
    number: str
    customer: str
    lines: Sequence[InvoiceLineFact]
    tax: Money
    total: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningBillFact:
    """What another engine billed, and how much of it, net of tax, is for time served here."""

    id: str
    reference: str
    customer: str
    not_served: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditLineFact:
    """What is taken back of a line, net of tax: the part not yet earned, and the earned part.

    What was deferred and is not recognised yet leaves the contract liability; the rest is
    contra revenue.
    """

    unearned: Money
    earned: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditNoteFact:
    """A credit note, with positive amounts."""

    id: str
    number: str
    customer: str
    lines: Sequence[CreditLineFact]
    tax: Money
    total: Money
    to_balance: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class MovementFact:
    """An amount that moved for a customer, and the invoice, if any, that it moved for."""

    id: str
    customer: str
    amount: Money
    invoice_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFact:
    """A payment that succeeded; `fee` is what the processor keeps of it."""

    id: str
    customer: str
    amount: Money
    fee: Money
    invoice_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnFact:
    """A payment that the customer's bank has taken back, whole."""

    id: str
    customer: str
    amount: Money
    code: str
    invoice_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOffFact:
    """What is given up of an invoice: its net, and the tax on it; negative when it is taken back.

    `turn` counts the entries of this sort that the invoice has had.
    """

    invoice_id: str
    number: str
    customer: str
    net: Money
    tax: Money
    is_tax_relieved: bool = False
    turn: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BankChargeFact:
    """What a bank took for its work; below zero, what it gave back."""

    id: str
    amount: Money
    text: str
