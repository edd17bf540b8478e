"""Where a customer is while paying, and what may be paid from there."""

from collections.abc import Mapping
from enum import StrEnum


class Channel(StrEnum):
    """Where the customer is while paying."""

    STORED_METHOD = "stored_method"
    HOSTED_PAGE = "hosted_page"
    BANK_TRANSFER = "bank_transfer"  # the customer sends it; it has arrived


# What was given up is not collected any more, but whoever wants to pay it may.
PAYABLE_STATES: Mapping[Channel, frozenset[str]] = {
    Channel.STORED_METHOD: frozenset({"open"}),
    Channel.HOSTED_PAGE: frozenset({"open", "uncollectible"}),
    Channel.BANK_TRANSFER: frozenset({"open", "uncollectible", "paid"}),
}
