"""The dispute desk: who may open it, what it shows, what its buttons do."""

import pytest
from django.test import Client
from django.urls import reverse

from billing.models import Dispute, DisputeAnswer, PaymentAttempt
from billing.services.payments.charging import charge_invoice
from tests.factories.accounts import make_user
from tests.stripe_world import NOW, PERSON, StripeWorld, customer_with_card, first_invoice_of
from tiktoktoe.accounts.roles import Role

pytestmark = pytest.mark.django_db


def signed_in(role: Role = Role.FINANCE) -> Client:
    client = Client()
    client.force_login(make_user(role))
    return client


def disputed(stripe: StripeWorld) -> Dispute:
    invoice = first_invoice_of(customer_with_card(stripe))
    attempt = charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    reference = stripe.dispute(PaymentAttempt.objects.get(pk=attempt.pk))
    return Dispute.objects.get(gateway_reference=reference)


def test_the_desk_lists_by_deadline_and_filters_by_state(stripe: StripeWorld) -> None:
    waiting, lost = disputed(stripe), disputed(stripe)
    stripe.decide(lost.gateway_reference, "lost")
    client = signed_in(Role.SUPPORT)

    def shown(**asked: str) -> list[object]:
        page = client.get(reverse("dispute_list"), asked).context["page"]
        return [dispute.pk for dispute in page]

    assert shown() == [waiting.pk, lost.pk]
    assert shown(state="lost") == [lost.pk]
    assert len(shown(order="amount")) == 2
    assert len(shown(state="nonsense", order="nonsense")) == 2


def test_evidence_is_gathered_corrected_looked_at_and_handed_in(stripe: StripeWorld) -> None:
    dispute, client = disputed(stripe), signed_in()

    client.post(reverse("dispute_draft", args=[dispute.pk]))
    detail = client.get(reverse("dispute_detail", args=[dispute.pk]))
    form = detail.context["form"]
    fields = {name: field.initial for name, field in form.fields.items()}
    client.post(
        reverse("dispute_evidence", args=[dispute.pk]), {**fields, "statement": "Used daily."}
    )
    document = client.get(reverse("dispute_document", args=[dispute.pk, 1]))
    client.post(reverse("dispute_submission", args=[dispute.pk]))

    dispute.refresh_from_db()
    answer = DisputeAnswer.objects.get()
    assert document.content.startswith(b"%PDF")
    assert (dispute.state, answer.state) == ("under_review", "submitted")
    assert answer.texts["statement"] == "Used daily."
    page = client.get(reverse("dispute_detail", args=[dispute.pk])).content.decode()
    assert "The bank has our answer" in page
    assert "Hand in…" not in page


def test_a_dispute_is_accepted_by_finance_only(stripe: StripeWorld) -> None:
    dispute = disputed(stripe)
    address = reverse("dispute_acceptance", args=[dispute.pk])

    assert signed_in(Role.SUPPORT).post(address).status_code == 403
    assert signed_in().post(address).status_code == 302

    dispute.refresh_from_db()
    assert dispute.state == "accepted"


def test_a_payment_shows_its_dispute_and_offers_no_refund(stripe: StripeWorld) -> None:
    dispute = disputed(stripe)

    response = signed_in().get(reverse("payment_detail", args=[dispute.payment_id]))

    assert reverse("dispute_detail", args=[dispute.pk]) in response.content.decode()
    assert response.context["form"] is None


def test_a_refusal_is_told_and_nothing_is_sent(stripe: StripeWorld) -> None:
    dispute, client = disputed(stripe), signed_in()
    stripe.decide(dispute.gateway_reference, "won")

    page = client.post(reverse("dispute_submission", args=[dispute.pk]), follow=True)

    assert "Nothing was sent" in page.content.decode()
    assert not DisputeAnswer.objects.exists()
