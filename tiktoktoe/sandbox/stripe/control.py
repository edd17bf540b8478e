"""The sandbox's own controls under /_sandbox/: faults, clock, webhooks, log."""

from typing import Any

from tiktoktoe.sandbox.stripe.api import Api
from tiktoktoe.sandbox.stripe.errors import ApiError
from tiktoktoe.sandbox.stripe.faults import Fault, Faults
from tiktoktoe.sandbox.stripe.resources.balance import pay_out, settle_due
from tiktoktoe.sandbox.stripe.resources.charges import clear_due
from tiktoktoe.sandbox.stripe.resources.checkout import after_intent, expire_due, submit
from tiktoktoe.sandbox.stripe.resources.payment_intents import finish_challenge
from tiktoktoe.sandbox.stripe.resources.refunds import resolve_due
from tiktoktoe.sandbox.stripe.resources.setup_intents import finish_setup
from tiktoktoe.sandbox.stripe.sandbox import Sandbox
from tiktoktoe.sandbox.stripe.spec import Json
from tiktoktoe.sandbox.stripe.webhooks import Delivery, Webhooks


class Control:
    """Answers the control requests of tests and demos."""

    def __init__(self, sandbox: Sandbox, api: Api, faults: Faults, webhooks: Webhooks) -> None:
        self._sandbox = sandbox
        self._api = api
        self._faults = faults
        self._webhooks = webhooks

    def answer(self, path: str, body: Json) -> Json:
        """Do what a control request says.

        Raises:
            ApiError: 404, if there is no such control.
        """
        controls = {
            "faults": self._add_fault,
            "faults/clear": self._clear_faults,
            "clock": self._move_clock,
            "webhooks": self._set_delivery,
            "payout": self._pay_out,
            "checkout": self._complete_checkout,
            "stats": self._stats,
            "log": self._log,
            "reset": self._reset,
        }
        name = path.removeprefix("/_sandbox/")
        if name not in controls:
            raise ApiError(404, f"no control {name}; there are {', '.join(controls)}")
        with self._sandbox.lock:
            answer = controls[name](body)
            self._sandbox.store.save()
        return answer

    def tick(self) -> None:
        """Do what has become due by the sandbox's clock."""
        with self._sandbox.lock:
            for work in (clear_due, settle_due, resolve_due, expire_due):
                work(self._sandbox)
            self._sandbox.store.save()

    def _add_fault(self, body: Json) -> Json:
        self._faults.add(Fault(**body))
        return {}

    def _clear_faults(self, _body: Json) -> Json:
        self._faults.clear()
        return {}

    def _move_clock(self, body: Json) -> Json:
        if "set" in body:
            self._sandbox.set_clock(int(body["set"]))
        if "advance" in body:
            self._sandbox.set_clock(self._sandbox.now() + int(body["advance"]))
        self.tick()
        return {"now": self._sandbox.now()}

    def _set_delivery(self, body: Json) -> Json:
        self._webhooks.delivery = Delivery(**body)
        return {}

    def _pay_out(self, body: Json) -> Json:
        return pay_out(self._sandbox, body["currency"].lower()) or {}

    def _complete_checkout(self, body: Json) -> Json:
        """Do what a customer does on the hosted page, the challenge included."""
        session = self._sandbox.store.get(body["session"], "checkout.session")
        target = submit(self._sandbox, session, {"number": body["card"]})
        if "/3ds/" in target:
            intent = self._sandbox.store.get(target.rsplit("/", 1)[1])
            finish: Any = finish_setup if intent["object"] == "setup_intent" else finish_challenge
            finish(self._sandbox, intent, is_passed=bool(body.get("authenticate", True)))
            target = after_intent(self._sandbox, session)
        return {"location": target}

    def _stats(self, _body: Json) -> Json:
        return {
            "waiting": self._webhooks.waiting,
            "delivered": self._webhooks.delivered,
            "failed": self._webhooks.failed,
            "requests": len(self._api.log),
            "now": self._sandbox.now(),
        }

    def _log(self, _body: Json) -> Json:
        return {"log": self._api.log}

    def _reset(self, _body: Json) -> Json:
        self._faults.clear()
        self._webhooks.delivery = Delivery()
        self._api.log.clear()
        self._sandbox.reset()
        return {}
