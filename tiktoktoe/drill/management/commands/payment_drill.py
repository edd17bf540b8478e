"""Run payments under faults against local gateways, two or three: `manage.py payment_drill`.

Money is taken, given back, contested, held and taken in parts. Requests are reset and fail before
and after they were executed, hang, are turned away, and are executed late; workers are killed;
events come late, often and in any order; clocks jump, and, where gateways tell the time, ours is
wrong by theirs, so that nothing leaves. Afterwards the gateways are asked what they
have done. Any difference ends it with 1, and the seed to repeat it. Where PayPal's sandbox is
configured too, every third customer pays by a wallet there.
"""

import logging
from argparse import ArgumentParser
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any

import httpx
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from subscriptions.models import Customer
from tiktoktoe.drill.checks import Check
from tiktoktoe.drill.drill import Drill
from tiktoktoe.drill.gateways import Adyen, Stripe
from tiktoktoe.drill.rounds import WORKERS
from tiktoktoe.drill.wallets import PayPal
from tiktoktoe.drill.worker import THREADS
from tiktoktoe.kernel.clock import reset

BARE_CHARGES = 200


class Command(BaseCommand):
    """Count double charges, lost payments, unknown outcomes, and differences: none may be."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """How many, and which dice."""
        parser.add_argument("--payments", type=int, default=200)
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument(
            "--dealt", action="store_true", help="each fault strikes once, none by chance"
        )
        parser.add_argument(
            "--dated", action="store_true", help="gateways tell the time, and clocks differ"
        )
        parser.add_argument("--calm", action="store_true", help="without faults, for its speed")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run on an empty database and the sandboxes; fail if anything is not as it must be."""
        payments, seed = options["payments"], options["seed"]
        if payments < 1:
            raise CommandError("--payments must be 1 or more")
        if Customer.objects.exists():
            raise CommandError("this needs an empty database: make payment-drill has one")
        if options["verbosity"] < 2:
            logging.disable(logging.ERROR)  # the faults are meant
        stripe, adyen, paypal = _sandboxes()
        drill = Drill(
            payments,
            seed,
            [stripe, adyen],
            self.stdout.write,
            None if options["calm"] else paypal,
            is_calm=options["calm"],
            is_by_chance=not options["dealt"],
            is_dated=options["dated"],
        )
        try:
            checks = drill.run()
        finally:
            logging.disable(logging.NOTSET)
            reset()
        self._tell_speed(drill, bare_rate(stripe, min(BARE_CHARGES, 2 * payments)))
        how = " ".join(f"--{name}" for name in ("dealt", "dated", "calm") if options[name])
        self._tell(checks, again=f"--payments {payments} --seed {seed} {how}".rstrip())

    def _tell_speed(self, drill: Drill, bare: float) -> None:
        rate = drill.payments / drill.collecting_seconds
        trips = drill.round_trips / drill.payments
        self.stdout.write(
            f"{rate:,.1f} payments/s from the first request to the last outcome, "
            f"{trips:.2f} round trips each; bare round trips: {bare:,.1f}/s; "
            f"ratio {rate * trips / bare:.2f}\n"
        )
        spent = ", ".join(f"{what} {seconds:.1f} s" for what, seconds in drill.seconds.items())
        self.stdout.write(f"{spent}\n")

    def _tell(self, checks: list[Check], *, again: str) -> None:
        for check in checks:
            mark = "✓" if check.holds else f"✗ {check.example}"
            self.stdout.write(f"  {check.name:<55} {check.found:>6}  {mark}")
        if not all(check.holds for check in checks):
            raise CommandError(f"not as it must be; to repeat it: payment_drill {again}")
        self.stdout.write("Each payment was collected once, all was given back, the books agree.")


def bare_rate(stripe: Stripe, charges: int = BARE_CHARGES) -> float:
    """Bare charges over HTTP a second, from as many threads as the workers have together."""
    started = perf_counter()
    with ThreadPoolExecutor(WORKERS * THREADS) as pool:
        list(pool.map(lambda _: stripe.charge_bare(), range(charges)))
    return charges / (perf_counter() - started)


def _sandboxes() -> tuple[Stripe, Adyen, PayPal | None]:
    """The local gateways; with a real one nothing of this may be done."""
    stripe = getattr(settings, "STRIPE_API_HOST", "")
    adyen = settings.GATEWAYS.get("adyen", {}).get("api_host", "")
    if settings.STRIPE_LIVE_MODE or settings.HAS_STRIPE_KEY or not stripe or not adyen:
        raise CommandError("this needs both payment sandboxes: make payment-drill starts them")
    paypal = settings.GATEWAYS.get("paypal", {}).get("api_host", "")
    sandboxes = Stripe(stripe), Adyen(adyen), PayPal(paypal) if paypal else None
    for sandbox in filter(None, sandboxes):
        try:
            sandbox.control.stats()
        except httpx.HTTPError as problem:
            raise CommandError(f"no sandbox of {sandbox.name} answers: {problem}") from None
    return sandboxes
