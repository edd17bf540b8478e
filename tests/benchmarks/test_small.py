"""The benchmarks of billing at a size that tests can afford: they run, and measure something."""

import pytest

from tests.benchmarks import big_billing_run, dry_runs, previews


@pytest.mark.django_db(transaction=True)
def test_the_billing_run_is_measured_at_any_size() -> None:
    said: list[str] = []

    (size,) = big_billing_run.run(sizes=[30], say=said.append)

    assert size.subscriptions == 30
    assert min(size.naive, size.ours, size.limit) > 0
    assert len(said) == 4


@pytest.mark.django_db(transaction=True)
def test_dry_runs_are_measured_beside_the_run() -> None:
    said: list[str] = []

    figures = dry_runs.run(subscriptions=30, say=said.append)

    assert min(figure.per_second for figure in figures) > 0
    assert len(said) == 3


@pytest.mark.django_db(transaction=True)
def test_previews_are_measured() -> None:
    said: list[str] = []

    measured = previews.run(subscriptions=20, previews=5, say=said.append)

    assert len(measured) == len(said) == 8
    assert all(0 < latency.p50 <= latency.p95 for latency in measured)
