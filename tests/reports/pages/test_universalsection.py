"""What the page says on universality and regimens: figures, tables and sentences that agree with the rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from synthetic_study import FakeStudy, made_up

from mathcircuits.reports.pages.comparisontables import comparison_tables
from mathcircuits.reports.pages.findings import findings
from mathcircuits.reports.pages.htmltables import Column, table_view
from mathcircuits.reports.pages.portraits import diagnosed
from mathcircuits.reports.pages.regimens import failures, failures_by_regimen, pooled_regimens
from mathcircuits.reports.pages.regimensection import cause_figure, cause_words, width_figure
from mathcircuits.reports.pages.sections.solving import cost_figure
from mathcircuits.reports.pages.universality import (
    LADDER,
    circuit_shares,
    emergence_panels,
    emergence_steps,
    ladder_names,
    ladder_stops,
    transplant_pairs,
)
from mathcircuits.reports.pages.universalsection import (
    circuit_figure,
    cluster_figures,
    emergence_figure,
    ladder_figures,
    transplant_figures,
)
from mathcircuits.reports.plots import regimenfigures, universalfigures
from mathcircuits.reports.plots.clusters import clustered
from mathcircuits.reports.plots.palette import CAUSES, RUNG_MARKS
from mathcircuits.reports.plots.rendering import blank
from mathcircuits.reports.studies.schema import COLUMNS

NEW = ("regimens", "causes", "ladder", "pairs", "contrasts", "transplants", "emergence", "emergence_curves")
NAMES = ("absolute", "identity", "minimum")


@pytest.fixture(scope="module")
def study() -> FakeStudy:
    return made_up(NAMES, seeds=8, unsolved=())


def axes() -> Axes:
    """One empty axes."""
    (ax,) = blank(3, 2)[1]
    assert isinstance(ax, Axes)
    return ax


def texts(ax: Axes) -> list[str]:
    """What is written in the axes."""
    return [text.get_text() for text in ax.texts]


def said(tables: dict[str, pd.DataFrame], head: str) -> str:
    """The finding under that head, empty where there is none."""
    return "".join(finding.text for finding in findings(tables) if finding.head == head)


@pytest.mark.parametrize("name", NEW)
def test_the_made_up_tables_have_the_columns_of_real_ones(study: FakeStudy, name: str) -> None:
    assert set(study.tables[name].columns) <= set(COLUMNS[name])


def test_the_rungs_are_those_of_the_ladder() -> None:
    from mathcircuits.detect.universality.rungs import RUNGS

    assert LADDER == RUNGS


def test_every_cause_of_a_diagnosis_has_its_letter() -> None:
    from mathcircuits.detect.learning.diagnosis import CAUSES as KNOWN

    assert set(CAUSES) == set(KNOWN) - {"solved"}
    assert len({mark.letter for mark in CAUSES.values()}) == len(CAUSES)


def test_every_verdict_of_a_rung_has_its_letter() -> None:
    from typing import get_args

    from mathcircuits.detect.universality.ladder import RungVerdict

    assert set(RUNG_MARKS) == set(get_args(RungVerdict))
    assert len({mark.letter for mark in RUNG_MARKS.values()}) == len(RUNG_MARKS)


# Clusters


def test_a_dendrogram_has_one_fork_less_than_leaves() -> None:
    rows = [
        {"network_a": a, "network_b": b, "value": 0.9 if a[0] == b[0] else 0.1}
        for a, b in (("p1", "q1"), ("p1", "p2"), ("p1", "q2"), ("q1", "p2"), ("q1", "q2"), ("p2", "q2"))
    ]
    found = clustered(pd.DataFrame(rows), {"p1": "p", "p2": "p", "q1": "q", "q2": "q"})
    assert found.groups in (("p", "p", "q", "q"), ("q", "q", "p", "p"))
    assert len(found.forks) == 3
    assert max(max(heights) for _, heights in found.forks) == 1
    ax = universalfigures.cluster_map(found, {"p": "P", "q": "Q"}, axes())
    assert sorted(texts(ax)) == ["P", "Q"]


def test_absent_pairs_leave_no_tree() -> None:
    frame = pd.DataFrame({"network_a": ["a", "a"], "network_b": ["b", "c"], "value": [0.9, 0.1]})
    found = clustered(frame)
    assert found.forks == ()
    assert found.matrix.columns.tolist() == ["a", "b", "c"]
    assert np.isnan(found.matrix.loc["b", "c"])


# The ladder


def test_a_bar_stands_where_the_ladder_stops() -> None:
    rows = [
        {"pair": "p", "rung": rung, "verdict": verdict, "stops": rung == "subspace", "reason": ""}
        for rung, verdict in (("function", "same"), ("subspace", "vacuous"), ("units", "different"))
    ]
    ax = universalfigures.ladder(pd.DataFrame(rows), axes(), rungs=LADDER[:3])
    (bar,) = ax.lines
    assert list(np.asarray(bar.get_xdata(), dtype=float)) == [0.5, 0.5]
    assert texts(ax) == ["S", "V", "D"]
    follows = [{**rows[0], "follows": ""}, {**rows[0], "rung": "subspace", "follows": "function"}]
    assert texts(universalfigures.ladder(pd.DataFrame(follows), axes(), rungs=LADDER[:2])) == ["S", "s"]
    tiles = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
    assert [tile.get_alpha() for tile in tiles] == [1.0, 1.0, 0.45]


def test_ladder_stops_are_those_of_the_table(study: FakeStudy) -> None:
    stops = ladder_stops(study.tables)
    assert set(stops[stops["kind"] == "seeds"]["rung"]) == {"circuit"}
    assert set(stops[stops["kind"] == "tasks"]["rung"]) == {"function"}
    assert set(stops[stops["kind"] == "regimens"]["verdict"]) == {"same"}
    assert len(stops) == len(set(ladder_names(study.tables["ladder"])))
    assert stops["implied"].tolist() == (stops["kind"] == "regimens").tolist()
    words = "between regimens 3 of 3 reach the end (3 since at that size the function leaves one circuit)"
    assert words in said(study.tables, "The ladder")
    # Studies of before have no such column.
    before = {**study.tables, "ladder": study.tables["ladder"].drop(columns="follows")}
    assert "between regimens 3 of 3 reach the end." in said(before, "The ladder")
    assert "Between tasks 1 of 1 stop at function (1 different)" in said(study.tables, "The ladder")


def test_ladder_figures_have_a_kind_each(study: FakeStudy) -> None:
    assert [view.name for view in ladder_figures(study.tables)] == [
        "ladder-tasks", "ladder-seeds", "ladder-widths", "ladder-regimens",
    ]  # fmt: skip
    assert list(ladder_figures({})) == []


def test_a_rung_is_shown_with_its_letter() -> None:
    view = table_view(pd.DataFrame({"verdict": ["same"]}), "t", "", [Column("verdict", "verdict", "rung")])
    assert (view.rows[0][0].letter, view.rows[0][0].kind) == ("S", "verdict")


# Tasks side by side


def test_transplants_have_their_decoys(study: FakeStudy) -> None:
    pairs = transplant_pairs(study.tables)
    known = pairs.set_index(["task_a", "task_b"])
    assert known.loc[("absolute", "minimum"), "accuracy"] == 1.0
    assert known.loc[("absolute", "identity"), "done"] == 0
    assert known.loc[("absolute", "identity"), "reason"] == "no used neuron of the donor holds it"
    (view,) = transplant_figures(study.tables)
    assert "identity" not in "".join(view.svg[view.svg.index("aria-label") :].split("<title>")[:1])
    assert said(study.tables, "Transplants").startswith(
        "Of 2 transplants between tasks that both hold the feature, 2 restore at least 99% of the recipient's output; "
        "decoys restore 0% in the median."
    )


def test_trained_networks_stand_beside_untrained_ones(study: FakeStudy) -> None:
    (view,) = cluster_figures(study.tables)
    assert view.name == "clusters-1"
    assert "circuit, trained: within 0.95, across 0.3; difference 0.65 (0.55 to 0.75), p = 0.002" in view.svg
    assert "circuit, untrained: within 0.31" in view.svg
    assert "p = 0.002; untrained 0.01" in said(study.tables, "Within and across")


def test_circuits_are_counted_over_solved_networks(study: FakeStudy) -> None:
    shares = circuit_shares(study.tables).set_index("task")
    networks = study.tables["networks"]
    solved = networks[networks["solved"] & (networks["population"] == "trained")]
    assert shares["n"].to_dict() == solved.groupby("task")["network"].nunique().to_dict()
    assert (shares["value"] == 1).all()
    assert circuit_figure(study.tables) is not None
    assert circuit_figure({}) is None


def test_emergence_is_told_of_the_condition_with_the_most_seeds(study: FakeStudy) -> None:
    rows = emergence_panels(study.tables)
    for _, part in rows.groupby("task"):
        every = study.tables["emergence_curves"]
        every = every[every["task"] == part["task"].iloc[0]]
        assert part["n"].iloc[0] == every["n"].max()
        assert len(part[["hidden", "width", "regimen"]].drop_duplicates()) == 1
    steps = emergence_steps(study.tables)
    assert set(steps["step"]) <= {100.0, 500.0}
    assert (steps["before"] == 0).all()
    view = emergence_figure(study.tables)
    assert view is not None
    assert "positiveness(x1) in absolute from 0% to 100%" in view.svg


# Answers


def test_the_signs_are_answered(study: FakeStudy) -> None:
    tables = dict(study.tables)
    rows = tables["prevalence"].copy()
    sign = (rows["feature"] == "positiveness") & (rows["task"] == "absolute")
    rows.loc[sign, "verdict"] = "forced"
    tables["prevalence"] = rows
    text = said(tables, "Positiveness")
    assert text.startswith(
        "Positiveness is forced (no network of that size can do without it) in absolute with 2 and 4 hidden neurons"
    )
    assert "untrained networks have it in up to 100%" in text
    assert "in minimum (" in text


def test_a_mirror_image_is_told_by_its_own_rows() -> None:
    base = {
        "task": "absolute",
        "hidden": "2",
        "width": "1x",
        "regimen": "adam",
        "found": 9,
        "n": 9,
        "value": 1.0,
    }
    base |= {"low": 0.66, "high": 1.0, "untrained_value": 0.7, "verdict": "forced", "reason": "", "on": "x1"}
    base |= {"forced_below": 0.6, "apart": 0, "uncertified": 0}
    rows = [
        {**base, "feature": "positiveness", "oriented": False},
        {**base, "feature": "positiveness", "oriented": True},
        {**base, "feature": "negativeness", "oriented": True},
    ]
    tables = {"prevalence": pd.DataFrame(rows)}
    for head in ("Positiveness", "Negativeness"):
        words = "forced (no network of that size can do without it) in absolute with 2 hidden neurons"
        assert f"{head} is {words}" in said(tables, head)


def test_greaterness_is_told_in_both_orientations() -> None:
    base = {
        "task": "minimum",
        "hidden": "3",
        "width": "1x",
        "regimen": "adam",
        "feature": "greaterness",
        "n": 100,
    }
    base |= {"untrained_value": 0.05, "reason": "", "forced_below": 0.009, "apart": 0, "uncertified": 0}
    rows = [
        {
            **base, "on": on, "oriented": verdict == "partial", "found": found, "value": found / 100, "low": low,
            "high": high, "verdict": verdict,
        }
        for on, found, low, high, verdict in (
            ("x1, x2", 100, 0.96, 1.0, "forced"), ("x1, x2", 41, 0.31, 0.51, "partial"),
            ("x2, x1", 59, 0.49, 0.69, "partial"),
        )
    ]  # fmt: skip
    text = said({"prevalence": pd.DataFrame(rows)}, "Greaterness")
    assert "it is forced up to the symmetries (100 of 100, 0.96 to 1; untrained 5%)" in text
    assert (
        "oriented: greaterness(x2, x1) partial (59 of 100, 0.49 to 0.69; untrained 5%) and greaterness(x1, x2)"
        in text
    )


def test_osiers_circuit_is_judged_cell_by_cell() -> None:
    base = {"task": "minimum", "width": "1x", "level": "gauge", "low": 0.9, "high": 1.0, "forced": False}
    rows = [
        {**base, "hidden": "3", "regimen": "adam", "name": "x1 - relu(x1 - x2)", "found": 200, "n": 200, "value": 1.0,
         "forced": True, "evidence_found": 200, "evidence_n": 200},
        {**base, "hidden": "16", "regimen": "slow", "name": "1/2 (x1 + x2) - 1/2 |x1 - x2|", "found": 200, "n": 200,
         "value": 1.0, "evidence_found": 200, "evidence_n": 200},
        # Of 90 compressed networks eighty ended where they had no choice.
        {**base, "hidden": "16", "regimen": "compress", "name": "x1 - relu(x1 - x2)", "found": 85, "n": 90,
         "value": 0.94, "evidence_found": 5, "evidence_n": 10},
    ]  # fmt: skip
    text = said({"census": pd.DataFrame(rows)}, "Osier's minimum")
    assert "with 16 hidden neurons (1x): compress (5 of 10" in text
    assert "forced (so few neurons allow no other) with 3 hidden neurons (1x): adam (200 of 200" in text
    assert "absent with 16 hidden neurons (1x): slow (0 of 200" in text
    assert (
        "The most frequent other form is 1/2 (x1 + x2) - 1/2 |x1 - x2|, with 16 hidden neurons (1x), trained by slow "
        "(200 of 200, 0.9 to 1)."
    ) in text


def test_the_regimen_with_the_least_width_is_named(study: FakeStudy) -> None:
    pooled = pooled_regimens(study.tables).set_index("regimen")
    table = study.tables["regimens"]
    for regimen, part in table.groupby("regimen"):
        assert pooled.loc[regimen, "at_minimum"] == part["at_minimum"].sum()
        assert pooled.loc[regimen, "n"] == part["n"].sum()
    best = pooled["minimum_value"].idxmax()
    row = pooled.loc[best]
    assert said(study.tables, "Least width").startswith(
        f"The regimen {best} ends at the width derived by hand most often: {row['at_minimum']:.0f} of "
        f"{row['n']:.0f} seeds ("
    )


def test_the_most_frequent_cause_is_named(study: FakeStudy) -> None:
    rows = failures(study.tables)
    assert rows["found"].sum() == rows["n"].iloc[0] == study.tables["networks"]["cause"].notna().sum()
    by_regimen = failures_by_regimen(study.tables)
    assert by_regimen["found"].sum() == rows["found"].sum()
    text = said(study.tables, "Why they fail")
    assert text.startswith(
        f"Most often a network fails by “{rows['cause'].iloc[0]}”: {rows['found'].iloc[0]} of "
    )
    assert "that were followed" in text


def test_a_failed_network_says_why() -> None:
    assert diagnosed({}) == ""
    assert diagnosed({"diagnosis": "it is dead", "lost": 0}) == "it is dead. Lost before the first step."
    assert diagnosed({"diagnosis": "it is dead", "lost": pd.NA}) == "it is dead."


# Figures of regimens


def test_success_is_drawn_by_width_and_regimen(study: FakeStudy) -> None:
    table = study.tables["regimens"]
    part = table[table["task"] == "minimum"]
    ax = regimenfigures.success_by_width(part, axes(), regimens=["osier", "adam"])
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["1x", "2x"]
    dots = [line for line in ax.lines if line.get_marker() in regimenfigures.MARKERS]
    assert [float(np.ravel(np.asarray(dot.get_ydata(), dtype=float))[0]) for dot in dots] == part[
        "value"
    ].tolist()
    assert dots[0].get_marker() != dots[1].get_marker() == dots[2].get_marker()


def test_the_parts_of_a_bar_fill_it() -> None:
    frame = pd.DataFrame(
        [
            {"name": "a", "cause": c, "found": f, "n": 10, "lost": None}
            for c, f in (("same side", 7), ("new", 3))
        ]
    )
    ax = regimenfigures.causes(frame, axes())
    widths = [bar.get_width() for bar in ax.patches if isinstance(bar, Rectangle)]
    assert widths == pytest.approx([0.7, 0.3])
    # A cause that has no letter is still drawn.
    assert texts(ax) == ["S", "·", "10"]


def test_regimen_figures_speak_of_their_table(study: FakeStudy) -> None:
    table = study.tables["regimens"]
    osier = table[table["regimen"] == "osier"]
    width, cost, cause = (make(study.tables) for make in (width_figure, cost_figure, cause_figure))
    assert width is not None
    assert f"osier: {osier['solved'].sum()} of {osier['n'].sum()} seeds" in width.svg
    assert cost is not None
    assert "at 500 network-steps" in cost.svg
    assert cause is not None
    assert "Why networks failed: " in cause.svg
    words = [text for _, text in cause_words(study.tables)]
    assert all(" of " in text and text.endswith(".") for text in words)
    assert len(words) == study.tables["networks"]["cause"].nunique()
    assert width_figure({}) is cost_figure({}) is cause_figure({}) is None


def test_every_comparison_has_a_table(study: FakeStudy) -> None:
    assert [view.id for view in comparison_tables(study.tables)] == [
        "regimen-table", "pooled", "causes", "failed", "ladder", "contrasts", "transplants", "emergence-table",
        "circuit-shares",
    ]  # fmt: skip
    assert list(comparison_tables({})) == []
    (first,) = [view for view in comparison_tables(study.tables) if view.id == "ladder"]
    # The rungs at which ladders stop come first.
    place = next(k for k, column in enumerate(first.columns) if column.name == "stops")
    stops = [row[place].text == "yes" for row in first.rows]
    assert stops == sorted(stops, reverse=True)
