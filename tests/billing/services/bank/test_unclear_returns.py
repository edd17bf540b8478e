"""Returns of another amount than the debit: recorded for what they are, or decided at the desk."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import Error, transaction
from django.test import Client

from billing.errors import ReturnNotRecordable
from billing.gateways.bank_messages import ReturnedOrder
from billing.models import BankCharge, BankOrder, Invoice, Payment, PaymentReturn, UnclearReturn
from billing.services.bank.returns import put_unclear_aside, record_unclear, take_returns
from finance.queries import account_balances, unposted_count
from finance.services.posting import post_documents
from tests.billing.services.bank_scene import DebitScene
from tests.factories.accounts import make_user
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db
LATER = datetime(2100, 1, 1, tzinfo=UTC)  # the desk's own time is today


def eur(amount: str) -> Money:
    return Money(Decimal(amount), "EUR")


def _told(
    scene: DebitScene,
    order: BankOrder,
    amount: str,
    *,
    charges: str = "",
    instructed: str = "",
) -> list[str]:
    problems: list[str] = []
    returned = ReturnedOrder(
        end_to_end_id=order.end_to_end_id,
        amount=eur(amount),
        reason="AM04",
        returned_on=date(2026, 3, 9),
        charges=eur(charges) if charges else None,
        instructed=eur(instructed) if instructed else None,
    )
    take_returns("bank", [returned], [], problems, at=scene.at)
    return problems


def _balances() -> tuple[int, int, int]:
    """What is at the bank, owed to us, and lost in charges, in cents."""
    post_documents(at=LATER)
    assert unposted_count(at=LATER) == 0
    rows = account_balances(on=LATER.date())
    assert sum(row.balance_minor for row in rows) == 0
    found = {row.account.code: row.balance_minor for row in rows}
    return found.get("1100", 0), found.get("1200", 0), found.get("5020", 0)


def test_a_part_that_the_bank_says_was_to_go_back_is_owed_again(booked: DebitScene) -> None:
    order = booked.order()

    problems = _told(booked, order, "41.00", instructed="40.00")

    invoice = Invoice.objects.get()
    assert problems == []
    assert PaymentReturn.objects.get().amount == eur("40.00")
    assert (invoice.state, invoice.amount_due) == ("open", eur("40.00"))
    assert _balances() == (58_00, 40_00, 1_00)
    rest = Payment.objects.exclude(state="returned").get()
    assert rest.amount == eur("40.00")


@pytest.mark.parametrize(
    ("amount", "owed", "cost", "balances"),
    [
        ("102.00", "99.00", "3.00", (-3_00, 99_00, 3_00)),
        ("40.00", "40.00", "0.00", (59_00, 40_00, 0)),
    ],
)
def test_one_click_records_what_the_bank_does_not_explain(
    booked: DebitScene,
    client: Client,
    *,
    amount: str,
    owed: str,
    cost: str,
    balances: tuple[int, int, int],
) -> None:
    order = booked.order()
    _told(booked, order, amount)
    assert Invoice.objects.get().state == "paid"
    unclear = UnclearReturn.objects.get()
    client.force_login(make_user(role=Role.FINANCE))

    page = client.get("/bank/transfers/").content.decode()
    client.post(f"/bank/returns/{unclear.pk}/recording/")

    unclear.refresh_from_db()
    assert "Returns of another amount" in page
    assert (unclear.state, unclear.decided_by is not None) == ("recorded", True)
    assert Invoice.objects.get().amount_due == eur(owed)
    assert sum((c.amount for c in BankCharge.objects.all()), eur("0")) == eur(cost)
    assert _balances() == balances


def test_it_is_decided_once_and_told_once(booked: DebitScene) -> None:
    order, person = booked.order(), make_user(role=Role.FINANCE)
    for _ in range(2):
        _told(booked, order, "40.00")
    unclear = UnclearReturn.objects.get()

    record_unclear(unclear=unclear, user=person, at=booked.at)

    with pytest.raises(ReturnNotRecordable, match="recorded already"):
        record_unclear(unclear=unclear, user=person, at=booked.at)
    with pytest.raises(ReturnNotRecordable):
        put_unclear_aside(unclear=unclear, reason="no", user=person, at=booked.at)
    assert PaymentReturn.objects.count() == 1


def test_what_is_put_aside_stays_paid(booked: DebitScene, client: Client) -> None:
    order = booked.order()
    _told(booked, order, "40.00")
    client.force_login(make_user(role=Role.FINANCE))

    client.post(
        f"/bank/returns/{UnclearReturn.objects.get().pk}/aside/", {"reason": "the bank erred"}
    )

    assert UnclearReturn.objects.get().note == "the bank erred"
    assert Invoice.objects.get().state == "paid"


def test_a_later_message_that_explains_it_needs_nobody(booked: DebitScene) -> None:
    order = booked.order()
    _told(booked, order, "102.00")

    problems = _told(booked, order, "102.00", charges="3.00")

    unclear = UnclearReturn.objects.get()
    assert (problems, unclear.state) == ([], "recorded")
    assert _balances() == (-3_00, 99_00, 3_00)


def test_whoever_may_only_look_cannot_decide(booked: DebitScene, client: Client) -> None:
    order = booked.order()
    _told(booked, order, "40.00")
    client.force_login(make_user(role=Role.SUPPORT))
    unclear = UnclearReturn.objects.get()

    for verb in ("recording", "aside"):
        assert client.post(f"/bank/returns/{unclear.pk}/{verb}/").status_code == 403


def test_the_database_keeps_what_was_told_and_decided(booked: DebitScene) -> None:
    order = booked.order()
    _told(booked, order, "40.00")
    unclear = UnclearReturn.objects.get()

    with pytest.raises(Error), transaction.atomic():
        UnclearReturn.objects.update(amount=1)
    with pytest.raises(Error), transaction.atomic():
        unclear.delete()
    put_unclear_aside(unclear=unclear, reason="no", user=make_user(role=Role.FINANCE), at=booked.at)
    with pytest.raises(Error), transaction.atomic():
        UnclearReturn.objects.update(state="waiting", decided_at=None)
