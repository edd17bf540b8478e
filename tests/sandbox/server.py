"""A sandbox of its own for a test: a real process, reached over the wire."""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import httpx

from tiktoktoe.sandbox.control import SandboxControl

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".data" / "stripe-spec"
STARTS_WITHIN_SECONDS = 60
WEB = httpx.Client(verify=False)  # httpx.get reads all certificates, 40 ms, each time
STOPS_WITHIN_SECONDS = 10


@dataclass
class RunningSandbox:
    """A process of the sandbox, and how to reach and steer it."""

    port: int
    data_dir: Path
    now: datetime | None = None
    process: subprocess.Popen[bytes] = field(init=False, repr=False)
    control: SandboxControl = field(init=False)

    def __post_init__(self) -> None:
        self.control = SandboxControl(self.address)

    @property
    def address(self) -> str:
        """Where its API is."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the process, and wait until it answers.

        Raises:
            RuntimeError: If it does not.
        """
        command = [sys.executable, "-m", "tiktoktoe.sandbox.stripe", "--port", str(self.port)]
        command += ["--data", str(self.data_dir), "--cache", str(CACHE)]
        if self.now is not None:
            command += ["--now", self.now.isoformat()]
        self.process = subprocess.Popen(command, cwd=ROOT)
        deadline = time.monotonic() + STARTS_WITHIN_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    self.control.stats()
                    return
            time.sleep(0.05)
        raise RuntimeError(f"the sandbox did not start on port {self.port}")

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait(STOPS_WITHIN_SECONDS)

    def restart(self) -> None:
        """Kill it, and start it again with the same data."""
        self.kill()
        self.now = None
        self.start()

    def stop(self) -> None:
        """End it as a launcher does."""
        self.control.close()
        self.process.terminate()
        self.process.wait(STOPS_WITHIN_SECONDS)


@contextmanager
def running_sandbox(data_dir: Path, now: datetime | None = None) -> Iterator[RunningSandbox]:
    """A sandbox on a free port; its clock starts at `now`, else it shows the real time."""
    sandbox = RunningSandbox(port=free_port(), data_dir=data_dir, now=now)
    sandbox.start()
    try:
        yield sandbox
    finally:
        sandbox.stop()


def await_sandbox(address: str, process: "subprocess.Popen[bytes]") -> None:
    """Wait until a sandbox answers."""
    control = SandboxControl(address)
    deadline = time.monotonic() + STARTS_WITHIN_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, "the sandbox has ended"
        with contextlib.suppress(httpx.HTTPError):
            control.stats()
            control.close()
            return
        time.sleep(0.1)
    raise AssertionError("the sandbox does not answer")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
