"""Finance switches how invoices are numbered, from now or a day on; support reads it."""

from datetime import UTC, datetime

import pytest
from django.test import Client

from billing.models import NumberingRule
from tests.factories.accounts import make_user
from tests.factories.billing import open_invoice
from tests.factories.subscriptions import JAN_1
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel import clock

pytestmark = pytest.mark.django_db


def client(role: Role = Role.FINANCE) -> Client:
    made = Client()
    made.force_login(make_user(role))
    return made


def test_a_rule_of_a_later_day_counts_from_then_on() -> None:
    with clock.moved_to(JAN_1):
        page = client().post(
            "/numbering/",
            {"mode": "per_entity", "prefix": "ACME-", "from_on": "2026-02-01"},
            follow=True,
        )
    before = open_invoice(datetime(2026, 1, 31, tzinfo=UTC))
    after = open_invoice(datetime(2026, 2, 1, tzinfo=UTC))

    assert "From 1 Feb 2026 on behind ACME-." in page.content.decode()
    assert "Scheduled" in page.content.decode()
    assert (before.number, after.number) == ("INV-000001", "ACME-202602-002")


@pytest.mark.parametrize(
    ("given", "words"),
    [({"from_on": "2025-12-31"}, "is over"), ({"prefix": "A" * 13}, "at most 12")],
)
def test_what_cannot_be_is_said_at_its_field(given: dict[str, str], words: str) -> None:
    with clock.moved_to(JAN_1):
        page = client().post("/numbering/", {"mode": "continuous", **given})

    assert words in page.content.decode()
    assert not NumberingRule.objects.exists()


def test_two_rules_cannot_begin_at_once() -> None:
    finance = client()
    given = {"mode": "continuous", "from_on": "2026-03-01"}

    with clock.moved_to(JAN_1):
        finance.post("/numbering/", given)
        page = finance.post("/numbering/", {**given, "mode": "per_customer"})

    assert "another rule begins then" in page.content.decode()
    assert NumberingRule.objects.get().mode == "continuous"


def test_support_reads_and_does_not_switch() -> None:
    support = client(Role.SUPPORT)

    assert support.get("/numbering/").status_code == 200
    assert support.post("/numbering/", {"mode": "continuous"}).status_code == 403
