"""A reader of pages sees what is wrong with one, though it asks axe about little twice."""

import pytest

from tests.browser.reader import DESKTOP, PHONE, Reader, Scope, Seen, Theme, look

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
