"""A database that an older state of the code has filled comes up to date with all it held."""

import json

import pytest

from tests.web.management.scratch import python, scratch_database


@pytest.mark.django_db
def test_an_older_database_migrates_with_every_row_and_total_and_goes_on() -> None:
    with scratch_database() as url:
        told = json.loads(python(url, "-m", "tests.web.management.upgrading").splitlines()[-1])

    before, after = told["before"], told["after"]
    for table, was in before.items():
        assert {name: after[table].get(name, value) for name, value in was.items()} == was, table
    assert before["billing_invoice"]["rows"] == "8"
    assert before["billing_invoice"]["total"] == "753.5000"
    assert before["finance_posting"]["amount_minor"] == "0"
    assert told["then"] == {"failures": "0", "invoices": "3", "unposted": "0", "balance": "0"}
