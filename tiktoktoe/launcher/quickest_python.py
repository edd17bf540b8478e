"""Print the Python to make the virtual environment with: the quickest `python3` on the PATH.

Builds of one version differ by a third, and what a version manager builds is often the slow one.
An interpreter named as an argument is the only candidate. Run as a file by whatever Python there
is, so it imports nothing of ours and uses no new syntax.
"""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

OLDEST = (3, 11)
CLEARLY = 0.9  # the first on the PATH unless another needs less than this share of its time
ROUNDS = 3  # in turn, so that a moment in which the machine is busy is nobody's misfortune

# What a virtual environment needs, the version, and how long a fixed piece of work takes.
PROBE = """
import sys, ensurepip, time, venv
def work():
    begun, kept = time.process_time(), {}
    for number in range(150000):
        kept[number & 255] = (number, str(number))
    return time.process_time() - begun
print(sys.version_info[0], sys.version_info[1], min(work() for _ in range(10)))
"""


def candidates() -> Iterator[str]:
    """The `python3` of each folder on the PATH, in its order, each file once."""
    seen = set()
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        program = Path(folder, "python3")
        file = program.resolve()
        if file not in seen and os.access(str(program), os.X_OK):
            seen.add(file)
            yield str(program)


def probed(program: str) -> "tuple[tuple[int, int], float] | None":
    """(version, seconds of the work) of a Python; None if it can't make an environment."""
    try:
        answer = subprocess.run(
            [program, "-c", PROBE],
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=60,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    major, minor, seconds = answer.stdout.split()
    return (int(major), int(minor)), float(seconds)


def least_times(programs: "Iterable[str]") -> "dict[str, float]":
    """The least seconds that each fit program ever took, in the order given."""
    times = {}  # type: dict[str, float]
    fit = list(programs)
    for _ in range(ROUNDS):
        for program in list(fit):
            found = probed(program)
            if found is None or found[0] < OLDEST:
                fit.remove(program)
            else:
                times[program] = min(found[1], times.get(program, found[1]))
        if len(fit) < 2:
            break
    return {program: times[program] for program in fit}


def quickest(programs: "Iterable[str]") -> "str | None":
    """The Python to take of these programs; None if none will do."""
    chosen = None
    least = float("inf")
    for program, seconds in least_times(programs).items():
        if seconds < CLEARLY * least:
            chosen, least = program, seconds
    return chosen


def main(arguments: "Sequence[str]") -> int:
    """Print the chosen program, or say what is needed; gives the exit code."""
    chosen = quickest(arguments or candidates())
    if chosen:
        print(chosen)
        return 0
    tried = arguments[0] if arguments else "no python3 on the PATH"
    sys.stderr.write(
        "TikTokToe needs Python 3.11 or newer with venv, and "
        + tried
        + (" is not." if arguments else " is one.")
        + " Say which to use: make run PYTHON=python3.11\n"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
