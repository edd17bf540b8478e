"""Typed readers of the environment; the only place that reads it."""

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

TRUE_WORDS = frozenset({"1", "true", "yes", "on"})


def read_env_file(path: Path) -> None:
    """Take KEY=value lines of a file for names that the environment does not set.

    What follows ` #` on a line is a comment.
    """
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        name, separator, value = line.partition("=")
        if separator and not name.lstrip().startswith("#"):
            plain = value.split(" #", 1)[0].strip().strip("\"'")
            os.environ.setdefault(name.strip(), plain)


def env_str(name: str, default: str = "") -> str:
    """A text; an empty variable counts as absent."""
    return os.environ.get(name) or default


def env_bool(name: str, *, default: bool = False) -> bool:
    """A yes or no: 1, true, yes and on are yes."""
    value = os.environ.get(name)
    return default if value is None or value == "" else value.strip().lower() in TRUE_WORDS


def env_int(name: str, default: int) -> int:
    """A whole number.

    Raises:
        ValueError: If the variable is set to something else; the message names it.
    """
    value = os.environ.get(name)
    if not value:
        return default
    try:
        return int(value)
    except ValueError:
        raise ValueError(f"{name} must be a whole number, not {value!r}") from None


def env_list(name: str, default: list[str]) -> list[str]:
    """Comma-separated texts."""
    value = os.environ.get(name)
    return [part.strip() for part in value.split(",") if part.strip()] if value else default


def env_secret(name: str, *, fallback_file: Path | None = None, insecure_default: str = "") -> str:
    """A secret from the environment, else from a file, else the named insecure default."""
    value = os.environ.get(name)
    if value:
        return value
    if fallback_file is not None and fallback_file.is_file():
        return fallback_file.read_text(encoding="utf-8").strip()
    return insecure_default


def env_accounts(kind: str, names: Sequence[str], *fields: str) -> dict[str, dict[str, str]]:
    """The accounts at a service that the environment configures, by name.

    The account "adyen" is read from ADYEN_API_KEY and so on, one called "adyen_us" from
    ADYEN_US_API_KEY. One without the first of the fields is absent.
    """
    accounts = {}
    for name in names:
        terms = {field.lower(): env_str(f"{name.upper()}_{field}") for field in fields}
        if terms[fields[0].lower()]:
            accounts[name] = {"kind": kind, **terms}
    return accounts


def database_from_url(url: str) -> dict[str, object]:
    """Django's database settings for a postgresql:// address.

    A unix socket folder is given as `?host=/folder`; other query parts become
    connection options (`sslmode`, `connect_timeout`, …).
    """
    parts = urlsplit(url)
    if parts.scheme not in {"postgresql", "postgres"}:
        raise ValueError(f"DATABASE_URL must start with postgresql://, not {parts.scheme!r}")
    query = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or "postgres",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", None) or parts.hostname or "",
        "PORT": str(parts.port or query.pop("port", "")),
        "OPTIONS": query,
    }
