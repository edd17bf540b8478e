"""A real usage trace through the whole river, on the real services."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Sum

from billing.models import Invoice, TaxRate
from billing.services.invoices.invoicing import bill_start
from billing.services.invoices.renewal import run_billing
from billing.services.payments.collection import collect_due
from billing.services.payments.payment_methods import open_setup_page, take_over_method
from finance.domain.chart import GATEWAY_CLEARING, PROCESSOR_FEES, RECEIVABLE, VAT_PAYABLE
from finance.queries import trial_balance, unposted_count
from finance.services.posting import post_documents
from subscriptions.domain.columns import EventColumns
from subscriptions.models import (
    Customer,
    EventSource,
    Meter,
    Plan,
    PlanVersion,
    Product,
    UsageEvent,
)
from subscriptions.queries import UsageSpan, usage_totals
from subscriptions.services.catalog import draft_plan_version, publish_plan_version
from subscriptions.services.customers import CustomerDetails, create_customer
from subscriptions.services.event_sources import create_event_source
from subscriptions.services.price_specs import PriceSpec, TierTerms
from subscriptions.services.rollups import fold_deltas
from subscriptions.services.signup import subscribe
from subscriptions.services.transitions import Actor
from subscriptions.services.usage_import import FileFormat, ImportSummary, import_usage
from tiktoktoe.demo import price_list
from tiktoktoe.demo.recount import COLUMNS, Recount
from tiktoktoe.kernel.clock import moved_to
from tiktoktoe.sandbox.control import SandboxControl

ACTOR = Actor(source="demo")
METERS = {"context_tokens": COLUMNS[1], "generated_tokens": COLUMNS[2]}
HOUR = timedelta(hours=1)
Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Check:
    """A number of ours beside the recount's."""

    name: str
    found: int
    expected: int
    is_money: bool = False

    @property
    def holds(self) -> bool:
        """Whether both are the same."""
        return self.found == self.expected

    @property
    def text(self) -> str:
        """The number as people read it."""
        return f"{Decimal(self.found) / 100:,.2f}" if self.is_money else f"{self.found:,}"


@dataclass(frozen=True)
class Trace:
    """The trace's month, from sign-up to the books."""

    path: Path
    month_start: datetime
    used_until: datetime
    month_end: datetime
    sandbox: SandboxControl
    say: Say

    def run(self) -> list[Customer]:
        """Sign up, use, use again, bill, collect, post."""
        with self._at(self.month_start) as at:
            customers = self._sign_up(self._publish(at), at)
            self.say(f"{at:%Y-%m-%d}  {len(customers)} customers signed up and stored a card")
            self._collect(at)
        with self._at(self.used_until + HOUR) as at:
            source = create_event_source(name="azure-trace", at=at).source
            for turn in ("first", "second"):
                taken = self._import(source, at)
                self.say(
                    f"{at:%Y-%m-%d}  {turn} import: {taken[0]:,} events accepted, "
                    f"{taken[1]:,} duplicates, {taken[2]:,} rejected"
                )
            fold_deltas()
        with self._at(self.month_end + HOUR) as at:
            run = run_billing(at=at)
            self.say(f"{at:%Y-%m-%d}  period closed: {run.invoice_count} invoices")
            self._collect(at)
            posted = post_documents(at=at + HOUR)
            self.say(f"{at:%Y-%m-%d}  {posted.total} journal entries posted")
        return customers

    @contextmanager
    def _at(self, at: datetime) -> Iterator[datetime]:
        """Let it be an instant, for us and for the gateway."""
        self.sandbox.set_clock(at)
        with moved_to(at):
            yield at

    def _publish(self, at: datetime) -> PlanVersion:
        TaxRate.objects.create(
            code="standard",
            name="VAT",
            country=settings.COMPANY["country"],
            percentage=price_list.TAX_PERCENT,
            valid_from=at.date(),
        )
        product = Product.objects.create(code="inference", name="Inference")
        plan = Plan.objects.create(product=product, code="inference", name="Inference")
        meters = {
            code: Meter.objects.create(code=code, name=code.replace("_", " ").title(), unit="token")
            for code in METERS
        }
        version = draft_plan_version(
            plan=plan, currency=price_list.CURRENCY, prices=_prices(meters), effective_from=at
        )
        return publish_plan_version(version=version, at=at)

    def _sign_up(self, version: PlanVersion, at: datetime) -> list[Customer]:
        customers = []
        for number in range(price_list.CUSTOMERS):
            details = CustomerDetails(
                external_id=f"trace-{number}",
                name=f"Trace Customer {number}",
                email=f"trace{number}@example.com",
                country=settings.COMPANY["country"],
                currency=price_list.CURRENCY,
            )
            customer = create_customer(details=details, at=at)
            self._store_card(customer, at)
            subscription = subscribe(
                customer=customer,
                plan_version=version,
                quantity=1,
                trial_days=None,
                at=at,
                actor=ACTOR,
            )
            bill_start(subscription=subscription, at=at)
            customers.append(customer)
        return customers

    def _store_card(self, customer: Customer, at: datetime) -> None:
        session = open_setup_page(customer=customer, at=at).rpartition("/")[2]
        self.sandbox.complete_checkout(session)
        take_over_method(session=session, customer=customer, at=at)

    def _collect(self, at: datetime) -> None:
        collected = collect_due(at=at)
        self.say(f"{at:%Y-%m-%d}  {collected.succeeded} of {collected.attempts} payments collected")

    def _import(self, source: EventSource, at: datetime) -> tuple[int, int, int]:
        summaries = [self._import_meter(source, meter, at) for meter in METERS]
        return (
            sum(summary.accepted for summary in summaries),
            sum(summary.duplicates for summary in summaries),
            sum(summary.refused for summary in summaries),
        )

    def _import_meter(self, source: EventSource, meter: str, at: datetime) -> ImportSummary:
        columns = EventColumns(
            columns={"customer": "customer", "occurred_at": COLUMNS[0], "quantity": METERS[meter]},
            constants={"meter": meter},
            id_prefix=f"{meter}-",
            time_zone=UTC,
        )
        return import_usage(
            source=source,
            file=spread(self.path),
            file_format=FileFormat.CSV,
            columns=columns,
            at=at,
        )


def spread(path: Path) -> io.BytesIO:
    """The trace with a column for the customer: request number n belongs to n mod 5."""
    text = io.StringIO(newline="")
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.reader(file)
        writer = csv.writer(text)
        writer.writerow([*next(rows), "customer"])
        for number, row in enumerate(rows, start=1):
            writer.writerow([*row, f"trace-{number % price_list.CUSTOMERS}"])
    return io.BytesIO(text.getvalue().encode())


def check(customers: Sequence[Customer], month_end: datetime, expected: Recount) -> list[Check]:
    """Everything that the database says, beside what the recount says."""
    invoices = Invoice.objects.final().aggregate(billed=Sum("total"), paid=Sum("amount_paid"))
    books = trial_balance(on=month_end.date(), currency=price_list.CURRENCY)
    balance = {row.account.code: row.balance_minor for row in books.rows}
    kept = balance.get(GATEWAY_CLEARING, 0) + balance.get(PROCESSOR_FEES, 0)
    billed = expected.billed_cents
    return [
        Check("events", UsageEvent.objects.count(), expected.events),
        Check("context tokens", _tokens(customers, "context_tokens"), expected.context_tokens),
        Check(
            "generated tokens", _tokens(customers, "generated_tokens"), expected.generated_tokens
        ),
        Check("invoices", Invoice.objects.final().count(), expected.invoices),
        Check("billed", _cents(invoices["billed"]), billed, is_money=True),
        Check("collected", _cents(invoices["paid"]), billed, is_money=True),
        Check("at the gateway, before its fees", kept, billed, is_money=True),
        Check("tax in the books", -balance.get(VAT_PAYABLE, 0), expected.tax_cents, is_money=True),
        Check("receivables left", balance.get(RECEIVABLE, 0), 0, is_money=True),
        Check("ledger balance", books.difference_minor, 0, is_money=True),
        Check("documents not posted", unposted_count(at=month_end + 2 * HOUR), 0),
    ]


def _prices(meters: dict[str, Meter]) -> list[PriceSpec]:
    usage: dict[str, Any] = {"kind": "usage", "timing": "arrears"}
    return [
        PriceSpec(
            code="context",
            name="Context tokens",
            charge_model="per_unit",
            unit_amount=price_list.CONTEXT_PRICE,
            included_units=Decimal(price_list.CONTEXT_INCLUDED),
            meter=meters["context_tokens"],
            **usage,
        ),
        PriceSpec(
            code="generated",
            name="Generated tokens",
            charge_model="graduated",
            tiers=[
                TierTerms(up_to=None if end is None else Decimal(end), unit_amount=price)
                for end, price in price_list.GENERATED_TIERS
            ],
            meter=meters["generated_tokens"],
            **usage,
        ),
        PriceSpec(
            code="fee",
            name="Monthly fee",
            kind="recurring",
            charge_model="flat",
            timing="advance",
            unit_amount=price_list.FEE,
        ),
    ]


def _tokens(customers: Sequence[Customer], meter: str) -> int:
    """What the bills were made from: the daily roll-ups of everybody."""
    meter_id = Meter.objects.get(code=meter).pk
    spans = [UsageSpan(customer.pk, meter_id, date.min, date.max) for customer in customers]
    return int(sum(total.quantity_sum for total in usage_totals(spans)))


def _cents(amount: Decimal | None) -> int:
    cents = (amount or Decimal(0)) * 100
    assert cents == int(cents)
    return int(cents)
