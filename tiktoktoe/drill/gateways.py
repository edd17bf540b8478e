"""The drill's two gateways: how cards are stored there, they are broken, heard and asked.

The truth is read from the sandboxes themselves, past our own clients of them.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import httpx

from billing.gateways.registry import gateway_named
from billing.models import InstrumentToken, PaymentMethod
from billing.services.payments.payment_methods import open_setup_page, take_over_method
from subscriptions.models import Customer
from tiktoktoe.drill.worker import Delivery
from tiktoktoe.sandbox.control import SandboxControl

FAULTS = (
    ("reset_before", 0.05),
    ("reset_after", 0.05),
    ("http_500_before", 0.04),
    ("http_500_after", 0.04),
    ("http_429", 0.05),
    ("hang_after", 0.02),
    ("slow", 0.05),
)
ENDLESS = 1_000_000
SLOW_SECONDS = 0.2
ANY_TEST_KEY = "sk_test_drill"


@dataclass(frozen=True, slots=True)
class Charge:
    """Money that a gateway has taken."""

    gateway: str
    attempt: str
    minor: int


class Sandbox(Protocol):
    """A local gateway of the drill."""

    name: str
    control: SandboxControl

    def break_it(self, dice: random.Random, *, hang_seconds: float) -> None:
        """Let its requests go wrong in every way, by chance."""
        ...

    def store(self, customer: Customer, card: str, at: datetime) -> None:
        """Let a customer store a card: good, refused, or with technical trouble at one gateway."""
        ...

    def news(self) -> list[Delivery]:
        """The events since it was last asked."""
        ...

    def truth(self) -> list[Charge]:
        """Everything that it has taken from anybody."""
        ...


class _Breakable:
    charges: str
    looks: str
    control: SandboxControl

    def break_it(self, dice: random.Random, *, hang_seconds: float) -> None:
        self.control.clear_faults()
        for mode, probability in FAULTS:
            terms = {"times": ENDLESS, "probability": probability, "seed": dice.getrandbits(32)}
            terms["seconds"] = SLOW_SECONDS if mode == "slow" else hang_seconds
            if mode == "http_500_after":
                terms["is_kept"] = bool(dice.getrandbits(1))
            self.control.add_fault(self.charges, mode, **terms)
        looks = {"times": ENDLESS, "probability": 0.1, "seed": dice.getrandbits(32)}
        self.control.add_fault(self.looks, "http_500_before", **looks)


class Stripe(_Breakable):
    """Stripe's stand-in; customers' cards have their first token there."""

    name = "stripe"
    charges = "POST /v1/payment_intents$"
    looks = "GET /v1/payment_intents"
    _numbers: Mapping[str, str] = {
        "good": "4242424242424242",
        "technical": "4242424242424242",
        "refused": "4000000000000341",  # it can be stored, and is declined when it is charged
    }

    def __init__(self, address: str) -> None:
        self.control = SandboxControl(address)
        self._bare = httpx.Client(base_url=address, auth=(ANY_TEST_KEY, ""), timeout=60)
        self._heard: set[str] = set()

    def store(self, customer: Customer, card: str, at: datetime) -> None:
        session = open_setup_page(customer=customer, at=at).rpartition("/")[2]
        self.control.complete_checkout(session, card=self._numbers[card])
        assert take_over_method(session=session, customer=customer, at=at) is not None

    def news(self) -> list[Delivery]:
        fresh = [
            event
            for event in self._all("/v1/events", known=self._heard)
            if event["data"]["object"]["object"] == "payment_intent"
        ]
        self._heard |= {event["id"] for event in fresh}
        return [Delivery(self.name, event) for event in fresh]

    def truth(self) -> list[Charge]:
        return [
            Charge(self.name, intent["metadata"].get("attempt_id", ""), intent["amount_received"])
            for intent in self._all("/v1/payment_intents")
            if intent["amount_received"]
        ]

    def charge_bare(self) -> None:
        """One bare round trip that charges somebody: what every payment needs at the least."""
        body = {
            "amount": "9900",
            "currency": "usd",
            "payment_method": "pm_card_visa",
            "payment_method_types[]": "card",
            "confirm": "true",
        }
        self._bare.post("/v1/payment_intents", data=body).raise_for_status()

    def _all(self, path: str, known: set[str] | None = None) -> Iterator[dict[str, Any]]:
        """A list, the newest first, down to what is known already."""
        after: dict[str, str] = {}
        while True:
            answer = self._bare.get(path, params={"limit": "100", **after}).raise_for_status()
            page = answer.json()
            for row in page["data"]:
                if known and row["id"] in known:
                    return
                yield row
            if not page["has_more"]:
                return
            after = {"starting_after": page["data"][-1]["id"]}


class Adyen(_Breakable):
    """Adyen's stand-in; it holds the same card under a further token."""

    name = "adyen"
    charges = "POST /v72/payments$"
    looks = "GET /v72/"
    _holders: Mapping[str, str] = {
        "good": "",
        "technical": "THEN ERROR",
        "refused": "THEN DECLINED",
    }
    _card = "4111111111111111"

    def __init__(self, address: str) -> None:
        self.control = SandboxControl(address)
        self._heard = 0

    def store(self, customer: Customer, card: str, at: datetime) -> None:
        page = open_setup_page(customer=customer, at=at, gateway=self.name)
        link = page.rpartition("/")[2]
        self.control.complete_checkout(link, card=self._card, holder=self._holders[card])
        details = gateway_named(self.name).read_page(link).method
        assert details is not None
        InstrumentToken.objects.create(
            method=PaymentMethod.objects.get(customer=customer, is_default=True),
            gateway=self.name,
            gateway_reference=details.reference,
            created_at=at,
        )

    def news(self) -> list[Delivery]:
        fresh = self.control.notifications(after=self._heard)
        self._heard += len(fresh)
        return [Delivery(self.name, event) for event in fresh]

    def truth(self) -> list[Charge]:
        return [
            Charge(self.name, payment["merchantReference"], payment["captured"])
            for payment in self.control.payments()
            if payment["captured"]
        ]
