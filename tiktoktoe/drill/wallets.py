"""The drill's third gateway: PayPal, whose wallets are stored while a first payment is made.

It forgets keys after six hours and its orders cannot be searched for, so that what became of a
request whose answer was lost is told by its events, or by nobody but people who look there.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from itertools import count
from typing import Any

from billing.models import Invoice, Payment
from billing.services.payments.checkout import confirm_payment, open_payment_page
from tiktoktoe.drill.gateways import Breakable
from tiktoktoe.drill.stories import ACTOR
from tiktoktoe.drill.truth import Contest, Moved
from tiktoktoe.drill.worker import Delivery
from tiktoktoe.sandbox.control import SandboxControl

_ENDS = {
    "RESOLVED_SELLER_FAVOUR": "won",
    "CANCELED_BY_BUYER": "won",
    "RESOLVED_BUYER_FAVOUR": "lost",
    "ACCEPTED": "lost",
}
_NOT_TAKEN = frozenset({"PENDING", "DECLINED"})
_HELD = frozenset({"CREATED", "PARTIALLY_CAPTURED"})
_CLAIM, _CHARGEBACK = ("CANCELED_RECURRING_BILLING", False), ("UNAUTHORISED", True)


class PayPal(Breakable):
    """PayPal's stand-in."""

    name = "paypal"
    charges = "POST /v2/checkout/orders$"
    changes = "POST /v2/payments/(captures/[^/]+/refund|authorizations/[^/]+/(capture|void))$"
    looks = "GET /v2/"
    _buyers: Mapping[str, str] = {
        "good": "good",
        "held": "good",
        "slow": "later-slow",  # pays by a bank account from the second payment on
        "refused": "later-declined",
    }

    def __init__(self, address: str) -> None:
        self.control = SandboxControl(address)
        self._heard = 0
        self._contested = count()

    def store(self, invoice: Invoice, wallet: str, at: datetime) -> None:
        """Let a customer pay an invoice on PayPal's page, and store the wallet by that."""
        page = open_payment_page(
            invoice=invoice, actor=ACTOR, at=at, gateway=self.name, saves_method=True
        )
        self.control.complete_checkout(page.rpartition("/")[2], holder=self._buyers[wallet])
        paid = confirm_payment(payment=Payment.objects.get(invoice=invoice), actor=ACTOR, at=at)
        assert paid.state == Payment.State.PAID

    def contest(self, moved: Moved) -> str:
        """Every second buyer does so at the issuer of a card, which takes the money at once."""
        reason, is_external = _CHARGEBACK if next(self._contested) % 2 else _CLAIM
        made = self.control.dispute(moved.reference, reason=reason, is_external=is_external)
        return str(made["id"])

    def news(self) -> list[Delivery]:
        """The events since it was last asked, signed as they are sent."""
        fresh = self.control.notifications(after=self._heard)
        self._heard += len(fresh)
        return [Delivery(self.name, event) for event in fresh]

    def truth(self) -> list[Moved]:
        """One row for each order: a capture, or a hold with all that was captured of it."""
        withheld = self._withheld()
        of_holds: Mapping[str, list[dict[str, Any]]] = defaultdict(list)
        rows = []
        for capture in self.control.payments():
            if capture["hold"]:
                of_holds[capture["hold"]].append(capture)
            else:
                rows.append(self._moved(capture["custom_id"], [capture], withheld))
        for hold in self.control.holds():
            captures, left = of_holds[hold["id"]], 0
            if hold["status"] in _HELD:
                left = _cents(hold["amount"]["value"]) - _cents(hold["captured"])
            rows.append(self._moved(hold["custom_id"], captures, withheld, held=left))
        return [row for row in rows if row.taken or row.held]

    def contests(self) -> list[Contest]:
        """Every dispute."""
        return [
            Contest(self.name, dispute["id"], _ENDS.get(dispute["outcome"], "open"))
            for dispute in self.control.disputes()
        ]

    def names(self) -> Mapping[str, str]:
        """By our name of it, how it names what it has executed: what people can look up there."""
        names = {row["custom_id"]: row["id"] for row in self.control.holds()}
        names |= {row["custom_id"]: row["id"] for row in self.control.refunds()}
        for capture in self.control.payments():
            names[capture["invoice_id"] if capture["hold"] else capture["custom_id"]] = capture[
                "id"
            ]
        return names

    def _withheld(self) -> Mapping[str, int]:
        withheld = Counter[str]()
        for dispute in self.control.disputes():
            for moved in dispute["movements"]:
                if moved["reason"] == "DISPUTE_SETTLEMENT":
                    sign = 1 if moved["type"] == "DEBIT" else -1
                    withheld[dispute["capture"]] += sign * _cents(moved["amount"]["value"])
        return withheld

    def _moved(
        self,
        attempt: str,
        captures: Iterable[dict[str, Any]],
        withheld: Mapping[str, int],
        *,
        held: int = 0,
    ) -> Moved:
        taken = [row for row in captures if row["status"] not in _NOT_TAKEN]
        return Moved(
            gateway=self.name,
            attempt=attempt,
            taken=sum(_cents(row["amount"]["value"]) for row in taken),
            refunded=sum(_cents(row["refunded"]) for row in taken),
            withheld=sum(withheld.get(row["id"], 0) for row in taken),
            held=held,
            reference=taken[0]["id"] if taken else "",
        )


def _cents(value: str) -> int:
    return int(Decimal(value) * 100)
