"""Paying by a link without a password: one invoice, for a while, by one person."""

from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from billing.domain.declines import DeclineClass
from billing.models import GatewayHealth, Invoice, Notice, PayLink, Payment
from billing.services.announcements.announcing import announce_new, start_announcing
from billing.services.announcements.notices import send_notices
from billing.services.payments.collection import collect_due
from billing.services.payments.pay_links import make_fix_link, make_share_link
from tests.adyen_world import AdyenWorld
from tests.factories.accounts import make_user
from tests.factories.subscriptions import TEST_ACTOR, make_customer
from tests.scripted_gateway import TwoGateways, declined, gateways
from tests.stripe_world import NOW, PERSON, StripeWorld, invoice_of, later
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel import clock

__all__ = ["gateways"]  # fixture
pytestmark = pytest.mark.django_db


def path_of(address: str) -> str:
    return "/" + address.split("/", 3)[3]


def fix_link(invoice: Invoice, at: datetime = NOW) -> str:
    return path_of(make_fix_link(invoice=invoice, actor=TEST_ACTOR, at=at).address)


def test_only_the_hash_of_a_token_is_kept() -> None:
    path = fix_link(invoice_of(make_customer()))

    (row,) = PayLink.objects.values()
    token = path.strip("/").split("/")[-1]
    assert len(token) == 43
    assert not any(token in str(value) for value in row.values())


def test_a_failed_payment_is_seen_and_paid_by_the_link(stripe: StripeWorld) -> None:
    invoice = invoice_of(make_customer())
    path, visitor = fix_link(invoice, clock.now()), Client()

    page = visitor.get(path)
    assert page.status_code == 200
    assert "$99.00" in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    assert PayLink.objects.get().used_at is None  # looking does nothing
    gone = visitor.post(f"{path}payment/", {"save": "yes"})
    assert gone.status_code == 303
    stripe.pay_on_page(gone["Location"])
    back = visitor.get(f"/portal/payments/{Payment.objects.get().pk}/")

    invoice.refresh_from_db()
    assert invoice.state == "paid"
    assert stripe.charged(invoice) == [9900]
    assert "the payment has arrived" in back.content.decode()
    assert invoice.customer.payment_methods.get().is_default
    assert "Nothing is left to pay" in visitor.get(path).content.decode()


def test_who_went_first_may_come_back_and_nobody_else(stripe: StripeWorld) -> None:
    path, first, second = fix_link(invoice_of(make_customer()), clock.now()), Client(), Client()

    one = first.post(f"{path}payment/")
    other = second.post(f"{path}payment/")
    again = first.post(f"{path}payment/")

    assert (one.status_code, other.status_code, again.status_code) == (303, 404, 303)
    assert one["Location"] == again["Location"]
    assert "Somebody has gone on to pay" in second.get(path).content.decode()
    payment = Payment.objects.get()
    assert second.get(f"/portal/payments/{payment.pk}/").status_code == 302  # to sign in


def test_who_went_first_may_try_again_when_no_page_could_be_opened(stripe: StripeWorld) -> None:
    path, visitor = fix_link(invoice_of(make_customer()), clock.now()), Client()
    stripe.control.add_fault(stripe.pages, "http_500_before", times=1)

    refused = visitor.post(f"{path}payment/", follow=True)
    other = Client().post(f"{path}payment/")
    again = visitor.post(f"{path}payment/")

    assert "cannot be reached right now" in refused.content.decode()
    assert "Somebody has gone on to pay" not in visitor.get(path).content.decode()
    assert (other.status_code, again.status_code) == (404, 303)


def test_a_link_offers_every_page_that_takes_the_invoice(
    stripe: StripeWorld, adyen: AdyenWorld
) -> None:
    invoice, visitor = invoice_of(make_customer()), Client()
    path = fix_link(invoice, clock.now())
    shown = visitor.get(path).content.decode()
    assert "page-stripe" in shown
    assert "page-adyen" in shown

    gone = visitor.post(f"{path}payment/", {"way": "page-adyen"})
    adyen.pay_on_page(gone["Location"])
    visitor.get(f"/portal/payments/{Payment.objects.get().pk}/")

    invoice.refresh_from_db()
    assert (invoice.state, adyen.charged(invoice), stripe.charged(invoice)) == ("paid", [9900], [])


def test_a_link_leads_to_no_gateway_that_is_switched_off(
    stripe: StripeWorld, adyen: AdyenWorld
) -> None:
    path, visitor = fix_link(invoice_of(make_customer()), clock.now()), Client()
    off = GatewayHealth.objects.create(gateway="stripe", is_enabled=False, changed_at=NOW)

    refused = visitor.post(f"{path}payment/", {"way": "page-stripe"}, follow=True)
    first = visitor.post(f"{path}payment/")

    assert "choose one of the ways" in refused.content.decode()
    assert first["Location"].startswith(adyen.address)
    GatewayHealth.objects.filter(pk=off.pk).update(gateway="adyen")
    GatewayHealth.objects.create(gateway="stripe", is_enabled=False, changed_at=NOW)
    assert "Nothing can be paid here" in visitor.get(path).content.decode()


def test_a_link_opens_its_invoice_and_nothing_else(stripe: StripeWorld) -> None:
    invoice, visitor = invoice_of(make_customer()), Client()
    path = fix_link(invoice, clock.now())
    visitor.post(f"{path}payment/")

    for address in (
        "/portal/",
        "/portal/invoices/",
        f"/portal/invoices/{invoice.number}/",
        f"/portal/invoices/{invoice.number}/pdf/",
        f"/invoices/{invoice.number}/",
    ):
        assert visitor.get(address).status_code == 302, address


def test_an_expired_revoked_or_invented_link_looks_the_same() -> None:
    invoice = invoice_of(make_customer())
    expired, revoked = fix_link(invoice), fix_link(invoice)
    newest = PayLink.objects.order_by("-pk")[0]
    PayLink.objects.filter(pk=newest.pk).update(revoked_at=NOW)

    with clock.moved_to(NOW):
        still_revoked = Client().get(revoked)
    with clock.moved_to(NOW + timedelta(hours=72)):
        pages = [Client().get(path) for path in (expired, revoked, "/pay/" + "x" * 43 + "/")]
        posted = Client().post(f"{expired}payment/")

    assert [page.status_code for page in (*pages, posted, still_revoked)] == [404] * 5
    assert len({page.content.split(b"<main")[1] for page in pages}) == 1
    assert not Payment.objects.exists()


def test_tokens_cannot_be_tried_quickly() -> None:
    with clock.moved_to(NOW):
        codes = [Client().get(f"/pay/{n:043}/").status_code for n in range(21)]

    assert codes == [404] * 20 + [429]


def test_the_database_lets_a_link_be_used_and_revoked_once() -> None:
    fix_link(invoice_of(make_customer()))
    rows = PayLink.objects.all()
    for change in ({"expires_at": later(days=90)}, {"token_hash": "0" * 64}, {"kind": "share"}):
        with pytest.raises(IntegrityError, match="stays"), transaction.atomic():
            rows.update(**change)
    rows.update(used_at=later(hours=1))
    with pytest.raises(IntegrityError, match="stays"), transaction.atomic():
        rows.update(used_at=None)


def test_the_email_of_a_failed_payment_has_a_link_that_is_not_kept(
    gateways: TwoGateways, mailoutbox: list[object]
) -> None:
    gateways.alpha.script = [declined(DeclineClass.SOFT_FUNDS)]
    invoice = invoice_of(gateways.customer_with_card(held_by="alpha"))
    start_announcing(at=NOW)
    collect_due(at=NOW)
    announce_new(at=NOW)
    Notice.objects.exclude(kind="payment.failed").update(
        state="skipped", next_try_at=None, reason="of another test"
    )

    assert send_notices(at=later(minutes=1)).sent == 1

    (mail,) = mailoutbox
    text = str(mail.body)  # type: ignore[attr-defined]
    (address,) = [word for word in text.split() if "/pay/" in word]
    notice = Notice.objects.get(kind="payment.failed")
    assert "/pay/" not in notice.body
    assert f"/portal/invoices/{invoice.number}/" in notice.body
    with clock.moved_to(later(hours=1)):
        page = Client().get(path_of(address)).content.decode()
    assert "$99.00" in page
    assert invoice.number is not None
    assert invoice.number in page


def test_staff_share_a_link_see_it_once_and_revoke_it(client: Client) -> None:
    invoice = invoice_of(make_customer())
    client.force_login(make_user(role=Role.FINANCE))
    page_path = f"/invoices/{invoice.number}/payment-links/"

    with clock.moved_to(NOW):
        made = client.post(page_path, {"days": "14"})
        address = made.context["made"].address
        assert address in made.content.decode()
        assert address not in client.get(page_path).content.decode()
        assert Client().get(path_of(address)).status_code == 200
        refused = client.post(page_path, {"days": "91"})
        client.post(f"{page_path}{PayLink.objects.get().pk}/revocation/")
        assert Client().get(path_of(address)).status_code == 404

    assert refused.context["form"].errors
    link = PayLink.objects.get()
    assert (link.expires_at, link.revoked_by[:6]) == (NOW + timedelta(days=14), "person")


def test_a_shared_link_serves_many(stripe: StripeWorld) -> None:
    invoice = invoice_of(make_customer())
    made = make_share_link(invoice=invoice, days=7, actor=PERSON, at=clock.now())
    path = path_of(made.address)

    one, other = Client().post(f"{path}payment/"), Client().post(f"{path}payment/")

    assert (one.status_code, other.status_code) == (303, 303)
    assert one["Location"] == other["Location"]
