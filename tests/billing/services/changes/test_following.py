"""The invoice after a change is shown before it is made, and is then what comes; nothing stays."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from unittest.mock import Mock, patch

import pytest

from billing.models import CouponUse, CreditNote, Invoice, PlanChange
from billing.services.changes.cancelling import CancelWhen, cancel_subscription
from billing.services.changes.following import invoice_after
from billing.services.changes.pausing import pause
from billing.services.changes.plan_changes import change_plan
from billing.services.credit import giving_back
from billing.services.credit.coupons import CouponDetails, create_coupon, redeem_coupon
from billing.services.invoices.draft_parts import DraftInvoice
from billing.services.invoices.invoicing import preview_next_invoice
from billing.services.invoices.renewal import run_billing
from subscriptions.domain.proration_policy import Timing
from subscriptions.models import Customer, Subscription, SubscriptionTransition, UsageClosing
from subscriptions.services.policies import ChangeOverride
from tests.factories.lifecycle import begin, fee_of
from tests.factories.subscriptions import JAN_1, TEST_ACTOR, per_call
from tests.factories.usage import use
from tiktoktoe.kernel.money import Money
from tiktoktoe.kernel.rehearsal import WhatHappened, rehearsing

pytestmark = pytest.mark.django_db
Act = Callable[[], object]
FEB_6 = datetime(2026, 2, 6, 12, tzinfo=UTC)
FEB_28 = datetime(2026, 2, 28, tzinfo=UTC)


def with_a_capped_coupon(customer: Customer) -> None:
    details = CouponDetails(
        code="CAP",
        name="Capped",
        percentage=Decimal(50),
        monthly_cap=Money("20.00", "USD"),
        duration="forever",
    )
    create_coupon(details=details, at=JAN_1)
    redeem_coupon(code="CAP", customer=customer, actor=TEST_ACTOR, at=JAN_1)


def changed_to(fee: str, subscription: Subscription, timing: Timing, quantity: int = 1) -> Act:
    return partial(
        change_plan,
        subscription=subscription,
        plan_version=fee_of(fee, timing=subscription.plan_version.prices.get().timing),
        quantity=quantity,
        actor=TEST_ACTOR,
        at=FEB_6,
        override=ChangeOverride(timing=timing),
    )


def derivations(draft: DraftInvoice | None) -> list[object]:
    return [line.derivation.to_json() for line in draft.lines] if draft else []


def written() -> list[int]:
    return [
        Invoice.objects.count(),
        CreditNote.objects.count(),
        PlanChange.objects.count(),
        CouponUse.objects.count(),
        SubscriptionTransition.objects.count(),
    ]


def test_what_a_change_takes_of_a_coupon_is_gone_for_the_invoice_after_it() -> None:
    """The change has used up February's 20.00; of 62.00 nothing is taken off before March."""
    subscription = begin(fee_of("31.00"), "2026-01-31")
    with_a_capped_coupon(subscription.customer)
    act = changed_to("62.00", subscription, Timing.IMMEDIATE)
    before = written()

    shown = invoice_after(act, subscription=subscription)

    assert written() == before
    assert shown is not None
    assert shown.totals.total.amount == 62
    act()
    run_billing(at=FEB_28)
    billed = Invoice.objects.get(subscription=subscription, kind="period", created_at=FEB_28)
    assert billed.total == shown.totals.total
    assert derivations(shown) == [x.derivation for x in billed.lines.order_by("position")]


@pytest.mark.parametrize("timing", ["advance", "arrears"])
@pytest.mark.parametrize("what", ["upgrade", "downgrade", "later", "pause", "end"])
def test_any_change_shows_the_invoice_that_is_shown_once_it_is_made(what: str, timing: str) -> None:
    subscription = begin(fee_of("31.00", timing=timing), "2026-01-31")
    common = {"subscription": subscription, "actor": TEST_ACTOR, "at": FEB_6}
    acts: dict[str, Act] = {
        "upgrade": changed_to("62.00", subscription, Timing.IMMEDIATE, 3),
        "downgrade": changed_to("15.50", subscription, Timing.IMMEDIATE),
        "later": changed_to("15.50", subscription, Timing.PERIOD_END),
        "pause": partial(pause, **common, at_period_end=True),  # type: ignore[arg-type]
        "end": partial(cancel_subscription, **common, when=CancelWhen.PERIOD_END),  # type: ignore[arg-type]
    }
    shown = invoice_after(acts[what], subscription=subscription)

    acts[what]()

    after = preview_next_invoice(subscription=subscription)
    assert derivations(shown) == derivations(after)
    assert bool(shown) == (timing == "arrears" or what not in {"pause", "end"})


def test_what_is_refused_or_ends_at_once_has_no_invoice_after_it() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-31")
    same = partial(
        change_plan,
        subscription=subscription,
        plan_version=subscription.plan_version,
        quantity=1,
        actor=TEST_ACTOR,
        at=FEB_6,
    )
    now = partial(cancel_subscription, subscription=subscription, actor=TEST_ACTOR, at=FEB_6)

    assert invoice_after(same, subscription=subscription) is None
    assert invoice_after(now, subscription=subscription) is None
    subscription.refresh_from_db()
    assert subscription.state == "active"


def test_nothing_is_sent_to_a_gateway_and_nothing_said_of_it() -> None:
    note = Mock(to_refund=Money("5.00", "USD"))
    record = logging.makeLogRecord({"levelno": logging.INFO})
    heard = WhatHappened()
    with patch.object(giving_back, "refund_credit_note") as send:
        with rehearsing():
            giving_back.refund_notes([note], actor=TEST_ACTOR, at=FEB_6)
            assert not heard.filter(record)
        send.assert_not_called()
        giving_back.refund_notes([note], actor=TEST_ACTOR, at=FEB_6)
        send.assert_called()
    assert heard.filter(record)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("what", ["change", "end"])
def test_usage_is_not_closed_and_nobody_who_sends_some_is_held_up(what: str) -> None:
    """Closing usage commits by itself, which the rehearsal could not undo."""
    first, second = (fee_of(fee, "lago", per_call("1.00", included="0")) for fee in ("31", "62"))
    subscription = begin(first, "2026-01-31")
    use(subscription.customer, 7, FEB_6)
    common = {"subscription": subscription, "actor": TEST_ACTOR, "at": FEB_6}
    acts: dict[str, Act] = {
        "change": partial(change_plan, **common, plan_version=second, quantity=1),  # type: ignore[arg-type]
        "end": partial(cancel_subscription, **common),  # type: ignore[arg-type]
    }

    shown = invoice_after(acts[what], subscription=subscription)

    assert not UsageClosing.objects.exists()
    acts[what]()
    assert UsageClosing.objects.exists()
    assert derivations(shown) == derivations(preview_next_invoice(subscription=subscription))
    assert bool(shown) == (what == "change")
