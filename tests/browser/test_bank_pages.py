"""The bank desk and the mandate's page are accessible and fit a phone."""

import os
from pathlib import Path

import pytest
from django.db import transaction

from billing.models import BankCharge
from billing.services.bank.charges import keep_charge_of
from billing.services.bank.rail import turn_bank_rail
from billing.services.bank.returns import return_order
from tests.bank_world import GOOD_IBAN, BankWorld
from tests.billing.services.bank_scene import DebitScene
from tests.browser.reader import DESKTOP, PHONE, Reader
from tests.factories.subscriptions import make_customer, make_member
from tiktoktoe.kernel.money import Money

PICTURES = os.environ.get("PICTURES", "")


@pytest.fixture
def scene(transactional_db: None, bank: BankWorld) -> DebitScene:
    """A debit that went out and came back unclear, with a charge, a transfer that names nothing,
    and a message nobody can read."""
    made = DebitScene(bank)
    made.charge()
    made.turn()
    DebitScene(bank)
    bank.pay_in(9900, note="thank you", debtor={"name": "Kunde AG", "iban": GOOD_IBAN})
    (bank.incoming / "odd.xml").write_text("<Document><Odd/></Document>", encoding="utf-8")
    turn_bank_rail(at=made.at)
    order, on = made.order(), made.at.date()
    amount, cost = Money("102.00", "EUR"), Money("3.00", "EUR")
    with transaction.atomic():
        return_order(order=order, amount=amount, reason="AM04", text="", on=on, at=made.at)
    kind = BankCharge.Kind.RETURN
    keep_charge_of(order, kind=kind, amount=cost, on=on, text="return: MD06", at=made.at)
    return made


def test_the_bank_desk_is_accessible_and_fits_a_phone(
    finance_reader: Reader, scene: DebitScene
) -> None:
    addresses = {
        "bank-transfers": "/bank/transfers/",
        "bank-files": "/bank/files/",
        "mandates": "/bank/mandates/",
        "mandate": f"/bank/mandates/{scene.mandate.reference}/",
        "invoice": f"/invoices/{scene.invoice.number}/",
    }
    for name, path in addresses.items():
        finance_reader.audit(path)
        _take_pictures(finance_reader, name)


def test_a_customer_gives_a_mandate_by_hand(reader: Reader, scene: DebitScene) -> None:
    joined = make_member(make_customer(currency="EUR", locale="de"))
    reader.sign_in(joined.user)
    reader.audit("/portal/payment-methods/mandate/")
    _take_pictures(reader, "portal-mandate")
    page = reader.open("/portal/payment-methods/mandate/")
    page.get_by_label("IBAN").fill("DE89 3704 0044 0532 0130 00")
    page.get_by_label("I agree to this mandate").check()
    page.get_by_role("button", name="Give the mandate").click()

    page.wait_for_url("**/portal/payment-methods/")
    assert page.get_by_text("Sepa debit ending 3000").is_visible()
    reader.audit("/portal/payment-methods/")


def _take_pictures(reader: Reader, name: str) -> None:
    """Keep pictures for the eye when PICTURES names a folder."""
    sizes: tuple[tuple[str, dict[str, int]], ...] = (("desktop", DESKTOP), ("phone", PHONE))
    for word, size in sizes if PICTURES else ():
        reader.page.set_viewport_size(size)  # type: ignore[arg-type]
        reader.page.screenshot(path=Path(PICTURES) / f"{name}-{word}.png", full_page=True)
