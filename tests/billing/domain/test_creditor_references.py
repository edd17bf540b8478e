"""The structured reference of a transfer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import iso11649

from billing.domain.creditor_references import (
    bodies_in,
    body_of,
    body_of_reference,
    creditor_reference,
    printed,
)


def test_the_reference_of_an_invoice_number() -> None:
    reference = creditor_reference("INV-2026-000042")

    assert iso11649.is_valid(reference)
    assert body_of_reference(reference) == "INV2026000042"
    assert printed(reference)[:9] == f"{reference[:4]} INV2"


def test_a_number_that_does_not_fit_has_none() -> None:
    assert creditor_reference("N" * 22) == ""
    assert creditor_reference("–") == ""


def test_a_mistyped_reference_is_none() -> None:
    reference = creditor_reference("INV-1")
    mistyped = reference[:-1] + "2"

    assert body_of_reference(reference.lower()) == "INV1"
    assert body_of_reference(mistyped) == ""


@pytest.mark.parametrize(
    "text",
    [
        "INV-2026-000042",
        "Rechnung inv-2026-000042 vom 3.3.",
        "invoice INV-2026- 000042 thank you",  # cut by the bank
        "RF" + creditor_reference("INV-2026-000042")[2:],
        printed(creditor_reference("INV-2026-000042")),
    ],
)
def test_the_number_is_found_in_what_payers_write(text: str) -> None:
    assert "INV2026000042" in bodies_in(text)


@given(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-/", min_size=1, max_size=21))
def test_every_reference_passes_the_check_of_a_library_and_leads_back(number: str) -> None:
    reference = creditor_reference(number)

    if body_of(number):
        assert iso11649.is_valid(reference)
        assert body_of_reference(reference) == body_of(number)
