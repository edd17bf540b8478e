"""`python -m tiktoktoe.sandbox.stripe --port 8430 --data folder [--now 2026-01-01T00:00Z]`"""

import argparse
import logging
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from tiktoktoe.sandbox.stripe.server import serve


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="tiktoktoe.sandbox.stripe", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="on 127.0.0.1")
    parser.add_argument("--data", type=Path, required=True, help="folder that keeps everything")
    parser.add_argument("--cache", type=Path, help="for Stripe's document; else the data folder")
    parser.add_argument("--now", type=_moment, help="set the sandbox's clock, ISO 8601")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        serve(arguments.port, arguments.data, arguments.cache or arguments.data, now=arguments.now)
    except OSError as error:
        sys.exit(f"the sandbox cannot start on port {arguments.port}: {error}")
    except KeyboardInterrupt:
        sys.exit(0)


def _moment(text: str) -> int:
    at = datetime.fromisoformat(text)
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())


if __name__ == "__main__":
    main()
