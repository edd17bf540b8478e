"""The embedded servers, started and ended in every way a newcomer may."""

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.launcher.launching import (
    SERVERS_ONLY,
    WHOLE,
    environment,
    launcher,
    left_over,
    run_to_end,
    wait_until_gone,
)
from tiktoktoe.launcher.servers import NOBODY, Postgres, _is_stale

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder for all: to make its database anew is most of the work of a start.

    The last test of this file forgets it.
    """
    return tmp_path_factory.mktemp("data")


@pytest.fixture
def data(made_once: Path) -> Iterator[Path]:
    """The data folder, in which nothing runs, however the test before has ended."""
    yield made_once
    assert wait_until_gone(made_once) == []


def database(data: Path) -> psycopg.Connection[tuple[object, ...]]:
    """The database of a launcher's PostgreSQL."""
    return psycopg.connect(Postgres(data / "postgres", data / "run").url(), autocommit=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_all_and_leaves_no_program(data: Path, number: signal.Signals) -> None:
    with launcher(SERVERS_ONLY, data) as process:
        assert len(left_over(data)) > 2

        process.send_signal(number)

        assert process.wait(30) == 0
        assert left_over(data) == []


def test_data_outlive_a_killed_launcher_of_which_no_program_is_left(data: Path) -> None:
    with launcher(SERVERS_ONLY, data) as process:
        with database(data) as before:
            before.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        process.kill()
    assert wait_until_gone(data) == []

    with launcher(SERVERS_ONLY, data), database(data) as after:
        assert after.execute("SELECT answer FROM kept").fetchall() == [(42,)]


def test_a_start_right_after_a_kill_waits_for_the_programs_that_still_end(data: Path) -> None:
    with launcher(SERVERS_ONLY, data) as process:
        process.kill()
        process.wait()

        with launcher(SERVERS_ONLY, data), database(data) as database_again:
            assert database_again.execute("SELECT 1").fetchone() == (1,)


def test_a_second_start_says_where_the_first_runs(data: Path) -> None:
    with launcher(SERVERS_ONLY, data):
        second = run_to_end(WHOLE, **environment(data))

    assert second.returncode == 1
    assert second.stderr == "TikTokToe: it is running already: http://servers.only\n"


def test_a_server_that_ends_by_itself_ends_all_and_is_named(data: Path) -> None:
    with launcher(SERVERS_ONLY, data) as process:
        pid = int((data / "postgres" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)

        output, _ = process.communicate(timeout=30)

    assert process.returncode == 1
    assert "postgres ended with" in output
    assert left_over(data) == []


def test_a_pid_file_is_stale_when_its_number_is_another_programs(tmp_path: Path) -> None:
    pid_file = tmp_path / "postmaster.pid"

    pid_file.write_text("1\n")
    assert _is_stale(pid_file)
    pid_file.write_text("999999999\n")
    assert _is_stale(pid_file)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_root_without_user_namespaces_runs_postgresql_as_nobody(tmp_path: Path) -> None:
    refusing = tmp_path / "unshare"
    refusing.write_text("#!/bin/sh\nexit 1\n")
    refusing.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    with tempfile.TemporaryDirectory() as folder:  # pytest's own is closed to nobody
        data = Path(folder)

        with launcher(SERVERS_ONLY, data, PATH=path) as process, database(data) as owner:
            assert owner.execute("SELECT 1").fetchone() == (1,)
            assert (data / "postgres" / "PG_VERSION").stat().st_uid == NOBODY
            process.kill()

        assert wait_until_gone(data) == []


def test_reset_refuses_while_it_runs_and_forgets_all_afterwards(data: Path) -> None:
    reset = ("-m", "tiktoktoe.launcher", "reset")
    with launcher(SERVERS_ONLY, data):
        refused = run_to_end(reset, **environment(data))
        assert refused.returncode == 1
        assert "running already" in refused.stderr
        assert (data / "postgres" / "PG_VERSION").exists()
    wait_until_gone(data)

    assert run_to_end(reset, **environment(data)).returncode == 0
    assert not data.exists()
