"""What is sold, and by which rules: the parts of the file that stand before the timeline."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from decimal import Decimal
from typing import Literal

from subscriptions.domain.proration_policy import (
    POLICIES,
    AnchorRule,
    ChangedTrial,
    CreditBase,
    CreditForm,
    DayGoesTo,
    Denominator,
    NotePays,
    ProrationPolicy,
    ProrationUnit,
    ThresholdSpan,
    Timing,
    TrialAnchor,
    TrialUsage,
    UnusedTime,
)
from tiktoktoe.kernel.periods import Interval, IntervalUnit
from tiktoktoe.simulator.errors import Place, ScenarioInvalid
from tiktoktoe.simulator.scenario.nodes import Text
from tiktoktoe.simulator.scenario.reading import also
from tiktoktoe.simulator.scenario.values import Amount, When, Zone

BilledIn = Literal["advance", "arrears"]
Card = Literal["none", "works", "declines"]
MONTHLY = Interval(IntervalUnit.MONTH)


@dataclass(frozen=True, kw_only=True)
class PolicyRules:
    """The rules of proration: a preset, and what is to differ from it."""

    place: Place
    preset: str = also("name", default="own")
    unit: ProrationUnit | None = None
    change_day: DayGoesTo | None = None
    cancel_day: DayGoesTo | None = None
    denominator: Denominator | None = None
    credit_base: CreditBase | None = None
    credit_form: CreditForm | None = None
    share_places: int | None = None
    usage_places: int | None = None
    anchor_rule: AnchorRule | None = None
    trial_anchor: TrialAnchor | None = None
    unused_time: UnusedTime | None = None
    upgrade_timing: Timing | None = None
    downgrade_timing: Timing | None = None
    cross_grade_timing: Timing | None = None
    bills_change_at_once: bool | None = None
    note_pays: NotePays | None = None
    resume_anchor: AnchorRule | None = None
    threshold_span: ThresholdSpan | None = None
    prorates_included: bool | None = None
    trial_usage: TrialUsage | None = None
    changed_trial: ChangedTrial | None = None

    @property
    def policy(self) -> ProrationPolicy:
        """The preset with what differs from it.

        Raises:
            ScenarioInvalid: If there is no such preset.
        """
        if self.preset not in POLICIES:
            raise ScenarioInvalid(
                f"{self.preset!r} is no policy", self.place, allowed=", ".join(POLICIES)
            )
        names = {field.name for field in fields(ProrationPolicy)} - {"name"}
        said = {name: value for name in names if (value := getattr(self, name)) is not None}
        return replace(POLICIES[self.preset], **said)

    @classmethod
    def of_text(cls, text: Text) -> "PolicyRules":
        """The preset alone."""
        return cls(place=text.place, preset=text.value.strip().lower())


@dataclass(frozen=True, kw_only=True)
class Tax:
    """A rate that customers of a country are charged; without a country, everybody.

    A second one of the same country, category and day is charged beside it, by its code.
    """

    place: Place
    rate: Decimal = also("percentage", "percent")
    code: str = "tax"
    name: str = "Tax"
    country: str = ""
    region: str = ""
    category: str = ""
    levy: str = ""
    compound: bool = also("is_compound", default=False)
    valid_from: date | None = also("from", default=None)
    valid_to: date | None = also("to", default=None)


@dataclass(frozen=True, kw_only=True)
class MeterRow:
    """What usage is counted in."""

    place: Place
    code: str = also("id")
    name: str = ""
    unit: str = "unit"
    aggregation: str = also("aggregation_type", default="sum")
    carried_over: bool = also("recurring", default=False)
    unique_property: str = also("field_name", default="")
    amount_property: str = ""
    dimensions: tuple[str, ...] = ()
    rounding: Literal["none", "up", "down", "half"] = "none"
    rounding_places: int = 0


@dataclass(frozen=True, kw_only=True)
class TierRow:
    """One step of a tiered price; `to` is the last quantity that it holds, empty on the last.

    Kill Bill says instead how many `blocks` of `block` units a tier has.
    """

    place: Place
    up_to: Decimal | None = also("to", "to_value", default=None)
    since: Decimal | None = also("from", "from_value", default=None)
    unit_price: Amount | None = also("unit", "per_unit", "unit_amount", "price", default=None)
    flat_price: Amount | None = also("flat", "flat_amount", "flat_fee", default=None)
    rate: Decimal | None = also("percentage", default=None)
    block: Decimal | None = also("block_size", default=None)
    blocks: Decimal | None = also("max", default=None)


@dataclass(frozen=True, kw_only=True)
class Filter:
    """A price of its own for the events whose properties match; the first that matches counts."""

    place: Place
    where: Mapping[str, tuple[str, ...]] = also("values", "match")
    code: str = ""
    name: str = ""
    model: str = also("charge_model", default="")
    price: Amount | None = also(
        "unit_price", "amount", "unit_amount", "package_price", default=None
    )
    package_size: Decimal | None = None
    included: Decimal = also("free_units", "included_units", default=Decimal(0))
    rate: Decimal | None = also("percentage", default=None)
    tiers: tuple[TierRow, ...] = also("ranges", default=())


@dataclass(frozen=True, kw_only=True)
class Charge:
    """A price of a plan beside its fee: for usage of a meter, or another fee."""

    place: Place
    code: str = also("id", default="")
    name: str = ""
    meter: str = also("metric", "billable_metric", default="")
    model: str = also("charge_model", default="")
    price: Amount | None = also(
        "unit_price", "amount", "unit_amount", "package_price", default=None
    )
    package_size: Decimal | None = None
    included: Decimal = also("free_units", "included_units", default=Decimal(0))
    rate: Decimal | None = also("percentage", default=None)
    free_events: int = also("included_events", "free_units_per_events", default=0)
    event_minimum: Amount | None = also(
        "per_transaction_min", "per_transaction_min_amount", default=None
    )
    event_maximum: Amount | None = also(
        "per_transaction_max", "per_transaction_max_amount", default=None
    )
    minimum: Amount | None = also("min_amount", "minimum_amount", default=None)
    prorated: bool = False
    tax_category: str = also("tax", default="")
    setup: bool = False
    tiers: tuple[TierRow, ...] = also("ranges", default=())
    filters: tuple[Filter, ...] = also("variants", default=())
    timing: BilledIn | None = None
    pay_in_advance: bool | None = also("in_advance", default=None)

    @property
    def billed_in(self) -> str:
        """When it is billed, where it says so: usage in advance is billed event by event."""
        if self.timing is not None or self.pay_in_advance is None:
            return self.timing or ""
        return "advance" if self.pay_in_advance else "arrears"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A plan: an interval, a fee (`price`), and more charges."""

    place: Place
    code: str = also("id")
    name: str = ""
    interval: Interval = also("every", "billing_period", default=MONTHLY)
    price: Amount | None = also("amount", "fee", default=None)
    per_unit: bool = also("per_seat", default=True)
    timing: BilledIn | None = None
    pay_in_advance: bool | None = also("in_advance", default=None)
    trial_days: int = also("trial", "trial_period", default=0)
    currency: str = ""
    minimum: Amount | None = also("minimum_commitment", "commitment", default=None)
    thresholds: tuple[Amount, ...] = also("usage_thresholds", default=())
    recurring_threshold: Amount | None = also("repeating_threshold", default=None)
    charges: tuple[Charge, ...] = also("prices", default=())
    rank: int = 0
    add_on: bool = also("is_add_on", default=False)
    includes_tax: bool = also("tax_inclusive", "prices_include_tax", default=False)
    tax_category: str = also("tax", default="")

    @property
    def fee_timing(self) -> str:
        """When its fee is billed; in advance unless said otherwise."""
        if self.timing is not None:
            return self.timing
        return "arrears" if self.pay_in_advance is False else "advance"


@dataclass(frozen=True, kw_only=True)
class CouponRow:
    """An amount or a percentage off, for who redeems it (`apply_coupon`)."""

    place: Place
    code: str = also("id")
    name: str = ""
    amount: Amount | None = None
    percent: Decimal | None = also("percentage", "rate", "percentage_rate", default=None)
    currency: str = ""
    monthly_cap: Amount | None = also("most_per_month", default=None)
    duration: Literal["once", "repeating", "recurring", "forever"] = also(
        "frequency", default="once"
    )
    periods: int | None = also("frequency_duration", "times", default=None)
    plans: tuple[str, ...] = also("limited_to_plans", default=())
    meters: tuple[str, ...] = also("metrics", "limited_to_metrics", default=())
    prices: tuple[str, ...] = also("charges", "limited_to_charges", default=())
    max_redemptions: int | None = None
    max_per_customer: int = 1
    expires: When | None = also("expires_at", "expiration_at", default=None)


Numbering = Literal["continuous", "per_entity", "per_customer"]


@dataclass(frozen=True, kw_only=True)
class Company:
    """Who sells: how its invoices are numbered, and when they are due."""

    place: Place
    numbering: Numbering = also("document_numbering", default="continuous")
    invoice_prefix: str = also("prefix", "document_number_prefix", default="")
    due_days: int | None = also("net_terms", "net_payment_term", default=None)


@dataclass(frozen=True, kw_only=True)
class OverdueRow:
    """A state of a customer while all its conditions hold; the strictest stands last."""

    place: Place
    name: str
    days_since_earliest_unpaid: int | None = also("days", default=None)
    unpaid_invoices: int | None = also("number_of_unpaid_invoices", default=None)
    unpaid_amount: Amount | None = also("total_unpaid_balance", default=None)
    blocks_changes: bool = also("block_changes", default=False)
    blocks_service: bool = also("disable_entitlement", default=False)


@dataclass(frozen=True, kw_only=True)
class DunningStepRow:
    """A step: so many days after an invoice fell past due."""

    place: Place
    day: int
    do: Literal["retry", "email", "banner", "restrict", "pause", "cancel", "write_off"] = also(
        "step", "kind"
    )


@dataclass(frozen=True, kw_only=True)
class Dunning:
    """What is done about what is unpaid: steps, retries, requests by currency, overdue states."""

    place: Place
    steps: tuple[DunningStepRow, ...] = ()
    retry_every_days: int | None = None
    retries_max: int | None = None
    max_attempts: int | None = also("requests_max", default=None)
    days_between_attempts: int | None = also("days_between", default=None)
    thresholds: Mapping[str, Decimal] = also(default=None)
    thresholds_cents: Mapping[str, Decimal] = also(default=None)
    states: tuple[OverdueRow, ...] = also("overdue_states", default=())


@dataclass(frozen=True, kw_only=True)
class CustomerRow:
    """Who buys."""

    place: Place
    id: str = also("code", "external_id", "name", default="customer")
    country: str = ""
    time_zone: Zone = also("timezone", "zone", default=Zone(""))
    currency: str = ""
    tax_number: str = also("vat_number", "vat_id", "tax_id", default="")
    tax_exempt: bool = also("is_tax_exempt", default=False)
    one_invoice: bool = also("is_consolidated", "consolidated", default=False)
    locale: str = "en"
    card: Card = also("payment_method", default="none")
