"""Routing trials: a share of payments by another version, ended when it does harm."""

import pytest
from django.db import DatabaseError, transaction
from django.test import Client

from billing.errors import PolicyNotDraft
from billing.models import Payment, PaymentDecision, RoutingPolicy, RoutingRule
from billing.queries.trials import trial_of
from billing.services.payments.charging import charge_invoice
from billing.services.payments.routing_policies import (
    activate_policy,
    draft_policy,
    end_harmful_trial,
    end_trial,
    start_trial,
)
from tests.factories.accounts import make_user
from tests.scripted_gateway import TwoGateways, gateways
from tests.stripe_world import NOW, PERSON, invoice_of
from tiktoktoe.accounts.roles import Role

__all__ = ["gateways"]  # fixture
pytestmark = pytest.mark.django_db


def _draft_to_beta() -> RoutingPolicy:
    draft = draft_policy(user=make_user(role=Role.FINANCE), at=NOW)
    RoutingRule.objects.create(
        policy=draft, position=1, name="beta", effect="only", gateways=["beta"]
    )
    return draft


def test_a_trial_decides_about_its_share_and_is_named_on_the_decision(
    gateways: TwoGateways,
) -> None:
    draft = start_trial(policy=_draft_to_beta(), percent=50, at=NOW)
    for _ in range(12):
        invoice = invoice_of(gateways.customer_with_card())
        charge_invoice(invoice=invoice, actor=PERSON, at=NOW)

    arms = list(PaymentDecision.objects.values_list("arm", "chosen_gateway", "policy__version"))
    assert set(arms) == {("variant", "beta", 2), ("control", "alpha", 1)}
    trial = trial_of(draft)
    assert trial.control.tried + trial.variant.tried == 12
    assert trial.words.startswith("too early")


def test_one_trial_at_a_time_of_a_sensible_share(gateways: TwoGateways) -> None:
    draft = _draft_to_beta()
    for percent in (0, 4, 51):
        with pytest.raises(PolicyNotDraft, match="between 5 and 50"):
            start_trial(policy=draft, percent=percent, at=NOW)
    start_trial(policy=draft, percent=5, at=NOW)

    with pytest.raises(PolicyNotDraft, match="on trial"):
        start_trial(policy=_draft_to_beta(), percent=5, at=NOW)


def test_a_version_on_trial_cannot_be_changed_but_ended_or_put_in_force(
    gateways: TwoGateways,
) -> None:
    draft = start_trial(policy=_draft_to_beta(), percent=10, at=NOW)

    with pytest.raises(DatabaseError), transaction.atomic():
        RoutingPolicy.objects.filter(pk=draft.pk).update(fees_weight=9)
    with pytest.raises(DatabaseError), transaction.atomic():
        draft.rules.all().delete()
    with pytest.raises(DatabaseError), transaction.atomic():
        RoutingPolicy.objects.filter(pk=draft.pk).update(state="draft")

    activate_policy(policy=draft, user=make_user(), at=NOW)
    assert RoutingPolicy.objects.get(state="active").version == 2
    with pytest.raises(PolicyNotDraft):
        end_trial(policy=draft)


def test_a_trial_that_does_harm_ends_by_itself(gateways: TwoGateways) -> None:
    draft = start_trial(policy=_draft_to_beta(), percent=50, at=NOW)
    charge_invoice(invoice=invoice_of(gateways.customer_with_card()), actor=PERSON, at=NOW)
    assert end_harmful_trial() is False
    decision = PaymentDecision.objects.get()
    for arm, state, count in (
        ("control", "paid", 100),
        ("variant", "paid", 60),
        ("variant", "failed", 60),
    ):
        _many(decision, arm=arm, state=state, count=count)

    assert end_harmful_trial() is True

    draft.refresh_from_db()
    assert draft.state == "retired"


def test_finance_starts_and_ends_a_trial_on_the_page(client: Client) -> None:
    client.force_login(make_user(role=Role.FINANCE))
    draft_policy(user=make_user(), at=NOW)

    client.post("/payments/routing/2/trial/", {"percent": "x"})
    assert RoutingPolicy.objects.get(version=2).state == "draft"
    client.post("/payments/routing/2/trial/", {"percent": "10"})
    assert "too early" in client.get("/payments/routing/2/").content.decode()
    client.post("/payments/routing/2/trial-end/")

    assert RoutingPolicy.objects.get(version=2).state == "retired"


def _many(decision: PaymentDecision, *, arm: str, state: str, count: int) -> None:
    """As many payments of an arm; canceled first, so that one invoice may have them all."""
    from tiktoktoe.kernel.ids import uuid7

    first = decision.payment
    payments = Payment.objects.bulk_create(
        Payment(
            id=uuid7(),
            customer_id=first.customer_id,
            invoice_id=first.invoice_id,
            currency="USD",
            amount=first.amount.amount,
            amount_refunded=first.amount.amount if state == "paid" else 0,
            state=state,
            purpose="off_session",
            idempotency_key=f"{arm}:{state}:{number}",
            created_at=NOW,
        )
        for number in range(count)
    )
    PaymentDecision.objects.bulk_create(
        PaymentDecision(
            payment=payment,
            round=1,
            at=NOW,
            policy=decision.policy,
            inputs={"is_on_session": False},
            candidates=[],
            seed="s",
            arm=arm,
        )
        for payment in payments
    )
