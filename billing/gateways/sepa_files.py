"""Files for a bank: SEPA direct debits (pain.008) and credit transfers (pain.001).

Written here and by no library: the same orders have to give the same bytes, so that a file that
was perhaps sent can be sent again and the bank knows it by its MsgId. The tests hold every file
against the published schemas, which come with the package sepaxml.

Source: ISO 20022 pain.008.001.08 and pain.001.001.09; EPC130-08 and EPC132-08 (customer-to-bank
implementation guidelines, 2023) for what SEPA leaves out and for its letters.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from xml.etree import ElementTree as ET

from tiktoktoe.kernel.clock import utc
from tiktoktoe.kernel.money import Money, total

DEBITS = "urn:iso:std:iso:20022:tech:xsd:pain.008.001.08"
TRANSFERS = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
NAME_LENGTH = 70
TEXT_LENGTH = 140
_SEPA_LETTERS = re.compile(r"[^A-Za-z0-9/\-?:().,'+ ]")
_SPELT = str.maketrans({"ß": "ss", "Æ": "AE", "æ": "ae", "Ø": "O", "ø": "o", "&": "+", "ł": "l"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Whose account, and where: an IBAN, or routing and account number with a slash between."""

    name: str
    number: str
    bic: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DebitOrder:
    """Money to be collected by a mandate."""

    end_to_end_id: str
    amount: Money
    debtor: Account
    mandate: str
    signed_on: date
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferOrder:
    """Money to be sent."""

    end_to_end_id: str
    amount: Money
    creditor: Account
    text: str


def debit_file(
    orders: Sequence[DebitOrder],
    *,
    message_id: str,
    made_at: datetime,
    collect_on: date,
    sequence_type: str,
    creditor: Account,
    creditor_id: str,
) -> bytes:
    """A pain.008 of one batch: SEPA Core, one due day, one sequence type."""
    root, message = _message(DEBITS, "CstmrDrctDbtInitn")
    amounts = [order.amount for order in orders]
    _header(message, message_id, made_at, amounts, creditor.name)
    batch = _batch(message, message_id, "DD", amounts)
    kind = _put(batch, "PmtTpInf")
    _put(_put(kind, "SvcLvl"), "Cd", "SEPA")
    _put(_put(kind, "LclInstrm"), "Cd", "CORE")
    _put(kind, "SeqTp", sequence_type)
    _put(batch, "ReqdColltnDt", collect_on.isoformat())
    _put(_put(batch, "Cdtr"), "Nm", _name(creditor.name))
    _iban(batch, "CdtrAcct", creditor.number)
    _agent(batch, "CdtrAgt", creditor.bic)
    _put(batch, "ChrgBr", "SLEV")
    scheme = _put(_put(_put(_put(batch, "CdtrSchmeId"), "Id"), "PrvtId"), "Othr")
    _put(scheme, "Id", creditor_id)
    _put(_put(scheme, "SchmeNm"), "Prtry", "SEPA")
    for order in orders:
        _debit(batch, order)
    return _bytes(root)


def transfer_file(
    orders: Sequence[TransferOrder],
    *,
    message_id: str,
    made_at: datetime,
    execute_on: date,
    debtor: Account,
) -> bytes:
    """A pain.001 of one batch of SEPA credit transfers."""
    root, message = _message(TRANSFERS, "CstmrCdtTrfInitn")
    amounts = [order.amount for order in orders]
    _header(message, message_id, made_at, amounts, debtor.name)
    batch = _batch(message, message_id, "TRF", amounts)
    _put(_put(_put(batch, "PmtTpInf"), "SvcLvl"), "Cd", "SEPA")
    _put(_put(batch, "ReqdExctnDt"), "Dt", execute_on.isoformat())
    _put(_put(batch, "Dbtr"), "Nm", _name(debtor.name))
    _iban(batch, "DbtrAcct", debtor.number)
    _agent(batch, "DbtrAgt", debtor.bic)
    _put(batch, "ChrgBr", "SLEV")
    for order in orders:
        item = _put(batch, "CdtTrfTxInf")
        _put(_put(item, "PmtId"), "EndToEndId", order.end_to_end_id)
        _amount(_put(item, "Amt"), order.amount)
        if order.creditor.bic:
            _agent(item, "CdtrAgt", order.creditor.bic)
        _put(_put(item, "Cdtr"), "Nm", _name(order.creditor.name))
        _iban(item, "CdtrAcct", order.creditor.number)
        _put(_put(item, "RmtInf"), "Ustrd", sepa_text(order.text)[:TEXT_LENGTH])
    return _bytes(root)


def sepa_text(text: str) -> str:
    """Text in the letters that every bank of SEPA takes; accents go, what is left becomes a dot.

    Source: EPC217-08, SEPA conversion table; a slash neither leads nor is doubled.
    """
    plain = unicodedata.normalize("NFKD", text.translate(_SPELT))
    base = "".join(letter for letter in plain if not unicodedata.combining(letter))
    spelt = re.sub(r"/{2,}", "/", _SEPA_LETTERS.sub(".", base)).lstrip("/")
    return " ".join(spelt.split())


def _debit(batch: ET.Element, order: DebitOrder) -> None:
    item = _put(batch, "DrctDbtTxInf")
    _put(_put(item, "PmtId"), "EndToEndId", order.end_to_end_id)
    _amount(item, order.amount)
    mandate = _put(_put(item, "DrctDbtTx"), "MndtRltdInf")
    _put(mandate, "MndtId", order.mandate)
    _put(mandate, "DtOfSgntr", order.signed_on.isoformat())
    _agent(item, "DbtrAgt", order.debtor.bic)
    _put(_put(item, "Dbtr"), "Nm", _name(order.debtor.name))
    _iban(item, "DbtrAcct", order.debtor.number)
    _put(_put(item, "RmtInf"), "Ustrd", sepa_text(order.text)[:TEXT_LENGTH])


def _message(namespace: str, name: str) -> tuple[ET.Element, ET.Element]:
    root = ET.Element("Document", {"xmlns": namespace})
    return root, _put(root, name)


def _header(
    message: ET.Element, message_id: str, made_at: datetime, amounts: Sequence[Money], name: str
) -> None:
    header = _put(message, "GrpHdr")
    _put(header, "MsgId", message_id)
    _put(header, "CreDtTm", utc(made_at).strftime("%Y-%m-%dT%H:%M:%SZ"))
    _sums(header, amounts)
    _put(_put(header, "InitgPty"), "Nm", _name(name))


def _batch(
    message: ET.Element, message_id: str, method: str, amounts: Sequence[Money]
) -> ET.Element:
    batch = _put(message, "PmtInf")
    _put(batch, "PmtInfId", message_id)
    _put(batch, "PmtMtd", method)
    _sums(batch, amounts)
    return batch


def _sums(parent: ET.Element, amounts: Sequence[Money]) -> None:
    _put(parent, "NbOfTxs", str(len(amounts)))
    _put(parent, "CtrlSum", _number(total(amounts, amounts[0].currency)))


def _amount(parent: ET.Element, amount: Money) -> None:
    _put(parent, "InstdAmt", _number(amount)).set("Ccy", amount.currency.code)


def _iban(parent: ET.Element, name: str, iban: str) -> None:
    _put(_put(_put(parent, name), "Id"), "IBAN", iban)


def _agent(parent: ET.Element, name: str, bic: str) -> None:
    """Which bank; a BIC is not needed any more inside SEPA, but its place is."""
    bank = _put(_put(parent, name), "FinInstnId")
    if bic:
        _put(bank, "BICFI", bic)
    else:
        _put(_put(bank, "Othr"), "Id", "NOTPROVIDED")


def _name(name: str) -> str:
    return sepa_text(name)[:NAME_LENGTH].strip() or "NOTPROVIDED"


def _number(amount: Money) -> str:
    return f"{amount.amount:.2f}"


def _put(parent: ET.Element, name: str, text: str = "") -> ET.Element:
    child = ET.SubElement(parent, name)
    child.text = text or None
    return child


def _bytes(root: ET.Element) -> bytes:
    text: bytes = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return text
