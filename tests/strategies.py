"""What property tests draw from: amounts, quantities, periods of real time zones."""

from datetime import UTC, date, datetime
from decimal import Decimal

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.thorough import IS_THOROUGH
from tiktoktoe.kernel.money import Money, from_minor
from tiktoktoe.kernel.periods import Interval, IntervalUnit, Period

# The same examples in every run: a test that fails once fails again. No deadline, because
# the machine that runs this may be doing other things.
settings.register_profile("house", derandomize=True, deadline=None, max_examples=100)
settings.load_profile("house")


def histories(usual: int, *, thorough: int) -> settings:
    """How many examples that live through the database: each takes a quarter of a second or more.

    `THOROUGH=1 make test` plays the larger number. Each example is to begin with
    the same rows: tests.shared_world.undone.
    """
    return settings(
        max_examples=thorough if IS_THOROUGH else usual,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )


# With and without summer time, at midnight jumps (Havana, Cairo, Santiago), on the half hour
# (Lord Howe jumps by half an hour), and across the date line.
TIME_ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Havana",
    "Africa/Cairo",
    "America/Santiago",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Auckland",
    "Pacific/Honolulu",
)

currencies = st.sampled_from(["EUR", "USD", "JPY", "KWD"])
time_zones = st.sampled_from(TIME_ZONES)
days = st.dates(date(2019, 1, 1), date(2031, 12, 31))
intervals = st.builds(Interval, st.sampled_from(list(IntervalUnit)), st.integers(1, 4))
instants = st.integers(1_546_300_800, 1_956_528_000).map(  # 2019 to 2031
    lambda seconds: datetime.fromtimestamp(seconds, UTC)
)
quantities = st.decimals(Decimal(0), Decimal(10) ** 12, places=4)
unit_amounts = st.decimals(Decimal(0), Decimal(10) ** 6, places=10)


@st.composite
def amounts(draw: st.DrawFn, minimum: int = -(10**12), maximum: int = 10**12) -> Money:
    """A payable amount in one of four currencies with 0, 2 and 3 decimals."""
    return from_minor(draw(st.integers(minimum, maximum)), draw(currencies))


@st.composite
def periods(draw: st.DrawFn) -> Period:
    """Any time between two instants, of at least a day."""
    start = draw(instants)
    seconds = draw(st.integers(86_400, 3 * 366 * 86_400))
    return Period(start, datetime.fromtimestamp(start.timestamp() + seconds, UTC))
