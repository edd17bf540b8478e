"""A database that an older state of the code has filled comes up to date with all it held."""

import json
from hashlib import sha256

import pytest

from tests.web.management import world_0058
from tests.web.management.scratch import python, scratch_database


@pytest.mark.django_db
def test_an_older_database_migrates_with_every_row_and_total_and_goes_on() -> None:
    with scratch_database() as url:
        told = json.loads(python(url, "-m", "tests.web.management.upgrading").splitlines()[-1])

    before, after, done = told["before"], told["after"], told["done"]
    for table, was in before.items():
        assert {name: after[table].get(name, value) for name, value in was.items()} == was, table
    assert before["billing_invoice"]["rows"] == "8"
    assert before["billing_invoice"]["total"] == "753.5000"
    assert before["finance_posting"]["amount_minor"] == "0"
    assert told["then"] == {"failures": "0", "invoices": "3", "unposted": "0", "balance": "0"}
    assert done == {
        "when": [["2026-03-31 22:00:00+00"]],
        "where": [["1", "1"]],
        "digest": [[sha256(b'{"id": "evt_1"}').hexdigest()]],
        "creditor": [[world_0058.CREDITOR]],
        "wallets": [
            ["EUR", "150.000", done["wallets"][0][2]],
            ["GBP", "150.000", done["wallets"][1][2]],
            ["USD", "250.000", "our contract"],
        ],
        "bank": [["4.5000", "2020-01-01"]],
        "returned": [["bear"]],
        "charges": [["5020"]],
    }
