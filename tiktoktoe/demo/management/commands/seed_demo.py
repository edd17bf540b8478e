"""Make the demo company by driving the real services through more than a year."""

from argparse import ArgumentParser
from contextlib import nullcontext
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.core.management.color import no_style

from billing.models import Invoice, Payment
from billing.services.payments.routing_policies import (
    activate_policy,
    change_draft,
    draft_policy,
)
from finance.queries.unposted import unposted_count
from subscriptions.models import Customer, CustomerMember, EventSource, Subscription
from subscriptions.services.customers import add_member
from subscriptions.services.event_sources import create_event_source
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Role
from tiktoktoe.demo.catalog import make_catalog, make_taxes
from tiktoktoe.demo.chores import hurry
from tiktoktoe.demo.company import Company
from tiktoktoe.demo.digest import company_digest
from tiktoktoe.demo.helper import helping
from tiktoktoe.demo.second_gateway import second_gateway
from tiktoktoe.demo.sign_ins import PASSWORD, SIGN_INS
from tiktoktoe.kernel import clock
from tiktoktoe.sandbox.control import SandboxControl

BAR = 32


class Command(BaseCommand):
    """`manage.py seed_demo`"""

    help = "Make a demo company: a year, some 200 customers, deterministic by seed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The seed and the size."""
        parser.add_argument("--seed", type=int, default=3)
        parser.add_argument("--customers", type=int, default=204)
        parser.add_argument("--days", type=int, default=372)
        parser.add_argument("--processes", type=int, choices=(1, 2, 3, 4), default=3)
        parser.add_argument("--if-empty", action="store_true", help="do nothing if there is data")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Make it, with a progress bar, and say what it came to."""
        if Customer.objects.exists():
            if options["if_empty"]:
                return
            raise CommandError("there are customers already; `make reset` starts afresh")
        address = getattr(settings, "STRIPE_API_HOST", "")
        if not address:
            raise CommandError("the demo company pays in the sandbox; set STRIPE_API_HOST")
        last = clock.now().date()
        first = last - timedelta(days=options["days"])
        hurry()
        company = self._found(address, first, last, options)
        self.style = no_style()
        helpers = options["processes"] - 1
        with helping(address, helpers) if helpers else nullcontext() as company.helpers:
            company.live(self._progress(first, last), self._make_people)
        company.sandbox.set_clock(clock.now())
        if company.second is not None:
            company.second.end(clock.now())
        self._report()

    def _found(self, address: str, first: date, last: date, options: dict[str, Any]) -> Company:
        at = datetime.combine(first, time(5), UTC)
        make_taxes()
        self._set_routing(at)
        second = second_gateway()
        if second is not None:
            second.begin()
        return Company(
            catalog=make_catalog(at),
            source=create_event_source(name="inference gateway", at=at).source,
            sandbox=SandboxControl(address),
            dice=Random(options["seed"]),  # noqa: S311 - the same company for the same seed
            customers_wanted=options["customers"],
            first_day=first,
            last_day=last,
            second=second,
        )

    def _set_routing(self, at: datetime) -> None:
        """Let the best candidate be charged always: what is explored is drawn from random ids."""
        finance = self._make_person("finance", Role.FINANCE)
        draft = draft_policy(user=finance, note="The best one always: nothing is explored", at=at)
        policy = change_draft(policy=draft, terms={"explored_bps": Decimal(0)})
        activate_policy(policy=policy, user=finance, at=at)

    def _progress(self, first: date, last: date) -> Any:
        length = max((last - first).days, 1)

        def show(day: date) -> None:
            done = (day - first).days / length
            if day.day == 1 or day == last or self.stdout.isatty():
                bar = "█" * int(done * BAR)
                end = "\n" if day == last or not self.stdout.isatty() else "\r"
                self.stdout.write(f"  {bar:<{BAR}} {done:4.0%}  {day:%b %Y}", ending=end)
                self.stdout.flush()

        return show

    def _make_people(self) -> None:
        """Two more who can sign in; the customer is at a company worth looking at."""
        self._make_person("support", Role.SUPPORT)
        shown_to = self._make_person("customer", Role.CUSTOMER)
        shown = (
            Subscription.objects.filter(state="active", plan_version__plan__code="team")
            .order_by("started_at")
            .first()
        )
        if shown is not None and not CustomerMember.objects.exists():
            add_member(customer=shown.customer, user=shown_to, at=clock.now())

    def _make_person(self, name: str, role: Role) -> User:
        is_staff = role != Role.CUSTOMER
        return User.objects.create_user(SIGN_INS[name], PASSWORD, role=role, is_staff=is_staff)

    def _report(self) -> None:
        self.stdout.write(
            f"  {Customer.objects.count()} customers, "
            f"{Invoice.objects.final().count()} invoices, "
            f"{Payment.objects.filter(state='paid').count()} payments, "
            f"{EventSource.objects.count()} event source, "
            f"{unposted_count(at=clock.now())} documents unposted, "
            f"digest {company_digest()}"
        )
