import inspect
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO

import pytest
from pypdf import PdfReader

from billing.domain import own_words
from billing.domain.document_phrases import LANGUAGES
from billing.models import Invoice, TaxRate
from billing.services.credit.credit_notes import issue_credit_note
from billing.services.documents import (
    credit_note_pages,
    invoice_pages,
    letters,
    statement_pages,
)
from billing.services.documents.invoice_pages import invoice_content
from billing.services.documents.pdf import credit_note_pdf, invoice_pdf
from billing.services.documents.words import Wording
from billing.services.invoices.invoicing import void_invoice
from tests.factories.billing import open_invoice
from tests.factories.subscriptions import JAN_1, make_customer, published_version, recurring

pytestmark = pytest.mark.django_db
PRINTED = (credit_note_pages, invoice_pages, letters, statement_pages)


def words(pdf: bytes) -> str:
    text = "\n".join(page.extract_text() for page in PdfReader(BytesIO(pdf)).pages)
    return text.replace("\N{NO-BREAK SPACE}", " ")


def german_invoice(**customer: object) -> Invoice:
    """100.00 EUR and 19 % VAT."""
    TaxRate.objects.create(
        code="de-vat", name="VAT", country="DE", percentage=Decimal(19), valid_from=date(2021, 1, 1)
    )
    given = {"country": "DE", "currency": "EUR", "city": "Berlin", **customer}
    version = published_version(recurring("100.00"), currency="EUR")
    return open_invoice(customer=make_customer(**given), version=version)


def test_an_invoice_has_everything_that_a_customer_needs() -> None:
    invoice = german_invoice(name="Blauwal GmbH")

    text = words(invoice_pdf(invoice=invoice))

    for wanted in (
        "INV-000001",
        "Noughts & Crosses GmbH",
        "DE136695976",
        "Blauwal GmbH",
        "January 1, 2026",
        "January 15, 2026",
        "Team: Base fee",
        "€100.00",
        "VAT 19 % on €100.00",
        "€19.00",
        "€119.00",
        "IBAN DE89 3704 0044 0532 0130 00, reference RF69 INV0 0000 1 (INV-000001)",
        "Page 1 / 1",
    ):
        assert wanted in text


def test_the_same_invoice_gives_the_same_bytes() -> None:
    invoice = german_invoice()

    assert invoice_pdf(invoice=invoice) == invoice_pdf(invoice=Invoice.objects.get())


def test_a_customers_name_is_never_markup() -> None:
    name = '#read("/etc/passwd") *bold* $x$ <b> \\ "quoted" #panic()'
    invoice = german_invoice(name=name)

    assert name.replace(" ", "") in words(invoice_pdf(invoice=invoice)).replace(" ", "").replace(
        "\n", ""
    )


def test_numbers_and_days_follow_the_customers_locale() -> None:
    invoice = german_invoice(locale="de", time_zone="Europe/Berlin")

    text = words(invoice_pdf(invoice=invoice))

    assert "119,00 €" in text
    assert "1. Januar 2026" in text


def test_a_reverse_charge_is_named() -> None:
    customer = make_customer(country="FR", currency="EUR", tax_number="FR40303265045")
    version = published_version(recurring("100.00"), currency="EUR")
    invoice = open_invoice(customer=customer, version=version)

    text = words(invoice_pdf(invoice=invoice))

    assert invoice.tax.amount == 0
    assert "Reverse charge: VAT is to be accounted for by the recipient." in text
    assert "FR40303265045" in text


def test_yen_have_no_decimals() -> None:
    customer = make_customer(country="JP", currency="JPY")
    version = published_version(recurring("9800"), currency="JPY")

    text = words(invoice_pdf(invoice=open_invoice(customer=customer, version=version)))

    assert "¥9,800" in text
    assert "¥9,800." not in text


def test_a_credited_invoice_says_what_is_left() -> None:
    invoice = german_invoice()
    note = issue_credit_note(
        invoice=invoice, reason="Outage", idempotency_key="a", amount=Decimal("11.90"), at=JAN_1
    )
    invoice.refresh_from_db()

    text = words(invoice_pdf(invoice=invoice))
    note_text = words(credit_note_pdf(note=note))

    assert "€107.10" in text
    for wanted in ("CN-000001", "INV-000001", "€11.90 credited", "Reason: Outage", "€1.90"):
        assert wanted in note_text


def test_a_void_invoice_says_so_and_asks_for_nothing() -> None:
    invoice = void_invoice(invoice=german_invoice(), at=JAN_1)

    content = invoice_content(invoice)

    assert content["stamp"] == {"words": "Void", "tone": "bad"}
    assert (content["pay"], content["headline"]) == (None, None)


@pytest.mark.parametrize("locale", ["", "xx", "not a locale", "de_DE", "en-GB"])
def test_an_unknown_locale_is_written_in_english_at_least(locale: str) -> None:
    wording = Wording.of({"locale": locale, "time_zone": "UTC"})

    assert "2026" in wording.day(datetime(2026, 1, 1, tzinfo=UTC))
    assert "1" in wording.money(Decimal("1.00"), "EUR")


def test_small_prices_keep_their_decimals_and_large_numbers_no_exponent() -> None:
    wording = Wording.of({"locale": "en"})

    assert wording.price(Decimal("0.0000150000"), "USD") == "$0.000015"
    assert wording.number(Decimal("1E+6")) == "1,000,000"
    assert wording.money(Decimal("1.2500"), "KWD") == "KWD1.250"


@pytest.mark.parametrize(
    ("locale", "wanted"),
    [
        ("de", ["RECHNUNG AN", "Rechnungsnummer", "fällig am 15. Januar 2026", "auf 100,00 €"]),
        ("fr-FR", ["FACTURÉ À", "Numéro de facture", "à payer le 15 janvier 2026", "Allemagne"]),
        ("nl", ["BILL TO", "Invoice number", "15 januari 2026"]),
    ],
)
def test_an_invoice_speaks_the_customers_language(locale: str, wanted: list[str]) -> None:
    text = words(invoice_pdf(invoice=german_invoice(locale=locale)))

    assert [phrase for phrase in wanted if phrase not in text] == []


def test_every_phrase_of_a_document_is_known_in_every_language_with_its_values() -> None:
    sources = "".join(map(inspect.getsource, PRINTED))
    said = re.findall(r'say\(\s*"([^"]+)"', sources)
    fields = {english: set(re.findall(r"{\w+}", english)) for english in said}

    for language, phrases in LANGUAGES.items():
        assert [english for english in said if english not in phrases] == [], language
        assert phrases.keys() == LANGUAGES["de"].keys()
        for english, text in phrases.items():
            assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", english))
    assert len(fields) > 20


def test_our_own_words_on_lines_and_notes_are_the_customers_too() -> None:
    german = Wording.of({"locale": "de_DE"})

    assert [
        german.line("proration_credit", "Basis: Fee, unused time"),
        german.line("true_up", "Basis: minimum"),
        german.line("recurring", "Basis: minimum"),
        german.reason("Paused from 2026-02-21"),
        german.reason("Somebody wrote this"),
        german.step("tier 1: above 0 up to 100.5", "100.5 × 0.1 + 1 = 11.05"),
        german.step("part of the period", "60 × 18/28 days = 38.57"),
        german.step("coupon TEN 10.5", "1.5 rounded to 2"),
    ] == [
        "Basis: Fee, nicht genutzte Zeit",
        "Basis: Mindestbetrag",
        "Basis: minimum",
        "Pausiert ab 21. Februar 2026",
        "Somebody wrote this",
        "Stufe 1: über 0 bis 100,5: 100,5 × 0,1 + 1 = 11,05",
        "Teil des Zeitraums: 60 × 18/28 Tage = 38,57",
        "Gutschein TEN 10.5: 1,5 gerundet auf 2",
    ]


def test_in_english_they_are_as_they_were_kept() -> None:
    english = Wording.of({"locale": "en"})

    assert english.line("true_up", "Team: minimum") == "Team: minimum"
    assert english.step("units", "1000 × 0.002 = 2") == "units: 1000 × 0.002 = 2"
    assert english.reason("Paused from 2026-02-21") == "Paused from 2026-02-21"


def test_all_our_own_words_are_known_in_every_language() -> None:
    lines = [english for kind in own_words.OF_LINES for english in own_words.of_line(kind)]
    ours = {*lines, *own_words.REASONS, *own_words.LABELS, *own_words.FORMULAS}

    for language, phrases in LANGUAGES.items():
        assert ours - phrases.keys() == set(), language
