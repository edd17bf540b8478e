"""What can go wrong before anything starts: one sentence each, and never a traceback."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.launcher.launching import WHOLE, environment, run_to_end
from tiktoktoe.launcher.console import Console, LauncherError
from tiktoktoe.launcher.places import free_port, make_folders, socket_folder
from tiktoktoe.launcher.stack import Stack


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that somebody else holds."""
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    holder.listen()
    yield holder.getsockname()[1]
    holder.close()


def test_a_taken_port_that_was_asked_for_is_refused(tmp_path: Path, taken_port: int) -> None:
    refused = run_to_end(WHOLE, **environment(tmp_path, PORT=str(taken_port)))

    assert refused.returncode == 1
    assert refused.stderr == (
        f"TikTokToe: port {taken_port} is taken; free it, or choose another with PORT=\n"
    )


def test_a_port_that_is_no_number_is_refused(tmp_path: Path) -> None:
    refused = run_to_end(WHOLE, **environment(tmp_path, PORT="eighty"))

    assert refused.stderr == "TikTokToe: PORT must be a number, not 'eighty'\n"


def test_a_data_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    a_file = tmp_path / "a-file"
    a_file.touch()

    refused = run_to_end(WHOLE, **environment(a_file / "data"))

    assert refused.returncode == 1
    assert refused.stderr.startswith(f"TikTokToe: the data folder {a_file}/data cannot be written")
    assert refused.stderr.count("\n") == 1


def test_a_word_that_is_no_command_is_refused(tmp_path: Path) -> None:
    refused = run_to_end(("-m", "tiktoktoe.launcher", "dance"), **environment(tmp_path))

    assert refused.returncode == 2
    assert refused.stderr == "TikTokToe: 'dance' is no command; see `make help`\n"


def test_a_taken_port_by_default_gives_the_next_free_one(
    taken_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port(taken_port, is_strict=False, name="PORT", console=Console())

    assert taken_port < port < taken_port + 20
    assert capsys.readouterr().out == f"  port {taken_port} is taken, so it is {port}\n"


def test_two_programs_whose_ports_are_taken_are_given_two(taken_port: int) -> None:
    first = free_port(taken_port, is_strict=False, name="SANDBOX_PORT", console=Console())
    second = free_port(
        taken_port, is_strict=False, name="ADYEN_PORT", console=Console(), promised={first}
    )

    assert first < second
    with pytest.raises(LauncherError, match=f"port {first} is taken"):
        free_port(first, is_strict=True, name="BANK_PORT", console=Console(), promised={first})


@pytest.mark.parametrize("port", [-1, 0, 65_536])
def test_a_port_that_cannot_be_is_refused(port: int) -> None:
    with pytest.raises(LauncherError, match="between 1 and 65535"):
        free_port(port, is_strict=True, name="PORT", console=Console())


def test_sockets_live_in_the_data_folder_unless_its_path_is_too_long(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()

    found = socket_folder(deep)

    assert socket_folder(tmp_path) == tmp_path / "run"
    assert not found.is_relative_to(deep)
    assert len(str(found)) < 90
    found.rmdir()


def test_servers_that_the_environment_names_are_not_started(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_folders(tmp_path)
    named = {
        "DATABASE_URL": "postgresql://somebody@elsewhere/books",
        "CELERY_BROKER_URL": "redis://elsewhere/0",
        "STRIPE_TEST_SECRET_KEY": "sk_test_of_somebody",
    }
    stack = Stack(tmp_path, Console(), environment=named)

    stack.start_servers()

    assert capsys.readouterr().out == (
        "  using the PostgreSQL of DATABASE_URL\n"
        "  using the Redis of CELERY_BROKER_URL\n"
        "  using the Stripe of the environment\n"
    )
    assert stack.children.names() == []
    assert stack.env["DATABASE_URL"] == named["DATABASE_URL"]
    stack.sockets.rmdir()
