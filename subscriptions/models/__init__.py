"""Tables of who subscribed to what, and how much they used."""

from subscriptions.models.add_ons import SubscriptionAddOn
from subscriptions.models.catalog import Meter, Plan, PlanVersion, Product
from subscriptions.models.customer_clocks import CustomerClock
from subscriptions.models.customers import Customer, CustomerMember, Invitation
from subscriptions.models.features import Feature, FeatureGrant, FeatureOverride
from subscriptions.models.issuers import Issuer
from subscriptions.models.notes import CustomerNote
from subscriptions.models.policies import BillingPolicy, PolicyRule
from subscriptions.models.prices import Price, SpendingThreshold, Tier
from subscriptions.models.restrictions import ServiceRestriction
from subscriptions.models.subscriptions import (
    Subscription,
    SubscriptionPhase,
    SubscriptionTransition,
)
from subscriptions.models.usage import (
    EventSource,
    RejectedEvent,
    UsageClosing,
    UsageDay,
    UsageDelta,
    UsageEvent,
    UsageEventKey,
)

__all__ = [
    "BillingPolicy",
    "Customer",
    "CustomerClock",
    "CustomerMember",
    "CustomerNote",
    "EventSource",
    "Feature",
    "FeatureGrant",
    "FeatureOverride",
    "Invitation",
    "Issuer",
    "Meter",
    "Plan",
    "PlanVersion",
    "PolicyRule",
    "Price",
    "Product",
    "RejectedEvent",
    "ServiceRestriction",
    "SpendingThreshold",
    "Subscription",
    "SubscriptionAddOn",
    "SubscriptionPhase",
    "SubscriptionTransition",
    "Tier",
    "UsageClosing",
    "UsageDay",
    "UsageDelta",
    "UsageEvent",
    "UsageEventKey",
]
