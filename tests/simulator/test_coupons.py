import pytest

from tests.simulator.scenes import told

pytestmark = pytest.mark.django_db


def test_a_coupon_is_offered_redeemed_and_shown() -> None:
    assert (
        told(
            """
            taxes: [{rate: 10}]
            coupons: [{code: ten, percent: 10, duration: forever}]
            plans: [{code: basic, price: 20}]
            timeline:
              - {at: 2026-01-01, do: apply_coupon, coupon: ten}
              - at: 2026-01-01
                do: subscribe
                plan: basic
                expect:
                  invoice: {fees: 20, coupons: 2, subtotal: 18, tax_cents: 180, total: 19.80}
            """
        )
        == []
    )
