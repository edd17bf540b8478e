"""`make bench`: every benchmark in turn, on the scratch servers that the launcher started."""

import os
import platform
import sys
from collections.abc import Callable


def main() -> int:
    """Run the named benchmarks, or all, and print what was measured."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    from tests.benchmarks import (
        big_billing_run,
        billing_run,
        decisions,
        drill,
        dry_runs,
        entitlements,
        fees_saved,
        ingest,
        ledger,
        previews,
        rating,
        routing,
    )

    known: dict[str, Callable[[], object]] = {
        "ingest": ingest.run,
        "rating": rating.run,
        "rating-small": lambda: rating.run(events=1_000_000),
        "billing-run": billing_run.run,
        "billing-run-10k": lambda: big_billing_run.run(sizes=[10_000]),
        "billing-run-100k": lambda: big_billing_run.run(sizes=[100_000]),
        "dry-run": dry_runs.run,
        "previews": previews.run,
        "ledger": ledger.run,
        "routing": routing.run,
        "decisions": decisions.run,
        "entitlements": entitlements.run,
        "fees-saved": fees_saved.run,
        "payment-drill": drill.run,
    }
    wanted = sys.argv[1:] or list(known)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}")
    for name in wanted:
        if name not in known:
            print(f"{name!r} is no benchmark; there are {', '.join(known)}")
            return 2
        print(f"\n── {name} ──")
        known[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
