"""`python -m tiktoktoe.sandbox.stripe --port 8430 --data folder`"""

import argparse
import signal
import sys
from pathlib import Path

from tiktoktoe.sandbox.stripe.server import serve


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="sandbox.stripe", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    serve(arguments.port, arguments.data)


if __name__ == "__main__":
    main()
