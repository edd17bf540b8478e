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


def https_of(tmp_path: Path, **environment: str) -> str:
    """Where a request is sent that a proxy has passed on as coming by https."""
    program = (
        "import django; django.setup(); from django.test import Client;"
        "answer = Client().post('/csp-reports/', HTTP_X_FORWARDED_PROTO='https');"
        "print(answer.status_code, answer.headers.get('Location', ''))"
    )
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tiktoktoe.settings",
        "TTT_DATA": str(tmp_path),
        "BASE_URL": "https://billing.example",
        **environment,
    }
    done = subprocess.run(
        [sys.executable, "-c", program], env=env, check=True, capture_output=True, text=True
    )
    return done.stdout.splitlines()[-1]


def test_behind_a_proxy_that_ends_tls_nobody_is_sent_to_https_for_ever(tmp_path: Path) -> None:
    assert https_of(tmp_path, PROXY_COUNT="1") == "400 "


def test_without_a_proxy_nobody_can_claim_to_have_come_by_https(tmp_path: Path) -> None:
    assert https_of(tmp_path) == "301 https://testserver/csp-reports/"


def test_without_a_key_or_a_data_folder_nobody_can_guess_the_key(tmp_path: Path) -> None:
    first, second = secret_key(tmp_path), secret_key(tmp_path)

    assert first != second
    assert len(first) >= 50


def test_the_data_folder_keeps_the_key(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text("kept", encoding="utf-8")

    assert secret_key(tmp_path) == "kept"
