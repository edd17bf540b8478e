"""What each capture of a hold has cost is kept and booked once, whichever report tells it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, transaction
from django.db.models import Sum

from billing.domain.attempts import Answer
from billing.gateways.base import Outcome, SettledCharge
from billing.models import ForeignFee, PaymentAttempt, PaymentOperation
from billing.services.payments.holds import capture_hold, hold_invoice
from billing.services.payments.settlement import record_fees
from finance.models import JournalEntry, Posting
from finance.queries import unposted_count
from finance.services.posting import post_documents
from tests.scripted_gateway import CARDS, TwoGateways, gateways
from tests.stripe_world import NOW, PERSON, invoice_of, later
from tiktoktoe.kernel.money import Money

__all__ = ["gateways"]  # a fixture
pytestmark = pytest.mark.django_db


@pytest.fixture
def hold(gateways: TwoGateways) -> PaymentAttempt:
    """99.00 held at a gateway that takes several parts, and tells what they cost later."""
    gateways.alpha.capabilities = replace(
        CARDS,
        has_partial_capture=True,
        has_multi_capture=True,
        authorization_lasts=timedelta(days=7),
    )
    invoice = invoice_of(gateways.customer_with_card(held_by="alpha"))
    return hold_invoice(invoice=invoice, actor=PERSON, at=NOW)


def test_two_reports_book_each_captures_fee_once(
    hold: PaymentAttempt, gateways: TwoGateways
) -> None:
    take(gateways, hold, "30.00", is_last=False)
    first = [settled(hold, "30.00", usd("0.41"))]
    assert [report(gateways, first, day=2), report(gateways, first, day=2)] == [1, 0]
    seen = PaymentAttempt.objects.get()
    assert (seen.state, seen.fee) == ("authorized", usd("0.41"))
    assert fees_booked() == {"USD": 41}

    take(gateways, hold, "69.00", is_last=True)
    second = [settled(hold, "69.00", usd("0.92"))]
    assert [report(gateways, rows, day=3) for rows in (second, first, second)] == [1, 0, 0]

    seen = PaymentAttempt.objects.get()
    assert (seen.state, seen.fee, seen.next_check_at) == ("succeeded", usd("1.33"), None)
    assert fees_booked() == {"USD": 133}
    kinds = JournalEntry.objects.filter(kind__contains="fee").values_list("kind", flat=True)
    assert list(kinds) == ["capture_fee_charged"] * 2


def test_a_fee_after_the_hold_has_ended_is_booked_too(
    hold: PaymentAttempt, gateways: TwoGateways
) -> None:
    take(gateways, hold, "30.00", is_last=False)
    take(gateways, hold, "69.00", is_last=True)

    told = []
    for day, amount, fee in ((2, "69.00", usd("0.92")), (3, "30.00", usd("0.41"))):
        report(gateways, [settled(hold, amount, fee)], day=day)
        told.append(fees_booked())

    assert told == [{"USD": 92}, {"USD": 133}]


def test_in_another_currency_each_is_kept_as_it_was_told(
    hold: PaymentAttempt, gateways: TwoGateways
) -> None:
    take(gateways, hold, "30.00", is_last=False)
    take(gateways, hold, "69.00", is_last=True)
    rows = [
        settled(hold, "30.00", Money(Decimal("0.38"), "EUR")),
        settled(hold, "69.00", Money(Decimal("0.85"), "EUR")),
    ]

    assert [report(gateways, rows[:1], day=2), report(gateways, rows, day=3)] == [1, 1]

    assert PaymentAttempt.objects.get().has_foreign_fee
    assert ForeignFee.objects.count() == 2
    assert fees_booked() == {"EUR": 123}


def test_the_database_keeps_a_captures_fee(hold: PaymentAttempt, gateways: TwoGateways) -> None:
    take(gateways, hold, "99.00", is_last=True)
    report(gateways, [settled(hold, "99.00", usd("1.12"))], day=2)

    with pytest.raises(DatabaseError, match="stays"), transaction.atomic():
        PaymentOperation.objects.update(fee=Decimal(1))


def usd(amount: str) -> Money:
    return Money(Decimal(amount), "USD")


def take(gateways: TwoGateways, hold: PaymentAttempt, amount: str, *, is_last: bool) -> None:
    """Take a part, which the gateway names by its amount."""
    done = Outcome(answer=Answer.SUCCEEDED, reference=f"c-{amount}", amount=usd(amount))
    gateways.alpha.capture = lambda _: done  # type: ignore[attr-defined]
    capture_hold(
        attempt=hold,
        amount=usd(amount),
        is_last=is_last,
        actor=PERSON,
        idempotency_key=amount,
        at=NOW,
    )


def settled(hold: PaymentAttempt, amount: str, fee: Money) -> SettledCharge:
    return SettledCharge(
        reference=hold.gateway_reference,
        our_reference=str(hold.pk),
        amount=usd(amount),
        fee=fee,
        capture=f"c-{amount}",
    )


def report(gateways: TwoGateways, rows: Sequence[SettledCharge], *, day: int) -> int:
    gateways.alpha.read_settlement = lambda _: rows  # type: ignore[attr-defined]
    return record_fees(gateway="alpha", report="r.csv", at=later(days=day))


def fees_booked() -> dict[str, int]:
    """Account 5000 by currency, once everything is posted and balances."""
    post_documents(at=later(days=400))
    assert unposted_count(at=later(days=400)) == 0
    sums = Posting.objects.order_by().values_list("currency").annotate(Sum("amount_minor"))
    assert {total for _, total in sums} == {0}
    rows = Posting.objects.filter(account__code="5000").order_by()
    found = rows.values_list("currency").annotate(sum=Sum("amount_minor"))
    return dict(found)
