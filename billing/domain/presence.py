"""The customer who is there while a stored method is charged: the browser, as banks are told of it.

Source: EMV 3-D Secure 2.2, the browser's data elements; docs.adyen.com, `browserInfo`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

COLOR_DEPTHS = frozenset({1, 4, 8, 15, 16, 24, 32, 48})
PIXELS_MAX = 999_999
OFFSET_MAX = 14 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """A customer's browser, and from where it asks.

    Attributes:
        accept: What the browser takes, as its header says.
        time_zone_offset: Minutes that UTC is ahead of its clock.
        runs_scripts: Whether the screen and the clock were told by the page's own script.
    """

    address: str = ""
    user_agent: str = ""
    accept: str = ""
    language: str = ""
    color_depth: int = 24
    screen_height: int = 0
    screen_width: int = 0
    time_zone_offset: int = 0
    runs_scripts: bool = False

    def as_kept(self) -> dict[str, str | int | bool]:
        """As it is kept with the attempt, so that the same request can be sent again."""
        return {
            "userAgent": self.user_agent,
            "acceptHeader": self.accept,
            "language": self.language,
            "colorDepth": self.color_depth,
            "screenHeight": self.screen_height,
            "screenWidth": self.screen_width,
            "timeZoneOffset": self.time_zone_offset,
            "javaEnabled": False,
            "javaScriptEnabled": self.runs_scripts,
        }


def presence_of(*, address: str, headers: Mapping[str, str], told: str) -> Presence:
    """The customer who has sent a form.

    Args:
        told: What the page's script says: depth, height, width, offset; nonsense counts as none.
    """
    numbers = _numbers(told)
    depth, height, width, offset = numbers or (24, 0, 0, 0)
    return Presence(
        address=address,
        user_agent=headers.get("User-Agent", "")[:500] or "unknown",
        accept=headers.get("Accept", "")[:500] or "*/*",
        language=headers.get("Accept-Language", "").partition(",")[0].partition(";")[0][:8] or "en",
        color_depth=depth,
        screen_height=height,
        screen_width=width,
        time_zone_offset=offset,
        runs_scripts=numbers is not None,
    )


def _numbers(told: str) -> tuple[int, int, int, int] | None:
    parts = told[:40].split(",")
    if len(parts) != 4 or not all(part.removeprefix("-").isdecimal() for part in parts):
        return None
    depth, height, width, offset = (int(part) for part in parts)
    is_sane = (
        depth in COLOR_DEPTHS
        and 0 <= height <= PIXELS_MAX
        and 0 <= width <= PIXELS_MAX
        and abs(offset) <= OFFSET_MAX
    )
    return (depth, height, width, offset) if is_sane else None
