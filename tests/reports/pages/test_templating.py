"""Templates: the cards of networks that a page's script makes, walked in a browser, print nothing that is missing."""

from __future__ import annotations

import re
import shutil
import warnings
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from synthetic_study import FakeStudy, whole_study

from mathcircuits.detect import Network, hand_derived
from mathcircuits.reports.pages.networks.data import dumped, network_data
from mathcircuits.reports.pages.page import page
from mathcircuits.reports.pages.templating import render

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
MISSING = re.compile(r"\b(undefined|NaN|nan|None|Infinity)\b")
_RNG = np.random.default_rng(0)
#: Kind of card -> its task and network; None has diverged.
KINDS: dict[str, tuple[str, Network | None]] = {
    "deep": ("minimum-of-4", Network([_RNG.normal(size=s) ** 3 for s in ((13, 4), (7, 13), (1, 7))])),
    "dead": ("absolute", Network([[[1.0], [-1.0], [1.0]], [[1.0, 1.0, 1.0]]], [[0.0, 0.0, -9.0], None])),
    "tanh": ("minimum", Network([[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]], activation="tanh")),
    "no-task": ("nobody-knows-it", Network([[[1, -1], [1, 0]], [[-1, 1]]])),
    "outputs": ("nobody-knows-it", Network([[[1, -1], [1, 0]], [[-1, 1], [1, 0], [0, 0]]])),
    "unbiased": ("minimum", hand_derived("minimum")),
    "points": ("xor", hand_derived("xor")),
    "twelve": (
        "superposition-5-in-2",
        Network([np.ones((12, 5)), np.ones((5, 12))], [np.arange(12.0), None]),
    ),
    "linear": ("minimum", Network([[[1.0, 1.0]]])),
    "diverged": ("minimum", None),
}
#: The unused neurons of the deep one.
UNUSED = (1, 4, 5)
HISTOGRAM = "00000000000000000112369cjpz"


@pytest.fixture(scope="module")
def study() -> FakeStudy:
    rows: dict[str, list[dict[str, Any]]] = {"networks": [], "neurons": [], "directions": [], "programs": []}
    known = {}
    for kind, (task, network) in KINDS.items():
        place = {
            "network": f"{task}/{kind}/adam/0", "task": task, "hidden": kind, "width": "1x", "regimen": "adam",
            "seed": 0, "population": "trained",
        }  # fmt: skip
        rows["networks"].append(
            {**place, "loss": np.nan if network is None else 0.1, "solved": False, "cause": "unknown"}
        )
        if network is None:
            continue
        known[place["network"]] = network
        program = {"formula": None, "best": "x1", "error": np.nan, "spec_lower": np.nan, "spec_upper": np.nan}
        rows["programs"].append(
            {**place, **program, "equals_task": pd.NA, "bits": np.nan, "raw_bits": pd.NA, "reason": "smooth",
             "class": None, "gauge": None, "named": pd.NA}
        )  # fmt: skip
        for layer, block in enumerate(network.architecture.active):
            for neuron in range(network.sizes[block + 1]):
                dead = kind == "dead" and neuron == 2
                rows["neurons"].append(
                    {**place, "layer": layer, "neuron": neuron, "status": "dead" if dead else "matched",
                     "feature": "constant" if dead else "positiveness", "on": "" if dead else "x1",
                     "unexplained": np.nan if dead else 1e-7, "p": np.nan if dead else 1e-5,
                     "q": np.nan if dead else 1e-5, "causal": np.nan, "contribution": 0.1,
                     "used": not (layer == 0 and neuron in UNUSED and kind == "deep"), "expected": pd.NA,
                     "needed": np.nan if neuron else 1e-4, "null": None if dead else HISTOGRAM}
                )  # fmt: skip
        rows["directions"].append(
            {**place, "layer": 0, "feature": "positiveness", "on": "x1", "unexplained": 1e-9, "untrained": 0.1,
             "q": 0.01, "tautology": False, "readable": True}
        )  # fmt: skip
    tables = {name: pd.DataFrame(entries) for name, entries in rows.items()}
    for name, column in (
        ("neurons", "expected"), ("neurons", "used"), ("programs", "equals_task"), ("programs", "named"),
    ):  # fmt: skip
        tables[name][column] = tables[name][column].astype("boolean")
    return FakeStudy(tables, known)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium on the path: install Debian's with `apt-get install chromium`")
    with api.sync_playwright() as tool:
        started = tool.chromium.launch(
            executable_path=CHROMIUM, args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        yield started
        started.close()


@pytest.fixture(scope="module")
def tab(browser: Any, study: FakeStudy, tmp_path_factory: pytest.TempPathFactory) -> Any:
    file = tmp_path_factory.mktemp("cards") / "index.html"
    head = f"<!doctype html><meta charset=utf-8><style>{render('page.css')}{render('networks.css')}</style><main>"
    data = render("networks.html", networks_json="@data@").replace(
        "@data@", dumped(network_data(study, study.tables))
    )
    Path(file).write_text(f"{head}{data}</main><script>{render('networks.js')}</script>", "utf-8")
    opened = browser.new_page(viewport={"width": 1400, "height": 900})
    opened.trouble = []
    opened.on("pageerror", lambda error: opened.trouble.append(str(error)))
    opened.goto(file.as_uri())
    return opened


def card(tab: Any, kind: str) -> Any:
    """The card of a kind of network, opened."""
    tab.evaluate(f"location.hash = '#network={KINDS[kind][0]}/{kind}/adam/0'")
    found = tab.locator("#network")
    found.locator("h3", has_text=f"/{kind}/").wait_for()
    return found


def said(place: Any) -> str:
    """All that a card says, to those who see it and to those who do not."""
    return str(
        place.evaluate(
            """(place) => [place.textContent, ...[...place.querySelectorAll('*')].flatMap((one) =>
            ['aria-label', 'title'].map((name) => one.getAttribute(name) ?? ''))].join(' ')"""
        )
    )


@pytest.mark.parametrize("kind", KINDS)
def test_no_card_prints_what_is_missing(tab: Any, kind: str) -> None:
    found = card(tab, kind)
    text = said(found)
    assert len(text) > 100
    assert not MISSING.findall(text)
    assert tab.trouble == []
    # Nothing of it is wider than the page.
    assert tab.evaluate("document.documentElement.scrollWidth") <= 1400


def test_what_is_missing_would_be_noticed() -> None:
    assert [MISSING.findall(text) for text in ("q undefined", "x NaN", "None of it", "undefinedly")] == [
        ["undefined"], ["NaN"], ["None"], [],
    ]  # fmt: skip


def test_directions_have_their_q(tab: Any) -> None:
    table = card(tab, "unbiased").locator("table").last
    assert table.locator("tbody td").all_inner_texts() == ["0", "positiveness", "x1", "1e-9", "0.1", "0.01"]


def test_every_match_stands_over_its_null(tab: Any) -> None:
    found = card(tab, "dead")
    plots = found.locator(".plot", has=tab.locator(".null"))
    assert plots.count() == 2  # the dead neuron has no match
    labels = [plots.nth(k).get_attribute("aria-label") for k in range(2)]
    assert "leaves 1e-7 of the variance, p < 1e-4; p = 0.05 asks for at most 0.0001" in labels[0]
    assert "no share would give p = 0.05" in labels[1]
    # The match lies left of its threshold.
    ends = [plots.first.locator(name).evaluate("one => one.getBBox().x") for name in (".match", ".needed")]
    assert ends[0] < ends[1]


def test_a_crowded_graph_shows_what_the_output_needs(tab: Any) -> None:
    graph = card(tab, "deep").locator(".graph")
    names = graph.locator("title").evaluate_all("all => all.map((one) => one.textContent)")
    assert not {f"v{k}: positiveness(x1), matched, not used" for k in UNUSED} & set(names)
    assert "3 neurons that the output does not need are left out" in card(tab, "deep").inner_text()
    network = KINDS["deep"][1]
    assert network is not None
    kept = [k for k in range(13) if k not in UNUSED]
    first, second, third = network.weights
    shown = (np.abs(first[kept]) >= 0.1 * np.abs(first[kept]).max()).sum()
    shown += (np.abs(second[:, kept]) >= 0.1 * np.abs(second[:, kept]).max()).sum()
    shown += (np.abs(third) >= 0.1 * np.abs(third).max()).sum()
    seen = "all => all.filter((one) => getComputedStyle(one).visibility === 'visible').length"
    assert graph.locator("line").evaluate_all(seen) == shown
    graph.locator("text", has_text="x1").first.hover()
    assert graph.locator("line").evaluate_all(seen) > shown
    # A small one shows all there is.
    assert card(tab, "unbiased").locator(".graph .weak").count() == 0


def test_names_below_bars_do_not_touch(tab: Any) -> None:
    found = card(tab, "twelve")
    gaps = found.locator(".plot .axes").evaluate_all(
        """all => all.filter((svg) => svg.querySelector('rect')).map((svg) => {
        const names = [...svg.querySelectorAll('text')].filter((one) => /^[xv]\\d/.test(one.textContent))
        .map((one) => one.getBoundingClientRect());
        return Math.min(...names.slice(1).map((box, k) => box.left - names[k].right)); })"""
    )
    assert len(gaps) == 12 + 5
    assert min(gaps) > 0


def test_more_columns_open(tab: Any) -> None:
    found = card(tab, "unbiased")
    heads = found.locator("table").first.locator("th:visible")
    assert heads.count() == 6
    found.locator(".wider").first.click()
    assert heads.count() > 6
    found.locator(".wider").first.click()
    assert heads.count() == 6


# Hostile names in every column of every table: the page shows them and runs nothing of them

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
    with warnings.catch_warnings():
        # Names of a hundred characters leave some figures no room.
        warnings.filterwarnings("ignore", "constrained_layout not applied")
        return page(FakeStudy(tables, study.known, study.manifest))


def test_no_name_becomes_an_element_or_an_attribute(hostile: str) -> None:
    found = Elements()
    found.feed(hostile)
    assert found.tags["script"] == 2  # its data and its own script
    assert found.tags["img"] == 0
    assert not [name for name in found.attributes if name.startswith("on")]
    assert "&lt;script&gt;alert(1)" in hostile  # it is shown
    assert "49" not in re.findall(r"onerror=alert\(2\)&gt;@networks@(\S+?)&lt;", hostile)


def test_the_browser_runs_nothing_but_the_pages_own_script(
    browser: Any, hostile: str, tmp_path: Path
) -> None:
    # A page into which somebody has put a script and a handler: the policy stops both.
    broken = hostile.replace("<main", "<script>alert(3)</script><img src=data: onerror=alert(4)><main", 1)
    said: dict[str, list[str]] = {"hostile": [], "broken": []}
    for name, text in (("hostile", hostile), ("broken", broken)):
        file = tmp_path / f"{name}.html"
        file.write_text(text, "utf-8")
        opened = browser.new_page(viewport={"width": 1400, "height": 900})
        opened.on("dialog", lambda found, to=said[name]: (to.append("dialog"), found.dismiss()))
        opened.on("console", lambda found, to=said[name]: to.append(found.text))
        opened.on("pageerror", lambda found, to=said[name]: to.append(f"error: {found}"))
        opened.goto(file.as_uri())
        opened.wait_for_timeout(300)
        assert opened.evaluate("document.querySelectorAll('details').length") > 0
        opened.close()
    assert said["hostile"] == []
    assert "dialog" not in said["broken"]
    assert any("Content Security Policy" in text for text in said["broken"])
