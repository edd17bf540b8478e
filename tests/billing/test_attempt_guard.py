"""The rules' live states are those that the database's index guards."""

import pytest
from django.db import IntegrityError, transaction

from billing.domain.attempts import LIVE_ATTEMPT_STATES, AttemptState, PaymentState, RefundState
from billing.models import Payment, PaymentAttempt, Refund
from tests.factories.billing import one_off_invoice
from tiktoktoe.kernel.ids import uuid7


def test_the_index_guards_exactly_the_live_states() -> None:
    guard = next(c for c in PaymentAttempt._meta.constraints if c.name == "attempt_one_live")

    condition = dict(guard.deconstruct()[2]["condition"].children)

    assert set(condition["state__in"]) == {str(state) for state in LIVE_ATTEMPT_STATES}


def test_tables_and_rules_name_the_same_states() -> None:
    assert set(PaymentAttempt.State.values) == {str(state) for state in AttemptState}
    assert set(Payment.State.values) == {str(state) for state in PaymentState}
    assert set(Refund.State.values) == {str(state) for state in RefundState}


LIVE = ("open", "processing", "requires_action")


@pytest.mark.django_db
@pytest.mark.parametrize("first", LIVE)
@pytest.mark.parametrize("second", LIVE)
def test_two_payments_of_one_invoice_are_never_both_live(first: str, second: str) -> None:
    invoice = one_off_invoice()

    def pay(state: str) -> Payment:
        return Payment.objects.create(
            id=uuid7(),
            customer=invoice.customer,
            invoice=invoice,
            currency="USD",
            amount="99.00",
            state=state,
            purpose="off_session",
            idempotency_key=str(uuid7()),
        )

    made = pay(first)
    with pytest.raises(IntegrityError, match="payment_one_live_per_invoice"), transaction.atomic():
        pay(second)

    Payment.objects.filter(pk=made.pk).update(state="paid")
    assert pay(second).state == second
