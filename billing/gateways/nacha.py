"""The same rail in the United States: debits and credits in ACH files, returns with R codes."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

from stdnum.exceptions import ValidationError
from stdnum.us import rtn

from billing.domain.bank_days import FileTerms, is_fed_day
from billing.errors import GatewayRefused
from billing.gateways.bank import BankGateway, BankTerms, WrittenFile
from billing.gateways.bank_door import BankDoor
from billing.gateways.nacha_files import (
    CREDIT,
    DEBIT,
    INVOICE,
    PRESENTED_AGAIN,
    AchOrder,
    Originator,
    ach_file,
    file_id,
)
from billing.gateways.sepa_files import Account, DebitOrder, TransferOrder
from tiktoktoe.kernel.ids import ALPHABET
from tiktoktoe.kernel.money import Money

# A changed amount is told 10 calendar days before. Source: Regulation E, 12 CFR 1005.10(d), and
# the Nacha Operating Rules, as told by gocardless.com/guides/ach/customer-payment-notifications
# (read on 26 November 2026); another time may be agreed in the authorization.
NOTICE_DAYS = 10
LARGEST = Money("99999999.99", "USD")
REFERENCE_LENGTH = 15
MODIFIERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class NachaGateway(BankGateway):
    """Our account at a bank of the United States."""

    currency = "USD"
    largest = LARGEST
    smallest = Money("0.01", "USD")
    gives_mandates_in_portal = False
    tells_presented_again = True
    extension = "ach"

    def __init__(
        self, name: str, *, terms: BankTerms, door: BankDoor, originator: Originator
    ) -> None:
        super().__init__(name, terms=terms, door=door)
        self._originator = originator

    def reference_of(self, our_reference: str) -> str:
        """The name of an order: 15 letters are all there is, 75 bits made of ours."""
        number = int.from_bytes(hashlib.sha256(our_reference.encode()).digest()[:10], "big") >> 5
        letters = [ALPHABET[(number >> 5 * n) & 31] for n in range(REFERENCE_LENGTH)]
        return "".join(letters).upper()

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
        """An ACH file of debits; those that came back for want of funds are called so."""
        del message_id, sequence_type
        pulled = [_order(o.end_to_end_id, o.amount, o.debtor) for o in orders]
        words = PRESENTED_AGAIN if is_again else INVOICE
        return self._file(pulled, DEBIT, number, made_at, due_on, words=words)

    def transfer_file(
        self,
        orders: Sequence[TransferOrder],
        *,
        message_id: str,
        number: int,
        made_at: datetime,
        due_on: date,
    ) -> WrittenFile:
        """An ACH file of credits."""
        del message_id
        pushed = [_order(o.end_to_end_id, o.amount, o.creditor) for o in orders]
        return self._file(pushed, CREDIT, number, made_at, due_on)

    def _file(
        self,
        orders: Sequence[AchOrder],
        code: str,
        number: int,
        made_at: datetime,
        due_on: date,
        *,
        words: str = INVOICE,
    ) -> WrittenFile:
        local = made_at.astimezone(ZoneInfo(self.terms.files.time_zone))
        modifier = MODIFIERS[number % len(MODIFIERS)]
        body = ach_file(
            orders,
            code=code,
            originator=self._originator,
            made_at=local,
            modifier=modifier,
            effective_on=due_on,
            words=words,
        )
        identity = file_id(self._originator, local, modifier)
        return WrittenFile(message_id=identity, body=body)


def nacha_gateway(name: str, terms: Mapping[str, str]) -> NachaGateway:
    """The gateway of an account in the settings.

    Raises:
        GatewayRefused: If what the settings say of it cannot be.
    """
    try:
        originator = Originator(
            name=terms["holder"],
            company_id=terms["company_id"],
            bank_routing=str(rtn.validate(terms["routing_number"])),
        )
        files = FileTerms(
            cut_off=time.fromisoformat(terms.get("cut_off") or "16:00"),
            time_zone=terms.get("time_zone") or "America/New_York",
        )
        notice_days = int(terms.get("notice_days") or NOTICE_DAYS)
    except (ValidationError, ValueError, KeyError) as error:
        raise GatewayRefused(f"the settings of {name} are wrong: {error}") from error
    account = Account(name=terms["holder"], number=terms["account"])
    also = frozenset({terms["account_alias"]} if terms.get("account_alias") else ())
    return NachaGateway(
        name,
        terms=BankTerms(
            account=account,
            creditor_id=terms["company_id"],
            files=files,
            notice_days=notice_days,
            is_open=is_fed_day,
            also_known_as=also,
        ),
        door=BankDoor(outgoing=Path(terms["out_folder"]), incoming=Path(terms["in_folder"])),
        originator=originator,
    )


def _order(reference: str, amount: Money, account: Account) -> AchOrder:
    routing, _, number = account.number.partition("/")
    return AchOrder(
        reference=reference, amount=amount, name=account.name, routing=routing, account=number
    )
