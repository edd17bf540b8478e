"""The routing editor: drafts are edited and tried on history; versions in force never change."""

import pytest
from django.test import Client

from billing.errors import PolicyNotDraft
from billing.models import PaymentDecision, RoutingPolicy
from billing.queries.back_test import back_test
from billing.services.payments.charging import charge_invoice
from billing.services.payments.routing_policies import activate_policy, change_draft, draft_policy
from tests.factories.accounts import make_user
from tests.scripted_gateway import TwoGateways, gateways
from tests.stripe_world import NOW, PERSON, invoice_of
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.money import Money

__all__ = ["gateways"]  # fixture
pytestmark = pytest.mark.django_db
RULE = {"name": "beta only", "effect": "only", "gateways": "beta", "kinds": "", "shares": ""}


@pytest.fixture
def editor(client: Client) -> Client:
    """Somebody of finance."""
    client.force_login(make_user(role=Role.FINANCE))
    return client


def _charge(gateways: TwoGateways) -> str:
    invoice = invoice_of(gateways.customer_with_card())
    return charge_invoice(invoice=invoice, actor=PERSON, at=NOW).gateway


def test_a_draft_is_edited_tried_on_history_and_put_in_force(
    gateways: TwoGateways, editor: Client
) -> None:
    for _ in range(3):
        assert _charge(gateways) == "alpha"

    editor.post("/payments/routing/new/")
    editor.post("/payments/routing/2/rules/", RULE)
    page = editor.get("/payments/routing/2/")

    test = page.context["test"]
    assert (test.tried, test.moved) == (3, 3)
    assert test.fee_differences == (Money("4.44", "USD"),)  # three times 1.98 instead of 0.50
    assert _charge(gateways) == "alpha"  # a draft decides nothing

    editor.post("/payments/routing/2/activation/")

    assert _charge(gateways) == "beta"
    policy = RoutingPolicy.objects.get(state="active")
    assert policy.version == 2
    assert policy.activated_by is not None
    assert policy.activated_by.role == Role.FINANCE
    assert RoutingPolicy.objects.get(version=1).state == "retired"


def test_a_back_test_of_what_is_in_force_moves_nothing(gateways: TwoGateways) -> None:
    _charge(gateways)
    decisions = PaymentDecision.objects.count()

    test = back_test(RoutingPolicy.objects.get())

    assert (test.tried, test.moved, test.fee_differences) == (1, 0, ())
    assert PaymentDecision.objects.count() == decisions


def test_a_version_in_force_is_not_edited(gateways: TwoGateways, editor: Client) -> None:
    user = make_user(role=Role.FINANCE)
    draft = draft_policy(user=user, at=NOW)
    activate_policy(policy=draft, user=user, at=NOW)

    with pytest.raises(PolicyNotDraft, match="make a new version"):
        change_draft(policy=draft, terms={"fees_weight": 3})
    page = editor.post("/payments/routing/2/rules/", RULE, follow=True)

    assert "Nothing was changed" in page.content.decode()
    assert not draft.rules.exists()


def test_a_new_version_starts_as_the_one_in_force(gateways: TwoGateways, editor: Client) -> None:
    editor.post("/payments/routing/new/")
    editor.post("/payments/routing/2/rules/", RULE)
    editor.post("/payments/routing/2/activation/")
    editor.post("/payments/routing/new/")

    copy = RoutingPolicy.objects.get(version=3)
    assert [rule.name for rule in copy.rules.all()] == ["beta only"]


def test_rules_are_ordered_and_taken_out(gateways: TwoGateways, editor: Client) -> None:
    editor.post("/payments/routing/new/")
    for name in ("first", "second"):
        editor.post("/payments/routing/2/rules/", {**RULE, "name": name})

    editor.post("/payments/routing/2/rules/2/rise/")
    draft = RoutingPolicy.objects.get(version=2)
    assert [rule.name for rule in draft.rules.all()] == ["second", "first"]

    editor.post("/payments/routing/2/rules/1/removal/")
    assert [rule.name for rule in draft.rules.all()] == ["first"]


WRONG: list[tuple[dict[str, str], str]] = [
    ({"gateways": "gamma"}, "gateways"),
    ({"gateways": "", "kinds": ""}, "gateways"),
    ({"kinds": "gold"}, "kinds"),
    ({"minimum": "100"}, "currency"),
    ({"effect": "split"}, "shares"),
    ({"effect": "split", "shares": "alpha 70 beta 40"}, "shares"),
    ({"effect": "split", "shares": "alpha much"}, "shares"),
]


def test_a_rule_that_makes_no_sense_is_refused_where_it_is_wrong(
    gateways: TwoGateways, editor: Client
) -> None:
    editor.post("/payments/routing/new/")

    for wrong, field in WRONG:
        page = editor.post("/payments/routing/2/rules/", {**RULE, **wrong})

        assert page.status_code == 422, wrong
        assert field in page.context["rule_form"].errors, wrong
    assert not RoutingPolicy.objects.get(version=2).rules.exists()


def test_weights_are_changed_and_checked(editor: Client) -> None:
    editor.post("/payments/routing/new/")
    terms = {
        "note": "cheaper",
        "fees_weight": "3",
        "speed_weight": "1",
        "security_weight": "1",
        "margin_bps": "8000",
        "capital_bps": "800",
        "decline_bps": "50",
        "abandon_bps": "1200",
        "explored_bps": "200",
        "explored_within_bps": "150",
    }

    assert editor.post("/payments/routing/2/weights/", terms).status_code == 302
    too_much = editor.post("/payments/routing/2/weights/", {**terms, "explored_bps": "501"})

    assert too_much.status_code == 422
    assert RoutingPolicy.objects.get(version=2).fees_weight == 3
    assert RoutingPolicy.objects.get(version=2).explored_bps == 200


def test_support_may_look_and_not_change(client: Client) -> None:
    client.force_login(make_user(role=Role.SUPPORT))

    assert client.get("/payments/routing/").status_code == 200
    assert client.get("/payments/routing/1/").status_code == 200
    for address in ("new/", "1/weights/", "1/rules/", "1/activation/", "1/rules/1/rise/"):
        assert client.post(f"/payments/routing/{address}").status_code == 403
