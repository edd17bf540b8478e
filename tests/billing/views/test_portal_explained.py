"""A customer's numbers lead to their own events, prices and arithmetic, and to nobody else's."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from billing.models import Invoice, InvoiceLine
from billing.services.credit.wallets import grant_prepaid, open_wallet
from billing.services.invoices.renewal import run_billing
from subscriptions.models import Customer, Subscription
from tests.factories.billing import open_invoice
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    make_customer,
    make_member,
    published_version,
    recurring,
)
from tests.factories.usage import use
from tests.shared_world import shared_world
from tiktoktoe.kernel.clock import moved_to
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db

PERIOD = "?meter=api_calls&start=2026-01-01&end=2026-01-31"


@pytest.fixture(autouse=True)
def _in_january() -> Iterator[None]:
    with moved_to(JAN_1 + timedelta(days=14)):
        yield


def member_of(customer: Customer) -> Client:
    client = Client()
    client.force_login(make_member(customer).user)
    return client


def using_customer() -> Customer:
    """One who has used 12,000 calls, 2,000 more than are included."""
    customer = make_customer()
    open_invoice(customer=customer)
    for day in range(6):
        use(customer, 2000, JAN_1 + timedelta(days=day, hours=9), event_id=f"mine-{day}")
    return customer


customer = shared_world(using_customer)


def test_a_meter_leads_to_the_events_of_its_period(customer: Customer) -> None:
    client = member_of(customer)

    home = client.get(reverse("portal_home")).content.decode()
    href = f"/portal/usage/?customer={customer.external_id}&amp;meter=api_calls"
    assert f'{href}&amp;start=2026-01-01&amp;end=2026-01-31">12,000</a>' in home
    page = client.get(f"/portal/usage/{PERIOD}")

    assert [event.event_id for event, _ in page.context["listed"].events] == [
        f"mine-{day}" for day in range(6)
    ]
    assert page.context["quantity"] == 12_000


def test_the_estimated_invoice_leads_to_the_arithmetic_of_its_lines(customer: Customer) -> None:
    reference = Subscription.objects.get().reference
    client = member_of(customer)

    home = client.get(reverse("portal_home")).content.decode()
    address = reverse("portal_next_invoice", args=[reference])
    assert f'href="{address}#line-1"' in home
    page = client.get(address)

    draft = page.context["draft"]
    texts = page.content.decode()
    assert str(draft.totals.total.amount) == "103.00"
    assert [item["line"].amount for item in page.context["lines"]] == [
        line.amount for line in draft.lines
    ]
    assert "2000 × 0.002 = 4" in texts.replace(",", "")
    assert "All 6 events" in texts


def test_the_estimated_invoice_shows_what_prepaid_credits_will_pay_of_it(
    customer: Customer,
) -> None:
    wallet = open_wallet(customer=customer, currency="USD", name="Main", at=JAN_1)
    grant_prepaid(
        wallet=wallet,
        amount=Money("40.00", "USD"),
        reason="Welcome",
        idempotency_key="w",
        actor=TEST_ACTOR,
        at=JAN_1,
    )
    address = reverse("portal_next_invoice", args=[Subscription.objects.get().reference])

    page = " ".join(member_of(customer).get(address).content.decode().split())

    assert 'From your prepaid credits</div><span class="num">−$40.00' in page
    assert 'Estimated total</strong></div><strong class="num">$63.00' in page


def test_a_tax_rate_that_is_missing_does_not_close_the_portal(customer: Customer) -> None:
    reference = Subscription.objects.get().reference
    Customer.objects.filter(pk=customer.pk).update(country="DE")
    client = member_of(customer)

    home = client.get(reverse("portal_home"))
    estimate = client.get(reverse("portal_next_invoice", args=[reference]))
    plan = client.get(reverse("portal_plan", args=[reference]))

    assert [page.status_code for page in (home, estimate, plan)] == [200, 200, 200]
    assert "Next invoice" not in home.content.decode()
    assert "it cannot be worked out at the moment" in estimate.content.decode()


def test_a_line_of_an_invoice_explains_itself_down_to_the_events(customer: Customer) -> None:
    with moved_to(JAN_1 + timedelta(days=31)):
        run_billing(at=JAN_1 + timedelta(days=31))
        line = InvoiceLine.objects.get(kind="usage")
        address = reverse("portal_invoice_line", args=[line.invoice.number, line.pk])
        client = member_of(customer)

        assert address in client.get(f"/portal/invoices/{line.invoice.number}/").content.decode()
        page = client.get(address)

    assert page.context["explanation"].agrees
    assert f"/portal/usage/?customer={customer.external_id}&amp;meter=api_calls" in (
        page.content.decode()
    )
    assert "/catalog/" not in page.content.decode()


def test_what_another_customer_is_made_of_is_not_there() -> None:
    victim = using_customer()
    invoice, subscription = Invoice.objects.get(), Subscription.objects.get()
    line = invoice.lines.get()
    thief = member_of(make_customer())

    seen = [
        thief.get(f"/portal/usage/{PERIOD}&customer={victim.external_id}"),
        thief.get(reverse("portal_next_invoice", args=[subscription.reference])),
        thief.get(reverse("portal_invoice_line", args=[invoice.number, line.pk])),
    ]

    assert [answer.status_code for answer in seen] == [404] * 3
    assert thief.get(f"/portal/usage/{PERIOD}").context["listed"].events == []


def test_a_line_of_another_own_invoice_is_not_taken_for_this_ones() -> None:
    customer = make_customer()
    flat = published_version(recurring())
    first, second = (open_invoice(customer=customer, version=flat) for _ in range(2))
    address = reverse("portal_invoice_line", args=[first.number, second.lines.get().pk])

    assert member_of(customer).get(address).status_code == 404


NOT_MADE_HERE = [
    "",
    "?meter=api_calls",
    "?meter=nothing&start=2026-01-01",
    "?meter=api_calls&start=2026-13-01",
    "?meter=api_calls&start=0001-01-01",
    "?meter=api_calls&start=2026-01-01&after=nonsense",
    "?meter=api_calls&start=2026-01-01&after=2026-01-01T00:00:00%20x",
    "?meter=api_calls&start=2026-01-01&of=[1]",
    '?meter=api_calls&start=2026-01-01&of={"model":"%5Cud800"}',
]


def test_a_link_that_was_not_made_here_leads_nowhere() -> None:
    client = member_of(using_customer())

    for query in NOT_MADE_HERE:
        assert client.get(f"/portal/usage/{query}").status_code == 404, query
