"""The dunning board, a run, campaigns and their calendar; what people decide."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from billing.domain.declines import DeclineClass
from billing.models import DunningAct, DunningCampaign, DunningRun, Invoice, Payment, PaymentAttempt
from billing.queries.dunning import recovered_by_month, recovered_payments, recovery_rates
from billing.services.dunning.runs import run_dunning
from billing.services.payments.charging import charge_invoice
from billing.services.payments.collection import collect_due
from tests.factories.accounts import make_user
from tests.factories.dunning import campaign_in_force
from tests.factories.subscriptions import make_customer, make_member
from tests.scripted_gateway import TwoGateways, declined, gateways
from tests.stripe_world import NOW, PERSON, invoice_of, later
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel import clock
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import Money

__all__ = ["gateways"]  # fixture
pytestmark = pytest.mark.django_db
NO_FUNDS = declined(DeclineClass.SOFT_GENERIC)
JANUARY = date(2026, 1, 1)


@pytest.fixture
def finance(client: Client) -> Client:
    client.force_login(make_user(role=Role.FINANCE))
    return client


def past_due(two: TwoGateways, declines: int = 1) -> Invoice:
    two.alpha.script = [NO_FUNDS] * declines
    invoice = invoice_of(two.customer_with_card(held_by="alpha"))
    collect_due(at=NOW)
    run_dunning(at=NOW)
    return invoice


def days(*, until: int, first: int = 1) -> None:
    for day in range(first, until + 1):
        collect_due(at=later(days=day))
        run_dunning(at=later(days=day))


def test_the_board_shows_stages_what_is_at_risk_and_the_next_step(
    gateways: TwoGateways, finance: Client
) -> None:
    campaign_in_force("0 email, 3 retry, 9 cancel")
    invoice = past_due(gateways)

    page = finance.get("/dunning/")

    (row,) = page.context["sums"]
    assert (row.stage, row.count, row.at_risk) == ("email", 1, Money("99.00", "USD"))
    (run,) = page.context["page"].object_list
    assert (run.invoice, run.next_step_at) == (invoice, later(days=3))
    assert not finance.get("/dunning/?state=cancel").context["page"].object_list


def test_what_was_recovered_is_counted_for_the_step_that_did_it(
    gateways: TwoGateways, finance: Client
) -> None:
    campaign_in_force("1 email, 3 retry, 9 cancel")
    past_due(gateways)  # paid by the retry of day 3
    gateways.alpha.script = [declined(DeclineClass.DATA_FIX)]  # not tried again by itself
    invoice = invoice_of(gateways.customer_with_card(held_by="alpha"))
    days(until=6, first=0)
    charge_invoice(invoice=invoice, actor=PERSON, at=later(days=6))
    run_dunning(at=later(days=7))

    found = recovered_by_month(first=JANUARY, last=JANUARY, zone="UTC")

    assert [(r.month, r.step, r.count, r.amount) for r in found] == [
        (JANUARY, "retry", 2, Money("198.00", "USD"))
    ]
    (rate,) = recovery_rates(first=JANUARY, last=JANUARY, zone="UTC")
    assert (rate.opened, rate.paid) == (2, 2)
    assert rate.share == 1
    rows = recovered_payments(month=JANUARY, zone="UTC", step="retry", currency="USD")
    assert sum((row.amount for row in rows), Money(0, "USD")) == found[0].amount
    page = finance.get("/dunning/recovered/?month=2026-01-01&step=retry&currency=USD")
    assert len(page.context["payments"]) == 2
    assert recovered_payments(month=JANUARY, zone="UTC", step="email") == []


def test_what_a_bank_takes_back_was_not_recovered(gateways: TwoGateways) -> None:
    campaign_in_force("5 email")
    past_due(gateways)
    collect_due(at=later(days=1))
    (before,) = recovered_by_month(first=JANUARY, last=JANUARY, zone="UTC")

    Payment.objects.update(amount_charged_back="9.00")
    (charged_back,) = recovered_by_month(first=JANUARY, last=JANUARY, zone="UTC")
    Payment.objects.update(amount_charged_back="0.00", amount_refunded="99.00")
    given_back = recovered_by_month(first=JANUARY, last=JANUARY, zone="UTC")
    Payment.objects.update(amount_refunded="0.00", state="returned")

    assert (before.amount, charged_back.amount) == (Money("99.00", "USD"), Money("90.00", "USD"))
    assert given_back == []  # no row of nothing
    assert recovered_by_month(first=JANUARY, last=JANUARY, zone="UTC") == []
    assert recovered_payments(month=JANUARY, zone="UTC") == []


def test_what_is_paid_after_a_reminder_is_recovered_by_it() -> None:

    campaign_in_force("0 banner, 1 email, 9 restrict")
    invoice = invoice_of(make_customer())
    assert invoice.due_at is not None
    days(until=18, first=15)
    at = later(days=19)
    payment = Payment.objects.create(
        id=uuid7(),
        customer=invoice.customer,
        invoice=invoice,
        currency="USD",
        amount=99,
        state="paid",
        purpose="on_session",
        idempotency_key="a",
        created_at=at,
        paid_at=at,
    )
    PaymentAttempt.objects.create(
        id=uuid7(),
        payment=payment,
        sequence=1,
        gateway="alpha",
        channel="hosted_page",
        state="succeeded",
        idempotency_key="b",
        currency="USD",
        dispatched_at=at,
    )

    (found,) = recovered_by_month(first=JANUARY, last=at.date(), zone="UTC")

    assert (found.step, found.amount) == ("email", Money("99.00", "USD"))


def test_a_retry_now_charges_at_once_and_says_who_and_why(
    gateways: TwoGateways, finance: Client
) -> None:
    campaign_in_force("5 email")
    invoice = past_due(gateways)
    run = DunningRun.objects.get()

    with clock.moved_to(later(hours=5)):
        refused = finance.post(f"/dunning/runs/{run.pk}/retry/", {"reason": " "}, follow=True)
        page = finance.post(
            f"/dunning/runs/{run.pk}/retry/", {"reason": "they called"}, follow=True
        )

    assert "Nothing was changed: say why" in refused.content.decode()
    invoice.refresh_from_db()
    assert (invoice.state, len(gateways.alpha.taken)) == ("paid", 1)
    assert "they called" in page.content.decode()
    assert run.events.get(event="retried").actor.endswith("example.com")


def test_a_skipped_step_is_left_out_and_the_others_keep_their_days(
    gateways: TwoGateways, finance: Client
) -> None:
    campaign_in_force("2 retry, 5 email, 6 retry")
    past_due(gateways, declines=5)
    run = DunningRun.objects.get()

    with clock.moved_to(later(days=1)):
        finance.post(f"/dunning/runs/{run.pk}/steps/2/skip/", {"reason": "not yet"})
        assert not DunningAct.objects.exists()  # another is next
        finance.post(f"/dunning/runs/{run.pk}/steps/1/skip/", {"reason": "a good customer"})
    days(until=6)

    acts = [(a.step.kind, a.state, a.at) for a in DunningAct.objects.order_by("pk")]
    assert acts == [
        ("retry", "skipped", later(days=1)),
        ("email", "done", later(days=5)),
        ("retry", "done", later(days=6)),
    ]
    assert len(gateways.alpha.asked) == 2


def test_a_stopped_run_does_nothing_more_and_retries_nothing(
    gateways: TwoGateways, finance: Client
) -> None:
    campaign_in_force("1 restrict, 2 retry, 5 email")
    invoice = past_due(gateways, declines=5)
    run = DunningRun.objects.get()
    days(until=1)

    with clock.moved_to(later(days=1, hours=1)):
        finance.post(f"/dunning/runs/{run.pk}/stop/", {"reason": "settled by phone"})
    days(until=20, first=2)

    run.refresh_from_db()
    assert (run.outcome, run.acts.count(), len(gateways.alpha.asked)) == ("stopped", 1, 1)
    assert run.events.get(event="stopped").reason == "settled by phone"
    assert run.customer.restrictions.get().ends_at == later(days=1, hours=1)
    assert DunningRun.objects.filter(invoice=invoice).count() == 1


def test_a_promise_holds_steps_and_retries_until_its_day_is_over(
    gateways: TwoGateways, finance: Client
) -> None:
    campaign_in_force("2 retry, 3 restrict")
    past_due(gateways, declines=5)
    run = DunningRun.objects.get()
    address = f"/dunning/runs/{run.pk}/promise/"

    with clock.moved_to(later(days=1)):
        finance.post(address, {"until": "2025-12-31", "reason": "Ms Lee"})
        assert not run.events.filter(event="promised").exists()
        assert finance.post(address, {"until": "", "reason": "Ms Lee"}).status_code == 422
        finance.post(address, {"until": "2026-01-06", "reason": "Ms Lee"})
    done = {}
    for day in range(1, 9):
        days(until=day, first=day)
        done[day] = DunningAct.objects.count()

    assert [day for day, count in done.items() if count] == [6, 7, 8]
    assert len(gateways.alpha.asked) == 2
    assert "until 2026-01-06: Ms Lee" in run.events.get(event="promised").reason


def test_support_may_look_but_not_decide(gateways: TwoGateways, client: Client) -> None:
    past_due(gateways)
    run = DunningRun.objects.get()
    client.force_login(make_user(role=Role.SUPPORT))

    assert client.get(f"/dunning/runs/{run.pk}/").status_code == 200
    assert client.post(f"/dunning/runs/{run.pk}/stop/", {"reason": "no"}).status_code == 403
    assert client.get("/dunning/campaigns/new/").status_code == 403


FORM: dict[str, Any] = {
    "code": "firm",
    "name": "Firm",
    "retry_every_days": "",
    "retries_max": "",
    "steps-TOTAL_FORMS": "3",
    "steps-INITIAL_FORMS": "0",
    "steps-0-day": "14",
    "steps-0-kind": "cancel",
    "steps-1-day": "0",
    "steps-1-kind": "email",
    "steps-2-day": "",
    "steps-2-kind": "",
    "thresholds-TOTAL_FORMS": "0",
    "thresholds-INITIAL_FORMS": "0",
    "states-TOTAL_FORMS": "0",
    "states-INITIAL_FORMS": "0",
}


def test_a_campaign_is_written_looked_at_and_put_in_force(finance: Client) -> None:
    with clock.moved_to(NOW):
        form = finance.get("/dunning/campaigns/new/")
        finance.post("/dunning/campaigns/new/", FORM)
        page = finance.get("/dunning/campaigns/firm/1/?past_due_on=2026-03-02&reason=")
        finance.post("/dunning/campaigns/firm/1/assignment/", {"plan": ""})
        finance.post("/dunning/campaigns/new/", {**FORM, "steps-1-day": "1"})

    assert form.status_code == 200
    campaign = DunningCampaign.objects.get(code="firm", number=1)
    assert [(s.position, s.day, s.kind) for s in campaign.steps.all()] == [
        (1, 0, "email"),
        (2, 14, "cancel"),
    ]
    assert [(s.at, str(s.kind)) for s in page.context["calendar"]] == [
        (datetime(2026, 3, 2, 12, tzinfo=UTC), "email"),
        (datetime(2026, 3, 16, 12, tzinfo=UTC), "cancel"),
    ]
    assert DunningCampaign.objects.filter(code="firm").count() == 2
    assert campaign.rules.get().actor.endswith("example.com")
    assert "Firm (version 1)" in finance.get("/dunning/campaigns/").content.decode()
    again = finance.get("/dunning/campaigns/new/?after=firm:2")
    assert again.context["form"].rows.initial[0] == {"day": 1, "kind": "email"}


def test_a_contradictory_campaign_is_refused_with_the_step_named(finance: Client) -> None:
    wrong = {**FORM, "steps-2-day": "20", "steps-2-kind": "cancel"}

    page = finance.post("/dunning/campaigns/new/", wrong)

    assert page.status_code == 422
    assert "step 3: cancel is there already" in page.content.decode()
    assert not DunningCampaign.objects.filter(code="firm").exists()


def test_the_calendar_shows_the_retries_that_a_decline_brings(finance: Client) -> None:
    page = finance.get("/dunning/campaigns/standard/1/?past_due_on=2026-03-02&reason=soft_generic")

    assert [s.day for s in page.context["calendar"]] == [1, 3, 5, 7]


def test_a_run_shows_what_has_happened_and_what_comes_next(
    gateways: TwoGateways, finance: Client
) -> None:
    campaign_in_force("0 email, 3 retry, 9 cancel")
    past_due(gateways, declines=3)
    run = DunningRun.objects.get()

    with clock.moved_to(later(days=1)):
        page = finance.get(f"/dunning/runs/{run.pk}/")

    assert [row.what for row in page.context["happened"]] == ["opened", "email"]
    assert [(str(s.kind), s.at) for s in page.context["coming"]] == [
        ("retry", later(days=3)),
        ("cancel", later(days=9)),
    ]


def test_the_banner_is_on_every_page_of_the_portal_until_it_is_paid(
    gateways: TwoGateways,
) -> None:
    campaign_in_force("1 banner, 2 retry")
    invoice = past_due(gateways)
    client = Client()
    client.force_login(make_member(invoice.customer).user)
    words = f"Invoice {invoice} is past due. Please pay it."
    pages = [reverse(n) for n in ("portal_home", "portal_invoices", "portal_payment_methods")]

    assert not any(words in client.get(page).content.decode() for page in pages)
    days(until=1)
    assert all(words in client.get(page).content.decode() for page in pages)
    days(until=2, first=2)
    assert not any(words in client.get(page).content.decode() for page in pages)
    assert NOW + timedelta(days=2) == later(days=2)
