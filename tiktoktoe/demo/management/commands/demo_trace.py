"""Run a real usage trace through the whole river: `manage.py demo_trace [FILE]`.

By default the trace of an AI service: Patel et al., "Splitwise: Efficient generative LLM
inference using phase splitting", ISCA 2024 (CC-BY). Every number is recounted from the file.
"""

import logging
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from subscriptions.models import Customer
from tiktoktoe.demo import price_list
from tiktoktoe.demo.recount import TraceUnusable, recount
from tiktoktoe.demo.trace import Check, Trace, check
from tiktoktoe.kernel.errors import TikTokToeError
from tiktoktoe.sandbox.control import SandboxControl

REAL_TRACE = Path("../shared/data/usage/azure_llm_conv_2023-11-16.csv")
OWN_TRACE = Path("tiktoktoe/demo/small_trace.csv")


@contextmanager
def quiet(*, is_wanted: bool) -> Iterator[None]:
    """Let only warnings into the log, so that the story can be read."""
    root = logging.getLogger()
    level = root.level
    if is_wanted:
        root.setLevel(logging.WARNING)
    try:
        yield
    finally:
        root.setLevel(level)


class Command(BaseCommand):
    """Take a trace in twice, bill it, collect it, post it, and check each number."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The trace: columns TIMESTAMP (UTC), ContextTokens, GeneratedTokens."""
        parser.add_argument("file", nargs="?", type=Path, help="a CSV of requests in one month")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run on an empty database and the sandbox; fail if any number differs."""
        path = options["file"] or self._trace()
        if Customer.objects.exists():
            raise CommandError("this needs an empty database: make demo-trace has one")
        try:
            expected = recount(path)
        except (TraceUnusable, OSError, UnicodeDecodeError) as problem:
            raise CommandError(str(problem)) from None
        self.stdout.write(
            f"{path.name}: {expected.requests:,} requests in {expected.first:%B %Y}; "
            f"request number n belongs to customer n mod {price_list.CUSTOMERS}"
        )
        month_start = datetime(expected.first.year, expected.first.month, 1, tzinfo=UTC)
        month_end = _next_month(month_start)
        trace = Trace(
            path=path,
            month_start=month_start,
            used_until=expected.last,
            month_end=month_end,
            sandbox=self._sandbox(),
            say=self.stdout.write,
        )
        try:
            with quiet(is_wanted=options["verbosity"] < 2):
                customers = trace.run()
        except TikTokToeError as problem:
            raise CommandError(str(problem)) from problem
        self._judge(check(customers, month_end, expected))

    def _trace(self) -> Path:
        real = settings.BASE_DIR / REAL_TRACE
        return real if real.exists() else settings.BASE_DIR / OWN_TRACE

    def _sandbox(self) -> SandboxControl:
        """The sandbox that payments go to; with a real gateway nothing of this may be done."""
        address = getattr(settings, "STRIPE_API_HOST", "")
        if settings.STRIPE_LIVE_MODE or not address:
            raise CommandError("this needs the payment sandbox: make demo-trace starts it")
        control = SandboxControl(address)
        try:
            control.stats()
        except httpx.HTTPError as problem:
            raise CommandError(f"no sandbox answers at {address}: {problem}") from None
        return control

    def _judge(self, checks: list[Check]) -> None:
        self.stdout.write("")
        for one in checks:
            unit = f" {price_list.CURRENCY}" if one.is_money else ""
            mark = "✓" if one.holds else f"✗ the recount says {one.expected:,}"
            self.stdout.write(f"  {one.name:<32} {one.text + unit:>18}  {mark}")
        if not all(one.holds for one in checks):
            raise CommandError("the recount of the file differs")
        self.stdout.write("Every number agrees with an independent recount of the file.")


def _next_month(month_start: datetime) -> datetime:
    is_december = month_start.month == 12
    year = month_start.year + is_december
    return month_start.replace(year=year, month=1 if is_december else month_start.month + 1)
