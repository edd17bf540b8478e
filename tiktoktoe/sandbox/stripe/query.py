"""Stripe's search language, as far as payment intents are found by it.

`metadata['order']:'17' AND status:"succeeded" AND created>1700000000 AND -currency:"usd"`
"""

import operator
import re
from collections.abc import Callable

from tiktoktoe.sandbox.stripe.errors import ApiError
from tiktoktoe.sandbox.stripe.spec import Json

TERM = re.compile(
    r"""\s*(?P<no>-)?(?P<field>\w+)(\[["'](?P<key>[^"']+)["']\])?\s*"""
    r"""(?P<sign>:|~|>=|<=|>|<)\s*(?P<value>"[^"]*"|'[^']*'|[\w.]+)\s*"""
)
JOINT = re.compile(r"(AND|OR)\b", re.IGNORECASE)
NUMBERS = frozenset({"amount", "created"})
FIELDS = NUMBERS | {"currency", "customer", "metadata", "status"}
COMPARE = {
    ":": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}
Fits = Callable[[Json], bool]


def predicate(query: str) -> Fits:
    """Which objects a query wants.

    Raises:
        ApiError: 400, if it cannot be understood; `AND` and `OR` do not mix.
    """
    terms, joints, place = [], set(), 0
    while True:
        match = TERM.match(query, place)
        if match is None:
            raise _not_understood(query)
        terms.append(_term(match, query))
        place = match.end()
        joint = JOINT.match(query, place)
        if joint is None:
            break
        joints.add(joint[1].upper())
        place = joint.end()
    if place != len(query) or len(joints) > 1:
        raise _not_understood(query)
    return (
        (lambda body: any(fits(body) for fits in terms))
        if joints == {"OR"}
        else (lambda body: all(fits(body) for fits in terms))
    )


def _term(match: re.Match[str], query: str) -> Fits:
    field, key, sign = match["field"], match["key"], match["sign"]
    if field not in FIELDS or (key is None) == (field == "metadata"):
        raise _not_understood(query)
    if field in NUMBERS:
        return _number(match, query)
    if sign not in {":", "~"}:
        raise _not_understood(query)
    wanted, is_wanted = match["value"].strip("\"'").lower(), match["no"] is None
    is_part = sign == "~"

    def fits(body: Json) -> bool:
        held = body[field].get(key) if key else body[field]
        text = str(held or "").lower()
        return (wanted in text if is_part else wanted == text) == is_wanted

    return fits


def _number(match: re.Match[str], query: str) -> Fits:
    field, compare, text = match["field"], COMPARE.get(match["sign"]), match["value"].strip("\"'")
    if compare is None or not text.isdecimal():
        raise _not_understood(query)
    wanted, is_wanted = int(text), match["no"] is None
    return lambda body: bool(compare(body[field], wanted)) == is_wanted


def _not_understood(query: str) -> ApiError:
    return ApiError(400, f"The query is not understood: {query}", param="query")
