"""The books that a preview asks, of which those of what nobody has ask PostgreSQL nothing."""

from billing.queries.extras import Extras
from billing.queries.wallets import Purse
from billing.services.credit.coupon_book import CouponBook
from billing.services.invoices.add_on_lines import AddOnBook
from subscriptions.models import Subscription
from subscriptions.services.policies import PolicyBook


def coupons_of(subscription: Subscription, extras: Extras) -> CouponBook:
    """The customer's coupons."""
    return CouponBook([subscription.customer_id] if extras.has_coupons else [])


def add_ons_of(
    subscription: Subscription, extras: Extras, policies: PolicyBook | None = None
) -> AddOnBook:
    """The subscription's add-ons, and the prices of its plan."""
    mine = [subscription.pk] if extras.has_add_ons else []
    return AddOnBook(mine, policies or PolicyBook(), [subscription.plan_version_id])


def purse_of(subscription: Subscription, extras: Extras) -> Purse:
    """The customer's wallets in the subscription's currency."""
    owner, currency = subscription.customer_id, subscription.currency
    return Purse(owner, currency, has_any=extras.has_prepaid)
