"""Where an invoice line comes from: every input and step, as exact strings.

It is kept with the line as JSON and answers "explain this line" years later, when the
prices, the code and perhaps the events' table have changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import takewhile
from typing import Any

from billing.domain.minimums import exact_left
from billing.domain.price_terms import PriceTerms
from billing.domain.rating import Rated
from billing.domain.rating_steps import Step as RatingStep
from billing.domain.thresholds import BilledEarly
from subscriptions.domain.proration import Proration
from tiktoktoe.kernel.clock import utc
from tiktoktoe.kernel.money import Money
from tiktoktoe.kernel.periods import Period
from tiktoktoe.kernel.rates import TIMES, exact_text

SCHEMA = 1
CREDIT_KIND = "proration_credit"
ROUNDING_RULE = "rounded once, half away from zero"
COUPON_STEP = "coupon "
ROUNDED_STEP = "rounded"
DISCOUNT_RULE = "rounded so that the discounts of all lines add up to the coupons"


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivationStep:
    """A line of the arithmetic: what it is, how it was worked out, what it came to."""

    label: str
    formula: str
    amount: str

    def to_json(self) -> dict[str, str]:
        """As JSON."""
        return {"label": self.label, "formula": self.formula, "amount": self.amount}


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which usage events were counted: a meter's, a customer's, by `counted_at` in a period.

    `dimensions` are the values that a variant was for, as PostgreSQL writes them; `whole` is
    the billing period that a prorated or weighted quantity is a share of.
    """

    customer_id: int
    meter: str
    period: Period
    dimensions: tuple[str, ...] | None = None
    whole: Period | None = None
    is_prorated: bool = False
    rounds_up_to: int | None = None

    def to_json(self) -> dict[str, Any]:
        """As JSON; what is not said is left out."""
        body: dict[str, Any] = {
            "customer_id": self.customer_id,
            "meter": self.meter,
            "start": self.period.start.isoformat(),
            "end": self.period.end.isoformat(),
        }
        if self.dimensions is not None:
            body["dimensions"] = list(self.dimensions)
        if self.whole is not None:
            body["whole_start"] = self.whole.start.isoformat()
            body["whole_end"] = self.whole.end.isoformat()
        if self.is_prorated:
            body["is_prorated"] = True
        if self.rounds_up_to is not None:
            body["rounds_up_to"] = self.rounds_up_to
        return body


@dataclass(frozen=True, slots=True, kw_only=True)
class Derivation:
    """How a line's amount was made.

    `price` says which version of which price; `inputs` what went in, `steps` what was done;
    `exact` is the sum of the steps, `amount` what it was rounded to; `rule` names the policy,
    `policy` holds its rules as they were.
    """

    kind: str
    price: Mapping[str, str]
    inputs: Mapping[str, str]
    steps: tuple[DerivationStep, ...]
    exact: str
    amount: str
    currency: str
    rule: str = ""
    events: EventFilter | None = None
    notes: tuple[str, ...] = field(default=())
    policy: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As JSON that holds only strings, so that no number loses a digit."""
        return {
            "schema": SCHEMA,
            "kind": self.kind,
            "price": dict(self.price),
            "inputs": dict(self.inputs),
            "steps": [step.to_json() for step in self.steps],
            "exact": self.exact,
            "amount": self.amount,
            "currency": self.currency,
            "rule": self.rule,
            "events": self.events.to_json() if self.events else None,
            "notes": list(self.notes),
            "policy": dict(self.policy),
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "Derivation":
        """What `to_json` wrote.

        Raises:
            KeyError: If it did not write this.
        """
        return cls(
            kind=body["kind"],
            price=dict(body["price"]),
            inputs=dict(body["inputs"]),
            steps=tuple(DerivationStep(**step) for step in body["steps"]),
            exact=body["exact"],
            amount=body["amount"],
            currency=body["currency"],
            rule=body["rule"],
            events=_events(body["events"]),
            notes=tuple(body["notes"]),
            policy=dict(body.get("policy", {})),
        )


def rated_derivation(
    rated: Rated,
    terms: PriceTerms,
    *,
    kind: str,
    price: Mapping[str, str],
    events: EventFilter | None = None,
) -> Derivation:
    """How a rated quantity became a line's amount.

    Args:
        rated: The arithmetic.
        terms: The price that was applied.
        kind: The line's kind: recurring or usage.
        price: What identifies the price: plan, version, code, name.
        events: Which events made the quantity, for usage.
    """
    inputs = {"quantity": exact_text(rated.quantity)}
    if rated.included:
        inputs |= {
            "included": exact_text(rated.included),
            "billable": exact_text(rated.billable),
        }
    return Derivation(
        kind=kind,
        price={**price, "model": str(terms.model)},
        inputs=inputs,
        steps=tuple(_step(step) for step in rated.steps),
        exact=exact_text(rated.amount),
        amount=str(rated.rounded.amount),
        currency=terms.currency,
        rule=ROUNDING_RULE,
        events=events,
    )


def proration_derivation(
    proration: Proration, *, kind: str, price: Mapping[str, str]
) -> Derivation:
    """How a part of a price became a line's amount; a credit's amount is negative.

    Args:
        proration: The arithmetic.
        kind: The line's kind: proration_charge, proration_credit, or recurring.
        price: What identifies the price: plan, version, code, name.
    """
    sign = -1 if kind == CREDIT_KIND else 1
    inputs = {
        "price": exact_text(proration.price.amount),
        "units": f"{proration.units} {proration.unit}s",
        "of": f"{proration.whole_units} {proration.unit}s",
        "from": proration.starts_at.isoformat(),
        "to": proration.ends_at.isoformat(),
    }
    if proration.limit is not None:
        inputs["limit"] = exact_text(proration.limit.amount)
    amount = str(sign * proration.amount.amount)
    label = "unused time" if kind == CREDIT_KIND else "part of the period"
    return Derivation(
        kind=kind,
        price=price,
        inputs=inputs,
        steps=(DerivationStep(label=label, formula=proration.formula, amount=amount),),
        exact=_shown(sign * proration.exact),
        amount=amount,
        currency=proration.price.currency.code,
        rule=f"proration policy {proration.policy.name}",
        policy=proration.policy.to_json(),
    )


def true_up_derivation(
    *, minimum: Decimal, share: Fraction, used: Money, amount: Money, price: Mapping[str, str]
) -> Derivation:
    """How the rest of a minimum became a line's amount.

    Args:
        minimum: Of a whole period.
        share: Of the period that counts.
        used: What was charged for it.
        amount: What was left, rounded.
        price: What identifies the price, or the plan version.
    """
    exact = _shown(exact_left(minimum, share, used))
    part = "" if share == 1 else f" {TIMES} {share}"
    formula = f"{exact_text(minimum)}{part} - {exact_text(used.amount)} = {exact}"
    return Derivation(
        kind="true_up",
        price=price,
        inputs={
            "minimum": exact_text(minimum),
            "share": exact_text(share),
            "charged": exact_text(used.amount),
        },
        steps=(DerivationStep(label="up to the minimum", formula=formula, amount=exact),),
        exact=exact,
        amount=str(amount.amount),
        currency=amount.currency.code,
        rule=ROUNDING_RULE,
    )


def less_billed_ahead(derivation: Derivation, *, before: Money, left: Money) -> Derivation:
    """The same, less what was billed of it as it came."""
    taken = exact_text(-before.amount)
    step = DerivationStep(label="billed as it came", formula=taken, amount=taken)
    exact = Decimal(derivation.exact) - before.amount
    return replace(
        derivation,
        steps=(*derivation.steps, step),
        exact=exact_text(exact),
        amount=str(left.amount),
    )


def early_derivation(billed: BilledEarly, share: Money) -> Derivation:
    """How what an earlier invoice charged for the same usage is taken off."""
    formula = f"-{exact_text(share.amount)} of {exact_text(billed.amount.amount)}"
    return Derivation(
        kind="usage_credit",
        price={"name": f"Invoice {billed.number}"},
        inputs={"billed": exact_text(billed.amount.amount), "billed_invoice": billed.invoice_id},
        steps=(DerivationStep(label="billed before", formula=formula, amount=str(-share.amount)),),
        exact=exact_text(-share.amount),
        amount=str(-share.amount),
        currency=share.currency.code,
        rule="what was billed early is taken off once",
    )


def prepaid_derivation(amount: Money, wallet: str) -> Derivation:
    """How prepaid credits are charged: one for one."""
    text = exact_text(amount.amount)
    return Derivation(
        kind="prepaid",
        price={"name": wallet},
        inputs={},
        steps=(DerivationStep(label="prepaid credits", formula=text, amount=text),),
        exact=text,
        amount=str(amount.amount),
        currency=amount.currency.code,
        rule="one for one; tax is on the invoices that they pay",
    )


def discounted_derivation(
    derivation: Derivation,
    steps: tuple[DerivationStep, ...],
    *,
    exact: Fraction,
    amount: Money,
) -> Derivation:
    """How coupons went on from a line's payable amount; their shares are rounded together."""
    before = derivation.amount
    rounded: tuple[DerivationStep, ...] = ()
    # A prorated part is rounded in its own step already.
    so_far = sum((Fraction(step.amount) for step in derivation.steps), Fraction(0))
    if so_far != Fraction(before):
        formula = f"{derivation.exact} rounded to {before}"
        gained = _shown(Fraction(before) - so_far)
        rounded = (DerivationStep(label=ROUNDED_STEP, formula=formula, amount=gained),)
    return replace(
        derivation,
        steps=(*derivation.steps, *rounded, *steps),
        exact=_shown(exact),
        amount=str(amount.amount),
        rule=DISCOUNT_RULE,
    )


def undiscounted(derivation: Derivation, amount: Money) -> Derivation:
    """The same before coupons, when it came to so much; without coupons it stays as it is."""
    if derivation.rule != DISCOUNT_RULE:
        return derivation
    steps = list(takewhile(lambda step: not step.label.startswith(COUPON_STEP), derivation.steps))
    if steps and steps[-1].label == ROUNDED_STEP:
        steps.pop()
    exact = sum((Fraction(step.amount) for step in steps), Fraction(0))
    return replace(
        derivation,
        steps=tuple(steps),
        exact=_shown(exact),
        amount=str(amount.amount),
        rule=ROUNDING_RULE,
    )


def _shown(value: Fraction) -> str:
    """As a decimal where it ends soon, else as the fraction that it is."""
    scaled = value * 10**10
    if scaled.denominator == 1:
        return exact_text(Decimal(scaled.numerator).scaleb(-10))
    return exact_text(value)


def _step(step: RatingStep) -> DerivationStep:
    return DerivationStep(label=step.label, formula=step.formula, amount=exact_text(step.amount))


def _events(body: Mapping[str, Any] | None) -> EventFilter | None:
    if body is None:
        return None
    dimensions = body.get("dimensions")
    return EventFilter(
        customer_id=body["customer_id"],
        meter=body["meter"],
        period=Period(_instant(body["start"]), _instant(body["end"])),
        dimensions=None if dimensions is None else tuple(dimensions),
        whole=(
            Period(_instant(body["whole_start"]), _instant(body["whole_end"]))
            if "whole_start" in body
            else None
        ),
        is_prorated=body.get("is_prorated", False),
        rounds_up_to=body.get("rounds_up_to"),
    )


def _instant(text: str) -> datetime:
    return utc(datetime.fromisoformat(text))
