"""What another engine billed is given back from as if it had been billed here, and never more."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import InternalError, transaction
from django.db.models import Sum
from django.db.utils import IntegrityError
from django.test import Client
from django.urls import reverse

from billing.domain.belongings import BelongingKind
from billing.errors import OpeningBillUsed
from billing.models import Announcement, CreditNote, Invoice, UnusedCredit
from billing.queries.credit_balance import credit_of
from billing.queries.statements import statement_of
from billing.services.announcements.announcing import announce_new, start_announcing
from billing.services.announcements.notice_text import render_notice
from billing.services.changes.add_ons import change_add_on
from billing.services.changes.cancelling import cancel_subscription
from billing.services.changes.pausing import pause
from billing.services.changes.plan_changes import change_plan
from billing.services.credit.customer_credit import grant_credit
from billing.services.documents.credit_note_pages import credit_note_content
from billing.services.invoices.renewal import run_billing
from billing.services.moving_in.belongings import move_belongings_in
from billing.services.moving_in.customers import move_customers_in
from billing.services.moving_in.taking_back import take_opening_bill_back
from finance.models import JournalEntry, Posting
from finance.queries import unposted_count
from finance.queries.taxes import tax_report
from finance.services.posting import post_documents
from subscriptions.domain.moving_in import FileKind
from subscriptions.models import BillingPolicy, PlanVersion, Subscription
from subscriptions.services.moving_in.files import MovedIn
from subscriptions.services.policies import assign_policy
from tests.factories.accounts import make_user
from tests.factories.lifecycle import at, begin, fee_of, lines_of, taxed_customer
from tests.factories.subscriptions import JAN_1, TEST_ACTOR, make_plan, published_version, recurring
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db
JAN_10 = datetime(2026, 1, 10, 9, tzinfo=UTC)
JAN_20 = datetime(2026, 1, 20, 10, tzinfo=UTC)
HEADER = "subscription,invoice,billed_amount,billed_through"
POLICIES = ["own", "lago", "killbill", "stripe"]
D = Decimal


def seats(amount: str, policy: str = "own", **plan: Any) -> PlanVersion:
    """A plan of so much for each."""
    version = published_version(
        recurring(amount, charge_model="per_unit"),
        plan=make_plan(**plan),
        currency="EUR",
        at=at("2020-01-01"),
    )
    assign_policy(
        policy=BillingPolicy.objects.get(code=policy, number=1),
        from_plan=version.plan,
        at=at("2020-01-01"),
        actor=TEST_ACTOR,
    )
    return version


def bills(*lines: str, header: str = HEADER, when: datetime = JAN_10, **options: Any) -> MovedIn:
    return move_belongings_in(
        kind=BelongingKind.OPENING_BILLS,
        text="\n".join([header, *lines]),
        actor=TEST_ACTOR,
        at=when,
        **{"is_dry_run": False, **options},
    )


def arrive(version: PlanVersion, quantity: int = 1, name: str = "moved") -> Subscription:
    """A subscription that moves in on the 10th of a month that was billed on the 1st."""
    taxed_customer("19", external_id=name)
    done = move_customers_in(
        kind=FileKind.SUBSCRIPTIONS,
        text=(
            "reference,customer,plan,quantity,started_on,next_billing_on\n"
            f"old-{name},{name},{version.plan.code},{quantity},2025-06-01,2026-02-01"
        ),
        actor=TEST_ACTOR,
        at=JAN_10,
        is_dry_run=False,
    )
    assert done.errors == []
    return Subscription.objects.get(reference=f"old-{name}")


def stay(version: PlanVersion, quantity: int = 1) -> Subscription:
    """One that was here when the month began, and whose first invoice is paid."""
    customer = taxed_customer("19", external_id="here")
    grant_credit(
        customer=customer,
        amount=Money(D("1000.00"), "EUR"),
        reason="Paid by hand",
        idempotency_key="paid",
        actor=TEST_ACTOR,
        at=at("2026-01-01"),
    )
    return begin(version, "2026-01-01", customer=customer, quantity=quantity)


def seen(subscription: Subscription) -> tuple[object, ...]:
    """What came of an act: the invoices' lines, taxes and totals, the notes, the balance."""
    later = Invoice.objects.filter(subscription=subscription, created_at__gte=JAN_20)
    invoices = [(lines_of(i), i.tax, i.total) for i in later.order_by("created_at", "number")]
    notes = CreditNote.objects.filter(customer=subscription.customer).order_by("issued_at", "pk")
    told = [(n.subtotal, n.tax, n.tax_breakdown, n.to_balance) for n in notes]
    given = UnusedCredit.objects.filter(invoice_line__subscription=subscription)
    return invoices, told, [(u.amount, u.form, u.unused_from) for u in given]


def upgrade(subscription: Subscription, to: PlanVersion) -> None:
    change_plan(subscription=subscription, plan_version=to, quantity=3, actor=TEST_ACTOR, at=JAN_20)


def more(subscription: Subscription, to: PlanVersion) -> None:
    same = subscription.plan_version
    change_plan(
        subscription=subscription, plan_version=same, quantity=5, actor=TEST_ACTOR, at=JAN_20
    )


def fewer(subscription: Subscription, to: PlanVersion) -> None:
    same = subscription.plan_version
    change_plan(
        subscription=subscription, plan_version=same, quantity=1, actor=TEST_ACTOR, at=JAN_20
    )


def end(subscription: Subscription, to: PlanVersion) -> None:
    cancel_subscription(subscription=subscription, actor=TEST_ACTOR, at=JAN_20)


def rest(subscription: Subscription, to: PlanVersion) -> None:
    pause(subscription=subscription, actor=TEST_ACTOR, at=JAN_20)


@pytest.mark.parametrize(
    ("policy", "act"),
    [
        *((policy, act) for policy in POLICIES for act in (upgrade, end)),
        ("own", rest),
        ("killbill", fewer),
        ("stripe", more),
    ],
)
def test_who_moved_in_sees_what_who_was_here_all_along_sees(
    policy: str, act: Callable[[Subscription, PlanVersion], None]
) -> None:
    small = seats("31.00", policy, code="small")
    large = seats("62.00", policy, code="large")
    here, moved = stay(small, 3), arrive(small, 3)
    assert bills("old-moved,R-77,93.00,2026-01-31").errors == []

    act(here, large)
    act(moved, large)
    run_billing(at=at("2026-02-01"))

    assert seen(moved) == seen(here)
    assert any(seen(here))


@pytest.mark.parametrize("policy", POLICIES)
def test_a_discount_that_was_had_there_is_not_given_back(policy: str) -> None:
    version = seats("31.00", policy, code="small")
    moved = arrive(version)
    assert (
        bills(
            "old-moved,R-77,15.50,15.50,2026-01-31",
            header="subscription,invoice,billed_amount,discount,billed_through",
        ).remarks
        == []
    )

    cancel_subscription(subscription=moved, actor=TEST_ACTOR, at=JAN_20)

    whole = {"own": "5.50", "lago": "5.50", "killbill": "6.00", "stripe": "5.79"}
    assert CreditNote.objects.get().subtotal.amount == D(whole[policy])


@pytest.mark.parametrize("policy", POLICIES)
def test_no_more_is_given_back_than_was_billed_whatever_it_costs_here(policy: str) -> None:
    version = seats("310.00", policy, code="small")
    moved = arrive(version)
    done = bills("old-moved,R-77,5.00,2026-01-31")

    cancel_subscription(subscription=moved, actor=TEST_ACTOR, at=JAN_10)

    assert [(r.line, r.field) for r in done.remarks] == [(2, "billed_amount")]
    assert CreditNote.objects.get().subtotal.amount <= D("5.00")
    assert credit_of(moved.customer_id, "EUR") <= Money(D("5.95"), "EUR")


def test_time_is_given_back_once_and_a_second_change_counts_from_what_the_first_charged() -> None:
    small = seats("31.00", code="small")
    large = seats("62.00", code="large")
    moved = arrive(small)
    bills("old-moved,R-77,31.00,2026-01-31")
    upgrade(moved, large)

    cancel_subscription(subscription=moved, actor=TEST_ACTOR, at=JAN_20)

    change = Invoice.objects.get(kind="change")
    assert lines_of(change) == [("proration_credit", "-12.00"), ("proration_charge", "72.00")]
    carried = CreditNote.objects.exclude(invoice=change).get()
    assert (str(carried.invoice), carried.invoice.state) == ("R-77", "elsewhere")
    assert sum(n.subtotal.amount for n in CreditNote.objects.all()) <= D("72.00")


def test_a_price_with_tax_says_its_amounts_with_tax() -> None:
    version = published_version(
        recurring("119.00"),
        plan=make_plan(code="gross"),
        currency="EUR",
        at=at("2020-01-01"),
        includes_tax=True,
    )
    moved = arrive(version)
    bills("old-moved,R-77,119.00,2026-01-31")
    kept = Invoice.objects.get()
    assert (kept.subtotal.amount, kept.tax.amount) == (D("100.00"), D("19.00"))

    cancel_subscription(subscription=moved, actor=TEST_ACTOR, at=JAN_10)

    note = CreditNote.objects.get()
    assert (note.total.amount, note.tax.amount) == (D("80.61"), D("12.87"))


def test_the_tax_that_was_charged_there_is_what_is_taken_back() -> None:
    version = seats("31.00", code="small")
    moved = arrive(version)
    done = bills(
        "old-moved,R-77,31.00,2.17,2026-01-31",
        header="subscription,invoice,billed_amount,tax,billed_through",
    )
    assert [(r.line, r.field) for r in done.remarks] == [(2, "tax")]

    cancel_subscription(subscription=moved, actor=TEST_ACTOR, at=JAN_10)

    note = CreditNote.objects.get()
    assert (note.subtotal.amount, note.tax.amount) == (D("21.00"), D("1.47"))
    assert [row["percentage"] for row in note.tax_breakdown] == ["7"]


def test_an_add_on_gives_back_what_was_billed_for_it() -> None:
    version = seats("31.00", code="small")
    extra = seats("15.50", code="extra", is_add_on=True)
    moved = arrive(version)
    move_belongings_in(
        kind=BelongingKind.ADD_ONS,
        text="subscription,add_on,quantity\nold-moved,extra,2",
        actor=TEST_ACTOR,
        at=JAN_10,
        is_dry_run=False,
    )
    done = bills(
        "old-moved,R-77,,31.00,2026-01-31",
        "old-moved,R-77,extra,31.00,2026-01-31",
        header="subscription,invoice,add_on,billed_amount,billed_through",
    )
    assert (done.errors, done.remarks, done.made) == ([], [], 2)

    change_add_on(subscription=moved, plan_version=extra, quantity=4, actor=TEST_ACTOR, at=JAN_20)

    assert lines_of(Invoice.objects.get(kind="change")) == [
        ("proration_credit", "-12.00"),
        ("proration_charge", "24.00"),
    ]


def test_the_books_take_it_as_an_opening_balance_and_come_out_even() -> None:
    version = seats("31.00", code="small")
    moved = arrive(version)
    bills("old-moved,R-77,31.00,2026-01-31")
    post_documents(at=JAN_10)

    entry = JournalEntry.objects.get()
    assert (entry.kind, entry.effective_on) == ("moved_in_billed", date(2026, 1, 10))
    assert amounts("moved_in_billed") == {"3900": 2200, "2200": -2200}

    cancel_subscription(subscription=moved, actor=TEST_ACTOR, at=JAN_10)
    post_documents(at=JAN_10)

    assert amounts("credit_note_issued") == {"2200": 2100, "2100": 399, "2300": -2499}
    assert unposted_count(at=JAN_10) == 0
    report = tax_report(since=date(2026, 1, 1), until=date(2026, 1, 31), currency="EUR")
    assert (report.owed, report.difference) == (D("-3.99"), D(0))
    account = statement_of(moved.customer, "EUR", start=at("2026-01-01"), end=at("2026-02-01"))
    assert not account.closing


def amounts(kind: str) -> dict[str, int]:
    rows = Posting.objects.filter(entry__kind=kind)
    return dict(rows.values_list("account__code", "amount_minor"))


def test_it_is_owed_by_nobody_and_in_no_list_of_ours() -> None:
    moved = arrive(seats("31.00", code="small"))
    bills("old-moved,R-77,31.00,2026-01-31")

    kept = Invoice.objects.get()
    assert (kept.number, str(kept), kept.amount_due) == (None, "R-77", Money(0, "EUR"))
    assert not Invoice.objects.final().exists()
    assert not Invoice.objects.owed().exists()
    run_billing(at=at("2026-02-01"))
    assert Invoice.objects.final().get().total.amount == D("36.89")
    assert moved.invoices.count() == 2


def test_the_same_file_again_makes_nothing_more_and_another_amount_is_refused() -> None:
    arrive(seats("31.00", code="small"))
    line = "old-moved,R-77,31.00,2026-01-31"

    first, again = bills(line), bills(line, when=at("2026-03-05"))
    other = bills("old-moved,R-77,30.00,2026-01-31")

    assert (first.made, again.made, again.known, again.errors) == (1, 0, 1, [])
    assert [(e.line, e.field) for e in other.errors] == [(2, "billed_amount")]


def test_a_dry_run_says_what_was_billed_and_how_much_of_it_is_still_to_be_served() -> None:
    arrive(seats("31.00", code="small"))

    done = bills("old-moved,R-77,31.00,2026-01-31", is_dry_run=True)

    assert {name: amount.amount for (name, _), amount in done.sums.items()} == {
        "Billed": D("31.00"),
        "Tax on it": D("5.89"),
        "Of it, for days from today on": D("22.00"),
    }
    assert not Invoice.objects.exists()


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("nobody,R-77,31.00,2026-01-31,,,,", "subscription"),
        ("old-moved,R-77,31.00,2026-02-01,,,,", "billed_through"),
        ("old-moved,R-77,31.00,2025-12-31,,,,", "billed_through"),
        ("old-moved,R-77,31.00,2026-01-31,2025-12-31,,,", "billed_from"),
        ("old-moved,R-77,31.00,2026-01-31,2026-02-01,,,", "billed_from"),
        ("old-moved,R-77,31.001,2026-01-31,,,,", "billed_amount"),
        ("old-moved,R-77,0,2026-01-31,,,,", "billed_amount"),
        ("old-moved,R-77,-5,2026-01-31,,,,", "billed_amount"),
        ("old-moved,R-77,31.00,2026-01-31,,31.00,,", "tax"),
        ("old-moved,R-77,31.00,2026-01-31,,,-1,", "discount"),
        ("old-moved,R-77,31.00,2026-01-31,,,,extra", "add_on"),
        (f"old-moved,{'R' * 65},31.00,2026-01-31,,,,", "invoice"),
        ("old-moved,,31.00,2026-01-31,,,,", "invoice"),
    ],
)
def test_what_cannot_have_been_billed_is_told_by_its_field(line: str, field: str) -> None:
    arrive(seats("31.00", code="small"))

    done = bills(line, header=f"{HEADER},billed_from,tax,discount,add_on")

    assert [(e.line, e.field) for e in done.errors] == [(2, field)]
    assert not Invoice.objects.exists()


def test_what_is_billed_here_or_has_changed_takes_no_bill_of_before() -> None:
    version = seats("31.00", code="small")
    here, moved = stay(version), arrive(version)
    metered = fee_of("31.00", timing="arrears", currency="EUR", code="later")
    later = arrive(metered, name="later")
    upgrade(moved, seats("62.00", code="large"))

    done = bills(
        f"{here.reference},R-1,31.00,2026-01-31",
        "old-moved,R-2,31.00,2026-01-31",
        f"{later.reference},R-3,31.00,2026-01-31",
    )
    run_billing(at=at("2026-02-01"))
    late = bills("old-moved,R-2,62.00,2026-02-28", when=at("2026-02-02"))

    assert [(e.line, e.field) for e in done.errors] == [(n, "subscription") for n in (2, 3, 4)]
    assert [(e.line, e.field) for e in late.errors] == [(2, "subscription")]


def test_the_database_keeps_it_as_it_was_brought() -> None:
    arrive(seats("31.00", code="small"))
    bills("old-moved,R-77,31.00,2026-01-31")
    kept = Invoice.objects.filter(reference="R-77")

    for change in ({"reference": "R-78"}, {"state": "open"}, {"state": "draft"}, {"total": 1}):
        with pytest.raises((IntegrityError, InternalError)), transaction.atomic():
            kept.update(**change)


def test_its_credit_note_and_its_pages_name_the_number_that_it_had(client: Client) -> None:
    moved = arrive(seats("31.00", code="small"))
    bills("old-moved,R-77,31.00,2026-01-31")
    cancel_subscription(subscription=moved, actor=TEST_ACTOR, at=JAN_10)
    note, kept = CreditNote.objects.get(), Invoice.objects.get(state="elsewhere")
    client.force_login(make_user(Role.FINANCE))

    assert "R-77" in str(credit_note_content(note)["facts"])
    for url in (
        reverse("credit_note_detail", args=[note.number]),
        reverse("invoice_detail", args=[kept.address_key]),
        reverse("invoice_line_detail", args=[kept.address_key, kept.lines.get().pk]),
        reverse("invoice_list") + "?state=elsewhere",
    ):
        answer = client.get(url)
        assert (answer.status_code, "R-77" in answer.content.decode()) == (200, True), url
    assert "R-77" not in client.get(reverse("invoice_list")).content.decode()


def test_one_that_was_brought_wrongly_is_taken_back_and_brought_again(client: Client) -> None:
    moved = arrive(seats("31.00", code="small"))
    bills("old-moved,R-77,30.00,2026-01-31")
    post_documents(at=JAN_10)
    wrong = Invoice.objects.get()
    client.force_login(make_user(Role.FINANCE))
    url = reverse("opening_bill_taking_back", args=[wrong.address_key])

    client.post(url, {"reason": ""})
    assert bills("old-moved,R-77,31.00,2026-01-31").errors
    client.post(url, {"reason": "A slip of the pen"})
    assert bills("old-moved,R-77,31.00,2026-01-31").made == 1

    wrong.refresh_from_db()
    assert wrong.state == "discarded"
    cancel_subscription(subscription=moved, actor=TEST_ACTOR, at=JAN_10)
    assert CreditNote.objects.get().invoice.total.amount == D("36.89")
    post_documents(at=datetime(2030, 1, 1, tzinfo=UTC))
    rows = Posting.objects.filter(document_id=wrong.pk).values_list("account__code")
    left = rows.annotate(Sum("amount_minor")).order_by("account__code")
    assert set(left) == {
        ("2200", 0),
        ("3900", 0),
    }


@pytest.mark.parametrize("act", [upgrade, end])
def test_one_that_was_given_back_of_stays(
    act: Callable[[Subscription, PlanVersion], None],
) -> None:
    moved = arrive(seats("31.00", code="small"))
    bills("old-moved,R-77,31.00,2026-01-31")
    act(moved, seats("62.00", code="large"))
    kept = Invoice.objects.get(reference="R-77")

    with pytest.raises(OpeningBillUsed):
        take_opening_bill_back(invoice=kept, reason="No", actor=TEST_ACTOR, at=JAN_20)
    with pytest.raises((IntegrityError, InternalError)), transaction.atomic():
        Invoice.objects.filter(pk=kept.pk).update(state="discarded")


def test_the_customer_is_told_of_its_credit_note_with_a_way_to_the_credit() -> None:
    start_announcing(at=JAN_1)
    moved = arrive(seats("31.00", code="small"))
    bills("old-moved,R/77,31.00,2026-01-31")
    cancel_subscription(subscription=moved, actor=TEST_ACTOR, at=JAN_10)

    announce_new(at=JAN_20)

    told = Announcement.objects.get(kind="credit_note.issued")
    assert told.facts["invoice"] == "R/77"
    text = render_notice(
        kind=told.kind,
        facts=told.facts,
        locale="de",
        time_zone="UTC",
        customer_id=moved.customer_id,
        customer_name="Acme",
    ).text
    assert "R/77" in text
    assert reverse("portal_credit") in text
