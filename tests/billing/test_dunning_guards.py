"""What PostgreSQL itself refuses about campaigns, runs and what they did."""

import pytest
from django.db import IntegrityError, connection, transaction

from billing.models import (
    DunningAct,
    DunningRun,
    DunningStep,
)
from billing.services.dunning.runs import run_dunning
from subscriptions.models import ServiceRestriction
from tests.factories.dunning import campaign_in_force
from tests.factories.subscriptions import make_customer
from tests.shared_world import shared_world
from tests.stripe_world import first_invoice_of, later
from tiktoktoe.kernel.ids import uuid7

pytestmark = pytest.mark.django_db


def arrange() -> DunningRun:
    campaign_in_force("0 email, 1 restrict, 300 cancel")
    first_invoice_of(make_customer())
    run_dunning(at=later(days=60))
    return DunningRun.objects.get()


run = shared_world(arrange)


@pytest.mark.parametrize(
    "table", ["dunningcampaign", "dunningstep", "dunningrule", "dunningact", "dunningevent"]
)
@pytest.mark.parametrize("change", ["UPDATE billing_{0} SET id = id", "DELETE FROM billing_{0}"])
def test_what_counted_and_what_was_done_is_never_changed_or_removed(
    table: str, change: str, run: DunningRun
) -> None:
    with (
        pytest.raises(IntegrityError, match="is refused"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(change.format(table))


def test_a_campaign_in_force_gets_no_more_steps(run: DunningRun) -> None:
    with pytest.raises(IntegrityError, match="gets no more steps"), transaction.atomic():
        DunningStep.objects.create(campaign=run.campaign, position=9, day=301, kind="email")


def test_an_invoice_has_one_run_and_a_step_is_done_once(run: DunningRun) -> None:
    again = {
        "campaign": run.campaign,
        "customer": run.customer,
        "invoice": run.invoice,
        "past_due_from": run.past_due_from,
        "opened_at": run.opened_at,
    }
    with pytest.raises(IntegrityError, match="one_per_invoice"), transaction.atomic():
        DunningRun.objects.create(id=uuid7(), **again)
    with pytest.raises(IntegrityError, match="dunning_step_once"), transaction.atomic():
        DunningAct.objects.create(
            run=run,
            step=run.campaign.steps.get(day=0),
            state="done",
            due_at=run.opened_at,
            at=run.opened_at,
            actor="test",
        )


def test_a_run_stays_what_it_is_and_ended_once_it_has_ended(run: DunningRun) -> None:
    rows = DunningRun.objects.filter(pk=run.pk)
    with pytest.raises(IntegrityError, match="stays what it is"), transaction.atomic():
        rows.update(past_due_from=later(days=1))
    with pytest.raises(IntegrityError, match="ends_with_an_outcome"), transaction.atomic():
        rows.update(ended_at=later(days=61))
    rows.update(ended_at=later(days=61), outcome="stopped", next_step_at=None)
    with pytest.raises(IntegrityError, match="ended once"), transaction.atomic():
        rows.update(ended_at=None, outcome="")


def test_a_restriction_only_gets_an_end_once(run: DunningRun) -> None:
    rows = ServiceRestriction.objects.all()
    for change in ({"reason": "another"}, {"starts_at": later(days=1)}):
        with pytest.raises(IntegrityError, match="only its end"), transaction.atomic():
            rows.update(**change)
    rows.update(ends_at=later(days=70))
    with pytest.raises(IntegrityError, match="only its end"), transaction.atomic():
        rows.update(ends_at=later(days=90))


def test_every_guard_holds_for_replicas_too() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(*) FILTER (WHERE tgenabled = 'A') FROM pg_trigger "
            "WHERE tgname LIKE 'dunning%' AND NOT tgisinternal"
        )
        assert cursor.fetchone() == (16, 16)
