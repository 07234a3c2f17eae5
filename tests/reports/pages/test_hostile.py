"""Hostile names in every column of every table: the page shows them and runs nothing of them."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from synthetic_study import FakeStudy, whole_study

from mathcircuits.reports.pages.page import page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
#: Names of a hundred characters leave some figures no room.
pytestmark = pytest.mark.filterwarnings("ignore:constrained_layout not applied")
#: Leaves an attribute, an element, a style and a template; `@networks@` was once filled in by a search in the text.
HOSTILE = "\"><script>alert(1)</script>'<img src=x onerror=alert(2)>@networks@{{7*7}}</style>"
#: Columns whose texts are looked up among a few: another text there is a damaged table.
LOOKED_UP = {"network", "rung"}


class Elements(HTMLParser):
    """Counts the elements and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: Counter[str] = Counter()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes.update(name for name, _ in attrs)


@pytest.fixture(scope="module")
def hostile() -> str:
    """The page of a study in which every text of every table ends in something hostile."""
    study = whole_study()
    tables, touched = {}, set()
    for name, frame in study.tables.items():
        changed = frame.copy()
        for column in frame.columns:
            if column not in LOOKED_UP and not pd.api.types.is_bool_dtype(frame[column]):
                texts = frame[column].map(lambda value: isinstance(value, str))
                if texts.any():
                    touched.add(column)
                    changed[column] = frame[column].astype(object)
                    changed.loc[texts, column] = frame.loc[texts, column] + HOSTILE
        tables[name] = changed
    assert {"task", "regimen", "feature", "on", "gauge", "verdict", "reason", "formula"} <= touched
    return page(FakeStudy(tables, study.known, study.manifest))


def test_no_name_becomes_an_element_or_an_attribute(hostile: str) -> None:
    found = Elements()
    found.feed(hostile)
    assert found.tags["script"] == 2  # its data and its own script
    assert found.tags["img"] == 0
    assert not [name for name in found.attributes if name.startswith("on")]
    assert "&lt;script&gt;alert(1)" in hostile  # it is shown
    assert "49" not in re.findall(r"onerror=alert\(2\)&gt;@networks@(\S+?)&lt;", hostile)


def test_the_browser_runs_nothing_but_the_pages_own_script(hostile: str, tmp_path: Path) -> None:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium on the path: install Debian's with `apt-get install chromium`")
    (tmp_path / "hostile.html").write_text(hostile, "utf-8")
    # A page into which somebody has put a script and a handler: the policy stops both.
    broken = hostile.replace("<main", "<script>alert(3)</script><img src=data: onerror=alert(4)><main", 1)
    (tmp_path / "broken.html").write_text(broken, "utf-8")
    with api.sync_playwright() as tool:
        browser = tool.chromium.launch(
            executable_path=CHROMIUM, args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        said: dict[str, list[str]] = {}
        for name in ("hostile", "broken"):
            opened = browser.new_page(viewport={"width": 1400, "height": 900})
            said[name] = []
            opened.on("dialog", lambda found, to=said[name]: (to.append("dialog"), found.dismiss()))
            opened.on("console", lambda found, to=said[name]: to.append(found.text))
            opened.on("pageerror", lambda found, to=said[name]: to.append(f"error: {found}"))
            opened.goto((tmp_path / f"{name}.html").as_uri())
            opened.wait_for_timeout(300)
            assert opened.evaluate("document.querySelectorAll('details').length") > 0
        browser.close()
    assert said["hostile"] == []
    assert "dialog" not in said["broken"]
    assert any("Content Security Policy" in text for text in said["broken"])
