"""A local PayPal: orders, captures, refunds, stored wallets; a program of its own.

Orders are checked against PayPal's published OpenAPI document where it is at hand. What is like
the real one, near it, or missing: docs/fidelity-paypal.md.
"""
