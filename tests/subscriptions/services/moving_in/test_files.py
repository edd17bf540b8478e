"""Customers and subscriptions move in by a file: all of it or nothing, and nothing billed twice."""

from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from analytics.models import MrrMovement
from analytics.services.movements import record_movements
from billing.models import Invoice
from billing.services.invoices.renewal import run_billing
from billing.services.moving_in.customers import move_customers_in
from subscriptions.domain.moving_in import FileKind
from subscriptions.models import Customer, PlanVersion, Subscription, SubscriptionAddOn
from subscriptions.services.moving_in.files import MovedIn
from tests.factories.accounts import make_user
from tests.factories.subscriptions import (
    TEST_ACTOR,
    make_customer,
    make_plan,
    per_call,
    published_version,
    recurring,
)
from tests.factories.usage import use
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import InvalidInput
from tiktoktoe.kernel.periods import IntervalUnit

pytestmark = pytest.mark.django_db
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
FEB_10 = datetime(2026, 2, 10, 12, tzinfo=UTC)
HEADER = "external_id,name,email,country,currency"
ACME = "acme,Acme,a@acme.example,US,USD"
RUNS = "reference,customer,plan,started_on,next_billing_on"


def customers(*lines: str, header: str = HEADER, **options: Any) -> MovedIn:
    text = "\n".join([header, *lines])
    return move_customers_in(
        kind=FileKind.CUSTOMERS, text=text, actor=TEST_ACTOR, at=FEB_10, is_dry_run=False, **options
    )


def subscriptions(*lines: str, header: str = RUNS, at: datetime = FEB_10, **more: Any) -> MovedIn:
    return move_customers_in(
        kind=FileKind.SUBSCRIPTIONS,
        text="\n".join([header, *lines]),
        actor=TEST_ACTOR,
        at=at,
        **{"is_dry_run": False, **more},
    )


def wrong(done: MovedIn) -> list[tuple[int, str]]:
    return [(error.line, error.field) for error in done.errors]


def team(code: str = "team", amount: str = "31.00", **plan: Any) -> PlanVersion:
    return published_version(recurring(amount), plan=make_plan(code=code, **plan), at=LONG_AGO)


def acme(**fields: Any) -> Customer:
    return make_customer(external_id="acme", **fields)


def test_customers_are_made_with_what_the_file_says() -> None:
    done = customers(
        "acme,Acme,a@acme.example,de,eur,Europe/Berlin,yes",
        "beta,Beta,b@beta.example,US,USD,,",
        header=f"{HEADER},time_zone,is_tax_exempt",
    )

    assert (done.made, done.known, done.errors, done.is_written) == (2, 0, [], True)
    made = Customer.objects.get(external_id="acme")
    assert (made.country, made.currency, made.time_zone) == ("DE", "EUR", "Europe/Berlin")
    assert (made.is_tax_exempt, made.created_at) == (True, FEB_10)


def test_the_same_file_again_makes_nothing_more() -> None:
    customers(ACME)

    again = customers(ACME)

    assert (again.made, again.known, Customer.objects.count()) == (0, 1, 1)


def test_every_error_is_told_by_line_and_field_and_nothing_is_written() -> None:
    customers(ACME)

    done = customers(
        "acme,Acme Ltd,a@acme.example,US,USD",
        "beta,Beta,no-mail,USA,XXXX",
        "gamma,,g@gamma.example,US,USD",
        "delta,Delta,d@delta.example,US,USD",
        "delta,Delta,d@delta.example,US,USD",
        "epsilon,Epsilon,e@epsilon.example,US,USD,more",
        "zeta,Ze\x00ta,z@zeta.example,US,USD",
    )

    assert set(wrong(done)) == {
        (2, "name"),
        (3, "email"),
        (3, "country"),
        (3, "currency"),
        (4, "name"),
        (6, "external_id"),
        (7, ""),
        (8, "name"),
    }
    assert (done.is_written, Customer.objects.count()) == (False, 1)


def test_columns_of_other_names_are_mapped() -> None:
    header = "Kunde,Firma,email,country,currency"

    done = customers(ACME, header=header, mapping={"external_id": "Kunde", "name": "Firma"})

    assert done.made == 1
    with pytest.raises(InvalidInput, match="nothing says what the name is"):
        customers(ACME, header=header, mapping={"external_id": "Kunde"})
    with pytest.raises(InvalidInput, match="no column"):
        customers(ACME, header=header, mapping={"external_id": "Nummer"})
    with pytest.raises(InvalidInput, match="no field"):
        customers(ACME, header=header, mapping={"shoe_size": "Kunde"})
    with pytest.raises(InvalidInput, match="two columns are called 'name'"):
        customers(f"{ACME},Other", header=f"{HEADER},name")


@pytest.mark.parametrize("text", ["", "\n", HEADER, f'{HEADER}\n"acme,Acme'])
def test_what_is_no_such_file_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        move_customers_in(kind=FileKind.CUSTOMERS, text=text, actor=TEST_ACTOR, at=FEB_10)


def test_a_subscription_goes_on_where_it_is_and_the_past_is_not_billed() -> None:
    acme()
    team()

    subscriptions("old-1,acme,team,2023-05-20,2026-02-20")

    made = Subscription.objects.get(reference="old-1")
    assert (made.anchor_on, made.state) == (date(2023, 5, 20), "active")
    assert (made.current_period_start, made.current_period_end) == (
        datetime(2026, 1, 20, tzinfo=UTC),
        datetime(2026, 2, 20, tzinfo=UTC),
    )
    run_billing(at=FEB_10)
    assert not Invoice.objects.exists()

    run_billing(at=datetime(2026, 2, 20, tzinfo=UTC))

    invoice = Invoice.objects.get()
    assert invoice.total.amount == Decimal("31.00")
    (line,) = invoice.lines.all()
    assert (line.period_start, line.period_end) == (
        datetime(2026, 2, 20, tzinfo=UTC),
        datetime(2026, 3, 20, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("started_on", "next_on", "anchor_day", "anchor_on", "following"),
    [
        ("2025-01-31", "2026-02-28", "", date(2025, 1, 31), date(2026, 3, 31)),
        ("2025-01-10", "2026-02-28", "31", date(2026, 1, 31), date(2026, 3, 31)),
        ("2025-01-10", "2026-02-28", "", date(2026, 2, 28), date(2026, 3, 28)),
        ("2026-02-05", "2026-03-01", "1", date(2026, 3, 1), date(2026, 4, 1)),
    ],
    ids=["from the start", "by the anchor day", "by the next billing", "a shorter first period"],
)
def test_periods_keep_their_days(
    started_on: str, next_on: str, anchor_day: str, anchor_on: date, following: date
) -> None:
    acme()
    team()

    done = subscriptions(
        f"old-1,acme,team,{started_on},{next_on},{anchor_day}", header=f"{RUNS},anchor_day"
    )

    assert done.errors == []
    made = Subscription.objects.get()
    assert made.anchor_on == anchor_on
    later = made.billing_periods.period_at(made.current_period_end).end
    assert later.date() == following
    began = datetime.fromisoformat(started_on).replace(tzinfo=UTC)
    assert made.current_period_start == max(
        began, made.billing_periods.period(made.billing_periods.index_at(FEB_10)).start
    )


def test_a_year_that_is_paid_elsewhere_is_not_billed_again() -> None:
    acme()
    team("annual", "365.00", interval=IntervalUnit.YEAR.value)

    subscriptions("old-1,acme,annual,2024-03-15,2026-03-15")
    run_billing(at=datetime(2026, 3, 15, tzinfo=UTC))

    assert [i.total.amount for i in Invoice.objects.all()] == [Decimal("365.00")]


def test_a_trial_goes_on_and_is_billed_when_it_ends() -> None:
    acme()
    team()

    subscriptions("old-1,acme,team,2026-02-05,2026-02-19,yes", header=f"{RUNS},trial")
    made = Subscription.objects.get()
    assert (made.state, made.trial_ends_at) == ("trialing", datetime(2026, 2, 19, tzinfo=UTC))
    run_billing(at=datetime(2026, 2, 19, tzinfo=UTC))

    made.refresh_from_db()
    assert (made.state, Invoice.objects.get().total.amount) == ("active", Decimal("31.00"))


def test_one_that_is_canceled_already_ends_without_another_bill() -> None:
    acme()
    team()

    subscriptions("old-1,acme,team,2025-01-20,2026-02-20,yes", header=f"{RUNS},ends_with_period")
    run_billing(at=datetime(2026, 3, 1, tzinfo=UTC))

    assert Subscription.objects.get().state == "canceled"
    assert not Invoice.objects.exists()


def test_usage_counts_from_the_day_of_moving_in() -> None:
    customer = acme()
    published_version(per_call("1.00", included="0"), plan=make_plan(code="metered"), at=LONG_AGO)
    use(customer, 7, datetime(2026, 2, 3, tzinfo=UTC))
    use(customer, 5, datetime(2026, 2, 12, tzinfo=UTC))

    subscriptions("old-1,acme,metered,2025-01-20,2026-02-20")
    run_billing(at=datetime(2026, 2, 20, tzinfo=UTC))

    assert Invoice.objects.get().total.amount == Decimal("5.00")


def test_recurring_revenue_counts_from_the_start() -> None:
    acme()
    team()

    subscriptions("old-1,acme,team,2023-05-20,2026-02-20")
    record_movements(at=FEB_10)

    movement = MrrMovement.objects.get()
    assert (movement.kind, movement.amount.amount) == ("new", Decimal("31.00"))
    assert movement.effective_at == datetime(2023, 5, 20, tzinfo=UTC)


def test_the_same_subscriptions_again_make_nothing_more() -> None:
    acme()
    team()
    line = "old-1,acme,team,2023-05-20,2026-02-20"
    subscriptions(line)

    again = subscriptions(line)

    assert (again.made, again.known, Subscription.objects.count()) == (0, 1, 1)


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("old 1,acme,team,2023-05-20,2026-02-20", "reference"),
        ("old-1,nobody,team,2023-05-20,2026-02-20", "customer"),
        ("old-1,acme,gold,2023-05-20,2026-02-20", "plan"),
        ("old-1,acme,team,2023-05-20,2026-02-10", "next_billing_on"),
        ("old-1,acme,team,2026-02-11,2026-03-11", "started_on"),
        ("old-1,acme,team,2026-02-20,2026-02-20", "next_billing_on"),
        ("old-1,acme,team,31.12.2023,2026-02-20", "started_on"),
        ("old-1,acme,team,0023-05-20,2026-02-20", "started_on"),
        ("old-1,acme,team,2023-05-20,9999-12-31", "next_billing_on"),
        ("old\x00,acme,team,2023-05-20,2026-02-20", "reference"),
        ("old-1,acme,team,2023-05-20,2026-02-20,,0", "quantity"),
        ("old-1,acme,team,2023-05-20,2026-02-20,,x", "quantity"),
        ("old-1,acme,team,2023-05-20,2026-02-20,21", "next_billing_on"),
        ("old-1,acme,team,2023-05-20,2026-02-20,40", "anchor_day"),
        ("old-1,acme,team,2023-05-20,2026-02-20,,1,9", "version"),
    ],
)
def test_a_subscription_that_cannot_be_is_told_by_its_field(line: str, field: str) -> None:
    acme()
    team()

    done = subscriptions(line, header=f"{RUNS},anchor_day,quantity,version")

    assert wrong(done) == [(2, field)]
    assert not Subscription.objects.exists()


def test_a_customer_moves_in_with_subscriptions_in_two_currencies() -> None:
    acme(currency="USD")
    plan = team().plan
    published_version(recurring("29.00"), plan=plan, currency="EUR", at=LONG_AGO)
    header = f"{RUNS},currency"
    here, there = (f"{name},acme,team,2023-05-20,2026-02-20" for name in ("old-1", "old-2"))

    done = subscriptions(f"{here},", f"{there},eur", header=header)

    found = Subscription.objects.values_list("reference", "currency", "plan_version__currency")
    assert (done.made, wrong(done)) == (2, [])
    assert set(found) == {("old-1", "USD", "USD"), ("old-2", "EUR", "EUR")}
    for line, field in (
        (f"{there},", "currency"),  # it is there, in another
        (f"{there.replace('old-2', 'old-3')},XXZ", "currency"),
        (f"{there.replace('old-2', 'old-3')},CHF", "plan"),
    ):
        assert wrong(subscriptions(line, header=header)) == [(2, field)]


def test_one_wrong_line_keeps_all_out() -> None:
    acme()
    team()

    done = subscriptions(
        "old-1,acme,team,2023-05-20,2026-02-20", "old-2,nobody,team,2023-05-20,2026-02-20"
    )

    assert (wrong(done), Subscription.objects.count()) == ([(3, "customer")], 0)


def test_two_subscriptions_that_bill_one_meter_are_refused_within_a_file() -> None:
    acme()
    published_version(per_call(), plan=make_plan(code="metered"), at=LONG_AGO)

    done = subscriptions(
        "old-1,acme,metered,2023-05-20,2026-02-20", "old-2,acme,metered,2023-05-20,2026-02-20"
    )

    assert wrong(done) == [(3, "plan")]


def test_one_whose_meter_an_add_on_of_the_customer_bills_is_refused() -> None:
    customer = acme()
    team()
    published_version(per_call(), plan=make_plan(code="metered"), at=LONG_AGO)
    calls = published_version(per_call(), plan=make_plan(is_add_on=True), at=LONG_AGO)
    subscriptions("old-1,acme,team,2023-05-20,2026-02-20")
    SubscriptionAddOn.objects.create(
        subscription=customer.subscriptions.get(),
        plan=calls.plan,
        plan_version=calls,
        quantity=1,
        starts_at=FEB_10,
    )

    done = subscriptions("old-2,acme,metered,2023-05-20,2026-02-20")

    assert wrong(done) == [(2, "plan")]


def test_a_dry_run_says_what_would_be_made_and_writes_nothing() -> None:
    acme()
    team()

    done = subscriptions("old-1,acme,team,2023-05-20,2026-02-20", is_dry_run=True)

    assert (done.made, done.is_written, Subscription.objects.count()) == (1, False, 0)


def test_a_file_of_any_length_asks_a_fixed_number_of_queries(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    acme()
    team()
    lines = [f"old-{n},acme,team,2023-05-20,2026-02-20" for n in range(200)]

    with django_assert_max_num_queries(15):
        assert subscriptions(*lines).made == 200


def test_the_command_checks_and_writes(tmp_path: Path) -> None:
    file = tmp_path / "customers.csv"
    file.write_text(f"\ufeff{HEADER}\n{ACME}\n", encoding="utf-8")
    said = StringIO()

    call_command("move_in", "customers", str(file), stdout=said)
    assert "1 would be made" in said.getvalue()
    assert not Customer.objects.exists()

    call_command("move_in", "customers", str(file), "--write", stdout=said)
    assert Customer.objects.count() == 1

    file.write_text(f"{HEADER}\nbeta,Beta,no-mail,US,USD\n", encoding="utf-8")
    with pytest.raises(CommandError, match="1 errors; nothing was written"):
        call_command("move_in", "customers", str(file), "--write", stdout=said)
    assert "line 2, email" in said.getvalue()


def test_the_page_checks_a_file_and_takes_it_in(client: Client) -> None:
    client.force_login(make_user(Role.FINANCE))
    url = reverse("moving_in")

    def sent(text: str, **more: str) -> str:
        file = SimpleUploadedFile("customers.csv", text.encode())
        answer = client.post(url, {"kind": "customers", "file": file, **more})
        return answer.content.decode()

    assert "To be made" in sent(f"{HEADER}\n{ACME}")
    assert not Customer.objects.exists()
    assert "Write two letters, like DE" in sent(f"{HEADER}\nx,X,x@x.example,USA,USD", write="1")
    assert "is taken in" in sent(f"{HEADER}\n{ACME}", write="1")
    assert Customer.objects.get().created_at <= now()
    assert "nothing says what the" in sent("a,b\n1,2")


def test_what_was_checked_is_taken_in_without_choosing_it_again(client: Client) -> None:
    client.force_login(make_user(Role.FINANCE))
    text = f"Kunde,name,email,country,currency\n{ACME}"
    file = SimpleUploadedFile("customers.csv", text.encode())
    given = {"kind": "customers", "mapping": "external_id = Kunde"}

    checked = client.post(reverse("moving_in"), {**given, "file": file})
    carried = checked.context["carried"]
    taken = client.post(
        reverse("moving_in"), {"kind": "customers", "write": "1", **carried}, follow=True
    )
    nothing = client.post(reverse("moving_in"), given)

    assert carried == {"text": text, "mapping": "external_id = Kunde"}
    assert "is taken in" in taken.content.decode()
    assert Customer.objects.get().external_id == "acme"
    assert "Choose a file" in nothing.content.decode()


def test_support_may_not_take_files_in(client: Client) -> None:
    client.force_login(make_user(Role.SUPPORT))

    assert client.get(reverse("moving_in")).status_code == 403
