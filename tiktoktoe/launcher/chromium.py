"""The browser that tests drive."""

import os
import shutil
import subprocess

from tiktoktoe.launcher.console import Console

NAMES = ("chromium", "chromium-browser", "google-chrome")


def need_chromium(console: Console) -> None:
    """Use the Chromium that is there; install it where we may; else say what will be skipped."""
    if has_chromium():
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        with console.step("installing Chromium, for the browser tests"):
            env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            install = ("install", "-y", "-qq", "--no-install-recommends", "chromium")
            for arguments in (("update", "-qq"), install):
                subprocess.run(["apt-get", *arguments], env=env, check=False, capture_output=True)
    if not has_chromium():
        console.say("  browser tests are skipped: install chromium, or set CHROMIUM=/path/to/it")


def has_chromium() -> bool:
    """Whether there is one, by the name in CHROMIUM or a usual one."""
    asked = os.environ.get("CHROMIUM")
    return any(shutil.which(name) for name in ([asked] if asked else NAMES))
