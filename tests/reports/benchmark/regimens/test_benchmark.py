"""The benchmark of regimens: what is kept is kept, each network is trained once, its counts are right and can fail."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mathcircuits.detect import FileError, InputError, Network, hand_derived, tasks
from mathcircuits.detect.matching.nulls import neuron_nulls as nulls
from mathcircuits.detect.matching.nulls import simulated
from mathcircuits.models import PRESETS, as_regimen
from mathcircuits.reports.benchmark.pieces import Done, Piece, cores, work_off
from mathcircuits.reports.benchmark.regimens import ablation, prediction
from mathcircuits.reports.benchmark.regimens import benchmark as regimens
from mathcircuits.reports.benchmark.regimens import runs as regimenruns
from mathcircuits.reports.benchmark.regimens.benchmark import (
    RegimensEffort,
    diagnosis_scores,
    failure_pieces,
    full_account,
    in_words,
    minimal_runs,
    prediction_pieces,
    reached,
    run_regimens,
    wide_runs,
)
from mathcircuits.reports.benchmark.regimens.runs import (
    COLUMNS,
    at_most,
    joined,
    labelled_shares,
    most_frequent,
    rows_of,
    words_of,
)
from mathcircuits.reports.benchmark.scores import Bound, Score, Setting, from_data, share

NOTHING = RegimensEffort(
    **dict.fromkeys((f for f in asdict(RegimensEffort()) if f != "prediction"), 0),
    prediction=replace(prediction.QUICK, minimal=(), wide=()),
)
HERE = Setting("here")


@pytest.fixture(scope="module", autouse=True)
def small_nulls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nulls of a tenth of the draws, in a home and a memory of their own: labels do not depend on their tails."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MATHCIRCUITS_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setattr(simulated, "_FIRST_LAYER_DRAWS", 16_000)
        patch.setattr(simulated, "_DEEP_DRAWS", 8_000)
        nulls._cached_null.cache_clear()
        yield
        nulls._cached_null.cache_clear()


# Pieces


def counted(folder: str, number: int) -> int:
    """Leaves a trace of every call."""
    with (Path(folder) / "calls").open("a") as file:
        file.write(f"{number}\n")
    return number**2


def calls(folder: Path) -> list[int]:
    return [int(line) for line in (folder / "calls").read_text().split()]


def squares(folder: Path, numbers: range) -> list[Piece]:
    return [Piece(f"square of {n}", partial(counted, str(folder), n), weight=n) for n in numbers]


def test_a_run_that_was_killed_resumes(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    first = work_off(squares(tmp_path, range(2, 4)), folder=kept, progress=False)
    assert {key: done.result for key, done in first.items()} == {"square of 2": 4, "square of 3": 9}
    again = work_off(squares(tmp_path, range(5)), folder=kept, progress=False)
    assert again["square of 3"] == first["square of 3"]
    # the longest first, and none of those that were done
    assert calls(tmp_path) == [3, 2, 4, 1, 0]
    assert len(list(kept.iterdir())) == 5


def test_what_another_source_gave_is_not_used(tmp_path: Path) -> None:
    source = tmp_path / "code.py"
    for number, text in enumerate(("a = 1", "a = 1", "a = 2")):
        source.write_text(text)
        work_off(squares(tmp_path, range(1)), folder=tmp_path / "kept", sources=[source], progress=False)
        assert len(calls(tmp_path)) == (1, 1, 2)[number]


def test_pieces_of_one_key_are_done_once_and_none_is_no_work(tmp_path: Path) -> None:
    assert work_off([], progress=False) == {}
    work_off(squares(tmp_path, range(2)) * 2, progress=False)
    assert sorted(calls(tmp_path)) == [0, 1]
    assert cores() >= 1
    with pytest.raises(InputError, match="workers = 0"):
        work_off([], workers=0)


def test_a_spoilt_piece_is_an_error(tmp_path: Path) -> None:
    work_off(squares(tmp_path, range(1)), folder=tmp_path / "kept", progress=False)
    (file,) = (tmp_path / "kept").iterdir()
    file.write_text("{")
    with pytest.raises(FileError, match="is not JSON"):
        work_off(squares(tmp_path, range(1)), folder=tmp_path / "kept", progress=False)


def test_several_processes_give_what_one_gives() -> None:
    pieces = [Piece(f"{n}", partial(pow, 2, n)) for n in range(5)]
    both = [work_off(pieces, workers=n, progress=False) for n in (1, 2)]
    assert [{key: done.result for key, done in found.items()} for found in both] == [
        {str(n): 2**n for n in range(5)}
    ] * 2


# Runs


def test_what_several_sections_want_is_trained_once() -> None:
    runs = minimal_runs("rescue", "rescue", "minimum", 0, 100)
    merged = joined([runs, replace(runs, count=20, read=20), minimal_runs("adam", "adam", "minimum", 0, 5)])
    assert [(r.label, r.count, r.read) for r in merged.values()] == [("rescue", 100, 20), ("adam", 5, 0)]
    with pytest.raises(InputError, match=r"label 'rescue' on minimum at \(3,\): two regimens or first seeds"):
        joined([runs, replace(runs, regimen=as_regimen("rescue", polish=0))])
    with pytest.raises(InputError, match="a label of its own"):
        joined([runs, replace(runs, first=1)])


@pytest.mark.parametrize("count", [1, 250, 1000])
def test_pieces_hold_every_seed_once(count: int) -> None:
    runs = wide_runs("compress", "compress", "minimum", 3, count, count // 2)
    parts = [piece.call.args[0] for piece in runs.pieces()]  # type: ignore[attr-defined]  # they are partials
    assert [s for p in parts for s in range(p.first, p.first + p.count)] == list(range(3, 3 + count))
    read = [s for p in parts for s in range(p.first, p.first + p.read)]
    assert read == list(range(3, 3 + count // 2))
    assert len({piece.key for piece in runs.pieces()}) == len(parts)
    assert all(piece.weight < 40 for piece in runs.pieces())


def test_rows_do_not_depend_on_how_seeds_are_shared_out() -> None:
    runs = minimal_runs("rescue", "rescue", "absolute", 0, 6, 3)
    whole = rows_of(runs)
    parts = [*rows_of(replace(runs, count=2, read=2)), *rows_of(replace(runs, first=2, count=4, read=1))]
    for row, part in zip(whole, parts, strict=True):
        for key in set(COLUMNS) - {"seconds", "loss", "proved"}:
            assert row[key] == part[key], key


def test_rows_say_what_is_in_the_networks() -> None:
    rows = rows_of(minimal_runs("adam", "adam", "absolute", 0, 12, 8))
    assert [tuple(row) for row in rows] == [COLUMNS] * 12
    assert json.loads(json.dumps(rows)) == rows
    solved = [row for row in rows if row["loss"] < 1e-8]
    assert 0 < len(solved) < 12
    for row in rows:
        assert row["final"] == "2"
        assert row["minimal"] is (row["loss"] < 1e-8)
        assert row["cost"] == 3000
        assert row["read"] is (row["seed"] < 8)
    for row in rows[:8]:
        if row["loss"] < 1e-8:
            assert (row["formula"], row["equals"], row["labelled"]) == ("abs(x1)", True, 1.0)
            assert row["proved"] < 5e-3
            assert row["bits"] > 0
        else:
            assert row["formula"] is row["proved"] is None
    assert all(row["formula"] is None for row in rows[8:])


def test_a_wide_network_is_not_at_the_hand_derived_width() -> None:
    rows = rows_of(replace(wide_runs("adam, wide", "adam", "identity", 0, 3), regimen=as_regimen("adam")))
    assert [row["minimal"] for row in rows] == [False] * 3
    assert max(row["loss"] for row in rows) < 1e-8
    rows = rows_of(wide_runs("compress", "compress", "identity", 0, 2))
    assert [(row["minimal"], row["final"]) for row in rows] == [(True, "2")] * 2


@pytest.mark.parametrize(
    ("hidden", "smallest", "expected"),
    [((2,), (3,), True), ((4,), (3,), False), ((6, 4), (6, 3), False), ((3,), (6, 3), False), ((), (), True)],
)
def test_at_most(hidden: tuple[int, ...], smallest: tuple[int, ...], expected: bool) -> None:
    assert at_most(hidden, smallest) is expected


def test_networks_of_several_shapes_are_labelled_in_their_order() -> None:
    derived = hand_derived("minimum")
    oblique = Network([np.array([[1.0, 0.37], [-0.41, 1.0]]), np.array([[1.0, 1.0]])])
    idle = Network([np.array([[1.0, -1.0]]), np.array([[0.0]])])
    shares = labelled_shares([derived, oblique, derived, idle], tasks["minimum"])
    assert shares[0] == shares[2] == 1.0
    assert shares[1] == 0.0
    assert math.isnan(shares[3])
    assert labelled_shares([], tasks["minimum"]) == []


def test_words_of_a_network_without_formula() -> None:
    rng = np.random.default_rng(0)
    words = words_of(Network([rng.normal(size=(9, 2)), rng.normal(size=(1, 9))]), tasks["minimum"])
    assert words["formula"] is words["bits"] is None
    assert words["equals"] is False


def test_the_most_frequent_of_nothing() -> None:
    assert most_frequent([None, math.nan]) == ("", 0)
    assert most_frequent(["4", "3", "3", None]) == ("3", 2)


# Scores


def planted(losses: list[float], finals: list[str], **columns: list[Any]) -> pd.DataFrame:
    n = len(losses)
    minimal = [loss < 1e-8 and final == "3" for loss, final in zip(losses, finals, strict=True)]
    frame = pd.DataFrame([dict.fromkeys(COLUMNS)] * n).assign(
        seed=range(n), loss=losses, final=finals, minimal=minimal, cost=range(n), seconds=0.5, read=True
    )
    return frame.assign(**columns)


def test_an_account_by_hand() -> None:
    rows = planted(
        [1e-9, 1e-10, 1e-12, 1e-3, math.nan],
        ["3", "3", "4", "3", "3"],
        proved=[1e-4, 6e-3, 1e-6, None, None],
        formula=["min(x1, x2)", None, "min(x1, x2)", None, None],
        equals=[True, False, True, None, None],
        bits=[15.0, None, 17.0, None, None],
        gauge=["a", "b", "b", None, None],
        labelled=[1.0, 0.5, math.nan, None, None],
    )
    found = {score.measure: score for score in full_account("part", HERE, rows)}
    counts = {m: (s.found, s.n) for m, s in found.items() if s.found is not None}
    assert counts == {
        "solved": (3, 5),
        "proved within 5e-3": (2, 5),
        "solved at the hand-derived width": (2, 5),
        "most frequent size": (2, 3),
        "formula is the task": (2, 3),
        "used neurons that hold a feature": (1.5, 2),
        "most frequent gauge": (2, 3),
    }
    assert found["network-steps, median"].value == 2.0
    assert found["seconds a seed"].value == 0.5
    assert found["bits of the formula, median"].value == 16.0
    assert (found["most frequent size"].note, found["most frequent gauge"].note) == ("3", "b")
    assert found["formula is the task"].note == "2 times min(x1, x2)"
    assert found["solved"].low < 0.6 < found["solved"].high
    pooled = {score.measure for score in full_account("part", HERE, rows, pooled=True)}
    assert set(found) - pooled == {"most frequent size", "most frequent gauge"}


def test_nothing_is_said_where_nothing_solved_or_was_read() -> None:
    failed = planted([1.0, math.nan], ["3", "3"])
    assert in_words("part", HERE, failed) == []
    unread = planted([1e-9], ["3"], read=[False])
    assert in_words("part", HERE, unread) == []
    account = {score.measure: score for score in full_account("part", HERE, unread)}
    assert math.isnan(account["proved within 5e-3"].value)
    assert account["solved"].value == 1.0


def test_the_bounds_can_fail() -> None:
    good = planted([1e-9] * 100, ["3"] * 100)
    for bad, kept in ((1, True), (2, False)):
        rows = good.assign(minimal=[False] * bad + [True] * (100 - bad))
        assert reached("part", HERE, rows, regimens.SMALLEST)[0].passed is kept
    for bound in (*regimens.SMALLEST_DEEP.values(), regimens.RESCUED_DEEP, regimens.DIAGNOSED):
        assert share("part", HERE, "share", 95, 100, bound).passed
        assert not share("part", HERE, "share", 94, 100, bound).passed
    assert share("part", HERE, "share", 990, 1000, regimens.RESCUED).passed
    assert not share("part", HERE, "share", 989, 1000, regimens.RESCUED).passed


@pytest.mark.parametrize(("found", "kept"), [(475, True), (446, True), (444, False), (506, False)])
def test_the_notebook_is_repeated_within_three_hundredths(found: int, kept: bool) -> None:
    size = replace(NOTHING, osier=1000)
    frames = {
        runs.name: planted([1e-5] * count + [1.0] * (1000 - count), ["2"] * 1000)
        for runs in regimens._osier_runs(size, 0)
        for count in [found if runs.task == "identity" else round(1000 * regimens.NOTEBOOK[runs.task])]
    }
    scores = regimens._osier_scores(size, 0, frames)
    away = {s.setting.task: s for s in scores if s.measure.startswith("distance")}
    assert away["identity"].passed is kept
    assert away["identity"].value == pytest.approx(abs(found / 1000 - 0.475))
    assert all(score.passed for task, score in away.items() if task != "identity")
    assert away["identity"].lenient().passed  # the interval of 1000 seeds is as wide as the bound
    assert all(s.bound is None for s in regimens._osier_scores(size, 1, frames))


def test_a_distance_that_the_interval_excludes_fails_a_quick_run_too() -> None:
    size = replace(NOTHING, osier=40)
    frames = {runs.name: planted([1.0] * 40, ["2"] * 40) for runs in regimens._osier_runs(size, 0)}
    scores = regimens._osier_scores(size, 0, frames)
    assert not any(s.lenient().passed for s in scores if s.bound)


def test_diagnoses_are_added_up() -> None:
    parts: list[Done] = [
        Done({"a": {"a": 9, "b": 1}, "b": {"a": 0, "b": 10}}, 0.0),
        Done({"a": {"a": 9, "c": 1}, "b": {"b": 10}}, 0.0),
    ]
    scores = diagnosis_scores(parts)
    matrix = {(s.setting.population, s.measure): (s.found, s.n) for s in scores[:-1]}
    assert matrix["a", "diagnosed: a"] == (18, 20)
    assert matrix["a", "diagnosed: b"] == matrix["a", "diagnosed: c"] == (1, 20)
    assert matrix["b", "diagnosed: b"] == (20, 20)
    assert (scores[-1].found, scores[-1].n, scores[-1].passed) == (38, 40, True)
    assert [piece.call.args for piece in failure_pieces(25, 2)] == [  # type: ignore[attr-defined]
        (10, 2000), (10, 2001), (5, 2002),
    ]  # fmt: skip
    assert failure_pieces(0, 2) == []


def test_scores_survive_being_kept() -> None:
    bounded = share(
        "part", Setting("here", bias=False, noise=0.5), "share", 3, 4, Bound("few", 0.5, end="high")
    )
    for score in (bounded, Score("part", HERE, "bare", 2.0)):
        again = from_data(json.loads(json.dumps(asdict(score))))
        assert repr(again) == repr(score)
        assert (again.setting, again.bound, again.note) == (score.setting, score.bound, score.note)


# What is asked of whom


def test_a_full_run_asks_for_everything_that_must_show() -> None:
    full = regimens.FULL
    assert full.osier == full.compress == full.rescue == 1000
    assert full.compress_deep == full.rescue_deep == 100
    assert 5 * full.failures >= 100
    assert full.prediction.minimal == prediction.ASKED
    assert (full.prediction.fitted, full.prediction.held_out) == (prediction.FULL.fitted, 2000)
    assert {r.task for r in regimens._compress_runs(full, 0)} == {*regimens.SHALLOW, *regimens.DEEP}
    assert sum(not tasks[name].needs_bias for name in regimens.SHALLOW) == 9
    compared = {r.regimen.preset for r in regimens._preset_runs(full, 0)}
    assert compared == set(PRESETS)
    wanted = joined(r for s in regimens._SECTIONS.values() for r in s.wants(full, 0))
    assert wanted["compress", "minimum", (16,)].count == 1000
    keys = [piece.key for runs in wanted.values() for piece in runs.pieces()]
    keys += [piece.key for piece in prediction_pieces(full.prediction, 0)]
    assert len(set(keys)) == len(keys)


def test_variants_differ_from_their_preset_by_what_they_say() -> None:
    assert len({v.label for v in ablation.VARIANTS}) == len(ablation.VARIANTS)
    for variant in ablation.VARIANTS:
        for depth in (1, 2) if variant.deep else (1,):
            own = variant.regimen.for_depth(depth).model_dump(exclude={"name"})
            preset = PRESETS[variant.of].for_depth(depth).model_dump(exclude={"name"})
            assert {k for k in own if own[k] != preset[k]} <= set(variant.changes)
        assert bool(variant.changes) is (variant.regimen.model_dump() != PRESETS[variant.of].model_dump())
        assert variant.runs(0, 3, 2)[0].hidden != (16,) or variant.of == "compress"
    once = [v.regimen for v in ablation.VARIANTS if v.label.startswith("compress, ")]
    assert {regimen.restarts for regimen in once} == {0}


def test_no_training_leaves_the_initial_weights_to_the_elimination() -> None:
    variant = next(v for v in ablation.VARIANTS if v.label == "compress, no training")
    (runs,) = (r for r in variant.runs(0, 3, 0) if r.task == "addition")
    rows = rows_of(runs)
    assert all(row["cost"] < 1000 for row in rows)
    assert any(row["minimal"] for row in rows)


# The whole


def test_a_run_writes_itself_and_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regimens, "SHALLOW", ("identity", "absolute"))
    size = replace(NOTHING, compress=2, read=1, rescue=3, presets=1)
    monkeypatch.setattr(
        regimens, "SIDE_BY_SIDE", (("rescue", "rescue", True), ("compress", "compress", False))
    )
    found = run_regimens(size=size, out=tmp_path, workers=1, progress=False)
    assert (found.name, found.quick, found.passed) == ("regimens", True, True)
    assert [r.text for r in found.requirements] == [regimens.SMALLEST.text, regimens.RESCUED.text]
    assert set(found.table["part"]) == {regimens.COMPRESS, regimens.RESCUE, regimens.PRESETS_PART}
    about = found.to_dict()["about"]
    assert about["size"]["compress"] == 2
    assert about["processor seconds"] > 0
    figure = (tmp_path / "figure.svg").read_text()
    assert "Solved at the hand-derived width" in figure
    assert {"table.csv", "benchmark.json", "summary.txt", "pieces"} <= {f.name for f in tmp_path.iterdir()}

    def trained(*_: Any, **__: Any) -> None:
        raise AssertionError("it was trained already")

    monkeypatch.setattr(regimenruns, "train", trained)
    again = run_regimens(size=size, out=tmp_path, workers=1, progress=False)
    assert found.table.equals(again.table)
    with pytest.raises(AssertionError, match="trained already"):
        run_regimens(size=replace(size, rescue=4), out=tmp_path, workers=1, progress=False)


def test_prediction_and_diagnosis_take_part(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = prediction.TaskAtWidth("absolute", 2, 100, asked=True)
    few = replace(NOTHING.prediction, minimal=(cell,), fitted=60, held_out=30, own_batches=0)
    agreed = {"dead neuron": {"dead neuron": 9, "same side": 1}}
    monkeypatch.setattr(regimens, "diagnosed", lambda *_: agreed)
    found = run_regimens(size=replace(NOTHING, failures=10, prediction=few), workers=1, progress=False)
    assert [r.text for r in found.requirements] == [
        "prediction: accuracy at least 0.99 on absolute",
        regimens.DIAGNOSED.text,
    ]
    parts = found.table["part"].unique().tolist()
    assert parts == [f"{regimens.PREDICTION} {prediction.MINIMAL}", regimens.DIAGNOSIS]
    figure = found.figure
    assert figure is not None
    assert [axes.get_title() for axes in figure.axes][-1] == "Success predicted from the initial weights"


def test_the_command_runs_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from mathcircuits.reports.benchmark import BENCHMARKS, Benchmark, run

    asked: list[dict[str, Any]] = []

    def ran(**given: Any) -> Benchmark:
        asked.append(given)
        return Benchmark("regimens", True, 3, (), {}, {})

    monkeypatch.setattr(regimens, "run_regimens", ran)
    assert "regimens" in BENCHMARKS
    run("regimens", quick=True, out=tmp_path, seed=3, progress=False)
    assert asked == [{"quick": True, "out": tmp_path, "seed": 3, "progress": False}]
