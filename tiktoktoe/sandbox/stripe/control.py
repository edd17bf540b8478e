"""What the Stripe sandbox can be told beside faults, clock and webhooks."""

from collections.abc import Callable, Mapping
from typing import Any

from tiktoktoe.sandbox.core.control import Control as CoreControl
from tiktoktoe.sandbox.core.faults import Faults
from tiktoktoe.sandbox.core.webhooks import Webhooks
from tiktoktoe.sandbox.stripe.api import Api
from tiktoktoe.sandbox.stripe.cards import BANK_CODES, Refusal
from tiktoktoe.sandbox.stripe.pages import methods_by_number
from tiktoktoe.sandbox.stripe.resources.charges import fail_late
from tiktoktoe.sandbox.stripe.resources.checkout import next_address, submit
from tiktoktoe.sandbox.stripe.resources.disputes import decide, open_dispute
from tiktoktoe.sandbox.stripe.resources.payment_intents import finish_challenge
from tiktoktoe.sandbox.stripe.resources.payouts import pay_out, set_schedule
from tiktoktoe.sandbox.stripe.resources.setup_intents import finish_setup
from tiktoktoe.sandbox.stripe.sandbox import Sandbox
from tiktoktoe.sandbox.stripe.spec import Json


class Control(CoreControl):
    """Answers the control requests of tests and demos."""

    def __init__(self, sandbox: Sandbox, api: Api, faults: Faults, webhooks: Webhooks) -> None:
        super().__init__(sandbox, api, faults, webhooks)
        self._sandbox = sandbox

    def own(self) -> Mapping[str, Callable[[Json], Json]]:
        """Customers, their banks, and payouts."""
        return {
            "challenge": self._answer_challenge,
            "checkout": self._complete_checkout,
            "dispute": self._dispute,
            "late_failure": self._fail_late,
            "payout": self._pay_out,
            "renew": self._renew,
            "payouts": self._set_payouts,
            "verdict": self._decide,
        }

    def _pay_out(self, body: Json) -> Json:
        fails = bool(body.get("fails", False))
        return pay_out(self._sandbox, body["currency"].lower(), fails=fails) or {}

    def _set_payouts(self, body: Json) -> Json:
        set_schedule(self._sandbox, body["schedule"])
        return {}

    def _renew(self, body: Json) -> Json:
        """The network has replaced a card, and Stripe's updater takes it over."""
        method = self._sandbox.store.get(body["method"], "payment_method")
        method["card"].update(
            last4=body["last4"], exp_year=int(body["year"]), exp_month=int(body["month"])
        )
        self._sandbox.tell("payment_method.automatically_updated", method)
        return method

    def _dispute(self, body: Json) -> Json:
        """Contest a charge, or the last one of a payment intent."""
        named = self._sandbox.store.get(body["charge"])
        name = named["latest_charge"] if named["object"] == "payment_intent" else named["id"]
        charge = self._sandbox.store.get(name, "charge")
        reason, is_inquiry = body.get("reason", "fraudulent"), bool(body.get("inquiry"))
        return open_dispute(self._sandbox, charge, reason, is_inquiry=is_inquiry)

    def _fail_late(self, body: Json) -> Json:
        """A bank tells only now that a debit, which had succeeded, has failed."""
        intent = self._sandbox.store.get(body["intent"], "payment_intent")
        reason = body.get("reason", "insufficient_funds")
        refusal = Refusal(reason, reason, network_code=BANK_CODES.get(reason))
        fail_late(self._sandbox, intent, refusal)
        return intent

    def _decide(self, body: Json) -> Json:
        dispute = self._sandbox.store.get(body["dispute"], "dispute")
        decide(self._sandbox, dispute, body["verdict"])
        return dispute

    def _complete_checkout(self, body: Json) -> Json:
        """Do what a customer does on the hosted page, the challenge included."""
        session = self._sandbox.store.get(body["session"], "checkout.session")
        method = methods_by_number(body["card"])
        if "card" in method and "copy" in body:
            method["card"]["copy"] = body["copy"]
        submit(self._sandbox, session, method)
        target = next_address(self._sandbox, session)
        if "/3ds/" in target:
            intent = target.rsplit("/", 1)[1]
            self._answer_challenge({"intent": intent, "passes": body.get("authenticate", True)})
            target = next_address(self._sandbox, session)
        return {"location": target}

    def _answer_challenge(self, body: Json) -> Json:
        intent = self._sandbox.store.get(body["intent"])
        finish: Any = finish_setup if intent["object"] == "setup_intent" else finish_challenge
        finish(self._sandbox, intent, is_passed=bool(body.get("passes", True)))
        return intent
