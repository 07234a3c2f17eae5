"""The first screen says little: three findings of few words, each with one interval."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from synthetic_study import FakeStudy, made_up

from mathcircuits.reports.pages.opening.headlines import MOST, WORDS, headlines, title


@pytest.fixture(scope="module")
def study() -> FakeStudy:
    return made_up(("absolute", "minimum"), seeds=6)


def test_there_are_at_most_three_short_ones(study: FakeStudy) -> None:
    found = headlines(study.tables)
    assert len(found) == MOST
    for finding in found:
        assert len(finding.text.split()) <= WORDS
        assert len(re.findall(r"interval \S+ to \S+\)", finding.text)) == 1
    # What the intervals are is said once.
    assert [("95%" in finding.text) for finding in found] == [True, False, False]


def test_shares_are_those_of_the_tables(study: FakeStudy) -> None:
    formulas, ways, _ = headlines(study.tables)
    assert formulas.text.startswith("100% of solved networks compute their task's own formula")
    census = study.tables["census"]
    own = census[(census["task"] == ways.text.split()[0].lower()) & (census["level"] == "gauge")]
    gauges = own.groupby("name")["found"].sum()
    assert f"{gauges.max() / gauges.sum():.0%} of its solved networks use the most frequent" in ways.text


def test_a_universal_feature_comes_before_a_partial_one() -> None:
    row = {
        "task": "minimum", "hidden": "6", "width": "2x", "regimen": "adam", "on": "x1", "oriented": False,
        "forced": False, "n": 90, "low": 0.9, "high": 1.0,
    }  # fmt: skip
    rows = [
        {**row, "feature": "square", "found": 40, "value": 40 / 90, "verdict": "partial"},
        {**row, "feature": "greaterness", "found": 90, "value": 1.0, "verdict": "universal"},
    ]
    (finding,) = (f for f in headlines({"prevalence": pd.DataFrame(rows)}) if f.target == "prevalence")
    assert finding.text == (
        "Greaterness is universal in minimum: 100% of networks solved by adam at twice the smallest width hold it "
        "(interval 90% to 100%)."
    ).replace("interval", "95% interval")
    assert finding.filter == "greaterness universal =minimum"


def test_the_title_counts_tasks_networks_seeds_and_time(study: FakeStudy) -> None:
    assert title(study.tables, {"seconds": {"cells": 4000, "tables": 3200}}) == (
        "What did 36 networks learn?", "2 tasks, 6 seeds, 2.0 hours",
    )  # fmt: skip
    assert title({}, {}) == ("What have these networks learned?", "0 tasks")


def test_failures_without_a_known_cause_are_no_finding() -> None:
    row = {
        "task": "larger-of-2",
        "regimen": "classes",
        "population": "trained",
        "solved": False,
        "lost": None,
    }
    for causes, stated in (
        (["unknown"] * 3, []),
        (["unknown", "unknown", "diverged"], ["33% of the failures have one cause"]),
    ):
        networks = pd.DataFrame([{**row, "cause": cause} for cause in causes])
        said = [finding.text for finding in headlines({"networks": networks}) if finding.head == "Failure"]
        assert [text[:34] for text in said] == stated
