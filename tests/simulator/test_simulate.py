import json
from contextlib import nullcontext
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.utils import IntegrityError, InternalError

from billing.models import Invoice, NumberSeries
from billing.services.invoices.renewal import run_billing
from subscriptions.models import Customer, UsageEvent
from tests.factories.subscriptions import JAN_1, make_customer, subscription_since
from tests.simulator.scenes import BASIC, scenario
from tiktoktoe.simulator.management.commands import simulate
from tiktoktoe.simulator.playing import play
from tiktoktoe.simulator.scratch import scratch_space

PLAYED = """
meters: [{code: api_calls}]
plans:
  - {code: basic, price: 10}
  - {code: used, price: 10, charges: [{meter: api_calls, price: 0.5}]}
customers: [{id: cus_1, card: works}, {id: cus_2}]
timeline:
  - {at: 1999-01-31, do: subscribe, customer: cus_1, plan: basic, subscription: by_card}
  - {at: 1999-01-31, do: subscribe, customer: cus_2, plan: used, subscription: by_hand}
  - {at: 1999-02-01, do: pay, customer: cus_2}
  - {at: 1999-02-02, do: set_card, customer: cus_1, card: declines}
  - {at: 1999-02-03, do: use, customer: cus_2, units: 3}
run_until: 1999-04-01
expect: {invoices: 7}
"""
GOLDEN = Path(__file__).resolve().parents[1] / "golden"
# Functions of ours that take a row of a table: a temporary copy's row is another type.
TAKING_A_ROW = """
SELECT DISTINCT p.proname FROM pg_proc p
JOIN pg_type t ON t.oid = ANY(p.proargtypes) AND t.typtype = 'c'
JOIN pg_class c ON c.oid = t.typrelid AND c.relkind IN ('r', 'p')
WHERE p.pronamespace = 'public'::regnamespace
"""
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"


def rows_of_everything() -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        names = [row[0] for row in cursor.fetchall()]
        counts = {}
        for name in names:
            cursor.execute(f"SELECT count(*) FROM public.{name}")
            counts[name] = cursor.fetchone()[0]
        return counts


def simulated(tmp_path: Path, text: str, *arguments: str) -> tuple[str, int]:
    """What is printed, and the code that it exits with."""
    path = tmp_path / "scenario.yaml"
    path.write_text(text, encoding="utf-8")
    out = StringIO()
    try:
        call_command("simulate", str(path), *arguments, stdout=out)
    except SystemExit as exited:
        return out.getvalue(), int(str(exited.code))
    return out.getvalue(), 0


@pytest.mark.django_db(transaction=True)
def test_it_leaves_no_row_behind_and_says_what_differs_and_every_document_in_exact_strings(
    tmp_path: Path,
) -> None:
    subscription_since(JAN_1, customer=make_customer(external_id="cus_1"))
    run_billing(at=JAN_1.replace(month=3))
    before, invoices = rows_of_everything(), list(Invoice.objects.values())

    with pytest.raises(CommandError, match="'gold' is no plan"):
        simulated(tmp_path, BASIC.replace("plan: basic", "plan: gold"))
    printed, code = simulated(tmp_path, PLAYED, "--format", "json")

    assert (rows_of_everything(), list(Invoice.objects.values())) == (before, invoices)
    assert Customer.objects.count() == 1
    assert not UsageEvent.objects.exists()
    assert code == 1
    shown = json.loads(printed)
    assert shown["as_expected"] is False
    (difference,) = shown["differences"]
    assert difference.startswith("line 14, expect.invoices: expected 7 invoices, got 6: ")
    invoice = [row for row in shown["invoices"] if row["customer"] == "cus_2"][1]
    assert (invoice["date"], invoice["subtotal"], invoice["total"]) == (
        "1999-02-28",
        "11.50",
        "11.50",
    )
    assert [line["amount"] for line in invoice["lines"]] == ["1.50", "10.00"]
    assert [(row["date"], row["customer"], row["state"]) for row in shown["payments"][:3]] == [
        ("1999-01-31", "cus_1", "succeeded"),
        ("1999-02-01", "cus_2", "succeeded"),
        ("1999-02-28", "cus_1", "declined"),
    ]
    assert [row["state"] for row in shown["subscriptions"]] == ["past_due", "active"]
    assert shown["transitions"][0]["event"] == "subscribed"


@pytest.mark.django_db(transaction=True)
def test_what_the_services_play_in_earnest_they_play_there_too(tmp_path: Path) -> None:
    before = rows_of_everything()
    dunned, wallets = (
        (GOLDEN / f"{name}.yaml").read_text(encoding="utf-8")
        for name in ("KB-DUN-63", "LAGO-WALLET-55")
    )

    told, _ = simulated(tmp_path, dunned)
    shown, code = simulated(tmp_path, wallets, "--format", "json")

    assert told.endswith("\nas expected\n")
    assert (json.loads(shown)["as_expected"], code) == (True, 0)
    assert rows_of_everything() == before
    assert not NumberSeries.objects.exists()


@pytest.mark.django_db
def test_no_function_takes_only_rows_of_the_real_tables() -> None:
    with connection.cursor() as cursor:
        cursor.execute(TAKING_A_ROW)
        assert cursor.fetchall() == []


@pytest.mark.django_db(transaction=True)
def test_nothing_real_is_seen_or_written_and_the_database_guards_what_is_played() -> None:
    make_customer()

    with scratch_space():
        assert not Customer.objects.exists()
        with (
            pytest.raises(InternalError, match="read-only transaction"),
            connection.cursor() as cursor,
        ):
            cursor.execute("UPDATE public.subscriptions_customer SET name = 'changed'")
        play(scenario(BASIC))
        invoice = Invoice.objects.get()
        with pytest.raises(IntegrityError, match="is final: correct it"):
            Invoice.objects.filter(pk=invoice.pk).update(bill_to={})

    assert not Customer.objects.filter(name="changed").exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BASIC.replace("price: 10", "price: ten"), "line 3, plans[1].price: 'ten' is no number"),
        (BASIC.replace("plan: basic", "plan: gold"), "line 5, timeline[1]: 'gold' is no plan"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name_and_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    monkeypatch.setattr(simulate, "scratch_space", nullcontext)  # nothing of it is kept anyhow

    with pytest.raises(CommandError) as caught:
        simulated(tmp_path, text)

    assert "scenario.yaml" in str(caught.value)
    assert said in str(caught.value)


def test_a_file_that_is_not_there_is_said_so() -> None:
    with pytest.raises(CommandError, match=r"nowhere\.yaml: No such file"):
        call_command("simulate", "nowhere.yaml")
