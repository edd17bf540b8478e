"""Prepaid credits pay invoices to the last cent, expire, come back, and never go below zero."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import Sum

from billing.errors import CreditInvalid, CreditKeyReused, InvoiceNotOpen
from billing.models import Invoice, PrepaidCredit, PrepaidEntry, TaxRate, Wallet
from billing.queries.credit_balance import credit_of
from billing.services.credit.credit_notes import issue_credit_note
from billing.services.credit.customer_credit import grant_credit
from billing.services.credit.wallets import (
    TopUpRule,
    change_top_up,
    expire_prepaid,
    fill_paid_top_ups,
    grant_prepaid,
    limit_wallet,
    open_wallet,
    top_up,
    top_up_due,
    wallet_left,
)
from billing.services.invoices.invoicing import preview_next_invoice, void_invoice
from billing.services.invoices.renewal import run_billing
from finance.models import Posting
from finance.queries import unposted_count
from finance.services.posting import post_documents
from subscriptions.models import Customer
from tests.factories.billing import open_invoice
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    make_customer,
    make_meter,
    per_call,
    published_version,
    recurring,
    subscription_since,
)
from tests.factories.usage import use
from tests.finance.services.test_posting import pay
from tests.golden import cents, in_cents, scenario
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db
FEB_1 = datetime(2026, 2, 1, tzinfo=UTC)


def wallet_of(customer: Customer, name: str = "Main", **given: object) -> Wallet:
    return open_wallet(
        customer=customer,
        currency=customer.currency,
        name=name,
        at=JAN_1,
        **given,  # type: ignore[arg-type]
    )


def grant(
    wallet: Wallet, amount: str, key: str = "g", expires_at: datetime | None = None
) -> PrepaidCredit:
    return grant_prepaid(
        wallet=wallet,
        amount=Money(amount, wallet.currency),
        reason="Welcome",
        idempotency_key=key,
        actor=TEST_ACTOR,
        at=JAN_1,
        expires_at=expires_at,
    )


def bill(customer: Customer, amount: str = "99.00", at: datetime = JAN_1) -> Invoice:
    version = published_version(recurring(amount), currency=customer.currency)
    return open_invoice(at, customer=customer, version=version)


def left(wallet: Wallet, at: datetime = JAN_1) -> str:
    return f"{wallet_left(wallet, at).amount:.2f}"


def test_prepaid_credit_never_exceeds_the_invoice_of_fees_below_a_cent() -> None:
    facts = scenario("LAGO-WALLET-55")
    expected = facts["expected"]
    TaxRate.objects.create(
        code="de",
        name="VAT",
        country="DE",
        percentage=Decimal(facts["tax_rate"]),
        valid_from=JAN_1.date(),
    )
    customer = make_customer(country="DE", currency="EUR")
    prices, number = [], 0
    for fee in facts["fees"]:
        for _ in range(fee["count"]):
            number += 1
            meter = make_meter(f"m{number}")
            prices.append(per_call(fee["unit_price"], included="0", code=f"p{number}", meter=meter))
    version = published_version(*prices, currency="EUR")
    subscription_since(JAN_1, customer=customer, version=version)
    for price in prices:
        assert price.meter is not None
        use(customer, 1, datetime(2026, 1, 15, tzinfo=UTC), meter=price.meter.code)
    wallet = wallet_of(customer)
    grant(wallet, str(cents(facts["wallet_cents"]).amount))

    run_billing(at=FEB_1)

    invoice = Invoice.objects.get()
    lines = invoice.lines.order_by("position")
    assert sorted(in_cents(line.amount) for line in lines) == expected["fee_amounts_cents"]
    assert in_cents(invoice.subtotal) == expected["fees_cents"]
    assert in_cents(invoice.tax) == expected["tax_cents"]
    assert in_cents(invoice.amount_from_wallets) == expected["prepaid_used_cents"]
    assert in_cents(invoice.amount_due) == expected["total_due_cents"]
    assert in_cents(wallet_left(wallet, FEB_1)) == expected["wallet_left_cents"]
    assert invoice.state == "paid"


def test_the_credit_balance_comes_first_and_wallets_pay_the_rest() -> None:
    customer = make_customer()
    wallet = wallet_of(customer)
    grant(wallet, "50.00")
    grant_credit(
        customer=customer,
        amount=Money("30.00", "USD"),
        reason="Sorry",
        idempotency_key="c",
        actor=TEST_ACTOR,
        at=JAN_1,
    )

    invoice = bill(customer)

    assert invoice.amount_from_balance == Money("30.00", "USD")
    assert invoice.amount_from_wallets == Money("50.00", "USD")
    assert (invoice.state, invoice.amount_due) == ("open", Money("19.00", "USD"))
    assert invoice.shown_state == "part_paid"


def test_what_expires_first_is_used_first_and_priority_comes_before_that() -> None:
    customer = make_customer()
    second, first = wallet_of(customer, "B", priority=20), wallet_of(customer, "A", priority=1)
    grant(second, "40.00", "s", expires_at=FEB_1)
    late = grant(first, "40.00", "late")
    soon = grant(first, "40.00", "soon", expires_at=FEB_1)

    bill(customer, "50.00")

    late.refresh_from_db()
    soon.refresh_from_db()
    assert (soon.amount_left.amount, late.amount_left.amount) == (Decimal(0), Decimal(30))
    assert left(second) == "40.00"


def test_invoices_of_one_run_share_the_lots_to_the_cent() -> None:
    customer = make_customer()
    version = published_version(recurring("33.33"))
    for _ in range(3):
        subscription_since(JAN_1, customer=customer, version=version)
    wallet = wallet_of(customer)
    for n in range(4):
        grant(wallet, "17.50", f"g{n}")

    run_billing(at=FEB_1)

    used = Invoice.objects.aggregate(sum=Sum("amount_from_wallets"))["sum"]
    assert used == Decimal("70.00")
    assert left(wallet) == "0.00"
    assert sorted(f"{i.amount_due.amount:.2f}" for i in Invoice.objects.all()) == [
        "0.00",
        "0.00",
        "29.99",
    ]


def test_what_has_expired_pays_nothing_and_is_taken_away_once() -> None:
    customer = make_customer()
    wallet = wallet_of(customer)
    grant(wallet, "50.00", expires_at=JAN_1 + timedelta(days=5))
    later = JAN_1 + timedelta(days=5)

    invoice = bill(customer, at=later)

    assert invoice.amount_from_wallets == Money(0, "USD")
    assert (expire_prepaid(at=later), expire_prepaid(at=later)) == (1, 0)
    assert PrepaidEntry.objects.get().kind == "expired"
    assert left(wallet, later) == "0.00"


def test_a_void_invoice_gives_every_lot_back() -> None:
    customer = make_customer()
    wallet = wallet_of(customer)
    grant(wallet, "60.00", "a")
    grant(wallet, "60.00", "b")
    invoice = bill(customer)
    assert (invoice.state, left(wallet)) == ("paid", "21.00")

    void_invoice(invoice=invoice, at=JAN_1)

    assert left(wallet) == "120.00"
    assert Invoice.objects.get().amount_from_wallets == Money(0, "USD")


def test_a_top_up_is_in_the_wallet_once_it_is_paid() -> None:
    customer = make_customer()
    wallet = wallet_of(customer)
    amount = Money("100.00", "USD")
    invoice = top_up(wallet=wallet, amount=amount, idempotency_key="t", at=JAN_1)
    again = top_up(wallet=wallet, amount=amount, idempotency_key="t", at=JAN_1)

    assert invoice == again
    assert (invoice.kind, invoice.total, invoice.tax) == ("top_up", amount, Money(0, "USD"))
    assert fill_paid_top_ups(at=JAN_1) == 0
    pay(invoice, fee=None)
    assert (fill_paid_top_ups(at=JAN_1), fill_paid_top_ups(at=JAN_1)) == (1, 0)
    assert left(wallet) == "100.00"
    assert bill(customer).state == "paid"
    with pytest.raises(InvoiceNotOpen, match="bought prepaid credits"):
        issue_credit_note(
            invoice=Invoice.objects.get(pk=invoice.pk), reason="x", idempotency_key="n", at=JAN_1
        )


def test_a_low_wallet_buys_more_once_until_that_is_paid() -> None:
    customer = make_customer()
    wallet = wallet_of(customer, topup_below=Decimal(20), topup_amount=Decimal(50))
    grant(wallet, "20.00")
    assert top_up_due(at=JAN_1) == 0
    bill(customer, "5.00")

    assert (top_up_due(at=JAN_1), top_up_due(at=JAN_1)) == (1, 0)
    bought = Invoice.objects.get(kind="top_up")
    assert bought.total == Money("50.00", "USD")
    pay(bought, fee=None)
    assert top_up_due(at=JAN_1) == 0  # it is paid, and will be filled
    fill_paid_top_ups(at=JAN_1)
    assert (left(wallet), top_up_due(at=JAN_1)) == ("65.00", 0)


def test_the_books_know_paid_credits_from_granted_ones_and_what_expired() -> None:
    customer = make_customer()
    wallet = wallet_of(customer)
    pay(
        top_up(wallet=wallet, amount=Money("100.00", "USD"), idempotency_key="t", at=JAN_1),
        fee=None,
    )
    fill_paid_top_ups(at=JAN_1)
    PrepaidCredit.objects.get()
    grant(wallet, "30.00", expires_at=FEB_1)
    bill(customer, "90.00")  # 30.00 of granted, which expire, and 60.00 of paid ones
    void_invoice(invoice=bill(customer, "15.00"), at=JAN_1)

    report = post_documents(at=FEB_1)

    assert report.refused == 0
    assert unposted_count(at=FEB_1) == 0
    rows = Posting.objects.values_list("account__code").annotate(Sum("amount_minor"))
    assert dict(rows.order_by("account__code")) == {
        "1100": 100_00,
        "1200": 0,
        "2200": -90_00,
        "2310": -40_00,
        "4090": 30_00,
    }


def test_paid_credits_that_expire_are_breakage() -> None:
    wallet = wallet_of(make_customer())
    bought = top_up(wallet=wallet, amount=Money("40.00", "USD"), idempotency_key="t", at=JAN_1)
    pay(bought, fee=None)
    PrepaidCredit.objects.create(
        id=uuid7(),
        wallet=wallet,
        kind="paid",
        currency="USD",
        amount=Decimal(40),
        amount_left=Decimal(40),
        expires_at=FEB_1,
        invoice=bought,
        reason="x",
        actor="x",
        idempotency_key="x",
        at=JAN_1,
    )
    grant(wallet, "5.00", expires_at=FEB_1)

    assert expire_prepaid(at=FEB_1) == 2
    report = post_documents(at=FEB_1)

    assert (report.refused, report.posted["prepaid_expired"], report.nothing) == (0, 1, 1)
    breakage = Posting.objects.get(account__code="4020")
    assert breakage.amount_minor == -40_00


def test_a_preview_shows_what_prepaid_credits_will_pay() -> None:
    customer = make_customer()
    version = published_version(recurring("99.00"))
    subscription = subscription_since(JAN_1, customer=customer, version=version)
    grant(wallet_of(customer), "60.00")

    preview = preview_next_invoice(subscription=subscription)
    run_billing(at=FEB_1)

    assert preview is not None
    assert preview.due == Invoice.objects.get().amount_due == Money("39.00", "USD")


def test_wrong_grants_are_refused() -> None:
    wallet = wallet_of(make_customer())
    for amount in (Money(0, "USD"), Money(-1, "USD"), Money("0.001", "USD"), Money(1, "EUR")):
        with pytest.raises(CreditInvalid):
            top_up(wallet=wallet, amount=amount, idempotency_key="t", at=JAN_1)
    with pytest.raises(CreditInvalid):
        wallet_of(wallet.customer)
    with pytest.raises(CreditInvalid):
        wallet_of(wallet.customer, "Half", topup_below=Decimal(5))
    grant(wallet, "5.00")
    with pytest.raises(CreditKeyReused):
        grant(wallet, "6.00")


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE billing_prepaidcredit SET amount_left = 1000",
        "UPDATE billing_prepaidcredit SET amount_left = 1",
        "DELETE FROM billing_prepaidcredit",
        "TRUNCATE billing_prepaidentry CASCADE",
        "UPDATE billing_prepaidentry SET amount = -1",
        "DELETE FROM billing_prepaidentry",
        "UPDATE billing_invoice SET amount_from_wallets = 1",
    ],
)
def test_nobody_moves_prepaid_credits_past_their_entries(attack: str) -> None:
    customer = make_customer()
    grant(wallet_of(customer), "10.00")
    bill(customer)

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(attack)


def test_no_entry_takes_a_lot_below_zero() -> None:
    lot = grant(wallet_of(make_customer()), "10.00")

    with pytest.raises(IntegrityError, match="within_zero"), transaction.atomic():
        PrepaidEntry.objects.create(
            id=uuid7(),
            credit=lot,
            kind="expired",
            currency="USD",
            amount=Decimal("-10.01"),
            idempotency_key="x",
            at=JAN_1,
        )


@pytest.mark.django_db(transaction=True)
def test_many_invoices_at_once_share_a_wallet_to_the_cent() -> None:
    customer = make_customer()
    wallet = wallet_of(customer)
    for n in range(3):
        grant(wallet, "33.33", f"g{n}")
    version = published_version(recurring("15.00"))

    def bill_one(_: int) -> Money:
        try:
            taken: Money = open_invoice(customer=customer, version=version).amount_from_wallets
            return taken
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=8) as pool:
        taken = list(pool.map(bill_one, range(12)))

    assert sum(money.amount for money in taken) == Decimal("99.99")
    assert left(wallet) == "0.00"


def test_a_top_up_is_never_credited_so_that_nobody_gets_credits_for_nothing() -> None:
    customer = make_customer()
    invoice = top_up(
        wallet=wallet_of(customer), amount=Money("50.00", "USD"), idempotency_key="a", at=JAN_1
    )

    with pytest.raises(InvoiceNotOpen, match="void"):
        issue_credit_note(invoice=invoice, reason="Mistake", idempotency_key="n", at=JAN_1)

    assert fill_paid_top_ups(at=JAN_1) == 0
    assert void_invoice(invoice=invoice, at=JAN_1).state == "void"
    assert not PrepaidCredit.objects.exists()


def test_a_top_up_that_the_balance_paid_is_not_void_once_its_credits_are_there() -> None:
    customer = make_customer()
    given = Money("50.00", "USD")
    grant_credit(
        customer=customer,
        amount=given,
        reason="Sorry",
        idempotency_key="g",
        actor=TEST_ACTOR,
        at=JAN_1,
    )
    wallet = wallet_of(customer)
    invoice = top_up(wallet=wallet, amount=given, idempotency_key="a", at=JAN_1)
    assert (invoice.state, fill_paid_top_ups(at=JAN_1)) == ("paid", 1)

    with pytest.raises(InvoiceNotOpen):
        void_invoice(invoice=invoice, at=JAN_1)

    assert wallet_left(wallet, JAN_1) == given
    assert credit_of(customer.pk, "USD") == Money(0, "USD")


def test_a_wallet_buys_each_interval_once_counted_from_its_first_day() -> None:
    customer = make_customer()
    wallet = wallet_of(
        customer,
        topup_amount=Decimal(25),
        topup_every="month",
        topup_from=datetime(2026, 1, 31, tzinfo=UTC).date(),
    )
    days = [datetime(2026, 1, 30, tzinfo=UTC), *(datetime(2026, 1, 31, tzinfo=UTC),) * 2]

    bought = [top_up_due(at=day) for day in days]
    missed = top_up_due(at=datetime(2026, 4, 1, tzinfo=UTC))
    wallet.refresh_from_db()

    assert bought == [0, 1, 0]
    assert missed == 2  # of the last days of February and March
    assert wallet.topup_next_at == datetime(2026, 4, 30, tzinfo=UTC)
    assert [invoice.total for invoice in Invoice.objects.all()] == [Money(25, "USD")] * 3


def test_a_changed_rule_counts_from_now_on_and_an_empty_one_buys_nothing() -> None:
    wallet = wallet_of(make_customer(), topup_amount=Decimal(25), topup_every="week")

    changed = change_top_up(
        wallet=wallet, rule=TopUpRule(Decimal(5), Decimal(40), "year"), at=FEB_1
    )
    assert changed.topup_next_at == FEB_1 + timedelta(days=1)
    emptied = change_top_up(wallet=wallet, rule=TopUpRule(), at=FEB_1)

    assert (emptied.topup_amount, emptied.topup_every, emptied.topup_next_at) == (None, "", None)
    assert top_up_due(at=FEB_1 + timedelta(days=400)) == 0


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        (TopUpRule(amount=Decimal(5)), "topup_amount"),
        (TopUpRule(every="week"), "topup_amount"),
        (TopUpRule(amount=Decimal(5), every="minute"), "topup_every"),
        (TopUpRule(amount=Decimal(0), every="week"), "topup_amount"),
        (TopUpRule(amount=Decimal("10.005"), every="week"), "topup_amount"),
        (TopUpRule(None, Decimal(5), "week", JAN_1.date()), "topup_from"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(rule: TopUpRule, field: str) -> None:
    wallet = wallet_of(make_customer())

    with pytest.raises(CreditInvalid) as refusal:
        change_top_up(wallet=wallet, rule=rule, at=JAN_1)

    assert refusal.value.field == field
    with pytest.raises(IntegrityError, match="wallet_top_up"), transaction.atomic():
        Wallet.objects.filter(pk=wallet.pk).update(topup_every="week")


def test_a_limited_wallet_pays_for_its_lines_alone_and_first_as_previewed() -> None:
    version = published_version(recurring("50.00"), per_call("1.00", included="0"))
    customer = make_customer()
    calls = limit_wallet(
        wallet=wallet_of(customer, "Calls", priority=50), plans=[], meters=[make_meter()]
    )
    elsewhere = limit_wallet(
        wallet=wallet_of(customer, "Elsewhere", priority=1),
        plans=[published_version(recurring("1.00")).plan],
        meters=[],
    )
    anything = wallet_of(customer, "Main")
    subscription = subscription_since(JAN_1, customer=customer, version=version)
    for wallet in (calls, elsewhere, anything):
        grant(wallet, "40.00", wallet.name)
    use(customer, 30, JAN_1 + timedelta(days=3))

    seen = preview_next_invoice(subscription=subscription)
    run_billing(at=FEB_1)

    invoice = Invoice.objects.get(customer=customer, kind="period")
    assert seen
    assert seen.from_wallets == invoice.amount_from_wallets == Money("70.00", "USD")
    assert seen.due == invoice.amount_due == Money("10.00", "USD")
    left = {wallet.name: wallet_left(wallet, FEB_1) for wallet in (calls, elsewhere, anything)}
    assert left == {
        "Calls": Money("10.00", "USD"),
        "Elsewhere": Money("40.00", "USD"),
        "Main": Money("0.00", "USD"),
    }


def test_what_a_limited_wallet_paid_comes_back_from_a_void_invoice() -> None:
    customer = make_customer()
    version = published_version(recurring("50.00"))
    wallet = limit_wallet(wallet=wallet_of(customer), plans=[version.plan], meters=[])
    grant(wallet, "20.00")
    invoice = open_invoice(customer=customer, version=version)
    assert invoice.amount_from_wallets == Money("20.00", "USD")

    void_invoice(invoice=invoice, at=FEB_1)

    assert wallet_left(wallet, FEB_1) == Money("20.00", "USD")
