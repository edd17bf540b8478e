"""Where the amount of a credit note goes, and that nothing lasting is made of prepaid credits."""

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.domain.credit_parts import CreditParts, Sources, credit_parts
from billing.errors import CreditInvalid
from tiktoktoe.kernel.money import Money

cents = st.integers(min_value=0, max_value=50_000)


def eur(amount: str | int) -> Money:
    return Money(Decimal(amount), "EUR")


def eur_cents(amount: int) -> Money:
    return Money(Decimal(amount) / 100, "EUR")


def parts(amount: str, *, due: str = "0", prepaid: str = "0", paid: str = "0") -> list[str]:
    found = divided(eur(amount), Sources(due=eur(due), prepaid=eur(prepaid), others=eur(paid)))
    fields = (found.to_invoice - found.to_wallets, found.to_wallets, found.to_refund)
    return [str(part.amount) for part in (*fields, found.to_balance)]


def divided(amount: Money, sources: Sources) -> CreditParts:
    return credit_parts(amount=amount, sources=sources, refundable=sources.others)


@pytest.mark.parametrize(
    ("given", "off", "wallets", "refund"),
    [
        ({"amount": "50.00", "paid": "100.00"}, "0.00", "0.00", "50.00"),
        ({"amount": "50.00", "prepaid": "100.00"}, "0.00", "50.00", "0.00"),
        ({"amount": "50.00", "prepaid": "60.00", "paid": "40.00"}, "0.00", "30.00", "20.00"),
        ({"amount": "50.00", "due": "40.00", "prepaid": "60.00"}, "40.00", "10.00", "0.00"),
        ({"amount": "0.01", "prepaid": "1.00", "paid": "2.00"}, "0.00", "0.00", "0.01"),
        ({"amount": "100.00", "prepaid": "33.33", "paid": "66.67"}, "0.00", "33.33", "66.67"),
    ],
)
def test_what_was_settled_goes_back_by_the_share_in_which_it_was_paid(
    given: dict[str, str], off: str, wallets: str, refund: str
) -> None:
    found = parts(**given)

    assert [Decimal(part) for part in found[:3]] == [Decimal(x) for x in (off, wallets, refund)]


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(cents, cents, cents, st.lists(st.integers(min_value=1, max_value=60_000), max_size=8))
def test_no_sequence_of_notes_makes_anything_lasting_of_prepaid_credits(
    due: int, prepaid: int, others: int, wanted: list[int]
) -> None:
    """Each note takes what is left of each source; the last one gives back all of it."""
    left = Sources(due=eur_cents(due), prepaid=eur_cents(prepaid), others=eur_cents(others))
    whole = left
    lasting = back = off = eur(0)
    for amount in [*wanted, 10**9]:
        everything = left.due + left.prepaid + left.others
        note = min(eur_cents(amount), everything)
        if not note:
            break
        found = divided(note, left)
        kept = found.to_refund + found.to_balance
        owed_less = found.to_invoice - found.to_wallets
        assert kept + owed_less + found.to_wallets == note
        lasting, back, off = lasting + kept, back + found.to_wallets, off + owed_less
        left = Sources(
            due=left.due - owed_less,
            prepaid=left.prepaid - found.to_wallets,
            others=left.others - kept,
        )
        assert min(left.due, left.prepaid, left.others) >= eur(0)

    assert (off, back, lasting) == (whole.due, whole.prepaid, whole.others)


def test_a_person_may_not_put_what_prepaid_credits_paid_on_the_balance() -> None:
    sources = Sources(due=eur(0), prepaid=eur(60), others=eur(40))

    with pytest.raises(CreditInvalid) as refused:
        credit_parts(amount=eur(50), sources=sources, refundable=eur(40), to_balance=eur(50))
    assert refused.value.field == "to_balance"

    chosen = credit_parts(amount=eur(50), sources=sources, refundable=eur(40), to_balance=eur(40))
    assert (chosen.to_wallets, chosen.to_balance) == (eur(10), eur(40))
