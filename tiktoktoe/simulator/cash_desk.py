"""The gateway of a simulation: it takes and gives back whatever it is asked to; no money moves."""

from datetime import datetime, timedelta
from itertools import count
from typing import NoReturn

from billing.domain.attempts import Answer
from billing.errors import GatewayRefused
from billing.gateways.base import (
    Capabilities,
    CaptureRequest,
    ChargeRequest,
    CustomerRequest,
    MethodDetails,
    Outcome,
    Page,
    PageRequest,
    RefundRequest,
    VoidRequest,
)
from tiktoktoe.kernel.money import Money


class CashDesk:
    """Says yes to charges and refunds; nothing else is asked of it."""

    name = "simulation"

    def __init__(self) -> None:
        self._numbers = count(1)

    @property
    def capabilities(self) -> Capabilities:
        """Everything that a scenario needs."""
        return Capabilities(
            kinds=frozenset({"card"}),
            has_hosted_page=True,
            has_partial_refund=True,
            remembers_keys_for=timedelta(days=1),
            look_up=None,
        )

    def create_customer(self, request: CustomerRequest) -> str:
        """Anybody is known."""
        return f"simulated-{next(self._numbers)}"

    def charge(self, request: ChargeRequest) -> Outcome:
        """Taken."""
        return self._done(request.amount)

    def refund(self, request: RefundRequest) -> Outcome:
        """Given back."""
        return self._done(request.amount)

    def authorize(self, request: ChargeRequest) -> NoReturn:
        """Not asked."""
        self._not_here()

    def capture(self, request: CaptureRequest) -> NoReturn:
        """Not asked."""
        self._not_here()

    def void(self, request: VoidRequest) -> NoReturn:
        """Not asked."""
        self._not_here()

    def open_page(self, request: PageRequest) -> NoReturn:
        """Not asked."""
        self._not_here()

    def read_charge(self, reference: str) -> NoReturn:
        """Not asked."""
        self._not_here()

    def read_session(self, session: str) -> NoReturn:
        """Not asked."""
        self._not_here()

    def find_charge(
        self, *, our_reference: str, customer_reference: str, since: datetime
    ) -> NoReturn:
        """Not asked."""
        self._not_here()

    def expire_session(self, session: str) -> NoReturn:
        """Not asked."""
        self._not_here()

    def read_page(self, session: str) -> Page:
        """Not asked."""
        self._not_here()

    def read_refund(self, reference: str) -> NoReturn:
        """Not asked."""
        self._not_here()

    def find_refund(self, *, our_reference: str, charge_reference: str) -> NoReturn:
        """Not asked."""
        self._not_here()

    def detach_method(self, reference: str, *, customer_reference: str) -> None:
        """Forgotten."""

    def read_method(self, reference: str, *, customer_reference: str) -> MethodDetails:
        """Not asked."""
        self._not_here()

    def list_methods(self, customer_reference: str) -> NoReturn:
        """Nobody asks what is stored here."""
        self._not_here()

    def _done(self, amount: Money) -> Outcome:
        reference = f"simulated-{next(self._numbers)}"
        return Outcome(answer=Answer.SUCCEEDED, reference=reference, amount=amount)

    def _not_here(self) -> NoReturn:
        raise GatewayRefused("a simulation does not do this")
