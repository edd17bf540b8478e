"""The four policies that are there from the start, and ours as the company's."""

from datetime import UTC, datetime

from django.db import migrations

START = datetime(2000, 1, 1, tzinfo=UTC)
OWN = {
    "code": "own",
    "name": "Our own: by days, from what was billed",
    "unit": "day",
    "change_day": "later",
    "cancel_day": "earlier",
    "denominator": "whole_period",
    "credit_base": "billed_amount",
    "credit_form": "line",
    "share_places": None,
    "anchor_rule": "change_day",
    "trial_anchor": "trial_end",
    "unused_time": "credit",
    "upgrade_timing": "immediate",
    "downgrade_timing": "period_end",
    "cross_grade_timing": "period_end",
    "bills_change_at_once": False,
}
LAGO = {
    **OWN,
    "code": "lago",
    "name": "As Lago: by days, from the price",
    "credit_base": "current_price",
    "credit_form": "note",
    "anchor_rule": "anniversary",
    "trial_anchor": "start",
    "cross_grade_timing": "",
    "bills_change_at_once": True,
}
KILLBILL = {
    **OWN,
    "code": "killbill",
    "name": "As Kill Bill: by days, the last one free",
    "cancel_day": "later",
    "denominator": "next_cycle",
    "share_places": 9,
    "anchor_rule": "billing_day",
    "downgrade_timing": "immediate",
    "cross_grade_timing": "immediate",
    "bills_change_at_once": True,
}
STRIPE = {
    **OWN,
    "code": "stripe",
    "name": "As Stripe: by seconds, from the price",
    "unit": "second",
    "cancel_day": "later",
    "credit_base": "current_price",
    "downgrade_timing": "immediate",
    "cross_grade_timing": "immediate",
}

def put_in(apps, schema_editor):
    policies = apps.get_model("subscriptions", "BillingPolicy").objects
    own, *_ = [policies.create(created_at=START, **row) for row in (OWN, LAGO, KILLBILL, STRIPE)]
    rules = apps.get_model("subscriptions", "PolicyRule").objects
    rules.create(policy=own, effective_from=START, created_at=START)


def take_out(apps, schema_editor):
    apps.get_model("subscriptions", "PolicyRule").objects.all().delete()
    apps.get_model("subscriptions", "BillingPolicy").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0006_billing_policies")]
    operations = [
        migrations.RunPython(put_in, take_out),
    ]
