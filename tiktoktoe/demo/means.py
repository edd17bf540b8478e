"""By what the demo company's customers pay: what each stores on the day it signs up."""

from dataclasses import dataclass
from random import Random

from subscriptions.models import Customer
from tiktoktoe.demo.second_gateway import AMERICAN, EUROPEAN, REFUSING, WILLING

NOT_EUROPEAN = frozenset({"US", "GB"})
# Of Stripe's stand-in: an American card, a French one, one that is stored and then declined.
GOOD, FRENCH, DECLINING = "4242424242424242", "4000002500000003", "4000000000000341"
IBAN = "DE89370400440532013000"
PAYS_BY_HAND = 0.12
BAD_CARD = 0.1
PAYS_BY_DEBIT = 0.06  # of those in Europe
AT_BOTH = 0.25  # of good cards are kept at the second gateway too
REFUSED_THERE = 0.12  # of those are refused by it each time


@dataclass(frozen=True)
class Means:
    """A card's number or an IBAN, none for who pays by hand; the holder at the second gateway.

    Without a holder it is stored at the first gateway alone.
    """

    number: str = ""
    holder: str = ""


def choose_means(customer: Customer, dice: Random) -> Means:
    """Most store a good card, some at both gateways; some pay by debit, by hand, or not at all."""
    roll = dice.random()
    if roll < PAYS_BY_HAND:
        return Means()
    if roll < PAYS_BY_HAND + BAD_CARD:
        return Means(DECLINING)
    is_european = customer.country not in NOT_EUROPEAN
    if is_european and dice.random() < PAYS_BY_DEBIT:
        return Means(IBAN)
    if dice.random() < AT_BOTH:
        is_refused = dice.random() < REFUSED_THERE
        return Means(EUROPEAN if is_european else AMERICAN, REFUSING if is_refused else WILLING)
    return Means(good_card(customer.country))


def good_card(country: str) -> str:
    """A card that is never declined, of who lives there."""
    return GOOD if country in NOT_EUROPEAN else FRENCH
