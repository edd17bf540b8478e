"""Previews ask a tax engine that is not ours; without an answer in time they say what they are."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from time import perf_counter

import pytest
from django.test import Client
from pytest_django import Settings

from billing.models import Invoice
from billing.services.changes.add_ons import preview_add_on
from billing.services.changes.following import invoice_after
from billing.services.changes.plan_changes import change_plan
from billing.services.credit.customer_credit import grant_credit
from billing.services.invoices.coming_invoices import preview_next_invoices
from billing.services.invoices.invoicing import preview_next_invoice
from billing.services.invoices.renewal import run_billing
from billing.services.invoices.tax_previews import taxed_drafts, taxed_invoice, with_taxes
from billing.services.invoices.taxing import tax_waiting
from subscriptions.models import Subscription
from tests.factories.accounts import make_user
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    make_customer,
    make_plan,
    published_version,
    recurring,
    subscription_since,
)
from tests.http_receiver import Receiver
from tiktoktoe.kernel.clock import moved_to
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db
JAN_16 = JAN_1 + timedelta(days=15)
FEB_1 = datetime(2026, 2, 1, tzinfo=UTC)
D = Decimal


@pytest.fixture
def subscription() -> Subscription:
    """100.00 a month of digital goods, in Texas."""
    version = published_version(recurring("100.00", tax_category="digital"))
    customer = make_customer(region="TX", postal_code="73301", city="Austin")
    return subscription_since(JAN_1, customer=customer, version=version)


def test_a_preview_has_the_tax_that_the_invoice_then_has(
    engine: Receiver,
    subscription: Subscription,
) -> None:
    draft = preview_next_invoice(subscription=subscription)
    assert draft is not None
    assert draft.awaits_tax

    (taxed,) = taxed_drafts([draft])
    run_billing(at=FEB_1)
    tax_waiting(at=FEB_1)

    assert not taxed.awaits_tax
    assert taxed.totals.total == Invoice.objects.get().total == Money("108.25", "USD")
    estimate, real = (json.loads(request.body) for request in engine.requests)
    assert (estimate.pop("is_estimate"), real.pop("is_estimate")) == (True, False)
    assert estimate.pop("key") != real.pop("key")
    amounts = [D(asked["lines"][0].pop("amount")) for asked in (estimate, real)]
    assert (amounts, estimate) == ([D(100), D(100)], real)


def test_credit_pays_for_the_tax_too_one_invoice_after_the_other(
    engine: Receiver,
    subscription: Subscription,
) -> None:
    grant_credit(
        customer=subscription.customer,
        amount=Money("150.00", "USD"),
        reason="Sorry",
        idempotency_key="sorry",
        actor=TEST_ACTOR,
        at=JAN_1,
    )

    drafts = taxed_drafts(preview_next_invoices(subscription=subscription))

    paid = [(draft.from_balance.amount, draft.due.amount) for draft in drafts if draft.from_balance]
    assert paid[:2] == [(D("108.25"), D(0)), (D("41.75"), D("66.50"))]
    assert (drafts[2].from_balance, drafts[2].due) == (Money(0, "USD"), Money("108.25", "USD"))


def test_any_preview_gets_the_taxes_of_its_drafts(
    engine: Receiver,
    subscription: Subscription,
) -> None:
    add_on = published_version(recurring("31.00"), plan=make_plan(is_add_on=True))
    seen = preview_add_on(subscription=subscription, plan_version=add_on, quantity=1, at=JAN_16)

    assert with_taxes(seen).due_now == Money("17.32", "USD")


def test_it_is_asked_of_the_invoice_after_a_change_when_that_is_undone(
    engine: Receiver, subscription: Subscription
) -> None:
    """No row is held while it answers."""
    dearer = published_version(recurring("200.00", tax_category="digital"))
    act = partial(
        change_plan,
        subscription=subscription,
        plan_version=dearer,
        quantity=1,
        actor=TEST_ACTOR,
        at=JAN_16,
    )

    shown = invoice_after(act, subscription=subscription)

    assert engine.requests == []
    assert shown is not None
    assert shown.awaits_tax
    taxed = taxed_invoice(shown)
    assert taxed is not None
    assert taxed.totals.total == Money("216.50", "USD")


@pytest.mark.parametrize("fault", [500, "hang", "drip", "reset"])
def test_without_an_answer_in_time_the_page_says_that_it_is_before_tax(
    engine: Receiver,
    subscription: Subscription,
    client: Client,
    settings: Settings,
    fault: int | str,
) -> None:
    settings.TAX_ENGINE_PREVIEW_SECONDS = 1
    engine.faults = [fault] * 9
    client.force_login(make_user())
    address = f"/subscriptions/{subscription.reference}/next-invoices/"

    started = perf_counter()
    with moved_to(JAN_16):
        page = client.get(address).content.decode()

    assert "These amounts are before tax" in page
    assert perf_counter() - started < 3
    assert engine.requests


def test_with_an_answer_the_page_says_nothing_of_it(
    engine: Receiver,
    subscription: Subscription,
    client: Client,
) -> None:
    client.force_login(make_user())

    with moved_to(JAN_16):
        page = client.get(f"/subscriptions/{subscription.reference}/next-invoices/")

    assert "$108.25" in page.content.decode()
    assert "before tax" not in page.content.decode()


def test_the_total_at_sign_up_is_asked_for_and_nothing_is_kept(
    engine: Receiver,
    client: Client,
) -> None:
    version = published_version(recurring("100.00"))

    page = client.get(f"/sign-up/?plan_version={version.pk}&country=US")

    assert page.context["estimate"].today.totals.total == Money("108.25", "USD")
    assert json.loads(engine.requests[0].body)["is_estimate"] is True
    assert not Subscription.objects.exists()
