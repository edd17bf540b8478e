"""A debit that the bank has booked, arranged once for all tests in a row that begin with it."""

from typing import Any

import pytest
from django.test import override_settings

from tests.bank_world import MONDAY, BankWorld, gateways_with
from tests.billing.services.bank_scene import DebitScene
from tests.shared_world import shared_world


def _book(request: pytest.FixtureRequest, _: str) -> DebitScene:
    bank: BankWorld = request.getfixturevalue("bank_process")
    bank.clear()
    with override_settings(GATEWAYS=gateways_with(bank)):
        scene = DebitScene(bank)
        scene.until_booked()
    bank.keep(days=(scene.at - MONDAY).days)
    return scene


booked_once = shared_world(_book, params=["booked"])


@pytest.fixture
def booked(booked_once: DebitScene, settings: Any) -> DebitScene:
    """A customer whose debit of 99.00 euros is booked: our rows; nobody asks the bank again."""
    settings.GATEWAYS = gateways_with(booked_once.bank)
    return booked_once


@pytest.fixture
def booked_there(booked: DebitScene) -> DebitScene:
    """The same with the bank as it was then, for whoever goes on with it."""
    booked.bank.back()
    return booked
