"""What there is to post of amounts that moved: payments, fees, refunds, disputes and credit."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial

from billing.models import PrepaidCredit
from finance.domain import entries as rules
from finance.domain.facts import BankChargeFact, MovementFact, PaymentFact, ReturnFact
from finance.domain.journal import Entry
from finance.queries import Rows
from finance.services.built_entries import Found, PostingDay, built
from tiktoktoe.kernel.money import Money

Rule = Callable[..., Entry | None]
Builder = Callable[[Rows, PostingDay], Iterator[Found]]


def movements(
    rule: Rule, *, payment: str, at: str | None, pk: str = "pk", amount: str = "amount"
) -> Builder:
    """The builder of an entry for each row; `payment` is the way from it to its payment.

    `at` names its instant. Without one it is news of the day it is posted: when a fee became known
    is not written down.
    """
    fields = (pk, f"{payment}__customer_id", f"{payment}__invoice__number", "currency", amount)
    told = [at] if at else []

    def build(rows: Rows, days: PostingDay) -> Iterator[Found]:
        for key, customer, number, currency, moved, *instant in rows.values_list(*fields, *told):
            fact = MovementFact(
                id=str(key),
                customer=str(customer),
                amount=Money(moved, currency),
                invoice_number=number,
            )
            yield key, built(rule, fact, days.of(instant[0] if instant else days.at))

    return build


def payments(rows: Rows, days: PostingDay) -> Iterator[Found]:
    """Charges that were taken at once, with their fees as far as they are known."""
    fields = ("payment_id", "payment__customer_id", "payment__invoice__number")
    for pk, customer, number, currency, amount, fee, resolved_at in rows.values_list(
        *fields, "payment__currency", "payment__amount", "fee", "resolved_at"
    ):
        fact = PaymentFact(
            id=str(pk),
            customer=str(customer),
            amount=Money(amount, currency),
            fee=Money(fee or Decimal(0), currency),
            invoice_number=number,
        )
        yield pk, built(rules.payment_captured, fact, days.of(resolved_at))


def returns(rows: Rows, days: PostingDay) -> Iterator[Found]:
    """Payments that customers' banks took back."""
    fields = ("pk", "payment__customer_id", "payment__invoice__number")
    for pk, customer, number, currency, amount, code, at in rows.values_list(
        *fields, "currency", "amount", "code", "returned_at"
    ):
        fact = ReturnFact(
            id=str(pk),
            customer=str(customer),
            amount=Money(amount, currency),
            code=code,
            invoice_number=number,
        )
        yield pk, built(rules.payment_returned, fact, days.of(at))


def bank_charges(rows: Rows, days: PostingDay) -> Iterator[Found]:
    """What banks took for their work."""
    fields = ("pk", "currency", "amount", "text", "created_at")
    for pk, currency, amount, text, at in rows.values_list(*fields):
        fact = BankChargeFact(id=str(pk), amount=Money(amount, currency), text=text[:100])
        yield pk, built(rules.bank_charged, fact, days.of(at))


def credit_moves(rule: Rule) -> Builder:
    """The builder of one kind of movement of credit balances."""

    def build(rows: Rows, days: PostingDay) -> Iterator[Found]:
        numbers = ("invoice__number", "payment__invoice__number")
        fields = ("pk", "customer_id", "currency", "amount", *numbers, "at")
        for pk, customer, currency, amount, number, paid, at in rows.values_list(*fields):
            fact = MovementFact(
                id=str(pk),
                customer=str(customer),
                amount=Money(abs(amount), currency),
                invoice_number=number or paid or "",
            )
            yield pk, built(rule, fact, days.of(at))

    return build


def prepaid_moves(rule: Rule) -> Builder:
    """The builder of one kind of movement of prepaid credits."""

    def build(rows: Rows, days: PostingDay) -> Iterator[Found]:
        lot = ("credit__wallet__customer_id", "credit__kind")
        fields = ("pk", *lot, "currency", "amount", "invoice__number", "at")
        for pk, customer, kind, currency, amount, number, at in rows.values_list(*fields):
            fact = MovementFact(
                id=str(pk),
                customer=str(customer),
                amount=Money(abs(amount), currency),
                invoice_number=number or "",
            )
            rule_of_kind = partial(rule, is_paid=kind == PrepaidCredit.Kind.PAID)
            yield pk, built(rule_of_kind, fact, days.of(at))

    return build
