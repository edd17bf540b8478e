"""The bank rail among other ways to pay: fee, time, and every reason why not."""

from datetime import timedelta

import pytest

from billing.errors import NothingToCharge
from billing.models import Invoice, PaymentDecision, PaymentMethod
from billing.services.dunning.runs import past_due_invoices
from billing.services.payments.charging import charge_invoice
from billing.services.payments.collection import mark_overdue
from subscriptions.models import Subscription
from tests.bank_world import BankWorld
from tests.billing.services.bank_scene import DebitScene
from tests.factories.billing import open_invoice
from tests.factories.subscriptions import published_version, recurring
from tests.stripe_world import PERSON

pytestmark = pytest.mark.django_db


def test_a_debit_is_expected_to_cost_what_the_dated_rule_says(bank: BankWorld) -> None:
    scene = DebitScene(bank)
    attempt = scene.charge()

    decision = PaymentDecision.objects.get()
    (chosen,) = [c for c in decision.candidates if not c["why_not"]]
    assert (attempt.gateway, chosen["gateway"], chosen["fee"]) == ("bank", "bank", "0.20")
    assert (chosen["settle_days"], chosen["fee_rule"]) == (15, "bank_debit EUR since 2020-01-01")


def test_an_invoice_in_dollars_cannot_be_debited_in_sepa(bank: BankWorld) -> None:
    scene = DebitScene(bank)
    version = published_version(recurring())
    invoice = open_invoice(scene.at, customer=scene.customer, version=version)

    with pytest.raises(NothingToCharge, match="bank: the gateway does not take this currency"):
        charge_invoice(invoice=invoice, actor=PERSON, at=scene.at)


def test_a_mandate_that_is_gone_is_said_to_be_the_reason(bank: BankWorld) -> None:
    scene = DebitScene(bank)
    scene.at += timedelta(days=3 * 366)  # never used for longer than 36 months

    with pytest.raises(NothingToCharge, match="the mandate was withdrawn or has expired"):
        scene.charge()


def test_a_method_without_a_mandate_is_no_way_to_pay(bank: BankWorld) -> None:
    scene = DebitScene(bank)
    PaymentMethod.objects.update(is_default=False)
    PaymentMethod.objects.create(
        customer=scene.customer,
        gateway="bank",
        gateway_reference="made up",
        kind="bank_debit",
        is_default=True,
        created_at=scene.at,
    )

    with pytest.raises(NothingToCharge, match="a debit needs a mandate, and there is none"):
        scene.charge()


def test_an_invoice_whose_debit_is_on_its_way_is_not_overdue(bank: BankWorld) -> None:
    scene = DebitScene(bank, is_subscriber=True)
    scene.charge()
    scene.turn()
    late = scene.invoice.due_at
    assert late is not None
    after = late.replace(year=late.year, month=4)

    assert list(Invoice.objects.overdue(after)) == []
    assert not past_due_invoices(after, None).exists()
    assert mark_overdue(at=after) == 0
    assert Subscription.objects.get().state == "active"
