"""The rules' live states are those that the database's index guards."""

from billing.domain.attempts import LIVE_ATTEMPT_STATES, AttemptState, PaymentState, RefundState
from billing.models import Payment, PaymentAttempt, Refund


def test_the_index_guards_exactly_the_live_states() -> None:
    guard = next(c for c in PaymentAttempt._meta.constraints if c.name == "attempt_one_live")

    condition = dict(guard.deconstruct()[2]["condition"].children)

    assert set(condition["state__in"]) == {str(state) for state in LIVE_ATTEMPT_STATES}


def test_tables_and_rules_name_the_same_states() -> None:
    assert set(PaymentAttempt.State.values) == {str(state) for state in AttemptState}
    assert set(Payment.State.values) == {str(state) for state in PaymentState}
    assert set(Refund.State.values) == {str(state) for state in RefundState}
