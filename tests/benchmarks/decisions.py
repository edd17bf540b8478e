"""How long a decision takes when a million outcomes are recorded, and how fast they are counted.

`run()` needs Django set up on a migrated database, to which it adds payments: give it one of
its own. A decision is everything from the first query (policy, gateways, breakers, fees,
statistics, the customer's methods, tokens, declines) to the kept row, in one transaction.
"""

from collections.abc import Callable
from datetime import timedelta
from statistics import median
from time import perf_counter
from unittest.mock import patch

from django.db import connection, transaction
from django.test import override_settings

from billing.gateways import registry
from billing.models import Invoice, OutcomeStatistic, Payment
from billing.services.payments.outcomes import count_outcomes
from billing.services.payments.strategy import Route, find_route, load_pool
from tests.scripted_gateway import TwoGateways
from tests.stripe_world import NOW, first_invoice_of
from tiktoktoe.kernel.ids import uuid7

OUTCOMES = 1_000_000
PAYMENTS = 40
SEGMENTS = 8
DECISIONS = 500
Say = Callable[[str], object]

_ATTEMPTS = """
    INSERT INTO billing_paymentattempt (
        id, payment_id, sequence, gateway, channel, state, idempotency_key, gateway_reference,
        gateway_session, action_url, saves_method, decline_class, decline_code, message, currency,
        is_fallback, segment, is_counted, sends, checks, dispatched_at, resolved_at,
        is_hold, amount_authorized, amount_captured, authentication, is_on_session,
        has_foreign_fee
    )
    SELECT gen_random_uuid(), %(payment)s, n, CASE n %% 2 WHEN 0 THEN 'alpha' ELSE 'beta' END,
           'stored_method', CASE n %% 10 WHEN 0 THEN 'declined' ELSE 'abandoned' END,
           %(payment)s || ':' || n, '', '', '', false,
           CASE n %% 10 WHEN 0 THEN 'technical' ELSE '' END, '', '', 'USD', false,
           'segment ' || n %% %(segments)s, false, 1, 0, %(at)s, %(at)s,
           false, 0, 0, '{}', false, false
    FROM generate_series(1, %(count)s) AS n
"""


def run(say: Say = print) -> dict[str, float]:
    """Measure, tell, and give the figures: seconds, and outcomes a second."""
    two = TwoGateways()
    named = {"alpha": two.alpha, "beta": two.beta}
    terms = {name: {"kind": "scripted"} for name in named}
    with (
        override_settings(GATEWAYS=terms),
        patch.object(registry, "_made", lambda name, _terms: named[name]),
    ):
        return _measure(two, say)


def _measure(two: TwoGateways, say: Say) -> dict[str, float]:
    invoice = first_invoice_of(two.customer_with_card())
    empty = _decisions(invoice)
    _record_outcomes(invoice)
    started = perf_counter()
    counted = count_outcomes(at=NOW)
    rate = counted / (perf_counter() - started)
    full = _decisions(invoice)
    p50, p95 = median(full), sorted(full)[int(len(full) * 0.95)]
    before = sorted(empty)[int(len(empty) * 0.95)]
    cells = OutcomeStatistic.objects.count()
    say(f"routing, {counted:,} outcomes counted into {cells} cells: {rate:,.0f} outcomes/s")
    say(f"routing, decision with none recorded: p95 {before * 1000:.1f} ms")
    say(f"routing, decision with {counted:,} recorded: p50 {p50 * 1000:.1f} ms")
    say(f"routing, decision with {counted:,} recorded: p95 {p95 * 1000:.1f} ms")
    return {"p50": p50, "p95": p95, "p95_empty": before, "counted_per_second": rate}


def _record_outcomes(invoice: Invoice) -> None:
    """Proven attempts of payments that were given up: as many rows, without an invoice each."""
    each = OUTCOMES // PAYMENTS
    for number in range(PAYMENTS):
        payment = Payment.objects.create(
            id=uuid7(),
            customer=invoice.customer,
            invoice=invoice,
            currency="USD",
            amount=invoice.total.amount,
            purpose="off_session",
            state="failed",
            idempotency_key=f"bench:{invoice.pk}:{number}",
            created_at=NOW,
        )
        with connection.cursor() as cursor:
            at = NOW - timedelta(minutes=number)
            cursor.execute(
                _ATTEMPTS,
                {"payment": payment.pk, "count": each, "segments": SEGMENTS, "at": at},
            )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE billing_paymentattempt")


def _decisions(invoice: Invoice) -> list[float]:
    times = []
    for number in range(DECISIONS):
        with transaction.atomic():
            payment = Payment.objects.create(
                id=uuid7(),
                customer=invoice.customer,
                invoice=invoice,
                currency="USD",
                amount=invoice.total.amount,
                purpose="off_session",
                state="canceled",
                idempotency_key=f"bench:{uuid7()}:{number}",
                created_at=NOW,
            )
            started = perf_counter()
            pool = load_pool(customers=[invoice.customer_id], at=NOW)
            route = find_route(payment=payment, earlier=[], pool=pool, at=NOW)
            times.append(perf_counter() - started)
            assert isinstance(route, Route)
    return times
