"""Customers and subscriptions move in from another engine, by a file: all of it, or nothing.

A file is checked line by line and field by field; a dry run says what would be made. What is
there already, the same, is left alone, so that a file may be given again. A subscription goes on
where it is: nothing is billed for time before its next billing, and its periods keep their days.
"""

import csv
import io
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q

from subscriptions.domain.lifecycle import LIVE_STATES
from subscriptions.domain.moving_in import (
    FIELDS,
    Fields,
    FileKind,
    ReadRow,
    RowError,
    Running,
    column_map,
    read_row,
    running_period,
)
from subscriptions.errors import SubscriptionInvalid
from subscriptions.models import (
    Customer,
    Meter,
    PlanVersion,
    Subscription,
    SubscriptionAddOn,
    SubscriptionPhase,
    SubscriptionTransition,
    UsageClosing,
)
from subscriptions.services.customers import known_time_zones
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.errors import InvalidInput
from tiktoktoe.kernel.money import currency_of
from tiktoktoe.kernel.periods import Alignment, local_date, local_midnight

logger = logging.getLogger(__name__)
ROWS_MAX = 50_000
REFERENCE = re.compile(r"[A-Za-z0-9_-]{1,32}")
BATCH = 1000


@dataclass(slots=True)
class MovedIn:
    """What a file would make, or has made: rows to make, rows that are there, and errors."""

    kind: str
    made: int = 0
    known: int = 0
    errors: list[RowError] = field(default_factory=list)
    is_written: bool = False


def move_in(
    *,
    kind: FileKind,
    text: str,
    actor: Actor,
    at: datetime,
    mapping: Mapping[str, str] | None = None,
    is_dry_run: bool = True,
) -> MovedIn:
    """Check a CSV file and, unless it is a dry run or a line is wrong, take all of it in.

    Raises:
        InvalidInput: If it is no such file at all: unreadable, too long, columns missing.
    """
    rows, errors = read_file(FIELDS[kind], text, mapping or {})
    result = MovedIn(kind=kind, errors=errors)
    try:
        with transaction.atomic():
            if kind == FileKind.CUSTOMERS:
                _take_customers(rows, result, at)
            else:
                _take_subscriptions(rows, result, actor, at)
            result.is_written = not is_dry_run and not result.errors
            transaction.set_rollback(not result.is_written)
    except IntegrityError as clash:
        raise InvalidInput("somebody has just made one of these; try again") from clash
    result.errors.sort(key=lambda error: (error.line, error.field))
    if result.is_written:
        logger.info("moved in", extra={"kind": str(kind), "made": result.made})
    return result


def read_file(
    fields: Fields, text: str, mapping: Mapping[str, str]
) -> tuple[list[ReadRow], list[RowError]]:
    """The rows of a CSV file, and what of it cannot be read.

    Raises:
        InvalidInput: If it is no such file at all.
    """
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    rows, errors = [], list[RowError]()
    try:
        columns = column_map(fields, reader.fieldnames or (), mapping)
        for number, row in enumerate(reader, start=1):
            if number > ROWS_MAX:
                raise InvalidInput(f"more than {ROWS_MAX} rows", remedy="divide the file")
            line = reader.line_num
            if None in row:
                errors.append(RowError(line, "", "has more cells than the header"))
                continue
            found, wrong = read_row(fields, line, row, columns)
            errors += wrong
            if found is not None:
                rows.append(found)
    except csv.Error as problem:
        raise InvalidInput(f"line {reader.line_num} is no CSV: {problem}") from None
    if not rows and not errors:
        raise InvalidInput("the file has no rows")
    return rows, errors


def _once(rows: Iterable[ReadRow], name: str, result: MovedIn) -> list[ReadRow]:
    """The rows without those whose key is in the file before."""
    seen: dict[str, int] = {}
    kept = []
    for row in rows:
        key = str(row.values[name])
        if key in seen:
            result.errors.append(RowError(row.line, name, f"is on line {seen[key]} already"))
            continue
        seen[key] = row.line
        kept.append(row)
    return kept


# ── Customers ────────────────────────────────────────────────────────────────


def _take_customers(rows: Sequence[ReadRow], result: MovedIn, at: datetime) -> None:
    rows = _once(rows, "external_id", result)
    ids = [row.values["external_id"] for row in rows]
    known = {c.external_id: c for c in Customer.objects.filter(external_id__in=ids)}
    fresh = []
    for row in rows:
        there = known.get(row.values["external_id"])
        if there is not None:
            _same_customer(there, row, result)
            continue
        customer = Customer(**row.values, created_at=at)
        wrong = _customer_errors(customer, row.line)
        result.errors += wrong
        if not wrong:
            fresh.append(customer)
    result.made = len(fresh)
    Customer.objects.bulk_create(fresh, batch_size=BATCH)


def _same_customer(there: Customer, row: ReadRow, result: MovedIn) -> None:
    differs = [name for name, value in row.values.items() if getattr(there, name) != value]
    result.known += not differs
    for name in differs:
        message = f"is there already, with {getattr(there, name)!r}"[:200]
        result.errors.append(RowError(row.line, name, message))


def _customer_errors(customer: Customer, line: int) -> list[RowError]:
    found = []
    try:
        customer.clean_fields(exclude=["clock"])
    except ValidationError as problem:
        for name, messages in problem.message_dict.items():
            found.append(RowError(line, name, messages[0]))
    if customer.time_zone not in known_time_zones():
        found.append(RowError(line, "time_zone", "is no time zone; write Europe/Berlin"))
    if not re.fullmatch("[A-Z]{2}", customer.country):
        found.append(RowError(line, "country", "write two letters, like DE"))
    try:
        currency_of(customer.currency)
    except InvalidInput as refusal:
        found.append(RowError(line, "currency", refusal.message))
    return found


# ── Subscriptions ────────────────────────────────────────────────────────────


def _take_subscriptions(
    rows: Sequence[ReadRow], result: MovedIn, actor: Actor, at: datetime
) -> None:
    rows = _once(rows, "reference", result)
    world = _World(rows, at)
    fresh: list[Subscription] = []
    for row in rows:
        try:
            made = _subscription(row, world, at)
        except SubscriptionInvalid as refusal:
            error = f"{refusal.message}{f' ({refusal.remedy})' if refusal.remedy else ''}"
            result.errors.append(RowError(row.line, refusal.field, error))
            continue
        if made is None:
            result.known += 1
        else:
            fresh.append(made)
            world.take(made)
    result.made = len(fresh)
    _write(fresh, actor, at)


class _World:
    """What the rows of a file are about, loaded at once."""

    def __init__(self, rows: Sequence[ReadRow], at: datetime) -> None:
        names = {row.values["customer"] for row in rows}
        self.customers = {
            c.external_id: c
            for c in Customer.objects.select_for_update(of=("self",))
            .filter(external_id__in=names)
            .order_by("pk")
        }
        versions = PlanVersion.objects.published().select_related("plan")
        self.versions: dict[tuple[str, str], list[PlanVersion]] = {}
        plans = {row.values["plan"] for row in rows}
        for version in versions.filter(plan__code__in=plans).order_by("-number"):
            key = (version.plan.code, version.currency)
            self.versions.setdefault(key, []).append(version)
        references = [row.values["reference"] for row in rows]
        known = Subscription.objects.filter(reference__in=references)
        self.known = {
            s.reference: s for s in known.select_related("customer", "plan_version__plan")
        }
        self.meters: dict[int, set[str]] = {}
        ids = [v.pk for group in self.versions.values() for v in group]
        for version_id, name in Meter.objects.filter(prices__plan_version__in=ids).values_list(
            "prices__plan_version", "name"
        ):
            self.meters.setdefault(version_id, set()).add(name)
        self.billed: dict[int, set[str]] = {}
        live = Subscription.objects.filter(
            state__in=sorted(LIVE_STATES),
            customer__in=self.customers.values(),
            plan_version__prices__meter__isnull=False,
        )
        for customer_id, name in live.values_list("customer", "plan_version__prices__meter__name"):
            self.billed.setdefault(customer_id, set()).add(name)
        there = Q(ends_at__isnull=True) | Q(ends_at__gt=at)
        add_ons = SubscriptionAddOn.objects.filter(
            there,
            subscription__state__in=sorted(LIVE_STATES),
            subscription__customer__in=self.customers.values(),
            plan_version__prices__meter__isnull=False,
        )
        for customer_id, name in add_ons.values_list(
            "subscription__customer", "plan_version__prices__meter__name"
        ):
            self.billed.setdefault(customer_id, set()).add(name)
        closed = UsageClosing.objects.filter(customer__in=self.customers.values())
        self.closed = {
            (customer_id, name): through
            for customer_id, name, through in closed.values_list(
                "customer", "meter__name", "closed_through"
            )
        }

    def take(self, made: Subscription) -> None:
        """Count a subscription of the file with those that are there."""
        meters = self.meters.get(made.plan_version_id, set())
        self.billed.setdefault(made.customer_id, set()).update(meters)


def _subscription(row: ReadRow, world: _World, at: datetime) -> Subscription | None:
    """The subscription of a line; None if it is there already.

    Raises:
        SubscriptionInvalid: If it cannot be; names the field.
    """
    given = row.values
    if not REFERENCE.fullmatch(given["reference"]):
        raise SubscriptionInvalid("may have 32 letters, digits, - and _ at most", field="reference")
    customer = world.customers.get(given["customer"])
    if customer is None:
        raise SubscriptionInvalid("there is no such customer", field="customer")
    version = _version(given, customer, world, at)
    there = world.known.get(given["reference"])
    if there is not None:
        _ensure_same(there, customer, version, given)
        return None
    if given["quantity"] < 1 or given["quantity"] > 2**31 - 1:
        raise SubscriptionInvalid("at least 1", field="quantity")
    _ensure_meters_free(version, customer, world)
    _ensure_usage_open(given, version, customer, world, at)
    running = running_period(
        started_on=given["started_on"],
        next_billing_on=given["next_billing_on"],
        anchor_day=given["anchor_day"],
        is_trial=given["trial"],
        interval=version.plan.billing_interval,
        time_zone=customer.time_zone,
    )
    today = local_date(at, customer.time_zone)
    if given["started_on"] > today:
        raise SubscriptionInvalid("is to come", field="started_on")
    if given["next_billing_on"] <= today:
        raise SubscriptionInvalid(
            "is over: what was due has to be billed where it ran",
            field="next_billing_on",
            remedy="write the next one",
        )
    _ensure_pause(given, today)
    return _made(given, customer, version, running, at)


def _ensure_pause(given: Mapping[str, Any], today: date) -> None:
    """Refuse a pause that is to come, before the start, or over."""
    paused_on, resumes_on = given["paused_on"], given["resumes_on"]
    if paused_on is None and resumes_on is not None:
        raise SubscriptionInvalid("goes with paused_on", field="resumes_on")
    if paused_on is None:
        return
    if not given["started_on"] <= paused_on <= today:
        raise SubscriptionInvalid("is before the start, or to come", field="paused_on")
    if given["trial"] or given["ends_with_period"]:
        raise SubscriptionInvalid("what is in a trial or ends does not rest", field="paused_on")
    if resumes_on is not None and resumes_on <= today:
        raise SubscriptionInvalid("is over: then it runs", field="resumes_on")


def _version(
    given: Mapping[str, Any], customer: Customer, world: _World, at: datetime
) -> PlanVersion:
    versions = world.versions.get((given["plan"], customer.currency), [])
    if not versions:
        raise SubscriptionInvalid(f"nothing of it is on sale in {customer.currency}", field="plan")
    if given["version"] is None:
        for version in versions:
            if version.effective_from <= at:
                return version
        raise SubscriptionInvalid("it is not on sale yet", field="plan")
    for version in versions:
        if version.number == given["version"] and version.effective_from <= at:
            return version
    raise SubscriptionInvalid("there is no such version on sale", field="version")


def _ensure_same(
    there: Subscription, customer: Customer, version: PlanVersion, given: Mapping[str, Any]
) -> None:
    """Refuse a reference that is another subscription's; what has changed since is none."""
    began = local_date(there.started_at, there.time_zone)
    if there.customer_id != customer.pk or there.plan_version.plan_id != version.plan_id:
        raise SubscriptionInvalid(f"is another subscription of {there.customer}", field="reference")
    if began != given["started_on"]:
        raise SubscriptionInvalid(f"is there already, since {began}", field="started_on")


def _ensure_meters_free(version: PlanVersion, customer: Customer, world: _World) -> None:
    taken = world.meters.get(version.pk, set()) & world.billed.get(customer.pk, set())
    if taken:
        raise SubscriptionInvalid(
            f"another live subscription of the customer bills {min(taken)}", field="plan"
        )


def _ensure_usage_open(
    given: Mapping[str, Any],
    version: PlanVersion,
    customer: Customer,
    world: _World,
    at: datetime,
) -> None:
    """Refuse to count usage that has been billed here before."""
    since = local_midnight(
        given["usage_from"] or local_date(at, customer.time_zone), customer.time_zone
    )
    for meter in world.meters.get(version.pk, ()):
        through = world.closed.get((customer.pk, meter))
        if through is not None and through > since:
            raise SubscriptionInvalid(
                f"usage of {meter} is billed up to {through:%Y-%m-%d} already", field="usage_from"
            )


def _made(
    given: Mapping[str, Any],
    customer: Customer,
    version: PlanVersion,
    running: Running,
    at: datetime,
) -> Subscription:
    zone = customer.time_zone
    today = local_date(at, zone)
    usage_from = local_midnight(given["usage_from"] or today, zone)
    started_at = local_midnight(given["started_on"], zone)
    paused_from, resume_at = (
        local_midnight(given[name], zone) if given[name] else None
        for name in ("paused_on", "resumes_on")
    )
    state = Subscription.State.TRIALING if given["trial"] else Subscription.State.ACTIVE
    return Subscription(
        reference=given["reference"],
        customer=customer,
        plan_version=version,
        quantity=given["quantity"],
        currency=version.currency,
        state=Subscription.State.PAUSED if paused_from else state,
        time_zone=zone,
        alignment=Alignment.ANNIVERSARY,
        anchor_on=running.anchor_on,
        started_at=started_at,
        trial_ends_at=running.period.end if given["trial"] else None,
        current_period_start=running.period.start,
        current_period_end=running.period.end,
        next_billing_at=resume_at if paused_from else running.period.end,
        paused_from=paused_from,
        resume_at=resume_at,
        cancel_at=running.period.end if given["ends_with_period"] else None,
        usage_from=usage_from if usage_from > running.period.start else None,
        created_at=at,
    )


def _served_until(made: Subscription) -> datetime | None:
    """When what rests was served last; a phase is never empty."""
    if made.paused_from is None:
        return None
    return max(made.paused_from, made.started_at + timedelta(seconds=1))


def _write(fresh: Sequence[Subscription], actor: Actor, at: datetime) -> None:
    Subscription.objects.bulk_create(fresh, batch_size=BATCH)
    SubscriptionPhase.objects.bulk_create(
        [
            SubscriptionPhase(
                subscription=made,
                plan_version=made.plan_version,
                quantity=made.quantity,
                starts_at=made.started_at,
                ends_at=_served_until(made),
            )
            for made in fresh
        ],
        batch_size=BATCH,
    )
    SubscriptionTransition.objects.bulk_create(
        [
            SubscriptionTransition(
                subscription=made,
                from_state="",
                to_state=made.state,
                event="moved_in",
                effective_at=made.started_at,
                recorded_at=at,
                actor=actor.user,
                source=actor.source,
                details={"next_billing_at": made.current_period_end.isoformat()},
            )
            for made in fresh
        ],
        batch_size=BATCH,
    )
