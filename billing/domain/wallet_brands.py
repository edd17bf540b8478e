"""The wallets that hold cards, as gateways name them and as people call them."""

from collections.abc import Mapping

# Source: Stripe's OpenAPI document, payment_method_card_wallet; Link is a method of its own too.
CARD_WALLETS: Mapping[str, str] = {
    "apple_pay": "Apple Pay",
    "google_pay": "Google Pay",
    "samsung_pay": "Samsung Pay",
    "link": "Link",
}
