"""The sandbox's own controls under /_sandbox/: faults, clock, webhooks, payouts, log.

Each is a POST of a JSON object; docs/fidelity-stripe.md lists them.
"""

from collections.abc import Callable
from typing import Any

from tiktoktoe.sandbox.stripe.api import Api
from tiktoktoe.sandbox.stripe.errors import ApiError
from tiktoktoe.sandbox.stripe.faults import Fault, Faults
from tiktoktoe.sandbox.stripe.pages import methods_by_number
from tiktoktoe.sandbox.stripe.resources.checkout import next_address, submit
from tiktoktoe.sandbox.stripe.resources.disputes import open_dispute
from tiktoktoe.sandbox.stripe.resources.payment_intents import finish_challenge
from tiktoktoe.sandbox.stripe.resources.payouts import pay_out, set_schedule
from tiktoktoe.sandbox.stripe.resources.setup_intents import finish_setup
from tiktoktoe.sandbox.stripe.sandbox import Sandbox, snapshot
from tiktoktoe.sandbox.stripe.spec import Json
from tiktoktoe.sandbox.stripe.webhooks import Delivery, Webhooks

PREFIX = "/_sandbox/"


class Control:
    """Answers the control requests of tests and demos."""

    def __init__(self, sandbox: Sandbox, api: Api, faults: Faults, webhooks: Webhooks) -> None:
        self._sandbox = sandbox
        self._api = api
        self._faults = faults
        self._webhooks = webhooks
        self._controls: dict[str, Callable[[Json], Json]] = {
            "challenge": self._answer_challenge,
            "checkout": self._complete_checkout,
            "clock": self._move_clock,
            "dispute": self._dispute,
            "faults": self._add_fault,
            "faults/clear": self._clear_faults,
            "log": self._log,
            "payout": self._pay_out,
            "payouts": self._set_payouts,
            "reset": self._reset,
            "stats": self._stats,
            "webhooks": self._set_delivery,
            "webhooks/retry": self._retry_webhooks,
        }

    def answer(self, path: str, body: Json) -> Json:
        """Do what a control request says.

        Raises:
            ApiError: 404, if there is no such control; 400, if it is used wrongly.
        """
        name = path.removeprefix(PREFIX)
        if name not in self._controls:
            raise ApiError(404, f"No control {name!r}; there are {', '.join(self._controls)}.")
        with self._sandbox.lock:
            try:
                answer = snapshot(self._controls[name](body))
            except (KeyError, TypeError, ValueError) as error:
                self._sandbox.store.undo()
                raise ApiError(400, f"{name}: {error}") from error
            except ApiError as error:
                if error.status != 402:
                    self._sandbox.store.undo()
                self._sandbox.store.save()
                raise
            self._sandbox.store.save()
        return answer

    def tick(self) -> None:
        """Do what has become due by the sandbox's clock."""
        with self._sandbox.lock:
            self._sandbox.run_due()
            self._sandbox.store.save()

    def _add_fault(self, body: Json) -> Json:
        self._faults.add(Fault(**body))
        return {}

    def _clear_faults(self, _body: Json) -> Json:
        self._faults.clear()
        return {}

    def _move_clock(self, body: Json) -> Json:
        if "set" in body:
            self._sandbox.clock.set(int(body["set"]))
        if "advance" in body:
            self._sandbox.clock.set(self._sandbox.now() + int(body["advance"]))
        self._sandbox.run_due()
        return {"now": self._sandbox.now()}

    def _set_delivery(self, body: Json) -> Json:
        self._webhooks.set(Delivery(**body))
        return {}

    def _retry_webhooks(self, _body: Json) -> Json:
        self._webhooks.hurry()
        return {}

    def _pay_out(self, body: Json) -> Json:
        fails = bool(body.get("fails", False))
        return pay_out(self._sandbox, body["currency"].lower(), fails=fails) or {}

    def _set_payouts(self, body: Json) -> Json:
        set_schedule(self._sandbox, body["schedule"])
        return {}

    def _dispute(self, body: Json) -> Json:
        charge = self._sandbox.store.get(body["charge"], "charge")
        return open_dispute(self._sandbox, charge, body.get("reason", "fraudulent"))

    def _complete_checkout(self, body: Json) -> Json:
        """Do what a customer does on the hosted page, the challenge included."""
        session = self._sandbox.store.get(body["session"], "checkout.session")
        submit(self._sandbox, session, methods_by_number(body["card"]))
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

    def _stats(self, _body: Json) -> Json:
        return {
            "waiting": self._webhooks.waiting,
            "delivered": self._webhooks.delivered,
            "failed": self._webhooks.failed,
            "lost": self._webhooks.lost,
            "requests": self._api.requests,
            "faults": self._faults.struck,
            "now": self._sandbox.now(),
        }

    def _log(self, _body: Json) -> Json:
        return {"log": self._api.log}

    def _reset(self, _body: Json) -> Json:
        self._faults.clear()
        self._webhooks.set(Delivery())
        self._api.log.clear()
        self._sandbox.reset()
        return {}
