import json
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from billing.models import Invoice
from billing.services.changes.subscribing import start_subscription
from billing.services.invoices.renewal import run_billing
from subscriptions.models import Subscription
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    make_customer,
    make_plan,
    per_call,
    published_version,
    recurring,
)
from tests.factories.usage import use

MARCH_1 = datetime(2026, 3, 1, tzinfo=UTC)


def asked(*arguments: str) -> str:
    out = StringIO()
    call_command("simulate", *arguments, stdout=out)
    return out.getvalue()


def bill_two_months() -> None:
    """Two months on 99.00 with 10,000 calls included, of which the first had 12,000."""
    customer = make_customer(external_id="acme")
    start_subscription(
        customer=customer, plan_version=published_version(), at=JAN_1, actor=TEST_ACTOR
    )
    use(customer, 12_000, datetime(2026, 1, 10, tzinfo=UTC))
    run_billing(at=MARCH_1)
    flat = make_plan(code="flat")
    published_version(recurring("50.00"), per_call("0.01", included="0"), plan=flat)


RANGE = ["--from", "2026-01-01", "--to", "2026-03-01"]


@pytest.mark.django_db(transaction=True)
def test_recorded_usage_is_billed_under_another_plan_and_nothing_is_written() -> None:
    bill_two_months()
    before = list(Invoice.objects.order_by("pk").values()), Subscription.objects.count()

    told = json.loads(asked("--customer", "acme", "--plan", "flat", *RANGE, "--format", "json"))

    # Billed: 3 fees of 99.00, and 2,000 calls of 0.002. On flat: 3 of 50.00, 12,000 of 0.01.
    assert (told["billed"], told["would_be"], told["difference"]) == ("301.00", "270.00", "-31.00")
    assert [row["total"] for row in told["invoices"]] == ["50.00", "170.00", "50.00"]

    read = asked("--customer", "acme", "--plan", "flat", "--policy", "lago", *RANGE)

    assert "was billed 301.00, would have been billed 270.00, difference -31.00 USD" in read
    assert (list(Invoice.objects.order_by("pk").values()), Subscription.objects.count()) == before


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--customer", "bob", "--plan", "flat", *RANGE], "no customer is called 'bob'"),
        (["--customer", "acme", "--plan", "gold", *RANGE], "'gold' was not on sale in USD"),
        (["--customer", "acme", "--plan", "flat"], "--customer needs --from, --to too"),
        (["--customer", "acme", "--plan", "flat", "--policy", "x", *RANGE], "'x' is none"),
        ([], "name a file, or --customer"),
    ],
)
def test_a_question_that_cannot_be_answered_says_why(arguments: list[str], said: str) -> None:
    make_customer(external_id="acme")

    with pytest.raises(CommandError, match=said):
        asked(*arguments)
