"""Why a gateway said no, in our words, and whether asking again can help."""

from collections.abc import Mapping
from dataclasses import dataclass

from billing.domain.decline_codes import CLASS_OF_STRIPE_CODE, DeclineClass

__all__ = ["POLICIES", "Decline", "DeclineClass", "DeclinePolicy", "stripe_decline"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclinePolicy:
    """What may be done about a class of declines, and what to tell the customer.

    `retry_later` is without anybody doing anything; `needs` says who has to act first.
    """

    retry_later: bool
    other_gateway: bool
    instrument_is_dead: bool
    needs: str  # nobody, customer, staff
    counts_against_gateway: bool
    advice: str


POLICIES: Mapping[DeclineClass, DeclinePolicy] = {
    DeclineClass.TECHNICAL: DeclinePolicy(
        retry_later=True,
        other_gateway=True,
        instrument_is_dead=False,
        needs="nobody",
        counts_against_gateway=True,
        advice="The payment could not be processed. We will try again.",
    ),
    DeclineClass.SOFT_FUNDS: DeclinePolicy(
        retry_later=True,
        other_gateway=False,
        instrument_is_dead=False,
        needs="nobody",
        counts_against_gateway=False,
        advice="There were not enough funds. We will try again, or pay another way.",
    ),
    DeclineClass.SOFT_LIMIT: DeclinePolicy(
        retry_later=True,
        other_gateway=False,
        instrument_is_dead=False,
        needs="nobody",
        counts_against_gateway=False,
        advice="A limit was reached. We will try again, or pay another way.",
    ),
    DeclineClass.SOFT_GENERIC: DeclinePolicy(
        retry_later=True,
        other_gateway=True,
        instrument_is_dead=False,
        needs="nobody",
        counts_against_gateway=True,
        advice="The bank declined without a reason. We will try again.",
    ),
    DeclineClass.AUTH_REQUIRED: DeclinePolicy(
        retry_later=False,
        other_gateway=False,
        instrument_is_dead=False,
        needs="customer",
        counts_against_gateway=False,
        advice="The card's issuer wants the payment confirmed. Please pay on the payment page.",
    ),
    DeclineClass.DATA_FIX: DeclinePolicy(
        retry_later=False,
        other_gateway=False,
        instrument_is_dead=False,
        needs="customer",
        counts_against_gateway=False,
        advice="The details of the payment method are wrong. Please enter them again.",
    ),
    DeclineClass.HARD_INSTRUMENT: DeclinePolicy(
        retry_later=False,
        other_gateway=False,
        instrument_is_dead=True,
        needs="customer",
        counts_against_gateway=False,
        advice="This payment method can no longer be used. Please pay with another one.",
    ),
    DeclineClass.HARD_REVOKED: DeclinePolicy(
        retry_later=False,
        other_gateway=False,
        instrument_is_dead=True,
        needs="customer",
        counts_against_gateway=False,
        advice="The permission to charge was withdrawn. Please pay with another method.",
    ),
    # The reason is not told: it would help whoever is trying stolen cards.
    DeclineClass.FRAUD: DeclinePolicy(
        retry_later=False,
        other_gateway=False,
        instrument_is_dead=False,
        needs="staff",
        counts_against_gateway=False,
        advice="The card was declined. Please contact its issuer, or pay another way.",
    ),
    DeclineClass.REVIEW: DeclinePolicy(
        retry_later=False,
        other_gateway=False,
        instrument_is_dead=False,
        needs="staff",
        counts_against_gateway=False,
        advice="This looks like a payment that was made already. We are looking into it.",
    ),
    DeclineClass.CONFIG: DeclinePolicy(
        retry_later=False,
        other_gateway=True,
        instrument_is_dead=False,
        needs="staff",
        counts_against_gateway=False,
        advice="The payment could not be processed. We are looking into it.",
    ),
    DeclineClass.UNCLASSIFIED: DeclinePolicy(
        retry_later=True,
        other_gateway=False,
        instrument_is_dead=False,
        needs="nobody",
        counts_against_gateway=False,
        advice="The payment was declined. We will try again, or pay another way.",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decline:
    """A decline: the gateway's own word, kept, and what it means here."""

    code: str
    decline_class: DeclineClass

    @property
    def policy(self) -> DeclinePolicy:
        """What may be done about it."""
        return POLICIES[self.decline_class]


def stripe_decline(*, code: str = "", decline_code: str = "", advice_code: str = "") -> Decline:
    """What a decline by Stripe means; the issuer's word counts before the gateway's.

    A code that nobody knows is treated with care: never another gateway, and fewer, later
    retries than a generic decline. An advice not to try again is obeyed whatever the code is.

    Args:
        code: The error's code, such as card_declined.
        decline_code: The issuer's reason behind it, such as insufficient_funds.
        advice_code: What the network advises, such as do_not_try_again.
    """
    raw = decline_code or code or "unknown"
    named = CLASS_OF_STRIPE_CODE.get(decline_code) or CLASS_OF_STRIPE_CODE.get(code)
    decline_class = named or DeclineClass.UNCLASSIFIED
    if advice_code == "do_not_try_again" and POLICIES[decline_class].retry_later:
        decline_class = DeclineClass.HARD_INSTRUMENT
    return Decline(code=raw, decline_class=decline_class)
