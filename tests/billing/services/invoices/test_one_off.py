"""One-off charges: invoices without a subscription, previewed, issued once, posted, collected."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.domain.price_terms import ChargeModel, PriceTerms
from billing.domain.rating import rate
from billing.errors import ChargeInvalid, ChargeKeyReused
from billing.models import CouponRedemption, Invoice, TaxRate
from billing.queries.explanation import explain_line
from billing.services.credit.coupons import CouponDetails, create_coupon, redeem_coupon
from billing.services.credit.credit_notes import issue_credit_note
from billing.services.credit.customer_credit import grant_credit
from billing.services.documents.invoice_pages import invoice_content
from billing.services.invoices.draft_review import finalize_invoice
from billing.services.invoices.invoicing import void_invoice
from billing.services.invoices.one_off import ChargeLine, OneOffCharge, charge_once, preview_one_off
from finance.models import Posting
from finance.queries import unposted_count
from finance.services.posting import post_documents
from subscriptions.models import Customer
from tests.factories.subscriptions import JAN_1, TEST_ACTOR, make_customer
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def hours(customer: Customer | None = None, **terms: object) -> OneOffCharge:
    """Three hours and a book, 400.00 before tax."""
    lines = [
        ChargeLine(description="Training", quantity=Decimal("2.5"), unit_price=Decimal("150.00")),
        ChargeLine(description="Handbook", unit_price=Decimal(25), tax_category="books"),
    ]
    given: dict[str, object] = {"lines": lines, **terms}
    return OneOffCharge(
        customer=customer or make_customer(country="DE"),
        currency="EUR",
        **given,  # type: ignore[arg-type]
    )


def taxed() -> None:
    for code, category, percentage in (("DE", "", 19), ("DE-B", "books", 7)):
        TaxRate.objects.create(
            country="DE", code=code, category=category, name="VAT", percentage=percentage,
            valid_from=JAN_1.date(),
        )  # fmt: skip


def issued(charge: OneOffCharge, key: str = "k", **terms: bool) -> Invoice:
    return charge_once(charge=charge, idempotency_key=key, actor=TEST_ACTOR, at=NOON, **terms)


def test_an_invoice_of_one_off_charges_is_issued_with_the_tax_of_each_category() -> None:
    taxed()

    invoice = issued(hours())

    assert (invoice.state, invoice.kind, invoice.subscription) == ("open", "one_off", None)
    assert invoice.events.get().actor == "test"
    amounts = [(line.amount.amount, line.tax_amount.amount) for line in invoice.lines.all()]
    assert amounts == [(Decimal("375.00"), Decimal("71.25")), (Decimal("25.00"), Decimal("1.75"))]
    assert invoice.total == Money("473.00", "EUR")
    assert invoice.due_at == NOON + timedelta(days=14)


def test_the_preview_is_what_is_then_issued() -> None:
    taxed()
    customer = make_customer(country="DE")
    coupon = CouponDetails(code="TENTH", name="Tenth", percentage=Decimal(10))
    create_coupon(details=coupon, at=JAN_1)
    redeem_coupon(code="TENTH", customer=customer, actor=TEST_ACTOR, at=JAN_1)
    grant_credit(
        customer=customer, amount=Money(100, "EUR"), reason="Sorry", idempotency_key="g",
        actor=TEST_ACTOR, at=JAN_1,
    )  # fmt: skip
    charge = hours(customer, takes_coupons=True)

    preview = preview_one_off(charge=charge, at=NOON)
    before = Invoice.objects.count()
    invoice = issued(charge)

    assert before == 0
    assert preview.totals.total == invoice.total == Money("425.71", "EUR")
    assert preview.due == invoice.amount_due == Money("325.71", "EUR")
    assert [line.amount for line in preview.lines] == [line.amount for line in invoice.lines.all()]


def test_coupons_wait_for_a_subscription_unless_they_are_asked_for() -> None:
    taxed()
    customer = make_customer(country="DE")
    create_coupon(
        details=CouponDetails(code="TENTH", name="Tenth", percentage=Decimal(10)), at=JAN_1
    )
    redeem_coupon(code="TENTH", customer=customer, actor=TEST_ACTOR, at=JAN_1)

    assert issued(hours(customer)).subtotal == Money("400.00", "EUR")
    assert issued(hours(customer, takes_coupons=True), "two").subtotal == Money("360.00", "EUR")
    assert CouponRedemption.objects.get().state == "used_up"


def test_a_coupon_for_several_periods_loses_none_to_a_one_off_charge() -> None:
    taxed()
    customer = make_customer(country="DE")
    details = CouponDetails(
        code="HALF", name="Half", percentage=Decimal(50), duration="repeating", periods=3
    )
    create_coupon(details=details, at=JAN_1)
    redemption = redeem_coupon(code="HALF", customer=customer, actor=TEST_ACTOR, at=JAN_1)

    invoice = issued(hours(customer, takes_coupons=True))

    redemption.refresh_from_db()
    assert invoice.subtotal == Money("200.00", "EUR")
    assert redemption.uses_left == 3


def test_the_same_key_gives_the_same_invoice_and_never_another() -> None:
    taxed()
    charge = hours()

    first, again = issued(charge), issued(charge)

    assert first == again
    with pytest.raises(ChargeKeyReused):
        issued(replace(charge, lines=charge.lines[:1]))
    assert Invoice.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_same_key_twice_at_once_charges_once() -> None:
    taxed()
    charge = hours()

    def send(_: int) -> Invoice:
        try:
            return issued(charge)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(send, range(4)))

    assert len(set(found)) == Invoice.objects.count() == 1


def test_a_draft_waits_and_is_issued_like_any_other() -> None:
    taxed()

    draft = issued(hours(due_days=30), is_draft=True)
    final = finalize_invoice(invoice=draft, at=NOON + timedelta(days=1))

    assert (draft.state, draft.number) == ("draft", None)
    assert final.number
    assert final.due_at == NOON + timedelta(days=31)


def test_it_is_in_the_books_and_taken_out_of_them_again() -> None:
    taxed()
    first, second = issued(hours()), issued(hours(), "two")
    issue_credit_note(
        invoice=first, reason="Half", amount=Decimal(50), idempotency_key="n", at=NOON
    )
    void_invoice(invoice=second, at=NOON)

    post_documents(at=NOON)

    assert unposted_count(at=NOON) == 0
    sums: dict[str, int] = {}
    for posting in Posting.objects.select_related("account"):
        code = posting.account.code
        sums[code] = sums.get(code, 0) + posting.amount_minor
    assert sum(sums.values()) == 0
    assert sums["4000"] == -40000
    assert sums["1200"] == 42300


def test_every_line_can_be_explained_and_printed() -> None:
    taxed()
    invoice = issued(hours())
    line = invoice.lines.first()
    assert line is not None

    explanation = explain_line(line, invoice)

    assert explanation.agrees
    assert explanation.derivation is not None
    assert explanation.derivation.amount == "375.00"
    printed = invoice_content(invoice)["lines"]
    assert [row["description"] for row in printed] == ["Training", "Handbook"]


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ({"description": " "}, "description"),
        ({"quantity": Decimal(0)}, "quantity"),
        ({"quantity": Decimal("NaN")}, "quantity"),
        ({"unit_price": Decimal("-1")}, "unit_price"),
        ({"unit_price": Decimal("0.00000000001")}, "unit_price"),
        ({"unit_price": Decimal("1e30")}, "unit_price"),
    ],
)
def test_a_line_that_makes_no_sense_is_refused_by_its_field(
    line: dict[str, object], field: str
) -> None:
    taxed()
    first = replace(hours().lines[0], **line)  # type: ignore[arg-type]

    with pytest.raises(ChargeInvalid) as refusal:
        issued(hours(lines=[first]))

    assert refusal.value.field == field
    assert "line 1" in refusal.value.message
    assert not Invoice.objects.exists()


def test_a_charge_of_nothing_is_refused() -> None:
    with pytest.raises(ChargeInvalid, match="nothing to charge"):
        issued(hours(lines=[]))


@settings(deadline=None, max_examples=200)
@given(
    quantity=st.decimals("0.0001", "100000", places=4),
    price=st.decimals("0", "100000", places=6),
)
def test_a_charge_is_its_quantity_times_its_price_rounded_once(
    quantity: Decimal, price: Decimal
) -> None:
    terms = PriceTerms(model=ChargeModel.PER_UNIT, currency="EUR", unit_amount=price)

    rounded = rate(quantity, terms).rounded.amount

    assert abs(Fraction(rounded) - Fraction(quantity) * Fraction(price)) <= Fraction(1, 200)
