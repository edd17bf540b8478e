"""A reader of pages sees what is wrong with one, though it asks axe about little twice."""

import pytest
from playwright.sync_api import Page

from tests.browser.reader import DESKTOP, IS_DARK, PHONE, Reader, Scope, Seen, Theme, look

ADD = "document.querySelector('main').insertAdjacentHTML('beforeend', `%s`);"
STYLE = """
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(`%s`);
    document.adoptedStyleSheets = [sheet];
"""
GREY = "main p.new { color: rgb(100, 100, 100); background: rgb(%s) }"
IN_DARK = "@media (prefers-color-scheme: dark) { %s }"
ON_A_PHONE = "@media (width < 40rem) { %s }"
LINK = ADD % "<p>Read our <a href='/terms/' class='new'>terms</a> before you sign.</p>"
BARE = "main a.new { color: rgb(%s); text-decoration: none; border: 0 }"
CROWD = "<div>%s</div>" % ("<a href='/%s/' class='new'>x</a>" * 3)
SMALL = "main a.new { display: inline-block; width: 12px; height: 12px; overflow: hidden }"
LARGE = "main a.new { display: inline-block; width: 40px; height: 40px }"
ICON = "<button type='button'><span class='new'>Save</span></button>"
LONG = "<div class='new'>%s</div>" % ("<p>A word.</p>" * 9)
BREAKS = {
    "label": "document.querySelectorAll('main label').forEach((one) => one.remove());",
    "html-has-lang": "document.documentElement.removeAttribute('lang');",
    "color-contrast": ADD % "<p class='new'>Pale</p>" + STYLE % (GREY % "110, 110, 110"),
    "link-in-text-block": LINK + STYLE % (BARE % "0, 0, 110"),
    "target-size": ADD % CROWD + STYLE % SMALL,
    "scrollable-region-focusable": ADD % LONG
    + STYLE % "main div.new { height: 60px; width: 90px; overflow: auto }",
}
BREAKS_LATER: dict[tuple[str, Theme, Scope], str] = {
    ("color-contrast", "dark", "colours"): ADD % "<p class='new'>Pale</p>"
    + STYLE % (GREY % "255, 255, 255" + IN_DARK % (GREY % "110, 110, 110")),
    ("link-in-text-block", "dark", "colours"): LINK + STYLE % (IN_DARK % (BARE % "200, 200, 255")),
    ("button-name", "light", "size"): ADD % ICON + STYLE % (ON_A_PHONE % ".new { display: none }"),
    ("target-size", "light", "size"): ADD % CROWD + STYLE % (LARGE + ON_A_PHONE % SMALL),
}

# A large grey text that passes, and what it fails by.
LARGE_GREY = (
    "main div.around { background: #fff } main p.new { color: #828282; font-size: 30px } %s"
)
DRAWN_OTHERWISE = (
    "main p.new { font-size: 16px }",
    "main p.new { background: rgb(0 0 0 / 20%) }",
    "main div.around { background: #9a9a9a }",
    "main div.around { opacity: 0.6 }",
)
COVERED = ADD % "<div class='new'><a href='/terms/'>x</a><button type='button'>y</button></div>"
COVER = """
    main div.new { position: relative; height: 60px }
    main div.new > * { position: absolute; left: 0; top: 0; width: 40px; height: 40px; padding: 0 }
    main div.new > button { left: 10px; top: 10px; %s }
"""


def broken(reader: Reader, breaks: str) -> None:
    reader.open("/sign-in/")
    reader.page.evaluate(f"() => {{ {breaks} }}")


def rules_broken(reader: Reader, scope: Scope = "page") -> set[str]:
    return {fault.partition(":")[0] for fault in look(reader.page, scope).faults}


def test_a_reader_sees_each_fault_and_sees_it_again(reader: Reader) -> None:
    reader.open("/sign-in/")
    assert rules_broken(reader) == set()

    for rule, breaks in BREAKS.items():
        broken(reader, breaks)
        assert rule in rules_broken(reader), rule
        assert rule in rules_broken(reader), f"{rule}, a second time"


def test_a_reader_sees_what_is_wrong_only_in_dark_or_on_a_phone(reader: Reader) -> None:
    for (rule, theme, scope), breaks in BREAKS_LATER.items():
        reader.page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
        reader.turn("light")
        broken(reader, breaks)
        assert rules_broken(reader) == set(), rule
        reader.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        reader.turn(theme)
        assert rule in rules_broken(reader, scope), rule


def test_a_reader_asks_again_about_a_text_that_is_drawn_otherwise(reader: Reader) -> None:
    text = ADD % "<div class='around'><p class='new'>Grey</p></div>"
    broken(reader, text + STYLE % (LARGE_GREY % ""))
    assert rules_broken(reader) == set()

    for otherwise in DRAWN_OTHERWISE:
        broken(reader, text + STYLE % (LARGE_GREY % otherwise))
        assert rules_broken(reader) == {"color-contrast"}, otherwise


def test_a_reader_sees_a_target_that_another_one_covers(reader: Reader) -> None:
    broken(reader, COVERED + STYLE % (COVER % ""))
    assert rules_broken(reader) == {"target-size"}

    broken(reader, COVERED + STYLE % (COVER % "pointer-events: none"))
    assert rules_broken(reader) == set()


def test_an_audit_looks_at_a_page_in_four_views_whichever_comes_first(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[bool, int, Scope]] = []

    def look_at(page: Page, scope: Scope) -> Seen:
        width = page.evaluate("() => innerWidth")
        seen.append((page.evaluate(IS_DARK), width, scope))
        return Seen([], [], 0)

    monkeypatch.setattr("tests.browser.reader.look", look_at)
    reader.audit("/sign-in/")
    reader.audit("/sign-in/")

    light, dark = [(False, 1440), (False, 390)], [(True, 390), (True, 1440)]
    scopes = ["page", "size", "colours", "colours"]
    views = light + dark + dark[::-1] + light[::-1]
    assert seen == [(*view, scope) for view, scope in zip(views, scopes * 2, strict=True)]


def test_a_reader_sees_what_scrolls_sideways_and_what_the_policy_stops(reader: Reader) -> None:
    broken(reader, ADD % "<table style='width: 500px'><tr><td class='new'>wide</td></tr></table>")
    assert look(reader.page).stopped != []

    broken(reader, ADD % "<p class='new'>wide</p>" + STYLE % ".new { width: 500px }")
    assert look(reader.page).sideways <= 0
    reader.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    assert look(reader.page).sideways > 0


def test_an_audit_fails_for_whatever_a_reader_sees(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seen in (Seen(["label: <input>"], [], 0), Seen([], ["style-src"], 0), Seen([], [], 110)):
        monkeypatch.setattr("tests.browser.reader.look", lambda *_, seen=seen: seen)
        with pytest.raises(AssertionError, match="/sign-in/"):
            reader.audit("/sign-in/")
