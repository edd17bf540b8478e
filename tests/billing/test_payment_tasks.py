"""The schedule's tasks: they read the clock and leave the rest to services."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.module_loading import import_string

from billing.models import Invoice, Payment, PaymentAttempt
from billing.services.payments.channels import Channel
from billing.services.payments.charging import charge_invoice, open_attempt
from billing.tasks import (
    SCHEDULES,
    collect_payments,
    mark_overdue_subscriptions,
    reconcile_payments,
)
from subscriptions.models import Subscription
from tests.factories.accounts import make_user
from tests.factories.subscriptions import make_customer
from tests.stripe_world import (
    NOW,
    PERSON,
    StripeWorld,
    customer_with_card,
    first_invoice_of,
    later,
)
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.clock import moved_to


def test_every_schedule_names_a_task() -> None:
    for _, path, seconds in SCHEDULES:
        assert import_string(path).name == path
        assert seconds > 0


@pytest.mark.django_db(transaction=True)
def test_what_is_due_is_collected_now(stripe: StripeWorld) -> None:
    invoices = [first_invoice_of(customer_with_card(stripe)) for _ in range(5)]

    with moved_to(later(minutes=1)):
        assert collect_payments() == 5
        assert collect_payments() == 0

    assert [stripe.charged(invoice) for invoice in invoices] == [[9900]] * 5


@pytest.mark.django_db
def test_what_is_unknown_is_looked_into(stripe: StripeWorld) -> None:
    customer = customer_with_card(stripe)
    open_attempt(
        invoice=first_invoice_of(customer),
        channel=Channel.STORED_METHOD,
        gateway="stripe",
        method=customer.payment_methods.get(),
        actor=PERSON,
        at=NOW,
    )

    with moved_to(later(minutes=2)):
        assert reconcile_payments() == 1
        assert reconcile_payments() == 0

    assert PaymentAttempt.objects.get().state == "succeeded"
    assert Payment.objects.get().state == "paid"


@pytest.mark.django_db
def test_what_is_overdue_is_marked() -> None:
    due_at = first_invoice_of(make_customer()).due_at
    assert due_at is not None

    with moved_to(due_at + timedelta(days=1)):
        assert mark_overdue_subscriptions() == 1

    assert Subscription.objects.get().state == "past_due"
    assert Invoice.objects.get().state == "open"


@pytest.mark.django_db
def test_support_reads_payments_in_the_admin_and_changes_none(
    stripe: StripeWorld,
) -> None:
    charge_invoice(invoice=first_invoice_of(customer_with_card(stripe)), actor=PERSON, at=NOW)
    support = Client()
    support.force_login(make_user(Role.SUPPORT))
    payment = Payment.objects.get()
    page = reverse("admin:billing_payment_change", args=[payment.pk])

    assert support.get(reverse("admin:billing_payment_changelist")).status_code == 200
    assert support.get(reverse("admin:billing_paymentmethod_changelist")).status_code == 200
    assert support.get(page).status_code == 200
    assert support.post(page, {"state": "failed"}).status_code == 403
    payment.refresh_from_db()
    assert payment.state == "paid"
