"""Whatever a bank has left: told apart by how it begins, and read by whoever knows it."""

from billing.errors import BankMessageUnreadable
from billing.gateways.bank_messages import BankMessage, read_message
from billing.gateways.nacha_files import (
    is_acknowledgement,
    is_return_file,
    read_acknowledgement,
    read_return_file,
)


def read_delivery(body: bytes) -> BankMessage:
    """Read a message of any kind that is known here.

    Raises:
        BankMessageUnreadable: If it is none, or cannot be read.
    """
    try:
        if is_return_file(body):
            return read_return_file(body)
        if is_acknowledgement(body):
            return read_acknowledgement(body)
    except (ValueError, IndexError, KeyError) as error:
        raise BankMessageUnreadable(f"an ACH message that cannot be read: {error}") from error
    if body.startswith(b"01,"):  # a BAI2 statement: its entries came by camt.054 already
        return BankMessage(name="bai2", message_id=body.split(b"/", 1)[0].decode("ascii")[:70])
    return read_message(body)
