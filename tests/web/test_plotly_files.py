"""What is taken out of the pinned plotly.js."""

import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from pytest_django.fixtures import Settings

from tiktoktoe.web.finders import PackageFinder, made_folder
from tiktoktoe.web.plotly_files import UnknownBundle, map_style_id, plotly_folder, rules, stylesheet

BUNDLE = (
    """var r={"X,X div":'font-family:"Open Sans";margin:0;',"X a:hover":"color:#fff;","""
    """Y:"top:50px;","Y p":"margin:0;"};for(k in r)add(k)"""
)


def test_rules_are_read_in_the_order_in_which_plotly_inserts_them() -> None:
    assert rules(BUNDLE) == [
        (".plotly-notifier p", "margin:0;"),
        (".plotly-notifier", "top:50px;"),
        (".js-plotly-plot .plotly a:hover", "color:#fff;"),
        (
            ".js-plotly-plot .plotly,.js-plotly-plot .plotly div",
            'font-family:"Open Sans";margin:0;',
        ),
    ]


def test_another_kind_of_bundle_is_refused_rather_than_half_read() -> None:
    with pytest.raises(UnknownBundle):
        rules("var rules = {}")


def test_the_installed_bundle_yields_all_its_rules() -> None:
    css = stylesheet()

    assert len(css.splitlines()) == 66
    assert ".js-plotly-plot .plotly .modebar { position:absolute;top:2px;right:2px; }" in css
    assert re.search(r"\bX\b|\bY\b", css) is None
    assert re.fullmatch(r"[0-9a-f]{64}", map_style_id())


def test_the_two_files_are_found_and_nothing_else_of_the_package() -> None:
    assert finders.find("vendor/plotly.min.js") == str(plotly_folder() / "plotly.min.js")
    assert Path(str(finders.find("vendor/plotly.css"))).read_text() == stylesheet()
    assert finders.find("vendor/widgetbundle.js") is None
    assert finders.find("vendor/../package_data/plotly.min.js") is None
    assert [name for name, _ in PackageFinder().list([])] == ["plotly.min.js", "plotly.css"]


def test_the_stylesheet_is_made_anew_when_it_is_not_as_it_should_be(
    tmp_path: Path, settings: Settings
) -> None:
    settings.DATA_DIR = tmp_path
    target = made_folder() / "plotly.css"
    target.write_text("old")

    made_folder()

    assert target.read_text() == stylesheet()
    assert [file.name for file in target.parent.iterdir()] == ["plotly.css"]
