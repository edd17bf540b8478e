"""Ids sort by time, are of version 7, and do not repeat."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from tiktoktoe.kernel.clock import moved_to
from tiktoktoe.kernel.ids import ALPHABET, short_id, uuid7

AT = datetime(2026, 5, 1, 12, 30, 15, 123456, tzinfo=UTC)


def test_uuid7_says_its_version_and_its_millisecond() -> None:
    with moved_to(AT):
        made = uuid7()

    assert made.version == 7
    assert made.variant == "specified in RFC 4122"
    assert made.int >> 80 == int(AT.timestamp()) * 1000 + 123


def test_ids_of_one_instant_sort_in_the_order_they_were_made() -> None:
    with moved_to(AT):
        made = [uuid7() for _ in range(1000)]

    assert made == sorted(made)


def test_ids_sort_by_the_microsecond() -> None:
    made = []
    for step in range(2000):
        with moved_to(AT + timedelta(microseconds=step)):
            made.append(uuid7())

    assert made == sorted(made)


def test_threads_never_make_the_same_id() -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: uuid7(), range(5000)))

    assert len(set(made)) == 5000


def test_a_short_id_is_its_prefix_and_twelve_letters_nobody_misreads() -> None:
    prefix, letters = short_id("sub").split("_")

    assert prefix == "sub"
    assert len(letters) == 12
    assert set(letters) <= set(ALPHABET)
    assert not set("ilou") & set(ALPHABET)
