"""Files for a bank, held against the published schemas and against somebody else's bank."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import sepaxml

from billing.gateways.sepa_files import (
    Account,
    DebitOrder,
    TransferOrder,
    debit_file,
    sepa_text,
    transfer_file,
)
from tests.bank_world import BIC, CREDITOR_ID, GOOD_IBAN, IBAN, BankWorld
from tiktoktoe.kernel.money import Money

SCHEMAS = Path(sepaxml.__file__).parent / "schemas"
US = Account(name="Nøughts & Crosses GmbH", number=IBAN, bic=BIC)
MADE_AT = datetime(2026, 3, 2, 8, 15, 7, tzinfo=UTC)
THEM = Account(name="Müller // Söhne “Ltd”", number=GOOD_IBAN)


def debits(*amounts: str) -> bytes:
    return debit_file(
        [
            DebitOrder(
                end_to_end_id=f"E{number}",
                amount=Money(amount, "EUR"),
                debtor=THEM,
                mandate=f"M-{number}",
                signed_on=date(2026, 1, 31),
                text="Invoice INV-1 – thank you",
            )
            for number, amount in enumerate(amounts, 1)
        ],
        message_id="FILE-1",
        made_at=MADE_AT,
        collect_on=date(2026, 3, 5),
        sequence_type="RCUR",
        creditor=US,
        creditor_id=CREDITOR_ID,
    )


def transfers() -> bytes:
    order = TransferOrder(
        end_to_end_id="R1", amount=Money("19.90", "EUR"), creditor=THEM, text="Refund of INV-1"
    )
    return transfer_file(
        [order], message_id="FILE-2", made_at=MADE_AT, execute_on=date(2026, 3, 3), debtor=US
    )


def is_valid(body: bytes, schema: str) -> bool:
    """By the published schema; the library takes half a second to load, here and nowhere else."""
    import xmlschema

    return xmlschema.XMLSchema(SCHEMAS / f"{schema}.xsd").is_valid(body.decode())


@pytest.mark.parametrize(
    ("body", "schema"),
    [(debits("10", "0.01"), "pain.008.001.08"), (transfers(), "pain.001.001.09")],
)
def test_a_file_is_valid_by_the_published_schema(body: bytes, schema: str) -> None:
    assert is_valid(body, schema)


def test_the_schema_check_can_fail() -> None:
    broken = debits("10").replace(b"SEPA</Cd>", b"SEPAxx</Cd>")

    assert not is_valid(broken, "pain.008.001.08")


def test_the_sums_are_exact_and_the_same_orders_give_the_same_bytes() -> None:
    body = debits("10.10", "0.20", "999999999.99")

    assert body.count(b"<CtrlSum>1000000010.29</CtrlSum>") == 2
    assert body.count(b"<NbOfTxs>3</NbOfTxs>") == 2
    assert body == debits("10.10", "0.20", "999999999.99")


@pytest.mark.parametrize(
    ("text", "spelt"),
    [
        ("Müller Straße", "Muller Strasse"),
        ("a//b///c", "a/b/c"),
        ("/lead", "lead"),
        ("“quoted” – 5 €", ".quoted. . 5 ."),
        ("Łódź & Æther", ".odz + AEther"),
    ],
)
def test_text_is_spelt_in_the_letters_that_every_bank_takes(text: str, spelt: str) -> None:
    assert sepa_text(text) == spelt


@pytest.mark.parametrize("body", [debits("10", "25.50"), transfers()])
def test_somebody_elses_bank_finds_nothing_wrong_with_a_file(bank: BankWorld, body: bytes) -> None:
    answer = bank.http.post("validate", content=body)

    assert (answer.status_code, answer.text.partition("0 findings")[1]) == (200, "0 findings")
