"""One customer in three currencies, from the invoice over the payment to the books."""

from decimal import Decimal

import pytest

from billing.models import CreditBalance, Invoice, Payment
from billing.services.credit.customer_credit import grant_credit
from billing.services.payments.collection import collect_due
from finance.models import Posting
from finance.services.posting import post_documents
from tests.factories.billing import open_invoice
from tests.factories.subscriptions import published_version, recurring
from tests.stripe_world import NOW, PERSON, StripeWorld, customer_with_card, later
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db

PRICES = {"USD": "99.00", "JPY": "1200", "KWD": "10.500"}
MINOR = {"USD": 99_00, "JPY": 1200, "KWD": 10_500}


def test_yen_and_dinars_keep_their_minor_units_to_the_books(stripe: StripeWorld) -> None:
    customer = customer_with_card(stripe)
    invoices = {
        currency: open_invoice(
            NOW,
            customer=customer,
            version=published_version(recurring(price), currency=currency),
        )
        for currency, price in PRICES.items()
    }
    assert [i.total for i in invoices.values()] == [
        Money(price, currency) for currency, price in PRICES.items()
    ]

    collect_due(at=NOW)
    post_documents(at=later(days=1))

    assert set(Invoice.objects.values_list("state", flat=True)) == {"paid"}
    charged = {p.currency: stripe.charged(p.invoice) for p in Payment.objects.all()}
    assert charged == {currency: [minor] for currency, minor in MINOR.items()}
    for currency, minor in MINOR.items():
        postings = Posting.objects.filter(currency=currency)
        billed = postings.filter(account__code="2200").values_list("amount_minor", flat=True)
        owed = postings.filter(account__code="1200").values_list("amount_minor", flat=True)
        assert list(billed) == [-minor]
        assert sorted(owed) == [-minor, minor]


def test_credit_in_yen_pays_the_yen_invoice_only(stripe: StripeWorld) -> None:
    customer = customer_with_card(stripe)
    yen, dollars = (
        open_invoice(
            NOW,
            customer=customer,
            version=published_version(recurring(PRICES[currency]), currency=currency),
        )
        for currency in ("JPY", "USD")
    )

    grant_credit(
        customer=customer,
        amount=Money(1500, "JPY"),
        reason="Sorry",
        idempotency_key="g",
        actor=PERSON,
        at=NOW,
    )

    yen.refresh_from_db()
    dollars.refresh_from_db()
    assert (yen.state, dollars.state) == ("paid", "open")
    assert CreditBalance.objects.get().amount == Money(Decimal(300), "JPY")
