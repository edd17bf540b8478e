"""Until when a bank may take a debit back; later than that, a person objects.

The money is gone all the same: what is said here is only that it may be asked for again.

The rule books are not free to read whole; each time was held on 26 November 2026 against public
pages that tell of them, which are named as the source.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from billing.domain.bank_days import is_fed_day, is_target_day, later
from tiktoktoe.kernel.periods import add_months

REFUND_WITHIN = timedelta(weeks=8)
UNAUTHORISED_MONTHS = 13
EVERY_OTHER: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnWindow:
    """How long after its settlement a debit may come back for some reasons.

    Attributes:
        codes: The reasons; none: those that no other window of the scheme names.
        bank_days, days, months: The time, of which one is given.
    """

    scheme: str  # sepa or ach
    codes: frozenset[str]
    bank_days: int = 0
    days: int = 0
    months: int = 0
    words: str
    valid_from: date
    source: str

    def ends_on(self, debited_on: date) -> date:
        """The last day on which it may come back."""
        if self.bank_days:
            is_open = is_fed_day if self.scheme == "ach" else is_target_day
            return later(debited_on, self.bank_days, is_open)
        if self.months:
            return add_months(debited_on, self.months)
        last = debited_on + timedelta(days=self.days)
        # An ACH return has to be there when the bank day after the sixtieth day begins.
        return later(last, 1, is_fed_day) if self.scheme == "ach" else last


_READ = "read 2026-11-26"
_SDD = (
    "EPC016-06, SEPA Direct Debit Core Rulebook, 2025 version 1.1, in force from 5 October 2025 to "
    f"21 November 2027 (europeanpaymentscouncil.eu/node/171, {_READ})"
)
_TIMES = f"abnamro.nl, Timescales SEPA Direct Debit, {_READ}"
_BANKS = f"support.lemonway.com, What is a SEPA direct debit return, {_READ}"
_NACHA = (
    "Nacha Operating Rules, as told by apidocs.paynearme.com/devdocs/docs/ach-return-codes and "
    f"ServiceNow's Dispute Rules Content Pack for Nacha of 12 March 2026, {_READ}"
)
# Asked for by our own bank, or agreed with it: no time is set. Source: ServiceNow's pack, R06 "not
# defined, determined by ODFI and RDFI"; R31 is the same between banks for companies' accounts.
AT_ANY_TIME = frozenset({"R06", "R31"})
WINDOWS: Sequence[ReturnWindow] = (
    ReturnWindow(
        scheme="sepa",
        codes=frozenset({"MD06"}),
        days=REFUND_WITHIN.days,
        words="8 weeks after the debit",
        valid_from=date(2009, 11, 2),
        source=f"{_SDD}; {_TIMES}",
    ),
    ReturnWindow(
        scheme="sepa",
        codes=frozenset({"MD01"}),
        months=UNAUTHORISED_MONTHS,
        words=f"{UNAUTHORISED_MONTHS} months after the debit",
        valid_from=date(2009, 11, 2),
        source=f"Directive (EU) 2015/2366, art. 71; {_TIMES}",
    ),
    ReturnWindow(
        scheme="sepa",
        codes=EVERY_OTHER,
        bank_days=5,
        words="5 bank days after the debit",
        valid_from=date(2009, 11, 2),
        source=f"{_SDD}: returns by the debtor's bank; {_TIMES}; {_BANKS}",
    ),
    ReturnWindow(
        scheme="ach",
        codes=frozenset({"R05", "R07", "R10", "R11"}),
        days=60,
        words="60 days after the debit",
        valid_from=date(2020, 4, 1),
        source=f"{_NACHA}; R11 since 1 April 2020: Differentiating Unauthorized Return Reasons",
    ),
    ReturnWindow(
        scheme="ach",
        codes=EVERY_OTHER,
        bank_days=2,
        words="2 bank days after the debit",
        valid_from=date(2020, 4, 1),
        source=f"{_NACHA}; R29 too: of companies' accounts there is no longer time",
    ),
)


def window_of(code: str) -> ReturnWindow:
    """The window in which a debit may come back for a reason."""
    scheme = "ach" if code[:1] == "R" and code[1:].isdigit() else "sepa"
    own = [window for window in WINDOWS if window.scheme == scheme]
    named = [window for window in own if code in window.codes]
    return named[0] if named else next(window for window in own if not window.codes)


def late_return(*, code: str, debited_on: date | None, returned_on: date) -> str:
    """What is to be said where a debit came back later than its scheme allows; else nothing.

    What our own bank asked for or agreed to is never late. A claim that there was no mandate may
    come for 13 months, but after the 8 weeks in which no reason is needed the creditor may show
    the mandate.
    """
    if debited_on is None or code in AT_ANY_TIME:
        return ""
    window = window_of(code)
    if returned_on > window.ends_on(debited_on):
        return f"taken back more than {window.words}: object to it"
    if code == "MD01" and returned_on > debited_on + REFUND_WITHIN:
        return "taken back for want of a mandate after 8 weeks: send the bank the mandate"
    return ""
