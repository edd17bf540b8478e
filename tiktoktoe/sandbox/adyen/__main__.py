"""`python -m tiktoktoe.sandbox.adyen --port 8431 --data folder --webhook http://…`"""

import argparse
import logging
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from tiktoktoe.sandbox.adyen.merchant import Terms
from tiktoktoe.sandbox.adyen.server import serve


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="tiktoktoe.sandbox.adyen", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="on 127.0.0.1")
    parser.add_argument("--data", type=Path, required=True, help="folder that keeps everything")
    parser.add_argument("--merchant", default="Sandbox", help="the merchant account's name")
    parser.add_argument("--hmac", default="00" * 32, help="key of the notifications, in hex")
    parser.add_argument("--webhook", default="", help="where notifications are sent")
    parser.add_argument("--now", type=datetime.fromisoformat, help="set the clock, ISO 8601")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    terms = Terms(merchant=arguments.merchant, hmac_key=arguments.hmac, webhook=arguments.webhook)
    try:
        serve(arguments.port, arguments.data, terms, now=_moment(arguments.now))
    except OSError as error:
        sys.exit(f"the sandbox cannot start on port {arguments.port}: {error}")
    except KeyboardInterrupt:
        sys.exit(0)


def _moment(at: datetime | None) -> int | None:
    if at is None:
        return None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())


if __name__ == "__main__":
    main()
