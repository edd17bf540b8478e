"""What every gateway is asked, and what it may answer: plain values, no library's types."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Protocol

from billing.domain.attempts import Answer, LookUpRule
from billing.domain.declines import Decline
from tiktoktoe.kernel.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a gateway can do; an empty set of currencies means every one."""

    kinds: frozenset[str]
    currencies: frozenset[str] = frozenset()
    has_hosted_page: bool
    has_partial_refund: bool
    remembers_keys_for: timedelta
    look_up: LookUpRule


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRequest:
    """Somebody whom the gateway is to know."""

    our_reference: str
    name: str
    email: str
    idempotency_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeRequest:
    """Take money by a stored method, the customer not being there."""

    our_reference: str
    customer_reference: str
    method_reference: str
    amount: Money
    description: str
    metadata: Mapping[str, str]
    idempotency_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """Open a payment page of the gateway for one amount, or, without one, for a new method."""

    our_reference: str
    customer_reference: str
    amount: Money | None
    currency: str
    description: str
    metadata: Mapping[str, str]
    success_url: str
    cancel_url: str
    expires_at: datetime
    saves_method: bool
    idempotency_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequest:
    """Give back part or all of a charge."""

    our_reference: str
    charge_reference: str
    amount: Money
    metadata: Mapping[str, str]
    idempotency_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodDetails:
    """A way to pay that the gateway keeps, as far as it may be shown."""

    reference: str
    customer_reference: str
    kind: str
    brand: str = ""
    last4: str = ""
    expires_on: date | None = None
    country: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a request ended, and what else the gateway told about the charge.

    `answer` is what happened to this request; what that proves about the attempt is for
    billing.domain.attempts to say. Amounts are None where the gateway does not tell yet.
    """

    answer: Answer
    reference: str = ""
    session: str = ""
    action_url: str = ""
    decline: Decline | None = None
    message: str = ""
    amount: Money | None = None
    fee: Money | None = None
    method: MethodDetails | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A payment page of the gateway, as it stands."""

    reference: str
    customer_reference: str
    is_complete: bool
    url: str = ""
    method: MethodDetails | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


class Gateway(Protocol):
    """A processor of payments.

    Methods that may move money never raise for what the outside does: they answer with an
    Outcome. The others raise GatewayUnavailable or GatewayRefused.
    """

    name: str

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        ...

    def create_customer(self, request: CustomerRequest) -> str:
        """Make a customer known; gives the gateway's reference."""
        ...

    def charge(self, request: ChargeRequest) -> Outcome:
        """Take money by a stored method. The same key never takes it twice."""
        ...

    def open_page(self, request: PageRequest) -> Outcome:
        """Open a payment page; its address is the outcome's `action_url`."""
        ...

    def read_charge(self, reference: str) -> Outcome:
        """What has become of a charge, by the gateway's reference."""
        ...

    def read_session(self, session: str) -> Outcome:
        """What has become of what was asked on a payment page."""
        ...

    def find_charge(
        self, *, our_reference: str, customer_reference: str, since: datetime
    ) -> Outcome:
        """What has become of a charge or page, by our reference alone."""
        ...

    def expire_session(self, session: str) -> Outcome:
        """Close a payment page that nobody has paid on yet."""
        ...

    def read_page(self, session: str) -> Page:
        """A payment page, whatever it was opened for."""
        ...

    def refund(self, request: RefundRequest) -> Outcome:
        """Give money back. The same key never gives it twice."""
        ...

    def read_refund(self, reference: str) -> Outcome:
        """What has become of a refund, by the gateway's reference."""
        ...

    def find_refund(self, *, our_reference: str, charge_reference: str) -> Outcome:
        """What has become of a refund, by our reference alone."""
        ...

    def detach_method(self, reference: str) -> None:
        """Forget a stored method; forgetting it twice is no error."""
        ...

    def read_method(self, reference: str) -> MethodDetails:
        """A stored method; without a customer when it is detached."""
        ...
