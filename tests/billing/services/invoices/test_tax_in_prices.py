"""Prices that include tax, and several taxes on a line: to the cent, through every document."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from hypothesis import given
from hypothesis import strategies as st

from analytics.models import MrrMovement
from analytics.services.movements import record_movements
from billing.models import CreditNote, Invoice, InvoiceLine, TaxRate
from billing.queries.explanation import explain_line
from billing.services.changes.cancelling import cancel_subscription
from billing.services.changes.plan_changes import change_plan
from billing.services.credit.coupons import CouponDetails, create_coupon, redeem_coupon
from billing.services.credit.credit_notes import issue_credit_note
from billing.services.documents.credit_note_pages import credit_note_content
from billing.services.documents.invoice_pages import invoice_content
from billing.services.invoices.ahead import bill_usage_ahead
from billing.services.invoices.renewal import run_billing
from subscriptions.models import Customer, Plan, PlanVersion, Subscription
from tests.factories.lifecycle import at, begin, taxed_customer
from tests.factories.subscriptions import (
    TEST_ACTOR,
    make_customer,
    make_plan,
    per_call,
    published_version,
    recurring,
)
from tests.factories.usage import use
from tests.shared_world import undone
from tests.strategies import histories

pytestmark = pytest.mark.django_db
LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)
FEB_1 = datetime(2026, 2, 1, tzinfo=UTC)
D = Decimal


def with_tax(amount: str, *, plan: Plan | None = None, includes_tax: bool = True) -> PlanVersion:
    return published_version(
        recurring(amount),
        plan=plan or make_plan(),
        currency="EUR",
        at=LONG_AGO,
        includes_tax=includes_tax,
    )


def sums(document: Invoice | CreditNote) -> tuple[Decimal, Decimal, Decimal]:
    return document.subtotal.amount, document.tax.amount, document.total.amount


def first(subscription: Subscription) -> Invoice:
    return Invoice.objects.filter(subscription=subscription).order_by("created_at").first()  # type: ignore[return-value]


def canadian(region: str = "QC") -> Customer:
    since = date(2001, 1, 1)
    for levy, where, name, percentage in (
        ("gst", "", "GST", "5"),
        ("qst", "QC", "QST", "9.975"),
        ("gst", "ON", "HST", "13"),
    ):
        TaxRate.objects.create(
            code=f"ca-{name.lower()}",
            name=name,
            country="CA",
            region=where,
            levy=levy,
            percentage=D(percentage),
            valid_from=since,
        )
    return make_customer(country="CA", region=region, currency="CAD")


def in_cad(amount: str) -> PlanVersion:
    return published_version(recurring(amount), currency="CAD", at=LONG_AGO)


def test_a_price_with_tax_is_what_the_customer_pays() -> None:
    invoice = first(begin(with_tax("119.00"), "2026-01-01", customer=taxed_customer("19")))

    assert sums(invoice) == (D("100.00"), D("19.00"), D("119.00"))
    line = invoice.lines.get()
    assert (line.amount.amount, line.tax_amount.amount) == (D(100), D(19))
    assert (line.charged.amount, line.includes_tax) == (D(119), True)


def test_who_owes_no_tax_pays_the_same_price() -> None:
    customer = taxed_customer("19", is_tax_exempt=True)

    invoice = first(begin(with_tax("119.00"), "2026-01-01", customer=customer))

    assert sums(invoice) == (D(119), D(0), D(119))


def test_what_is_given_back_at_the_end_is_a_share_of_the_price_with_tax() -> None:
    """Of 31.00 for January, ended on the 16th, 15.00 come back: 12.60 and 2.40 of tax."""
    subscription = begin(with_tax("31.00"), "2026-01-01", customer=taxed_customer("19"))

    cancel_subscription(subscription=subscription, at=at("2026-01-16T10:00"), actor=TEST_ACTOR)

    assert sums(CreditNote.objects.get()) == (D("12.60"), D("2.40"), D("15.00"))


def test_a_change_of_plan_prorates_prices_with_tax() -> None:
    subscription = begin(with_tax("31.00"), "2026-01-01", customer=taxed_customer("19"))

    done = change_plan(
        subscription=subscription,
        plan_version=with_tax("62.00"),
        quantity=1,
        actor=TEST_ACTOR,
        at=at("2026-01-18T12:00"),
    )

    assert done.invoice is not None
    assert [line.charged.amount for line in done.invoice.lines.all()] == [D(-14), D(28)]
    assert sums(done.invoice) == (D("11.76"), D("2.24"), D("14.00"))


def test_a_price_without_tax_is_given_back_by_a_note_beside_one_with_tax() -> None:
    """Net and gross are never netted on one invoice: the credit is a document of its own."""
    subscription = begin(
        with_tax("31.00", includes_tax=False), "2026-01-01", customer=taxed_customer("19")
    )

    done = change_plan(
        subscription=subscription,
        plan_version=with_tax("62.00"),
        quantity=1,
        actor=TEST_ACTOR,
        at=at("2026-01-18T12:00"),
    )

    assert done.invoice is not None
    assert sums(done.invoice) == (D("23.53"), D("4.47"), D("28.00"))
    assert sums(CreditNote.objects.get()) == (D("14.00"), D("2.66"), D("16.66"))


def test_a_coupon_comes_off_the_price_with_tax() -> None:
    customer = taxed_customer("19")
    ten = CouponDetails(code="TEN", name="Ten", percentage=D(10), duration="forever")
    create_coupon(details=ten, at=LONG_AGO)
    redeem_coupon(customer=customer, code="TEN", actor=TEST_ACTOR, at=LONG_AGO)

    invoice = first(begin(with_tax("119.00"), "2026-01-01", customer=customer))

    assert sums(invoice) == (D("90.00"), D("17.10"), D("107.10"))
    assert invoice.lines.get().discount.amount == D("11.90")


def test_usage_billed_as_it_came_is_taken_off_with_its_tax() -> None:
    customer = taxed_customer("19")
    price = per_call("1.19", included="0", timing="advance")
    version = published_version(price, currency="EUR", at=LONG_AGO, includes_tax=True)
    begin(version, "2026-01-01", customer=customer)
    use(customer, 10, at("2026-01-05T12:00"))
    bill_usage_ahead(at=at("2026-01-05T12:00"))
    use(customer, 5, at("2026-01-06T12:00"))

    run_billing(at=FEB_1)

    early, closing = Invoice.objects.order_by("created_at")
    assert (early.total.amount, closing.total.amount) == (D("11.90"), D("5.95"))


def test_recurring_revenue_is_without_the_tax_that_prices_include() -> None:
    begin(with_tax("119.00"), "2026-01-01", customer=taxed_customer("19"))

    record_movements(at=FEB_1)

    assert MrrMovement.objects.get().amount.amount == D(100)


def test_canada_charges_two_taxes_on_one_line() -> None:
    invoice = first(begin(in_cad("100.00"), "2026-01-01", customer=canadian()))

    assert sums(invoice) == (D(100), D("14.98"), D("114.98"))
    rows = [(row["code"], row["jurisdiction"], row["tax"]) for row in invoice.tax_breakdown]
    assert rows == [("ca-gst", "CA", "5.00"), ("ca-qst", "CA-QC", "9.98")]
    line = invoice.lines.get()
    assert line.tax_code == "ca-gst+ca-qst"
    assert line.taxes == [{"code": "ca-gst", "tax": "5.00"}, {"code": "ca-qst", "tax": "9.98"}]
    explained = explain_line(line, invoice).taxes
    assert [(tax.name, tax.tax.amount) for tax in explained] == [
        ("GST", D("5.00")),
        ("QST", D("9.98")),
    ]


def test_a_regions_rate_stands_in_for_the_countrys() -> None:
    invoice = first(begin(in_cad("100.00"), "2026-01-01", customer=canadian("ON")))

    assert [(row["name"], row["tax"]) for row in invoice.tax_breakdown] == [("HST", "13.00")]
    assert invoice.lines.get().taxes == []


def test_a_compound_tax_is_charged_on_the_others_too() -> None:
    """Quebec until 2012: 9.5 % on the price and GST."""
    customer = canadian()
    TaxRate.objects.filter(levy="qst").update(percentage=D("9.5"), is_compound=True)

    invoice = first(begin(in_cad("100.00"), "2026-01-01", customer=customer))

    assert [row["tax"] for row in invoice.tax_breakdown] == ["5.00", "9.98"]


def test_credit_notes_give_each_tax_back_to_the_last_cent() -> None:
    invoice = first(begin(in_cad("100.00"), "2026-01-01", customer=canadian()))

    for number, amount in enumerate(["33.33", "33.33", None]):
        issue_credit_note(
            invoice=invoice,
            reason="test",
            idempotency_key=f"n:{number}",
            amount=D(amount) if amount else None,
            at=at("2026-01-10"),
        )

    notes = CreditNote.objects.order_by("issued_at", "number")
    by_tax = [[D(row["tax"]) for row in note.tax_breakdown] for note in notes]
    assert [sum(column) for column in zip(*by_tax, strict=True)] == [D("5.00"), D("9.98")]
    assert all(sum(taxes) == note.tax.amount for taxes, note in zip(by_tax, notes, strict=True))


def test_postgresql_keeps_several_taxes_to_their_sum() -> None:
    invoice = first(begin(in_cad("100.00"), "2026-01-01", customer=canadian()))
    draft = Invoice.objects.create(
        id="00000000-0000-7000-8000-000000000001",
        customer=invoice.customer,
        kind="period",
        currency="CAD",
        period_start=LONG_AGO,
        period_end=FEB_1,
        idempotency_key="attack",
    )

    with pytest.raises(IntegrityError, match="line_taxes_add_up"), transaction.atomic():
        InvoiceLine.objects.create(
            id="00000000-0000-7000-8000-000000000002",
            invoice=draft,
            position=1,
            kind="recurring",
            description="Attack",
            period_start=LONG_AGO,
            period_end=FEB_1,
            currency="CAD",
            amount=D(100),
            tax_amount=D("14.98"),
            taxes=[{"code": "ca-gst", "tax": "5.00"}],
        )


def test_postgresql_keeps_whether_published_prices_include_tax() -> None:
    version = with_tax("119.00")

    with pytest.raises(IntegrityError, match="frozen"), transaction.atomic():
        PlanVersion.objects.filter(pk=version.pk).update(includes_tax=False)


def test_documents_show_prices_with_tax_and_what_is_in_them() -> None:
    invoice = first(begin(with_tax("119.00"), "2026-01-01", customer=taxed_customer("19")))
    note = issue_credit_note(
        invoice=invoice, reason="test", idempotency_key="n", amount=D("11.90"), at=at("2026-01-10")
    )

    printed, credited = invoice_content(invoice), credit_note_content(note)

    (line,) = printed["lines"]
    assert (line["unit_price"], line["amount"]) == ("€119.00", "€119.00")
    assert [(row["name"], row["amount"]) for row in printed["totals"]][:2] == [
        ("Total", "€119.00"),
        ("including VAT 19\N{NO-BREAK SPACE}% on €100.00", "€19.00"),
    ]
    assert credited["lines"][0]["amount"] == "€11.90"
    assert credited["totals"][1]["name"] == "including VAT 19\N{NO-BREAK SPACE}% on €10.00"


@given(
    price=st.integers(1, 10**6),
    parts=st.lists(st.integers(1, 10**5), max_size=4),
    percentage=st.sampled_from(["19", "7", "5.5", "25"]),
)
@histories(12, thorough=40)
@undone()
def test_no_cent_of_a_price_with_tax_is_lost_by_credit_notes(
    price: int, parts: list[int], percentage: str
) -> None:
    amount = D(price).scaleb(-2)
    customer = taxed_customer(percentage)
    invoice = first(begin(with_tax(str(amount)), "2026-01-01", customer=customer))
    line = invoice.lines.get()
    left = price
    for number, part in enumerate(parts):
        taken = min(part, left)
        if taken:
            issue_credit_note(
                invoice=invoice,
                reason="test",
                idempotency_key=f"{number}",
                line_amounts={line.pk: D(taken).scaleb(-2)},
                at=at("2026-01-10"),
            )
            left -= taken
    if left:
        issue_credit_note(
            invoice=invoice, reason="rest", idempotency_key="rest", at=at("2026-01-11")
        )

    assert invoice.total.amount == amount
    notes = list(CreditNote.objects.filter(invoice=invoice))
    assert sum(note.tax.amount for note in notes) == invoice.tax.amount
    assert sum(note.subtotal.amount for note in notes) == invoice.subtotal.amount
