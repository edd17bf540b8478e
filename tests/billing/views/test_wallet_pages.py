"""Staff fill wallets; the same form sent twice fills once."""

import pytest
from django.test import Client

from billing.models import Invoice, PrepaidCredit
from billing.services.credit.wallets import open_wallet
from tests.factories.accounts import make_user
from tests.factories.subscriptions import JAN_1, make_customer, make_meter
from tiktoktoe.accounts.roles import Role

pytestmark = pytest.mark.django_db

FORM = {
    "name": "Main",
    "amount": "25.00",
    "currency": "USD",
    "how": "grant",
    "reason": "Welcome",
    "key": "k",
}


def test_finance_grants_once_and_invoices_more() -> None:
    client, address = Client(), f"/customers/{make_customer().pk}/wallets/"
    client.force_login(make_user(Role.FINANCE))

    for _ in range(2):
        assert client.post(address, FORM).status_code == 302
    client.post(address, {**FORM, "how": "invoice", "key": "k2"})

    assert PrepaidCredit.objects.count() == 1
    assert Invoice.objects.get().kind == "top_up"
    assert "$25.00" in client.get(address).content.decode()


def test_support_reads_and_fills_nothing() -> None:
    client, address = Client(), f"/customers/{make_customer().pk}/wallets/"
    client.force_login(make_user(Role.SUPPORT))

    assert "Fill a wallet" not in client.get(address).content.decode()
    assert client.post(address, FORM).status_code == 403


def test_finance_says_when_a_wallet_buys_by_itself_and_support_does_not() -> None:
    customer = make_customer()
    wallet = open_wallet(customer=customer, currency="USD", name="Main", at=JAN_1)
    finance, support = Client(), Client()
    finance.force_login(make_user(Role.FINANCE))
    support.force_login(make_user(Role.SUPPORT))
    address = f"/wallets/{wallet.pk}/top-up/"

    page = finance.post(address, {"topup_amount": "30", "topup_every": "month"}, follow=True)
    refused = finance.post(address, {"topup_every": "month"})
    limited = finance.post(
        f"/wallets/{wallet.pk}/scope/", {"meters": [make_meter("tokens").pk]}, follow=True
    )

    assert "Every month it buys $30.00" in page.content.decode()
    assert "say how much a top-up buys" in refused.content.decode()
    assert "usage of <code>tokens</code>" in limited.content.decode()
    assert support.get(address).status_code == 403
    assert support.get(f"/wallets/{wallet.pk}/scope/").status_code == 403


def test_finance_takes_credits_out_with_a_reason_and_support_does_not() -> None:
    customer = make_customer()
    finance, support = Client(), Client()
    finance.force_login(make_user(Role.FINANCE))
    support.force_login(make_user(Role.SUPPORT))
    finance.post(f"/customers/{customer.pk}/wallets/", FORM)
    address = f"/wallets/{PrepaidCredit.objects.get().wallet_id}/void/"

    too_much = finance.post(address, {"amount": "26", "reason": "Twice", "key": "v"})
    done = finance.post(address, {"amount": "20", "reason": "Twice", "key": "v"}, follow=True)
    timeline = finance.get(f"/customers/{customer.pk}/timeline/").content.decode()

    assert "cannot be taken out" in too_much.content.decode()
    assert "$5.00 of $25.00" in done.content.decode()
    assert "Twice" in timeline
    assert support.get(address).status_code == 403
