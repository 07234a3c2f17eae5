"""`study --networks`: fifty networks of a task that the tool does not know, against what was planted in them."""

from __future__ import annotations

import csv
import json
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
import torch

from mathcircuits.detect import tasks
from mathcircuits.reports import Study, study_of, write_report
from mathcircuits.reports.__main__ import main

#: |x1 - 2 x2| by the kink from both sides, or by one side and a linear part through the axes.
PAIR = [([1, -2], 1), ([-1, 2], 1), ([0, 0], 0), ([0, 0], 0), ([0, 0], 0)]
SLIDE = [([1, -2], 2), ([1, 0], -1), ([-1, 0], 1), ([0, 1], 2), ([0, -1], -2)]
#: Recipe, form and number of networks.
RECIPES = (("a", PAIR, 17), ("again", PAIR, 17), ("b", SLIDE, 16))


@pytest.fixture(scope="module", autouse=True)
def own_tasks() -> Iterator[None]:
    """Forget the functions that studies register."""
    before = dict(tasks._held())
    yield
    tasks._tasks = before


def trained(folder: Path, recipes: Any = RECIPES, steps: int = 800, checkpoints: int = 0) -> Path:
    """Networks near planted forms, trained by a plain loop, as `.pt` files with a table beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    plan = [(name, form, seed) for name, form, count in recipes for seed in range(count)]
    generator = torch.Generator().manual_seed(0)
    W = torch.tensor([[row for row, _ in form] for _, form, _ in plan], dtype=torch.float64)
    v = torch.tensor([[out for _, out in form] for _, form, _ in plan], dtype=torch.float64)
    scale = torch.exp(0.3 * torch.randn(v.shape, generator=generator, dtype=torch.float64))
    order = torch.stack([torch.randperm(v.shape[1], generator=generator) for _ in plan])
    W = torch.take_along_dim(W * scale[..., None], order[..., None], 1)
    v = torch.take_along_dim(v / scale, order, 1)
    for part in (W, v):
        part += 0.02 * torch.randn(part.shape, generator=generator, dtype=torch.float64)
        part.requires_grad_()
    optimiser = torch.optim.Adam([W, v], lr=1e-2)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimiser, 0.99)
    rows = []
    for step in range(steps + 1):
        if step == steps or (checkpoints and step % (steps // checkpoints) == 0):
            for k, (recipe, _, seed) in enumerate(plan):
                file = f"{recipe}-{seed}-{step}.pt"
                torch.save(
                    {"0.weight": W[k].detach().clone(), "2.weight": v[k, None].detach().clone()},
                    folder / file,
                )
                rows.append([file, recipe, seed, step])
        X = torch.rand((128, 2), generator=generator, dtype=torch.float64) * 2 - 1
        out = (torch.relu(torch.einsum("kud,nd->knu", W, X)) * v[:, None]).sum(2)
        loss = ((out - (X[:, 0] - 2 * X[:, 1]).abs()) ** 2).mean(1).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    with (folder / "networks.csv").open("w") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "recipe", "seed", "step"][: 4 if checkpoints else 3])
        writer.writerows(row[: 4 if checkpoints else 3] for row in rows)
    return folder


def run(capsys: pytest.CaptureFixture[str], *words: Any) -> tuple[int, str, str]:
    code = main([str(word) for word in words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_fifty_networks_against_the_truth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nets, out = trained(tmp_path / "nets", steps=600), tmp_path / "out"
    code, printed, _ = run(capsys, "study", "--networks", nets, "--out", out)
    assert code == 0
    lines = printed.splitlines()
    assert lines[:2] == [
        "50 files: 50 read",
        "abs(x1 - 2 * x2): computed by 50 of 50 networks in 3 conditions",
    ]
    assert lines[2].startswith("  certified for 50 of these: off by at most 0.0")
    assert lines[3:] == [(out / "report" / "index.html").as_uri()]
    study = Study.load(out)
    census = study.tables["census"]
    classes = census[census["level"] == "class"].set_index("regimen")
    assert classes["name"].to_dict() == dict.fromkeys(("a", "again", "b"), "abs(x1 - 2 * x2)")
    # Two forms that the catalogue has no name for, and who has them.
    recurring = study.tables["candidates"]
    holders = [{name.split("/")[2] for name in row.split("; ")} for row in recurring["networks"]]
    assert list(zip(recurring["found"], holders, strict=True)) == [(34, {"a", "again"}), (16, {"b"})]
    forms = study.tables["networks"].groupby("regimen")["form"].unique()
    assert set(forms["a"].dropna()) == set(forms["again"].dropna())
    assert set(forms["a"].dropna()).isdisjoint(forms["b"].dropna())
    # Two recipes of one mechanism are not told apart; those of two are.
    ladder = study.tables["ladder"].set_index(["regimen_a", "regimen_b", "rung"])["verdict"]
    assert [ladder["a", "again", rung] for rung in ("function", "circuit")] == ["same", "same"]
    assert [ladder[one, "b", "function"] for one in ("a", "again")] == ["same", "same"]
    assert [ladder[one, "b", "circuit"] for one in ("a", "again")] == ["different", "different"]
    # The recipe decides the form, and is a factor in the tables.
    effects = study.tables["effects"]
    changed = effects[(effects["level"] == "b") & (effects["factor"] == "recipe")].set_index("form")
    assert set(changed["effect"]) == {1.0, -1.0}
    assert (changed["q"] < 1e-6).all()
    assert (study.tables["networks"]["factor_recipe"] == study.tables["networks"]["regimen"]).all()
    page = study.page.read_text()
    assert "abs(x1 - 2 * x2)" in page
    assert "recipe changes the form most" in page


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Six networks with their checkpoints, one file of which is damaged."""
    folder = tmp_path_factory.mktemp("small")
    nets = trained(folder / "nets", (("a", PAIR, 3), ("b", SLIDE, 3)), steps=400, checkpoints=2)
    (nets / "b-2-400.pt").write_text("damaged")
    return study_of(nets, folder / "out", progress=False)


def test_checkpoints_say_when_a_feature_appears(small: Study) -> None:
    curves = small.tables["emergence_curves"]
    assert set(curves["regimen"]) == {"b"}
    # The linear part of the second form goes through the axes; the last file of one run is damaged.
    positive = curves[(curves["feature"] == "positiveness") & (curves["on"] == "x2")]
    assert positive[["step", "held", "n"]].to_numpy().tolist() == [[0, 3, 3], [200, 3, 3], [400, 2, 2]]


def test_untrained_networks_keep_shapes_and_offsets(small: Study) -> None:
    networks = small.tables["networks"]
    counts = networks.groupby(["regimen", "population"]).size()
    assert counts.to_dict() == {
        ("a", "trained"): 3,
        ("a", "untrained"): 3,
        ("b", "trained"): 3,
        ("b", "untrained"): 3,
    }
    assert (networks["threshold"] == networks["threshold"].iloc[0]).all()
    assert not networks[networks["population"] == "untrained"]["solved"].any()


def test_a_damaged_file_is_named(small: Study) -> None:
    (unread,) = [file for file in small.files if file.status == "unread"]
    assert (unread.path, bool(unread.reason)) == ("b-2-400.pt", True)
    # What is left of its run are the checkpoints before.
    assert {file.step for file in small.files if file.network.endswith("/b/2")} == {0, 200}
    page = small.page.read_text()
    assert "<b>1 of 18 files could not be read</b>" in page
    assert f"<code>b-2-400.pt</code> ({unread.reason})" in page


def test_the_page_is_written_again_without_the_files(small: Study, tmp_path: Path) -> None:
    out = Path(shutil.copytree(small.out, tmp_path / "out"))
    before = dict(tasks._held())
    tasks._tasks = {name: task for name, task in before.items() if "x1 - 2" not in name}
    assert "abs(x1 - 2 * x2)" in write_report(out).read_text()
    assert len(Study.load(out).networks("abs(x1 - 2 * x2)/5/a")) == 3
    assert repr(Study.load(out)).endswith("1 tasks, 6 networks)")


def test_a_second_run_does_nothing_but_look(small: Study, tmp_path: Path) -> None:
    out = Path(shutil.copytree(small.out, tmp_path / "out"))
    again = study_of(small.manifest["config"]["networks"], out, progress=False)
    assert {cell["status"] for cell in small.manifest["cells"]} == {"read"}
    assert {cell["status"] for cell in again.manifest["cells"]} == {"kept"}


#: The command in a process of its own, which can be killed.
COMMAND = "import sys; from mathcircuits.reports.__main__ import main; sys.exit(main(sys.argv[1:]))"


@pytest.mark.long
def test_a_killed_run_goes_on_with_two_workers(small: Study, tmp_path: Path) -> None:
    nets, out = small.manifest["config"]["networks"], tmp_path / "out"
    words = ["study", "--networks", nets, "--out", str(out), "--workers", "2"]
    process = subprocess.Popen([sys.executable, "-c", COMMAND, *words], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 240
    while not list(out.glob("networks/*.neurons.parquet")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert process.returncode == -signal.SIGKILL
    kept = {file: file.stat().st_mtime_ns for file in out.glob("networks/*.neurons.parquet")}
    assert kept
    again = study_of(nets, out, workers=2, progress=False)
    assert {file: file.stat().st_mtime_ns for file in kept} == kept
    assert again.failures == {}
    for table in small.tables:
        pd.testing.assert_frame_equal(again.tables[table], small.tables[table])


def test_a_folder_of_another_study_is_refused(small: Study, capsys: pytest.CaptureFixture[str]) -> None:
    nets = json.loads((small.out / "manifest.json").read_text())["config"]["networks"]
    code, _, err = run(capsys, "study", "--networks", nets, "--out", small.out, "--task", "min")
    assert (code, "another configuration (task = None there, 'minimum' here)" in err) == (2, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--networks", "nowhere"], "is not there; give a folder of networks"),
        (["--networks", "nowhere", "--seeds", "3"], "--seeds beside --networks"),
        (["study.toml", "--networks", "nowhere"], "a configuration beside --networks"),
        (
            ["--networks", "nowhere", "--task", "min", "--box", "0", "1"],
            "--box beside --task min, which has its own inputs",
        ),
        (["--networks", "nowhere", "--task", "minimun"], "did you mean 'minimum'"),
        (["--networks", "nowhere", "--threshold", "0"], "threshold = 0.0: give a mean squared error above 0"),
    ],
)
def test_options_that_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    code, printed, err = run(capsys, "study", "--out", tmp_path / "out", *words)
    assert (code, printed, message in " ".join(err.split())) == (2, "", True), err
    assert not (tmp_path / "out").exists()


def test_networks_that_fail_their_task_say_what_they_reach(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nets = trained(tmp_path / "nets", (("a", PAIR, 2),), steps=5)
    code, printed, _ = run(
        capsys, "study", "--networks", nets, "--task", "absolute-difference", "--out", tmp_path / "o"
    )
    assert code == 0
    assert (
        "absolute-difference: computed by 0 of 2 networks in 1 condition\n  mean squared errors of the others: "
        in printed
    )
    assert pd.read_parquet(tmp_path / "o" / "tables" / "success.parquet")["solved"].tolist() == [0]
    assert np.isfinite(pd.read_parquet(tmp_path / "o" / "tables" / "networks.parquet")["loss"]).all()
