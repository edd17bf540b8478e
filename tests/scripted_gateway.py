"""Gateways that answer as a test says, and remember what they took: for routing between them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.test import override_settings

from billing.domain.attempts import Answer, LookUpRule
from billing.domain.declines import Decline, DeclineClass
from billing.gateways import registry
from billing.gateways.base import Capabilities, ChargeRequest, Outcome
from billing.models import GatewayCustomer, InstrumentToken, PaymentMethod, ProcessorFeeRule
from subscriptions.models import Customer
from tests.factories.subscriptions import make_customer
from tests.stripe_world import NOW

CARDS = Capabilities(
    kinds=frozenset({"card", "bank_debit"}),
    has_hosted_page=False,
    has_partial_refund=True,
    remembers_keys_for=timedelta(hours=24),
    look_up=LookUpRule(),
)


def declined(decline_class: DeclineClass, code: str = "no") -> Outcome:
    """A no of a class."""
    return Outcome(answer=Answer.DECLINED, decline=Decline(code=code, decline_class=decline_class))


CONFIGURED = {name: {"kind": "scripted"} for name in ("alpha", "beta")}
LOST = Outcome(answer=Answer.INCONCLUSIVE)
NOT_SENT = Outcome(answer=Answer.NEVER_LEFT)


@dataclass
class ScriptedGateway:
    """Says what is next in its script, then yes; the same key gets the same answer again."""

    name: str
    script: list[Outcome] = field(default_factory=list)
    taken: dict[str, Outcome] = field(default_factory=dict)  # by our reference
    asked: list[ChargeRequest] = field(default_factory=list)
    capabilities: Capabilities = CARDS
    before_answer: Callable[[], Any] = lambda: None

    def charge(self, request: ChargeRequest) -> Outcome:
        """Take the money, unless the script says otherwise."""
        self.asked.append(request)
        self.before_answer()
        if request.our_reference in self.taken:
            return self.taken[request.our_reference]
        if self.script:
            return self.script.pop(0)
        outcome = Outcome(
            answer=Answer.SUCCEEDED,
            reference=f"{self.name}-{len(self.asked)}",
            amount=request.amount,
            fee=request.amount * 0,
        )
        self.taken[request.our_reference] = outcome
        return outcome

    def authorize(self, request: ChargeRequest) -> Outcome:
        """Hold the money, unless the script says otherwise."""
        self.asked.append(request)
        if self.script:
            return self.script.pop(0)
        reference = f"{self.name}-{len(self.asked)}"
        return Outcome(answer=Answer.AUTHORIZED, reference=reference, amount=request.amount)

    def read_charge(self, reference: str) -> Outcome:
        """What was taken."""
        found = [outcome for outcome in self.taken.values() if outcome.reference == reference]
        return found[0] if found else Outcome(answer=Answer.NO_SUCH_REQUEST)

    def find_charge(self, *, our_reference: str, **_about: str | datetime) -> Outcome:
        """What was taken, by our reference."""
        return self.taken.get(our_reference, Outcome(answer=Answer.NO_SUCH_REQUEST))


class TwoGateways:
    """The gateways alpha (0.5 %) and beta (2 %), both with tokens of a customer's card."""

    def __init__(self) -> None:
        self.alpha = ScriptedGateway("alpha")
        self.beta = ScriptedGateway("beta")

    def made(self, name: str, _terms: Any) -> ScriptedGateway:
        """The gateway of a name, as the registry asks for it."""
        return {"alpha": self.alpha, "beta": self.beta}[name]

    def customer_with_card(self, *, held_by: str = "alpha beta", **terms: Any) -> Customer:
        """A customer whose default card is held by these gateways, the first one's own."""
        customer = make_customer()
        first, *others = held_by.split()
        facts = {"kind": "card", "brand": "visa", "last4": "4242", "country": "DE", **terms}
        method = PaymentMethod.objects.create(
            customer=customer,
            gateway=first,
            gateway_reference=f"{first}-{customer.pk}-{facts['kind']}",
            is_default=not customer.payment_methods.exists(),
            created_at=NOW,
            **facts,
        )
        for name in (first, *others):
            GatewayCustomer.objects.create(
                customer=customer, gateway=name, gateway_reference=f"{name}-{customer.pk}"
            )
        for name in others:
            InstrumentToken.objects.create(
                method=method, gateway=name, gateway_reference=f"{name}-{customer.pk}-token"
            )
        return customer

    @property
    def charges(self) -> int:
        """How often money was taken, at both."""
        return len(self.alpha.taken) + len(self.beta.taken)


@pytest.fixture
def gateways(settings: Any, monkeypatch: pytest.MonkeyPatch) -> TwoGateways:
    """Two gateways in place of the configured ones."""
    two = TwoGateways()
    settings.GATEWAYS = CONFIGURED
    monkeypatch.setattr(registry, "_made", two.made)
    _write_fees()
    return two


@contextmanager
def scripted_gateways() -> Iterator[TwoGateways]:
    """The same outside of a test, for a world of tests/shared_world.py."""
    two = TwoGateways()
    with override_settings(GATEWAYS=CONFIGURED), patch.object(registry, "_made", two.made):
        _write_fees()
        yield two


def _write_fees() -> None:
    for name, share in (("alpha", 50), ("beta", 200)):
        ProcessorFeeRule.objects.create(
            gateway=name, share_bps=share, valid_from="2020-01-01", source="a test"
        )
