"""What gateways tell of disputes: plain values, as in billing.gateways.base."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from billing.domain.disputes import DisputeState
from tiktoktoe.kernel.money import Money

if TYPE_CHECKING:
    from billing.gateways.base import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeMovement:
    """Money that a dispute moves; above zero it goes away from us.

    Attributes:
        kind: funds, or fee.
        reference: What it counts once by.
        amount: In the dispute's currency; a fee may be in another, as it was taken.
        settled: What has moved of our balance, where that is in another currency.
    """

    kind: str
    reference: str
    amount: Money
    settled: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeReport:
    """What a gateway says of a dispute.

    Attributes:
        reference: The gateway's name of it, the same through all its rounds.
        charge_reference: The gateway's name of the charge; empty where it tells only ours.
        our_reference: Ours of the charge.
        state: None where it tells only of money, or that something was noted.
        reason: As the gateway or the scheme says it.
        happened_at: Of an event; None for what was read just now.
        is_decided: Whether the gateway says that the dispute is over.
    """

    reference: str
    charge_reference: str = ""
    our_reference: str = ""
    state: DisputeState | None
    reason: str = ""
    amount: Money
    due_at: datetime | None = None
    movements: tuple[DisputeMovement, ...] = ()
    happened_at: datetime | None = None
    is_decided: bool = False


@runtime_checkable
class TellsOfDisputes(Protocol):
    """A gateway whose disputes can be read."""

    def read_dispute(self, reference: str) -> DisputeReport:
        """A dispute as it is now.

        Raises:
            GatewayUnavailable: If no answer came.
            GatewayRefused: If there is none.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledDispute:
    """A movement of a dispute as it was settled, and what the gateway has kept for it.

    Attributes:
        kind: The gateway's word for the movement; the fee of each counts once.
        fee: Below zero where it was given back.
    """

    reference: str
    charge_reference: str
    kind: str
    fee: Money


@runtime_checkable
class TellsDisputeFeesLater(Protocol):
    """A gateway that tells only with the settlement what a dispute has cost."""

    def read_dispute_fees(self, report: str) -> Sequence[SettledDispute]:
        """What the disputes in a report have cost.

        Raises:
            GatewayUnavailable: If the report does not come.
            GatewayRefused: If it is none, or cannot be read.
        """
        ...


@runtime_checkable
class ListsDisputes(Protocol):
    """A gateway that takes money back without saying why: its disputes tell."""

    def list_disputes(self, charge_reference: str) -> Sequence[DisputeReport]:
        """The disputes of a charge, as they are now.

        Raises:
            GatewayUnavailable: If no answer came.
            GatewayRefused: If it refused.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRequest:
    """What we hold against a dispute; made of stored values only.

    Attributes:
        texts: What is said, by section, in the order in which it is read.
        document: The same as PDF, for gateways that take documents.
        files: Documents that the gateway holds already, its names by what they are: receipt,
            communication, service.
        purchase_address: From where the customer paid, if that is known.
    """

    our_reference: str
    dispute_reference: str
    charge_reference: str
    customer_name: str
    customer_email: str
    texts: Mapping[str, str]
    document: bytes
    files: Mapping[str, str] = field(default_factory=dict)
    purchase_address: str = ""
    idempotency_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptRequest:
    """Give a dispute up."""

    our_reference: str
    dispute_reference: str
    idempotency_key: str


@runtime_checkable
class AnswersDisputes(Protocol):
    """A gateway that hands our answers to the bank.

    Neither raises for what the outside does: SUCCEEDED means that the bank has it.
    """

    def submit_evidence(self, request: EvidenceRequest) -> "Outcome":
        """Hand in evidence, once in a round. The same key never does it twice."""
        ...

    def accept_dispute(self, request: AcceptRequest) -> "Outcome":
        """Give a dispute up, for good."""
        ...


@runtime_checkable
class TakesFiles(Protocol):
    """A gateway that is given the documents of an answer one by one, before the answer."""

    def upload_evidence(self, *, name: str, content: bytes) -> str:
        """Upload a PDF; gives the gateway's name of it.

        Raises:
            GatewayUnavailable: If no answer came.
            GatewayRefused: If it is not taken.
        """
        ...


def report_as_kept(report: DisputeReport) -> dict[str, object]:
    """A report as an event of the inbox keeps it."""
    return {
        "dispute": report.reference,
        "charge": report.charge_reference,
        "payment": report.our_reference,
        "state": str(report.state or ""),
        "reason": report.reason[:100],
        "amount": str(report.amount.amount),
        "currency": report.amount.currency.code,
        "due_at": report.due_at.isoformat() if report.due_at else "",
        "movements": [
            {
                "kind": m.kind,
                "reference": m.reference,
                "amount": str(m.amount.amount),
                "currency": m.amount.currency.code,
            }
            for m in report.movements
        ],
    }


def report_kept(kept: Mapping[str, object], happened_at: datetime | None) -> DisputeReport:
    """The report that an event of the inbox keeps."""
    currency, due_at = str(kept["currency"]), str(kept["due_at"])
    movements = kept["movements"]
    assert isinstance(movements, list)
    return DisputeReport(
        reference=str(kept["dispute"]),
        charge_reference=str(kept["charge"]),
        our_reference=str(kept["payment"]),
        state=DisputeState(str(kept["state"])) if kept["state"] else None,
        reason=str(kept["reason"]),
        amount=Money(str(kept["amount"]), currency),
        due_at=datetime.fromisoformat(due_at) if due_at else None,
        movements=tuple(
            DisputeMovement(
                kind=row["kind"],
                reference=row["reference"],
                amount=Money(row["amount"], row.get("currency", currency)),
            )
            for row in movements
        ),
        happened_at=happened_at,
    )
