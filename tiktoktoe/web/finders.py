"""Static files that live in installed packages and have no static folder of their own."""

from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage, Storage

from tiktoktoe.web.plotly_files import BUNDLE_NAME, plotly_folder, stylesheet

PREFIX = "vendor"
STYLESHEET_NAME = "plotly.css"


class NamedFolder(FileSystemStorage):
    """A folder whose files are collected under a prefix."""

    prefix = PREFIX


class PackageFinder(BaseFinder):
    """Finds vendor/plotly.min.js in the pinned package, and vendor/plotly.css made from it."""

    def check(self, **kwargs: Any) -> list[Any]:  # noqa: ARG002 — Django passes them
        """Nothing to check before the files are asked for."""
        return []

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002
        """The file of a static path, only if it is one of the two."""
        wanted = Path(path)
        found = [
            str(folder / wanted.name)
            for name, folder in self._folders.items()
            if wanted == Path(PREFIX) / name
        ]
        return found if find_all or kwargs.get("all") else (found[0] if found else [])

    def list(
        self,
        ignore_patterns: Iterable[str] | None,  # noqa: ARG002
    ) -> Iterator[tuple[str, Storage]]:
        """The two files, for collectstatic."""
        for name, folder in self._folders.items():
            yield name, NamedFolder(location=folder)

    @cached_property
    def _folders(self) -> dict[str, Path]:
        return {BUNDLE_NAME: plotly_folder(), STYLESHEET_NAME: made_folder()}


def made_folder() -> Path:
    """The folder with the stylesheet in it, written anew when the bundle's rules changed."""
    folder = Path(settings.DATA_DIR) / "generated-static"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / STYLESHEET_NAME
    rules = stylesheet()
    if not target.exists() or target.read_text(encoding="utf-8") != rules:
        # Replaced in one step, because several processes may start at once.
        draft = folder / f".{STYLESHEET_NAME}.{id(rules)}"
        draft.write_text(rules, encoding="utf-8")
        draft.replace(target)
    return folder
