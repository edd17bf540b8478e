"""The program itself: restarts, its clock, its port; and both ways of the contract."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from tests.sandbox.conftest import client_of
from tests.sandbox.server import CACHE, ROOT, WEB, RunningSandbox, running_sandbox
from tests.sandbox.test_payments import MANDATE, pay
from tests.sandbox.test_protocol import AUTHORIZATION
from tiktoktoe.sandbox.stripe.errors import ContractBroken
from tiktoktoe.sandbox.stripe.spec import load_spec


def test_a_kill_forgets_nothing(tmp_path: Path) -> None:
    start = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
    with running_sandbox(tmp_path, now=start) as sandbox:
        client = client_of(sandbox.address)
        customer = client.customers.create({"name": "Ada"}, {"idempotency_key": "a"}).id
        intent = pay(client, payment_method="pm_card_fr", customer=customer)
        debit = {"type": "sepa_debit", "sepa_debit": {"iban": "DE89370400440532013000"}}
        method = client.payment_methods.create(debit).id
        waiting = pay(client, payment_method=method, customer=customer, mandate_data=MANDATE)
        assert intent.created == pytest.approx(start.timestamp(), abs=30)
        with pytest.raises(httpx.HTTPStatusError, match="400"):
            sandbox.control.reset(to_kept=True)  # nothing was kept

        sandbox.restart()

        client = client_of(sandbox.address)
        again = client.customers.create({"name": "Ada"}, {"idempotency_key": "a"})
        assert again.id == customer
        found = client.payment_intents.list({"customer": customer}).data
        assert [i.status for i in found] == ["processing", "succeeded"]
        sandbox.control.set_clock(datetime(2026, 1, 10, tzinfo=UTC))
        assert client.payment_intents.retrieve(waiting.id).status == "succeeded"
        booked = client.balance_transactions.list().data
        assert [row.status for row in booked] == ["pending", "available"]


def test_what_becomes_due_happens_at_its_own_moment(sandbox: RunningSandbox) -> None:
    client = client_of(sandbox.address)
    intent = pay(client, payment_method="pm_usBankAccount", currency="usd", mandate_data=MANDATE)

    sandbox.control.advance_clock(60 * 86_400)

    succeeded = client.events.list({"type": "payment_intent.succeeded", "limit": 1}).data[0]
    assert succeeded.data.object.id == intent.id
    assert succeeded.created - intent.created == 4 * 86_400


def test_a_taken_port_is_one_clear_sentence(sandbox: RunningSandbox, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tiktoktoe.sandbox.stripe", "--port", str(sandbox.port)]
    command += ["--data", str(tmp_path), "--cache", str(CACHE)]

    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert ended.returncode == 1
    assert ended.stderr.startswith(f"the sandbox cannot start on port {sandbox.port}")
    assert "Traceback" not in ended.stderr


def test_it_listens_on_this_machine_only(sandbox: RunningSandbox) -> None:
    listening = Path("/proc/net/tcp").read_text(encoding="ascii")

    port = f"{sandbox.port:04X}"
    addresses = {line.split()[1] for line in listening.splitlines()[1:] if f":{port} " in line}
    assert f"0100007F:{port}" in addresses
    assert f"00000000:{port}" not in addresses


def test_reset_forgets_everything(sandbox: RunningSandbox) -> None:
    client = client_of(sandbox.address)
    client.customers.create({"name": "Ada"})
    sandbox.control.advance_clock(1_000_000)

    sandbox.control.reset()

    assert client.customers.list().data == []
    assert client.accounts.retrieve_current().id.startswith("acct_")
    now = datetime.now(UTC).timestamp()
    assert sandbox.control.stats()["now"] == pytest.approx(now, abs=30)


def test_what_was_kept_is_begun_with_again_and_what_came_after_is_forgotten(
    sandbox: RunningSandbox,
) -> None:
    client = client_of(sandbox.address)
    ada = client.customers.create({"name": "Ada"}).id
    sandbox.control.advance_clock(1_000_000)
    sandbox.control.keep()

    for _ in range(2):
        client.customers.update(ada, {"name": "Bob"})
        client.customers.create({"name": "Eve"})
        sandbox.control.advance_clock(1_000_000)
        sandbox.control.add_fault("GET /v1/customers", "reset_before", times=9)
        sandbox.control.reset(to_kept=True)

        assert [(row.id, row.name) for row in client.customers.list().data] == [(ada, "Ada")]
        there = sandbox.control.stats()["now"] - datetime.now(UTC).timestamp()
        assert there == pytest.approx(1_000_000, abs=30)


def test_an_answer_that_breaks_the_contract_is_caught() -> None:
    spec = load_spec(CACHE)
    operation = spec.operation("GET", "/v1/payment_intents/pi_1")
    broken = spec.skeleton("payment_intent") | {"id": "pi_1", "status": "thinking"}

    with pytest.raises(ContractBroken, match="status"):
        spec.check_answer(operation, broken)


def test_the_document_is_the_version_that_the_shop_pins() -> None:
    assert load_spec(CACHE).version == "2026-05-27.dahlia"


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Host": "rebound.example:80"}]
)
def test_a_web_page_cannot_use_the_controls(
    sandbox: RunningSandbox, headers: dict[str, str]
) -> None:
    answer = WEB.post(f"{sandbox.address}/_sandbox/reset", headers=headers, content="{}")

    assert answer.status_code == 403


def test_there_is_no_control_of_an_unknown_name(sandbox: RunningSandbox) -> None:
    answer = WEB.post(f"{sandbox.address}/_sandbox/unicorn", headers=AUTHORIZATION, json={})

    assert answer.status_code == 404
    assert "checkout" in answer.json()["error"]["message"]
