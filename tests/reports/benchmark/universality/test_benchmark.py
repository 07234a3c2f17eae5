"""The universality benchmark: its grid, verdicts on planted networks, comparing, scoring; it resumes; it can fail."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mathcircuits.detect import FileError, InputError, Network, UnknownTask, hand_derived, tasks
from mathcircuits.detect.similarity.representations import cka
from mathcircuits.detect.statistics.verdicts import Verdict, verdict
from mathcircuits.models import save
from mathcircuits.reports.__main__ import main
from mathcircuits.reports.benchmark import VerdictResult, compare, run, score
from mathcircuits.reports.benchmark.scores import sum_up
from mathcircuits.reports.benchmark.universality import populations, similarities
from mathcircuits.reports.benchmark.universality.benchmark import (
    QUICK_MINUTES,
    SOLVED_ENOUGH,
    Universality,
    run_universality,
)
from mathcircuits.reports.benchmark.universality.comparing import comparison_lines
from mathcircuits.reports.benchmark.universality.grid import ENOUGH, load_grid, parse_grids
from mathcircuits.reports.benchmark.universality.scoring import networks_in, untrained_circuits
from mathcircuits.reports.benchmark.universality.verdictrows import KEYS, sweep_sentences

TINY = """
version = "test"
[tiny]
tasks = ["absolute", "relu"]
[[tiny.grid]]
rests = true
widths = ["1x"]
regimens = ["rescue"]
seeds = 5
[[tiny.grid]]
tasks = ["absolute"]
widths = [3]
regimens = ["compress"]
seeds = 2
steps = 200
"""

X1_FORM = Network([[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]])
X2_FORM = Network([[[-1, 1], [0, 1], [0, -1]], [[-1, 1, -1]]])
HALF_SUM = Network([[[1, 1], [-1, -1], [1, -1], [-1, 1]], [[0.5, -0.5, -0.5, -0.5]]])
NOTHING = Network([[[0.4, 0.3], [0.1, -0.2], [0.2, 0.2]], [[0.3, 0.1, 0.2]]])


def rescaled(network: Network, seed: int) -> Network:
    """The same function with its hidden neurons permuted and rescaled."""
    rng = np.random.default_rng(seed)
    W, V = network.weights
    scale, order = rng.uniform(0.5, 2, len(W)), rng.permutation(len(W))
    return Network([(W * scale[:, None])[order], (V / scale)[:, order]])


def picked(frame: pd.DataFrame, **where: Any) -> dict[str, Any]:
    """The one row with these values."""
    for name, value in where.items():
        frame = frame[frame[name] == value]
    (row,) = frame.to_dict("records")
    return {str(key): value for key, value in row.items()}


def many(network: Network, count: int) -> list[Network]:
    return [rescaled(network, seed) for seed in range(count)]


@pytest.fixture(scope="module")
def minima() -> VerdictResult:
    """80 minima of Osier's form, 20 of the half-sum form, and five networks that learned nothing."""
    return score({"minimum": [*many(X1_FORM, 80), *many(HALF_SUM, 20), *many(NOTHING, 5)]})


def no_page(out: Path) -> Path:
    """In place of the page, which takes as long as all the rest and has tests of its own."""
    return out / "report" / "index.html"


@pytest.fixture(scope="module", autouse=True)
def _without_the_page() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mathcircuits.reports.pages.page.write_report", no_page)
        yield


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Universality, Path]:
    """A run of the tiny grid."""
    out = tmp_path_factory.mktemp("universality") / "out"
    grid = parse_grids(TINY)["tiny"]
    return run_universality(quick=True, grid=grid, out=out, workers=1, progress=False), out


# --- the grid ---


def test_the_grid_is_what_the_issue_asks_for() -> None:
    grid = load_grid()
    trained = [cell for cell in grid.cells if not cell.derived]
    assert len(grid.config.task_names) >= 12
    assert {cell.width for cell in trained} >= {"1x", "2x", "4x"}
    assert {cell.hidden for cell in trained if cell.regimen.name == "compress"} == {(16,)}
    crossed = {"adam", "decay-then-anneal", "rescue", "anneal without decay"}
    assert {cell.regimen.name for cell in trained} == crossed | {"compress"}
    assert {len(cell.hidden) for cell in trained} == {1, 2}
    seeds: Counter[str] = Counter()
    for cell in trained:
        seeds[cell.condition] += len(cell.seeds)
    assert grid.rests <= set(seeds)
    assert all(seeds[name] > ENOUGH for name in grid.rests)
    # verdicts on every task rest on some condition, and those on circuits behind two hidden layers too
    assert {name.split("/")[0] for name in grid.rests} == set(grid.config.task_names)
    assert "minimum-of-4/6-3/rescue" in grid.rests
    assert not grid.config.skipped


def test_every_width_has_every_regimen() -> None:
    """A width that stands for a regimen confounds them: version 1 had decay at the larger widths alone."""
    crossed: dict[str, dict[str, set[str]]] = {}
    for cell in load_grid().cells:
        if not cell.derived and cell.regimen.name != "compress":
            crossed.setdefault(cell.task, {}).setdefault(cell.width, set()).add(cell.regimen.name)
    for task, widths in crossed.items():
        deep = len(tasks[task].smallest or ()) > 1
        assert sorted(widths) == (["1x", "2x"] if deep else ["1x", "2x", "4x", "8x"])
        assert {frozenset(regimens) for regimens in widths.values()} == {
            frozenset({"adam", "rescue", "decay-then-anneal", "anneal without decay"})
        }
    without = next(cell.regimen for cell in load_grid().cells if cell.regimen.name == "anneal without decay")
    decayed = next(cell.regimen for cell in load_grid().cells if cell.regimen.name == "decay-then-anneal")
    assert (without.decay, decayed.decay) == (0, 1e-3)
    assert without.model_copy(update={"decay": 1e-3, "name": decayed.name}) == decayed


def test_the_quick_grid_is_small() -> None:
    quick = load_grid(quick=True)
    assert quick.version == load_grid().version
    assert sum(len(cell.seeds) for cell in quick.cells) < 1000
    assert not quick.rests
    assert {cell.regimen.name for cell in quick.cells} >= {"adam", "rescue", "compress", "decay-then-anneal"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[full]\nseeds = 3", "version = None: give a text"),
        ("version = 3", "version = 3: give a text"),
        ('version = "1"\nfull = 3', "full = 3: give a table"),
        ('version = "1"\n[full]\n[[full.grid]]\nwidth = [3]', "unknown key 'width'"),
        ('version = "1"\n[full]\ntaks = ["min"]', "unknown key 'taks': did you mean 'tasks'"),
    ],
)
def test_a_wrong_grid_says_what_is_wrong(text: str, words: str) -> None:
    with pytest.raises(InputError) as raised:
        parse_grids(text)
    assert words in str(raised.value)


# --- a run ---


def test_a_run_gives_verdicts_and_bounds(finished: tuple[Universality, Path]) -> None:
    found, out = finished
    result = found.result
    assert (result.grid, result.version) == ("tiny", "test")
    assert [
        (row["task"], row["hidden"], row["regimen"], row["n"], row["rests"])
        for row in result.conditions.to_dict("records")
    ] == [
        ("absolute", "2", "rescue", 5, True),
        ("absolute", "3", "compress", 2, False),
        ("relu", "1", "rescue", 5, True),
    ]
    assert result.conditions["depth"].tolist() == [1] * 3
    at = {"task": "absolute", "regimen": "rescue"}
    assert picked(result.verdicts, kind="feature", name="positiveness", **at)["verdict"] == "forced"
    circuit = picked(result.verdicts, kind="circuit", name="absolute", **at)
    assert (circuit["found"], circuit["n"], circuit["verdict"]) == (5, 5, "forced")
    assert (circuit["null_found"], circuit["null_n"]) == (0, 5)
    # five networks are no 300
    assert not found.passed
    missed = {score.setting.task for score in found.checks.scores if score.passed is False}
    assert missed == {"absolute", "relu"}
    assert sum(not requirement.passed for requirement in found.checks.requirements) == 1
    lines = found.summary
    assert lines[0].startswith("12 of 12 networks solved their task (2 tasks, 3 conditions)")
    assert any(line.startswith(f"FAIL  {SOLVED_ENOUGH.text}") for line in lines)
    forced = "Forced features: positiveness(x1) in absolute (1 of 1) and relu (1 of 1)"
    assert any(line.startswith(forced) for line in lines)
    assert lines[-1] == str(out / "study" / "report" / "index.html")


def test_what_a_run_writes(finished: tuple[Universality, Path]) -> None:
    found, out = finished
    names = {path.name for path in out.iterdir()}
    assert names >= {
        "results.json", "verdicts.csv", "conditions.csv", "ladder.csv", "sweep.csv", "benchmark.json", "table.csv",
        "summary.txt", "study",
    }  # fmt: skip
    content = json.loads((out / "results.json").read_text())
    assert (content["format"], content["version"]) == ("mathcircuits-universality-1", "test")
    assert content["about"]["versions"]["mathcircuits"]
    assert not any("seconds" in key for key in content)
    assert len(pd.read_csv(out / "verdicts.csv")) == len(found.result.verdicts)
    assert (out / "summary.txt").read_text().splitlines() == list(found.summary)
    assert found.to_dict()["checks"]["name"] == "universality"
    assert "<ul>" in found._repr_html_()


def test_a_result_is_read_back_as_it_was(finished: tuple[Universality, Path]) -> None:
    found, out = finished
    back = VerdictResult.load(out)
    for name in ("conditions", "verdicts", "ladder", "sweep"):
        pd.testing.assert_frame_equal(getattr(back, name), getattr(found.result, name))
    assert back.to_dict() == found.result.to_dict()
    assert len(compare(back, found.result)) == 0
    assert back.sentences == found.result.sentences


def test_what_the_cutoffs_change_is_told(minima: VerdictResult) -> None:
    usual = minima.ladder.set_index("rung")["verdict"]
    assert [usual[rung] for rung in minima.sweep["rung"]] == minima.sweep["verdict"].tolist()
    assert (minima.sweep["verdict"] != minima.sweep["becomes"]).all()
    row = minima.ladder.iloc[0]
    sides = {name: row[name] for name in minima.ladder.columns if name.endswith(("_a", "_b"))}
    made = [
        {**sides, "rung": rung, "cutoff": "circuits the same from", "usual": 0.9, "tried": 0.8, "verdict": was,
         "becomes": now}
        for rung, was, now in (("circuit", "partial", "same"), ("units", "different", "same"))
    ]  # fmt: skip
    assert sweep_sentences(pd.DataFrame(made), minima.ladder) == (
        "2 of the ladder's 5 rungs change their verdict at some other cut-off:",
        "  circuits the same from 0.8 in place of 0.9: 1 from partial to same and 1 from different to same.",
        "  Turned from the one to the other of same and different: units of minimum/4/networks and minimum/4/networks.",
    )
    assert sweep_sentences(minima.sweep.iloc[:0], minima.ladder) == (
        "No verdict of the ladder's 5 rungs changes with its cut-offs.",
    )
    assert sweep_sentences(minima.sweep, minima.ladder.iloc[:0]) == ()


def test_a_result_of_before_has_no_sweep(minima: VerdictResult, tmp_path: Path) -> None:
    content = minima.to_dict()
    del content["sweep"]
    (tmp_path / "results.json").write_text(json.dumps(content))
    assert VerdictResult.load(tmp_path).sweep.empty


SCRIPT = """
import sys
from mathcircuits.reports.benchmark.universality.grid import parse_grids
from mathcircuits.reports.benchmark.universality.benchmark import run_universality
run_universality(quick=True, grid=parse_grids(sys.argv[1])["tiny"], out=sys.argv[2], workers=1, progress=False)
"""


def test_a_killed_run_resumes_and_ends_in_the_same_result(
    finished: tuple[Universality, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, TINY, str(out)])
    deadline = time.monotonic() + 120
    while not list(out.glob("study/networks/*.neurons.parquet")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert process.returncode == -signal.SIGKILL
    assert not (out / "results.json").exists()
    kept = {path.name: path.stat().st_mtime_ns for path in out.glob("study/networks/*.safetensors")}
    assert kept
    grid = parse_grids(TINY)["tiny"]
    found = run_universality(quick=True, grid=grid, out=out, workers=1, progress=False, against=finished[1])
    assert (out / "results.json").read_bytes() == (finished[1] / "results.json").read_bytes()
    again = {name: (out / "study" / "networks" / name).stat().st_mtime_ns for name in kept}
    assert again == kept
    assert "rows compared: all equal" in (out / "summary.txt").read_text()
    assert len(pd.read_csv(out / "comparison.csv")) == 0
    # What the killed run took is not known: no bound is said to be kept.
    (clock,) = [score for score in found.checks.scores if score.measure == "minutes"]
    assert clock.passed is None
    assert clock.note.endswith("cells from a run that was killed")


def test_another_grid_needs_another_folder(finished: tuple[Universality, Path]) -> None:
    other = parse_grids(TINY.replace("seeds = 5", "seeds = 6"))["tiny"]
    with pytest.raises(FileError, match="holds a study with another configuration"):
        run_universality(quick=True, grid=other, out=finished[1], workers=1, progress=False)


# --- somebody's networks ---


def test_planted_networks_get_their_verdicts(minima: VerdictResult) -> None:
    conditions = minima.conditions.iloc[0]
    assert (conditions["solved"], conditions["n"], conditions["regimen"]) == (100, 105, "networks")
    # the widest of the two forms; a multiple of the smallest it is not
    assert (conditions["hidden"], conditions["width"]) == ("4", "")
    rows = minima.verdicts
    circuit = picked(rows, kind="circuit", name="minimum")
    assert (circuit["found"], circuit["n"], circuit["null_found"], circuit["null_n"]) == (100, 100, 0, 20)
    # what solves the task computes it: no finding
    assert circuit["verdict"] == "forced"
    assert picked(rows, kind="feature", name="greaterness")["verdict"] == "forced"
    gauge = picked(rows, kind="gauge", name="x1 - relu(x1 - x2)")
    # Eighty have three neurons, which leave no other form; of the twenty that had a choice none has it.
    assert (gauge["found"], gauge["n"], gauge["verdict"]) == (0, 20, "inconclusive")
    assert pd.isna(gauge["null_n"])
    assert "untrained" not in gauge["reason"]
    # Osier's form holds the one side of the kink, the half-sum both
    sides = rows[(rows["kind"] == "orientation") & (rows["name"] == "greaterness")]
    assert dict(zip(sides["on"], sides["found"], strict=True)) == {"x1, x2": 100, "x2, x1": 20}
    # 80 alike of 100 are no majority of pairs that is certain: 64% of pairs share the form
    rungs = minima.ladder.set_index("rung")["verdict"]
    assert rungs["function"] == "same"


def test_depths_are_conditions_of_their_own() -> None:
    deep = Network([*X1_FORM.weights[:1], np.eye(3), *X1_FORM.weights[1:]])
    found = score({"min": [X1_FORM, deep, deep], "absolute": [hand_derived("absolute")]}, name="mine")
    assert found.conditions[["task", "hidden", "depth", "n"]].values.tolist() == [
        ["minimum", "3", 1, 1],
        ["minimum", "3-3", 2, 2],
        ["absolute", "2", 1, 1],
    ]
    assert found.verdicts["regimen"].unique().tolist() == ["mine"]
    # deeper networks are forced to nothing that is known, but to compute their task
    forced = found.verdicts[(found.verdicts["verdict"] == "forced") & (found.verdicts["kind"] != "circuit")]
    assert forced["hidden"].unique().tolist() == ["3", "2"]


def test_networks_that_cannot_be_scored() -> None:
    with pytest.raises(InputError, match=r"network 1: 1 -> 1 cannot compute 'minimum' \(2 -> 1\)"):
        score({"minimum": [X1_FORM, hand_derived("absolute")]})
    with pytest.raises(InputError, match="no networks to score"):
        score({"minimum": []})
    with pytest.raises(UnknownTask, match="did you mean 'minimum'"):
        score({"minimun": [X1_FORM]})


def test_nobody_solved() -> None:
    found = score({"minimum": many(NOTHING, 3)})
    assert found.conditions["solved"].tolist() == [0]
    assert set(found.verdicts["verdict"]) <= {"inconclusive", "forced"}
    assert (found.verdicts["n"] == 0).all()
    assert len(found.ladder) == 0
    assert found.sentences[0].startswith("0 of 3 networks solved their task")


def test_a_folder_of_networks_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], minima: VerdictResult
) -> None:
    theirs = tmp_path / "theirs"
    (theirs / "min").mkdir(parents=True)
    (theirs / ".git").mkdir()
    save(X1_FORM, theirs / "min" / "0.safetensors")
    save(X2_FORM, theirs / "min" / "1.npz")
    (theirs / "min" / "notes.txt").write_text("not a network")
    assert {name: len(files) for name, files in networks_in(theirs).items()} == {"minimum": 2}
    before = minima.write(tmp_path / "before")
    arguments = ["benchmark", "universality", "--networks", str(theirs), "--out", str(tmp_path / "out")]
    assert main([*arguments, "--against", str(before)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "2 of 2 networks solved their task (1 tasks, 1 conditions)."
    assert lines[-1].startswith("0 rows compared: ")  # another size, so other conditions
    back = VerdictResult.load(tmp_path / "out" / "results.json")
    gauge = back.verdicts[back.verdicts["kind"] == "gauge"]
    assert gauge[["name", "found"]].values.tolist() == [["x1 - relu(x1 - x2)", 2]]
    (theirs / "minimun").mkdir()
    save(X1_FORM, theirs / "minimun" / "0.npz")
    with pytest.raises(UnknownTask, match="did you mean 'minimum'"):
        networks_in(theirs)


def test_a_folder_is_listed_as_a_population(tmp_path: Path) -> None:
    for step in (0, 10):
        save(X1_FORM, tmp_path / f"a-{step}.npz")
    table = tmp_path / "networks.csv"
    table.write_text("path,seed,step,task\na-0.npz,1,0,min\na-10.npz,1,10,min\n")
    assert networks_in(tmp_path) == {"minimum": [tmp_path / "a-10.npz"]}
    table.write_text("path,seed\na-0.npz,1\n")
    with pytest.raises(InputError, match="its task is not said"):
        networks_in(tmp_path)


def test_options_that_belong_to_universality(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match="'training' knows no workers: it belongs to 'detection' and 'universality'"
    ):
        run("training", workers=2)
    with pytest.raises(InputError, match="'training' knows no against"):
        run("training", against=tmp_path)
    assert main(["benchmark", "training", "--networks", str(tmp_path)]) == 2
    assert "knows no --networks" in capsys.readouterr().err
    with pytest.raises(FileError, match="holds no networks; give a folder of files"):
        networks_in(tmp_path)


def test_circuits_of_untrained_networks_are_counted() -> None:
    # what is not untrained has its circuit
    assert untrained_circuits([X1_FORM] * 2 + [NOTHING], tasks["minimum"]) == (Counter(minimum=2), 3)
    assert untrained_circuits([NOTHING] * 30, tasks["minimum"])[1] == 20


# --- comparing ---


def test_rows_whose_verdict_or_interval_differs(minima: VerdictResult) -> None:
    other = score({"minimum": [*many(X1_FORM, 40), *many(HALF_SUM, 60), *many(NOTHING, 5)]})
    found = compare(minima, other)
    assert set(found["change"]) <= {"verdict", "interval", "only in a", "only in b"}
    side = picked(found, kind="orientation", name="greaterness", on="x2, x1")
    assert (side["change"], side["found_a"], side["found_b"]) == ("interval", 20, 60)
    # Fisher's exact test on 20 of 100 against 60 of 100
    assert side["p"] == pytest.approx(1.2e-8, rel=0.5)
    assert side["q"] >= side["p"]
    assert "circuit" not in set(found["kind"])  # 100 of 100 in both
    assert found.attrs["compared"] == len(minima.verdicts) + len(minima.ladder)
    ladder = found[found["kind"] == "ladder"]
    assert (ladder["on"] == "minimum/4/networks").all()
    assert ladder["p"].isna().all()


def test_another_verdict_comes_first(minima: VerdictResult) -> None:
    few = score({"minimum": [*many(X1_FORM, 8), *many(HALF_SUM, 2)]})
    found = compare(minima, few)
    assert found["change"].iloc[0] == "verdict"
    row = picked(found, kind="orientation", name="greaterness", on="x2, x1")
    assert (row["verdict_a"], row["verdict_b"]) == ("partial", "inconclusive")
    lines = comparison_lines(found)
    assert "another verdict" in lines[0]
    line = "  orientation greaterness(x2, x1), minimum/4/networks: partial before, inconclusive now"
    assert line in comparison_lines(found[found["kind"] == "orientation"])


def test_rows_that_one_side_lacks(minima: VerdictResult) -> None:
    alone = score({"absolute": [hand_derived("absolute")] * 3})
    found = compare(minima, alone)
    assert found.attrs["compared"] == 0
    assert Counter(found["change"]) == {
        "only in a": len(minima.verdicts) + len(minima.ladder),
        "only in b": len(alone.verdicts) + len(alone.ladder),
    }
    assert found["p"].isna().all()


def test_one_way_of_training_against_another(finished: tuple[Universality, Path]) -> None:
    out = finished[1]
    found = compare(out, out, between=("rescue@1x", "compress@3"))
    gauge = found[(found["kind"] == "circuit") & (found["task"] == "absolute")]
    assert gauge[["found_a", "n_a", "found_b", "n_b"]].values.tolist() == [[5, 5, 2, 2]]
    assert (found["change"][found["task"] == "relu"] == "only in a").all()
    assert compare(out, out, between=("rescue", "compress")).equals(found)
    with pytest.raises(InputError, match=r"no verdicts on 'recue@1x' in .* did you mean 'rescue@1x'"):
        compare(out, out, between=("recue@1x", "compress"))


def test_several_sizes_have_to_be_told_apart() -> None:
    deep = Network([*X1_FORM.weights[:1], np.eye(3), *X1_FORM.weights[1:]])
    both = score({"minimum": [X1_FORM, deep]})
    with pytest.raises(InputError, match=r"has several sizes \(minimum: 3, 3-3\): name one"):
        compare(both, both, between=("networks", "networks"))


def test_a_file_that_is_no_result(tmp_path: Path, minima: VerdictResult) -> None:
    file = tmp_path / "results.json"
    file.write_text("{}")
    with pytest.raises(FileError, match="holds no result of the universality benchmark"):
        VerdictResult.load(file)
    content = minima.to_dict()
    del content["verdicts"]
    file.write_text(json.dumps(content))
    with pytest.raises(FileError, match=r"is damaged .*verdicts"):
        compare(tmp_path, minima)


def test_every_row_has_a_name_of_its_own(minima: VerdictResult, finished: tuple[Universality, Path]) -> None:
    for result in (minima, finished[0].result):
        assert not result.verdicts.duplicated(list(KEYS)).any()
    assert repr(minima).startswith("VerdictResult(networks: 1 conditions, ")
    assert "<li>" in minima._repr_html_()


# --- the bounds ---


def test_the_bounds_on_known_populations_hold() -> None:
    scores = populations.population_scores((10, 72, 300))
    assert all(requirement.passed for requirement in sum_up(scores))
    # all verdicts together are all there is
    for n in ("10 networks", "300 networks"):
        parts = [s.value for s in scores if s.setting.population == n and s.measure.startswith("called")]
        assert sum(parts) == pytest.approx(7)


def test_verdicts_that_are_declared_and_not_tested_fail_the_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    def declared(found: int, n: int) -> Verdict:
        honest = verdict(found, n)
        fields: dict[str, Any] = honest.to_dict()
        share = found / n
        name = "universal" if share > 0.95 else "absent" if share < 0.05 else "partial"
        return Verdict(**{**fields, "name": name, "low": share - 0.01, "high": share + 0.01})

    monkeypatch.setattr(populations, "verdict", declared)
    populations._verdicts.cache_clear()
    failed = {r.text for r in sum_up(populations.population_scores((100,))) if not r.passed}
    populations._verdicts.cache_clear()
    assert failed == {populations.WRONG.text, populations.COVERAGE.text, populations.STATED.text}


def test_the_bounds_on_similarity_hold_and_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = similarities.similarity_scores(pairs=60)
    assert all(requirement.passed for requirement in sum_up(scores))
    assert len(sum_up(scores)) == 10
    honest = cka
    monkeypatch.setattr(similarities, "cka", lambda X, Y, **given: honest(X, Y, unbiased=False, **given))
    failed = {r.text for r in sum_up(similarities.similarity_scores(pairs=2)) if not r.passed}
    assert similarities.NULL_CKA.text in failed


def test_planted_relations_are_what_they_are_called() -> None:
    rng = np.random.default_rng(0)
    net = similarities.random_network(rng, (2, 6, 3, 1))
    X = rng.uniform(-1, 1, (50, 2))
    orders = [rng.permutation(6), rng.permutation(3)]
    assert similarities.shuffled(net, orders)(X) == pytest.approx(net(X))
    shallow = similarities.random_network(rng, (2, 6, 1))
    assert similarities.regauged(shallow, rng)(X) == pytest.approx(shallow(X))
    for network in similarities.MINIMA.values():
        assert network(X)[:, 0] == pytest.approx(X.min(axis=1))


def test_a_quick_run_is_asked_for_three_minutes() -> None:
    assert QUICK_MINUTES.holds(2.9, np.nan, np.nan)
    assert not QUICK_MINUTES.holds(3.1, np.nan, np.nan)
