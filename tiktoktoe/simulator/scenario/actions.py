"""What can be done on the timeline: one dataclass for each `do`, its fields are its keys.

Whoever adds one here adds how it is played in tiktoktoe.simulator.acts, and a row in
docs/simulate.md; a test holds the three together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from subscriptions.domain.proration_policy import Timing, UnusedTime
from tiktoktoe.simulator.errors import Place
from tiktoktoe.simulator.scenario.catalog import Card, Numbering
from tiktoktoe.simulator.scenario.reading import also
from tiktoktoe.simulator.scenario.values import Amount, When


@dataclass(frozen=True, kw_only=True)
class Action:
    """What every action may name; both may be left out where there is only one."""

    place: Place
    customer: str = ""
    subscription: str = also("id", "sub", default="")


@dataclass(frozen=True, kw_only=True)
class Subscribe(Action):
    """Start a subscription; `subscription` is the name that later steps call it by.

    On the day `starts`, if it is to come or within the open period; else today. In the
    customer's currency, or (`currency`) in another one that its plan is sold in.
    """

    plan: str
    quantity: int = 1
    trial_days: int | None = None
    alignment: Literal["anniversary", "calendar"] = also("billing_time", default="anniversary")
    billing_day: int | None = also("bill_cycle_day", "bcd", "anchor_day", default=None)
    starts: When | None = also("starts_at", "starts_on", "start", default=None)
    add_ons: Mapping[str, int] = also(default=None)
    currency: str = ""


@dataclass(frozen=True, kw_only=True)
class WithdrawStart(Action):
    """Take back a start that waits for its day."""


@dataclass(frozen=True, kw_only=True)
class ChangePlan(Action):
    """Go to another plan or quantity: as the policy says, or (`on`) on a day to come.

    A day that is over: from then on, billed today.
    """

    plan: str = also("to", default="")
    quantity: int | None = None
    on: date | None = also("on_day", "effective", default=None)
    when: Timing | None = also("timing", default=None)
    prorate: bool | None = also("prorates", default=None)
    unused: UnusedTime | None = also("credit", "on_termination", default=None)
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class WithdrawChange(Action):
    """Take back a change that has not taken effect yet; `on`: the one, or the pause, of a day."""

    on: date | None = also("on_day", "effective", default=None)


@dataclass(frozen=True, kw_only=True)
class SetAddOn(Action):
    """Have so many of an add-on (a plan with `add_on: true`) beside the plan; 0 takes it off."""

    plan: str = also("add_on", "to")
    quantity: int = 1
    on: date | None = also("on_day", "effective", default=None)
    when: Timing | None = also("timing", default=None)
    prorate: bool | None = also("prorates", default=None)
    unused: UnusedTime | None = also("credit", default=None)
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Cancel(Action):
    """End a subscription: now, at the end of its period, or (`on`) on a day."""

    when: Literal["now", "period_end", "on_day"] = also("timing", default="now")
    on: date | None = also("on_day", default=None)
    unused: UnusedTime | None = also("credit", "on_termination", default=None)
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Pause(Action):
    """Pause it now, when its period ends, or (`on`) on a day, until a day or somebody comes."""

    when: Literal["now", "period_end"] = also("timing", default="now")
    on: date | None = also("on_day", "effective", default=None)
    resume_on: date | None = also("until", default=None)
    unused: UnusedTime | None = also("credit", default=None)
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Resume(Action):
    """Let what is paused go on: now, or (`on`) by itself when a day begins."""

    on: date | None = also("on_day", "effective", default=None)
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class MoveTrialEnd(Action):
    """Let a trial end on another day: its first day that is not free."""

    ends_on: date = also("until", "to")
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class EndTrial(Action):
    """End a trial today and bill from today on."""

    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class WithdrawCancellation(Action):
    """Let a subscription whose end is scheduled go on."""


@dataclass(frozen=True, kw_only=True)
class WithdrawPause(Action):
    """Let what is to be paused with the end of its period go on."""


@dataclass(frozen=True, kw_only=True)
class WithdrawResumption(Action):
    """Let what is paused until a day rest until somebody resumes it."""


@dataclass(frozen=True, kw_only=True)
class StartAgain(Action):
    """Begin anew what has ended, on its plan's prices of then: today, or (`on`) as of a day.

    Of a day to come it is planned. The name of the subscription is that of the new one from then
    on.
    """

    on: date | None = also("since", "starts", "starts_on", default=None)


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
    to_refund: Amount | None = also("refund", default=None)
    to_balance: Amount | None = also("credit", default=None)
    reason: str = "Simulated"


@dataclass(frozen=True, kw_only=True)
class ChargeRow:
    """One of several things that are charged on one invoice."""

    place: Place
    amount: Amount = also("unit_price", "price")
    quantity: Decimal = also("units", default=Decimal(1))
    name: str = also("description", default="One-off charge")
    tax_category: str = also("tax", default="")


@dataclass(frozen=True, kw_only=True)
class ChargeOnce(Action):
    """Invoice something once, for no subscription: `quantity` at `amount` each, or `lines`."""

    amount: Amount | None = also("unit_price", "price", default=None)
    lines: tuple[ChargeRow, ...] = also("fees", "items", default=())
    quantity: Decimal = also("units", default=Decimal(1))
    name: str = also("description", default="One-off charge")
    currency: str = ""
    tax_category: str = also("tax", default="")
    coupons: bool = also("takes_coupons", default=False)
    due_days: int | None = also("net_terms", "net_payment_term", default=None)
    draft: bool = also("is_draft", default=False)


@dataclass(frozen=True, kw_only=True)
class GrantCredit(Action):
    """Give a customer credit that pays open invoices, and later ones."""

    amount: Amount
    currency: str = ""
    reason: str = "Simulated"


@dataclass(frozen=True, kw_only=True)
class WithdrawCredit(GrantCredit):
    """Take back credit that was given and is not used yet."""


@dataclass(frozen=True, kw_only=True)
class TopUpWallet(Action):
    """Put prepaid credits into a customer's wallet: for nothing, or (`paid`) by an invoice.

    With `plans` or `meters` the wallet pays only for those from now on.
    """

    amount: Amount = also("credits", "granted_credits")
    wallet: str = "Wallet"
    currency: str = ""
    paid: bool = also("is_paid", "invoiced", default=False)
    plans: tuple[str, ...] = also("limited_to_plans", default=())
    meters: tuple[str, ...] = also("metrics", "limited_to_metrics", default=())
    expires: When | None = also("expires_at", "expiration_at", default=None)
    reason: str = "Simulated"


@dataclass(frozen=True, kw_only=True)
class VoidPrepaid(Action):
    """Take prepaid credits out of a customer's wallet before anything used them; all by default."""

    amount: Amount | None = also("credits", "voided_credits", default=None)
    wallet: str = "Wallet"
    currency: str = ""
    reason: str = "Simulated"


@dataclass(frozen=True, kw_only=True)
class SetWallet(Action):
    """Open a wallet, or change one: what it may pay for, and when it buys more by itself."""

    wallet: str = "Wallet"
    currency: str = ""
    priority: int | None = None
    plans: tuple[str, ...] = also("limited_to_plans", default=())
    meters: tuple[str, ...] = also("metrics", "limited_to_metrics", default=())
    top_up: Amount | None = also("top_up_amount", "recurring_credits", default=None)
    top_up_below: Amount | None = also("threshold_credits", default=None)
    top_up_every: Literal["", "week", "month", "quarter", "year"] = also(
        "top_up_interval", default=""
    )
    top_up_from: date | None = also("top_up_starts", default=None)


@dataclass(frozen=True, kw_only=True)
class ApplyCoupon(Action):
    """A customer redeems a coupon; with `subscription`, for that one only."""

    coupon: str = also("code")


@dataclass(frozen=True, kw_only=True)
class Pay(Action):
    """A payment of an invoice comes in, of part of it (`amount`), or of `all` that is owed."""

    invoice: str = "last"
    amount: Amount | None = None


@dataclass(frozen=True, kw_only=True)
class VoidInvoice(Action):
    """Take an invoice back as if it had not been issued."""

    invoice: str = "last"


@dataclass(frozen=True, kw_only=True)
class WriteOff(Action):
    """Give up what an invoice is owed."""

    invoice: str = "last"


@dataclass(frozen=True, kw_only=True)
class ChangeNumbering(Action):
    """Number invoices otherwise from now on."""

    mode: Numbering = also("numbering", "document_numbering")
    prefix: str = also("invoice_prefix", "document_number_prefix", default="")


@dataclass(frozen=True, kw_only=True)
class RunBilling(Action):
    """Run billing now, as the scheduler does anyway at every due instant."""


@dataclass(frozen=True, kw_only=True)
class SetCard(Action):
    """From now on the customer's stored card is accepted, is refused, or is not there."""

    card: Card = also("to")


@dataclass(frozen=True, kw_only=True)
class RunDunning(Action):
    """Ask for what is overdue, where the campaign's thresholds, number and days allow it."""


@dataclass(frozen=True, kw_only=True)
class MarkOverdue(Action):
    """Mark subscriptions past due whose invoice is overdue."""


ACTIONS: Mapping[str, type[Action]] = {
    "subscribe": Subscribe,
    "withdraw_start": WithdrawStart,
    "change_plan": ChangePlan,
    "withdraw_change": WithdrawChange,
    "set_add_on": SetAddOn,
    "cancel": Cancel,
    "pause": Pause,
    "resume": Resume,
    "move_trial_end": MoveTrialEnd,
    "end_trial": EndTrial,
    "withdraw_cancellation": WithdrawCancellation,
    "withdraw_pause": WithdrawPause,
    "withdraw_resumption": WithdrawResumption,
    "start_again": StartAgain,
    "use": Use,
    "charge_once": ChargeOnce,
    "credit_invoice": CreditInvoice,
    "grant_credit": GrantCredit,
    "withdraw_credit": WithdrawCredit,
    "top_up_wallet": TopUpWallet,
    "void_prepaid": VoidPrepaid,
    "set_wallet": SetWallet,
    "apply_coupon": ApplyCoupon,
    "pay": Pay,
    "void_invoice": VoidInvoice,
    "write_off": WriteOff,
    "change_numbering": ChangeNumbering,
    "run_billing": RunBilling,
    "mark_overdue": MarkOverdue,
    "set_card": SetCard,
    "run_dunning": RunDunning,
}
SPELLINGS: Mapping[str, str] = {
    "start": "subscribe",
    "create_subscription": "subscribe",
    "upgrade": "change_plan",
    "downgrade": "change_plan",
    "change": "change_plan",
    "change_quantity": "change_plan",
    "add_on": "set_add_on",
    "terminate": "cancel",
    "extend_trial": "move_trial_end",
    "reactivate": "start_again",
    "convert_trial": "end_trial",
    "usage": "use",
    "send_usage": "use",
    "event": "use",
    "events": "use",
    "one_off": "charge_once",
    "one_off_invoice": "charge_once",
    "external_charge": "charge_once",
    "credit_invoice_item": "credit_invoice",
    "credit_note": "credit_invoice",
    "credit_account": "grant_credit",
    "credit_customer": "grant_credit",
    "grant_prepaid": "top_up_wallet",
    "create_wallet": "top_up_wallet",
    "open_wallet": "set_wallet",
    "limit_wallet": "set_wallet",
    "void_credits": "void_prepaid",
    "void_wallet": "void_prepaid",
    "redeem_coupon": "apply_coupon",
    "pay_invoice": "pay",
    "payment": "pay",
    "void": "void_invoice",
    "uncancel": "withdraw_cancellation",
    "billing_run": "run_billing",
    "dunning": "run_dunning",
    "perform_dunning": "run_dunning",
    "set_payment_method": "set_card",
}
