"""`make demo-trace`: a usage trace from the first event to the books, and recounted."""

from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from billing.models import Invoice
from subscriptions.models import Customer
from tests.factories.subscriptions import make_customer
from tests.stripe_world import StripeWorld
from tiktoktoe.demo.management.commands.demo_trace import OWN_TRACE, REAL_TRACE
from tiktoktoe.demo.recount import Recount, TraceUnusable, recount

HEADER = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
OWN = settings.BASE_DIR / OWN_TRACE
REAL = settings.BASE_DIR / REAL_TRACE


def run(path: Path) -> str:
    out = StringIO()
    call_command("demo_trace", str(path), stdout=out)
    return out.getvalue()


@pytest.mark.django_db(transaction=True)
def test_the_real_trace_agrees_with_its_recount(stripe: StripeWorld) -> None:
    if not REAL.exists():
        pytest.skip("the trace is not beside this checkout")

    printed = run(REAL)

    assert "first import: 38,732 events accepted, 0 duplicates, 0 rejected" in printed
    assert "second import: 0 events accepted, 38,732 duplicates, 0 rejected" in printed
    assert "22,361,870  ✓" in printed
    assert "4,088,665  ✓" in printed
    assert "690.59 EUR  ✓" in printed
    assert "✗" not in printed


@pytest.mark.django_db(transaction=True)
def test_our_own_trace_agrees_with_its_recount(stripe: StripeWorld) -> None:
    printed = run(OWN)

    assert "first import: 800 events accepted" in printed
    assert "second import: 0 events accepted, 800 duplicates" in printed
    assert "✗" not in printed
    assert Invoice.objects.filter(state="paid").count() == 10


@pytest.mark.django_db(transaction=True)
def test_a_cent_of_difference_fails_it(
    stripe: StripeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = recount(OWN).billed_cents
    monkeypatch.setattr(Recount, "billed_cents", right + 1)

    with pytest.raises(CommandError, match="differs"):
        run(OWN)


@pytest.mark.django_db
def test_it_does_not_touch_a_company_that_is_there() -> None:
    make_customer()

    with pytest.raises(CommandError, match="empty database"):
        run(OWN)

    assert Customer.objects.count() == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("a,b\n1,2\n", "no column TIMESTAMP"),
        (HEADER, "no rows"),
        (HEADER + "2025-02-01 10:00:00,x,1\n", "row 1"),
        (HEADER + "2025-02-01 10:00:00,1\n", "row 1"),
        (HEADER + "2025-02-01 10:00:00,1,1\n2025-03-01 10:00:00,1,1\n", "end of a month"),
    ],
)
def test_a_file_that_is_no_trace_is_refused(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "trace.csv"
    path.write_text(content)

    with pytest.raises(TraceUnusable, match=reason):
        recount(path)


def test_the_recount_prices_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text(HEADER + "2025-02-01 10:00:00,3000000,600000\n")

    found = recount(path)

    # Customer 1: 2 million tokens for 5.00, 500,000 for 5.00 and 100,000 for 0.75, and the fee.
    # 60.75 and 19 % are 72.29; everybody else, and every first invoice, is 50.00 and 9.50.
    assert found.billed_cents == 7229 + 9 * 5950
    assert found.tax_cents == 1154 + 9 * 950
