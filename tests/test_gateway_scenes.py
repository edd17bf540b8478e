"""A scene at a gateway is arranged once for each, and is the same there and here for each test."""

import pytest

from billing.models import Invoice, PaymentMethod
from billing.services.payments.charging import charge_invoice
from tests.gateway_scenes import Kept, gateway_scene
from tests.gateway_world import GatewayWorld, customer_with
from tests.stripe_world import NOW, PERSON, invoice_of

pytestmark = pytest.mark.django_db
DAY = 86_400
arranged: list[str] = []


def arrange(world: GatewayWorld) -> None:
    invoice_of(customer_with(world))
    world.control.advance_clock(DAY)
    world.deliver()
    arranged.append(world.name)


kept = gateway_scene(arrange)


@pytest.fixture
def scene(kept: Kept, request: pytest.FixtureRequest) -> GatewayWorld:
    world: GatewayWorld = kept.back(request)
    return world


@pytest.mark.parametrize("time", [1, 2])
def test_what_one_test_does_there_and_here_no_other_sees(scene: GatewayWorld, time: int) -> None:
    invoice, method = Invoice.objects.get(), PaymentMethod.objects.get()
    assert (invoice.state, method.gateway, scene.charged(invoice)) == ("open", scene.name, [])
    assert arranged.count(scene.name) == 1

    charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    scene.deliver()
    scene.control.add_fault(scene.charges, "reset_after", times=1)

    assert scene.charged(invoice) == [9900]


def test_a_test_that_asks_for_none_finds_the_gateway_empty(world: GatewayWorld) -> None:
    assert not Invoice.objects.exists()
    assert world.refunded() == 0
    customer_with(world)
