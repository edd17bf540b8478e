"""Dunning runs: what is done about a past-due invoice, once each, until it is settled."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from billing.domain import budgets
from billing.domain.attempts import Answer
from billing.domain.declines import DeclineClass
from billing.gateways.base import Outcome
from billing.models import DunningAct, DunningRun, Invoice, Notice, Payment, PaymentAttempt
from billing.services.announcements.announcing import announce_new, start_announcing
from billing.services.announcements.notices import words_of
from billing.services.changes.customer_clocks import advance_clock
from billing.services.dunning.runs import advance_run, load_run, run_dunning
from billing.services.dunning.steps import attempt_since
from billing.services.invoices.invoicing import mark_uncollectible, void_invoice
from billing.services.payments.charging import charge_invoice
from billing.services.payments.collection import collect_due, mark_overdue
from subscriptions.models import ServiceRestriction, Subscription
from subscriptions.services.customer_clocks import create_clock
from tests.factories.billing import open_invoice
from tests.factories.dunning import campaign_in_force
from tests.factories.subscriptions import JAN_1, make_customer
from tests.scripted_gateway import TwoGateways, declined, gateways
from tests.stripe_world import NOW, PERSON, first_invoice_of, later

pytestmark = pytest.mark.django_db

__all__ = ["gateways"]  # a fixture
NO_FUNDS = declined(DeclineClass.SOFT_GENERIC)


def day_by_day(days: int, *, first: int = 0) -> dict[int, list[str]]:
    """What was done on each day, as the scheduler would: collect, then dun."""
    found = {}
    for day in range(first, days):
        before = set(DunningAct.objects.values_list("pk", flat=True))
        collect_due(at=later(days=day))
        run_dunning(at=later(days=day))
        acts = DunningAct.objects.exclude(pk__in=before).order_by("pk")
        if rows := [f"{act.step.kind} {act.state}" for act in acts]:
            found[day] = rows
    return found


def declining_invoice(two: TwoGateways, declines: int = 99, **terms: Any) -> Invoice:
    two.alpha.script = [terms.pop("answer", NO_FUNDS)] * declines
    return first_invoice_of(two.customer_with_card(held_by="alpha", **terms))


def test_a_campaign_does_its_steps_on_their_days_once(gateways: TwoGateways) -> None:
    campaign_in_force("0 email, 3 retry, 5 banner, 8 retry, 10 restrict, 20 write_off")
    invoice = declining_invoice(gateways)

    done = day_by_day(30)

    assert done == {
        0: ["email done"],
        3: ["retry done"],
        5: ["banner done"],
        8: ["retry done"],
        10: ["restrict done"],
        20: ["write_off done"],
    }
    assert len(gateways.alpha.asked) == 3
    invoice.refresh_from_db()
    run = DunningRun.objects.get()
    assert (invoice.state, run.outcome, run.ended_at) == (
        "uncollectible",
        "written_off",
        later(days=21),
    )


def test_the_standard_campaign_is_what_was_before_there_were_any(gateways: TwoGateways) -> None:
    declining_invoice(gateways)
    tried = []
    for day in range(12):
        if collect_due(at=later(days=day)).attempts:
            tried.append(day)
        run_dunning(at=later(days=day))

    assert tried == [0, 1, 3, 5, 7]
    assert (Payment.objects.get().state, Subscription.objects.get().state) == ("failed", "past_due")
    assert not DunningAct.objects.exists()
    assert DunningRun.objects.get().campaign.code == "standard"


def test_a_run_ends_when_the_invoice_is_paid_and_gives_service_back(gateways: TwoGateways) -> None:
    campaign_in_force("1 restrict, 2 retry, 5 email, 9 cancel")
    declining_invoice(gateways, declines=1)

    done = day_by_day(12)

    run, restriction = DunningRun.objects.get(), ServiceRestriction.objects.get()
    assert done == {1: ["restrict done"], 2: ["retry done"]}
    assert (run.outcome, run.ended_at) == ("paid", later(days=2))
    assert (restriction.starts_at, restriction.ends_at) == (later(days=1), later(days=2))
    assert "past due" in restriction.reason
    assert run.acts.get(step__kind="retry").attempt.state == "succeeded"  # type: ignore[union-attr]
    assert Subscription.objects.get().state == "active"


@pytest.mark.parametrize("act", [void_invoice, mark_uncollectible])
def test_a_run_ends_when_the_invoice_is_taken_back_or_given_up(act: Any) -> None:
    campaign_in_force("0 email, 9 cancel")
    invoice = first_invoice_of(make_customer())
    assert day_by_day(17, first=15) == {15: ["email done"]}

    act(invoice=invoice, at=later(days=17))

    assert day_by_day(27, first=22) == {}  # it would be canceled on the 24th
    assert DunningRun.objects.get().outcome in {"void", "written_off"}
    assert Subscription.objects.get().ended_at is None


def test_what_cannot_help_is_refused_and_explained(gateways: TwoGateways) -> None:
    campaign_in_force("2 retry, 4 email")
    declining_invoice(gateways, answer=declined(DeclineClass.HARD_REVOKED))

    assert day_by_day(6) == {2: ["retry refused"], 4: ["email done"]}
    act = DunningAct.objects.get(state="refused")
    assert act.reason == "hard_revoked: trying again cannot help"
    assert len(gateways.alpha.asked) == 1


@pytest.mark.parametrize(("is_on_session", "is_a_steps"), [(False, True), (True, False)])
def test_what_a_customer_tries_itself_is_not_what_a_retry_did(
    gateways: TwoGateways, is_on_session: bool, is_a_steps: bool
) -> None:
    invoice = declining_invoice(gateways)
    collect_due(at=NOW)
    PaymentAttempt.objects.update(is_on_session=is_on_session)

    assert (attempt_since(invoice, NOW) is not None) is is_a_steps


def test_a_networks_budget_refuses_a_retry_and_says_so(
    gateways: TwoGateways, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_in_force("2 retry")
    declining_invoice(gateways, brand="visa")
    collect_due(at=NOW)
    spent = budgets.RetryBudget(
        network="visa",
        declines=1,
        within=timedelta(days=30),
        valid_from=NOW.date(),
        source="a test",
    )
    monkeypatch.setattr(budgets, "BUDGETS", (spent,))

    assert day_by_day(4, first=1) == {2: ["retry refused"]}
    assert "the network allows no more tries for now" in DunningAct.objects.get().reason
    assert len(gateways.alpha.asked) == 1


def test_without_a_stored_method_days_count_from_the_due_day() -> None:
    campaign_in_force("0 email, 2 retry, 3 pause, 5 cancel")
    invoice = first_invoice_of(make_customer())
    due = invoice.due_at
    assert due is not None
    first = (due - NOW).days

    done = day_by_day(first + 8, first=first)

    assert {day - first: rows for day, rows in done.items()} == {
        1: ["email done"],
        2: ["retry refused"],
        3: ["pause done"],
        5: ["cancel done"],
    }
    assert DunningAct.objects.get(state="refused").reason == "no payment method is stored"
    subscription = Subscription.objects.get()
    assert subscription.state == "canceled"
    canceled = subscription.transitions.get(event="canceled")
    assert canceled.reason.startswith(f"invoice {invoice} is past due since")


def test_what_a_run_paused_goes_on_once_it_is_paid(gateways: TwoGateways) -> None:
    campaign_in_force("1 pause")
    invoice = declining_invoice(gateways, declines=2)
    day_by_day(2)
    assert Subscription.objects.get().state == "paused"

    charge_invoice(invoice=invoice, actor=PERSON, at=later(days=4))
    collect_due(at=later(days=5))
    charged = Invoice.objects.get(pk=invoice.pk)
    run_dunning(at=later(days=5))

    assert charged.state == "paid"
    assert Subscription.objects.get().state in {"active", "past_due"}


def test_a_payment_on_its_way_holds_up_what_cannot_be_taken_back(gateways: TwoGateways) -> None:

    campaign_in_force("1 restrict, 2 cancel")
    invoice = declining_invoice(gateways, declines=1)
    collect_due(at=NOW)
    run_dunning(at=NOW)
    gateways.alpha.script = [Outcome(answer=Answer.INCONCLUSIVE)]
    charge_invoice(invoice=invoice, actor=PERSON, at=later(hours=20))

    assert run_dunning(at=later(days=5)) == 0
    assert not DunningAct.objects.exists()
    assert DunningRun.objects.get().next_step_at == later(days=5, minutes=1)


def test_a_campaign_put_in_force_late_does_not_do_everything_at_once() -> None:
    first_invoice_of(make_customer())
    campaign_in_force("0 email, 5 restrict, 20 cancel", at=later(days=100))

    assert day_by_day(104, first=100) == {100: ["email done"]}


def test_a_run_keeps_its_campaign_and_a_plan_goes_before_the_company(
    gateways: TwoGateways,
) -> None:
    gateways.alpha.script = [NO_FUNDS] * 9
    first = first_invoice_of(gateways.customer_with_card(held_by="alpha"))
    plan = first.subscription.plan_version.plan  # type: ignore[union-attr]
    of_plan = campaign_in_force("2 email", plan=plan)
    collect_due(at=NOW)
    run_dunning(at=NOW)
    campaign_in_force("1 email", at=later(hours=1))
    campaign_in_force("1 banner", at=later(hours=2), plan=plan)

    assert day_by_day(4, first=1) == {2: ["email done"]}
    assert DunningRun.objects.get().campaign == of_plan


def test_reminders_are_written_in_the_customers_language(gateways: TwoGateways) -> None:
    campaign_in_force("1 email, 5 restrict, 9 cancel")
    invoice = declining_invoice(gateways)
    invoice.customer.locale = "de-DE"
    invoice.customer.save(update_fields=["locale"])
    start_announcing(at=later(hours=12))
    day_by_day(3)
    announce_new(at=later(days=2))

    notice = Notice.objects.get(kind="dunning.reminder")
    words = words_of(notice)
    assert words.subject == f"Rechnung {invoice.number} ist überfällig"
    assert "Ab dem 6. Januar 2026 ist der Dienst eingeschränkt" in words.text
    assert "endet Ihr Abonnement am 10. Januar 2026" in words.text
    announce_new(at=later(days=2, hours=1))
    assert Notice.objects.filter(kind="dunning.reminder").count() == 1


def test_dunning_goes_by_the_customers_test_clock() -> None:
    campaign_in_force("0 email, 3 restrict")
    clock = create_clock(code="mine", starts_at=JAN_1, at=JAN_1)
    timed = open_invoice(customer=make_customer(clock=clock))
    real = open_invoice(customer=make_customer())

    assert run_dunning(at=later(days=60)) == 2
    assert {act.run.invoice for act in DunningAct.objects.all()} == {real}
    advance_clock(clock=clock, to=later(days=25))

    acts = DunningAct.objects.filter(run__invoice=timed)
    assert timed.due_at is not None
    assert [(a.step.kind, a.due_at) for a in acts.order_by("pk")] == [
        ("email", timed.due_at),
        ("restrict", timed.due_at + timedelta(days=3)),
    ]


def test_passes_at_once_do_no_step_twice(gateways: TwoGateways) -> None:
    campaign_in_force("0 email, 1 restrict")
    declining_invoice(gateways)
    collect_due(at=NOW)
    run_dunning(at=NOW)
    seen = load_run(DunningRun.objects.get().pk)  # by a pass that is slower

    assert run_dunning(at=later(days=1)) == 1
    assert advance_run(run=seen, at=later(days=1)) == 0
    assert DunningAct.objects.count() == 2
    assert ServiceRestriction.objects.count() == 1


def test_past_due_is_marked_as_before() -> None:
    campaign_in_force("0 email")
    invoice = first_invoice_of(make_customer())
    assert invoice.due_at is not None

    at: datetime = invoice.due_at + timedelta(days=1)

    assert (mark_overdue(at=at), run_dunning(at=at)) == (1, 1)
