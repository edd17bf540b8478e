"""What Plotly needs to run under a policy without inline styles, taken out of its own bundle.

plotly.js adds its rules to the page through a <style> element, unless it finds an element with
the id `plotly.js-style-global` and the class `no-inline-styles`. So its rules are read from the
pinned bundle, as a stylesheet of ours. Its map library adds another <style> unless an element
with a certain id is there already; that id is read from the bundle as well.
Source: plotly.js pull request 7109 (src/lib/dom.js, build/plotcss.js).
"""

import json
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

BUNDLE_NAME = "plotly.min.js"
STRING = r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
RULE = re.compile(rf"(?:{STRING}|([A-Z])):{STRING},?")
FIRST_RULE = re.compile(r"""\{["']X,X div["']:""")
MAP_STYLE = re.compile(r'if\(!document\.getElementById\("([0-9a-f]{64})"\)\)')


class UnknownBundle(Exception):
    """The installed plotly.js is built in a way this module does not know."""


def plotly_folder() -> Path:
    """Where the installed plotly package keeps its bundle."""
    spec = find_spec("plotly")
    if spec is None or not spec.submodule_search_locations:
        raise UnknownBundle("the package plotly is not installed")
    return Path(next(iter(spec.submodule_search_locations))) / "package_data"


@cache
def map_style_id() -> str:
    """The id that keeps the map library from adding its style; empty when it adds none."""
    found = MAP_STYLE.search(_bundle())
    return found.group(1) if found else ""


def stylesheet() -> str:
    """The rules that plotly.js would add to the page, as CSS.

    Raises:
        UnknownBundle: If they are not where they used to be.
    """
    return "\n".join(f"{s} {{ {d} }}" for s, d in rules(_bundle())) + "\n"


def rules(bundle: str) -> list[tuple[str, str]]:
    """Selector and declarations of each rule in a bundle, in the order it would apply them."""
    start = FIRST_RULE.search(bundle)
    if start is None:
        raise UnknownBundle("plotly.js keeps its rules elsewhere")
    found: list[tuple[str, str]] = []
    position = start.start() + 1
    while rule := RULE.match(bundle, position):
        quoted, letter, declarations = rule.groups()
        found.append((_selector(_text(quoted) if quoted else letter), _text(declarations)))
        position = rule.end()
    # insertRule puts each new rule before the earlier ones.
    return list(reversed(found))


def _selector(short: str) -> str:
    return short.replace("X", ".js-plotly-plot .plotly").replace("Y", ".plotly-notifier")


def _text(literal: str) -> str:
    if literal.startswith("'"):
        literal = '"' + literal[1:-1].replace("\\'", "'").replace('"', '\\"') + '"'
    return str(json.loads(literal))


@cache
def _bundle() -> str:
    return (plotly_folder() / BUNDLE_NAME).read_text(encoding="utf-8")
