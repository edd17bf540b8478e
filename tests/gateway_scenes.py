"""What many tests of a file begin with at a gateway, arranged once: our rows and its stand-in's.

    kept = gateway_scene(arrange)  # a fixture of this file, for each gateway

    @pytest.fixture
    def world(kept: Kept, request: pytest.FixtureRequest) -> GatewayWorld:
        return kept.back(request)

Our rows are a world of tests/shared_world.py. The stand-in keeps how everything is when it was
arranged, and is set back to that for each test, its clock included.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.adyen_world import adyen_at
from tests.paypal_world import paypal_at
from tests.shared_world import shared_world
from tests.stripe_world import stripe_at

WORLDS: dict[str, Callable[[str], AbstractContextManager[Any]]] = {
    "stripe": stripe_at,
    "adyen": adyen_at,
    "paypal": paypal_at,
}
ADDRESSES = {"stripe": "sandbox_address", "adyen": "adyen_address", "paypal": "paypal_address"}


@dataclass(frozen=True, slots=True)
class Kept:
    """A scene that stands: at which gateway, and how much of what it tells has arrived."""

    gateway: str
    delivered: int

    def back(self, request: pytest.FixtureRequest) -> Any:
        """The gateway's world, as it was arranged."""
        world = request.getfixturevalue(self.gateway)
        world.control.reset(to_kept=True)
        world.delivered = self.delivered
        return world


def gateway_scene(arrange: Callable[[Any], object], *gateways: str) -> Callable[..., Kept]:
    """A fixture of what `arrange` does at each gateway; both gateways of cards by default."""

    def arranged(request: pytest.FixtureRequest, gateway: str) -> Kept:
        address = request.getfixturevalue(ADDRESSES[gateway])
        with WORLDS[gateway](address) as world:
            world.control.reset()
            arrange(world)
            world.control.keep()
            return Kept(gateway, world.delivered)

    return shared_world(arranged, params=gateways or ("stripe", "adyen"))
