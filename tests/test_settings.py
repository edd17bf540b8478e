"""Settings that are safe when nobody has set anything."""

import runpy
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe as stripe_library
from django.conf import settings as tests_settings
from django.db.backends.postgresql.base import DatabaseWrapper
from django.test import Client

from tests.settings import NOBODY
from tiktoktoe.cursors import BindingCursor
from tiktoktoe.launcher.places import ROOT


def settings_in(monkeypatch: pytest.MonkeyPatch, **environment: object) -> dict[str, Any]:
    """What the file of settings makes of an environment."""
    for name, value in environment.items():
        monkeypatch.setenv(name, str(value))
    return runpy.run_path(str(ROOT / "tiktoktoe" / "settings.py"))


@pytest.fixture
def https_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Any) -> Any:
    """Where a request is sent that a proxy has passed on as coming by https."""

    def ask(**environment: str) -> str:
        address = "https://billing.example"
        made = settings_in(monkeypatch, TTT_DATA=tmp_path, BASE_URL=address, **environment)
        for name in [name for name in made if name.startswith("SECURE_")]:
            setattr(settings, name, made[name])
        settings.SECURE_PROXY_SSL_HEADER = made.get("SECURE_PROXY_SSL_HEADER")
        answer = Client().post("/csp-reports/", HTTP_X_FORWARDED_PROTO="https")
        return f"{answer.status_code} {answer.headers.get('Location', '')}"

    return ask


def test_behind_a_proxy_that_ends_tls_nobody_is_sent_to_https_for_ever(https_of: Any) -> None:
    assert https_of(PROXY_COUNT="1") == "400 "


def test_without_a_proxy_nobody_can_claim_to_have_come_by_https(https_of: Any) -> None:
    assert https_of(PROXY_COUNT="0") == "301 https://testserver/csp-reports/"


def test_without_a_key_or_a_data_folder_nobody_can_guess_the_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first, second = (
        settings_in(monkeypatch, TTT_DATA=tmp_path, SECRET_KEY="")["SECRET_KEY"] for _ in range(2)
    )

    assert first != second
    assert len(first) >= 50


def test_the_data_folder_keeps_the_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text("kept", encoding="utf-8")

    made = settings_in(monkeypatch, TTT_DATA=tmp_path, SECRET_KEY="")

    assert made["SECRET_KEY"] == "kept"


def test_a_test_that_has_no_sandbox_of_its_own_reaches_no_gateway() -> None:
    """Nor the sandbox of a product that runs on this machine, which may be slow to answer."""
    hosts = [stripe_library.api_base, tests_settings.STRIPE_API_HOST]
    hosts += [
        value
        for account in tests_settings.GATEWAYS.values()
        for name, value in account.items()
        if name.endswith("_host")
    ]

    assert set(hosts) == {NOBODY}
    with pytest.raises(httpx.ConnectError):
        httpx.get(NOBODY)


def test_nothing_is_prepared_so_a_pooler_may_stand_before_the_database(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    database = settings_in(monkeypatch, TTT_DATA=tmp_path)["DATABASES"]["default"]

    wrapper = DatabaseWrapper(database | {"TIME_ZONE": None})

    assert wrapper.get_connection_params()["prepare_threshold"] is None
    assert wrapper.get_connection_params()["cursor_factory"] is BindingCursor
    assert wrapper.features.uses_server_side_binding
