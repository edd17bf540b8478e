"""Events in a drill reach us in bundles; a postman who is killed leaves his for the next."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from tiktoktoe.drill.post import BUNDLE, TRIES_MAX, Post
from tiktoktoe.drill.worker import Delivery

STORM = [Delivery("stripe", {"id": f"evt_{number}"}) for number in range(2 * BUNDLE + 10)]


@dataclass
class Walker:
    """A postman who is back at once, or was killed: as his exit code says."""

    exitcode: int

    def is_alive(self) -> bool:
        return False

    def kill(self) -> None:
        raise AssertionError("nobody is killed once all are told to finish")

    def join(self, timeout: float | None = None) -> None:
        """Is back already."""


@dataclass
class Sleeper:
    """A postman who never comes back by himself: whoever waits for him without an end hangs."""

    exitcode: int | None = None

    def is_alive(self) -> bool:
        return self.exitcode is None

    def kill(self) -> None:
        self.exitcode = -9

    def join(self, timeout: float | None = None) -> None:
        assert timeout is not None or self.exitcode is not None, "the drill hangs"


@dataclass
class Office:
    """Sends walkers, who fare as they are told, and then well; remembers what each was given."""

    fates: Iterator[int]
    sent: list[list[Delivery]] = field(default_factory=list)

    def send(self, bundle: Sequence[Delivery]) -> Walker:
        self.sent.append(list(bundle))
        return Walker(next(self.fates, 0))


def test_a_storm_comes_in_bundles_one_after_another() -> None:
    office = Office(iter(()))
    post = Post(STORM, office.send)

    post.finish()

    assert [len(bundle) for bundle in office.sent] == [BUNDLE, BUNDLE, 10]
    assert post.delivered == len(STORM)
    assert not post.undelivered


def test_what_a_killed_postman_had_goes_with_the_last() -> None:
    office = Office(iter((-9,)))
    post = Post(STORM, office.send)

    post.finish()

    assert office.sent[0] == office.sent[3] == STORM[:BUNDLE]
    assert post.delivered == len(STORM)
    assert not post.undelivered


def test_what_nobody_takes_is_undelivered_in_the_end() -> None:
    office = Office(iter([1] * 100))
    post = Post(STORM[:5], office.send)

    post.finish()

    assert len(office.sent) == TRIES_MAX
    assert (post.delivered, post.undelivered) == (0, STORM[:5])


def test_who_hangs_is_killed_and_what_he_had_is_undelivered() -> None:
    sleeper, office = Sleeper(), Office(iter(()))
    postmen = iter((sleeper,))
    post = Post(STORM, lambda bundle: next(postmen, None) or office.send(bundle))

    post.finish()

    assert sleeper.exitcode == -9
    assert (post.undelivered, post.postmen) == (STORM[:BUNDLE], [])
    assert post.delivered == len(STORM) - BUNDLE


def test_when_the_time_is_over_nobody_more_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tiktoktoe.drill.post.SECONDS_MAX", 0)
    office = Office(iter(()))
    post = Post(STORM, office.send)
    post.go_on()

    post.finish()

    assert len(office.sent) == 1
    assert post.undelivered == STORM[BUNDLE:]


def test_without_a_storm_nobody_is_sent() -> None:
    office = Office(iter(()))
    post = Post([], office.send)

    post.go_on()
    post.finish()

    assert (office.sent, post.postmen, post.delivered) == ([], [], 0)
