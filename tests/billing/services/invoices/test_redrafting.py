"""A discarded draft's period is billed again or not charged, as it is said; and once."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from billing.errors import InvoiceNotDraft, PeriodNotBilledAgain
from billing.models import CouponRedemption, DraftBoundary, Invoice, InvoiceEvent
from billing.queries.drafts import not_charged
from billing.services.changes.plan_changes import change_plan
from billing.services.credit.coupons import CouponDetails, create_coupon, redeem_coupon
from billing.services.invoices.consolidating import set_invoicing
from billing.services.invoices.draft_review import issue_reviewed
from billing.services.invoices.redrafting import bill_again, discard_draft
from billing.services.invoices.renewal import run_billing
from subscriptions.domain.proration_policy import Timing
from subscriptions.models import Subscription
from subscriptions.services.policies import ChangeOverride
from tests.factories.accounts import make_user
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    make_customer,
    published_version,
    recurring,
    subscription_since,
)
from tests.factories.usage import use
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db
FEB_1 = datetime(2026, 2, 1, tzinfo=UTC)
FEB_2 = FEB_1 + timedelta(days=1)
FEB_15 = datetime(2026, 2, 15, tzinfo=UTC)
MAR_1 = datetime(2026, 3, 1, tzinfo=UTC)
MAR_4 = MAR_1 + timedelta(days=3)


@pytest.fixture
def draft(settings: Any) -> Invoice:
    """99.00 for February and 5.00 of usage of January, held for three days."""
    settings.INVOICE_REVIEW_DAYS = 3
    subscription = subscription_since(JAN_1)
    use(subscription.customer, 12_500, datetime(2026, 1, 15, tzinfo=UTC))
    run_billing(at=FEB_1)
    return Invoice.objects.get()


def discard(draft: Invoice, *, again: bool = False, at: datetime = FEB_2) -> Invoice:
    return discard_draft(invoice=draft, reason="Wrong", actor=TEST_ACTOR, at=at, bills_again=again)


def redraft(draft: Invoice, at: datetime = FEB_2) -> Invoice:
    (made,) = bill_again(invoice=draft, reason="Owed", actor=TEST_ACTOR, at=at)
    return made


def amounts(invoice: Invoice) -> list[tuple[str, Decimal]]:
    return [(x.kind, x.amount.amount) for x in invoice.lines.order_by("position")]


def late(draft: Invoice, quantity: int, at: datetime = FEB_2) -> None:
    used_at = datetime(2026, 1, 20, tzinfo=UTC)
    use(draft.customer, quantity, used_at, received_at=at)


def upgrade(at: datetime) -> None:
    change_plan(
        subscription=Subscription.objects.get(),
        plan_version=published_version(recurring("199.00")),
        quantity=1,
        actor=TEST_ACTOR,
        at=at,
        override=ChangeOverride(timing=Timing.IMMEDIATE),
    )


def test_billed_again_it_is_a_new_draft_of_what_is_true_now(draft: Invoice) -> None:
    late(draft, 1_000)
    details = CouponDetails(code="TEN", name="Ten", percentage=Decimal(10))
    create_coupon(details=details, at=FEB_2)
    redeem_coupon(code="TEN", customer=draft.customer, actor=TEST_ACTOR, at=FEB_2)

    discard(draft, again=True)

    made = Invoice.objects.get(state="draft")
    assert amounts(made) == [("usage", Decimal("6.30")), ("recurring", Decimal("89.10"))]
    assert (made.period_start, made.period_end) == (FEB_1, MAR_1)
    assert made.review_until == FEB_2 + timedelta(days=3)
    assert CouponRedemption.objects.get().state == "used_up"
    kinds = InvoiceEvent.objects.order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["held", "discarded", "again", "billed_again"]
    assert not not_charged().exists()


def test_the_new_draft_follows_late_usage_and_is_issued_like_any(draft: Invoice) -> None:
    discard(draft, again=True)
    late(draft, 1_000)

    assert issue_reviewed(at=FEB_2 + timedelta(days=3)) == 1
    assert Invoice.objects.get(state="open").total == Money("106.00", "USD")


def test_not_charged_it_stays_so_and_its_usage_is_closed(draft: Invoice) -> None:
    discard(draft)
    late(draft, 11_000)
    run_billing(at=MAR_1)
    issue_reviewed(at=MAR_4)

    (final,) = Invoice.objects.final()
    assert final.period_start == MAR_1
    assert amounts(final)[0] == ("usage", Decimal("2.00"))
    assert list(not_charged()) == [draft]


def test_it_can_be_billed_after_all_once_and_discarded_anew(draft: Invoice) -> None:
    discard(draft)
    made = redraft(draft)
    again = redraft(draft)
    discard(made)
    third = redraft(made)

    assert made == again
    assert third not in {made, draft}
    assert amounts(third) == [("usage", Decimal("5.00")), ("recurring", Decimal("99.00"))]
    assert Invoice.objects.filter(state="draft").count() == 1


def test_the_database_lets_no_boundary_be_billed_again_twice(draft: Invoice) -> None:
    discard(draft)
    made = redraft(draft)
    boundary = DraftBoundary.objects.get(invoice=made)
    boundary.pk = None
    boundary.invoice = draft

    with pytest.raises(IntegrityError), transaction.atomic():
        boundary.save(force_insert=True)
    twin = Invoice(
        id=uuid4(),
        customer=draft.customer,
        subscription=draft.subscription,
        kind="period",
        currency="USD",
        period_start=FEB_1,
        period_end=MAR_1,
        idempotency_key="twin",
    )
    with pytest.raises(IntegrityError, match="once_per_subscription"), transaction.atomic():
        twin.save(force_insert=True)


def test_an_issued_one_or_one_of_no_period_is_refused(draft: Invoice) -> None:
    with pytest.raises(PeriodNotBilledAgain):
        redraft(draft)
    assert Invoice.objects.count() == 1


def test_after_a_change_of_plan_only_the_time_before_it_is_charged(draft: Invoice) -> None:
    discard(draft)
    upgrade(FEB_15)

    made = redraft(draft, FEB_15)

    assert amounts(made) == [("usage", Decimal("5.00")), ("recurring", Decimal("49.50"))]
    change = Invoice.objects.get(kind="change")
    assert amounts(change) == [("proration_charge", Decimal("99.50"))]


def test_once_its_time_was_given_back_it_is_issued_not_discarded(draft: Invoice) -> None:
    upgrade(FEB_15)

    with pytest.raises(InvoiceNotDraft):
        discard(draft, at=FEB_15)
    draft.refresh_from_db()
    assert draft.state == "open"


def test_one_invoice_for_several_is_drafted_anew_as_one(settings: Any) -> None:
    settings.INVOICE_REVIEW_DAYS = 3
    customer = make_customer()
    set_invoicing(
        customer=customer, currency="USD", is_consolidated=True, actor=TEST_ACTOR, at=JAN_1
    )
    for amount in ("10.00", "20.00"):
        version = published_version(recurring(amount))
        subscription_since(JAN_1, customer=customer, version=version)
    run_billing(at=FEB_1)
    discard(Invoice.objects.get(), again=True)

    made = Invoice.objects.get(state="draft")
    assert [a for _, a in amounts(made)] == [Decimal("10.00"), Decimal("20.00")]
    assert made.parts.filter(counts=True).count() == 2


def test_staff_say_which_on_the_page_and_go_back_on_it(client: Client, draft: Invoice) -> None:
    client.force_login(make_user(Role.FINANCE))

    form = client.get(f"/invoices/{draft.pk}/").content.decode()
    client.post(f"/invoices/{draft.pk}/discarding/", {"reason": "Free month", "period": "never"})
    drafts = client.get("/drafts/").content.decode()
    page = client.get(f"/invoices/{draft.pk}/").content.decode()
    client.post(f"/invoices/{draft.pk}/redrafting/", {"reason": "Not free"})
    after = client.get(f"/invoices/{draft.pk}/").content.decode()

    assert "is billed again: a new draft is written now" in form
    assert "Discarded, their period not charged" in drafts
    assert "It is not charged." in page
    assert "It is billed again:" in after
    assert Invoice.objects.filter(state="draft").count() == 1


def test_support_bills_no_period_again(client: Client, draft: Invoice) -> None:
    discard(draft)
    client.force_login(make_user(Role.SUPPORT))

    assert client.post(f"/invoices/{draft.pk}/redrafting/", {"reason": "x"}).status_code == 403
