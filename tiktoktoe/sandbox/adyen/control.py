"""What the Adyen sandbox can be told beside faults, clock and webhooks."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from tiktoktoe.sandbox.adyen import cards
from tiktoktoe.sandbox.adyen.api import Api
from tiktoktoe.sandbox.adyen.disputes import CHARGED_BACK, INQUIRY, decide, open_dispute
from tiktoktoe.sandbox.adyen.errors import ApiError
from tiktoktoe.sandbox.adyen.links import answer_challenge, link_of, submit
from tiktoktoe.sandbox.adyen.merchant import Merchant
from tiktoktoe.sandbox.adyen.notifications import notification, token_event
from tiktoktoe.sandbox.adyen.pages import next_address
from tiktoktoe.sandbox.adyen.settlement import settle
from tiktoktoe.sandbox.core.control import Control as CoreControl
from tiktoktoe.sandbox.core.faults import Faults
from tiktoktoe.sandbox.core.schemas import Json
from tiktoktoe.sandbox.core.store import Search
from tiktoktoe.sandbox.core.webhooks import Webhooks


class Control(CoreControl):
    """Answers the control requests of tests and demos."""

    def __init__(self, merchant: Merchant, api: Api, faults: Faults, webhooks: Webhooks) -> None:
        super().__init__(merchant, api, faults, webhooks)
        self._merchant = merchant

    def own(self) -> Mapping[str, Callable[[Json], Json]]:
        """Customers, their banks, delays, settlement, and the truth."""
        return {
            "challenge": self._answer_challenge,
            "checkout": self._complete_link,
            "delay": self._delay,
            "dispute": self._dispute,
            "disputes": self._disputes,
            "endpoint": self._set_endpoint,
            "notifications": self._notifications,
            "offer_closed": self._close_offer,
            "payments": self._payments,
            "renew": self._renew,
            "settle": self._settle,
            "verdict": self._decide,
        }

    def _complete_link(self, body: Json) -> Json:
        """Do what a customer does on the hosted page, the bank's question included."""
        link = link_of(self._merchant, body["session"])
        holder = body.get("holder") or cards.HOLDER
        payment = submit(self._merchant, link, body.get("card") or cards.GOOD, holder)
        if payment["status"] == "waits":
            answer_challenge(self._merchant, payment, passes=bool(body.get("authenticate", True)))
        elif payment["status"] == "refused":
            # As with Stripe's stand-in: a decline is a fact, and stays.
            raise ApiError(402, payment["refusal"]["reason"], code=payment["refusal"]["code"])
        return {"location": next_address(self._merchant, link)}

    def _answer_challenge(self, body: Json) -> Json:
        """Answer the bank's question about a payment; gives what the browser brings back."""
        payment = self._merchant.store.get(body["intent"], "payment")
        if payment["status"] != "waits":
            raise ApiError(422, f"The payment is {payment['status']}")
        answer_challenge(self._merchant, payment, passes=bool(body.get("passes", True)))
        return {"redirectResult": f"{payment['id']}.{payment['secret']}"}

    def _dispute(self, body: Json) -> Json:
        payment = self._merchant.store.get(body["charge"], "payment")
        stage = INQUIRY if body.get("inquiry") else body.get("stage") or CHARGED_BACK
        return open_dispute(self._merchant, payment, reason=body.get("reason", "10.4"), stage=stage)

    def _renew(self, body: Json) -> Json:
        """The network has replaced a card, and the account updater takes it over."""
        token = self._merchant.store.get(body["method"], "token")
        token["renewed"] = {
            "lastFour": body["last4"],
            "expiryYear": str(body["year"]),
            "expiryMonth": f"{int(body['month']):02d}",
        }
        self._merchant.tell_of_token("recurring.token.updated", token)
        return token

    def _decide(self, body: Json) -> Json:
        dispute = self._merchant.store.get(body["dispute"], "dispute")
        decide(self._merchant, dispute, body["verdict"])
        return dispute

    def _delay(self, body: Json) -> Json:
        self._merchant.delay_seconds = int(body["seconds"])
        return {}

    def _set_endpoint(self, body: Json) -> Json:
        self._merchant.terms = replace(self._merchant.terms, webhook=str(body["url"]))
        return {}

    def _notifications(self, body: Json) -> Json:
        """The notifications that there were, after the first so many, as they are sent."""
        search = Search(is_oldest_first=True)
        events = list(self._merchant.store.newest_first("event", search))[int(body["after"]) :]
        key = self._merchant.terms.hmac_key
        return {"notifications": [_as_sent(event, key) for event in events]}

    def _close_offer(self, body: Json) -> Json:
        """The shopper left the page; it stays open until its own end."""
        about = {
            "id": self._merchant.psp_reference(),
            "merchantReference": body["reference"],
            "amount": {"currency": "EUR", "value": 0},
        }
        self._merchant.tell("OFFER_CLOSED", about=about)
        return {}

    def _payments(self, _body: Json) -> Json:
        """Everything that was ever tried: the truth that a shop's records are held against."""
        shown = ("id", "merchantReference", "amount", "status", "captured", "refunded", "isManual")
        payments = self._merchant.store.newest_first("payment")
        return {"payments": [{name: p[name] for name in shown} for p in payments]}

    def _disputes(self, _body: Json) -> Json:
        """Every dispute that there was, and how it stands."""
        shown = ("id", "payment", "merchantReference", "amount", "stage")
        disputes = self._merchant.store.newest_first("dispute")
        return {"disputes": [{name: d[name] for name in shown} for d in disputes]}

    def _settle(self, _body: Json) -> Json:
        return settle(self._merchant)


def _as_sent(event: Json, key: str) -> Json:
    if "token" not in event:
        return notification(event["item"], key)
    content, headers = token_event(event["token"], key)
    return {"body": content.decode(), "headers": headers}
