"""What every test has: a database that guards itself, and that transactional tests leave clean."""

import gc
from collections.abc import Iterator

import pytest
from django.test import TransactionTestCase
from pytest_django import DjangoDbBlocker

from tests.adyen_world import adyen, adyen_address, world
from tests.bank_world import bank, bank_process
from tests.database import end_transactional_test, prepare_database
from tests.paypal_world import paypal, paypal_address
from tests.shared_world import end_shared_world
from tests.stripe_world import sandbox_address, stripe

__all__ = [
    "adyen",
    "adyen_address",
    "bank",
    "bank_process",
    "paypal",
    "paypal_address",
    "sandbox_address",
    "stripe",
    "world",
]  # fixtures


# What takes seconds a test.
LONG = ("tests/browser/", "tests/demo/", "tests/flows/", "tests/launcher/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long ones: all workers would wait for the one that ends with them."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Never search for circular garbage what is loaded by the end: an eighth of the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    """Let a world go with the last test in a row that began with it; see tests/shared_world.py."""
    end_shared_world(nextitem, is_end=nextitem is None)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Let transactional tests end by restoring the migrated database; see tests/database.py."""
    with django_db_blocker.unblock():
        prepare_database()
    TransactionTestCase._fixture_teardown = end_transactional_test  # type: ignore[attr-defined]
