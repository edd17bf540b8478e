"""Our own answers are held against Stripe's document too: the sandbox taken apart."""

from pathlib import Path

import pytest

from tests.sandbox.conftest import KEY
from tests.sandbox.server import CACHE
from tiktoktoe.sandbox.core.messages import Request
from tiktoktoe.sandbox.stripe import routes
from tiktoktoe.sandbox.stripe.api import Api
from tiktoktoe.sandbox.stripe.sandbox import Sandbox
from tiktoktoe.sandbox.stripe.spec import Json, load_spec


@pytest.fixture
def taken_apart(tmp_path: Path) -> Sandbox:
    return Sandbox(load_spec(CACHE), tmp_path, "http://127.0.0.1:1")


def request(method: str, path: str, content: str = "") -> Request:
    return Request(
        identity="req_1",
        method=method,
        path=path,
        query="",
        content=content.encode(),
        authorization=f"Bearer {KEY}",
        idempotency_key=None,
        version=None,
    )


def test_an_answer_that_stripe_would_not_give_is_an_error_that_names_the_place(
    taken_apart: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    refund = taken_apart.new("refund", status="succeeded", amount="a lot")
    taken_apart.store.save()

    answer = Api(taken_apart).answer(request("GET", f"/v1/refunds/{refund['id']}"))

    assert answer.status == 500
    assert "/v1/refunds/{refund} amount" in answer.body["error"]["message"]
    assert "a fault of the sandbox" in caplog.text


def test_a_change_that_ends_in_a_fault_of_ours_is_undone(
    taken_apart: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks_off(sandbox: Sandbox, _parameters: Json) -> Json:
        sandbox.new("customer", name="Half")
        raise RuntimeError("half-way")

    monkeypatch.setattr(routes, "find", lambda *_: (breaks_off, {}))

    answer = Api(taken_apart).answer(request("POST", "/v1/customers", "name=Half"))

    assert answer.status == 500
    assert "half-way" not in answer.body["error"]["message"]
    assert list(taken_apart.store.newest_first("customer")) == []
