"""Where an invoice line comes from: every input and step, as exact strings.

It is kept with the line as JSON and answers "explain this line" years later, when the
prices, the code and perhaps the events' table have changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from billing.domain.rating import PriceTerms, Rated
from billing.domain.rating import Step as RatingStep
from subscriptions.domain.proration import Proration
from tiktoktoe.kernel.clock import utc
from tiktoktoe.kernel.periods import Period
from tiktoktoe.kernel.rates import exact_text

SCHEMA = 1
CREDIT_KIND = "proration_credit"


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
    """Which usage events were counted: a meter's, a customer's, by `counted_at` in a period."""

    customer_id: int
    meter: str
    period: Period

    def to_json(self) -> dict[str, str | int]:
        """As JSON."""
        return {
            "customer_id": self.customer_id,
            "meter": self.meter,
            "start": self.period.start.isoformat(),
            "end": self.period.end.isoformat(),
        }


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
        rule="rounded once, half away from zero",
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
        exact=exact_text(sign * proration.exact),
        amount=amount,
        currency=proration.price.currency.code,
        rule=f"proration policy {proration.policy.name}",
        policy=proration.policy.to_json(),
    )


def _step(step: RatingStep) -> DerivationStep:
    return DerivationStep(label=step.label, formula=step.formula, amount=exact_text(step.amount))


def _events(body: Mapping[str, Any] | None) -> EventFilter | None:
    if body is None:
        return None
    period = Period(_instant(body["start"]), _instant(body["end"]))
    return EventFilter(customer_id=body["customer_id"], meter=body["meter"], period=period)


def _instant(text: str) -> datetime:
    return utc(datetime.fromisoformat(text))
