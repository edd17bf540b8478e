"""The browser that tests drive."""

import os
import shutil
import subprocess

from tiktoktoe.launcher.console import Console

# The shell is the same browser without what draws windows: pages open in half the time.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
PACKAGES = ("chromium-headless-shell", "chromium")  # of Debian; others have the second alone


def need_chromium(console: Console) -> None:
    """Use the Chromium that is there; install it where we may; else say what will be skipped."""
    if chromium_path():
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        with console.step("installing Chromium, for the browser tests"):
            _apt_get("update", "-qq")
            for package in PACKAGES:
                if not chromium_path():
                    _apt_get("install", "-y", "-qq", "--no-install-recommends", package)
    if not chromium_path():
        console.say("  browser tests are skipped: install chromium, or set CHROMIUM=/path/to/it")


def chromium_path() -> str:
    """Where Chromium is, by the name in CHROMIUM or a usual one; empty when there is none."""
    asked = os.environ.get("CHROMIUM")
    names = [asked] if asked else NAMES
    return next((path for name in names if (path := shutil.which(name))), "")


def _apt_get(*arguments: str) -> None:
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", *arguments], env=env, check=False, capture_output=True)
