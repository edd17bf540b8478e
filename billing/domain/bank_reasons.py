"""Why banks refuse, return and refund, by what it means here.

ISO 20022's external reason codes of rejects (pain.002) and returns (pacs.004, camt). A code that
is not here is kept as it came and treated with care: fewer, later retries, never another way.

Source: EPC173-14, Guidance on reason codes for SEPA Direct Debit R-transactions, version 5.0;
ISO 20022 external code sets (ExternalReturnReason1Code), as of May 2026; what each means was held
against documentation.lemonway.com (SEPA R-transactions) and EPC135-18 version 2.0 of 27 May 2019
on 26 November 2026. In force for every message that has come since VALID_FROM.
"""

from collections.abc import Mapping
from datetime import date

from billing.domain.decline_codes import DeclineClass
from billing.domain.declines import Decline

VALID_FROM = date(2019, 11, 17)
SOURCE = "EPC173-14 version 5.0; ISO 20022 external code sets, May 2026"

_CODES: Mapping[DeclineClass, tuple[str, ...]] = {
    DeclineClass.TECHNICAL: ("ED05", "TM01", "DS28", "NOAS"),
    DeclineClass.SOFT_FUNDS: ("AM04",),
    DeclineClass.SOFT_LIMIT: ("AM02", "AM14"),
    # The debtor's bank does not say; MS02 is the debtor, and is not asked again.
    DeclineClass.SOFT_GENERIC: ("MS03", "NARR"),
    DeclineClass.DATA_FIX: ("AC01", "AC02", "BE04", "BE07", "RC01", "RR01", "RR02"),
    # Closed, blocked or of the wrong sort, or whoever holds it has died.
    DeclineClass.HARD_INSTRUMENT: ("AC04", "AC05", "AC06", "AC13", "AG01", "MD07", "AC16", "AC17"),
    # Without a mandate, refunded at the customer's wish, refused by the customer, or stopped by
    # a list that the customer's bank keeps for them: whoever debits again is debited back again.
    DeclineClass.HARD_REVOKED: ("MD01", "MD06", "MS02", "SL01", "CN01"),
    DeclineClass.FRAUD: ("FRAD", "FR01"),
    # May have been collected already: a person looks before anybody tries again.
    DeclineClass.REVIEW: ("AM05", "DUPL"),
    DeclineClass.CONFIG: (
        *("AC03", "AG02", "AG07", "AM01", "AM03", "AM09", "AM10", "AM12", "AM18", "BE05", "DNOR"),
        *("CNOR", "CURR", "DT01", "FF01", "FF05", "MD02", "MD05", "RC07", "RF01", "RR03", "RR04"),
    ),
}
# The R codes of ACH returns. Source: Nacha Operating Rules, appendix four, as in moov-io/ach's
# table (addenda99, 2026) and apidocs.paynearme.com/devdocs/docs/ach-return-codes (read on 26
# November 2026). R08, a stopped payment, may only be presented again if the customer allows it
# anew (bankfivenine.com, Reinitiating returned ACH debit items): the authorization ends. How
# often R01 and R09 may be presented again is in billing.domain.budgets, and until when a bank may
# return in billing.domain.return_windows.
_NACHA_CODES: Mapping[DeclineClass, tuple[str, ...]] = {
    DeclineClass.SOFT_FUNDS: ("R01", "R09"),
    DeclineClass.DATA_FIX: ("R03", "R04", "R13", "R28"),
    DeclineClass.HARD_INSTRUMENT: ("R02", "R14", "R15", "R16", "R20"),
    DeclineClass.HARD_REVOKED: ("R05", "R07", "R08", "R10", "R29"),
    # R24 may be a second entry. R11 is an error in an entry that was authorised: the amount, the
    # day; it is corrected by a person and presented again, and the permission stands. Source:
    # Nacha, Differentiating Unauthorized Return Reasons, in force since 1 April 2020.
    DeclineClass.REVIEW: ("R11", "R24"),
    DeclineClass.CONFIG: ("R06", "R17", "R18", "R19", "R26", "R27", "R31"),
}
CLASS_OF_NACHA_CODE: Mapping[str, DeclineClass] = {
    code: decline_class for decline_class, codes in _NACHA_CODES.items() for code in codes
}
CLASS_OF_ISO_CODE: Mapping[str, DeclineClass] = {
    code: decline_class for decline_class, codes in _CODES.items() for code in codes
}
# What says that the permission itself is gone, or the account that it is for.
ENDS_MANDATE = frozenset(
    {
        *("AC04", "AC05", "MD01", "MD07", "MS02", "SL01", "CN01"),
        *("R02", "R05", "R07", "R08", "R10", "R14", "R15", "R20", "R29"),
    }
)
# Taken back by the debtor's wish, for which they need give no reason.
REFUNDED_BY_DEBTOR = frozenset({"MD06"})


def bank_decline(code: str) -> Decline:
    """What a bank's reason means; one that nobody knows is treated with care."""
    named = CLASS_OF_ISO_CODE.get(code) or CLASS_OF_NACHA_CODE.get(code)
    known = named or DeclineClass.UNCLASSIFIED
    return Decline(code=code or "unknown", decline_class=known)


def ends_mandate(code: str) -> bool:
    """Whether nothing may be collected by the mandate any more.

    A refund at the debtor's wish (MD06) says that this one was not wanted, which after 8 weeks'
    free choice need not mean the next; but whoever collects again is asked why: it ends too.
    """
    return code in ENDS_MANDATE or code in REFUNDED_BY_DEBTOR
