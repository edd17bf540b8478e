"""The outcomes that the benchmark of routing records fit into the tables as they are now."""

import pytest

from billing.models import PaymentAttempt
from billing.services.payments.outcomes import count_outcomes
from tests.benchmarks import decisions
from tests.scripted_gateway import TwoGateways, gateways
from tests.stripe_world import NOW, invoice_of

__all__ = ["gateways"]  # a fixture


@pytest.mark.django_db
def test_outcomes_are_recorded_and_counted(
    gateways: TwoGateways, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decisions, "OUTCOMES", 100)
    monkeypatch.setattr(decisions, "PAYMENTS", 2)

    decisions._record_outcomes(invoice_of(gateways.customer_with_card()))

    assert PaymentAttempt.objects.filter(state="abandoned").count() == 90
    assert count_outcomes(at=NOW) == 100
