"""Whether the customer must confirm a card payment with its bank, or is asked to be let off it.

Pure rules over facts; the amounts are dated rows with their source. What is asked for is only
asked: the bank may still want the confirmation, and then it is given on the payment page.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from billing.domain.fees import EEA_COUNTRIES
from billing.domain.wallet_brands import CARD_WALLETS
from tiktoktoe.kernel.money import Money

# Where strong customer authentication is the law. Sources: Directive (EU) 2015/2366 art. 97;
# the United Kingdom kept it (FCA technical standards, 2020).
SCA_COUNTRIES = EEA_COUNTRIES | {"GB"}


class Ask(StrEnum):
    """What the gateway is asked for."""

    NOTHING = "nothing"  # the rules do not apply, or the gateway judges by itself
    EXEMPTION = "exemption"
    CHALLENGE = "challenge"


class Exemption(StrEnum):
    """Why the customer need not confirm."""

    NONE = ""
    MERCHANT_INITIATED = "merchant_initiated"
    RECURRING = "recurring"
    ONE_LEG_OUT = "one_leg_out"
    LOW_VALUE = "low_value"
    LOW_RISK = "low_risk"  # transaction risk analysis


# A wallet has its holder confirm by itself: a device signs with a cryptogram that the card's
# network checks, which stands for 3-D Secure; Link's holder signs in with a code.
WALLET_CONFIRMS = "the wallet has its holder confirm"
WALLET_SOURCE = (
    "docs.adyen.com/payment-methods/apple-pay (it meets PSD2's rules by itself); "
    "support.stripe.com, Liability shift for Google Pay charges (cards on a device)"
)
RTS = "Delegated Regulation (EU) 2018/389"
SOURCES: Mapping[Exemption, str] = {
    Exemption.MERCHANT_INITIATED: "EBA Q&A 2018_4031",
    Exemption.RECURRING: f"{RTS}, art. 14",
    Exemption.ONE_LEG_OUT: "Directive (EU) 2015/2366, art. 2",
    Exemption.LOW_VALUE: f"{RTS}, art. 16",
    Exemption.LOW_RISK: f"{RTS}, art. 18",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExemptionTerms:
    """Up to which amount an exemption may be asked for, from a day on.

    Attributes:
        gateway: Whose acquirer has agreed to it; empty: every one's.
        maximum: Of one payment.
        total_maximum: Of such payments in a row, since the customer last confirmed; None: any.
        count_maximum: How many of them.
    """

    exemption: Exemption
    gateway: str
    maximum: Money
    total_maximum: Money | None = None
    count_maximum: int | None = None
    valid_from: date
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationFacts:
    """What is known of a payment before it is sent.

    Attributes:
        issuer_country: Of the card, or of the customer where the card is not known yet.
        acquirer_country: Ours.
        is_customer_there: Whether anybody could confirm.
        brand: Of the method, where one is known: a card in a wallet is a card all the same.
        is_subscription: Whether the same amount is taken again and again.
        stores_method: Whether later payments will be taken by it without the customer.
        bank_asked: Whether the bank, or a risk rule, asked for it before: a soft decline.
        is_risky: Whether risk points want it for this payment.
        exempted_count, exempted_total: Low payments since the customer last confirmed.
    """

    gateway: str
    kind: str
    amount: Money
    issuer_country: str
    acquirer_country: str
    is_customer_there: bool
    brand: str = ""
    is_subscription: bool = False
    stores_method: bool = False
    bank_asked: bool = False
    is_risky: bool = False
    exempted_count: int = 0
    exempted_total: Money | None = None


BANK_DECIDES = "the bank decides"
OUR_OWN = "this house's own choice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentication:
    """What is asked for, and why."""

    ask: Ask
    exemption: Exemption = Exemption.NONE
    reason: str
    source: str = ""

    @property
    def wish(self) -> str:
        """As a gateway is told it: challenge, the exemption that is asked for, or nothing."""
        if self.ask == Ask.EXEMPTION:
            return str(self.exemption)
        return str(self.ask) if self.ask == Ask.CHALLENGE else ""

    @property
    def expects_challenge(self) -> bool:
        """Whether the customer will likely be asked: nobody is let off, and the rules apply."""
        return self.ask == Ask.CHALLENGE or self.reason == BANK_DECIDES

    def as_kept(self, *, sent: Mapping[str, str] | None = None) -> dict[str, object]:
        """As the decision and the attempt keep it, with the fields by which it is sent."""
        return {
            "ask": str(self.ask),
            "exemption": str(self.exemption),
            "reason": self.reason,
            "source": self.source,
            "sent": dict(sent or {}),
        }


def decide_authentication(
    facts: AuthenticationFacts, terms: Iterable[ExemptionTerms], *, on: date
) -> Authentication:
    """What to ask for: the first rule that fits counts.

    A customer who is not there cannot confirm: such payments stand on what was confirmed when
    the method was stored. Where the method is to be stored, that confirmation is asked for,
    whatever the amount.
    """
    is_in_wallet = facts.kind == "wallet" and facts.brand in CARD_WALLETS
    if facts.kind not in {"card", ""} and not is_in_wallet:
        return _nothing("no card is charged")
    if not facts.is_customer_there:
        what = Exemption.RECURRING if facts.is_subscription else Exemption.MERCHANT_INITIATED
        return _exempt(Ask.EXEMPTION, what, "the customer is not there, and agreed to it before")
    if is_in_wallet:
        return Authentication(ask=Ask.NOTHING, reason=WALLET_CONFIRMS, source=WALLET_SOURCE)
    return _asked_of_card(facts, terms, on)


def _asked_of_card(
    facts: AuthenticationFacts, terms: Iterable[ExemptionTerms], on: date
) -> Authentication:
    """What is asked for while the customer is there, who pays by card."""
    if facts.bank_asked or facts.is_risky:
        return _stepped_up(facts)
    if _is_one_leg_out(facts):
        return _exempt(Ask.NOTHING, Exemption.ONE_LEG_OUT, "one side is outside of the rules")
    if facts.stores_method:
        return _challenge("later payments will stand on it")
    return _asked_exemption(facts, terms, on) or _nothing(BANK_DECIDES)


def _asked_exemption(
    facts: AuthenticationFacts, terms: Iterable[ExemptionTerms], on: date
) -> Authentication | None:
    """The exemption whose terms the payment keeps: low value before low risk, the latest terms."""
    allowed = [term for term in terms if _fits(term, facts, on)]
    for exemption in (Exemption.LOW_VALUE, Exemption.LOW_RISK):
        found = max(
            (term for term in allowed if term.exemption == exemption),
            key=lambda term: (term.gateway != "", term.valid_from),
            default=None,
        )
        if found is not None:
            return Authentication(
                ask=Ask.EXEMPTION,
                exemption=exemption,
                reason=f"up to {found.maximum.amount.normalize():f} {found.maximum.currency.code}",
                source=found.source,
            )
    return None


def _stepped_up(facts: AuthenticationFacts) -> Authentication:
    """A challenge that somebody wants, whatever the rules ask for."""
    if facts.bank_asked:
        return _challenge("the bank asked for it before")
    return Authentication(ask=Ask.CHALLENGE, reason="risk points want it", source=OUR_OWN)


def _is_one_leg_out(facts: AuthenticationFacts) -> bool:
    known = {facts.issuer_country, facts.acquirer_country} - {""}
    return bool(known - SCA_COUNTRIES)


def _fits(term: ExemptionTerms, facts: AuthenticationFacts, on: date) -> bool:
    """Whether the payment, with those before it, stays within the terms."""
    if term.valid_from > on or term.gateway not in {"", facts.gateway}:
        return False
    if term.maximum.currency != facts.amount.currency or facts.amount > term.maximum:
        return False
    if term.count_maximum is not None and facts.exempted_count >= term.count_maximum:
        return False
    if term.total_maximum is None or facts.exempted_total is None:
        return True
    return bool(facts.exempted_total + facts.amount <= term.total_maximum)


def _nothing(reason: str) -> Authentication:
    return Authentication(ask=Ask.NOTHING, reason=reason)


def _challenge(reason: str) -> Authentication:
    return Authentication(ask=Ask.CHALLENGE, reason=reason, source=f"{RTS}, art. 4")


def _exempt(ask: Ask, exemption: Exemption, reason: str) -> Authentication:
    return Authentication(ask=ask, exemption=exemption, reason=reason, source=SOURCES[exemption])
