"""One turn of the bank rail: what came in first, then what goes out."""

from dataclasses import dataclass
from datetime import datetime

from billing.services.bank.banks import bank_names
from billing.services.bank.files import send_files, write_files
from billing.services.bank.inbox import take_in, work_off_deliveries
from billing.services.bank.mandates import expire_mandates
from billing.services.bank.orders import plan_orders
from billing.services.bank.transfers import match_waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What one turn has done."""

    messages: int = 0
    planned: int = 0
    files: int = 0
    sent: int = 0


def turn_bank_rail(*, at: datetime) -> Turn:
    """Read what the banks have sent, then plan, write and send; nothing without a bank.

    Safe to kill at any point and to run twice at once: each step commits what it has done, and
    finds what another left.
    """
    if not bank_names():
        return Turn()
    take_in(at=at)
    messages = work_off_deliveries(at=at)
    match_waiting(at=at)
    expire_mandates(at=at)
    planned = plan_orders(at=at)
    return Turn(
        messages=messages,
        planned=planned,
        files=write_files(at=at),
        sent=send_files(at=at),
    )
