"""Each document makes the entry that docs/ledger.md says, and no story leaves the books skew."""

from collections.abc import Sequence
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finance.domain import chart
from finance.domain.entries import (
    credit_applied,
    credit_granted,
    credit_note_issued,
    credit_returned,
    credit_withdrawn,
    invoice_finalized,
    invoice_voided,
    invoice_written_off,
    payment_captured,
    refund_paid,
    revenue_recognized,
)
from finance.domain.facts import (
    CreditLineFact,
    CreditNoteFact,
    Earned,
    InvoiceFact,
    InvoiceLineFact,
    MovementFact,
    PaymentFact,
    WriteOffFact,
)
from finance.domain.journal import Entry, account_balances
from finance.errors import DocumentInconsistent
from tests.golden import cents

ON = date(2026, 5, 1)


def _invoice(lines: Sequence[tuple[int, Earned]], tax: int) -> InvoiceFact:
    return InvoiceFact(
        id="1",
        number="INV-000001",
        customer="7",
        lines=[InvoiceLineFact(amount=cents(minor), earned=earned) for minor, earned in lines],
        tax=cents(tax),
        total=cents(sum(minor for minor, _ in lines) + tax),
    )


def _credit_note(lines: Sequence[tuple[int, int]], tax: int, to_balance: int = 0) -> CreditNoteFact:
    return CreditNoteFact(
        id="2",
        number="CN-000001",
        customer="7",
        lines=[CreditLineFact(unearned=cents(u), earned=cents(e)) for u, e in lines],
        tax=cents(tax),
        total=cents(sum(u + e for u, e in lines) + tax),
        to_balance=cents(to_balance),
    )


def _postings(entry: Entry | None) -> list[tuple[str, int]]:
    assert entry is not None
    return [(posting.account_code, posting.amount_minor) for posting in entry.postings]


def _balances(*entries: Entry | None) -> dict[str, int]:
    made = [entry for entry in entries if entry is not None]
    return {code: sum_ for (code, _), sum_ in account_balances(made).items() if sum_}


def test_an_invoice_defers_what_is_in_advance_and_earns_usage_and_arrears() -> None:
    invoice = _invoice(
        [(10000, Earned.OVER_TIME), (2500, Earned.USAGE), (500, Earned.ARREARS)], 2470
    )

    entry = invoice_finalized(invoice, on=ON)

    assert _postings(entry) == [
        (chart.RECEIVABLE, 15470),
        (chart.CONTRACT_LIABILITY, -10000),
        (chart.SUBSCRIPTION_REVENUE, -500),
        (chart.USAGE_REVENUE, -2500),
        (chart.VAT_PAYABLE, -2470),
    ]


def test_an_entry_says_whose_it_is_and_under_which_rules() -> None:
    entry = invoice_finalized(_invoice([(10000, Earned.OVER_TIME)], 0), on=ON)

    assert entry is not None
    assert (entry.kind, entry.key) == ("invoice_finalized", "invoice:1:finalized:v1")
    assert {(p.customer, p.document) for p in entry.postings} == {("7", "1")}


def test_a_credit_line_on_an_invoice_lowers_the_liability() -> None:
    invoice = _invoice([(1000, Earned.OVER_TIME), (-400, Earned.OVER_TIME)], 114)

    assert _postings(invoice_finalized(invoice, on=ON)) == [
        (chart.RECEIVABLE, 714),
        (chart.CONTRACT_LIABILITY, -600),
        (chart.VAT_PAYABLE, -114),
    ]


def test_an_invoice_of_nothing_makes_no_entry() -> None:
    assert invoice_finalized(_invoice([(0, Earned.USAGE)], 0), on=ON) is None


def test_an_invoice_that_does_not_add_up_is_not_posted() -> None:
    wrong = InvoiceFact(
        id="1",
        number="INV-000001",
        customer="7",
        lines=[InvoiceLineFact(amount=cents(100), earned=Earned.USAGE)],
        tax=cents(19),
        total=cents(120),
    )

    with pytest.raises(DocumentInconsistent, match="INV-000001"):
        invoice_finalized(wrong, on=ON)


def test_a_void_invoice_leaves_nothing() -> None:
    entry = invoice_finalized(_invoice([(10000, Earned.OVER_TIME)], 1900), on=ON)
    assert entry is not None

    voided = invoice_voided(entry, on=date(2026, 5, 3))

    assert _balances(entry, voided) == {}
    assert voided.effective_on == date(2026, 5, 3)


def test_a_payment_leaves_the_processors_debt_less_its_fee() -> None:
    payment = PaymentFact(id="3", customer="7", amount=cents(11900), fee=cents(200))

    entry = payment_captured(payment, on=ON)

    assert _postings(entry) == [
        (chart.GATEWAY_CLEARING, 11900),
        (chart.RECEIVABLE, -11900),
        (chart.PROCESSOR_FEES, 200),
        (chart.GATEWAY_CLEARING, -200),
    ]
    assert _balances(entry)[chart.GATEWAY_CLEARING] == 11700


def test_a_payment_without_a_fee_posts_no_fee() -> None:
    payment = PaymentFact(id="3", customer="7", amount=cents(11900), fee=cents(0))

    assert len(_postings(payment_captured(payment, on=ON))) == 2


def test_a_credit_note_and_its_refund_give_back_what_was_paid() -> None:
    note = _credit_note([(6000, 4000)], 1900)
    refund = MovementFact(id="4", customer="7", amount=cents(11900))

    assert _postings(credit_note_issued(note, on=ON)) == [
        (chart.CONTRACT_LIABILITY, 6000),
        (chart.REVENUE_REFUNDS, 4000),
        (chart.VAT_PAYABLE, 1900),
        (chart.RECEIVABLE, -11900),
    ]
    assert _postings(refund_paid(refund, on=ON)) == [
        (chart.RECEIVABLE, 11900),
        (chart.GATEWAY_CLEARING, -11900),
    ]


def test_what_a_credit_note_puts_on_the_balance_is_owed_to_the_customer() -> None:
    note = _credit_note([(6000, 4000)], 1900, to_balance=5000)

    assert _postings(credit_note_issued(note, on=ON))[-2:] == [
        (chart.RECEIVABLE, -6900),
        (chart.CUSTOMER_CREDIT, -5000),
    ]


def test_credit_is_granted_used_returned_and_withdrawn() -> None:
    fact = MovementFact(id="5", customer="7", amount=cents(3000), invoice_number="INV-000001")
    moves = [rule(fact, on=ON) for rule in (credit_granted, credit_applied, credit_returned)]

    assert [_postings(entry) for entry in moves] == [
        [(chart.REVENUE_REFUNDS, 3000), (chart.CUSTOMER_CREDIT, -3000)],
        [(chart.CUSTOMER_CREDIT, 3000), (chart.RECEIVABLE, -3000)],
        [(chart.RECEIVABLE, 3000), (chart.CUSTOMER_CREDIT, -3000)],
    ]
    assert _balances(*moves, credit_withdrawn(fact, on=ON)) == {}


def test_a_write_off_is_a_loss_of_net_and_tax_unless_the_tax_is_given_back() -> None:
    def loss(*, is_tax_relieved: bool) -> dict[str, int]:
        fact = WriteOffFact(
            invoice_id="1",
            number="INV-000001",
            customer="7",
            net=cents(10000),
            tax=cents(1900),
            is_tax_relieved=is_tax_relieved,
        )
        return _balances(invoice_written_off(fact, on=ON))

    assert loss(is_tax_relieved=False) == {chart.BAD_DEBT: 11900, chart.RECEIVABLE: -11900}
    assert loss(is_tax_relieved=True) == {
        chart.BAD_DEBT: 10000,
        chart.VAT_BAD_DEBT_RELIEF: 1900,
        chart.RECEIVABLE: -11900,
    }


def test_what_is_taken_back_of_a_write_off_goes_the_other_way_under_a_key_of_its_own() -> None:
    fact = WriteOffFact(
        invoice_id="1", number="INV-1", customer="7", net=cents(-4000), tax=cents(-760), turn=1
    )

    entry = invoice_written_off(fact, on=ON)

    assert entry is not None
    assert (entry.kind, entry.key) == (
        "invoice_written_off_reversal",
        "invoice:1:written_off:1:v1",
    )
    assert _balances(entry) == {chart.BAD_DEBT: -4760, chart.RECEIVABLE: 4760}


def test_a_month_of_revenue_moves_from_the_liability_to_income() -> None:
    entry = revenue_recognized(
        schedule="9",
        customer="7",
        document="1",
        amount=cents(3100),
        month=date(2026, 5, 1),
        on=date(2026, 5, 31),
    )

    assert entry is not None
    assert entry.key == "schedule:9:2026-05:v1"
    assert _postings(entry) == [
        (chart.CONTRACT_LIABILITY, 3100),
        (chart.SUBSCRIPTION_REVENUE, -3100),
    ]


# Prepaid credits stay the customer's until they are used: a top-up that was paid is not credited.
CREDITABLE = [earned for earned in Earned if earned != Earned.PREPAID]


@given(
    st.lists(st.tuples(st.integers(0, 10**7), st.sampled_from(CREDITABLE)), min_size=1, max_size=6),
    st.integers(0, 10**6),
    st.integers(0, 10**5),
)
def test_invoiced_paid_credited_and_refunded_leaves_only_the_fee(
    lines: list[tuple[int, Earned]], tax: int, fee: int
) -> None:
    """The whole story of an invoice taken back at once: receivable, tax and liability are 0."""
    invoice = _invoice(lines, tax)
    unearned = [(minor, 0) if earned == Earned.OVER_TIME else (0, minor) for minor, earned in lines]

    left = _balances(
        invoice_finalized(invoice, on=ON),
        payment_captured(
            PaymentFact(id="3", customer="7", amount=invoice.total, fee=cents(fee)), on=ON
        ),
        credit_note_issued(_credit_note(unearned, tax), on=ON),
        refund_paid(MovementFact(id="4", customer="7", amount=invoice.total), on=ON),
    )

    assert left.get(chart.RECEIVABLE, 0) == 0
    assert left.get(chart.VAT_PAYABLE, 0) == 0
    assert left.get(chart.CONTRACT_LIABILITY, 0) == 0
    assert left.get(chart.GATEWAY_CLEARING, 0) == -fee
    assert left.get(chart.PROCESSOR_FEES, 0) == fee
    revenue = (chart.SUBSCRIPTION_REVENUE, chart.USAGE_REVENUE, chart.REVENUE_REFUNDS)
    assert sum(left.get(code, 0) for code in revenue) == 0
