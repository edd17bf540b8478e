"""The direct bank rail: debits and transfers that travel in files, days after they are asked for.

Nothing moves when a debit is asked for: the attempt itself is the order, and waits for its file
(billing.services.bank.files). What the bank says of it comes in messages, and not to questions,
so that every question is answered: pending.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

from stdnum import bic, iban
from stdnum.exceptions import ValidationError

from billing.domain.attempts import Answer
from billing.domain.bank_days import FileTerms, IsOpen, is_target_day
from billing.domain.declines import Decline, DeclineClass
from billing.domain.mandates import NOTICE_DAYS
from billing.errors import GatewayRefused
from billing.gateways.bank_door import BankDoor
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
from billing.gateways.sepa_files import (
    Account,
    DebitOrder,
    TransferOrder,
    debit_file,
    transfer_file,
)
from tiktoktoe.kernel.money import Money

# Source: SEPA Core and SCT rulebooks, the largest amount of an order (EPC016-06, AT-06).
LARGEST = Money("999999999.99", "EUR")
SMALLEST = Money("0.01", "EUR")


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenFile:
    """A file for the bank: the name that the bank knows it by, and its bytes."""

    message_id: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class BankTerms:
    """What we have agreed with a bank: our account, our creditor identifier, its days and times.

    Attributes:
        also_known_as: What else the bank calls our account.
    """

    account: Account
    creditor_id: str
    files: FileTerms
    notice_days: int = NOTICE_DAYS
    is_open: IsOpen = is_target_day
    also_known_as: frozenset[str] = frozenset()


class BankGateway:
    """Our account at one bank: of SEPA, in euros."""

    currency = "EUR"
    largest = LARGEST
    smallest = SMALLEST
    gives_mandates_in_portal = True
    extension = "xml"
    tells_presented_again = False

    def __init__(self, name: str, *, terms: BankTerms, door: BankDoor) -> None:
        self.name = name
        self.terms = terms
        self.door = door

    @property
    def capabilities(self) -> Capabilities:
        """Debits by mandate.

        Asking again for a debit does nothing, however late: an attempt is put into one file.
        """
        return Capabilities(
            kinds=frozenset({"bank_debit"}),
            currencies=frozenset({self.currency}),
            has_hosted_page=False,
            has_partial_refund=True,
            remembers_keys_for=timedelta(days=3650),
            look_up=None,
            settles_after_days=self.terms.notice_days,
            needs_mandate=True,
            minimum={self.currency: self.smallest},
            maximum={self.currency: self.largest},
        )

    def create_customer(self, request: CustomerRequest) -> str:
        """A bank knows no customers; ours is called by our own name for it."""
        return request.our_reference

    def charge(self, request: ChargeRequest) -> Outcome:
        """Take note of a debit: it goes with the next file."""
        if not self.smallest <= request.amount <= self.largest:
            return _refused("a bank takes no order of this amount")
        return Outcome(answer=Answer.PENDING, reference=self.reference_of(request.our_reference))

    def reference_of(self, our_reference: str) -> str:
        """The name of an order in files, and in what the bank says of it: 32 letters of 35."""
        return our_reference.replace("-", "")

    def debit_file(
        self,
        orders: Sequence[DebitOrder],
        *,
        message_id: str,
        number: int,
        made_at: datetime,
        due_on: date,
        sequence_type: str,
        is_again: bool = False,
    ) -> WrittenFile:
        """A file of debits due on a day; `number` counts the files of the day.

        Args:
            is_again: They came back before for want of funds, which SEPA's files do not tell.
        """
        del number, is_again
        body = debit_file(
            orders,
            message_id=message_id,
            made_at=made_at,
            collect_on=due_on,
            sequence_type=sequence_type,
            creditor=self.terms.account,
            creditor_id=self.terms.creditor_id,
        )
        return WrittenFile(message_id=message_id, body=body)

    def transfer_file(
        self,
        orders: Sequence[TransferOrder],
        *,
        message_id: str,
        number: int,
        made_at: datetime,
        due_on: date,
    ) -> WrittenFile:
        """A file of transfers to be made on a day."""
        del number
        body = transfer_file(
            orders,
            message_id=message_id,
            made_at=made_at,
            execute_on=due_on,
            debtor=self.terms.account,
        )
        return WrittenFile(message_id=message_id, body=body)

    def is_ours(self, account: str) -> bool:
        """Whether this is a name of our account."""
        return account == self.terms.account.number or account in self.terms.also_known_as

    def authorize(self, request: ChargeRequest) -> Outcome:
        """A debit cannot be held back once it is asked for."""
        del request
        return _refused("a bank reserves no money")

    def capture(self, request: CaptureRequest) -> Outcome:
        """Nothing is ever authorized."""
        del request
        return _refused("a bank reserves no money")

    def void(self, request: VoidRequest) -> Outcome:
        """Nothing is ever authorized."""
        del request
        return _refused("a bank reserves no money")

    def open_page(self, request: PageRequest) -> Outcome:
        """A mandate is given on our own page: an IBAN is no card."""
        del request
        return _refused("a bank has no payment page")

    def read_charge(self, reference: str) -> Outcome:
        """The bank tells by itself."""
        return Outcome(answer=Answer.PENDING, reference=reference)

    def read_session(self, session: str) -> Outcome:
        """There are none."""
        return Outcome(answer=Answer.INCONCLUSIVE, session=session)

    def find_charge(
        self, *, our_reference: str, customer_reference: str, since: datetime
    ) -> Outcome:
        """It waits in our own list, or at the bank, which tells by itself."""
        del customer_reference, since
        return Outcome(answer=Answer.PENDING, reference=self.reference_of(our_reference))

    def expire_session(self, session: str) -> Outcome:
        """There are none."""
        return self.read_session(session)

    def read_page(self, session: str) -> Page:
        """There are none.

        Raises:
            GatewayRefused: Always.
        """
        raise GatewayRefused(f"a bank has no page {session!r}")

    def refund(self, request: RefundRequest) -> Outcome:
        """Take note of a transfer back: it goes with the next file."""
        return Outcome(answer=Answer.PENDING, reference=self.reference_of(request.our_reference))

    def read_refund(self, reference: str) -> Outcome:
        """The bank tells by itself."""
        return Outcome(answer=Answer.PENDING, reference=reference)

    def find_refund(self, *, our_reference: str, charge_reference: str) -> Outcome:
        """It waits in our own list, or at the bank."""
        del charge_reference
        return Outcome(answer=Answer.PENDING, reference=self.reference_of(our_reference))

    def detach_method(self, reference: str, *, customer_reference: str) -> None:
        """A bank keeps no methods."""

    def read_method(self, reference: str, *, customer_reference: str) -> MethodDetails:
        """A bank keeps no methods: what is known of one is in its mandate."""
        raise GatewayRefused(f"a bank keeps no method {reference!r} of {customer_reference!r}")

    def list_methods(self, customer_reference: str) -> Sequence[MethodDetails]:
        """A bank keeps no methods."""
        del customer_reference
        return []


def bank_gateway(name: str, terms: Mapping[str, str]) -> BankGateway:
    """The gateway of an account in the settings.

    Raises:
        GatewayRefused: If what the settings say of it cannot be.
    """
    try:
        account = Account(
            name=terms["holder"],
            number=iban.validate(terms["iban"]),
            bic=_bic(terms.get("bic", "")),
        )
        files = FileTerms(
            cut_off=time.fromisoformat(terms.get("cut_off") or "15:00"),
            time_zone=terms.get("time_zone") or "Europe/Berlin",
        )
        notice_days = int(terms.get("notice_days") or NOTICE_DAYS)
    except (ValidationError, ValueError, KeyError) as error:
        raise GatewayRefused(f"the settings of {name} are wrong: {error}") from error
    return BankGateway(
        name,
        terms=BankTerms(
            account=account,
            creditor_id=terms.get("creditor_id", ""),
            files=files,
            notice_days=notice_days,
        ),
        door=BankDoor(outgoing=Path(terms["out_folder"]), incoming=Path(terms["in_folder"])),
    )


def _bic(text: str) -> str:
    return str(bic.validate(text)) if text else ""


def _refused(message: str) -> Outcome:
    """Nothing was asked for."""
    decline = Decline(code="not_possible", decline_class=DeclineClass.CONFIG)
    return Outcome(answer=Answer.NEVER_LEFT, decline=decline, message=message)
