"""How tests and the demo steer a running sandbox, and act as its customers."""

import ssl
from datetime import datetime
from functools import cache
from typing import Any

import httpx


@cache
def _certificates() -> ssl.SSLContext:
    """Read once for all clients, since it takes 50 ms."""
    return ssl.create_default_context()


class SandboxControl:
    """A client of the controls under /_sandbox/.

    Raises httpx.HTTPStatusError where the sandbox refuses; its answer says why.
    """

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        self._client = httpx.Client(timeout=60, verify=_certificates())

    def add_fault(self, match: str, mode: str, **terms: float) -> None:
        """Let requests whose "METHOD /path" matches go wrong; see sandbox.core.faults."""
        self._post("faults", {"match": match, "mode": mode, **terms})

    def clear_faults(self) -> None:
        """Let everything work again."""
        self._post("faults/clear", {})

    def set_clock(self, at: datetime, *, stands: bool = False, is_told: bool = False) -> None:
        """Let it be a certain time in the sandbox, and what is due by then happen.

        Args:
            stands: Let no time pass there until the clock is set again.
            is_told: Date answers by it.
        """
        self._post("clock", {"set": int(at.timestamp()), "stands": stands, "told": is_told})

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
        seed: int = 0,
    ) -> None:
        """Say how events are delivered: how often, in which order, or not at all."""
        self._post(
            "webhooks",
            {
                "copies": copies,
                "is_shuffled": is_shuffled,
                "is_held": is_held,
                "loses": loses,
                "seed": seed,
            },
        )

    def retry_webhooks(self) -> None:
        """Send what waits for a retry now."""
        self._post("webhooks/retry", {})

    def complete_checkout(
        self,
        session: str,
        *,
        card: str = "4242424242424242",
        authenticate: bool = True,
        holder: str = "",
        copy: str = "",
    ) -> str:
        """Pay, or store a card, on a hosted page; gives where the customer is sent next.

        A bank account's number or an IBAN may stand for the card, and at Stripe's stand-in a
        wallet, "apple_pay", "google_pay" or "link", alone or before the number of the card in it.
        Adyen's stand-in goes by the holder's name.

        Args:
            copy: Of cards that behave alike, which: there are few test numbers, and who shares
                one shares a card, with its fingerprint and its network's budget of tries.

        Raises:
            httpx.HTTPStatusError: 402, if the card is declined.
        """
        body = {"session": session, "card": card, "authenticate": authenticate}
        body |= {"holder": holder} if holder else {}
        body |= {"copy": copy} if copy else {}
        return str(self._post("checkout", body)["location"])

    def answer_challenge(self, intent: str, *, passes: bool = True) -> dict[str, Any]:
        """Answer the bank's question as the card's holder; gives the intent."""
        return self._post("challenge", {"intent": intent, "passes": passes})

    def dispute(
        self,
        charge: str,
        *,
        reason: str = "fraudulent",
        is_inquiry: bool = False,
        is_external: bool = False,
    ) -> dict[str, Any]:
        """Contest a charge as its holder; gives the dispute.

        Args:
            is_external: At the issuer of a card behind a wallet, not at PayPal.
        """
        body = {"charge": charge, "reason": reason, "inquiry": is_inquiry}
        return self._post("dispute", {**body, "external": True} if is_external else body)

    def reverse(self, charge: str) -> dict[str, Any]:
        """Let PayPal's stand-in take a capture back by itself; gives the reversal."""
        return self._post("reverse", {"charge": charge})

    def fail_late(self, intent: str, *, reason: str = "insufficient_funds") -> dict[str, Any]:
        """Let a bank debit that had succeeded fail after all; gives the intent."""
        return self._post("late_failure", {"intent": intent, "reason": reason})

    def renew_card(self, method: str, *, last4: str, year: int, month: int) -> dict[str, Any]:
        """Let a card's network replace it: another number and expiry under the same token."""
        return self._post("renew", {"method": method, "last4": last4, "year": year, "month": month})

    def decide_dispute(self, dispute: str, verdict: str) -> dict[str, Any]:
        """Decide a dispute as the bank: won, lost, escalated; gives the dispute."""
        return self._post("verdict", {"dispute": dispute, "verdict": verdict})

    def pay_out(self, currency: str, *, fails: bool = False) -> dict[str, Any]:
        """Pay out what is available; gives the payout, {} of nothing. It arrives a day later."""
        return self._post("payout", {"currency": currency, "fails": fails})

    def pay_out_daily(self, *, is_on: bool = True) -> None:
        """Let what becomes available be paid out at the end of its day, or not."""
        self._post("payouts", {"schedule": "daily" if is_on else "manual"})

    def delay_results(self, seconds: int) -> None:
        """Let captures, cancels and refunds of Adyen's stand-in come true only later."""
        self._post("delay", {"seconds": seconds})

    def send_webhooks_to(self, url: str) -> None:
        """Say where Adyen's stand-in sends its notifications."""
        self._post("endpoint", {"url": url})

    def notifications(self, *, after: int = 0) -> list[dict[str, Any]]:
        """The notifications of Adyen's or PayPal's stand-in so far, as they are sent."""
        made: list[dict[str, Any]] = self._post("notifications", {"after": after})["notifications"]
        return made

    def payments(self) -> list[dict[str, Any]]:
        """Every payment that was ever tried at Adyen's stand-in; of PayPal's, every capture."""
        made: list[dict[str, Any]] = self._post("payments", {})["payments"]
        return made

    def holds(self) -> list[dict[str, Any]]:
        """Every authorization of PayPal's stand-in, and what was captured of it."""
        made: list[dict[str, Any]] = self._post("holds", {})["holds"]
        return made

    def refunds(self) -> list[dict[str, Any]]:
        """Every refund of PayPal's stand-in."""
        made: list[dict[str, Any]] = self._post("refunds", {})["refunds"]
        return made

    def disputes(self) -> list[dict[str, Any]]:
        """Every dispute of Adyen's or PayPal's stand-in, and how it stands."""
        made: list[dict[str, Any]] = self._post("disputes", {})["disputes"]
        return made

    def settle(self) -> dict[str, Any]:
        """Close a batch at Adyen's stand-in; gives the name of its report."""
        return self._post("settle", {})

    def stats(self) -> dict[str, Any]:
        """How many webhooks are waiting, were delivered, failed, and what time it is."""
        return self._post("stats", {})

    def log(self) -> list[dict[str, Any]]:
        """The last requests, in order."""
        requests: list[dict[str, Any]] = self._post("log", {})["log"]
        return requests

    def keep(self) -> None:
        """Let it remember how everything is."""
        self._post("keep", {})

    def reset(self, *, to_kept: bool = False) -> None:
        """Forget everything, webhook endpoints too; or what has been since `keep`."""
        self._post("reset", {"kept": to_kept})

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def _post(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self._client.post(f"{self.address}/_sandbox/{name}", json=body)
        answer.raise_for_status()
        made: dict[str, Any] = answer.json()
        return made
