"""The demo company's second gateway: Adyen's stand-in, where it is there."""

import json
from datetime import datetime
from urllib.parse import urlsplit

import httpx
from django.conf import settings

from billing.models import PaymentMethod
from billing.services.payments.payment_methods import open_setup, take_over_method
from billing.services.payments.settlement import record_fees
from billing.services.payments.webhook_inbox import take_in, work_off
from tiktoktoe.sandbox.control import SandboxControl

NAME = "adyen"
OUR_MACHINE = frozenset({"127.0.0.1", "localhost"})
# What the answer to a request of ours does not tell already; a shop chooses what it is told.
HEARD = frozenset({"REFUND"})
# Cards that both stand-ins know; the holder's name says how Adyen's takes a later charge.
EUROPEAN, AMERICAN = "4111111111111111", "4000620000000007"
WILLING, REFUSING = "A. Holder", "THEN DECLINED"


class SecondGateway:
    """Adyen's stand-in as the demo company lives with it."""

    def __init__(self, address: str) -> None:
        self._control = SandboxControl(address)
        self._heard = 0

    def begin(self) -> None:
        """Tell nobody anything by itself: who would hear it is not there yet."""
        self._control.set_webhooks(loses=1.0)

    def end(self, at: datetime) -> None:
        """From now on tell whoever is there."""
        self._control.set_clock(at)
        self._control.set_webhooks()

    def set_clock(self, at: datetime) -> None:
        """Let it be a certain time there, and stay so."""
        self._control.set_clock(at, stands=True)

    def keep_card(self, *, method: PaymentMethod, card: str, holder: str, at: datetime) -> None:
        """Bring a card there too, as its customer would, on the gateway's page."""
        page = open_setup(customer=method.customer, at=at, gateway=NAME, meant=method)
        self._control.complete_checkout(page.session, card=card, holder=holder)
        kept = take_over_method(session=page.session, customer=method.customer, at=at, gateway=NAME)
        assert kept == method, "the card was not recognised"

    def hear(self, at: datetime) -> None:
        """Take in what it has to tell, by the inbox as ever."""
        told = self._control.notifications(after=self._heard)
        self._heard += len(told)
        for notification in told:
            (item,) = notification["notificationItems"]
            if item["NotificationRequestItem"]["eventCode"] in HEARD:
                body = json.dumps(notification).encode()
                for event in take_in(gateway=NAME, headers={}, body=body, at=at):
                    work_off(event=event, at=at)

    def settle(self, at: datetime) -> None:
        """Let it close a batch, and take over what its payments have cost."""
        record_fees(gateway=NAME, report=self._control.settle()["report"], at=at)


def second_gateway() -> SecondGateway | None:
    """Adyen's stand-in, if it is one of our gateways and on this machine; never a real one."""
    address = settings.GATEWAYS.get(NAME, {}).get("api_host", "")
    if urlsplit(address).hostname not in OUR_MACHINE:
        return None
    try:
        SandboxControl(address).stats()
    except httpx.HTTPError:
        return None
    return SecondGateway(address)
