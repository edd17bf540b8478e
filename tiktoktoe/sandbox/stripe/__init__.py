"""A local Stripe: stateful, durable, fault-injecting; a program of its own.

Every request and every answer is checked against Stripe's published OpenAPI document. What is
like the real one, what is only near it, and what is missing: docs/fidelity-stripe.md.
"""
