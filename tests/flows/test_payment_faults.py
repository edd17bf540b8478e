"""Faults, kills and crowds: nobody is charged twice, and what can be collected is collected."""

import random
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context

import pytest
from django.db import connection, connections

from billing.errors import PaymentHeld
from billing.gateways.http import http_client
from billing.gateways.stripe_client import client_for
from billing.models import Invoice, Payment, PaymentAttempt, PaymentLimit, PaymentReview
from billing.services.payments.charging import charge_invoice
from billing.services.payments.checkout import confirm_payment, open_payment_page
from billing.services.payments.collection import collect_due
from billing.services.payments.reconciling import reconcile_attempts
from tests.factories.billing import open_invoice
from tests.factories.subscriptions import make_customer, published_version, recurring
from tests.gateway_world import GatewayWorld, customer_with
from tests.stripe_world import NOW, PERSON, first_invoice_of, invoice_of, later
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import TikTokToeError

pytestmark = pytest.mark.django_db(transaction=True)

FAULTS = [
    "reset_before",
    "reset_after",
    "http_500_before",
    "http_500_after",
    "http_429",
    "hang_after",
]


def test_under_random_faults_each_customer_is_charged_exactly_once(world: GatewayWorld) -> None:
    invoices = _invoices(world, 14)
    for seed, mode in enumerate(FAULTS):
        world.control.add_fault(world.charges, mode, times=2, probability=0.4, seed=seed, seconds=3)

    collect_due(at=NOW, workers=4)
    _let_time_pass(world, hours=12)
    world.control.clear_faults()
    _let_time_pass(world, hours=48)

    _assert_charged_once(world, invoices)


def test_killed_workers_neither_double_nor_lose_a_payment(world: GatewayWorld) -> None:
    chance = random.Random(1)
    invoices: list[Invoice] = []
    world.control.add_fault(world.charges, "slow", times=100, seconds=0.15)

    for _ in range(2):
        under_way = PaymentAttempt.objects.filter(state__in=["dispatched", "unknown"]).count()
        invoices += _invoices(world, 8)
        _collect_and_kill(after_seconds=chance.uniform(0.05, 0.4))
        killed = PaymentAttempt.objects.filter(state__in=["dispatched", "unknown"]).count()
        assert killed > under_way, "the kill must hit payments on their way"
    world.control.clear_faults()
    _let_time_pass(world, hours=48)

    _assert_charged_once(world, invoices)


def test_passes_at_the_same_time_charge_each_invoice_once(world: GatewayWorld) -> None:
    invoices = _invoices(world, 12)

    _at_once([lambda: collect_due(at=NOW, workers=2)] * 4)

    _assert_charged_once(world, invoices)
    assert PaymentAttempt.objects.count() == 12


def test_many_clicks_at_once_open_one_page_and_pay_once(world: GatewayWorld) -> None:
    invoice = first_invoice_of(make_customer())
    at = now()

    results = _at_once(
        [lambda: open_payment_page(gateway=world.name, invoice=invoice, actor=PERSON, at=at)] * 8
    )

    addresses = {result for result in results if isinstance(result, str)}
    assert len(addresses) == 1
    assert PaymentAttempt.objects.count() == 1
    world.pay_on_page(addresses.pop())
    payment = Payment.objects.get()
    _at_once([lambda: confirm_payment(payment=payment, actor=PERSON, at=at)] * 4)
    _assert_charged_once(world, [invoice])


def test_many_clicks_at_once_on_what_a_person_looks_at_first_open_no_page(
    world: GatewayWorld,
) -> None:
    PaymentLimit.objects.create(currency="USD", maximum="98.99")
    invoice = first_invoice_of(make_customer())
    at = now()

    results = _at_once(
        [lambda: open_payment_page(gateway=world.name, invoice=invoice, actor=PERSON, at=at)] * 8
    )

    assert {type(result) for result in results} == {PaymentHeld}
    review = PaymentReview.objects.get()
    assert (review.state, review.payment) == ("open", Payment.objects.get())
    assert not PaymentAttempt.objects.exists()


def test_two_pages_at_once_do_not_pass_the_limit_of_a_day_together(world: GatewayWorld) -> None:
    PaymentLimit.objects.create(currency="USD", daily_maximum="150.00")
    customer, at = make_customer(), now()
    invoices = [
        open_invoice(NOW, customer=customer, version=published_version(recurring(amount="99.00")))
        for _ in range(4)
    ]

    results = _at_once(
        [
            partial(open_payment_page, gateway=world.name, invoice=invoice, actor=PERSON, at=at)
            for invoice in invoices
        ]
    )

    assert sorted(type(result).__name__ for result in results) == ["PaymentHeld"] * 3 + ["str"]
    assert PaymentAttempt.objects.count() == 1
    assert PaymentReview.objects.filter(state="open").count() == 3


def test_a_click_and_the_schedule_at_once_charge_once(world: GatewayWorld) -> None:
    invoice = first_invoice_of(customer_with(world))

    _at_once(
        [
            lambda: charge_invoice(invoice=invoice, actor=PERSON, at=NOW),
            lambda: collect_due(at=NOW),
            lambda: charge_invoice(invoice=invoice, actor=PERSON, at=NOW),
        ]
    )

    _assert_charged_once(world, [invoice])


def _invoices(world: GatewayWorld, count: int) -> list[Invoice]:
    return [invoice_of(customer_with(world)) for _ in range(count)]


def _let_time_pass(world: GatewayWorld, *, hours: int) -> None:
    """What the schedule does, hour after hour; the first hour minute by minute."""
    instants = [later(minutes=minute) for minute in (1, 2, 4, 8, 15, 30)]
    for at in [*instants, *(later(hours=hour) for hour in range(1, hours, 3))]:
        world.deliver()
        reconcile_attempts(at=at)
        collect_due(at=at)


def _assert_charged_once(world: GatewayWorld, invoices: Iterable[Invoice]) -> None:
    for invoice in invoices:
        invoice.refresh_from_db()
        assert world.charged(invoice) == [9900], f"{invoice} at the gateway"
        assert invoice.state == "paid"
        succeeded = PaymentAttempt.objects.filter(payment__invoice=invoice, state="succeeded")
        assert succeeded.count() == 1
    assert not PaymentAttempt.objects.filter(state__in=["dispatched", "unknown"]).exists()


def _collect_and_kill(*, after_seconds: float) -> None:
    before = PaymentAttempt.objects.count()
    worker = get_context("fork").Process(target=_collect)
    worker.start()
    _await_attempts(more_than=before)
    time.sleep(after_seconds)
    worker.kill()
    worker.join()


def _collect() -> None:
    """The task, in a process that has nothing of its parent's on the wire."""
    for inherited in connections.all():
        inherited.connection = None  # the parent's, and not ours to close
    client_for.cache_clear()
    http_client.cache_clear()
    collect_due(at=later(seconds=1), workers=2)


def _await_attempts(*, more_than: int) -> None:
    """On a busy machine the worker takes its time until it has written attempts down."""
    deadline = time.monotonic() + 20
    while PaymentAttempt.objects.count() <= more_than and time.monotonic() < deadline:
        time.sleep(0.02)


def _at_once(calls: list[Callable[[], object]]) -> list[object]:
    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(_refusals_as_results, calls))


def _refusals_as_results(call: Callable[[], object]) -> object:
    try:
        return call()
    except TikTokToeError as refusal:
        return refusal
    finally:
        connection.close()
