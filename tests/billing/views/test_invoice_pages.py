from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse

from billing.models import BillingFailure, BillingRun, CreditNote, Invoice, InvoiceLine, PlanChange
from billing.services.credit.credit_notes import issue_credit_note
from billing.services.invoices.renewal import run_billing
from subscriptions.models import Subscription
from subscriptions.services.price_specs import TierTerms
from tests.factories.accounts import make_user
from tests.factories.billing import only_line, open_invoice
from tests.factories.subscriptions import (
    JAN_1,
    make_customer,
    make_member,
    make_plan,
    per_call,
    published_version,
    recurring,
    subscription_since,
)
from tests.factories.usage import use
from tests.shared_world import shared_world
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel import clock

pytestmark = pytest.mark.django_db
JAN_18 = datetime(2026, 1, 18, 12, tzinfo=UTC)
FEB_1 = datetime(2026, 2, 1, tzinfo=UTC)
MARCH_1 = datetime(2026, 3, 1, tzinfo=UTC)


def signed_in(role: Role = Role.FINANCE) -> Client:
    client = Client()
    client.force_login(make_user(role))
    return client


invoice = shared_world(open_invoice)


def text_of(client: Client, address: str, **headers: str) -> str:
    answer = client.get(address, headers=headers)
    assert answer.status_code == 200
    return str(answer.content.decode())


def used_invoice() -> Invoice:
    """An invoice with graduated usage of 1,500 calls on two days, and a fee."""
    tiers = [
        TierTerms(up_to=Decimal(1000), unit_amount=Decimal("0.01")),
        TierTerms(up_to=None, unit_amount=Decimal("0.005")),
    ]
    version = published_version(
        recurring(), per_call(charge_model="graduated", tiers=tiers, included="0")
    )
    subscription = subscription_since(JAN_1, version=version)
    use(subscription.customer, 1000, datetime(2026, 1, 15, tzinfo=UTC))
    use(subscription.customer, 500, datetime(2026, 1, 16, tzinfo=UTC))
    run_billing(at=FEB_1)
    return Invoice.objects.get(subscription=subscription)


def test_the_list_adds_up_what_it_shows() -> None:
    open_invoice()
    open_invoice()
    client = signed_in(Role.SUPPORT)

    page = text_of(client, reverse("invoice_list"))

    assert "$198.00" in page
    assert "INV-000001" in page
    assert "INV-000002" in page


def test_the_list_is_narrowed_by_words_state_and_days() -> None:
    first, second = open_invoice(), open_invoice(JAN_18)
    client = signed_in()

    by_name = text_of(client, f"{reverse('invoice_list')}?q={first.customer.name}")
    by_day = text_of(client, f"{reverse('invoice_list')}?start=2026-01-10&end=2026-01-31")
    paid = text_of(client, f"{reverse('invoice_list')}?state=paid")
    overdue = text_of(client, f"{reverse('invoice_list')}?state=overdue")

    assert first.customer.name in by_name
    assert f"/invoices/{second.number}/" in by_day
    assert f"/invoices/{first.number}/" not in by_day
    assert "No invoice matches" in paid
    assert f"/invoices/{first.number}/" in overdue


def test_a_filter_that_makes_no_sense_is_answered() -> None:
    open_invoice()
    client = signed_in()

    for query in (
        "state=nonsense",
        "start=2026-99-99",
        "start=2026-02-01&end=2026-01-01",
        "page=x",
    ):
        assert client.get(f"{reverse('invoice_list')}?{query}").status_code == 200, query


def test_the_list_asks_as_much_for_many_as_for_few(django_assert_max_num_queries) -> None:  # type: ignore[no-untyped-def]
    for _ in range(6):
        open_invoice()
    client = signed_in()

    with django_assert_max_num_queries(10):
        client.get(reverse("invoice_list"))


def test_the_list_is_had_as_a_file() -> None:
    invoice = open_invoice(customer=make_customer(name="=cmd()"))

    answer = signed_in().get(reverse("invoice_csv"))
    lines = b"".join(answer.streaming_content).decode().splitlines()  # type: ignore[attr-defined]

    assert lines[1].startswith(f"{invoice.number},open,'=cmd(),2026-01-01,2026-01-15,USD,99.0000")


def test_an_invoice_is_found_by_number_and_by_id(invoice: Invoice) -> None:
    client = signed_in(Role.SUPPORT)

    by_number = text_of(client, reverse("invoice_detail", args=[invoice.number]))
    by_id = text_of(client, reverse("invoice_detail", args=[invoice.pk]))

    assert "Base fee" in by_number
    assert "Base fee" in by_id
    assert client.get(reverse("invoice_detail", args=["INV-999999"])).status_code == 404


def test_a_line_explains_itself_down_to_its_events() -> None:
    invoice = used_invoice()
    line = InvoiceLine.objects.get(invoice=invoice, kind="usage")

    page = text_of(
        signed_in(Role.SUPPORT), reverse("invoice_line_detail", args=[invoice.number, line.pk])
    )

    assert "1000 × 0.01 = 10" in page
    assert "500 × 0.005 = 2.5" in page
    assert "All 2 events" in page
    assert "start=2026-01-15&amp;end=2026-01-15" in page
    assert "adds up to something else" not in page


def test_a_line_of_another_invoice_is_not_there() -> None:
    first, second = open_invoice(), open_invoice()

    address = reverse("invoice_line_detail", args=[first.number, only_line(second).pk])

    assert signed_in().get(address).status_code == 404


def test_a_void_invoice_is_void_and_says_so_once(invoice: Invoice) -> None:
    client = signed_in()

    client.post(reverse("invoice_voiding", args=[invoice.number]))
    again = client.post(reverse("invoice_voiding", args=[invoice.number]), follow=True)

    invoice.refresh_from_db()
    assert invoice.state == "void"
    assert b"Nothing was changed" in again.content


def test_an_invoice_is_given_up(invoice: Invoice) -> None:
    signed_in().post(reverse("invoice_write_off", args=[invoice.number]))

    invoice.refresh_from_db()
    assert invoice.state == "uncollectible"


def test_a_credit_note_is_issued_once_however_often_the_form_is_sent(invoice: Invoice) -> None:
    client = signed_in()
    sent = {"amount": "10.00", "reason": "Outage", "key": "k1"}

    client.post(reverse("credit_note_create", args=[invoice.number]), sent)
    answer = client.post(reverse("credit_note_create", args=[invoice.number]), sent, follow=True)

    note = CreditNote.objects.get()
    assert note.total.amount == Decimal(10)
    assert note.number in answer.content.decode()


def test_a_credit_of_a_wrong_amount_is_refused() -> None:
    address = reverse("credit_note_create", args=[open_invoice().number])
    client = signed_in()

    for amount in ("0", "-5", "99.01", "ten", "0.001", "NaN", "1e9"):
        answer = client.post(address, {"amount": amount, "reason": "x", "key": "k"})

        assert answer.status_code == 200, amount
        assert CreditNote.objects.count() == 0, amount


def test_support_changes_nothing(invoice: Invoice) -> None:
    client = signed_in(Role.SUPPORT)

    for name in (
        "invoice_finalization",
        "invoice_voiding",
        "invoice_write_off",
        "credit_note_create",
    ):
        assert client.post(reverse(name, args=[invoice.number])).status_code == 403, name

    invoice.refresh_from_db()
    assert (invoice.state, CreditNote.objects.count()) == ("open", 0)


@pytest.mark.parametrize("name", ["invoice_list", "billing_run_list", "invoice_csv"])
def test_customers_do_not_see_staff_pages(name: str) -> None:
    assert signed_in(Role.CUSTOMER).get(reverse(name)).status_code == 403


def test_documents_are_pdf(invoice: Invoice) -> None:
    note = issue_credit_note(
        invoice=invoice, reason="x", idempotency_key="a", amount=Decimal(1), at=JAN_1
    )
    client = signed_in(Role.SUPPORT)

    for address in (
        reverse("invoice_pdf", args=[invoice.number]),
        reverse("credit_note_pdf", args=[note.number]),
    ):
        answer = client.get(address)
        assert answer["Content-Type"] == "application/pdf"
        assert answer.content.startswith(b"%PDF")


def test_a_customer_has_their_own_documents_and_no_others() -> None:
    mine, other = open_invoice(), open_invoice()
    member = make_member(mine.customer)
    client = Client()
    client.force_login(member.user)

    own = client.get(reverse("portal_invoice_pdf", args=[mine.number]))
    others = client.get(reverse("portal_invoice_pdf", args=[other.number]))
    staff = client.get(reverse("invoice_pdf", args=[mine.number]))

    assert (own.status_code, others.status_code, staff.status_code) == (200, 404, 403)


def test_bill_now_bills_and_a_released_failure_is_billed_with_the_next_run() -> None:
    stuck = subscription_since(JAN_1, customer=make_customer(country="FR"))
    client = signed_in()
    with clock.moved_to(FEB_1):
        client.post(reverse("billing_run_start"))
        failure = BillingFailure.objects.get()
        page = text_of(client, reverse("billing_run_list"))
        assert "TaxRateMissing" in page

        type(stuck.customer).objects.filter(pk=stuck.customer_id).update(country="US")
        client.post(reverse("billing_failure_release", args=[failure.pk]))
        client.post(reverse("billing_run_start"))

        assert Invoice.objects.get().total.amount == Decimal(99)
        run = BillingRun.objects.first()
        assert run is not None
        assert "Done" in text_of(client, reverse("billing_run_detail", args=[run.pk]))


def test_a_draft_is_looked_at_and_then_issued() -> None:
    subscription = subscription_since(JAN_1)
    client = signed_in()
    with clock.moved_to(FEB_1):
        client.post(reverse("draft_create", args=[subscription.reference]))
        draft = Invoice.objects.get()
        page = text_of(client, reverse("invoice_detail", args=[draft.address_key]))
        again = client.post(reverse("draft_create", args=[subscription.reference]), follow=True)
        assert client.get(reverse("invoice_pdf", args=[draft.address_key])).status_code == 200
        client.post(reverse("invoice_finalization", args=[draft.address_key]))

    assert "Draft invoice" in page
    assert b"Nothing was drafted" in again.content
    invoice = Invoice.objects.get()
    assert (invoice.number, invoice.state) == ("INV-000001", "open")


def test_a_running_run_is_followed() -> None:
    run = BillingRun.objects.create(at=FEB_1, due_count=4, started_at=FEB_1)
    client = signed_in()

    part = text_of(client, reverse("billing_run_detail", args=[run.pk]), **{"HX-Request": "true"})

    assert 'hx-trigger="every 2s"' in part
    assert "<html" not in part


def test_a_plan_change_is_seen_first_and_then_done() -> None:
    version = published_version(recurring("31.00"), plan=make_plan(name="Small"))
    bigger = published_version(recurring("62.00"), plan=make_plan(name="Big"))
    subscription = open_invoice(version=version).subscription
    assert subscription is not None
    address = reverse("plan_change_create", args=[subscription.reference])
    client = signed_in()
    asked = {"plan_version": bigger.pk, "quantity": 1}

    with clock.moved_to(JAN_18):
        page = text_of(client, f"{address}?plan_version={bigger.pk}&quantity=1")
        assert PlanChange.objects.count() == 0
        client.post(address, asked)

    assert "$14.00" in page
    assert PlanChange.objects.get().invoice is not None
    assert Subscription.objects.get().plan_version_id == bigger.pk


def test_staff_depart_from_the_policy_for_one_change_and_say_why() -> None:
    version = published_version(recurring("31.00"), plan=make_plan(name="Small"))
    bigger = published_version(recurring("62.00"), plan=make_plan(name="Big"))
    subscription = open_invoice(version=version).subscription
    assert subscription is not None
    address = reverse("plan_change_create", args=[subscription.reference])
    client = signed_in()
    asked = {"plan_version": bigger.pk, "quantity": 1, "prorates": "no", "reason": "Our fault"}

    with clock.moved_to(JAN_18):
        page = text_of(client, f"{address}?{urlencode(asked)}")
        client.post(address, asked)

    assert "neither charged nor given back" in page
    done = PlanChange.objects.get()
    assert (done.state, done.invoice, done.reason) == ("applied", None, "Our fault")


def test_a_plan_change_as_of_a_day_that_is_over_is_seen_and_done_and_a_closed_one_refused() -> None:
    version = published_version(recurring("31.00"), plan=make_plan(name="Small"))
    bigger = published_version(recurring("62.00"), plan=make_plan(name="Big"))
    subscription = open_invoice(version=version).subscription
    assert subscription is not None
    address = reverse("plan_change_create", args=[subscription.reference])
    client = signed_in()
    asked = {"plan_version": bigger.pk, "quantity": 1, "on": "2026-01-11"}

    with clock.moved_to(JAN_18):
        closed = text_of(client, f"{address}?{urlencode({**asked, 'on': '2025-12-31'})}")
        page = text_of(client, f"{address}?{urlencode(asked)}")
        client.post(address, asked)

    assert "2025-12-31 is closed" in closed
    assert "Takes effect on 11 Jan 2026" in page
    assert "$21.00" in page
    assert PlanChange.objects.get().effective_at == datetime(2026, 1, 11, tzinfo=UTC)


def test_a_plan_change_that_makes_no_sense_is_refused_in_the_form() -> None:
    subscription = open_invoice().subscription
    assert subscription is not None
    address = reverse("plan_change_create", args=[subscription.reference])
    client = signed_in()

    with clock.moved_to(JAN_18 + timedelta(days=1)):
        same = client.post(address, {"plan_version": subscription.plan_version_id, "quantity": 1})
        unknown = client.post(address, {"plan_version": 999, "quantity": "-1"})

    assert b"already" in same.content
    assert unknown.status_code == 200
    assert PlanChange.objects.count() == 0


def test_the_admin_shows_and_changes_nothing() -> None:
    open_invoice()
    client = signed_in(Role.SUPPORT)

    for model in ("invoice", "creditnote", "billingrun", "planchange", "taxrate"):
        listing = client.get(reverse(f"admin:billing_{model}_changelist"))
        adding = client.get(reverse(f"admin:billing_{model}_add"))

        assert (listing.status_code, adding.status_code) == (200, 403), model
