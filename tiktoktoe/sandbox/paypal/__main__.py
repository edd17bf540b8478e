"""`python -m tiktoktoe.sandbox.paypal --port 8432 --data folder --webhook http://…`"""

import argparse
import logging
import signal
import sys
from pathlib import Path

from tiktoktoe.sandbox.paypal.business import Terms
from tiktoktoe.sandbox.paypal.server import serve


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="tiktoktoe.sandbox.paypal", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="on 127.0.0.1")
    parser.add_argument("--data", type=Path, required=True, help="folder that keeps everything")
    parser.add_argument("--webhook", default="", help="where events are sent")
    parser.add_argument("--webhook-id", default="WHSANDBOX", help="the endpoint's id")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    terms = Terms(webhook=arguments.webhook, webhook_id=arguments.webhook_id)
    try:
        serve(arguments.port, arguments.data, terms)
    except OSError as error:
        sys.exit(f"the sandbox cannot start on port {arguments.port}: {error}")
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
