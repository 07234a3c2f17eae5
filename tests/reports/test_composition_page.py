"""What pages of compositions share: every file of a study, and one caption for all pairs, another for a part."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from mathcircuits.models.training import train_group
from mathcircuits.reports.composition_page import (
    Drawing,
    grokking_drawing,
    verdict_views,
    write_composition,
)
from mathcircuits.reports.plots.rendering import blank

HISTORY = train_group("C3", seeds=[0, 1], steps=2).history


def test_the_caption_says_whether_pairs_were_left_out() -> None:
    assert "(dashed) and on the others" in grokking_drawing(HISTORY, 0.8, "Accuracy").caption
    assert "no pair is left out" in grokking_drawing(HISTORY, 1.0, "Accuracy").caption


def test_verdicts_are_shown_beside_untrained_networks() -> None:
    rows = {"feature": ["irrep 2a"], "value": [0.5], "low": [0.1], "high": [0.9], "found": [2], "n": [4]}
    frame = pd.DataFrame({**rows, "untrained_found": [1], "untrained_n": [72], "verdict": ["partial"]})
    (view,) = verdict_views(frame, "right")
    assert [column.heading for column in view.columns][3] == "right"
    assert verdict_views(frame.iloc[:0], "right") == []


def test_every_file_is_written(tmp_path: Path) -> None:
    figure, _ = blank(3.0, 2.0)
    page = write_composition(
        tmp_path,
        {"answer": 42},
        {"history": HISTORY},
        {"nothing": Drawing(figure, "Nothing", "An empty <figure>.", HISTORY)},
        [],
        "group.html",
        group="C3",
        order=3,
        n="2 networks",
        regimen=None,
        requirements=[("does not hold", "a requirement")],
        findings=["a finding"],
    )
    text = page.read_text()
    assert "<title>Composition in C3: what the networks learned</title>" in text
    assert "<b>Does not hold.</b> a requirement." in text
    assert "An empty &lt;figure&gt;." in text
    assert json.loads((tmp_path / "summary.json").read_text()) == {"answer": 42}
    assert len(pd.read_csv(tmp_path / "tables" / "history.csv")) == len(HISTORY)
    assert (tmp_path / "figures" / "nothing.svg").stat().st_size > 0
