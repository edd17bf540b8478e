"""A machine without a browser gets the quick one where there is a package of it, else the usual."""

import os
from pathlib import Path

import pytest

from tiktoktoe.launcher.chromium import need_chromium
from tiktoktoe.launcher.console import Console

# Stands for apt-get: notes what it is told, and knows the packages named in PACKAGES.
APT_GET = """#!/bin/sh
echo "$*" >> "$HERE/told"
for word in "$@"; do last=$word; done
case " $PACKAGES " in
    *" $last "*) echo '#!/bin/sh' > "$HERE/$last"; /bin/chmod +x "$HERE/$last";;
esac
"""


def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packages: str) -> None:
    """Ours, as root, with nothing on its PATH but an apt-get that knows some packages."""
    (tmp_path / "apt-get").write_text(APT_GET)
    (tmp_path / "apt-get").chmod(0o755)
    for name, value in {"PATH": str(tmp_path), "HERE": str(tmp_path), "PACKAGES": packages}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)


def installed(tmp_path: Path) -> list[str]:
    told = (tmp_path / "told").read_text().splitlines() if (tmp_path / "told").exists() else []
    return [line.rsplit(" ", 1)[1] for line in told if line.startswith("install")]


@pytest.mark.parametrize(
    ("packages", "tried"),
    [
        ("chromium-headless-shell chromium", ["chromium-headless-shell"]),
        ("chromium", ["chromium-headless-shell", "chromium"]),
    ],
)
def test_the_quick_browser_is_installed_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packages: str, tried: list[str]
) -> None:
    machine(tmp_path, monkeypatch, packages)

    need_chromium(Console())

    assert installed(tmp_path) == tried


def test_what_is_missing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    machine(tmp_path, monkeypatch, "")

    need_chromium(Console())

    assert "browser tests are skipped: install chromium" in capsys.readouterr().out


def test_a_browser_that_is_there_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(tmp_path, monkeypatch, "chromium-headless-shell")
    (tmp_path / "chromium").write_text("#!/bin/sh\n")
    (tmp_path / "chromium").chmod(0o755)

    need_chromium(Console())

    assert installed(tmp_path) == []
