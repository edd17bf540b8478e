"""Whatever is sent, in whichever order: quantities equal an independent recount."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from itertools import count
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscriptions.domain.events import EventBody
from subscriptions.domain.metering import UsageTotal
from subscriptions.models import Customer, Meter, UsageDay, UsageDelta, UsageEvent
from subscriptions.queries import UsageSpan, usage_days, usage_events, usage_totals
from subscriptions.services.rollups import fold_deltas
from subscriptions.services.usage import Closing, Incoming, close_usage, record_events
from tests.factories.subscriptions import make_customer, make_meter
from tests.factories.usage import make_source, use
from tests.shared_world import undone
from tests.strategies import histories

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
NEW_YORK = "America/New_York"
YEAR = (date(2026, 1, 1), date(2027, 1, 1))
_runs = count(1)

Sent = tuple[int, int, int]  # id, hours ago, hundredths of a unit
events = st.tuples(st.integers(0, 12), st.integers(0, 24 * 34), st.integers(0, 3))
acts = st.one_of(
    st.lists(events, max_size=8),
    st.just("fold"),
    st.just("fold one"),
    st.integers(0, 24 * 40),  # close until so many hours ago
)


@dataclass
class Recount:
    """The rules told once more, as simply as possible, without the project's code."""

    closed: datetime | None = None
    kept: dict[int, Sent] = field(default_factory=dict)
    days: dict[date, list[Decimal]] = field(default_factory=dict)
    answers: list[tuple[int, int, int]] = field(default_factory=list)

    def send(self, batch: list[Sent]) -> tuple[int, int, int]:
        accepted = duplicates = refused = 0
        for event in batch:
            known = self.kept.setdefault(event[0], event)
            if known is not event and known == event:
                duplicates += 1
            elif known is not event:
                refused += 1
            else:
                accepted += 1
                self._count(event)
        return accepted, duplicates, refused

    def close(self, through: datetime) -> None:
        self.closed = max(through, self.closed or through)

    def _count(self, event: Sent) -> None:
        moment = NOON - timedelta(hours=event[1])
        if self.closed is not None and self.closed > moment:
            moment = self.closed
        day = moment.astimezone(ZoneInfo(NEW_YORK)).date()
        self.days.setdefault(day, []).append(Decimal(event[2]) / 100)


def incoming(batch: list[Sent], customer: Customer) -> list[Incoming]:
    return [
        Incoming(
            index,
            EventBody(
                event_id=f"{customer.external_id}-{event_id}",
                customer=customer.external_id,
                meter="api_calls",
                occurred_at=NOON - timedelta(hours=hours),
                quantity=Decimal(hundredths) / 100,
            ),
        )
        for index, (event_id, hours, hundredths) in enumerate(batch)
    ]


@histories(15, thorough=30)
@given(st.lists(acts, max_size=12))
@undone()
def test_quantities_equal_a_recount_whatever_is_sent_folded_and_closed(
    steps: list[list[Sent] | str | int],
) -> None:
    customer = make_customer(external_id=f"property-{next(_runs)}", time_zone=NEW_YORK)
    meter, source, recount = make_meter(), make_source(), Recount()

    for step in steps:
        if isinstance(step, list):
            batch = [(int(a), int(b), int(c)) for a, b, c in step]  # equal is not identical
            answer = record_events(source=source, events=incoming(batch, customer), at=NOON)
            expected = recount.send(batch)
            assert (answer.accepted, answer.duplicates, len(answer.refused)) == expected
        elif isinstance(step, int):
            through = NOON - timedelta(hours=step)
            close_usage(closings=[Closing(customer.pk, meter.pk, through)])
            recount.close(through)
        else:
            fold_deltas(limit=1 if step == "fold one" else 1000)

    span = UsageSpan(customer.pk, meter.pk, *YEAR)
    counted = {
        day: UsageTotal(len(parts), sum(parts, Decimal(0)), max(parts))
        for day, parts in recount.days.items()
    }
    assert {found.day: found.total for found in usage_days(span)} == counted
    everything = [part for parts in recount.days.values() for part in parts]
    (total,) = usage_totals([span])
    assert total.quantity_sum == sum(everything, Decimal(0))
    assert total.event_count == len(everything) == len(usage_events(span, limit=1000))


def test_many_spans_are_added_up_in_one_query_and_in_their_order(
    django_assert_num_queries: object,
) -> None:
    one, other = make_customer(), make_customer()
    meter = make_meter()
    use(one, 3, NOON)
    use(one, 4, NOON - timedelta(days=1))
    use(other, 5, NOON)
    fold_deltas()
    use(other, 6, NOON)
    march_10, march_11 = date(2026, 3, 10), date(2026, 3, 11)
    spans = [
        UsageSpan(other.pk, meter.pk, march_10, march_11),
        UsageSpan(one.pk, meter.pk, march_10, march_11),
        UsageSpan(one.pk, meter.pk, march_10, march_10),
        UsageSpan(one.pk, meter.pk, date(2026, 3, 9), march_11),
    ]

    with django_assert_num_queries(1):  # type: ignore[operator]
        found = usage_totals(spans)

    assert [t.quantity_sum for t in found] == [Decimal(11), Decimal(3), Decimal(0), Decimal(7)]
    assert [t.quantity_max for t in found] == [Decimal(6), Decimal(3), None, Decimal(4)]


def test_an_event_counts_on_the_customers_own_day() -> None:
    tokyo = make_customer(time_zone="Asia/Tokyo")
    make_meter()

    use(tokyo, 1, datetime(2026, 3, 9, 16, tzinfo=UTC), received_at=NOON)

    assert UsageEvent.objects.get().counted_on == date(2026, 3, 10)


def test_a_month_is_made_for_every_event_however_its_time_is_written() -> None:
    customer, source = make_customer(), make_source()
    make_meter()
    ahead = timezone(timedelta(hours=2))
    moments = [datetime(2033, 3, 1, 0, 30, tzinfo=ahead), datetime(2033, 3, 5, tzinfo=ahead)]
    bodies = [
        EventBody(
            event_id=f"e{number}",
            customer=customer.external_id,
            meter="api_calls",
            occurred_at=moment,
            quantity=Decimal(1),
        )
        for number, moment in enumerate(moments)
    ]

    result = record_events(
        source=source,
        events=[Incoming(index, body) for index, body in enumerate(bodies)],
        at=datetime(2033, 3, 6, tzinfo=UTC),
    )

    assert result.accepted == 2
    assert UsageEvent.objects.get(event_id="e0").counted_on == date(2033, 2, 28)


def test_a_late_event_of_a_closed_period_counts_in_the_open_one() -> None:
    customer, meter = make_customer(), make_meter()
    march = datetime(2026, 3, 1, tzinfo=UTC)
    close_usage(closings=[Closing(customer.pk, meter.pk, march)])

    use(customer, 2, datetime(2026, 2, 27, tzinfo=UTC), received_at=NOON)

    kept = UsageEvent.objects.get()
    assert (kept.counted_at, kept.counted_on) == (march, date(2026, 3, 1))
    february = UsageSpan(customer.pk, meter.pk, date(2026, 2, 1), date(2026, 3, 1))
    assert usage_totals([february]) == [UsageTotal()]


def test_closing_earlier_than_before_changes_nothing() -> None:
    customer, meter = make_customer(), make_meter()
    march = datetime(2026, 3, 1, tzinfo=UTC)
    close_usage(closings=[Closing(customer.pk, meter.pk, march)])

    close_usage(closings=[Closing(customer.pk, meter.pk, march - timedelta(days=9))])
    use(customer, 2, datetime(2026, 2, 27, tzinfo=UTC), received_at=NOON)

    assert UsageEvent.objects.get().counted_at == march


def test_closing_one_meter_leaves_the_others_open() -> None:
    customer, meter, other = make_customer(), make_meter(), make_meter("tokens")
    close_usage(closings=[Closing(customer.pk, meter.pk, NOON)])

    use(customer, 1, NOON - timedelta(hours=1), meter=other.code, received_at=NOON)

    assert UsageEvent.objects.get().counted_at == NOON - timedelta(hours=1)


def test_folding_moves_sums_and_leaves_nothing_behind() -> None:
    customer = make_customer()
    make_meter()
    for quantity in (1, 5, 2):
        use(customer, quantity, NOON)

    assert fold_deltas(limit=2) == 2
    assert fold_deltas() == 1
    assert fold_deltas() == 0

    day = UsageDay.objects.get()
    assert (day.event_count, day.quantity_sum, day.quantity_max) == (3, Decimal(8), Decimal(5))
    assert not UsageDelta.objects.exists()


def test_pages_of_events_meet_without_gap_or_repeat() -> None:
    customer = make_customer()
    meter: Meter = make_meter()
    for number in range(7):
        use(customer, 1, NOON - timedelta(hours=number // 3), event_id=f"e{number}")
    span = UsageSpan(customer.pk, meter.pk, *YEAR)

    seen: list[str] = []
    page = usage_events(span, limit=2)
    while page:
        seen += [event.event_id for event in page]
        page = usage_events(span, after=(page[-1].occurred_at, page[-1].event_id), limit=2)

    assert seen == ["e6", "e3", "e4", "e5", "e0", "e1", "e2"]
