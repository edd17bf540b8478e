"""What customers see of a payment that a person looks at first, and that they pay it afterwards."""

import pytest
from django.test import Client
from django.urls import reverse

from billing.models import Invoice, Payment, PaymentAttempt, PaymentLimit, PaymentReview
from billing.services.payments.pay_links import make_fix_link
from subscriptions.models import Customer
from tests.factories.accounts import make_user
from tests.factories.subscriptions import TEST_ACTOR, make_customer, make_member
from tests.stripe_world import StripeWorld, invoice_of
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.clock import now

pytestmark = pytest.mark.django_db
LOOKED_AT = "We look at your payment before it is taken"
BLOCKED = "This invoice cannot be paid online at the moment. Please write to"
RULES = ("limit", "98.99", "risk", "points", "disposable", "review", "queue")


@pytest.fixture
def invoice(stripe: StripeWorld) -> Invoice:
    PaymentLimit.objects.create(currency="USD", maximum="98.99")
    return invoice_of(make_customer())


def told(page: str) -> str:
    """What a page says, without its frame."""
    return page.partition("<main")[2].partition("</main>")[0]


def approve() -> str:
    """What the person who approves the open review is told."""
    staff, review = Client(), PaymentReview.objects.get(state="open")
    staff.force_login(make_user(role=Role.FINANCE))
    queue = staff.get("/payments/reviews/").content.decode()
    assert "to be paid on a page" in queue
    path = f"/payments/reviews/{review.pk}/approval/"
    return staff.post(path, {"reason": "known"}, follow=True).content.decode()


def test_the_portal_tells_that_somebody_looks_and_lets_pay_once_they_have(
    invoice: Invoice, stripe: StripeWorld
) -> None:
    customer = Client()
    customer.force_login(make_member(invoice.customer).user)
    pay = reverse("portal_pay", args=[invoice.number])

    held = told(customer.post(pay, follow=True).content.decode())

    assert held.count(LOOKED_AT) == 1
    assert ">Pay</button>" not in held
    assert [word for word in RULES if word in held.lower()] == []
    assert not PaymentAttempt.objects.exists()
    payment = reverse("portal_payment", args=[Payment.objects.get().pk])
    assert told(customer.get(payment).content.decode()).count(LOOKED_AT) == 1
    assert "The customer is told, and can pay now" in approve()
    assert ">Pay</button>" in told(
        customer.get(reverse("portal_invoice", args=[invoice.number])).content.decode()
    )
    gone = customer.post(pay)
    assert gone.status_code == 303
    stripe.pay_on_page(gone["Location"])
    customer.get(f"/portal/payments/{PaymentReview.objects.get().payment_id}/")
    assert stripe.charged(invoice) == [9900]


def test_the_same_pay_link_pays_once_a_person_has_approved(
    invoice: Invoice, stripe: StripeWorld
) -> None:
    address = make_fix_link(invoice=invoice, actor=TEST_ACTOR, at=now()).address
    path, visitor = "/" + address.split("/", 3)[3], Client()

    held = told(visitor.post(f"{path}payment/", follow=True).content.decode())

    assert held.count(LOOKED_AT) == 1
    assert "<button" not in held
    assert [word for word in RULES if word in held.lower()] == []
    approve()
    assert ">Pay</button>" in told(visitor.get(path).content.decode())
    gone = visitor.post(f"{path}payment/")
    assert gone.status_code == 303
    stripe.pay_on_page(gone["Location"])
    visitor.get(f"/portal/payments/{PaymentReview.objects.get().payment_id}/")
    invoice.refresh_from_db()
    assert invoice.state == "paid"


def test_what_the_rules_block_is_refused_by_link_and_in_the_portal(invoice: Invoice) -> None:
    Customer.objects.filter(pk=invoice.customer_id).update(email="x@mailinator.com")
    address = make_fix_link(invoice=invoice, actor=TEST_ACTOR, at=now()).address
    path, visitor, customer = "/" + address.split("/", 3)[3], Client(), Client()
    customer.force_login(make_member(invoice.customer).user)

    by_link = visitor.post(f"{path}payment/", follow=True).content.decode()
    pay = reverse("portal_pay", args=[invoice.number])
    in_portal = customer.post(pay, follow=True).content.decode()

    for page in (told(by_link), told(in_portal)):
        assert page.count(BLOCKED) == 1
        assert [word for word in RULES if word in page.lower()] == []
    assert PaymentReview.objects.get().points == 110
    assert not PaymentAttempt.objects.exists()
