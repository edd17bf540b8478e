"""What a bank sends: reports on orders (pain.002), entries (camt.05x), returns (pacs.004).

Read without regard to the version, which banks change one by one: elements are found by their
names. What is not known here is kept as it came, and never guessed at.

Source: ISO 20022 message definitions pain.002.001.10, camt.05x.001.08, pacs.004.001.09.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from xml.etree import ElementTree as ET

from billing.errors import BankMessageUnreadable
from billing.gateways.amounts import told_amount
from tiktoktoe.kernel.money import Money, total, zero

MOST_BYTES = 20_000_000
NOT_PROVIDED = "NOTPROVIDED"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderStatus:
    """What the bank says of one order of a file."""

    end_to_end_id: str
    is_rejected: bool
    reason: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStatus:
    """What the bank says of a file, as a whole and order by order.

    Attributes:
        status: ACCP and the like, PART, RJCT; empty where only orders are spoken of.
    """

    message_id: str
    status: str = ""
    reason: str = ""
    text: str = ""
    orders: tuple[OrderStatus, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One movement of the account; never negative.

    Attributes:
        reference: The bank's own name for it, the same in every message that tells of it.
        end_to_end_id: The order's name, ours if it was our order; empty if none was given.
        return_reason: Why the money goes back; empty if this is no return.
        structured: The creditor reference that the payer gave.
        text: What else the payer wrote.
        code: The bank transaction code: PMNT/RCDT/ESCT.
        charges: What the bank says that it has taken for it; whether the amount is less, or more,
            by that, or they are booked by themselves, is seen by what was ordered.
        instructed: The amount that was ordered, if the bank repeats it.
    """

    reference: str
    is_credit: bool
    amount: Money
    booked_on: date
    end_to_end_id: str = ""
    return_reason: str = ""
    structured: str = ""
    text: str = ""
    party_name: str = ""
    party_iban: str = ""
    party_bic: str = ""
    code: str = ""
    charges: Money | None = None
    instructed: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountReport:
    """Entries of one account; a statement (camt.053) also has the balances around them."""

    kind: str
    account: str
    entries: tuple[Entry, ...]
    opening: Money | None = None
    closing: Money | None = None

    @property
    def missing(self) -> Money | None:
        """What its entries do not explain of the change of its balance; None if it has none."""
        if self.opening is None or self.closing is None:
            return None
        moved = zero(self.opening.currency)
        for entry in self.entries:
            moved += entry.amount if entry.is_credit else -entry.amount
        return self.closing - self.opening - moved


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnedOrder:
    """An order that had been settled, and whose money goes back.

    Attributes:
        amount: What goes back between the banks.
        charges: Of that, compensation and charges of the banks.
        instructed: What the order itself was about.
    """

    end_to_end_id: str
    amount: Money
    reason: str
    returned_on: date | None
    text: str = ""
    charges: Money | None = None
    instructed: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BankMessage:
    """A message of a bank, read."""

    name: str
    message_id: str
    statuses: tuple[FileStatus, ...] = ()
    reports: tuple[AccountReport, ...] = ()
    returns: tuple[ReturnedOrder, ...] = field(default=())


_Reader = Callable[[ET.Element], BankMessage]


def read_message(body: bytes) -> BankMessage:
    """Read a message of any of these kinds.

    Raises:
        BankMessageUnreadable: If it is none of them, or cannot be read.
    """
    root = _parsed(body)
    message = next(iter(root), None)
    if _local(root.tag) != "Document" or message is None:
        raise BankMessageUnreadable("this is no ISO 20022 message: there is no Document")
    name = _local(message.tag)
    read = _READERS.get(name)
    if read is None:
        raise BankMessageUnreadable(f"messages of the kind {name[:40]} are not known here")
    try:
        return read(message)
    except (ValueError, InvalidOperation, TypeError) as error:
        raise BankMessageUnreadable(f"{name}: {error}") from error


def _parsed(body: bytes) -> ET.Element:
    """XML without a document type: whoever declares entities wants something else of us."""
    if len(body) > MOST_BYTES:
        raise BankMessageUnreadable(f"more than {MOST_BYTES} bytes")
    if b"<!DOCTYPE" in body[:2_000] or b"<!ENTITY" in body:
        raise BankMessageUnreadable("a document type or an entity is declared")
    try:
        return ET.fromstring(body)  # noqa: S314 - no entities, see above
    except ET.ParseError as error:
        raise BankMessageUnreadable(f"no XML: {error}") from error


def _status_report(message: ET.Element) -> BankMessage:
    original = _first(message, "OrgnlGrpInfAndSts")
    orders: list[OrderStatus] = []
    for batch in _all(message, "OrgnlPmtInfAndSts"):
        of_batch = _text(batch, "PmtInfSts")
        for item in _all(batch, "TxInfAndSts"):
            status = _text(item, "TxSts") or of_batch
            reason, text = _reason(item)
            orders.append(
                OrderStatus(
                    end_to_end_id=_text(item, "OrgnlEndToEndId"),
                    is_rejected=status == "RJCT",
                    reason=reason,
                    text=text,
                )
            )
    reason, text = _reason(original)
    file_status = FileStatus(
        message_id=_text(original, "OrgnlMsgId"),
        status=_text(original, "GrpSts"),
        reason=reason,
        text=text,
        orders=tuple(orders),
    )
    return BankMessage(name="pain.002", message_id=_id(message), statuses=(file_status,))


def _account_message(name: str, part: str) -> _Reader:
    def read(message: ET.Element) -> BankMessage:
        reports = tuple(_report(name, report) for report in _all(message, part))
        return BankMessage(name=name, message_id=_id(message), reports=reports)

    return read


def _return_message(message: ET.Element) -> BankMessage:
    returns = []
    for item in _all(message, "TxInf"):
        amount = _money(_first(item, "RtrdIntrBkSttlmAmt"))
        why = _first(item, "RtrRsnInf")
        settled = _text(item, "IntrBkSttlmDt") or _text(message, "GrpHdr", "IntrBkSttlmDt")
        returns.append(
            ReturnedOrder(
                end_to_end_id=_text(item, "OrgnlEndToEndId"),
                amount=amount,
                reason=_text(why, "Rsn", "Cd") or _text(why, "Rsn", "Prtry"),
                returned_on=date.fromisoformat(settled) if settled else None,
                text=_text(why, "AddtlInf"),
                charges=_costs_of_return(item),
                instructed=_amount(item, "RtrdInstdAmt"),
            )
        )
    return BankMessage(name="pacs.004", message_id=_id(message), returns=tuple(returns))


def _costs_of_return(item: ET.Element) -> Money | None:
    """Compensation and charges, both of which may be asked for with the money."""
    given = [_amount(item, "CompstnAmt"), *(_amount(c, "Amt") for c in _all(item, "ChrgsInf"))]
    amounts = [amount for amount in given if amount is not None]
    return total(amounts, amounts[0].currency) if amounts else None


def _report(kind: str, report: ET.Element) -> AccountReport:
    balances = {}
    for balance in _all(report, "Bal"):
        amount = _money(_first(balance, "Amt"))
        sign = 1 if _text(balance, "CdtDbtInd") == "CRDT" else -1
        balances[_text(balance, "Tp", "CdOrPrtry", "Cd")] = amount * sign
    account = _first(report, "Acct")
    return AccountReport(
        kind=kind,
        account=_text(account, "Id", "IBAN") or _text(account, "Id", "Othr", "Id"),
        entries=tuple(entry for row in _all(report, "Ntry") for entry in _entries(row)),
        opening=balances.get("OPBD", balances.get("PRCD")),
        closing=balances.get("CLBD"),
    )


def _entries(row: ET.Element) -> Iterator[Entry]:
    """The movements of an entry: each of a batch that the bank has booked in one sum, or itself."""
    if (_text(row, "Sts", "Cd") or _text(row, "Sts")) not in {"BOOK", ""}:
        return  # announced, not booked
    parts = [part for group in _all(row, "NtryDtls") for part in _all(group, "TxDtls")]
    if not parts:
        yield _movement(row, row, "")
    for number, part in enumerate(parts, 1):
        yield _movement(row, part, f"/{number}" if len(parts) > 1 else "")


def _movement(row: ET.Element, part: ET.Element, suffix: str) -> Entry:
    is_credit = (_text(part, "CdtDbtInd") or _text(row, "CdtDbtInd")) == "CRDT"
    amount = _first(part, "Amt")
    if amount.text is None:
        amount = _first(part, "AmtDtls", "TxAmt", "Amt")
    other = "Dbtr" if is_credit != bool(_text(part, "RtrInf", "Rsn", "Cd")) else "Cdtr"
    if _text(part, "Refs", "MndtId"):
        other = "Dbtr"  # of a debit the debtor is the other one, whichever way the money goes
    parties = _first(part, "RltdPties")
    end_to_end = _text(part, "Refs", "EndToEndId")
    booked = _text(row, "BookgDt", "Dt") or _text(row, "BookgDt", "DtTm")[:10]
    given = _text(row, "AcctSvcrRef") or _text(part, "Refs", "AcctSvcrRef")
    remittance = _first(part, "RmtInf")
    family = _first(row, "BkTxCd", "Domn")
    codes = (_text(family, "Cd"), _text(family, "Fmly", "Cd"), _text(family, "Fmly", "SubFmlyCd"))
    return Entry(
        reference=given + suffix if given else "",
        is_credit=is_credit,
        amount=_money(amount if amount.text is not None else _first(row, "Amt")),
        booked_on=date.fromisoformat(booked),
        end_to_end_id="" if end_to_end == NOT_PROVIDED else end_to_end,
        return_reason=_text(part, "RtrInf", "Rsn", "Cd") or _text(part, "RtrInf", "Rsn", "Prtry"),
        structured=_text(remittance, "Strd", "CdtrRefInf", "Ref"),
        text=" ".join(line.text or "" for line in _all(remittance, "Ustrd")).strip(),
        party_name=_text(parties, other, "Pty", "Nm") or _text(parties, other, "Nm"),
        party_iban=_text(parties, f"{other}Acct", "Id", "IBAN"),
        party_bic=_text(part, "RltdAgts", f"{other}Agt", "FinInstnId", "BICFI"),
        code="/".join(code for code in codes if code),
        charges=_charges(part) or (_charges(row) if not suffix else None),
        instructed=_amount(part, "AmtDtls", "InstdAmt", "Amt"),
    )


def _charges(parent: ET.Element) -> Money | None:
    """The charges of a movement, record by record, or else their sum."""
    of = _first(parent, "Chrgs")
    records = [
        amount if _text(record, "CdtDbtInd") != "CRDT" else -amount
        for record in _all(of, "Rcrd")
        if (amount := _amount(record, "Amt")) is not None
    ]
    if records:
        return total(records, records[0].currency)
    return _amount(of, "TtlChrgsAndTaxAmt")


def _amount(parent: ET.Element, *path: str) -> Money | None:
    element = _first(parent, *path)
    return _money(element) if (element.text or "").strip() else None


def _reason(parent: ET.Element) -> tuple[str, str]:
    why = _first(parent, "StsRsnInf")
    text = " ".join(line.text or "" for line in _all(why, "AddtlInf"))
    return _text(why, "Rsn", "Cd") or _text(why, "Rsn", "Prtry"), text


def _money(element: ET.Element) -> Money:
    amount = Decimal((element.text or "").strip())
    if amount.is_nan() or amount < 0:
        raise ValueError(f"{amount} is no amount")
    return told_amount(amount, element.attrib.get("Ccy", ""))


def _id(message: ET.Element) -> str:
    given = _text(message, "GrpHdr", "MsgId")
    if not given:
        raise ValueError("it has no MsgId")
    return given


_NOTHING = ET.Element("nothing")


def _first(parent: ET.Element, *path: str) -> ET.Element:
    """The first element on a path, whatever its namespace; an empty one if there is none."""
    for name in path:
        parent = next(iter(_all(parent, name)), _NOTHING)
    return parent


def _all(parent: ET.Element, name: str) -> Sequence[ET.Element]:
    return [child for child in parent if _local(child.tag) == name]


def _text(parent: ET.Element, *path: str) -> str:
    return (_first(parent, *path).text or "").strip()


def _local(tag: object) -> str:
    return str(tag).rpartition("}")[2]


_READERS: Mapping[str, _Reader] = {
    "CstmrPmtStsRpt": _status_report,
    "BkToCstmrAcctRpt": _account_message("camt.052", "Rpt"),
    "BkToCstmrStmt": _account_message("camt.053", "Stmt"),
    "BkToCstmrDbtCdtNtfctn": _account_message("camt.054", "Ntfctn"),
    "PmtRtr": _return_message,
}
