"""Payments, what processors and banks keep of them, and what goes back."""

from datetime import date

from finance.domain import chart
from finance.domain.entries.making import made, moved
from finance.domain.facts import BankChargeFact, MovementFact, PaymentFact, ReturnFact
from finance.domain.journal import Entry, credit, debit


def payment_captured(payment: PaymentFact, *, on: date) -> Entry | None:
    """D gateway clearing, C receivable; D processor fees, C gateway clearing.

    The clearing account then holds what the processor owes us: the payment less its fee.
    """
    who = {"customer": payment.customer, "document": payment.id}
    return made(
        kind="payment_captured",
        document=f"payment:{payment.id}:captured",
        on=on,
        description=f"Payment of {payment.invoice_number}".removesuffix(" of "),
        postings=[
            debit(chart.GATEWAY_CLEARING, payment.amount, **who),
            credit(chart.RECEIVABLE, payment.amount, **who),
            debit(chart.PROCESSOR_FEES, payment.fee, **who),
            credit(chart.GATEWAY_CLEARING, payment.fee, **who),
        ],
    )


def capture_received(capture: MovementFact, *, on: date) -> Entry | None:
    """D gateway clearing, C receivable: a part of a hold was taken; its fee is told later."""
    return moved(
        capture,
        (chart.GATEWAY_CLEARING, chart.RECEIVABLE),
        kind="capture_received",
        document=f"payment_operation:{capture.id}:received",
        on=on,
        description=f"Capture of {capture.invoice_number}".removesuffix(" of "),
    )


def processor_fee_charged(fee: MovementFact, *, on: date) -> Entry | None:
    """D processor fees, C gateway clearing: a fee that was told after its payment was posted."""
    return _fee_charged("processor_fee_charged", f"payment:{fee.id}:fee", fee, on)


def capture_fee_charged(fee: MovementFact, *, on: date) -> Entry | None:
    """D processor fees, C gateway clearing: what one capture of a hold has cost."""
    return _fee_charged("capture_fee_charged", f"payment_operation:{fee.id}:fee", fee, on)


def foreign_fee_charged(fee: MovementFact, *, on: date) -> Entry | None:
    """D processor fees, C gateway clearing, in the currency in which the fee was taken."""
    return _fee_charged("foreign_fee_charged", f"foreign_fee:{fee.id}:charged", fee, on)


def _fee_charged(kind: str, document: str, fee: MovementFact, on: date) -> Entry | None:
    return moved(
        fee,
        (chart.PROCESSOR_FEES, chart.GATEWAY_CLEARING),
        kind=kind,
        document=document,
        on=on,
        description=f"Processor fee of {fee.invoice_number}".removesuffix(" of "),
    )


def payment_returned(back: ReturnFact, *, on: date) -> Entry | None:
    """D receivable, C gateway clearing: the money is gone, and what it paid is owed again."""
    return moved(
        back,
        (chart.RECEIVABLE, chart.GATEWAY_CLEARING),
        kind="payment_returned",
        document=f"payment_return:{back.id}:returned",
        on=on,
        description=f"Return of {back.invoice_number}: {back.code}",
    )


def bank_charged(charge: BankChargeFact, *, on: date) -> Entry | None:
    """D bank charges, C gateway clearing; what a bank gives back the other way."""
    return made(
        kind="bank_charged",
        document=f"bank_charge:{charge.id}:charged",
        on=on,
        description=f"Bank charge: {charge.text}".removesuffix(": "),
        postings=[
            debit(chart.BANK_CHARGES, charge.amount, customer="", document=charge.id),
            credit(chart.GATEWAY_CLEARING, charge.amount, customer="", document=charge.id),
        ],
    )


def refund_paid(refund: MovementFact, *, on: date) -> Entry | None:
    """D receivable, C gateway clearing: the credit note before it had made us owe the amount."""
    return moved(
        refund,
        (chart.RECEIVABLE, chart.GATEWAY_CLEARING),
        kind="refund_paid",
        document=f"refund:{refund.id}:paid",
        on=on,
        description=f"Refund of {refund.invoice_number}".removesuffix(" of "),
    )
