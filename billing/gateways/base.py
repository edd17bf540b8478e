"""What every gateway is asked, and what it may answer: plain values, no library's types."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Protocol, runtime_checkable

from billing.domain.attempts import Answer, LookUpRule
from billing.domain.declines import Decline
from billing.gateways.disputes import DisputeReport
from billing.gateways.mandates import MandateDetails
from tiktoktoe.kernel.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a gateway can do; an empty set of currencies or countries means every one.

    Attributes:
        kinds: Which kinds of method it takes: card, bank_debit, wallet.
        countries: Where the customer may be.
        stores_on_page: Whether its page stores a method without a payment.
        releases_rest: Whether a last capture lets go of what is left of a hold.
        names_captures: Whether what is captured of a hold is refunded by a name of its own.
        remembers_keys_for: How long the same key surely gives the first answer again.
        look_up: When a search by our reference proves something; without one, only its
            answers and its signed events tell.
        refunds_within: How long after the charge money can be given back; None: no end.
        authorization_lasts: How long authorized money can be captured; None: it cannot be.
        settles_after_days: How many days until the money is paid out.
        needs_mandate: Whether nothing is taken without a mandate that is kept here.
        keeps_mandates: Whether it keeps the mandates of bank debits itself.
        debit_currencies: In which currencies it debits bank accounts, if not in all of its own.
        minimum: The smallest payment, by currency; likewise `maximum`.
    """

    kinds: frozenset[str]
    currencies: frozenset[str] = frozenset()
    countries: frozenset[str] = frozenset()
    has_hosted_page: bool
    stores_on_page: bool = False
    has_three_d_secure: bool = False
    has_partial_refund: bool
    has_partial_capture: bool = False
    has_multi_capture: bool = False
    releases_rest: bool = True
    names_captures: bool = False
    remembers_keys_for: timedelta
    look_up: LookUpRule | None
    refunds_within: timedelta | None = None
    authorization_lasts: timedelta | None = None
    settles_after_days: int = 0
    needs_mandate: bool = False
    keeps_mandates: bool = False
    debit_currencies: frozenset[str] = frozenset()
    minimum: Mapping[str, Money] | None = None
    maximum: Mapping[str, Money] | None = None

    def why_not(self, *, kind: str, currency: str, country: str = "") -> str:
        """Why it cannot take a payment, in words for staff; empty if it can."""
        if kind not in self.kinds:
            return f"takes no {kind.replace('_', ' ')}"
        if self.currencies and currency not in self.currencies:
            return f"takes no {currency}"
        if kind == "bank_debit" and self.debit_currencies and currency not in self.debit_currencies:
            return f"takes no bank debit in {currency}"
        if country and self.countries and country not in self.countries:
            return f"takes nothing from {country}"
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRequest:
    """Somebody whom the gateway is to know."""

    our_reference: str
    name: str
    email: str
    idempotency_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeRequest:
    """Take money by a stored method.

    Attributes:
        authentication: What the holder's bank is asked, or why nobody need confirm.
        return_url: Where the customer comes back to after confirming; empty: nobody is there.
        browser: The customer's, by EMV 3-D Secure's names.
    """

    our_reference: str
    customer_reference: str
    method_reference: str
    amount: Money
    description: str
    metadata: Mapping[str, str]
    authentication: str = ""
    return_url: str = ""
    customer_address: str = ""
    browser: Mapping[str, str | int | bool] = field(default_factory=dict)
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
    authentication: str = ""  # challenge, low_value, low_risk; empty: as the gateway judges
    kinds: frozenset[str] = frozenset()  # only methods of these; empty: whatever it takes
    consent: str = ""  # what whoever gives a bank account agrees to, in our words
    idempotency_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureRequest:
    """Take part or all of what was authorized."""

    our_reference: str
    charge_reference: str
    amount: Money
    is_last: bool = True
    idempotency_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VoidRequest:
    """Let go of what was authorized and not captured."""

    our_reference: str
    charge_reference: str
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
    """A way to pay that the gateway keeps, as far as it may be shown.

    Attributes:
        brand: A card's network, a debit's scheme, or the wallet.
        network: Of the card in a wallet, where it is told.
        fingerprint: The same for a card within one account, whoever holds it; where it is told.
    """

    reference: str
    customer_reference: str
    kind: str
    brand: str = ""
    network: str = ""
    last4: str = ""
    expires_on: date | None = None
    country: str = ""
    fingerprint: str = ""
    mandate: MandateDetails | None = None


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
    consent: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayEvent:
    """Something that a gateway says has happened, its signature verified.

    Attributes:
        event_id: The same for every copy of the event.
        name: The gateway's own word for what happened.
        about: payment, page, refund, operation, hold, dispute, method, report, or other.
        outcome: What the event proves by itself. Only gateways that cannot be asked give one;
            of the others an event is a hint to look.
        dispute: What it says of a dispute, likewise.
    """

    event_id: str
    name: str
    about: str
    reference: str = ""
    our_reference: str = ""
    customer_reference: str = ""
    happened_at: datetime | None = None
    outcome: Outcome | None = None
    dispute: DisputeReport | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledCharge:
    """A charge as it was settled, and what the gateway has kept of it.

    Attributes:
        capture: The gateway's name of the capture that was settled, if it is one of a hold.
    """

    reference: str
    our_reference: str
    amount: Money
    fee: Money
    capture: str = ""


class Gateway(Protocol):
    """A processor of payments: one account at a gateway, under a name of ours.

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

    def authorize(self, request: ChargeRequest) -> Outcome:
        """Reserve money by a stored method, to be captured or let go later."""
        ...

    def capture(self, request: CaptureRequest) -> Outcome:
        """Take what was authorized; SUCCEEDED, or PENDING where the gateway tells later."""
        ...

    def void(self, request: VoidRequest) -> Outcome:
        """Let go of what was authorized; ABANDONED, or PENDING where the gateway tells later."""
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

    def detach_method(self, reference: str, *, customer_reference: str) -> None:
        """Forget a stored method; forgetting it twice is no error."""
        ...

    def read_method(self, reference: str, *, customer_reference: str) -> MethodDetails:
        """A stored method; without a customer when it is detached."""
        ...

    def list_methods(self, customer_reference: str) -> Sequence[MethodDetails]:
        """What the gateway holds for a customer, the oldest first."""
        ...


@runtime_checkable
class HearsEvents(Protocol):
    """A gateway whose events come in at our own door; Stripe's come in by dj-stripe's."""

    name: str

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> Sequence[GatewayEvent]:
        """The events in a request, once it is proven that the gateway has signed it.

        Raises:
            WebhookForged: If the signature is missing or not the gateway's.
            WebhookUnreadable: If it is signed, or cannot be told to be, but makes no sense.
        """
        ...


@runtime_checkable
class ListsEvents(HearsEvents, Protocol):
    """A gateway that lists the events that it has told, or has tried to tell."""

    def events_between(self, since: datetime, until: datetime) -> Iterator[Sequence[bytes]]:
        """The events that are heard and were made in a time, both ends included, page by page.

        Raises:
            GatewayUnavailable: If it cannot be reached.
            GatewayRefused: If it refuses.
        """
        ...

    def read_event(self, content: bytes) -> GatewayEvent:
        """What one of them says: it came from the gateway itself.

        Raises:
            WebhookUnreadable: If it makes no sense.
        """
        ...


@runtime_checkable
class TellsMovesLater(Protocol):
    """A gateway whose settlement reports, numbered one after another, tell what has moved."""

    name: str

    def read_moves(self, report: str) -> Sequence[GatewayEvent]:
        """What a report says has moved money, each as the event that should have told of it.

        Raises:
            GatewayUnavailable: If the report does not come.
            GatewayRefused: If it is none, or cannot be read.
        """
        ...

    def next_report(self, after: str) -> GatewayEvent | None:
        """That the report after this one is there, if it is.

        Raises:
            GatewayUnavailable: If that cannot be asked.
        """
        ...


@runtime_checkable
class TellsFeesLater(Protocol):
    """A gateway that tells only with the settlement what a payment has cost."""

    def read_settlement(self, report: str) -> Sequence[SettledCharge]:
        """What the charges in a report have cost.

        Raises:
            GatewayUnavailable: If the report does not come.
            GatewayRefused: If it is none, or cannot be read.
        """
        ...
