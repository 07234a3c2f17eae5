"""Studies: the configuration, cells as units of work, resuming, workers, failures, what is on disk."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from torch import nn

from mathcircuits.detect import FileError, InputError, MathCircuitsError, UnknownNameError, analyse, tasks
from mathcircuits.models import save, train
from mathcircuits.reports import Study, StudyConfig, run_study
from mathcircuits.reports.__main__ import main
from mathcircuits.reports.plots.rendering import blank
from mathcircuits.reports.studies import cell as cell_module
from mathcircuits.reports.studies import cells as cells_module
from mathcircuits.reports.studies.cell import Cell
from mathcircuits.reports.studies.cells import run_cell, study_cells
from mathcircuits.reports.studies.schema import COLUMNS

TINY: dict[str, Any] = {
    "tasks": ["absolute", "minimum"],
    "widths": ["1x"],
    "seeds": 3,
    "regimens": ["adam"],
    "steps": 50,
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A tiny study that nobody changes."""
    return run_study(TINY, tmp_path_factory.mktemp("study") / "out")


@pytest.fixture
def copied(finished: Study, tmp_path: Path) -> Path:
    """A copy of it, free to be spoiled."""
    return Path(shutil.copytree(finished.out, tmp_path / "out"))


def table_bytes(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((out / "tables").iterdir())}


@pytest.fixture(autouse=True)
def own_tasks() -> Iterator[None]:
    """Tasks of one test: one whose smallest network nobody knows, and what the test registers."""
    before = dict(tasks._held())
    tasks.register("no-size", arity=1)(lambda X: X[:, 0] ** 2)
    yield
    tasks._tasks = before


# A study


def test_a_study_draws_itself_and_its_networks(finished: Study) -> None:
    trained = finished.tables["networks"].query("population == 'trained'").iloc[0]
    assert finished.plot(blank(7, 4)[1][0]).get_xlabel()
    condition = str(trained["network"]).rpartition("/")[0]
    losses = finished.plot_losses(condition, blank(4, 3)[1][0])
    assert losses.get_title().startswith(condition)
    graph = finished.plot_circuit(str(trained["network"]), blank(5, 3)[1][0])
    assert "y" in {text.get_text() for text in graph.texts}
    with pytest.raises(InputError, match=r"has no condition 'minimum/9/adam'; known: "):
        finished.plot_losses("minimum/9/adam")
    with pytest.raises(UnknownNameError, match="network"):
        finished.analyse(condition)
    # What the page draws behind a match was kept when the networks were read.
    neurons = finished.tables["neurons"].query("population == 'trained'")
    assert neurons.loc[neurons["p"].notna(), "null"].notna().any()


def test_what_is_in_the_folder(finished: Study) -> None:
    assert sorted(path.name for path in finished.out.iterdir() if path.name[0] != ".") == [
        "manifest.json",
        "networks",
        "report",
        "tables",
    ]
    assert set(finished.tables) == set(COLUMNS)
    for name, frame in finished.tables.items():
        assert list(frame.columns) == list(COLUMNS[name])
    networks = finished.tables["networks"]
    assert networks["network"][networks["population"] == "trained"].tolist() == [
        f"{task}/{hidden}/adam/{seed}"
        for task, hidden in (("absolute", 2), ("minimum", 3))
        for seed in range(3)
    ]
    assert networks.groupby("population").size().to_dict() == {"derived": 2, "trained": 6, "untrained": 6}
    assert finished.page.read_text("utf-8").lstrip().startswith("<!")
    assert finished.failures == {}


def test_the_hand_derived_network_is_read(finished: Study) -> None:
    neurons = finished.tables["neurons"]
    derived = neurons[(neurons["population"] == "derived") & (neurons["task"] == "minimum")]
    assert derived["network"].unique().tolist() == ["minimum/3/derived/-1"]
    assert derived["feature"].tolist() == ["greaterness", "positiveness", "negativeness"]
    assert derived["expected"].all()
    networks = finished.tables["networks"]
    row = networks[networks["network"] == "minimum/3/derived/-1"].iloc[0]
    assert row["solved"]
    assert row["missing"] == ""


def test_networks_that_were_taught_something_else_stand_beside(finished: Study) -> None:
    neurons = finished.tables["neurons"]
    tested = neurons[neurons["p"].notna()]
    for population in ("trained", "untrained"):
        assert tested[tested["population"] == population]["p_taught"].notna().all()
    # Nobody trained the hand-derived network: it has the first null alone.
    assert neurons[neurons["population"] == "derived"]["q_taught"].isna().all()
    prevalence = finished.tables["prevalence"]
    assert (prevalence["taught_n"] == 200).all()
    assert prevalence["taught_found"].sum() > 0
    page = finished.page.read_text("utf-8")
    assert "taught random functions with as many kinks" in page
    assert "q taught" in page


def test_the_hand_derived_network_is_put_into_words(finished: Study) -> None:
    programs = finished.tables["programs"]
    row = programs[programs["network"] == "minimum/3/derived/-1"].iloc[0]
    assert (row["formula"], row["gauge"], row["share"]) == ("min(x1, x2)", "x1 - relu(x1 - x2)", 1.0)
    assert row["equals_task"]
    assert row["spec_upper"] < 1e-9
    circuits = finished.tables["circuits"]
    derived = circuits[circuits["network"] == "minimum/3/derived/-1"]
    assert derived[["circuit", "on", "output"]].values.tolist() == [["minimum", "x1, x2", "y1"]]
    ranks = finished.tables["superposition"]
    assert ranks[ranks["network"] == "minimum/3/derived/-1"][["live", "number", "rank"]].values.tolist() == [
        [3, 6, 3]
    ]
    networks = finished.tables["networks"].set_index("network")
    assert networks.loc["minimum/3/derived/-1", "kinks"] == pytest.approx(1.0)
    assert networks.loc["minimum/3/derived/-1", "kinks_passed"]


def test_failed_networks_say_why_they_have_no_formula(finished: Study) -> None:
    programs = finished.tables["programs"]
    failed = programs[programs["population"] == "trained"]
    # After 50 steps none has solved its task; three of three are read.
    assert failed.groupby("task").size().to_dict() == {"absolute": 3, "minimum": 3}
    without = failed[failed["formula"].isna()]
    assert len(without)
    assert (without["reason"].str.len() > 10).all()
    assert (failed["spec_lower"] <= failed["spec_upper"]).all()
    assert finished.tables["census"].empty


def test_solved_networks_are_counted_by_class_and_gauge(tmp_path: Path) -> None:
    config = {"tasks": ["absolute"], "widths": ["2x"], "seeds": 4, "regimens": ["adam"]}
    study = run_study(config, tmp_path / "out")
    solved = int(study.tables["success"]["solved"].sum())
    assert solved
    census = study.tables["census"]
    assert census[["level", "name", "found", "n"]].values.tolist() == [
        ["class", "abs(x1)", solved, solved],
        ["gauge", "relu(x1) + relu(-x1)", solved, solved],
    ]
    programs = study.tables["programs"]
    exact = programs[programs["population"] == "trained"]["equals_task"]
    assert exact.sum() == solved
    assert not (study.out / "candidates.toml").exists()


def test_the_tables_agree_with_the_networks(finished: Study) -> None:
    networks = finished.tables["networks"]
    row = networks[networks["network"] == "minimum/3/adam/1"].iloc[0]
    (network,) = finished.networks("minimum/3/adam/1").values()
    X = np.random.default_rng(1).uniform(-1, 1, (20_000, 2))
    loss = np.mean((network(X) - X.min(axis=1, keepdims=True)) ** 2)
    # Two samples of 4096 and 20 000 points.
    assert row["loss"] == pytest.approx(loss, rel=0.2)
    assert row["parameters"] == sum(w.size for w in network.weights)
    assert row["width"] == "1x"
    neurons = finished.tables["neurons"]
    assert (neurons["network"] == "minimum/3/adam/1").sum() == 6  # trained and untrained


def test_networks_by_id_by_condition_and_by_cell(finished: Study) -> None:
    assert list(finished.networks("minimum/3/derived")) == ["minimum/3/derived/-1"]
    assert len(finished.networks("minimum")) == 4
    cell = next(cell for cell in finished.cells if cell.condition == "absolute/2/adam")
    assert list(finished.networks(cell.key)) == [f"absolute/2/adam/{seed}" for seed in range(3)]
    with pytest.raises(UnknownNameError, match="did you mean 'minimum/3/adam'"):
        finished.networks("minimum/3/adma")
    with pytest.raises(UnknownNameError):
        finished.networks("minimum/3/adam/99")


def test_the_manifest_alone_holds_clocks_and_machine(finished: Study) -> None:
    manifest = json.loads((finished.out / "manifest.json").read_text())
    assert manifest["config"] == StudyConfig(**TINY).to_dict()
    assert manifest["seeds"] == [0, 1, 2]
    assert manifest["versions"]["mathcircuits"] == "0.1.0"
    assert set(manifest["seconds"]) == {"cells", "tables", "page", "train", "read"}
    assert manifest["machine"]["name"]
    for name, frame in finished.tables.items():
        text = frame.to_csv()
        assert manifest["started"][:10] not in text, name
        assert manifest["machine"]["name"] not in COLUMNS[name]


def test_a_study_shows_itself(finished: Study) -> None:
    assert repr(finished).endswith("2 tasks, 6 networks)")
    assert "<table" in finished._repr_html_()
    assert repr(finished.tables).startswith("StudyTables(candidates, causes, census, ")
    assert Study.load(finished.out).config == finished.config
    with pytest.raises(UnknownNameError, match="did you mean 'neurons'"):
        finished.tables["neuron"]


def test_no_study_in_a_folder(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="holds no study"):
        Study.load(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(FileError, match="is not JSON"):
        Study.load(tmp_path)
    (tmp_path / "manifest.json").write_text('{"format": "something else"}')
    with pytest.raises(FileError, match="is not a manifest of a study"):
        Study.load(tmp_path)


# Again, and otherwise


def test_the_same_study_again_trains_nothing(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(cell: Cell) -> None:
        raise AssertionError(f"{cell.key} was trained again")

    before = table_bytes(copied)
    monkeypatch.setattr(cells_module, "train_cell", never)
    monkeypatch.setattr(cells_module, "read_cell", never)
    again = run_study(TINY, copied)
    assert {cell["status"] for cell in again.manifest["cells"]} == {"kept"}
    assert table_bytes(copied) == before
    # What training took, and how much memory, is still known.
    assert again.manifest["seconds"]["train"] > 0
    assert again.manifest["peak_mb"]["cells"] > 0


def test_another_configuration_loses_nothing(copied: Path) -> None:
    before = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    with pytest.raises(FileError, match=r"another configuration \(seeds = 3 there, 4 here\); choose another"):
        run_study({**TINY, "seeds": 4}, copied)
    after = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    assert after == before


def test_what_is_lost_is_made_again_and_nothing_else(copied: Path) -> None:
    before = table_bytes(copied)
    lost = next(copied.glob("networks/minimum_3_adam*.neurons.parquet"))
    lost.unlink()
    half_written = copied / "networks" / f".{lost.name}.0123.tmp"
    half_written.write_text("half")
    shutil.rmtree(copied / "tables")
    again = run_study(TINY, copied)
    status = {cell["condition"]: cell["status"] for cell in again.manifest["cells"]}
    assert status.pop("minimum/3/adam") == "read"
    assert set(status.values()) == {"kept"}
    assert lost.exists()
    assert not half_written.exists()
    assert table_bytes(copied) == before


@pytest.mark.parametrize("damage", [b"", b"cut", None])
def test_damaged_files_are_made_again(damage: bytes | None, copied: Path) -> None:
    before = table_bytes(copied)
    for pattern in ("networks/minimum_3_adam*.neurons.parquet", "networks/absolute_2_adam*.safetensors"):
        file = next(copied.glob(pattern))
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 4
        file.write_bytes(content if damage is None else damage)
    again = run_study(TINY, copied)
    status = {cell["condition"]: cell["status"] for cell in again.manifest["cells"]}
    assert (status.pop("minimum/3/adam"), status.pop("absolute/2/adam")) == ("read", "done")
    assert set(status.values()) == {"kept"}
    assert table_bytes(copied) == before


def test_a_changed_catalogue_is_read_anew_but_not_trained(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cell_module, "READING", -1)
    again = run_study(TINY, copied)
    assert {cell["status"] for cell in again.manifest["cells"]} == {"read"}


def test_an_interrupted_study_goes_on_where_it_was(
    finished: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = cells_module.train_cell

    def interrupted(cell: Cell) -> Any:
        if cell.condition == "minimum/3/adam":
            raise KeyboardInterrupt
        return honest(cell)

    monkeypatch.setattr(cells_module, "train_cell", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_study(TINY, tmp_path / "out")
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("networks/*.safetensors")}
    assert len(kept) == 3
    monkeypatch.setattr(cells_module, "train_cell", honest)
    again = run_study(TINY, tmp_path / "out")
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert table_bytes(again.out) == table_bytes(finished.out)


#: Cells enough to be killed among.
SEVERAL = {**TINY, "tasks": ["absolute", "minimum", "identity"], "widths": ["1x", "2x"]}


def started_study(config: dict[str, Any], out: Path) -> subprocess.Popen[bytes]:
    script = f"from mathcircuits.reports import run_study\nrun_study({config!r}, {str(out)!r})"
    return subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE)


def finished_files(config: dict[str, Any], out: Path) -> dict[Path, int]:
    """The files of finished cells, and when they were written."""
    cells = [cell for cell in study_cells(StudyConfig(**config)) if cell.finished(out)]
    files = [file for cell in cells for file in (cell.weights_file(out), *cell.reading_files(out).values())]
    return {file: file.stat().st_mtime_ns for file in files}


@pytest.mark.long
def test_a_study_killed_at_random_moments_resumes_with_the_same_tables(tmp_path: Path) -> None:
    out, moments = tmp_path / "out", np.random.default_rng(6)
    kept: dict[Path, int] = {}
    for kill in range(4):
        process = started_study(SEVERAL, out)
        try:
            deadline = time.monotonic() + 300
            while process.poll() is None and time.monotonic() < deadline:
                # Three times among the cells; the last time while the tables are being written.
                if kill < 3 and len(finished_files(SEVERAL, out)) > len(kept):
                    time.sleep(moments.uniform(0.0, 0.3))
                    break
                if list(out.glob("tables/.*.tmp")):
                    break
                time.sleep(0.002)
            assert process.poll() is None, process.communicate()[1].decode()
        finally:
            process.kill()
            process.communicate()
        assert process.returncode == -signal.SIGKILL
        now = finished_files(SEVERAL, out)
        # A fast machine may come to the tables sooner.
        assert len(now) > len(kept) or list(out.glob("tables/.*.tmp"))
        assert {file: now.get(file) for file in kept} == kept
        kept = now
    assert list(out.glob("tables/.*.tmp"))
    again = run_study(SEVERAL, out)
    assert {file: file.stat().st_mtime_ns for file in kept} == kept
    assert again.failures == {}
    undisturbed = run_study(SEVERAL, tmp_path / "undisturbed")
    assert table_bytes(out) == table_bytes(undisturbed.out)


@pytest.mark.long
def test_two_processes_share_the_work(finished: Study, tmp_path: Path) -> None:
    out = tmp_path / "out"
    both = [started_study(TINY, out) for _ in range(2)]
    errors = [process.communicate()[1].decode() for process in both]
    assert [process.returncode for process in both] == [0, 0], errors
    assert table_bytes(out) == table_bytes(finished.out)
    # Each cell was worked on once: a second time would have left its own lock, temporary files or error.
    assert not list(out.rglob("*.tmp"))
    assert not list(out.glob("networks/*.error.txt"))
    assert Study.load(out).failures == {}


@pytest.mark.long
def test_workers_make_the_same_tables(finished: Study, tmp_path: Path) -> None:
    study = run_study(TINY, tmp_path / "out", workers=2)
    assert {cell["status"] for cell in study.manifest["cells"]} == {"done"}
    assert table_bytes(study.out) == table_bytes(finished.out)


@pytest.mark.parametrize("workers", [0, -1, 1.5, True])
def test_workers_are_counted(tmp_path: Path, workers: Any) -> None:
    with pytest.raises(InputError, match="workers"):
        run_study(TINY, tmp_path / "out", workers=workers)
    assert not (tmp_path / "out").exists()


# Failures


def test_a_failing_cell_is_reported_and_the_others_finish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = cells_module.train_cell

    def sabotaged(cell: Cell) -> Any:
        if cell.condition == "minimum/3/adam":
            raise RuntimeError("out of luck\nand more")
        return honest(cell)

    monkeypatch.setattr(cells_module, "train_cell", sabotaged)
    study = run_study(TINY, tmp_path / "out")
    ((key, error),) = study.failures.items()
    assert key.startswith("minimum_3_adam")
    assert error == "RuntimeError: out of luck"
    trouble = tmp_path / "out" / "networks" / f"{key}.error.txt"
    assert "Traceback" in trouble.read_text()
    networks = study.tables["networks"]
    assert set(networks["task"][networks["population"] == "trained"]) == {"absolute"}
    assert "1 cells failed" in repr(study)
    # Mended, the same command finishes the rest.
    monkeypatch.setattr(cells_module, "train_cell", honest)
    again = run_study(TINY, tmp_path / "out")
    assert again.failures == {}
    assert not trouble.exists()
    assert len(again.tables["success"]) == 2


@pytest.mark.long
def test_a_cell_that_kills_its_worker_is_reported_and_the_others_finish(tmp_path: Path) -> None:
    here = os.getpid()

    def deadly(X: Any) -> Any:
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return X[:, 0] * 2

    tasks.register("deadly", arity=1)(deadly)
    config = {
        "tasks": ["deadly", "no-size"],
        "widths": [2],
        "seeds": 2,
        "regimens": ["adam"],
        "steps": 2,
    }
    study = run_study(config, tmp_path / "out", workers=2)
    ((key, error),) = study.failures.items()
    assert key.startswith("deadly_2_adam")
    assert "was killed" in error
    assert set(study.tables["networks"]["task"]) == {"no-size"}


def test_when_every_cell_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def sabotaged(_: Cell) -> Any:
        raise InputError("nothing works")

    monkeypatch.setattr(cells_module, "train_cell", sabotaged)
    with pytest.raises(MathCircuitsError, match=r"no cell of the study finished; .*: nothing works"):
        run_study(TINY, tmp_path / "out")
    assert not (tmp_path / "out" / "tables").exists()


def test_a_diverging_network_is_counted_and_not_read(tmp_path: Path) -> None:
    wild = {"preset": "osier", "lr": 1e6, "name": "wild"}
    config = {"tasks": ["absolute"], "widths": ["1x"], "seeds": 3, "regimens": [wild], "steps": 60}
    study = run_study(config, tmp_path / "out")
    networks = study.tables["networks"]
    trained = networks[networks["population"] == "trained"]
    assert trained["loss"].isna().all()
    assert not trained["solved"].any()
    assert study.networks("absolute/2/derived")
    assert "trained" not in set(study.tables["neurons"]["population"])
    assert study.tables["success"][["n", "solved"]].values.tolist() == [[3, 0]]


def test_a_cell_that_another_process_has_is_busy(tmp_path: Path) -> None:
    from filelock import FileLock

    (cell,) = study_cells(StudyConfig(tasks=["no-size"], widths=[2], seeds=1, regimens=["adam"], steps=1))
    (tmp_path / ".locks").mkdir()
    with FileLock(tmp_path / ".locks" / f"{cell.key}.lock"):
        assert run_cell(cell, tmp_path, wait=False).status == "busy"
    assert run_cell(cell, tmp_path, wait=False).status == "done"
    assert run_cell(cell, tmp_path).status == "kept"


def test_a_task_without_a_known_network_is_studied_too(tmp_path: Path) -> None:
    config = {"tasks": ["no-size"], "widths": [4], "seeds": 2, "regimens": ["adam"], "steps": 20}
    study = run_study(config, tmp_path / "out")
    assert study.tables["neurons"]["expected"].isna().all()
    assert study.tables["networks"]["missing"].unique().tolist() == [""]
    assert study.tables["networks"]["width"].unique().tolist() == [""]


def test_tables_open_as_plain_parquet(finished: Study) -> None:
    import pyarrow.parquet as pq

    table = pq.read_table(finished.out / "tables" / "networks.parquet")
    assert table.column_names == list(COLUMNS["networks"])
    assert pd.read_parquet(finished.out / "tables" / "networks.parquet").shape[0] == table.num_rows


@pytest.mark.parametrize("name", COLUMNS)
def test_the_same_table_of_several_studies_is_one_dataset(finished: Study, copied: Path, name: str) -> None:
    import pyarrow.dataset as ds

    files = [out / "tables" / f"{name}.parquet" for out in (finished.out, copied)]
    dataset = ds.dataset(files, format="parquet")
    assert dataset.schema.names == list(COLUMNS[name])
    # A table without rows has types, too: with none its columns would fit no other study's.
    assert "null" not in {str(kind) for kind in dataset.schema.types}
    assert dataset.count_rows() == 2 * len(finished.tables[name])


def test_the_manifest_says_how_much_memory_it_took(finished: Study) -> None:
    pytest.importorskip("resource", reason="the system does not tell")
    peaks = [cell["peak_mb"] for cell in finished.manifest["cells"]]
    assert finished.manifest["peak_mb"]["cells"] == max(peaks) > 10
    assert finished.manifest["peak_mb"]["study"] >= max(peaks)


def test_a_formula_data_and_a_module_from_end_to_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    X = np.random.default_rng(0).uniform(-1, 1, (60, 2))
    houses = pd.DataFrame({"rooms": X[:, 0], "age": X[:, 1], "price": np.maximum(X[:, 0] - 0.3, 0) + X[:, 1]})
    houses.to_csv(tmp_path / "houses.csv", index=False)
    (tmp_path / "study.toml").write_text(
        'tasks = ["relu(x1 - 0.3) + x2", "homes"]\n'
        'widths = [3]\nseeds = 2\nregimens = ["adam"]\nsteps = 30\nreads = "forms"\n'
        '[[task]]\nname = "homes"\ndata = "houses.csv"\ntarget = "price"\n'
    )
    try:
        run_study(tmp_path / "study.toml", tmp_path / "out", progress=False)
        (tmp_path / "houses.csv").rename(tmp_path / "moved.csv")
        study = Study.load(tmp_path / "out")
        assert not study.failures
        assert study.tables["success"]["task"].tolist() == ["relu(x1 - 0.3) + x2", "homes"]
        formula, homes = (next(iter(study.networks(name).values())) for name in study.config.tasks)
        assert (formula.about.input_names, homes.about.input_names) == (None, ("rooms", "age"))
        # the same weights come of the same rows in Python
        (alone,) = train(houses, target="price", hidden=3, seeds=[0], steps=30).networks()
        assert (alone.about.output_names, alone.sizes) == (("price",), homes.sizes)
        found = analyse(homes, task=(X, houses["price"]), init="uniform")
        assert found.domain.data is not None
        save(homes, tmp_path / "net.npz")
        capsys.readouterr()
        words = [
            "inspect",
            str(tmp_path / "net.npz"),
            "--task",
            str(tmp_path / "moved.csv"),
            "--target",
            "price",
        ]
        assert main(words) == 0
        said = capsys.readouterr().out
        assert "root mean square of 60 rows" in said
        assert "rooms" in said
        assert not re.search(r"\bx[12]\b", said)
    finally:
        tasks._tasks.pop("homes", None)
    module = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    assert repr(analyse(module, task="relu(x1-0.3)+x2", init="uniform")).startswith(
        "Analysis(2-3-1, task=relu(x1 - 0.3) + x2, "
    )
