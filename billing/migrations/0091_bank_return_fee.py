"""What a debit that comes back costs at a bank: as a public page says, instead of assumed.

Only of the rule that came with the product and that nobody has changed; payments that were
decided by it keep what they were decided by.
"""

from datetime import date

from django.db import migrations

OLD = {"return_fee": "3.00", "source__contains": "3.00 a return is assumed"}
SEEDED = {
    "gateway": "bank",
    "kind": "bank_debit",
    "currency": "EUR",
    "fixed_amount": "0.20",
    "valid_from": date(2020, 1, 1),
}
SOURCE = (
    "0.20 a booking: price list of Stadtsparkasse Magdeburg of 2017, read in 2026; 4.50 a return: "
    "what banks charge, help.mollie.com, Why do I pay costs for a failed SEPA Direct Debit, read "
    "2026-11-26; 15 days are the notice and the bank's day: your bank's own terms belong here"
)


def state_source(apps, _schema_editor):
    rules = apps.get_model("billing", "ProcessorFeeRule").objects.filter(**SEEDED, **OLD)
    rules.update(return_fee="4.50", source=SOURCE)


class Migration(migrations.Migration):
    dependencies = [("billing", "0090_review_moves")]
    operations = [migrations.RunPython(state_source, migrations.RunPython.noop)]
