"""What a simulation shows: documents and states as plain values.

The same dataclasses say what `expect` may name: an expectation is a part of what is shown.
Days are of the customer's calendar; `to` is the day after the last, `through` the last.
"""

from dataclasses import dataclass, field
from datetime import date as Day  # noqa: N812 - `date` is a key of documents here
from datetime import datetime
from decimal import Decimal

from tiktoktoe.kernel.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class LineSeen:
    """One line of an invoice."""

    kind: str
    code: str
    plan: str
    meter: str
    description: str
    subscription: str
    period_from: Day
    period_to: Day
    period_through: Day
    quantity: Decimal
    coupon: Money
    coupon_exact: Money
    amount: Money
    tax: Money
    tax_alone: Money
    units: int | None
    denominator: int | None
    formula: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceSeen:
    """An invoice."""

    number: str
    customer: str
    subscription: str
    kind: str
    state: str
    date: Day
    issued_at: datetime
    due_on: Day | None
    period_from: Day
    period_to: Day
    period_through: Day
    currency: str
    fees: Money
    coupons: Money
    subtotal: Money
    tax: Money
    total: Money
    credited: Money
    credit_used: Money
    prepaid: Money
    paid: Money
    refunded: Money
    due: Money
    lines: tuple[LineSeen, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditNoteSeen:
    """A credit note."""

    number: str
    invoice: str
    customer: str
    date: Day
    currency: str
    subtotal: Money
    tax: Money
    total: Money
    to_invoice: Money
    to_refund: Money
    to_balance: Money
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionSeen:
    """A subscription, as it stands."""

    name: str
    customer: str
    plan: str
    quantity: int
    state: str
    started_on: Day
    period_from: Day
    period_to: Day
    period_through: Day
    trial_ends_on: Day | None
    cancels_on: Day | None
    ended_on: Day | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitionSeen:
    """One move of a subscription."""

    subscription: str
    at: datetime
    date: Day
    event: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentSeen:
    """One try to collect an invoice, and what became of it."""

    date: Day
    invoice: str
    customer: str
    amount: Money
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundSeen:
    """Money that went back."""

    date: Day
    invoice: str
    customer: str
    amount: Money
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceSeen:
    """What a customer owes in a currency, its credit, and the first less the second (`balance`)."""

    customer: str
    currency: str
    owed: Money
    credit: Money
    prepaid: Money
    balance: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRequestSeen:
    """A request for what was overdue; `number` counts those of its currency.

    `settled`: it has been paid since, so that the next one is the first again.
    """

    date: Day
    customer: str
    currency: str
    number: int
    amount: Money
    settled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OverdueSeen:
    """A change of a customer's overdue state; "clear" where there is none."""

    date: Day
    customer: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepSeen:
    """A step of the timeline, and what it made or was refused for."""

    at: datetime
    date: Day
    do: str
    line: int
    refused: str = ""
    invoices: tuple[InvoiceSeen, ...] = ()
    credit_notes: tuple[CreditNoteSeen, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Everything that there is at an instant."""

    invoices: tuple[InvoiceSeen, ...] = ()
    credit_notes: tuple[CreditNoteSeen, ...] = ()
    subscriptions: tuple[SubscriptionSeen, ...] = ()
    transitions: tuple[TransitionSeen, ...] = ()
    payments: tuple[PaymentSeen, ...] = ()
    refunds: tuple[RefundSeen, ...] = ()
    balances: tuple[BalanceSeen, ...] = ()
    payment_requests: tuple[PaymentRequestSeen, ...] = ()
    overdue_states: tuple[OverdueSeen, ...] = ()
    finished: int = 0
    steps: tuple[StepSeen, ...] = field(default=())
