"""What somebody has beside a plan that an invoice depends on: one query, before others."""

from dataclasses import dataclass

from django.db import connection

from subscriptions.models import Subscription
from tiktoktoe.kernel.money import Money

EXTRAS = """
SELECT
    EXISTS (SELECT FROM billing_invoicingterms
            WHERE customer_id = %(customer)s AND is_consolidated),
    EXISTS (SELECT FROM billing_planchange
            WHERE subscription_id = %(subscription)s AND state = 'scheduled'),
    EXISTS (SELECT FROM subscriptions_subscriptionaddon
            WHERE subscription_id = %(subscription)s),
    EXISTS (SELECT FROM billing_couponredemption
            WHERE customer_id = %(customer)s AND state = 'active'),
    EXISTS (SELECT FROM billing_prepaidcredit lot
            JOIN billing_wallet wallet ON wallet.id = lot.wallet_id
            WHERE wallet.customer_id = %(customer)s AND wallet.currency = %(currency)s
              AND lot.amount_left > 0),
    coalesce((SELECT amount FROM billing_creditbalance
              WHERE customer_id = %(customer)s AND currency = %(currency)s), 0)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """Whether there is more to ask about, and the credit balance."""

    is_consolidated: bool
    has_change: bool
    has_add_ons: bool
    has_coupons: bool
    has_prepaid: bool
    balance: Money


def extras_of(subscription: Subscription) -> Extras:
    """What a subscription and its customer have beside the plan."""
    with connection.cursor() as cursor:
        cursor.execute(
            EXTRAS,
            {
                "customer": subscription.customer_id,
                "subscription": subscription.pk,
                "currency": subscription.currency,
            },
        )
        one, change, add_ons, coupons, prepaid, held = cursor.fetchone()
    return Extras(
        is_consolidated=one,
        has_change=change,
        has_add_ons=add_ons,
        has_coupons=coupons,
        has_prepaid=prepaid,
        balance=Money(held, subscription.currency),
    )
