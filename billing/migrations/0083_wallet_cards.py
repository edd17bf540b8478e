"""The network of a card in a wallet, and what Stripe takes for one: as much as for a card."""

from datetime import date

from django.db import migrations, models

SOURCE = (
    "docs.stripe.com/payments/checkout/wallets: the pricing is that of cards; {}, as quoted by "
    "secondary pages of 2026"
)
URL = "https://docs.stripe.com/payments/checkout/wallets"
# currency, share, fixed, cross-border, dispute, days, whose prices
PRICES = [
    ("USD", "290", "0.30", "150", "15", 2, "stripe.com/pricing (US)"),
    ("EUR", "150", "0.25", "175", "20", 3, "stripe.com/pricing (EEA, standard cards)"),
    ("GBP", "150", "0.20", "175", "20", 3, "stripe.com/pricing (UK, standard cards)"),
]


def seed(apps, _schema_editor):
    rules = apps.get_model("billing", "ProcessorFeeRule")
    for currency, share, fixed, abroad, dispute, days, prices in PRICES:
        about = {"gateway": "stripe", "kind": "wallet", "currency": currency}
        if rules.objects.filter(**about).exists():
            continue
        rules.objects.create(
            **about,
            share_bps=share,
            fixed_amount=fixed,
            cross_border_bps=abroad,
            dispute_fee=dispute,
            settle_days=days,
            valid_from=date(2020, 1, 1),
            source=SOURCE.format(prices),
            source_url=URL,
        )


class Migration(migrations.Migration):
    dependencies = [("billing", "0082_prepaid_returns")]
    operations = [
        migrations.AddField(
            model_name="paymentmethod",
            name="network",
            field=models.CharField(
                blank=True, help_text="of the card in a wallet", max_length=32
            ),
        ),
        migrations.RunPython(seed, migrations.RunPython.noop),
    ]
