"""Somebody who opens pages in Chromium and notices what is wrong with them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from playwright.sync_api import ConsoleMessage, Error, Page

from tests.thorough import IS_THOROUGH
from tiktoktoe.accounts.models import User

Theme = Literal["light", "dark"]
Scope = Literal["page", "size", "colours"]
THEMES: tuple[Theme, ...] = ("light", "dark")
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"]
VIEWS: tuple[tuple[Theme, dict[str, int]], ...] = (
    ("light", DESKTOP),
    ("light", PHONE),
    ("dark", PHONE),
    ("dark", DESKTOP),
)
SCOPES: tuple[Scope, ...] = ("page", "size", "colours", "colours")  # of each view
END_OF_FADING = "() => window.settle()"
EMPTY = "() => { window.stop(); document.documentElement.replaceChildren(); }"
IS_DARK = "() => matchMedia('(prefers-color-scheme: dark)').matches"
SIDEWAYS = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"

ALL_CONTROLS = """() => {
    const groups = new Set();  // of radio buttons one is reached by Tab, the others by arrows
    const all = [...document.querySelectorAll("a[href], button, input, select, textarea, summary")];
    window.controls = all.filter((control) => {
        if (control.disabled || control.type === "hidden" || control.closest("dialog:not([open])"))
            return false;
        if (!control.checkVisibility({visibilityProperty: true})) return false;
        if (control.type !== "radio") return true;
        const group = document.querySelectorAll(`input[type=radio][name="${control.name}"]`);
        const one = [...group].find((radio) => radio.checked) ?? group[0];
        return control === one && !groups.has(control.name) && groups.add(control.name);
    });
    window.reached = new Set();
    document.addEventListener("focusin", (event) => window.reached.add(event.target));
    document.activeElement?.blur();
    const inside = window.controls.filter(({type}) => type?.startsWith("date"));  // 3 parts
    return window.controls.length + 3 * inside.length;
}"""
NEVER_REACHED = """() => window.controls.filter((control) => !window.reached.has(control))
    .map((control) => control.outerHTML.slice(0, 120))"""

LOOK = """async (terms) => {
    await window.settle();
    return window.lookAtPage(terms);
}"""

passed: set[str] = set()  # what axe need not be asked again in this run; see audit.js


@dataclass
class Reader:
    """A browser window on the site; `audit` fails on whatever a careful reader would mind."""

    page: Page
    site: str
    complaints: list[str] = field(default_factory=list)

    def __enter__(self) -> "Reader":
        self.page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
        self.page.emulate_media(color_scheme="light")
        self.page.on("console", self._hear)
        self.page.on("pageerror", self._hear_error)
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing in the window for the next: no page, cookie or chosen theme.

        To open an empty page would end Chromium's process of this site, with all it has compiled.
        """
        self.page.remove_listener("console", self._hear)
        self.page.remove_listener("pageerror", self._hear_error)
        self.page.evaluate(EMPTY)
        self.page.context.clear_cookies()
        chromium = self.page.context.new_cdp_session(self.page)
        chosen = {"origin": self.site, "storageTypes": "local_storage"}
        chromium.send("Storage.clearDataForOrigin", chosen)
        chromium.detach()

    def sign_in(self, user: User) -> None:
        """Be this person from now on."""
        client = Client()
        client.force_login(user)
        cookie = client.cookies[settings.SESSION_COOKIE_NAME]
        self.page.context.add_cookies(
            [{"name": settings.SESSION_COOKIE_NAME, "value": cookie.value, "url": self.site}]
        )

    def open(self, path: str, *, expect: int = 200) -> Page:
        """Go to a page and wait until it is there with its charts."""
        self._go(path, expect)
        self.page.evaluate(END_OF_FADING)
        return self.page

    def audit(self, path: str, *, expect: int = 200, shows: str = "") -> None:
        """Assert that a page is accessible, keeps to the policy and fits on a phone.

        At 1440 and 390 pixels, light and dark: no axe violation of WCAG 2.2 A and AA, no
        sideways scroll. Throughout: no policy violation, no script error, and charts that follow
        both. `shows` is a text that comes with a part of the page, and is waited for.
        """
        with self._expected_failure(expect):
            self._go(path, expect)
        if shows:
            self.page.get_by_text(shows).first.wait_for()
        for theme, size, scope in self._four_views():
            seen = look(self.page, scope)
            where = f"{path} ({theme}, {size['width']} px)"
            assert seen.stopped == [], where
            assert seen.sideways <= 0, f"{where} scrolls sideways"
            assert seen.faults == [], where
            assert self.complaints == [], where

    def out_of_reach(self) -> list[str]:
        """What can be clicked on this page, and the Tab key does not come to."""
        for _ in range(self.page.evaluate(ALL_CONTROLS) + 2):
            self.page.keyboard.press("Tab")
        found: list[str] = self.page.evaluate(NEVER_REACHED)
        return found

    def turn(self, theme: Theme) -> None:
        """Let the page be light or dark, and wait for nothing that fades."""
        self.page.emulate_media(color_scheme=theme)
        self.page.evaluate(END_OF_FADING)

    def policy_violations(self) -> list[str]:
        """What the content security policy stopped on this page."""
        found: list[str] = self.page.evaluate("() => window.cspViolations")
        return found

    def _four_views(self) -> Iterator[tuple[Theme, dict[str, int], Scope]]:
        """Show the page in each, from the theme in which it was opened.

        It is told only of what changes: at each word it is drawn anew.
        """
        is_dark: bool = self.page.evaluate(IS_DARK)
        for (theme, size), scope in zip(VIEWS[::-1] if is_dark else VIEWS, SCOPES, strict=True):
            if self.page.viewport_size != size:
                self.page.set_viewport_size(size)  # type: ignore[arg-type]
            if is_dark != (theme == "dark"):
                self.page.emulate_media(color_scheme=theme)
                is_dark = not is_dark
            yield theme, size, scope

    def _go(self, path: str, status: int) -> None:
        answer = self.page.goto(self.site + path)
        assert answer is not None
        assert answer.status == status, f"{path} answered {answer.status}"

    @contextmanager
    def _expected_failure(self, status: int) -> Iterator[None]:
        before = len(self.complaints)
        yield
        if status >= 400:  # Chromium itself writes a failed page to the console
            del self.complaints[before:]

    def _hear_error(self, error: Error) -> None:
        self.complaints.append(f"script: {error}")

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(f"console: {message.text}")


@dataclass(frozen=True)
class Seen:
    """What is wrong with a page as it is now."""

    faults: list[str]  # each violation, with the element
    stopped: list[str]  # by the policy
    sideways: int  # pixels


def look(page: Page, scope: Scope = "page") -> Seen:
    """Look for violations of WCAG 2.2 A and AA, and what else `audit.js` sees.

    The first look at a page is at all of it. Once that has passed, the next can be at what
    another size or another theme changes.
    """
    # As a text: Playwright would look at each word on its way. A page remembers what it was told.
    known = list(passed) if scope == "page" else []
    terms = json.dumps({"tags": WCAG, "known": known, "scope": scope, "isThorough": IS_THOROUGH})
    answer = json.loads(page.evaluate(LOOK, terms))
    passed.update(answer["passed"])
    faults = [f"{rule}: {html[:160]} {summary[:300]}" for rule, html, summary in answer["faults"]]
    return Seen(faults, answer["stopped"], answer["sideways"])


def axe_violations(page: Page) -> list[str]:
    """Each violation of WCAG 2.2 A and AA on a page, with the element.

    Ask `policy_violations` first: axe writes styles that the policy stops, and these are forgotten.
    """
    return look(page).faults


@cache
def scripts_of_a_reader() -> str:
    """What stands in every page of the window: axe, and who asks it."""
    audit = (Path(__file__).parent / "audit.js").read_text(encoding="utf-8")
    return f"{Axe().axe_script}\n{audit}"
