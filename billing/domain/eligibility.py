"""Whether a stored way to pay can be charged at a gateway at all, and every reason why not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from tiktoktoe.kernel.money import Money


class Why(StrEnum):
    """Why a candidate is left out."""

    GATEWAY_DISABLED = "gateway_disabled"
    KIND_NOT_TAKEN = "kind_not_taken"
    CURRENCY_NOT_TAKEN = "currency_not_taken"
    NOT_ITS_CURRENCY = "not_its_currency"
    COUNTRY_NOT_TAKEN = "country_not_taken"
    AMOUNT_TOO_SMALL = "amount_too_small"
    AMOUNT_TOO_LARGE = "amount_too_large"
    NOT_HELD = "not_held"
    METHOD_REMOVED = "method_removed"
    METHOD_EXPIRED = "method_expired"
    METHOD_IS_DEAD = "method_is_dead"
    MANDATE_MISSING = "mandate_missing"
    MANDATE_INACTIVE = "mandate_inactive"
    CAPABILITY_MISSING = "capability_missing"
    BREAKER_OPEN = "breaker_open"
    BUDGET_USED_UP = "budget_used_up"
    TRIED_ALREADY = "tried_already"
    AUTHENTICATION_IMPOSSIBLE = "authentication_impossible"
    RULED_OUT = "ruled_out"


WORDS: Mapping[Why, str] = {
    Why.GATEWAY_DISABLED: "the gateway is switched off",
    Why.KIND_NOT_TAKEN: "the gateway does not take this kind of method",
    Why.CURRENCY_NOT_TAKEN: "the gateway does not take this currency",
    Why.NOT_ITS_CURRENCY: "such an account is debited in another currency",
    Why.COUNTRY_NOT_TAKEN: "the gateway does not take methods of this country",
    Why.AMOUNT_TOO_SMALL: "the amount is below what the gateway takes",
    Why.AMOUNT_TOO_LARGE: "the amount is above what the gateway takes",
    Why.NOT_HELD: "this gateway does not hold the method",
    Why.METHOD_REMOVED: "the method was removed",
    Why.METHOD_EXPIRED: "the method has expired",
    Why.METHOD_IS_DEAD: "the issuer said that it must not be charged again",
    Why.MANDATE_MISSING: "a debit needs a mandate, and there is none",
    Why.MANDATE_INACTIVE: "the mandate was withdrawn or has expired",
    Why.CAPABILITY_MISSING: "the gateway cannot do what this payment needs",
    Why.BREAKER_OPEN: "the gateway has been failing; it is left alone for a while",
    Why.BUDGET_USED_UP: "the network allows no more tries for now",
    Why.TRIED_ALREADY: "it was tried for this payment already",
    Why.AUTHENTICATION_IMPOSSIBLE: "the customer has to confirm, and cannot there",
    Why.RULED_OUT: "a routing rule leaves it out",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayFacts:
    """What a gateway takes, and how it is; an empty set means: every one."""

    name: str
    is_enabled: bool = True
    kinds: frozenset[str] = frozenset()
    currencies: frozenset[str] = frozenset()
    countries: frozenset[str] = frozenset()
    minimum: Mapping[str, Money] | None = None
    maximum: Mapping[str, Money] | None = None
    abilities: frozenset[str] = frozenset()
    has_authentication: bool = True
    breaker_is_open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodFacts:
    """A stored way to pay, and at which gateways it can be charged."""

    reference: str
    kind: str
    country: str = ""
    brand: str = ""
    held_by: frozenset[str] = frozenset()
    is_removed: bool = False
    is_dead: bool = False
    expires_on: date | None = None
    needs_mandate: bool = False
    mandate_state: str = ""  # "" is none at all
    spent_budgets: frozenset[str] = frozenset()  # gateways where no try is left
    currencies: frozenset[str] = frozenset()  # in which it can be charged, wherever it is held
    limits: Mapping[str, Money] | None = None  # the most by one payment, by gateway


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What a payment asks of a gateway."""

    amount: Money
    on: date
    is_on_session: bool = False
    abilities: frozenset[str] = frozenset()
    needs_authentication: bool = False
    tried: frozenset[tuple[str, str]] = frozenset()  # (gateway, method)


_Check = Callable[[GatewayFacts, MethodFacts, Need], bool]

_CHECKS: Mapping[Why, _Check] = {
    Why.GATEWAY_DISABLED: lambda gateway, _, __: not gateway.is_enabled,
    Why.KIND_NOT_TAKEN: lambda gateway, method, _: _is_outside(method.kind, gateway.kinds),
    Why.CURRENCY_NOT_TAKEN: lambda gateway, _, need: _is_outside(
        need.amount.currency.code, gateway.currencies
    ),
    Why.NOT_ITS_CURRENCY: lambda _, method, need: _is_outside(
        need.amount.currency.code, method.currencies
    ),
    Why.COUNTRY_NOT_TAKEN: lambda gateway, method, _: (
        bool(method.country) and _is_outside(method.country, gateway.countries)
    ),
    Why.AMOUNT_TOO_SMALL: lambda gateway, _, need: _is_below(need.amount, gateway.minimum),
    Why.AMOUNT_TOO_LARGE: lambda gateway, method, need: (
        _is_above(need.amount, gateway.maximum) or _is_above_limit(gateway, method, need)
    ),
    Why.NOT_HELD: lambda gateway, method, _: gateway.name not in method.held_by,
    Why.METHOD_REMOVED: lambda _, method, __: method.is_removed,
    Why.METHOD_EXPIRED: lambda _, method, need: (
        method.expires_on is not None and method.expires_on < need.on
    ),
    Why.METHOD_IS_DEAD: lambda _, method, __: method.is_dead,
    Why.MANDATE_MISSING: lambda _, method, __: method.needs_mandate and not method.mandate_state,
    Why.MANDATE_INACTIVE: lambda _, method, __: method.mandate_state not in {"", "active"},
    # A bank account is debited or not: nothing of it can be held.
    Why.CAPABILITY_MISSING: lambda gateway, method, need: (
        not need.abilities <= gateway.abilities
        or ("hold" in need.abilities and method.kind == "bank_debit")
    ),
    Why.BREAKER_OPEN: lambda gateway, _, __: gateway.breaker_is_open,
    Why.BUDGET_USED_UP: lambda gateway, method, _: gateway.name in method.spent_budgets,
    Why.TRIED_ALREADY: lambda gateway, method, need: (gateway.name, method.reference) in need.tried,
    Why.AUTHENTICATION_IMPOSSIBLE: lambda gateway, _, need: (
        need.needs_authentication and not (need.is_on_session and gateway.has_authentication)
    ),
}


def reasons_against(gateway: GatewayFacts, method: MethodFacts, need: Need) -> tuple[Why, ...]:
    """Every reason why this method cannot be charged there; none means that it can."""
    return tuple(why for why, holds in _CHECKS.items() if holds(gateway, method, need))


def _is_outside(value: str, allowed: frozenset[str]) -> bool:
    return bool(allowed) and value not in allowed


def _is_above_limit(gateway: GatewayFacts, method: MethodFacts, need: Need) -> bool:
    """Whether a debit is larger than the gateway takes by such a method."""
    limit = (method.limits or {}).get(gateway.name)
    return limit is not None and limit.currency == need.amount.currency and need.amount > limit


def _is_below(amount: Money, bounds: Mapping[str, Money] | None) -> bool:
    bound = (bounds or {}).get(amount.currency.code)
    return bound is not None and amount < bound


def _is_above(amount: Money, bounds: Mapping[str, Money] | None) -> bool:
    bound = (bounds or {}).get(amount.currency.code)
    return bound is not None and amount > bound
