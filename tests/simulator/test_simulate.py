import json
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
from tiktoktoe.simulator.playing import play
from tiktoktoe.simulator.scratch import scratch_space

pytestmark = pytest.mark.django_db(transaction=True)
USED = """
meters: [{code: api_calls}]
plans:
  - {code: basic, price: 10, charges: [{meter: api_calls, price: 0.5}]}
customers: [{id: cus_1}]
timeline:
  - {at: 1999-01-31, do: subscribe, plan: basic}
  - {at: 1999-02-03, do: use, units: 3}
run_until: 1999-04-01
expect: {invoices: 3}
"""
PAID = """
plans: [{code: basic, price: 10}]
customers: [{id: cus_1, card: works}, {id: cus_2}]
timeline:
  - {at: 1999-01-31, do: subscribe, customer: cus_1, plan: basic, subscription: by_card}
  - {at: 1999-01-31, do: subscribe, customer: cus_2, plan: basic, subscription: by_hand}
  - {at: 1999-02-01, do: pay, customer: cus_2}
  - {at: 1999-02-02, do: set_card, customer: cus_1, card: declines}
run_until: 1999-02-03
expect: {payments: 2}
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


def simulated(tmp_path: Path, text: str, *arguments: str) -> str:
    path = tmp_path / "scenario.yaml"
    path.write_text(text, encoding="utf-8")
    out = StringIO()
    call_command("simulate", str(path), *arguments, stdout=out)
    return out.getvalue()


def test_it_leaves_no_row_and_no_table_behind(tmp_path: Path) -> None:
    subscription_since(JAN_1, customer=make_customer(external_id="cus_1"))
    before = rows_of_everything()

    printed = simulated(tmp_path, USED)

    assert "as expected" in printed
    assert rows_of_everything() == before
    assert Customer.objects.count() == 1
    assert not UsageEvent.objects.exists()
    assert not NumberSeries.objects.exists()


def test_what_is_paid_there_by_card_or_by_hand_is_kept_there_too(tmp_path: Path) -> None:
    before = rows_of_everything()

    assert "as expected" in simulated(tmp_path, PAID)
    assert rows_of_everything() == before


@pytest.mark.parametrize("name", ["KB-DUN-63", "LAGO-WALLET-55"])
def test_what_the_services_play_in_earnest_they_play_there_too(tmp_path: Path, name: str) -> None:
    text = (GOLDEN / f"{name}.yaml").read_text(encoding="utf-8")

    assert "as expected" in simulated(tmp_path, text)


def test_no_function_takes_only_rows_of_the_real_tables() -> None:
    with connection.cursor() as cursor:
        cursor.execute(TAKING_A_ROW)
        assert cursor.fetchall() == []


def test_it_neither_sees_nor_waits_for_what_others_do_meanwhile(tmp_path: Path) -> None:
    subscription_since(JAN_1)
    with scratch_space():
        assert not Customer.objects.exists()
    run_billing(at=JAN_1.replace(month=3))
    invoices = list(Invoice.objects.values())

    simulated(tmp_path, USED)

    assert list(Invoice.objects.values()) == invoices


def test_the_database_refuses_to_write_anything_real_meanwhile() -> None:
    make_customer()

    with (
        scratch_space(),
        pytest.raises(InternalError, match="read-only transaction"),
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE public.subscriptions_customer SET name = 'changed'")

    assert not Customer.objects.filter(name="changed").exists()


def test_the_database_guards_final_documents_there_as_it_does_in_earnest() -> None:
    with scratch_space():
        play(scenario(BASIC))
        invoice = Invoice.objects.get()
        with pytest.raises(IntegrityError, match="is final: correct it"):
            Invoice.objects.filter(pk=invoice.pk).update(bill_to={})


def test_json_holds_every_document_in_exact_strings(tmp_path: Path) -> None:
    shown = json.loads(simulated(tmp_path, USED, "--format", "json"))

    assert shown["as_expected"] is True
    invoice = shown["invoices"][1]
    assert (invoice["date"], invoice["subtotal"], invoice["total"]) == (
        "1999-02-28",
        "11.50",
        "11.50",
    )
    assert [line["amount"] for line in invoice["lines"]] == ["1.50", "10.00"]
    assert shown["subscriptions"][0]["state"] == "active"
    assert shown["transitions"][0]["event"] == "subscribed"


def test_a_difference_is_printed_and_exits_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exited:
        simulated(tmp_path, USED.replace("invoices: 3", "invoices: 4"))

    assert exited.value.code == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BASIC.replace("price: 10", "price: ten"), "line 3, plans[1].price: 'ten' is no number"),
        (f"taxes: [{{rate: -19}}]\n{BASIC}", "line 1, taxes[1]: -19 is no rate (0 to 100, of %)"),
        (BASIC.replace("price: 10", "price: 10, trial_days: 9999"), "line 3, plans[1]: 9999 is no"),
        (BASIC.replace("plan: basic", "plan: gold"), "line 5, timeline[1]: 'gold' is no plan"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name_and_line(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(CommandError) as caught:
        simulated(tmp_path, text)

    assert "scenario.yaml" in str(caught.value)
    assert said in str(caught.value)


def test_a_file_that_is_not_there_is_said_so() -> None:
    with pytest.raises(CommandError, match=r"nowhere\.yaml: No such file"):
        call_command("simulate", "nowhere.yaml")
