"""A bank's question that its customer has left, and of which the gateway tells nothing."""

import pytest

from billing.domain.attempts import Answer
from billing.models import Invoice, OutcomeClaim, Payment, PaymentAttempt
from billing.queries.contradictions import open_contradictions
from billing.queries.unknowns import unknown_attempts
from billing.queries.waiting import waiting_for_people
from billing.services.changes.customer_clocks import advance_clock
from billing.services.payments.challenges import challenge_was_ended
from billing.services.payments.collection import collect_due
from billing.services.payments.reconciling import look_into, reconcile_attempts
from billing.services.payments.unknowns import agree_to_claim, claim_outcome
from subscriptions.services.customer_clocks import create_clock, set_clock
from subscriptions.services.transitions import Actor
from tests.adyen_world import AdyenWorld
from tests.billing.services.payments.test_challenges import pay
from tests.factories.accounts import make_user
from tests.factories.subscriptions import make_customer
from tests.gateway_world import customer_with
from tests.stripe_world import NOW, PERSON, StripeWorld, invoice_of, later

pytestmark = pytest.mark.django_db
CANCELS = "POST /v72/.*cancels$"


def look(attempt: PaymentAttempt, **spans: float) -> PaymentAttempt:
    return look_into(attempt=attempt, actor=PERSON, at=later(**spans))


def asked(world: AdyenWorld | StripeWorld) -> tuple[Invoice, PaymentAttempt]:
    """An invoice whose customer was asked by the bank, and has gone away."""
    invoice = invoice_of(customer_with(world, "asks_holder"))
    attempt = pay(invoice)
    assert attempt.state == "requires_action"
    return invoice, attempt


def lost_for_good(world: AdyenWorld, card: str) -> tuple[Invoice, PaymentAttempt]:
    """An invoice whose charge Adyen has made, and answers with a failure for ever."""
    invoice = invoice_of(customer_with(world, card))
    world.control.add_fault(world.charges, "http_500_after", times=1)
    attempt = pay(invoice)
    assert (attempt.state, attempt.gateway_reference) == ("unknown", "")
    return invoice, attempt


def test_a_question_whose_end_is_not_told_for_a_day_waits_for_people(adyen: AdyenWorld) -> None:
    invoice, attempt = asked(adyen)
    assert look(attempt, minutes=61).state == "pending"  # Adyen tells later; it is not heard
    assert look(attempt, hours=23).state == "pending"
    assert waiting_for_people(later(hours=23)) == []

    assert look(attempt, hours=25).state == "unknown"

    assert [row.attempt.pk for row in unknown_attempts(at=later(hours=25))] == [attempt.pk]
    (waiting,) = waiting_for_people(later(hours=25))
    assert (waiting.count, waiting.url_name) == (1, "unknown_list")
    assert Payment.objects.get().state == "processing"
    assert collect_due(at=later(hours=26)).attempts == 0  # nothing else is charged meanwhile
    assert adyen.charged(invoice) == []


def test_it_is_asked_once_more_each_day_and_what_is_told_then_counts(adyen: AdyenWorld) -> None:
    _, attempt = asked(adyen)
    look(attempt, minutes=61)
    look(attempt, hours=25)

    adyen.deliver()

    attempt.refresh_from_db()
    assert (attempt.state, Payment.objects.get().state) == ("abandoned", "open")
    keys = attempt.calls.filter(verb="end_challenge").values_list("request", flat=True)
    assert len({request["idempotency_key"] for request in keys}) == 2


def test_two_people_settle_what_nobody_tells(adyen: AdyenWorld) -> None:
    _, attempt = asked(adyen)
    look(attempt, minutes=61)
    unknown = look(attempt, hours=25)
    first, second = (Actor(source="finance", user=make_user()) for _ in range(2))

    claim = claim_outcome(
        target=unknown,
        verdict=OutcomeClaim.Verdict.NOT_EXECUTED,
        proof="canceled in the Customer Area",
        reason="the customer has left",
        actor=first,
        at=later(hours=26),
    )
    agree_to_claim(claim=claim, actor=second, at=later(hours=27))

    attempt.refresh_from_db()
    assert (attempt.state, Payment.objects.get().state) == ("not_sent", "open")


def test_who_confirms_late_has_paid_once(adyen: AdyenWorld) -> None:
    invoice, attempt = asked(adyen)
    adyen.control.add_fault(CANCELS, "http_500_before", times=9)
    for hours in (2, 25):
        look(attempt, hours=hours)
    attempt.refresh_from_db()
    assert attempt.state == "unknown"

    adyen.confirm(attempt)
    adyen.deliver()

    attempt.refresh_from_db()
    assert (attempt.state, adyen.charged(invoice)) == ("succeeded", [9900])
    assert not attempt.events.filter(event="gateway_contradicts").exists()


def test_a_question_that_was_never_heard_is_given_up_by_our_own_reference(
    adyen: AdyenWorld,
) -> None:
    invoice, attempt = lost_for_good(adyen, "asks_holder")

    assert look(attempt, minutes=59).state == "unknown"
    assert not attempt.calls.filter(verb="end_challenge").exists()
    assert look(attempt, minutes=61).state == "unknown"  # that it was asked for proves nothing
    adyen.deliver()

    attempt.refresh_from_db()
    assert (attempt.state, Payment.objects.get().state) == ("abandoned", "open")
    assert adyen.charged(invoice) == []


def test_one_that_was_made_only_after_it_was_given_up_is_given_up_again_by_its_name(
    adyen: AdyenWorld,
) -> None:
    invoice = invoice_of(customer_with(adyen, "asks_holder"))
    adyen.control.add_fault(adyen.charges, "http_500_before", times=2)
    attempt = pay(invoice)
    assert look(attempt, minutes=61).state == "unknown"  # nothing is there that could be canceled
    assert look(attempt, minutes=65).state == "requires_action"  # the same key, executed now

    assert look(attempt, minutes=70).state == "pending"
    adyen.deliver()

    attempt.refresh_from_db()
    assert (attempt.state, adyen.charged(invoice)) == ("abandoned", [])


def test_that_what_was_taken_is_canceled_after_all_is_told_to_people(adyen: AdyenWorld) -> None:
    _, attempt = lost_for_good(adyen, "good")
    adyen.deliver()
    attempt.refresh_from_db()
    assert attempt.state == "succeeded"

    for _ in range(2):
        challenge_was_ended(
            attempt=attempt, answer=Answer.ABANDONED, actor=PERSON, at=later(hours=2)
        )

    attempt.refresh_from_db()
    assert attempt.state == "succeeded"
    (told,) = open_contradictions()
    assert told.event.details["message"] == "canceled at the gateway, after it was taken"


def test_a_charge_that_asked_nobody_is_not_undone_by_giving_it_up(adyen: AdyenWorld) -> None:
    invoice, attempt = lost_for_good(adyen, "good")

    assert look(attempt, minutes=61).state == "unknown"
    adyen.deliver()

    attempt.refresh_from_db()
    invoice.refresh_from_db()
    assert (attempt.state, invoice.state) == ("succeeded", "paid")
    assert adyen.charged(invoice) == [9900]


def test_at_stripe_a_question_is_known_again_as_soon_as_stripe_answers(
    stripe: StripeWorld,
) -> None:
    invoice, attempt = asked(stripe)
    stripe.control.add_fault("/v1/payment_intents/", "http_500_before", times=99)
    for hours in (2, 25):
        look(attempt, hours=hours)
    attempt.refresh_from_db()
    assert attempt.state == "unknown"

    stripe.control.clear_faults()
    reconcile_attempts(at=later(days=3))

    attempt.refresh_from_db()
    assert (attempt.state, Payment.objects.get().state) == ("abandoned", "open")
    assert stripe.charged(invoice) == []


def test_a_question_is_as_old_as_its_customers_clock_says(adyen: AdyenWorld) -> None:
    clock = create_clock(code="behind", starts_at=NOW, at=NOW)
    customer = make_customer(clock=clock)
    adyen.store_card(customer, "asks_holder")
    attempt = pay(invoice_of(customer))

    # A clock that is behind holds up nothing that is asked of the outside world.
    reconcile_attempts(at=later(days=30), clock=clock)
    attempt.refresh_from_db()
    assert attempt.state == "requires_action"

    set_clock(clock=clock, to=later(hours=2))
    reconcile_attempts(at=later(days=31), clock=clock)
    attempt.refresh_from_db()
    assert attempt.state == "pending"


def test_it_is_given_up_by_its_customers_clock_as_that_is_advanced(adyen: AdyenWorld) -> None:
    clock = create_clock(code="ahead", starts_at=NOW, at=NOW)
    customer = make_customer(clock=clock)
    adyen.store_card(customer, "asks_holder")
    attempt = pay(invoice_of(customer))
    set_clock(clock=clock, to=later(minutes=61))  # without the looks until then

    advance_clock(clock=clock, to=later(minutes=61, seconds=5))

    attempt.refresh_from_db()
    assert attempt.state == "pending"
