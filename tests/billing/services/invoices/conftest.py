"""A tax engine of somebody else, for tests."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.factories.tax import sales_tax
from tests.http_receiver import Receiver, http_receiver


@pytest.fixture
def engine(settings: Settings) -> Iterator[Receiver]:
    with http_receiver() as box:
        box.answer = sales_tax
        settings.TAX_ENGINE_URL = box.url
        settings.TAX_ENGINE_KEY = "secret"
        settings.TAX_ENGINE_TIMEOUT_SECONDS = 1
        yield box
