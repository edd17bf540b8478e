"""What Stripe is given beside the texts: documents, uploaded once, and where the payer was."""

from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse

from billing.gateways.stripe_client import body, configured_client
from billing.models import Dispute, DisputeAnswer, GatewayCall, PaymentAttempt
from billing.services.disputes.answers import answer_dispute, draft_answer, reconcile_answers
from billing.services.payments.charging import charge_invoice
from billing.services.payments.checkout import confirm_payment
from tests.factories.subscriptions import make_customer, make_member
from tests.gateway_scenes import Kept, gateway_scene
from tests.stripe_world import (
    NOW,
    PERSON,
    StripeWorld,
    customer_with_card,
    first_invoice_of,
    later,
)

pytestmark = pytest.mark.django_db
EVIDENCE = DisputeAnswer.Kind.EVIDENCE


def disputed(stripe: StripeWorld) -> Dispute:
    charge_invoice(invoice=first_invoice_of(customer_with_card(stripe)), actor=PERSON, at=NOW)
    stripe.dispute(PaymentAttempt.objects.get())
    return Dispute.objects.get()


kept = gateway_scene(disputed, "stripe")


@pytest.fixture
def disputing(kept: Kept, request: pytest.FixtureRequest) -> StripeWorld:
    """Stripe, where the payment of a subscription's first invoice is disputed."""
    world: StripeWorld = kept.back(request)
    return world


def evidence_at_stripe(dispute: Dispute) -> dict[str, object]:
    """The gateway's truth: what it holds against the dispute."""
    found = body(configured_client().disputes.retrieve(dispute.gateway_reference))
    return dict(found["evidence"])


def uploads() -> list[dict[str, object]]:
    return list(body(configured_client().files.list())["data"])


def test_receipt_and_service_documents_are_uploaded_before_the_answer(
    disputing: StripeWorld,
) -> None:
    dispute = Dispute.objects.get()

    answer = answer_dispute(dispute=dispute, kind=EVIDENCE, actor=PERSON, at=NOW)

    assert answer.state == DisputeAnswer.State.SUBMITTED
    answer.refresh_from_db()
    held = evidence_at_stripe(dispute)
    assert held["receipt"] == answer.files["receipt"]
    assert held["service_documentation"] == answer.files["service"]
    assert {(row["type"], row["purpose"]) for row in uploads()} == {("pdf", "dispute_evidence")}


def test_an_answer_whose_sending_was_lost_names_the_same_documents(disputing: StripeWorld) -> None:
    dispute = Dispute.objects.get()
    disputing.control.add_fault("POST /v1/disputes/[^/]+$", "reset_before")

    answer_dispute(dispute=dispute, kind=EVIDENCE, actor=PERSON, at=NOW)
    before = len(uploads())
    reconcile_answers(at=later(minutes=10))

    answer = DisputeAnswer.objects.get()
    assert answer.state == DisputeAnswer.State.SUBMITTED
    assert len(uploads()) == before == len(answer.files)
    assert evidence_at_stripe(dispute)["receipt"] == answer.files["receipt"]


def test_without_its_documents_nothing_is_handed_in(disputing: StripeWorld) -> None:
    dispute = Dispute.objects.get()
    disputing.control.add_fault("POST /v1/files$", "http_500_before")

    answer = answer_dispute(dispute=dispute, kind=EVIDENCE, actor=PERSON, at=NOW)

    assert answer.state == DisputeAnswer.State.DRAFT
    assert "the documents could not be uploaded" in answer.message
    assert evidence_at_stripe(dispute)["receipt"] is None


def test_from_where_a_customer_paid_is_in_the_pack(stripe: StripeWorld) -> None:
    joined = make_member(make_customer())
    invoice = first_invoice_of(joined.customer)
    client = Client(REMOTE_ADDR="203.0.113.9")
    client.force_login(joined.user)
    paying = client.post(reverse("portal_pay", args=[invoice.number]), {"way": "page-stripe"})
    stripe.pay_on_page(paying.headers["Location"])
    attempt = PaymentAttempt.objects.get()
    at = datetime.fromtimestamp(stripe.control.stats()["now"], UTC)
    confirm_payment(payment=attempt.payment, actor=PERSON, at=at)
    attempt.refresh_from_db()
    stripe.dispute(attempt)

    draft = draft_answer(dispute=Dispute.objects.get(), at=at)

    assert draft is not None
    whence = f"from the address 203.0.113.9, signed in as {joined.user.email}."
    assert whence in draft.texts["payment"]
    answer_dispute(dispute=Dispute.objects.get(), kind=EVIDENCE, actor=PERSON, at=at)
    assert evidence_at_stripe(Dispute.objects.get())["customer_purchase_ip"] == "203.0.113.9"
    kept = GatewayCall.objects.get(verb="submit_evidence")
    assert "203.0.113.9" not in str(kept.request)
