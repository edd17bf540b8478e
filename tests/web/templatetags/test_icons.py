"""Icons are drawn once, each as it was asked for."""

import pytest
from heroicons import IconDoesNotExist
from heroicons.templatetags import heroicons

from tiktoktoe.web.templatetags import icons


@pytest.mark.parametrize("style", ["micro", "mini", "outline"])
def test_an_icon_is_the_same_as_without_memory(style: str) -> None:
    ours = getattr(icons, f"heroicon_{style}")
    theirs = getattr(heroicons, f"heroicon_{style}")

    for attributes in ({}, {"size": 18}, {"aria_hidden": "true"}, {"class": '"><script>'}):
        for _ in range(2):
            assert ours("check", **attributes) == theirs("check", **attributes)


def test_an_icon_that_does_not_exist_fails() -> None:
    with pytest.raises(IconDoesNotExist, match="chekc"):
        icons.heroicon_mini("chekc")
