"""A whole scenario: what stands before the timeline, the timeline, and what must come out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from billing.domain.tax import TaxRounding
from tiktoktoe.kernel.errors import InvalidInput
from tiktoktoe.simulator.errors import Place, ScenarioFaulty, ScenarioInvalid
from tiktoktoe.simulator.scenario.actions import ACTIONS, SPELLINGS, Action
from tiktoktoe.simulator.scenario.catalog import (
    Company,
    CouponRow,
    CustomerRow,
    Dunning,
    MeterRow,
    Plan,
    PolicyRules,
    Tax,
)
from tiktoktoe.simulator.scenario.expectations import Expectation, read_expectation
from tiktoktoe.simulator.scenario.nodes import Node, Row, Table, Text, documents
from tiktoktoe.simulator.scenario.reading import plain, read, read_fields
from tiktoktoe.simulator.scenario.values import When, Zone

T = TypeVar("T")
AT = ("at", "date", "time")
DO = ("do", "action")
ASIDE = ("expect", "expected", "note", "notes")
FREE = ("id", "title", "source", "note", "notes", "arithmetic", "kind", "tier")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One step of the timeline: something is done, or looked at, or both."""

    place: Place
    at: When
    name: str
    action: Action | None
    expect: Expectation | None


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Everything that a document of the file says."""

    place: Place
    facts: Mapping[str, object]
    policy: PolicyRules
    currency: str
    time_zone: str
    tax_rounding: TaxRounding
    company: Company | None
    dunning: Dunning | None
    taxes: tuple[Tax, ...]
    meters: tuple[MeterRow, ...]
    plans: tuple[Plan, ...]
    coupons: tuple[CouponRow, ...]
    customers: tuple[CustomerRow, ...]
    timeline: tuple[Entry, ...]
    run_until: When | None
    expect: Expectation | None

    @property
    def title(self) -> str:
        """What to call it."""
        return str(self.facts.get("id") or self.facts.get("title") or "scenario")


KEYS = (
    "policy",
    "currency",
    "time_zone",
    "tax_rounding",
    "company",
    "dunning",
    "taxes",
    "meters",
    "plans",
    "coupons",
    "customers",
    "timeline",
    "run_until",
    "expect",
)
ONE_OF = {
    "tax": "taxes",
    "meter": "meters",
    "plan": "plans",
    "coupon": "coupons",
    "customer": "customers",
}


def read_scenarios(text: str) -> list[Scenario]:
    """The scenarios of a file, one for each document in it.

    Raises:
        ScenarioFaulty: With everything that cannot be read, each with its line.
    """
    faults: list[ScenarioInvalid] = []
    scenarios = []
    try:
        nodes = documents(text)
    except ScenarioInvalid as fault:
        raise ScenarioFaulty([fault]) from None
    if not nodes:
        raise ScenarioFaulty([ScenarioInvalid("the file is empty", Place(1, ""))])
    for node in nodes:
        scenario = _Reader(faults).scenario(node)
        if scenario is not None:
            scenarios.append(scenario)
    if faults:
        raise ScenarioFaulty(faults)
    return scenarios


class _Reader:
    """Reads a document, and goes on after a fault, so that all of them are told at once."""

    def __init__(self, faults: list[ScenarioInvalid]) -> None:
        self._faults = faults

    def scenario(self, node: Node) -> Scenario | None:
        if not isinstance(node, Table):
            self._faults.append(ScenarioInvalid("must be a table of key: value", node.place))
            return None
        parts = self._known(node)
        if "timeline" not in parts:
            self._faults.append(ScenarioInvalid("lacks timeline", node.place))
        facts = {key: plain(node.entries[key]) for key in FREE if key in node.entries}

        def part(kind: type[T], key: str, default: T) -> T:
            given = parts.get(key)
            value = self._try(lambda: read(kind, given)) if given is not None else None
            return default if value is None else value

        policy = part(PolicyRules, "policy", PolicyRules(place=node.place))
        return Scenario(
            place=node.place,
            facts=facts,
            policy=policy,
            currency=part(str, "currency", "EUR").upper(),
            time_zone=part(Zone, "time_zone", Zone("UTC")),
            tax_rounding=part(TaxRounding, "tax_rounding", _rounding_of(policy)),
            company=self._company(parts.get("company")),
            dunning=self._dunning(parts.get("dunning")),
            taxes=part(tuple[Tax, ...], "taxes", ()),
            meters=part(tuple[MeterRow, ...], "meters", ()),
            plans=part(tuple[Plan, ...], "plans", ()),
            coupons=part(tuple[CouponRow, ...], "coupons", ()),
            customers=part(tuple[CustomerRow, ...], "customers", (CustomerRow(place=node.place),)),
            timeline=self._timeline(parts.get("timeline")),
            run_until=self._run_until(parts.get("run_until")),
            expect=self._expect(parts.get("expect")),
        )

    def _known(self, table: Table) -> dict[str, Node]:
        """The parts by key; one row under its singular is a list of one."""
        parts = dict[str, Node]()
        for key, node in table.entries.items():
            name = ONE_OF.get(key, "expect" if key == "expected" else key)
            if name in KEYS:
                parts[name] = Row(node.place, (node,)) if key in ONE_OF else node
            elif key not in FREE:
                allowed = ", ".join([*KEYS, *FREE])
                place = table.key_places[key]
                self._faults.append(ScenarioInvalid("is not known", place, allowed=allowed))
        return parts

    def _timeline(self, node: Node | None) -> tuple[Entry, ...]:
        if node is None:
            return ()
        if not isinstance(node, Row):
            self._faults.append(ScenarioInvalid("must be a list of steps", node.place))
            return ()
        entries = [self._try(partial(_entry, item)) for item in node.items]
        return tuple(entry for entry in entries if entry is not None)

    def _company(self, node: Node | None) -> Company | None:
        return None if node is None else self._try(lambda: read(Company, node))

    def _dunning(self, node: Node | None) -> Dunning | None:
        return None if node is None else self._try(lambda: read(Dunning, node))

    def _expect(self, node: Node | None) -> Expectation | None:
        return None if node is None else self._try(lambda: read_expectation(node))

    def _run_until(self, node: Node | None) -> When | None:
        return None if node is None else self._try(lambda: read(When, node))

    def _try(self, attempt: Callable[[], T]) -> T | None:
        try:
            return attempt()
        except ScenarioInvalid as fault:
            self._faults.append(fault)
        except InvalidInput as problem:
            self._faults.append(ScenarioInvalid(str(problem), Place(0, "")))
        return None


def _entry(node: Node) -> Entry:
    if not isinstance(node, Table):
        raise ScenarioInvalid("must be a table of key: value", node.place, allowed="at, do, …")
    at = next((node.entries[key] for key in AT if key in node.entries), None)
    if at is None:
        raise ScenarioInvalid("lacks at", node.place, allowed=values_of_at())
    name = next((_word(node.entries[key]) for key in DO if key in node.entries), "")
    wanted = next((node.entries[key] for key in ASIDE[:2] if key in node.entries), None)
    expect = read_expectation(wanted) if wanted is not None else None
    action = None
    if name:
        action = read_fields(ACTIONS[name], node, besides=(*AT, *DO, *ASIDE))
    else:
        _nothing_else(node)
        if expect is None:
            raise ScenarioInvalid("says neither what to do nor what to expect", node.place)
    return Entry(place=node.place, at=read(When, at), name=name, action=action, expect=expect)


def _rounding_of(policy: PolicyRules) -> TaxRounding:
    """Where tax is rounded unless a file says so: as Lago does where its rules count."""
    return TaxRounding.PER_DOCUMENT if policy.preset == "lago" else TaxRounding.PER_INVOICE


def values_of_at() -> str:
    """An example of when."""
    return "at: 2026-01-31, or at: 2026-01-31T12:00Z"


def _word(node: Node) -> str:
    if not isinstance(node, Text):
        raise ScenarioInvalid("must be a word", node.place, allowed=", ".join(ACTIONS))
    word = node.value.strip().lower().replace("-", "_").replace(" ", "_")
    name = SPELLINGS.get(word, word)
    if name not in ACTIONS:
        raise ScenarioInvalid(f"{word!r} cannot be done", node.place, allowed=", ".join(ACTIONS))
    return name


def _nothing_else(table: Table) -> None:
    for key, place in table.key_places.items():
        if key not in (*AT, *DO, *ASIDE):
            raise ScenarioInvalid(
                "belongs to an action, but nothing is done here", place, allowed="add do: …"
            )
