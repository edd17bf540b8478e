"""Both ways of the contract, against Adyen's own documents; skipped where they are not."""

from pathlib import Path

import pytest

from tests.adyen_world import API_KEY, MERCHANT, AdyenWorld
from tests.sandbox.server import WEB
from tiktoktoe.sandbox.adyen import routes
from tiktoktoe.sandbox.adyen.merchant import Merchant, Terms
from tiktoktoe.sandbox.adyen.spec import CONTRACTS, load_spec
from tiktoktoe.sandbox.core.errors import ContractBroken

SPEC = load_spec()
pytestmark = pytest.mark.skipif(
    not SPEC.is_vendors, reason=f"Adyen's OpenAPI documents are not in {CONTRACTS.name}"
)


def test_every_operation_that_is_answered_is_one_of_adyens() -> None:
    assert [name for name in sorted(routes.answered()) if not SPEC.has(name)] == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"colour": "red"}, "colour"),
        ({"amount": {"value": "much", "currency": "USD"}}, "amount"),
        ({"shopperInteraction": "Telepathy"}, "shopperInteraction"),
        ({"reference": "x" * 81}, "reference"),
    ],
)
def test_requests_are_held_against_adyens_document(
    adyen: AdyenWorld, change: dict[str, object], named: str
) -> None:
    body = {
        "merchantAccount": MERCHANT,
        "amount": {"value": 100, "currency": "USD"},
        "reference": "r",
        "returnUrl": "https://shop.example/",
        "paymentMethod": {"type": "scheme", "number": "4111111111111111"},
        **change,
    }

    answer = WEB.post(f"{adyen.address}/v72/payments", json=body, headers={"X-API-Key": API_KEY})

    assert answer.status_code == 422
    assert named in answer.json()["message"]
    assert adyen.control.payments() == []


def test_an_answer_that_adyen_would_not_give_is_caught() -> None:
    with pytest.raises(ContractBroken, match="resultCode"):
        SPEC.check_answer("POST /payments", 200, {"resultCode": "Perhaps"})


def test_an_event_that_adyen_would_not_tell_is_caught(tmp_path: Path) -> None:
    terms = Terms(merchant=MERCHANT, hmac_key="00", webhook="")
    merchant = Merchant(SPEC, tmp_path, "http://127.0.0.1:1", terms)
    about = {"id": "P", "merchantReference": "r", "amount": {"value": 1, "currency": "USD"}}

    with pytest.raises(ContractBroken, match="colour"):
        merchant.tell("AUTHORISATION", about=about, colour="red")
