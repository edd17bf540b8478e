"""What a bank sends, as somebody else's bank writes it."""

from datetime import date

import pytest

from billing.errors import BankMessageUnreadable
from billing.gateways.bank_messages import AccountReport, BankMessage, read_message
from tests.bank_world import CLOSED_IBAN, GOOD_IBAN, BankWorld
from tests.billing.gateways.test_sepa_files import debits
from tiktoktoe.kernel.money import Money


def messages(bank: BankWorld, kind: str) -> list[BankMessage]:
    paths = sorted(bank.incoming.glob(f"{kind}*ACME*"), key=lambda path: path.stat().st_mtime_ns)
    return [read_message(path.read_bytes()) for path in paths]


def send(bank: BankWorld, body: bytes) -> None:
    (bank.outgoing / "FILE-1.xml").write_bytes(body)
    bank.read_files()


def test_a_file_of_which_one_order_is_refused(bank: BankWorld) -> None:
    body = debits("10", "25.50").replace(GOOD_IBAN.encode(), CLOSED_IBAN.encode(), 1)

    send(bank, body)

    (status,) = messages(bank, "pain.002")[0].statuses
    assert (status.message_id, status.status) == ("FILE-1", "PART")
    refused, taken = status.orders
    assert (refused.end_to_end_id, refused.is_rejected, refused.reason) == ("E1", True, "AC04")
    assert (taken.end_to_end_id, taken.is_rejected) == ("E2", False)


def test_the_same_file_twice_is_refused_as_a_whole(bank: BankWorld) -> None:
    send(bank, debits("10"))
    send(bank, debits("10"))

    again = messages(bank, "pain.002")[-1].statuses[0]
    assert (again.message_id, again.status, again.reason) == ("FILE-1", "RJCT", "DUPL")
    assert len(bank.collections()) == 1


def test_a_debit_is_booked_under_one_name_in_the_notification_and_in_the_statement(
    bank: BankWorld,
) -> None:
    send(bank, debits("10", "25.50"))

    bank.advance(to=date(2026, 3, 6))

    notified = messages(bank, "camt.054")[0].reports[0]
    statement = next(m.reports[0] for m in messages(bank, "camt.053") if m.reports[0].entries)
    assert [e.reference for e in notified.entries] == [e.reference for e in statement.entries]
    first = notified.entries[0]
    assert (first.end_to_end_id, first.amount, first.is_credit) == ("E1", Money("10", "EUR"), True)
    assert (first.booked_on, first.party_iban) == (date(2026, 3, 5), GOOD_IBAN)
    assert first.code == "PMNT/IDDT/ESDD"
    assert statement.missing == Money(0, "EUR")


def test_a_statement_that_leaves_an_entry_out_shows_how_much_is_missing(bank: BankWorld) -> None:
    bank.behave("ACME", behaviour="statement-gap")
    send(bank, debits("10", "25.50"))

    bank.advance(to=date(2026, 3, 6))

    reports = [message.reports[0] for message in messages(bank, "camt.053")]
    assert [report.missing for report in reports if report.entries] == [Money("25.50", "EUR")]


def test_money_that_goes_back_is_told_twice_with_its_reason(bank: BankWorld) -> None:
    send(bank, debits("10"))
    bank.advance(to=date(2026, 3, 6))

    bank.refuse("E1", "MD06")

    (returned,) = messages(bank, "pacs.004")[0].returns
    entry = messages(bank, "camt.054")[-1].reports[0].entries[0]
    assert (returned.end_to_end_id, returned.reason, returned.returned_on) == (
        "E1",
        "MD06",
        date(2026, 3, 6),
    )
    assert (entry.end_to_end_id, entry.is_credit, entry.return_reason) == ("E1", False, "MD06")
    assert (entry.amount, entry.party_iban) == (Money("10", "EUR"), GOOD_IBAN)


def test_a_transfer_that_arrives_brings_what_its_payer_wrote(bank: BankWorld) -> None:
    payer = {"name": "Kunde AG", "iban": GOOD_IBAN}
    bank.pay_in(11800, note="INV-1001 less damaged", reference="RF18539007547034", debtor=payer)

    (entry,) = messages(bank, "camt.054")[0].reports[0].entries
    assert entry.reference.startswith("MB-RCV-")
    assert (entry.structured, entry.text) == ("RF18539007547034", "INV-1001 less damaged")
    assert (entry.party_name, entry.party_iban) == ("Kunde AG", GOOD_IBAN)
    assert (entry.amount, entry.end_to_end_id) == (Money("118", "EUR"), "")


def test_the_statement_of_a_day_without_entries_is_read_too(bank: BankWorld) -> None:
    bank.advance(to=date(2026, 3, 3))

    (report,) = messages(bank, "camt.053")[0].reports
    assert isinstance(report, AccountReport)
    assert (report.entries, report.missing) == ((), Money(0, "EUR"))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "no XML"),
        (b"<Document>", "no XML"),
        (b"<html></html>", "no ISO 20022 message"),
        (b"<Document><SomethingNew/></Document>", "SomethingNew are not known"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><Document/>', "document type"),
        (b"<Document><PmtRtr/></Document>", "it has no MsgId"),
        (b"<Document>" + b" " * 20_000_001 + b"</Document>", "more than"),
    ],
)
def test_what_is_no_message_is_refused_in_words(body: bytes, words: str) -> None:
    with pytest.raises(BankMessageUnreadable, match=words):
        read_message(body)


CAMT = b"""<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt>
<GrpHdr><MsgId>S1</MsgId></GrpHdr><Stmt><Acct><Id><IBAN>DE89370400440532013000</IBAN></Id></Acct>
<Ntry><Amt Ccy="EUR">102.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>
<BookgDt><Dt>2026-03-09</Dt></BookgDt><AcctSvcrRef>R1</AcctSvcrRef>
<NtryDtls><TxDtls><Refs><EndToEndId>E1</EndToEndId></Refs><Amt Ccy="EUR">102.00</Amt>
<AmtDtls><InstdAmt><Amt Ccy="EUR">99.00</Amt></InstdAmt></AmtDtls>
<Chrgs><Rcrd><Amt Ccy="EUR">2.50</Amt></Rcrd><Rcrd><Amt Ccy="EUR">0.50</Amt></Rcrd></Chrgs>
<RtrInf><Rsn><Cd>MD06</Cd></Rsn></RtrInf></TxDtls></NtryDtls></Ntry>
<Ntry><Amt Ccy="EUR">7.90</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>
<BookgDt><Dt>2026-03-09</Dt></BookgDt><AcctSvcrRef>R2</AcctSvcrRef>
<BkTxCd><Domn><Cd>ACMT</Cd><Fmly><Cd>MDOP</Cd><SubFmlyCd>CHRG</SubFmlyCd></Fmly></Domn></BkTxCd>
<Chrgs><TtlChrgsAndTaxAmt Ccy="EUR">7.90</TtlChrgsAndTaxAmt></Chrgs></Ntry>
</Stmt></BkToCstmrStmt></Document>"""
PACS = b"""<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.004.001.09"><PmtRtr>
<GrpHdr><MsgId>P1</MsgId></GrpHdr><TxInf><OrgnlEndToEndId>E1</OrgnlEndToEndId>
<RtrdIntrBkSttlmAmt Ccy="EUR">102.00</RtrdIntrBkSttlmAmt><IntrBkSttlmDt>2026-03-09</IntrBkSttlmDt>
<RtrdInstdAmt Ccy="EUR">99.00</RtrdInstdAmt><CompstnAmt Ccy="EUR">1.80</CompstnAmt>
<ChrgsInf><Amt Ccy="EUR">1.20</Amt></ChrgsInf>
<RtrRsnInf><Rsn><Cd>MD06</Cd></Rsn></RtrRsnInf></TxInf></PmtRtr></Document>"""


def test_the_charges_of_a_movement_and_what_was_ordered_are_read() -> None:
    back, fee = read_message(CAMT).reports[0].entries

    assert (back.charges, back.instructed) == (Money("3.00", "EUR"), Money("99.00", "EUR"))
    assert (fee.code, fee.charges, fee.instructed) == ("ACMT/MDOP/CHRG", Money("7.90", "EUR"), None)


def test_the_costs_of_a_return_are_compensation_and_charges() -> None:
    (back,) = read_message(PACS).returns

    assert (back.amount, back.charges) == (Money("102.00", "EUR"), Money("3.00", "EUR"))
    assert back.instructed == Money("99.00", "EUR")
