"""Drafts of a run are held for people: shown with what changed, changed by hand, issued in time."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.test import Client, override_settings

from billing.errors import ChargeInvalid, InvoiceNotDraft
from billing.models import CouponRedemption, Invoice, InvoiceEvent, InvoiceLine
from billing.queries.credit_balance import credit_of
from billing.queries.drafts import drafts_seen
from billing.services.changes.cancelling import CancelWhen, cancel_subscription
from billing.services.changes.plan_changes import change_plan
from billing.services.credit.coupons import CouponDetails, create_coupon, redeem_coupon
from billing.services.invoices.draft_edits import add_draft_line, remove_draft_line
from billing.services.invoices.draft_review import finalize_invoice, issue_all, issue_reviewed
from billing.services.invoices.invoicing import bill_start
from billing.services.invoices.one_off import ChargeLine
from billing.services.invoices.redrafting import discard_draft
from billing.services.invoices.renewal import run_billing
from finance.queries import unposted_count
from finance.services.posting import post_documents
from subscriptions.domain.proration_policy import Timing
from subscriptions.models import Subscription
from subscriptions.services.policies import ChangeOverride
from tests.billing.services.invoices.test_one_off import taxed
from tests.factories.accounts import make_user
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    make_customer,
    published_version,
    recurring,
    subscription_since,
)
from tests.shared_world import shared_world
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db
FEB_1 = datetime(2026, 2, 1, tzinfo=UTC)
FEB_4 = FEB_1 + timedelta(days=3)
EXTRA = ChargeLine(description="Migration", quantity=Decimal(2), unit_price=Decimal("50.00"))


def subscribed() -> Subscription:
    """A subscription of 30.00 a month, taxed."""
    taxed()
    version = published_version(recurring("30.00", charge_model="per_unit"), currency="EUR")
    customer = make_customer(country="DE", currency="EUR")
    subscription = subscription_since(JAN_1, customer=customer, version=version)
    bill_start(subscription=subscription, at=JAN_1)
    return subscription


@pytest.fixture
def held(settings: Any) -> Subscription:
    """One whose invoices are held for three days."""
    settings.INVOICE_REVIEW_DAYS = 3
    return subscribed()


def drafted() -> Invoice:
    run_billing(at=FEB_1)
    return Invoice.objects.get(period_start=FEB_1)


@override_settings(INVOICE_REVIEW_DAYS=3)
def arrange() -> tuple[Subscription, Invoice]:
    return subscribed(), drafted()


arranged = shared_world(arrange)


@pytest.fixture
def waiting(arranged: tuple[Subscription, Invoice], settings: Any) -> tuple[Subscription, Invoice]:
    """The same with its draft of February, which waits."""
    settings.INVOICE_REVIEW_DAYS = 3
    return arranged


def add(draft: Invoice, **changes: Any) -> InvoiceLine:
    given = {"invoice": draft, "line": EXTRA, "reason": "As agreed", **changes}
    return add_draft_line(actor=TEST_ACTOR, at=FEB_1, **given)


def test_a_run_leaves_drafts_and_issues_them_when_the_days_are_over(
    waiting: tuple[Subscription, Invoice],
) -> None:
    _, draft = waiting
    early = issue_reviewed(at=FEB_4 - timedelta(seconds=1))
    issued = issue_reviewed(at=FEB_4)
    final = Invoice.objects.get(period_start=FEB_1)
    post_documents(at=FEB_4)

    assert (draft.state, draft.number, draft.review_until) == ("draft", None, FEB_4)
    assert (early, issued) == (0, 1)
    assert (final.state, final.number) == ("open", "INV-000002")
    assert final.due_at == FEB_4 + timedelta(days=14)
    assert unposted_count(at=FEB_4) == 0


def test_the_subscription_goes_on_while_its_draft_waits(held: Subscription) -> None:
    drafted()
    run_billing(at=datetime(2026, 3, 1, tzinfo=UTC))

    assert Invoice.objects.filter(state="draft").count() == 2


def test_a_line_by_hand_is_taxed_with_the_rest_and_kept_with_its_reason(
    waiting: tuple[Subscription, Invoice],
) -> None:
    _, draft = waiting
    add(draft)
    final = finalize_invoice(invoice=draft, at=FEB_4)

    assert final.total == Money("154.70", "EUR")
    event = InvoiceEvent.objects.get(kind="line_added")
    assert (event.reason, event.actor, event.details["amount"]) == ("As agreed", "test", "100.00")


def test_it_can_be_removed_again_and_nothing_else_can(
    waiting: tuple[Subscription, Invoice],
) -> None:
    _, draft = waiting
    line = add(draft)
    fee = draft.lines.get(position=1)

    with pytest.raises(ChargeInvalid, match="only what somebody wrote"):
        remove_draft_line(invoice=draft, line_id=fee.pk, reason="no", actor=TEST_ACTOR, at=FEB_1)
    remove_draft_line(
        invoice=draft, line_id=line.pk, reason="A mistake", actor=TEST_ACTOR, at=FEB_1
    )

    draft.refresh_from_db()
    assert draft.total == Money("35.70", "EUR")
    assert draft.lines.count() == 1


def test_a_final_invoice_takes_no_line_and_no_reason_is_no_change(
    waiting: tuple[Subscription, Invoice],
) -> None:
    _, draft = waiting
    with pytest.raises(ChargeInvalid, match="say why"):
        add(draft, reason=" ")
    finalize_invoice(invoice=draft, at=FEB_1)
    with pytest.raises(InvoiceNotDraft):
        add(draft)

    assert Invoice.objects.get(period_start=FEB_1).total == Money("35.70", "EUR")


def test_discarded_it_is_never_issued_and_gives_its_coupon_back(held: Subscription) -> None:
    details = CouponDetails(code="ONCE", name="Once", percentage=Decimal(50))
    create_coupon(details=details, at=JAN_1)
    redeem_coupon(code="ONCE", customer=held.customer, actor=TEST_ACTOR, at=JAN_1)
    draft = drafted()
    used = CouponRedemption.objects.get().state

    discard_draft(invoice=draft, reason="Free month", actor=TEST_ACTOR, at=FEB_1)
    issued = issue_reviewed(at=FEB_4)
    run_billing(at=FEB_4)

    assert used == "used_up"
    assert CouponRedemption.objects.get().state == "active"
    assert issued == 0
    assert Invoice.objects.get(period_start=FEB_1).state == "discarded"
    with pytest.raises(InvoiceNotDraft):
        finalize_invoice(invoice=draft, at=FEB_4)


def test_the_database_keeps_what_was_discarded_and_what_happened(held: Subscription) -> None:
    draft = discard_draft(invoice=drafted(), reason="x", actor=TEST_ACTOR, at=FEB_1)

    with pytest.raises(DatabaseError, match="cannot move"), transaction.atomic():
        Invoice.objects.filter(pk=draft.pk).update(state="draft")
    with pytest.raises(DatabaseError, match="is final"), transaction.atomic():
        Invoice.objects.filter(pk=draft.pk).update(total=1, subtotal=1, tax=0)
    with pytest.raises(DatabaseError, match="refused"), transaction.atomic():
        InvoiceEvent.objects.all().delete()


def test_the_page_says_what_changed_since_the_period_before_and_why(held: Subscription) -> None:
    at = datetime(2026, 1, 31, 12, tzinfo=UTC)
    change_plan(
        subscription=held, plan_version=held.plan_version, quantity=3, actor=TEST_ACTOR, at=at,
        override=ChangeOverride(timing=Timing.PERIOD_END),
    )  # fmt: skip
    draft = drafted()
    add(draft)

    (seen,) = drafts_seen([draft])

    assert seen.before is not None
    found = [(c.description, c.difference.amount, c.why) for c in seen.changes]
    assert found == [
        ("Migration", Decimal(100), "new"),
        ("Team: Base fee", Decimal(60), "quantity 1 → 3"),
    ]


def test_all_of_a_page_are_issued_at_once_and_each_once(
    waiting: tuple[Subscription, Invoice],
) -> None:
    _, draft = waiting
    assert issue_all(ids=[draft.pk], at=FEB_1) == 1
    assert issue_all(ids=[draft.pk], at=FEB_1) == 0


def test_staff_look_change_and_issue_on_pages(
    client: Client, waiting: tuple[Subscription, Invoice]
) -> None:
    _, draft = waiting
    client.force_login(make_user(Role.FINANCE))
    typed = {"description": "Migration", "unit_price": "100", "reason": "As agreed"}

    page = client.get("/drafts/").content.decode()
    client.post(f"/invoices/{draft.pk}/draft-lines/", typed)
    detail = client.get(f"/invoices/{draft.pk}/").content.decode()
    client.post("/drafts/issuing/", {"draft": [str(draft.pk), "no id"]})

    assert "€35.70" in page
    assert "Migration" in detail
    assert "As agreed" in detail
    assert Invoice.objects.get(period_start=FEB_1).total == Money("154.70", "EUR")


def test_support_looks_and_changes_nothing(
    client: Client, waiting: tuple[Subscription, Invoice]
) -> None:
    _, draft = waiting
    client.force_login(make_user(Role.SUPPORT))

    assert client.get("/drafts/").status_code == 200
    for path in ("draft-lines", "discarding"):
        assert client.post(f"/invoices/{draft.pk}/{path}/", {}).status_code == 403
    assert client.post("/drafts/issuing/", {"draft": str(draft.pk)}).status_code == 403


def test_time_of_a_discarded_draft_is_not_given_back(held: Subscription) -> None:
    discard_draft(invoice=drafted(), reason="Agreed", actor=TEST_ACTOR, at=FEB_1)

    done = cancel_subscription(
        subscription=held, actor=TEST_ACTOR, at=FEB_1.replace(day=10, hour=9)
    )

    assert done.notes == ()
    assert credit_of(held.customer_id, "EUR") == Money(0, "EUR")


def test_a_draft_whose_time_is_given_back_is_issued_first(
    waiting: tuple[Subscription, Invoice],
) -> None:
    held, draft = waiting
    done = cancel_subscription(subscription=held, actor=TEST_ACTOR, at=FEB_1.replace(day=2, hour=9))

    draft.refresh_from_db()
    assert (draft.state, draft.total) == ("open", Money("35.70", "EUR"))
    # 26 of 28 days, with 19 %.
    assert [note.total for note in done.notes] == [Money("33.15", "EUR")]
    assert draft.amount_due == Money("2.55", "EUR")


def test_what_ends_while_its_draft_is_looked_at_ends_all_the_same(held: Subscription) -> None:
    cancel_subscription(
        subscription=held,
        when=CancelWhen.ON_DAY,
        on=FEB_1.replace(day=2).date(),
        actor=TEST_ACTOR,
        at=JAN_1.replace(day=10),
    )
    drafted()

    run = run_billing(at=FEB_4)

    held.refresh_from_db()
    assert (run.failure_count, held.state) == (0, "canceled")


def test_a_change_counts_the_time_of_a_draft_that_is_issued_with_it(
    waiting: tuple[Subscription, Invoice],
) -> None:
    held, draft = waiting
    done = change_plan(
        subscription=held,
        plan_version=held.plan_version,
        quantity=3,
        actor=TEST_ACTOR,
        at=FEB_1.replace(day=2, hour=9),
    )

    draft.refresh_from_db()
    assert draft.state == "open"
    assert done.invoice is not None
    # 3 times 30.00 less 30.00, for 27 of 28 days.
    assert done.invoice.subtotal == Money("57.86", "EUR")
