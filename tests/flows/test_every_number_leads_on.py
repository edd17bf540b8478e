"""Any number on a page links to what it is made of: a walk over the pages of staff and customers.

From a person's first page the walk follows every link, to a few pages of each kind. On each
page a figure in a tile is a link, or is marked as something that is not made of anything (a
date, a state). An amount in a row has a link in that row; a sum at the foot of a table stands
under what it adds up.
"""

from collections import Counter, deque
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from urllib.parse import urljoin, urlsplit

import pytest
from django.test import Client
from django.urls import Resolver404, resolve

from analytics.services.movements import record_movements
from billing.models import Invoice, Payment, TaxRate
from billing.services.changes.plan_changes import change_plan
from billing.services.credit.coupons import CouponDetails, create_coupon, redeem_coupon
from billing.services.credit.credit_notes import issue_credit_note
from billing.services.credit.customer_credit import grant_credit
from billing.services.invoices.invoicing import bill_start
from billing.services.invoices.renewal import run_billing
from billing.services.payments.charging import charge_invoice
from billing.services.payments.refunds import refund_payment
from finance.services.posting import post_documents
from subscriptions.models import CustomerMember
from tests.factories.accounts import make_user
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    make_customer,
    make_member,
    make_plan,
    per_call,
    published_version,
    recurring,
    subscription_since,
)
from tests.factories.usage import event_of, use_together
from tests.gateway_scenes import Kept, gateway_scene
from tests.stripe_world import PERSON, StripeWorld
from tests.web.markup import Element, tree
from tiktoktoe.kernel.clock import moved_to
from tiktoktoe.kernel.money import Money

FEB_1 = JAN_1 + timedelta(days=31)
PAGES_OF_A_KIND = 3
NOT_OURS = {"admin", "djstripe"}
LEAVES_OUT = {"styleguide", "sign_out", "csp_reports", "home"}


def arrange(stripe: StripeWorld) -> None:
    """Somebody at a customer with usage, an upgrade, a payment, a refund, credit and a coupon."""
    TaxRate.objects.create(
        code="de-vat", name="VAT", country="DE", percentage=Decimal(19), valid_from=date(2021, 1, 1)
    )
    customer = make_customer(country="DE", currency="EUR")
    stripe.store_card(customer)
    small, large = (
        published_version(
            recurring(fee), per_call(), plan=make_plan(name=name, rank=rank), currency="EUR"
        )
        for rank, (name, fee) in enumerate((("Team", "99.00"), ("Business", "249.00")), 1)
    )
    subscription = subscription_since(JAN_1, customer=customer, version=small)
    first = bill_start(subscription=subscription, at=JAN_1)
    assert first is not None
    mornings = [JAN_1 + timedelta(days=day, hours=9) for day in range(40)]
    for some in (mornings[:20], mornings[20:]):
        use_together([event_of(customer, 1800, at) for at in some], at=some[-1])
    use_together([event_of(customer, 1, JAN_1)], at=mornings[-1])  # too late: it is refused
    change_plan(
        subscription=subscription,
        plan_version=large,
        quantity=1,
        actor=TEST_ACTOR,
        at=JAN_1 + timedelta(days=19),
    )
    charge_invoice(invoice=first, actor=PERSON, at=JAN_1)
    note = issue_credit_note(
        invoice=first, reason="Outage", idempotency_key="o", amount=Decimal("11.90"), at=FEB_1
    )
    refund_payment(
        payment=Payment.objects.get(),
        amount=Money(Decimal("11.90"), "EUR"),
        reason="Outage",
        actor=PERSON,
        idempotency_key="r",
        at=FEB_1,
        credit_note=note,
    )
    issue_credit_note(
        invoice=first,
        reason="Late answer",
        idempotency_key="b",
        amount=Decimal("1.19"),
        to_balance=Decimal("1.19"),
        at=FEB_1,
    )
    grant_credit(
        customer=customer,
        amount=Money(Decimal("5.00"), "EUR"),
        reason="Sorry",
        idempotency_key="g",
        actor=TEST_ACTOR,
        at=FEB_1,
    )
    create_coupon(details=CouponDetails(code="TEN", name="Ten", percentage=Decimal(10)), at=FEB_1)
    redeem_coupon(code="TEN", customer=customer, actor=TEST_ACTOR, at=FEB_1)
    run_billing(at=FEB_1)
    post_documents(at=FEB_1 + timedelta(days=1))
    record_movements(at=FEB_1 + timedelta(days=1))
    make_member(customer)


kept = gateway_scene(arrange, "stripe")


def pages(client: Client, start: str) -> Iterator[tuple[str, str, Element]]:
    """The name, address and elements of every page that links lead to."""
    waiting, seen, kinds = deque([start]), {start}, Counter[str]()
    while waiting:
        address = waiting.popleft()
        try:
            match = resolve(urlsplit(address).path)
        except Resolver404:
            continue
        name = match.url_name or ""
        if set(match.namespaces) & NOT_OURS or name in LEAVES_OUT - {"home"}:
            continue
        if kinds[name] >= PAGES_OF_A_KIND:
            continue
        answer = client.get(address)
        if answer.status_code == 302:
            waiting.append(urljoin(address, answer["Location"]))
            continue
        if not answer["Content-Type"].startswith("text/html"):
            continue
        assert answer.status_code == 200, f"{address} is linked and answers {answer.status_code}"
        kinds[name] += 1
        page = tree(answer.content.decode())
        yield name, address, page
        for link in page.walk():
            to = urljoin(address, link.attributes.get("href", "")).partition("#")[0]
            if link.tag == "a" and to.startswith("/") and to not in seen:
                seen.add(to)
                waiting.append(to)


def dead_ends(page: Element) -> Iterator[str]:
    """The figures on a page that lead nowhere and are not marked as leaves."""
    ids = {element.attributes.get("id") for element in page.walk()}
    for element in page.walk():
        if not element.classes & {"stat", "num"}:
            continue
        around = list(element.above())
        if any("data-leaf" in outer.attributes for outer in around):
            continue
        if not any(c in "123456789" for c in element.text):
            continue  # nothing is made of nothing
        if "stat" in element.classes:
            target = element.attributes.get("href", "")
            if not target or (target.startswith("#") and target[1:] not in ids):
                yield f"tile {element.text!r}"
        if "num" not in element.classes or element.tag == "th":
            continue
        row = next((outer for outer in around if outer.tag in {"tr", "li"}), None)
        is_sum = any(outer.tag == "tfoot" for outer in around)
        if row is not None and not is_sum and not row.has("a") and not row.has("strong"):
            yield f"row {row.text!r}"


@pytest.mark.django_db
@pytest.mark.parametrize("who", ["staff", "customer"])
def test_every_number_leads_to_what_it_is_made_of(
    kept: Kept, request: pytest.FixtureRequest, who: str
) -> None:
    kept.back(request)
    client = Client()
    client.force_login(make_user() if who == "staff" else CustomerMember.objects.get().user)
    visited: set[str] = set()
    found: list[str] = []

    with moved_to(FEB_1 + timedelta(days=9)):
        for name, address, page in pages(client, "/"):
            visited.add(name)
            found += [f"{address}: {end}" for end in dead_ends(page)]

    assert not found, f"{len(found)} figures lead nowhere:\n" + "\n".join(dict.fromkeys(found))
    assert visited >= MUST_BE_VISITED[who]
    assert Invoice.objects.exists()


MUST_BE_VISITED = {
    "staff": {
        "overview",
        "mrr",
        "cash",
        "customer_detail",
        "subscription_detail",
        "plan_detail",
        "usage_explorer",
        "usage_event_list",
        "invoice_list",
        "invoice_detail",
        "invoice_line_detail",
        "credit_note_detail",
        "credit_detail",
        "coupon_detail",
        "payment_list",
        "payment_detail",
        "billing_run_detail",
        "journal",
        "journal_entry",
        "trial_balance",
        "account_ledger",
    },
    "customer": {
        "portal_home",
        "portal_usage",
        "portal_next_invoice",
        "portal_invoices",
        "portal_invoice",
        "portal_invoice_line",
        "portal_credit",
        "portal_payment",
        "portal_payment_methods",
    },
}
