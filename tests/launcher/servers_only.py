"""The launcher with its two servers and nothing else, so that a start takes a second."""

import sys

from tiktoktoe.launcher import places
from tiktoktoe.launcher.console import Console, LauncherError
from tiktoktoe.launcher.run import keep_running
from tiktoktoe.launcher.stack import Stack


def start(stack: Stack) -> str:
    """PostgreSQL and Valkey; says when both answer."""
    stack.start_servers(with_sandbox=False)
    stack.console.say("Ready")
    return "http://servers.only"


if __name__ == "__main__":
    try:
        keep_running(places.data_dir(), Console(), start)
    except LauncherError as problem:
        sys.exit(str(problem))
