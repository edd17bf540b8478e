"""docs/fidelity-paypal.md, PayPal's document and the sandbox say the same."""

import re

import pytest

from tests.paypal_world import PayPalWorld
from tests.sandbox.server import ROOT, WEB
from tiktoktoe.sandbox.core.errors import ContractBroken
from tiktoktoe.sandbox.paypal import api, routes
from tiktoktoe.sandbox.paypal.orders import BUYERS
from tiktoktoe.sandbox.paypal.payments import SLOW_BUYERS
from tiktoktoe.sandbox.paypal.spec import CONTRACTS, load_spec

SOURCE = ROOT / "tiktoktoe" / "sandbox" / "paypal"
PAGE = (ROOT / "docs" / "fidelity-paypal.md").read_text(encoding="utf-8")
SPEC = load_spec()
with_document = pytest.mark.skipif(
    not SPEC.is_vendors, reason=f"PayPal's OpenAPI document is not in {CONTRACTS.name}"
)


def test_every_operation_that_is_answered_is_on_the_page_and_no_other() -> None:
    listed = set(re.findall(r"`((?:GET|POST|DELETE) /v[123]/[^`]+)`", PAGE))

    assert listed - {f"POST {api.TOKEN_PATH}"} == routes.answered()


def test_every_buyer_is_on_the_page() -> None:
    assert [name for name in (*BUYERS, *SLOW_BUYERS) if f"`{name}`" not in PAGE] == []


def test_every_event_that_the_sandbox_sends_is_on_the_page() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in SOURCE.glob("*.py"))
    sent = set(re.findall(r'"([A-Z]+\.[A-Z]+\.[A-Z]+)"', code))

    assert sent
    assert [name for name in sent if f"`{name}`" not in PAGE] == []


@with_document
def test_every_operation_on_orders_is_one_of_paypals() -> None:
    orders = [name for name in routes.answered() if "/orders" in name]

    assert orders
    assert [name for name in orders if not SPEC.has(name)] == []


@with_document
@pytest.mark.parametrize(
    "body",
    [
        {
            "intent": "PERHAPS",
            "purchase_units": [{"amount": {"currency_code": "USD", "value": "1"}}],
        },
        {"intent": "CAPTURE", "purchase_units": [{"amount": {"currency_code": "USD"}}]},
        {"purchase_units": [{"amount": {"currency_code": "USD", "value": "1"}}]},
        {"intent": "CAPTURE"},
    ],
)
def test_requests_are_held_against_paypals_document(
    paypal: PayPalWorld, body: dict[str, object]
) -> None:
    token = WEB.post(f"{paypal.address}{api.TOKEN_PATH}", auth=("sandbox", "s")).json()
    headers = {"Authorization": f"Bearer {token['access_token']}"}

    answer = WEB.post(f"{paypal.address}/v2/checkout/orders", json=body, headers=headers)

    assert answer.status_code == 400


@with_document
def test_an_answer_that_paypal_would_not_give_is_caught() -> None:
    with pytest.raises(ContractBroken, match="status"):
        SPEC.check_answer("GET /v2/checkout/orders/{id}", 200, {"id": "O", "status": "PERHAPS"})
