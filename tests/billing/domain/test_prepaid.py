"""Limited credits pay for the lines that they are for, and never more than is due."""

from decimal import Decimal
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from billing.domain.prepaid import Charge, LimitedLot, cover


def lot(number: int, held: str, *, plan: str = "", meter: str = "") -> LimitedLot:
    return LimitedLot(
        key=UUID(int=number),
        held=Decimal(held),
        plans=frozenset({plan} if plan else ()),
        meters=frozenset({meter} if meter else ()),
    )


def charge(gross: str, *, plan: str = "team", meter: str = "") -> Charge:
    return Charge(gross=Decimal(gross), plan=plan, meter=meter)


def paid(lots: list[LimitedLot], charges: list[Charge], due: str) -> list[tuple[int, str]]:
    return [(key.int, str(amount)) for key, amount in cover(lots, charges, Decimal(due))]


def test_a_lot_pays_for_its_meter_alone() -> None:
    charges = [charge("99.00"), charge("30.00", meter="calls")]

    assert paid([lot(1, "50.00", meter="calls")], charges, "129.00") == [(1, "30.00")]
    assert paid([lot(1, "20.00", meter="calls")], charges, "129.00") == [(1, "20.00")]
    assert paid([lot(1, "20.00", meter="storage")], charges, "129.00") == []


def test_what_an_earlier_lot_paid_for_is_not_paid_for_again() -> None:
    charges = [charge("99.00"), charge("30.00", meter="calls")]
    lots = [lot(1, "25.00", meter="calls"), lot(2, "200.00", meter="calls")]

    assert paid(lots, charges, "129.00") == [(1, "25.00"), (2, "5.00")]


def test_credits_on_the_lines_are_taken_into_account() -> None:
    charges = [charge("99.00"), charge("-60.00")]

    assert paid([lot(1, "200.00", plan="team")], charges, "39.00") == [(1, "39.00")]
    assert paid([lot(1, "200.00", plan="team")], [charge("-5.00")], "0.00") == []


amounts = st.decimals(min_value=-100, max_value=100, places=2)
names = st.sampled_from(["", "a", "b"])


@given(
    charges=st.lists(st.builds(Charge, gross=amounts, plan=names, meter=names), max_size=6),
    helds=st.lists(st.tuples(st.decimals(min_value=0, max_value=100, places=2), names, names)),
    due=st.decimals(min_value=0, max_value=300, places=2),
)
def test_nothing_is_paid_beyond_a_lot_its_lines_or_what_is_due(
    charges: list[Charge], helds: list[tuple[Decimal, str, str]], due: Decimal
) -> None:
    lots = [lot(n, str(h), plan=plan, meter=meter) for n, (h, plan, meter) in enumerate(helds)]

    found = dict(cover(lots, charges, due))

    assert sum(found.values(), Decimal(0)) <= due
    for one in lots:
        mine = sum((max(c.gross, Decimal(0)) for c in charges if one.covers(c)), Decimal(0))
        assert 0 <= found.get(one.key, Decimal(0)) <= min(one.held, mine)
