"""ACH files for a bank in the United States: 94 letters a record, blocks of ten.

Written here: the libraries for it are unkept or demand their own model of a payment, and the
same orders have to give the same bytes. The tests hold every file against somebody else's bank.

Source: Nacha Operating Rules, appendix three, as told by Nicolet National Bank's file format
specification (nicoletbank.com/nacha-file-format-specifications, read 2026); valid letters are
those of ASCII from space to tilde.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from billing.gateways.bank_messages import BankMessage, FileStatus, OrderStatus, ReturnedOrder
from tiktoktoe.kernel.money import Money, from_minor, to_minor

LENGTH, BLOCK = 94, 10
DEBIT, CREDIT = "27", "22"  # of a checking account
INVOICE = "INVOICE"
# What a debit that came back for want of funds (R01, R09) has to be called when it is presented
# again, since 18 September 2015. Source: pnc.com, NACHA 2015 return rate changes;
# docs.galileo-ft.com, Restricted Company Entry Descriptions; read on 26 November 2026.
PRESENTED_AGAIN = "RETRY PYMT"
_SERVICE = {DEBIT: "225", CREDIT: "220"}
_PADDING = "9" * LENGTH


@dataclass(frozen=True, slots=True, kw_only=True)
class Originator:
    """Who sends the file: our company at our bank.

    Attributes:
        bank_routing: Our bank's routing number, nine digits.
        company_id: How the bank knows us, at most ten letters.
    """

    name: str
    company_id: str
    bank_routing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AchOrder:
    """Money to be collected from, or sent to, an account at a bank."""

    reference: str  # at most 15 letters
    amount: Money
    name: str
    routing: str
    account: str


def ach_file(
    orders: Sequence[AchOrder],
    *,
    code: str,
    originator: Originator,
    made_at: datetime,
    modifier: str,
    effective_on: date,
    words: str = INVOICE,
) -> bytes:
    """A file of one batch, all debits (27) or all credits (22), class PPD.

    Args:
        words: What the entries are, ten letters for the customer's statement.
    """
    origin = _text(originator.company_id, 10)
    entries = [_entry(order, code, originator, n) for n, order in enumerate(orders, 1)]
    totals = _totals(orders, code)
    batch_of = originator.bank_routing[:8] + _digits(1, 7)
    lines = [
        "101"
        + f" {originator.bank_routing}".rjust(10)
        + origin
        + f"{made_at:%y%m%d%H%M}{modifier}"
        + "094101"
        + _text("", 23)
        + _text(originator.name, 23)
        + _text("", 8),
        f"5{_SERVICE[code]}"
        + _text(originator.name, 16)
        + _text("", 20)
        + origin
        + "PPD"
        + _text(words, 10)
        + _text("", 6)
        + f"{effective_on:%y%m%d}"
        + _text("", 3)
        + "1"
        + batch_of,
        *entries,
        f"8{_SERVICE[code]}" + _digits(len(orders), 6) + totals + origin + _text("", 25) + batch_of,
    ]
    blocks = -(-(len(lines) + 1) // BLOCK)
    counts = _digits(1, 6) + _digits(blocks, 6) + _digits(len(orders), 8)
    lines.append("9" + counts + totals + _text("", 39))
    lines += [_PADDING] * (blocks * BLOCK - len(lines))
    assert all(len(line) == LENGTH for line in lines)
    return ("\n".join(lines) + "\n").encode("ascii")


def file_id(originator: Originator, made_at: datetime, modifier: str) -> str:
    """What a bank tells files apart by: origin, day, time and modifier."""
    return f"{originator.company_id}-{made_at:%y%m%d%H%M}{modifier}"


def is_return_file(body: bytes) -> bool:
    """Whether it is an ACH file; banks send only files of returns."""
    return body.startswith(b"101")


def is_acknowledgement(body: bytes) -> bool:
    """Whether it is an acknowledgement as mock-bank writes it; every bank has its own."""
    return body.startswith(b"ACKNOWLEDGEMENT ")


def read_return_file(body: bytes) -> BankMessage:
    """The returns in a file: each an entry with its addenda 99, which has the reason.

    Raises:
        ValueError: If it is none.
    """
    lines = [line for line in body.decode("ascii", "replace").splitlines() if line.strip()]
    returns, entry, settled = [], "", ""
    for line in lines:
        if line.startswith("5"):
            settled = line[69:75]
        elif line.startswith("6"):
            entry = line
        elif line.startswith("799") and entry:
            returns.append(
                ReturnedOrder(
                    end_to_end_id=entry[39:54].strip(),
                    amount=from_minor(int(entry[29:39]), "USD"),
                    reason=line[3:6].strip(),
                    returned_on=_day(settled),
                )
            )
            entry = ""
    header = lines[0]
    identity = f"{header[13:23].strip()}-{header[23:34]}"
    return BankMessage(name="nacha.return", message_id=identity, returns=tuple(returns))


def read_acknowledgement(body: bytes) -> BankMessage:
    """The fate of a file and its entries.

    Raises:
        ValueError: If it names no file.
    """
    words = [line.split() for line in body.decode("utf-8", "replace").splitlines() if line]
    facts = {line[0]: line[1:] for line in words}
    orders = tuple(
        OrderStatus(
            end_to_end_id=line[2],
            is_rejected=line[4] == "REJECTED",
            reason=line[5] if line[4] == "REJECTED" else "",
            text=" ".join(line[6:]) if line[4] == "REJECTED" else "",
        )
        for line in words
        if line[0] == "ENTRY" and len(line) > 5
    )
    if not facts.get("FILE") or not facts.get("STATUS"):
        raise ValueError("it names no file, or no status")
    reason = facts.get("REASON", [""])
    status = FileStatus(
        message_id=facts["FILE"][0],
        status=facts["STATUS"][0],
        reason=facts["STATUS"][1] if len(facts["STATUS"]) > 1 else reason[0],
        orders=orders,
    )
    return BankMessage(name="nacha.ack", message_id=facts["ACKNOWLEDGEMENT"][0], statuses=(status,))


def _entry(order: AchOrder, code: str, originator: Originator, number: int) -> str:
    return (
        f"6{code}{order.routing}"
        + _text(order.account, 17)
        + _digits(to_minor(order.amount), 10)
        + _text(order.reference, 15)
        + _text(order.name, 22)
        + "  0"
        + originator.bank_routing[:8]
        + _digits(number, 7)
    )


def _totals(orders: Sequence[AchOrder], code: str) -> str:
    """Entry hash, debits and credits: the controls of a batch and of its file."""
    entry_hash = sum(int(order.routing[:8]) for order in orders) % 10**10
    amount = sum(to_minor(order.amount) for order in orders)
    sums = (amount, 0) if code == DEBIT else (0, amount)
    return _digits(entry_hash, 10) + _digits(sums[0], 12) + _digits(sums[1], 12)


def _text(text: str, width: int) -> str:
    plain = unicodedata.normalize("NFKD", text)
    letters = "".join(c for c in plain if not unicodedata.combining(c))
    return "".join(c if " " <= c <= "~" else "?" for c in letters)[:width].ljust(width)


def _digits(number: int, width: int) -> str:
    written = str(number).rjust(width, "0")
    assert len(written) == width, f"{number} has more than {width} digits"
    return written


def _day(text: str) -> date | None:
    try:
        return datetime.strptime(text, "%y%m%d").date()  # noqa: DTZ007 - a day
    except ValueError:
        return None
