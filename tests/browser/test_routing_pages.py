"""Pages of routing in Chromium: flight recorder, editor, monitor, review, unknown outcomes."""

import os
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from pytest_django.live_server_helper import LiveServer

from billing.domain.attempts import Answer
from billing.domain.declines import DeclineClass
from billing.gateways.base import Outcome
from billing.models import OutcomeClaim, Payment, ProcessorFeeRule, RoutingPolicy, RoutingRule
from billing.services.payments.charging import charge_invoice
from billing.services.payments.corrections import propose_correction
from billing.services.payments.holds import hold_invoice
from billing.services.payments.payment_events import record_event
from billing.services.payments.refunds import refund_payment
from billing.services.payments.routing_policies import draft_policy
from billing.services.payments.settling import settle_attempt
from billing.services.payments.unknowns import claim_outcome
from subscriptions.models import Customer
from subscriptions.services.transitions import Actor
from tests.browser.reader import DESKTOP, PHONE, Reader
from tests.factories.accounts import make_user
from tests.scripted_gateway import CARDS, LOST, TwoGateways, declined, gateways
from tests.stripe_world import NOW, PERSON, first_invoice_of, later
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict
from tiktoktoe.kernel.money import Money

__all__ = ["gateways"]  # fixture
pytestmark = pytest.mark.django_db(transaction=True)

PICTURES = os.environ.get("PICTURES", "")
SHOWN = {"unknown": "Holds past their date"}


def _charge(gateways: TwoGateways, *, customer: Customer | None = None) -> Payment:
    invoice = first_invoice_of(customer or gateways.customer_with_card())
    with suppress(Conflict):
        charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    return Payment.objects.latest("created_at", "id")


def test_pages_of_routing_are_good_pages(
    gateways: TwoGateways, live_server: LiveServer, finance_reader: Reader
) -> None:
    gateways.alpha.script = [declined(DeclineClass.TECHNICAL)]
    paid = _charge(gateways)
    gateways.alpha.script = [LOST]
    _charge(gateways)
    fraud = gateways.customer_with_card(held_by="alpha")
    gateways.alpha.script = [declined(DeclineClass.FRAUD)]
    failed = _charge(gateways, customer=fraud)
    with suppress(Conflict):
        charge_invoice(invoice=failed.invoice, actor=PERSON, at=NOW)
    _cost_more_than_expected(paid)
    _lose_a_refund(gateways, paid)
    _contradict(failed)
    _hold_until_past_its_date(gateways)
    draft = draft_policy(user=make_user(), at=NOW)
    RoutingRule.objects.create(
        policy=draft, position=1, name="all to beta", effect="only", gateways=["beta"]
    )

    for name, path in {
        "flight-recorder": f"/payments/{paid.pk}/flight-recorder/?policy=2",
        "routing": "/payments/routing/",
        "routing-draft": "/payments/routing/2/",
        "routing-active": "/payments/routing/1/",
        "monitor": "/payments/monitor/?hours=168",
        "reviews": "/payments/reviews/",
        "unknown": "/payments/unknown/",
    }.items():
        finance_reader.audit(path, shows=SHOWN.get(name, ""))
        _picture(finance_reader, name)


def _lose_a_refund(gateways: TwoGateways, payment: Payment) -> None:
    """Two that are not known; of one somebody has said what became of it."""
    gateways.beta.refund = lambda _: LOST  # type: ignore[attr-defined]
    gateways.beta.find_refund = lambda **_: LOST  # type: ignore[attr-defined]
    refunds = [
        refund_payment(
            payment=payment,
            amount=Money("7.00", "USD"),
            reason="asked",
            actor=PERSON,
            idempotency_key=key,
            at=NOW,
        )
        for key in ("one", "two")
    ]
    claim_outcome(
        target=refunds[0],
        verdict=OutcomeClaim.Verdict.EXECUTED,
        reference="re-1",
        proof="statement of 2 January",
        reason="asked",
        actor=Actor(source="finance", user=make_user()),
        at=later(days=2),
    )


def _hold_until_past_its_date(gateways: TwoGateways) -> None:
    """For a week, long ago, and the gateway has not said what became of it."""
    gateways.alpha.capabilities = replace(CARDS, authorization_lasts=timedelta(days=7))
    invoice = first_invoice_of(gateways.customer_with_card(held_by="alpha"))
    hold_invoice(invoice=invoice, actor=PERSON, at=NOW)


def _contradict(payment: Payment) -> None:
    """A gateway says that it has taken what it had declined, and something that nobody can move."""
    attempt = payment.attempts.latest("sequence")
    taken = Outcome(answer=Answer.SUCCEEDED, reference="ch-late", amount=payment.amount)
    settle_attempt(attempt=attempt, outcome=taken, actor=PERSON, at=NOW)
    event = payment.events.get(event="gateway_contradicts")
    person = Actor(source="finance", user=make_user())
    propose_correction(contradiction=event, actor=person, note="written to the gateway", at=NOW)
    details = {"reversal": "re-9", "taken_back": "5.00"}
    record_event(
        payment=payment,
        attempt=attempt,
        event="gateway_contradicts",
        actor=PERSON,
        at=NOW,
        details=details,
    )


def _cost_more_than_expected(payment: Payment) -> None:
    ProcessorFeeRule.objects.create(
        gateway="beta",
        kind="card",
        currency="USD",
        share_bps=Decimal(150),
        dispute_fee=Decimal(15),
        settle_days=2,
        valid_from=NOW.date() - timedelta(days=30),
        source="a price list",
    )
    cost = {"fee": Decimal("1.60"), "fee_expected": Decimal("1.49")}
    segment = "card/USD/domestic/off_session"
    paid = payment.attempts.filter(state="succeeded")
    assert paid.update(segment=segment, dispatched_at=now(), resolved_at=now(), **cost)


def test_a_draft_is_put_in_force_by_hand(
    gateways: TwoGateways, live_server: LiveServer, finance_reader: Reader
) -> None:
    _charge(gateways)
    page = finance_reader.open("/payments/routing/")

    page.get_by_role("button", name="New version").click()
    page.get_by_label("Name").fill("beta for all")
    page.get_by_label("Effect").select_option("only")
    page.get_by_label("Gateways").fill("beta")
    page.get_by_role("button", name="Add the rule").click()
    page.get_by_text("1 would have gone elsewhere").wait_for()
    page.get_by_role("button", name="Put in force…").click()
    page.get_by_role("dialog").get_by_role("button", name="Put in force").click()

    page.get_by_text("Payments are routed by version 2 from now on.").wait_for()
    assert RoutingPolicy.objects.get(state="active").version == 2


def _picture(reader: Reader, name: str) -> None:
    """Keep pictures when a folder is asked for: PICTURES=folder pytest …"""
    if not PICTURES:
        return
    for size, suffix in ((DESKTOP, "desktop"), (PHONE, "phone")):
        reader.page.set_viewport_size(size)  # type: ignore[arg-type]
        for colours in ("light", "dark"):
            reader.page.emulate_media(color_scheme=colours)
            reader.page.reload()
            file = Path(PICTURES) / f"{name}-{suffix}-{colours}.png"
            reader.page.screenshot(path=str(file), full_page=True)
