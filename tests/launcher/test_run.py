"""The whole product, started as `make run` starts it."""

import socket
import sys
import urllib.request
from pathlib import Path

import psycopg
import pytest

from tests.launcher.launching import WHOLE, launcher, left_over, wait_until_gone
from tiktoktoe.launcher.servers import Postgres

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def port() -> str:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def test_the_product_answers_and_when_killed_leaves_no_program(tmp_path: Path, port: str) -> None:
    with launcher(WHOLE, tmp_path, PORT=port) as process:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as answer:
            assert answer.status == 200
            assert "/sign-in/" in answer.url
        assert any("granian" in command for command in left_over(tmp_path))
        assert any("mockbank" in command for command in left_over(tmp_path))
        assert any(" beat " in command for command in left_over(tmp_path))
        with psycopg.connect(Postgres(tmp_path / "postgres", tmp_path / "run").url()) as database:
            asked = database.execute("SELECT name FROM django_celery_beat_periodictask")
            assert len(asked.fetchall()) > 10
        process.kill()

    assert wait_until_gone(tmp_path, seconds=60) == []
