"""Facts to look at a notice with, before anything has happened: a German company on Team."""

from typing import Any

SUBSCRIPTION = {
    "subscription": "sub_7k2m9x4q1r8t",
    "plan": "Team",
    "plan_code": "team",
    "quantity": 12,
    "period_end": "2026-03-31T22:00:00+00:00",
}
START = {
    "subscription": "sub_7k2m9x4q1r8t",
    "plan": "Team",
    "plan_code": "team",
    "quantity": 12,
    "start_at": "2026-03-31T22:00:00+00:00",
}
INVOICE = {
    "invoice": "INV-000482",
    "total": {"amount": "294.53", "currency": "EUR"},
    "amount_due": {"amount": "294.53", "currency": "EUR"},
    "due_at": "2026-03-15T11:00:00+00:00",
    "period_start": "2026-03-01T00:00:00+00:00",
    "period_end": "2026-04-01T00:00:00+00:00",
    "amount": {"amount": "294.53", "currency": "EUR"},
}
ADD_ON = {"add_on_name": "Priority support", "add_on_code": "priority", "add_on_quantity": 2}
PRICES = {
    "effective_at": "2026-04-30T22:00:00+00:00",
    "usage_from_at": "2026-04-30T22:00:00+00:00",
    "net_before": {"amount": "588", "currency": "EUR"},
    "net_after": {"amount": "648", "currency": "EUR"},
}
SAMPLE_CUSTOMER = "Blauwal Analytik GmbH"
SAMPLE_ZONE = "Europe/Berlin"
SAMPLES: dict[str, dict[str, Any]] = {
    "trial.ending": {**SUBSCRIPTION, "trial_ends_at": "2026-03-14T23:00:00+00:00"},
    "renewal.upcoming": {**SUBSCRIPTION, "plan": "Team yearly"},
    "invoice.finalized": INVOICE,
    "payment.failed": {
        **INVOICE,
        "channel": "stored_method",
        "method": "Visa 4242",
        "decline_class": "soft_funds",
        "next_attempt_at": "2026-03-05T09:00:00+00:00",
    },
    "payment.approved": INVOICE,
    "dunning.reminder": {
        **INVOICE,
        "past_due_from": "2026-03-15T11:00:00+00:00",
        "restrict_at": "2026-03-25T11:00:00+00:00",
        "cancel_at": "2026-04-14T11:00:00+00:00",
    },
    "debit.upcoming": {
        **INVOICE,
        "due_on": "2026-03-18",
        "account": "3000",
        "mandate": "MND-7K2M9X4Q1R8T",
        "creditor_id": "DE98ZZZ09999999999",
    },
    "payment.returned": {**INVOICE, "decline_class": "soft_funds", "returned_on": "2026-03-24"},
    "dunning.request": {
        "amount": {"amount": "412.80", "currency": "EUR"},
        "invoices": "INV-000482, INV-000519",
        "number": 2,
    },
    "payment.succeeded": INVOICE,
    "payment_method.expiring": {"method": "Visa 4242", "expires_on": "2026-04-30"},
    "subscription.plan_changed": {
        **SUBSCRIPTION,
        "plan": "Scale",
        "plan_before": "Team",
        "quantity_before": 8,
        "effective_at": "2026-03-09T23:00:00+00:00",
    },
    "subscription.cancellation_scheduled": {
        **SUBSCRIPTION,
        "cancel_at": "2026-03-31T22:00:00+00:00",
    },
    "subscription.cancellation_withdrawn": SUBSCRIPTION,
    "subscription.expired": SUBSCRIPTION,
    "start.planned": START,
    "start.withdrawn": START,
    "start.refused": START,
    "subscription.plan_change_scheduled": {
        **SUBSCRIPTION,
        "plan": "Scale",
        "change_at": "2026-03-31T22:00:00+00:00",
    },
    "subscription.plan_change_withdrawn": SUBSCRIPTION,
    "subscription.add_on_changed": {
        **SUBSCRIPTION,
        **ADD_ON,
        "add_on_from_at": "2026-03-09T23:00:00+00:00",
    },
    "subscription.add_on_scheduled": {
        **SUBSCRIPTION,
        **ADD_ON,
        "change_at": "2026-03-31T22:00:00+00:00",
        "add_on_from_at": "2026-03-31T22:00:00+00:00",
    },
    "subscription.add_on_withdrawn": {**SUBSCRIPTION, **ADD_ON},
    "subscription.pause_scheduled": {
        **SUBSCRIPTION,
        "pause_at": "2026-03-31T22:00:00+00:00",
        "resume_at": "2026-06-30T22:00:00+00:00",
    },
    "subscription.pause_withdrawn": SUBSCRIPTION,
    "subscription.paused": {
        **SUBSCRIPTION,
        "effective_at": "2026-03-31T22:00:00+00:00",
        "resume_at": "2026-06-30T22:00:00+00:00",
    },
    "subscription.resumed": {**SUBSCRIPTION, "effective_at": "2026-06-30T22:00:00+00:00"},
    "subscription.resumption_scheduled": {
        **SUBSCRIPTION,
        "resume_at": "2026-06-30T22:00:00+00:00",
    },
    "subscription.resumption_withdrawn": SUBSCRIPTION,
    "subscription.trial_extended": {**SUBSCRIPTION, "trial_ends_at": "2026-03-28T23:00:00+00:00"},
    "subscription.trial_shortened": {**SUBSCRIPTION, "trial_ends_at": "2026-03-10T23:00:00+00:00"},
    "subscription.canceled": {**SUBSCRIPTION, "effective_at": "2026-03-31T22:00:00+00:00"},
    "refund.succeeded": {**INVOICE, "amount": {"amount": "49.50", "currency": "EUR"}},
    "credit_note.issued": {
        "credit_note": "CN-000031",
        "invoice": "INV-000482",
        "amount": {"amount": "49.50", "currency": "EUR"},
        "reason": "Outage on 3 March",
    },
    "price.change_upcoming": {**SUBSCRIPTION, **PRICES},
    "price.change_withdrawn": {**SUBSCRIPTION, **PRICES},
    "usage.threshold_reached": {
        **SUBSCRIPTION,
        "feature": "Tokens",
        "used": "16240000",
        "included": "20000000",
        "percent": "80",
    },
    "usage.budget_reached": {
        **SUBSCRIPTION,
        "amount": {"amount": "512.80", "currency": "EUR"},
        "budget": {"amount": "500", "currency": "EUR"},
    },
}
