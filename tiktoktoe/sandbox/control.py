"""How tests and the demo steer a running sandbox, and act as its customers."""

from datetime import datetime
from typing import Any

import httpx


class SandboxControl:
    """A client of the controls under /_sandbox/."""

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        self._client = httpx.Client(timeout=30)

    def add_fault(self, match: str, mode: str, **terms: float) -> None:
        """Let requests whose "METHOD /path" matches go wrong; see sandbox.stripe.faults."""
        self._post("faults", {"match": match, "mode": mode, **terms})

    def clear_faults(self) -> None:
        """Let everything work again."""
        self._post("faults/clear", {})

    def set_clock(self, at: datetime) -> None:
        """Let it be a certain time in the sandbox."""
        self._post("clock", {"set": int(at.timestamp())})

    def advance_clock(self, seconds: int) -> None:
        """Let time pass in the sandbox."""
        self._post("clock", {"advance": seconds})

    def set_webhooks(
        self,
        *,
        copies: int = 1,
        is_shuffled: bool = False,
        is_held: bool = False,
        loses: float = 0.0,
    ) -> None:
        """Say how events are delivered: how often, in which order, or not at all."""
        terms = {"copies": copies, "is_shuffled": is_shuffled, "is_held": is_held, "loses": loses}
        self._post("webhooks", terms)

    def complete_checkout(
        self, session: str, *, card: str = "4242424242424242", authenticate: bool = True
    ) -> str:
        """Pay, or store a card, on a hosted page; gives where the customer is sent next.

        Raises:
            httpx.HTTPStatusError: 402, if the card is declined.
        """
        body = {"session": session, "card": card, "authenticate": authenticate}
        return str(self._post("checkout", body)["location"])

    def pay_out(self, currency: str) -> dict[str, Any]:
        """Pay out what is available; gives the payout."""
        return self._post("payout", {"currency": currency})

    def stats(self) -> dict[str, Any]:
        """How many webhooks are waiting, were delivered, failed, and what time it is."""
        return self._post("stats", {})

    def log(self) -> list[dict[str, Any]]:
        """The last requests, in order."""
        requests: list[dict[str, Any]] = self._post("log", {})["log"]
        return requests

    def reset(self) -> None:
        """Forget everything."""
        self._post("reset", {})

    def _post(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self._client.post(f"{self.address}/_sandbox/{name}", json=body)
        answer.raise_for_status()
        made: dict[str, Any] = answer.json()
        return made
