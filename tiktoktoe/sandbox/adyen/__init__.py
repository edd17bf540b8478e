"""A local Adyen: stateful, durable, fault-injecting; a program of its own.

Requests, answers and notifications are checked against Adyen's published OpenAPI documents
where these are at hand. What is like the real one, near it, or missing: docs/fidelity-adyen.md.
"""
