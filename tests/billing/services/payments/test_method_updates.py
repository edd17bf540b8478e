"""Cards that their network replaces: taken over from both gateways, and what was is kept."""

from datetime import date

import pytest
from django.db import IntegrityError, transaction

from billing.errors import NothingToCharge
from billing.models import MethodEvent, PaymentMethod
from billing.services.payments.charging import charge_invoice
from billing.services.payments.intake import look_at_reported
from billing.services.payments.payment_methods import (
    refresh_expiring,
    remove_method,
    set_default_method,
)
from tests.gateway_world import GatewayWorld, customer_with
from tests.stripe_world import NOW, PERSON, StripeWorld, invoice_of, later

pytestmark = pytest.mark.django_db


def stored(world: GatewayWorld) -> PaymentMethod:
    customer_with(world)
    return PaymentMethod.objects.get()


def events(method: PaymentMethod) -> list[str]:
    return list(MethodEvent.objects.filter(method=method).values_list("event", flat=True))


def test_stripes_updater_tells_of_a_replaced_card(stripe: StripeWorld) -> None:
    method = stored(stripe)
    stripe.control.renew_card(method.gateway_reference, last4="9999", year=2031, month=7)

    look_at_reported(
        kind="payment_method", reference=method.gateway_reference, our_reference="", at=NOW
    )

    method.refresh_from_db()
    replaced = MethodEvent.objects.get(event="replaced")
    assert (method.last4, method.expires_on) == ("9999", date(2031, 7, 31))
    assert (replaced.before["last4"], replaced.after["last4"]) == ("4242", "9999")
    assert events(method) == ["stored", "replaced"]


def test_every_gateway_is_asked_about_cards_that_expire_soon(world: GatewayWorld) -> None:
    method = stored(world)
    PaymentMethod.objects.update(expires_on=date(2026, 1, 31))
    world.control.renew_card(method.gateway_reference, last4="9999", year=2031, month=7)

    assert refresh_expiring(at=NOW) == 1

    method.refresh_from_db()
    assert (method.last4, method.expires_on) == ("9999", date(2031, 7, 31))
    assert refresh_expiring(at=later(days=2)) == 0


def test_one_that_is_not_renewed_is_asked_about_once_a_day_until_it_is_long_over(
    world: GatewayWorld,
) -> None:
    stored(world)
    asked = []
    for days in (0, 0.5, 1.5, 140):
        PaymentMethod.objects.update(expires_on=date(2026, 1, 31))
        asked.append(refresh_expiring(at=later(days=days)))

    assert asked == [1, 0, 1, 0]


def test_a_card_that_has_expired_is_left_out_with_the_reason(world: GatewayWorld) -> None:
    method = stored(world)
    PaymentMethod.objects.update(expires_on=date(2025, 12, 31))

    with pytest.raises(NothingToCharge, match="expired"):
        charge_invoice(invoice=invoice_of(method.customer), actor=PERSON, at=NOW)


def test_what_people_do_is_kept_too_and_removed_is_for_good(stripe: StripeWorld) -> None:
    method = stored(stripe)
    other = PaymentMethod.objects.create(
        customer=method.customer, gateway="stripe", gateway_reference="pm_2", kind="card"
    )
    set_default_method(method=other)
    remove_method(method=method)

    assert events(method) == ["stored", "default_unset", "removed"]
    assert events(other) == ["stored", "default_set"]
    with pytest.raises(IntegrityError, match="stays so"), transaction.atomic():
        PaymentMethod.objects.filter(pk=method.pk).update(state="active")
    with pytest.raises(IntegrityError), transaction.atomic():
        MethodEvent.objects.all().delete()
