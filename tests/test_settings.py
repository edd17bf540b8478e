"""Settings that are safe when nobody has set anything."""

import os
import subprocess
import sys
from pathlib import Path


def secret_key(data: Path) -> str:
    program = "from tiktoktoe import settings; print(settings.SECRET_KEY)"
    env = {**os.environ, "TTT_DATA": str(data), "SECRET_KEY": ""}
    done = subprocess.run(
        [sys.executable, "-c", program], env=env, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_without_a_key_or_a_data_folder_nobody_can_guess_the_key(tmp_path: Path) -> None:
    first, second = secret_key(tmp_path), secret_key(tmp_path)

    assert first != second
    assert len(first) >= 50


def test_the_data_folder_keeps_the_key(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text("kept", encoding="utf-8")

    assert secret_key(tmp_path) == "kept"
