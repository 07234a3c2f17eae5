"""The periodic table has a panel for each width and regimen, and its tiles lead to their rows."""

from __future__ import annotations

import re

from synthetic_study import made_up

from mathcircuits.reports.pages.sections.periodic import periodic_html


def test_panels_and_filters_are_those_of_the_table() -> None:
    tables = made_up(("absolute", "minimum"), seeds=6).tables
    text = periodic_html(tables)
    assert len(re.findall(r'class="scroll tall" data-width', text)) == 3
    assert len(re.findall(r"<div[^>]* hidden>", text)) == 2
    prevalence = tables["prevalence"]
    shown = prevalence[(prevalence["found"] > 0) | (prevalence["verdict"] == "forced")]
    for words in re.findall(r'data-filter="([^"]+)"', text):
        feature, task, hidden, regimen = (word.partition("=")[2] for word in words.split())
        row = shown[
            (shown["feature"] == feature) & (shown["task"] == task) & (shown["hidden"] == hidden)
            & (shown["regimen"] == regimen)
        ]  # fmt: skip
        assert len(row), words
