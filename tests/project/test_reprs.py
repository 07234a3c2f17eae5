"""What results look like in a notebook: sound HTML, nothing unescaped, the values that count; and short true reprs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mathcircuits.detect import (
    Catalogue,
    Feature,
    Formula,
    Match,
    Network,
    Symmetry,
    Task,
    analyse,
    candidates,
    canonical_form,
    catalogue,
    certify,
    circuits,
    cka,
    decompile,
    gauge_of,
    unfold,
    verdict,
)
from mathcircuits.models import train
from mathcircuits.reports import Study, StudyConfig

#: A text that would run, and one that would break an attribute, if anybody let it through.
EVIL = "<script>alert('x')</script> & \"quoted\""
MINIMUM = Network([[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]])
VOID = {"br", "hr", "img", "col", "input", "meta", "wbr"}


class Sound(HTMLParser):
    """Reads HTML strictly: every element is closed, in order; a row lies in a table, a cell in a row."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.seen: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not [name for name, _ in attrs if name.startswith("on")]
        self.seen.append(tag)
        if tag == "tr":
            assert self.open[-1] in ("table", "thead", "tbody")
        if tag in ("td", "th"):
            assert self.open[-1] == "tr"
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def a_feature() -> Feature:
    return Feature("mine/half", Formula("x1 / 2"), f"half {EVIL}", 1, aliases=("<b>",), source=EVIL)


def a_study(folder: Path) -> Study:
    (folder / "tables").mkdir()
    row = {"task": EVIL, "n": 12, "solved": 7, "value": 7 / 12, "low": 0.277, "high": 0.848}
    pd.DataFrame([row]).to_parquet(folder / "tables" / "success.parquet")
    config = StudyConfig(tasks=("minimum",), widths=("1x",), seeds=12, regimens=("adam",))
    return Study(folder, config, {"cells": []})


def a_similarity() -> Any:
    X = np.random.default_rng(0).normal(size=(60, 3))
    return replace(cka(X, 2 * X, null="rows", draws=19), flags=(EVIL,))


#: Name -> (how one is made, what has to be readable in it).
THINGS: dict[str, tuple[Callable[[Path], Any], list[str]]] = {
    "Feature": (lambda _: a_feature(), ["mine/half", "x1 / 2", EVIL, "<b>"]),
    "Catalogue": (lambda _: Catalogue([a_feature(), catalogue["greaterness"]]), ["order/greaterness", EVIL]),
    "Circuit": (
        lambda _: replace(circuits["minimum"], source=EVIL, gauge=EVIL),
        ["min(x1, x2)", "relu(x1 - x2)", "greaterness", "x2 - relu(x2 - x1)", "-1", EVIL],
    ),
    "Circuits": (lambda _: circuits, ["minimum-of-4", "x1 - relu(x1 - x2)"]),
    "Match": (
        lambda _: Match(catalogue["positiveness"], (EVIL,), 0.99, 0.0199, 2.0, 0.5, 0.012),
        ["positiveness", EVIL, "0.990000", "0.0199", "0.012"],
    ),
    "Analysis": (
        lambda _: analyse(MINIMUM, init="uniform", task=Task(EVIL, 2, ("min(x1, x2)",))),
        ["greaterness", "matched", "min(x1, x2)", "largest error", "2-3-1", EVIL],
    ),
    "Certificate": (
        lambda _: replace(certify(MINIMUM, "x1"), spec=EVIL),
        [EVIL, "between 2 and 2", "(1, -1)", "[-1, 1]^2", "real arithmetic"],
    ),
    "CanonicalForm": (lambda _: canonical_form(MINIMUM), ["y1 = ", "|0.7071 x1 - 0.7071 x2|", "-0.7071"]),
    "Ensemble": (
        lambda _: replace(train("absolute", hidden=2, seeds=range(3), steps=5), task=EVIL),
        [EVIL, "3 of 1-2-1", "adam, 5 steps"],
    ),
    "Study": (a_study, ["minimum", "12 networks", "0.583", "0.848", EVIL]),
    "Similarity": (lambda _: a_similarity(), ["cka", "60", "0.05", EVIL]),
    "Program": (lambda _: decompile(MINIMUM), ["min(x1, x2)", "bits"]),
    "Gauge": (
        lambda _: gauge_of(MINIMUM, symmetries=[Symmetry.parse(["x2", "x1"])]),
        ["x1 - relu(x1 - x2)"],
    ),
    "Unfolding": (lambda _: unfold(MINIMUM), ["relu(x1 - x2)", "greaterness"]),
    "Candidate": (
        lambda _: candidates([Network([[[1.0, -3.0], [-1.0, 3.0]], [[1.0, 1.0]]])] * 2)[0],
        ["3 * abs(1 / 3 * x1 - x2)", "[[circuit]]"],
    ),
    "Verdict": (lambda _: replace(verdict(72, 72), reason=EVIL), ["universal", "72 of 72", EVIL]),
}


@pytest.mark.parametrize("name", THINGS)
def test_it_is_sound_html_with_what_counts(name: str, tmp_path: Path) -> None:
    make, wanted = THINGS[name]
    thing = make(tmp_path)
    assert type(thing).__name__.removeprefix("_Installed") in (name, "")
    html = thing._repr_html_()
    page = Sound(html)
    assert {"table", "p"} & set(page.seen)
    assert "script" not in page.seen
    text = " ".join(page.text.split())
    assert [part for part in wanted if " ".join(part.split()) not in text] == []


@pytest.mark.parametrize("name", THINGS)
def test_its_repr_is_short_and_names_it(name: str, tmp_path: Path) -> None:
    thing = THINGS[name][0](tmp_path)
    text = repr(thing)
    assert text.startswith(type(thing).__name__.removeprefix("_Installed")) or name in ("Circuits", "Verdict")
    assert "object at 0x" not in text
    assert "\n" not in text
    assert len(text) < 300


def test_a_repr_says_what_is_true() -> None:
    assert repr(catalogue["greaterness"]) == "Feature('greaterness', 'relu(x1 - x2)')"
    assert repr(Catalogue([catalogue["greaterness"]])) == "Catalogue(1 feature)"
    assert repr(circuits["minimum"]) == "Circuit('minimum', 'min(x1, x2)', as x1 - relu(x1 - x2))"
    proof = repr(certify(MINIMUM, "x1"))
    assert proof == (
        "Certificate(max |net - x1| = 2 at (1, -1) on [-1, 1]^2, for real arithmetic on the stored weights, by cells, "
        "verified)"
    )
    assert repr(analyse(MINIMUM, init="uniform")) == "Analysis(2-3-1, 3 of 3 neurons matched)"


@pytest.mark.parametrize(
    "wrong",
    ["<table><tr><td>1</td></table>", "<p>", "</p>", "<td>1</td>", "<tr></tr>", '<p onclick="x">a</p>'],
)
def test_unsound_html_is_noticed(wrong: str) -> None:
    with pytest.raises((AssertionError, IndexError)):
        Sound(wrong)
