"""The page of one network: what stands in it for solved, failed, deep, wide and smooth networks."""

from __future__ import annotations

import base64
import html
import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mathcircuits.detect import About, FileError, Network, Task, analyse, hand_derived
from mathcircuits.reports.commands import inspecting
from mathcircuits.reports.pages.networks.page import box_text, network_page, write_network_page

FAILED = Network([[[1.0, -1.0], [1.0, 1.0], [1.0, 0.9]], [[-1.0, 0.5, 0.2]]])


class Elements(HTMLParser):
    """The tags of a page with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def values(self, name: str, tag: str | None = None) -> list[str]:
        return [a[name] or "" for t, a in self.found if name in a and (tag is None or t == tag)]


def plain(text: str) -> str:
    """A page's words without its tags, styles, scripts and drawings."""
    text = re.sub(r"<(style|script|svg)\b.*?</\1>", " ", text, flags=re.DOTALL)
    words = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())
    # No page, of whatever network, prints what is missing.
    assert not re.findall(r"\b(undefined|NaN|nan|None|inf)\b", words)
    return words


@pytest.fixture(scope="module")
def solved() -> str:
    analysis = analyse(hand_derived("minimum"), task="minimum", init="uniform")
    return network_page(
        analysis, title="minimum.npz", ranks=inspecting.ranks_of(analysis), gauge=inspecting.gauge_within(analysis),
        data=inspecting.analysis_data(analysis, inspecting.ranks_of(analysis)),
    )  # fmt: skip


def test_a_page_of_one_network_holds_everything(solved: str) -> None:
    said = plain(solved)
    for words in (
        "2-3-1, relu, no bias; read on [-1, 1]^2 as minimum.",
        "min(x1, x2) , off by at most 1.8e-13 anywhere on the box",
        "off minimum, proved on the whole box (by cells)",
        "Gauge x1 - relu(x1 - x2)",
        "0.5 x1 + 0.5 x2 - 0.7071 |0.7071 x1 - 0.7071 x2|",
        "a straight part and 1 kink",
        "3 matched.",
        "3 live neurons read 6 features of rank 3: no superposition",
        "mathcircuits inspect minimum.npz --task minimum --html OUT.html",
    ):
        assert words in said, words
    assert "It does not solve" not in said


def test_a_page_of_data_has_the_names_of_their_columns() -> None:
    X = np.random.default_rng(0).uniform(0.003, 0.999, (60, 2))
    frame = pd.DataFrame(X, columns=["price", "limit"]).assign(
        paid=X.min(axis=1), kept=X[:, 0] - X.min(axis=1)
    )
    task = Task.of_data(frame, ["paid", "kept"], name="sales 2026.csv")
    about = About(input_names=("price", "limit"), output_names=("paid", "kept"))
    net = Network([[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1], [1, 0, 0]]], about=about)
    analysis = analyse(net, task=task, init="uniform")
    page = network_page(analysis, title="net.npz", data={})
    assert "It does not solve" not in (said := plain(page))
    assert "mathcircuits inspect net.npz --task 'sales 2026.csv' --target paid,kept --html OUT.html" in said
    assert "Read-out paid" in page
    # Python code and LaTeX number them, as names of columns may be neither.
    said = plain(re.sub(r"<(dd|pre)\b.*?</\1>", "", page, flags=re.DOTALL))
    assert re.findall(r".{20}\b[xy][12]\b.{20}", said) == []


def test_a_page_of_one_network_stands_alone(solved: str) -> None:
    elements = Elements(solved)
    assert not [tag for tag, a in elements.found if tag in {"img", "iframe", "object"} or "src" in a]
    assert all(link.startswith(("#", "data:")) for link in elements.values("href"))
    targets = [link[1:] for link in elements.values("href") if link.startswith("#")]
    ids = elements.values("id")
    assert set(targets) <= set(ids)
    assert len(ids) == len(set(ids))
    pictures = [a for tag, a in elements.found if tag == "svg" and "aria-hidden" not in a]
    assert len(pictures) == 3
    assert all(len(a["aria-label"] or "") > 40 for a in pictures)


def test_its_data_are_to_download(solved: str) -> None:
    links = {
        a["download"]: a["href"] or "" for tag, a in Elements(solved).found if tag == "a" and "download" in a
    }
    data = json.loads(base64.b64decode(links["minimum.npz.json"].partition(",")[2]))
    assert data["formula"]["text"] == "min(x1, x2)"
    assert data["gauge"]["circuit"] == "minimum"
    csv = base64.b64decode(links["minimum.npz.csv"].partition(",")[2]).decode().splitlines()
    assert csv[0] == "matrix,to,from,weight"
    assert len(csv) == 1 + 3 * 3 + 4
    assert {
        "neurons.csv",
        "minimum.npz-histograms.csv",
        "nulls.csv",
        "kinks.csv",
        "direction-rows.csv",
        "circuit-rows.csv",
    } <= set(links)


def test_several_readings_are_listed() -> None:
    half = Network([[[1, 1], [-1, -1], [1, -1], [-1, 1]], [[0.5, -0.5, -0.5, -0.5]]])
    said = plain(network_page(analyse(half, names=["a", "b"], box=(-1, 1), init="uniform"), title="half"))
    assert "y1 has 2 readings that meet the criteria: one function by different circuits." in said
    assert "0.5*(a + b) - 0.5*abs(a - b)" in said
    assert "relu(a + b) - relu(-a - b); relu(a - b) + relu(b - a)" in said
    minimum = plain(network_page(analyse(hand_derived("minimum"), init="uniform"), title="minimum"))
    assert "readings that meet the criteria" not in minimum


def test_a_failed_network_is_diagnosed() -> None:
    said = plain(network_page(analyse(FAILED, task="minimum", init="uniform"), title="failed"))
    assert re.search(r"It does not solve minimum: [a-z -]+\. [A-Z].+\.", said)
    assert "No circuit of the catalogue was found in it." in said
    # What was read as no task has none to fail.
    assert "does not solve" not in plain(network_page(analyse(FAILED, init="uniform"), title="free"))


def test_what_cannot_be_had_is_said() -> None:
    smooth = Network([[[0.9], [0.3]], [[0.4, 1.0]]], activation="tanh")
    said = plain(network_page(analyse(smooth, init="uniform"), title="smooth"))
    assert "its activation tanh is smooth" in said
    assert "It has none here: " in said
    deep = plain(
        network_page(
            analyse(Network([[[1, 1, 1], [-1, -1, -1]], [[1, 0], [0, 1]], [[1, -1]]]), init="uniform"),
            title="deep",
        )
    )
    assert "It has none here: " in deep
    assert "Each neuron's incoming weights" in deep
    linear = plain(network_page(analyse(Network([[[1.0, 2.0]]]), init="uniform"), title="linear"))
    assert "x1 + 2 * x2" in linear


def test_dead_neurons_many_outputs_and_points_have_a_page() -> None:
    several = Network([[[1, -1], [1, 0], [1, 1]], [[1, 0, 0], [-1, 1, 0], [0, 0, 1]]], [[0, 0, -9.0], None])
    for network, task in ((several, None), (hand_derived("xor"), "xor")):
        said = plain(network_page(analyse(network, task=task, init="uniform"), title="any"))
        assert "What do its neurons hold?" in said
        assert ("1 dead" in said) == (network is several)


def test_a_wide_network_has_its_tables_and_no_graph() -> None:
    # The tables of a small network beside the weights of a wide one: the nulls of width 520 take half a minute.
    wide = Network([np.linspace(-1, 1, 520)[:, None], np.ones((1, 520))])
    small = analyse(hand_derived("absolute"), init="uniform")
    analysis = replace(small, network=wide)
    for name in ("_blocks", "_read_directions"):
        analysis.__dict__[name] = getattr(small, name)
    text = network_page(analysis, title="wide")
    said = plain(text)
    assert "No graph: a layer of more than 48 neurons" in said
    assert (
        "Not tested: circuits, formula and certificate (520 hidden neurons, 1 inputs: more than 512 or 8)."
        in said
    )
    assert "Not tested in a network of this size." in said
    assert "29 of 520 neurons" in said
    # Its responses, and the histograms behind the matches.
    assert text.count("<figure") == 2
    assert len(text) < 1_000_000


def test_a_title_is_no_markup() -> None:
    text = network_page(analyse(hand_derived("absolute"), init="uniform"), title="<b>&'x")
    assert "<b>&" not in text
    assert "&lt;b&gt;" in text


def test_boxes_are_short() -> None:
    assert box_text(((-1.0, 1.0),)) == "[-1, 1]"
    wide = tuple((0.0, k + 1.0) for k in range(8))
    assert box_text(wide) == "[0, 1] x [0, 2] x [0, 3] x [0, 4] x [0, 5] x [0, 6] x ... (8 inputs)"


def test_a_page_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    analysis = analyse(hand_derived("absolute"), init="uniform")
    with pytest.raises(FileError, match=r"is a folder; name a file in it, such as network\.html"):
        write_network_page(analysis, tmp_path, title="a")
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="cannot be written"):
        write_network_page(analysis, tmp_path / "file" / "a.html", title="a")


# In a browser

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def test_a_page_of_one_network_in_a_browser(solved: str, tmp_path: Path) -> None:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium on the path: install Debian's with `apt-get install chromium`")
    file = tmp_path / "net.html"
    file.write_text(solved, "utf-8")
    trouble: list[str] = []
    with api.sync_playwright() as tool:
        browser = tool.chromium.launch(
            executable_path=CHROMIUM, args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        tab: Any = browser.new_page()
        tab.on("console", lambda message: trouble.append(message.text))
        tab.on("pageerror", lambda error: trouble.append(str(error)))
        tab.goto(file.as_uri())
        tab.locator("#direction-rows th button", has_text="unexplained").click()
        column = tab.locator("#direction-rows tbody td:nth-child(5)").evaluate_all(
            "all => all.map((cell) => Number(cell.dataset.key ?? cell.textContent))"
        )
        assert column == sorted(column)
        tab.locator("#direction-rows input").fill("greaterness")
        assert set(tab.locator("#direction-rows tbody tr:visible td:nth-child(2)").all_inner_texts()) == {
            "greaterness"
        }
        with tab.expect_download() as waiting:
            tab.locator("#neurons .tools a").click()
        assert pd.read_csv(waiting.value.path())["feature"].tolist() == [
            "greaterness", "positiveness", "negativeness",
        ]  # fmt: skip
        tab.locator("nav a", has_text="Normal form").click()
        assert tab.url.endswith("#normal-form")
        for scheme, bright in (("light", True), ("dark", False)):
            tab.emulate_media(color_scheme=scheme)
            ground = tab.evaluate("getComputedStyle(document.body).backgroundColor")
            assert (sum(int(c) for c in re.findall(r"\d+", ground)[:3]) > 3 * 128) is bright
        tab.set_viewport_size({"width": 400, "height": 800})
        assert tab.evaluate("document.documentElement.scrollWidth") <= 400
        browser.close()
    assert trouble == []
