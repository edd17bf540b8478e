"""What routing saves on what was paid: as the policy in force decides, and as it was charged."""

from fractions import Fraction

import pytest

from billing.queries.fee_savings import fee_savings
from billing.services.payments.charging import charge_invoice
from billing.services.payments.checkout import confirm_payment, open_payment_page
from tests.adyen_world import GOOD_CARD, AdyenWorld
from tests.factories.subscriptions import make_customer
from tests.stripe_world import NOW, PERSON, StripeWorld, customer_with_card, invoice_of
from tiktoktoe.kernel.clock import now

pytestmark = pytest.mark.django_db


def test_a_card_at_both_saves_by_its_gateway_and_others_nothing(
    stripe: StripeWorld, adyen: AdyenWorld
) -> None:
    both = make_customer()
    stripe.store_card(both, GOOD_CARD)
    adyen.store_card(both, "generic")  # stored, and refused when it is charged
    paid = charge_invoice(invoice=invoice_of(both), actor=PERSON, at=NOW)
    charge_invoice(invoice=invoice_of(customer_with_card(stripe)), actor=PERSON, at=NOW)
    by_hand = invoice_of(make_customer())
    stripe.pay_on_page(open_payment_page(invoice=by_hand, actor=PERSON, at=now()))
    confirm_payment(payment=by_hand.payments.get(), actor=PERSON, at=now())

    found = fee_savings()

    decided, charged = found.as_decided["USD"], found.as_charged["USD"]
    assert (paid.gateway, paid.is_fallback) == ("stripe", True)
    assert (decided.payments, decided.could_choose) == (charged.payments, 1)
    # 99.00: 2.9 % and 0.30, of two cards from the United States 4.4 %; Adyen 2.4 % and 0.13.
    assert decided.always_fee == charged.always_fee == Fraction("12.49")
    assert decided.saved == decided.by_gateway == Fraction("3.17") - Fraction("2.51")
    assert charged.saved == 0
