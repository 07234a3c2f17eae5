"""The public benchmark: planted populations score what their manifests say, and wrong manifests do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mathcircuits.detect import FileError, InputError, hand_derived
from mathcircuits.detect.groups import group_named, planted_irreps
from mathcircuits.models import save
from mathcircuits.reports.__main__ import main
from mathcircuits.reports.benchmark import run
from mathcircuits.reports.benchmark.public.benchmark import run_public

S3 = group_named("S3")
MANIFEST = """
[population]
name = "planted"
citation = "this test"
[task]
group = "{group}"
[files]
pattern = "*.npz"
[truth]
accuracy = 0.99
features = ["1b", "2a"]
mechanism = "{mechanism}"
verdicts = {{ "1b" = "inconclusive" }}
"""


def population(folder: Path, *, group: str = "S3", mechanism: str = "coset") -> Path:
    """Coset circuits of S3, each irrep's vectors fixed by a reflection, saved in the tables' own layout."""
    folder.mkdir()
    point = np.array([word.startswith("0") for word in S3.elements])
    for k in range(2):
        W1, V1 = planted_irreps(S3, ["2a"], subgroup=point, each=3, seed=k).weights
        W2, V2 = planted_irreps(S3, ["1b"], each=6, seed=k).weights
        W, V = np.concatenate([W1, W2]), np.concatenate([V1, V2], axis=1)
        left, right = W[:, :6].T, W[:, 6:].T
        hidden = np.eye(W.shape[0])
        np.savez(folder / f"{k}.npz", W_x=left, W_y=right, W=hidden, W_U=V.T)
    (folder / "planted.manifest.toml").write_text(MANIFEST.format(group=group, mechanism=mechanism))
    return folder


def test_a_population_scores_what_its_manifest_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = population(tmp_path / "nets")
    assert main(["benchmark", "public", "--networks", str(folder), "--out", str(tmp_path / "out")]) == 0
    assert "5 of 5 requirements kept" in capsys.readouterr().out
    assert (tmp_path / "out" / "table.csv").is_file()


def test_what_a_manifest_says_wrongly_fails(tmp_path: Path) -> None:
    other = run_public(population(tmp_path / "a", group="C6"))
    assert not other.passed
    assert other.table.set_index("part").loc["function", "note"] == "composes in S3"
    blind = run_public(population(tmp_path / "b", mechanism="character"))
    kept = {row.text: row.passed for row in blind.requirements}
    assert not kept["every network has the published mechanism"]
    assert kept["every network computes what is published"]


def test_a_file_that_does_not_load_is_a_row(tmp_path: Path) -> None:
    folder = population(tmp_path / "nets")
    (folder / "broken.npz").write_bytes(b"no archive")
    table = run_public(folder).table.set_index("part")
    assert table.loc["loads", ["found", "n"]].tolist() == [2, 3]
    assert "broken.npz" in table.loc["loads", "note"]


def test_tasks_of_the_catalogue_are_scored_too(tmp_path: Path) -> None:
    for k in range(2):
        save(hand_derived("absolute"), tmp_path / f"{k}.npz")
    (tmp_path / "absolute.manifest.toml").write_text(
        '[population]\nname = "by hand"\n[task]\ntask = "absolute"\n[files]\npattern = "*.npz"\nlayout = "plain"\n'
        '[truth]\naccuracy = 0.5\nfeatures = ["positiveness"]\nverdicts = { "positiveness" = "forced" }\n'
    )
    table = run_public(tmp_path).table
    assert table["measure"].tolist() == ["files read", "right", "positiveness", "positiveness"]
    assert table["passed"].tolist() == [True] * 4


def test_it_needs_networks(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="give their folder, --networks DIR"):
        run("public")
    with pytest.raises(FileError, match="holds no manifest"):
        run_public(tmp_path)
