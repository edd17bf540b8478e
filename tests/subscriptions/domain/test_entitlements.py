from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from subscriptions.domain.entitlements import Grant, GrantedBy, Override, Terms, resolve

FEB_1 = datetime(2026, 2, 1, tzinfo=UTC)
LIMITS = st.decimals(min_value=0, max_value=10**9, places=6)
GRANTS = st.lists(
    st.builds(Grant, limit=LIMITS, is_per_unit=st.booleans(), quantity=st.integers(1, 500)),
    min_size=1,
    max_size=5,
)


def test_nothing_grants_nothing() -> None:
    assert resolve([], None) == Terms(is_granted=False, limit=None, granted_by=GrantedBy.NOTHING)


def test_limits_of_several_subscriptions_add_up() -> None:
    terms = resolve([Grant(limit=Decimal(10)), Grant(limit=Decimal(5))], None)

    assert terms == Terms(is_granted=True, limit=Decimal(15), granted_by=GrantedBy.PLAN)


def test_a_limit_for_each_unit_is_multiplied_by_the_quantity() -> None:
    grants = [Grant(limit=Decimal("2.5"), is_per_unit=True, quantity=4), Grant(limit=Decimal(1))]

    assert resolve(grants, None).limit == Decimal(11)


def test_one_subscription_without_limit_makes_the_whole_so() -> None:
    assert resolve([Grant(limit=Decimal(10)), Grant(limit=None)], None).limit is None


def test_an_override_decides_alone() -> None:
    given_less = Override(is_granted=True, limit=Decimal(3), until=FEB_1)

    terms = resolve([Grant(limit=Decimal(10))], given_less)

    assert terms == Terms(
        is_granted=True, limit=Decimal(3), granted_by=GrantedBy.OVERRIDE, until=FEB_1
    )


def test_what_is_taken_away_is_not_allowed() -> None:
    taken = resolve([Grant(limit=None)], Override(is_granted=False, limit=None, until=None))

    assert not taken.is_allowed(None)


def test_the_last_unit_is_allowed_and_none_after_it() -> None:
    terms = resolve([Grant(limit=Decimal(10))], None)

    assert terms.is_allowed(Decimal("9.999999"))
    assert not terms.is_allowed(Decimal(10))
    assert (terms.left(Decimal(4)), terms.left(Decimal(12))) == (Decimal(6), Decimal(0))


def test_a_limit_of_nothing_allows_nothing() -> None:
    assert not resolve([Grant(limit=Decimal(0))], None).is_allowed(None)


@given(GRANTS)
def test_the_order_of_subscriptions_does_not_matter(grants: list[Grant]) -> None:
    assert resolve(grants, None) == resolve(grants[::-1], None)


@given(GRANTS, LIMITS)
def test_used_and_left_make_the_limit_until_it_is_used_up(
    grants: list[Grant], used: Decimal
) -> None:
    terms = resolve(grants, None)
    assert terms.limit is not None

    left = terms.left(used)

    assert left == max(terms.limit - used, Decimal(0))
    assert terms.is_allowed(used) == (left > 0)
