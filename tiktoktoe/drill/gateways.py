"""The drill's two gateways of cards: how they are stored there, broken, heard and asked.

The truth is read from the sandboxes themselves, past our own clients of them.
"""

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol

import httpx

from billing.gateways.registry import gateway_named
from billing.models import InstrumentToken, PaymentMethod
from billing.services.payments.intake import kind_of_event
from billing.services.payments.payment_methods import open_setup_page, take_over_method
from subscriptions.models import Customer
from tiktoktoe.drill.truth import Contest, Moved
from tiktoktoe.drill.worker import Delivery
from tiktoktoe.sandbox.control import SandboxControl

_PROBABILITIES = {
    "reset_before": 0.05,
    "reset_after": 0.05,
    "http_500_before": 0.04,
    "http_500_after": 0.04,
    "http_429": 0.05,
    "hang_after": 0.02,
    "late": 0.05,
    "slow": 0.05,
}
ENDLESS = 1_000_000
SLOW_SECONDS = 0.2
LATE_SECONDS_MAX = 600
ANY_TEST_KEY = "sk_test_drill"


class Sandbox(Protocol):
    """A local gateway of the drill."""

    name: str
    control: SandboxControl

    def break_it(
        self, dice: random.Random, *, hang_seconds: float, is_by_chance: bool, eagerness: float
    ) -> None:
        """Let its requests go wrong: in every way that it has not yet, and by chance.

        Args:
            eagerness: How likely a request is hit by what has not struck yet.
        """
        ...

    def missing(self) -> set[str]:
        """The faults that have never struck here."""
        ...

    def contest(self, moved: Moved) -> str:
        """Contest a charge as the card's holder; gives the dispute's name."""
        ...

    def news(self) -> list[Delivery]:
        """The events since it was last asked."""
        ...

    def truth(self) -> list[Moved]:
        """What it has taken, given back and holds of anybody."""
        ...

    def contests(self) -> list[Contest]:
        """Every dispute."""
        ...


class KeepsCards(Sandbox, Protocol):
    """One that keeps cards."""

    def store(self, customer: Customer, card: str, at: datetime) -> None:
        """Let a customer store a card: good, refused, or with technical trouble at one gateway."""
        ...


class Breakable:
    """A sandbox that goes wrong in every way, for charges and for what is done to them."""

    name: str
    charges: str
    changes: str  # refunds, captures, voids
    looks: str
    control: SandboxControl

    def break_it(
        self, dice: random.Random, *, hang_seconds: float, is_by_chance: bool, eagerness: float
    ) -> None:
        """Let its requests go wrong: in every way that they have not yet, and by chance."""
        for mode, match in self._missing():
            self._add(mode, match, dice, hang_seconds, times=1, probability=eagerness)
        if not is_by_chance:
            return
        for mode, match in self._all_faults():
            terms = {"times": ENDLESS, "probability": _PROBABILITIES[mode]}
            self._add(mode, match, dice, hang_seconds, **terms)
        looks = {"times": ENDLESS, "probability": 0.1, "seed": dice.getrandbits(32)}
        self.control.add_fault(self.looks, "http_500_before", **looks)

    def missing(self) -> set[str]:
        """The faults that have never struck here."""
        kinds = {self.charges: "charges", self.changes: "what is done to them"}
        return {f"{mode} of {kinds[match]}" for mode, match in self._missing()}

    def _missing(self) -> list[tuple[str, str]]:
        struck = self.control.stats()["struck"]
        return [
            (mode, match) for mode, match in self._all_faults() if f"{mode} {match}" not in struck
        ]

    def _all_faults(self) -> list[tuple[str, str]]:
        return [(mode, match) for match in (self.charges, self.changes) for mode in _PROBABILITIES]

    def _add(
        self, mode: str, match: str, dice: random.Random, hang_seconds: float, **terms: float
    ) -> None:
        given = {"seconds": _SECONDS.get(mode, hang_seconds), "seed": dice.getrandbits(32), **terms}
        if mode == "http_500_after":
            given["is_kept"] = bool(dice.getrandbits(1))
        self.control.add_fault(match, mode, **given)


_SECONDS = {"slow": SLOW_SECONDS, "late": LATE_SECONDS_MAX}


class Stripe(Breakable):
    """Stripe's stand-in; customers' cards have their first token there."""

    name = "stripe"
    charges = "POST /v1/payment_intents$"
    changes = "POST /v1/(refunds|payment_intents/[^/]+/(capture|cancel))$"
    looks = "GET /v1/payment_intents"
    _numbers: Mapping[str, str] = {
        "good": "4242424242424242",
        "technical": "4242424242424242",
        "held": "4242424242424242",
        "refund_fails": "4000000000005126",
        "refused": "4000000000000341",  # it can be stored, and is declined when it is charged
    }

    def __init__(self, address: str) -> None:
        self.control = SandboxControl(address)
        self._bare = httpx.Client(base_url=address, auth=(ANY_TEST_KEY, ""), timeout=60)
        self._heard: set[str] = set()

    def store(self, customer: Customer, card: str, at: datetime) -> None:
        session = open_setup_page(customer=customer, at=at).rpartition("/")[2]
        own = customer.external_id  # a card that all shared would use up its network's tries
        self.control.complete_checkout(session, card=self._numbers[card], copy=own)
        assert take_over_method(session=session, customer=customer, at=at) is not None

    def contest(self, moved: Moved) -> str:
        return str(self.control.dispute(moved.reference)["id"])

    def news(self) -> list[Delivery]:
        fresh = list(self._all("/v1/events", known=self._heard))
        self._heard |= {event["id"] for event in fresh}
        return [Delivery(self.name, event) for event in fresh if _is_heard(event["type"])]

    def truth(self) -> list[Moved]:
        refunded, withheld = Counter[str](), Counter[str]()
        for refund in self._all("/v1/refunds"):
            refunded[refund["payment_intent"]] += _what_came_through(refund)
        for dispute in self._all("/v1/disputes"):
            moves = [-moved["amount"] for moved in dispute["balance_transactions"]]
            withheld[dispute["payment_intent"]] += sum(moves)
        return [
            Moved(
                gateway=self.name,
                attempt=intent["metadata"].get("attempt_id", ""),
                taken=intent["amount_received"],
                refunded=refunded[intent["id"]],
                withheld=withheld[intent["id"]],
                held=intent["amount_capturable"],
                reference=intent["latest_charge"],
            )
            for intent in self._all("/v1/payment_intents")
            if intent["amount_received"] or intent["amount_capturable"]
        ]

    def contests(self) -> list[Contest]:
        return [
            Contest(self.name, dispute["id"], _ENDS.get(dispute["status"], "open"))
            for dispute in self._all("/v1/disputes")
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


class Adyen(Breakable):
    """Adyen's stand-in; it holds the same card under a further token."""

    name = "adyen"
    charges = "POST /v72/payments$"
    changes = "POST /v72/payments/[^/]+/(refunds|captures|cancels)$"
    looks = "GET /v72/"
    _holders: Mapping[str, str] = {
        "good": "",
        "held": "",
        "technical": "THEN ERROR",
        "refund_fails": "REFUND FAILS",
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

    def contest(self, moved: Moved) -> str:
        return str(self.control.dispute(moved.reference)["id"])

    def truth(self) -> list[Moved]:
        withheld = Counter[str]()
        for dispute in self.control.disputes():
            is_taken = dispute["stage"] in _TAKEN_STAGES
            withheld[dispute["payment"]] += dispute["amount"]["value"] if is_taken else 0
        return [
            Moved(
                gateway=self.name,
                attempt=payment["merchantReference"],
                taken=payment["captured"],
                refunded=payment["refunded"],
                withheld=withheld[payment["id"]],
                held=_only_held(payment),
                reference=payment["id"],
            )
            for payment in self.control.payments()
            if payment["captured"] or _only_held(payment)
        ]

    def contests(self) -> list[Contest]:
        return [
            Contest(self.name, dispute["id"], _ENDS.get(dispute["stage"], "open"))
            for dispute in self.control.disputes()
        ]


_ENDS = {"won": "won", "lost": "lost", "accepted": "lost"}
_TAKEN_STAGES = frozenset({"charged_back", "lost", "accepted"})


def _is_heard(kind: str) -> bool:
    """Whether our receiver listens to events of Stripe's of this kind, and the drill has any."""
    return kind_of_event(kind) in {"payment_intent", "refund", "dispute"}


def _what_came_through(refund: dict[str, Any]) -> int:
    return refund["amount"] if refund["status"] == "succeeded" else 0


def _only_held(payment: dict[str, Any]) -> int:
    """What was captured in part ends with its last capture, whatever was left of it."""
    waits = payment["status"] == "authorised" and payment["isManual"] and not payment["captured"]
    return payment["amount"]["value"] if waits else 0
