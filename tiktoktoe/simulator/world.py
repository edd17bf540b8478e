"""The world of a scenario: its names, and the rows that stand for them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from billing.models import Invoice, PlannedStart
from subscriptions.models import Customer, EventSource, PlanVersion, Subscription
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.periods import local_date
from tiktoktoe.simulator.errors import Place, ScenarioInvalid
from tiktoktoe.simulator.scenario.actions import Action, SetWallet, TopUpWallet
from tiktoktoe.simulator.scenario.nodes import Text
from tiktoktoe.simulator.scenario.timeline import Scenario
from tiktoktoe.simulator.scenario.values import read_when

ACTOR = Actor(source="simulation")
DEFAULT_SUBSCRIPTION = "subscription"


@dataclass
class World:
    """What has been made so far, by the names of the file."""

    scenario: Scenario
    source: EventSource
    customers: Mapping[str, Customer]
    versions: Mapping[tuple[str, str], PlanVersion]
    subscriptions: dict[str, int] = field(default_factory=dict)
    planned: dict[str, int] = field(default_factory=dict)  # starts that wait for their day
    events_sent: int = 0
    cards: dict[str, str] = field(default_factory=dict)
    buys_credits: bool = False  # whether a wallet buys more by itself
    dated: list[int] = field(default_factory=list)  # changes that steps have scheduled for a day

    def customer(self, action: Action) -> Customer:
        """The customer that an action is about: the one it names, or the only one.

        Raises:
            ScenarioInvalid: If it names nobody, or nobody is named and there are several.
        """
        name = action.customer
        if not name and action.subscription in self.subscriptions:
            return self.subscription(action).customer
        if not name and len(self.customers) == 1:
            return next(iter(self.customers.values()))
        if name not in self.customers:
            said = f"{name!r} is no customer" if name else "lacks customer: there are several"
            raise ScenarioInvalid(said, action.place, allowed=", ".join(self.customers))
        return self.customers[name]

    def subscription(self, action: Action) -> Subscription:
        """The subscription that an action is about: the one it names, or the only live one.

        Raises:
            ScenarioInvalid: If there is none of this name, or it is not clear which.
        """
        name = action.subscription or self._only_subscription(action)
        if name in self.planned and name not in self.subscriptions:
            raise ScenarioInvalid(f"{name!r} has not started yet", action.place)
        if name not in self.subscriptions:
            allowed = ", ".join(self.subscriptions) or "subscribe first"
            raise ScenarioInvalid(f"{name!r} is no subscription", action.place, allowed=allowed)
        rows = Subscription.objects.select_related("customer", "plan_version__plan")
        return rows.get(pk=self.subscriptions[name])

    def name_subscription(self, action: Action, subscription: Subscription) -> None:
        """Remember a new subscription by the name that later steps call it by.

        Raises:
            ScenarioInvalid: If another is called so.
        """
        self.subscriptions[self._new_name(action)] = subscription.pk

    def name_start(self, action: Action, start: PlannedStart) -> None:
        """Remember what is to start by the name that its subscription is to have.

        Raises:
            ScenarioInvalid: If another is called so.
        """
        self.planned[self._new_name(action)] = start.pk

    def name_return(self, ended: Subscription, start: PlannedStart) -> None:
        """Remember what is to start by the name of what it follows."""
        self.planned[self.subscription_names()[ended.pk]] = start.pk

    def start(self, action: Action) -> PlannedStart:
        """The planned start that an action is about: the one it names, or the only one.

        Raises:
            ScenarioInvalid: If there is none of this name, or it is not clear which.
        """
        only = next(iter(self.planned)) if len(self.planned) == 1 else ""
        name = action.subscription or only
        if name not in self.planned:
            said = f"{name!r} is not planned" if name else "lacks subscription"
            raise ScenarioInvalid(said, action.place, allowed=", ".join(self.planned) or "none is")
        return PlannedStart.objects.get(pk=self.planned.pop(name))

    def name_started(self) -> None:
        """Call what has started as it was planned to be called."""
        started = PlannedStart.objects.filter(pk__in=self.planned.values(), state="started")
        by_start = {start.pk: start.subscription for start in started}
        for name, pk in list(self.planned.items()):
            subscription = by_start.get(pk)
            if subscription is None:
                continue
            del self.planned[name]
            if name in self.subscriptions:
                before = Subscription.objects.get(pk=self.subscriptions[name])
                self.pass_name_on(before, subscription)
            else:
                self.subscriptions[name] = subscription.pk

    def _new_name(self, action: Action) -> str:
        name, known = (
            action.subscription or DEFAULT_SUBSCRIPTION,
            {**self.subscriptions, **self.planned},
        )
        if not action.subscription and name in known:
            name = f"{DEFAULT_SUBSCRIPTION} {len(known) + 1}"
        if name in known:
            raise ScenarioInvalid(f"{name!r} is there already", action.place, allowed="a new name")
        return name

    def pass_name_on(self, ended: Subscription, subscription: Subscription) -> None:
        """Call a new subscription as the one is called that it follows."""
        name = next(name for name, pk in self.subscriptions.items() if pk == ended.pk)
        earlier = sum(known.startswith(f"{name} (ended") for known in self.subscriptions)
        self.subscriptions[f"{name} (ended {earlier + 1})"] = ended.pk
        self.subscriptions[name] = subscription.pk

    def version(self, plan: str, currency: str, place: Place) -> PlanVersion:
        """The version of a plan in a currency that is on sale.

        Raises:
            ScenarioInvalid: If the file has no such plan.
        """
        found = self.versions.get((plan, currency))
        if found is None:
            plans = dict.fromkeys(f"{code} in {money}" for code, money in self.versions)
            raise ScenarioInvalid(
                f"{plan!r} is no plan in {currency}", place, allowed=", ".join(plans)
            )
        return found

    def invoice(self, wanted: str, action: Action) -> Invoice:
        """The invoice that an action names: last, first, 2 (the second), its number or its day.

        Raises:
            ScenarioInvalid: If there is none.
        """
        customer = self.customer(action)
        rows = list(Invoice.objects.filter(customer=customer).order_by("created_at", "id"))
        found = _pick(rows, wanted.strip(), customer.time_zone, action.place)
        if found is None:
            have = ", ".join(row.number or "draft" for row in rows) or "there is none yet"
            raise ScenarioInvalid(f"{wanted!r} is no invoice", action.place, allowed=have)
        return found

    @property
    def bills_ahead(self) -> bool:
        """Whether a plan of the file has usage that is billed event by event."""
        charges = [charge for plan in self.scenario.plans for charge in plan.charges]
        return any(charge.meter and charge.billed_in == "advance" for charge in charges)

    @property
    def bills_by_thresholds(self) -> bool:
        """Whether a plan of the file bills usage early above an amount."""
        return any(plan.thresholds for plan in self.scenario.plans)

    @property
    def goes_on_by_itself(self) -> bool:
        """Whether anything may follow from a step without a new day."""
        watched = self.bills_ahead or self.bills_by_thresholds or self.has_wallets
        return watched or bool(self.cards) or self.scenario.dunning is not None

    @property
    def has_wallets(self) -> bool:
        """Whether a step of the file makes a wallet."""
        steps = (entry.action for entry in self.scenario.timeline)
        return any(isinstance(action, (TopUpWallet, SetWallet)) for action in steps)

    def subscription_names(self) -> dict[int, str]:
        """The name of each subscription by its key."""
        return {pk: name for name, pk in self.subscriptions.items()}

    def _only_subscription(self, action: Action) -> str:
        owner = self.customers.get(action.customer)
        rows = Subscription.objects.filter(pk__in=self.subscriptions.values())
        if owner is not None:
            rows = rows.filter(customer=owner)
        live = list(rows.live()) or list(rows)
        if len(live) > 1:
            raise ScenarioInvalid(
                "lacks subscription: there are several",
                action.place,
                allowed=", ".join(self.subscriptions),
            )
        return self.subscription_names()[live[0].pk] if live else DEFAULT_SUBSCRIPTION

    def zone_of(self, action: Action | None) -> str:
        """The time zone in which an action's day is meant."""
        if action is not None and (action.customer in self.customers or len(self.customers) == 1):
            return self.customer(action).time_zone
        if action is not None and action.subscription in self.subscriptions:
            return self.subscription(action).time_zone
        zones = {customer.time_zone for customer in self.customers.values()}
        return zones.pop() if len(zones) == 1 else self.scenario.time_zone


def _pick(rows: list[Invoice], wanted: str, time_zone: str, place: Place) -> Invoice | None:
    if wanted in {"last", "newest", "latest"}:
        final = [row for row in rows if row.total] or rows
        return final[-1] if final else None
    if wanted == "first":
        return rows[0] if rows else None
    if wanted.isdigit():
        return rows[int(wanted) - 1] if 0 < int(wanted) <= len(rows) else None
    by_number = [row for row in rows if row.number == wanted]
    if by_number or "-" not in wanted:
        return by_number[0] if by_number else None
    day = read_when(Text(place, wanted)).day
    return next((row for row in rows if _issued_on(row.finalized_at, time_zone) == day), None)


def _issued_on(at: datetime | None, time_zone: str) -> object:
    return local_date(at, time_zone) if at is not None else None
