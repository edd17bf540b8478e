"""What can be done on the timeline: one dataclass for each `do`, its fields are its keys.

Whoever adds one here adds how it is played in tiktoktoe.simulator.acts, and a row in
docs/simulate.md; a test holds the three together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from tiktoktoe.simulator.errors import Place
from tiktoktoe.simulator.scenario.reading import also
from tiktoktoe.simulator.scenario.values import Amount


@dataclass(frozen=True, kw_only=True)
class Action:
    """What every action may name; both may be left out where there is only one."""

    place: Place
    customer: str = ""
    subscription: str = also("id", "sub", default="")


@dataclass(frozen=True, kw_only=True)
class Subscribe(Action):
    """Start a subscription; `subscription` is the name that later steps call it by."""

    plan: str
    quantity: int = 1
    trial_days: int | None = None


@dataclass(frozen=True, kw_only=True)
class ChangePlan(Action):
    """Go to another plan or quantity."""

    plan: str = also("to", default="")
    quantity: int | None = None


@dataclass(frozen=True, kw_only=True)
class WithdrawChange(Action):
    """Take back a change that has not taken effect yet."""


@dataclass(frozen=True, kw_only=True)
class Cancel(Action):
    """End a subscription."""

    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class WithdrawCancellation(Action):
    """Let a subscription whose end is scheduled go on."""


@dataclass(frozen=True, kw_only=True)
class Use(Action):
    """Send usage events, all of this instant: `times` events of `units` each."""

    meter: str = also("metric", default="")
    units: Decimal = also("quantity", "value", default=Decimal(1))
    times: int = also("count", "events", default=1)
    properties: Mapping[str, str] = also("filters", default=None)


@dataclass(frozen=True, kw_only=True)
class CreditInvoice(Action):
    """Take back part of an invoice by a credit note; the newest one unless `invoice` names one."""

    invoice: str = "last"
    line: int | None = also("item", default=None)
    amount: Amount | None = None
    total: Amount | None = None
    reason: str = "Simulated"


@dataclass(frozen=True, kw_only=True)
class Pay(Action):
    """A payment of an invoice comes in."""

    invoice: str = "last"


@dataclass(frozen=True, kw_only=True)
class VoidInvoice(Action):
    """Take an invoice back as if it had not been issued."""

    invoice: str = "last"


@dataclass(frozen=True, kw_only=True)
class WriteOff(Action):
    """Give up what an invoice is owed."""

    invoice: str = "last"


@dataclass(frozen=True, kw_only=True)
class RunBilling(Action):
    """Run billing now, as the scheduler does anyway at every due instant."""


@dataclass(frozen=True, kw_only=True)
class MarkOverdue(Action):
    """Mark subscriptions past due whose invoice is overdue."""


ACTIONS: Mapping[str, type[Action]] = {
    "subscribe": Subscribe,
    "change_plan": ChangePlan,
    "withdraw_change": WithdrawChange,
    "cancel": Cancel,
    "withdraw_cancellation": WithdrawCancellation,
    "use": Use,
    "credit_invoice": CreditInvoice,
    "pay": Pay,
    "void_invoice": VoidInvoice,
    "write_off": WriteOff,
    "run_billing": RunBilling,
    "mark_overdue": MarkOverdue,
}
SPELLINGS: Mapping[str, str] = {
    "start": "subscribe",
    "create_subscription": "subscribe",
    "upgrade": "change_plan",
    "downgrade": "change_plan",
    "change": "change_plan",
    "change_quantity": "change_plan",
    "terminate": "cancel",
    "usage": "use",
    "send_usage": "use",
    "event": "use",
    "events": "use",
    "credit_invoice_item": "credit_invoice",
    "credit_note": "credit_invoice",
    "pay_invoice": "pay",
    "payment": "pay",
    "void": "void_invoice",
    "uncancel": "withdraw_cancellation",
    "billing_run": "run_billing",
}
Mode = Literal["minor", "major"]
