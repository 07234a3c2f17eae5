"""Studies of groups: told and found orders agree, layouts of others are read, the page holds what was found."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from mathcircuits.detect import FileError, InputError, Network
from mathcircuits.detect.groups import group_named, planted_irreps
from mathcircuits.models.training import CompositionRegimen
from mathcircuits.reports.__main__ import main
from mathcircuits.reports.group_page import write_group
from mathcircuits.reports.groupstudies import GroupStudy, group_study, group_study_of, networks_of

D5 = group_named("D5")


def saved(folder: Path, *, shuffled: bool) -> Path:
    """Networks with two embeddings W_x, W_y [elements, d], W [2 d, hidden], W_U [hidden, elements]."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for k, irreps in enumerate((["1b", "2a"], ["1b", "2b"], ["1b", "2a"])):
        W, V = planted_irreps(D5, irreps, each=2, seed=k).weights
        order = rng.permutation(10) if shuffled else np.arange(10)
        left, right = W[:, :10].T[order], W[:, 10:].T[order]
        # d of 10 is the group's order: any function of the element fits through it.
        turn = np.linalg.qr(rng.normal(size=(10, 10)))[0]
        U, S, R = np.linalg.svd(np.vstack([left, right]).reshape(2, 10, -1), full_matrices=False)
        tables = [U[side] * S[side] @ turn for side in (0, 1)]
        hidden = np.vstack([turn.T @ R[side] for side in (0, 1)])
        arrays = {"W_x": tables[0], "W_y": tables[1], "W": hidden, "W_U": V[order].T}
        torch.save({name: torch.tensor(array) for name, array in arrays.items()}, folder / f"net{k}.pt")
    return folder


@cache
def planted_study() -> GroupStudy:
    networks = {
        str(k): planted_irreps(D5, ["1b", f"2{'ab'[k % 2]}"], subgroup=None, each=2, seed=k) for k in range(4)
    }
    shapes = {net.architecture for net in networks.values()}
    assert len(shapes) == 1
    return group_study_of(networks, "D5", draws=20, untrained=20)


def test_shuffled_networks_of_another_layout_have_the_same_irreps(tmp_path: Path) -> None:
    told = group_study_of(networks_of(saved(tmp_path / "told", shuffled=False)), "D5", draws=20, untrained=20)
    found = group_study_of(networks_of(saved(tmp_path / "found", shuffled=True)), draws=20, untrained=20)
    assert found.group.name == "D5"
    assert all(one is not None and one.aligned for one in found.recovered)
    assert told.right.all()
    assert found.right.all()
    for one, other in zip(told.readings, found.readings, strict=True):
        # An automorphism of D5 exchanges 2a and 2b: the order that is found leaves which is which open.
        assert [name.replace("b", "a") for name in one.used[1:]] == [
            name.replace("b", "a") for name in other.used[1:]
        ]
        assert one.used[0] == other.used[0] == "1b"
        assert one.accuracy == other.accuracy == 1


def test_counts_stand_beside_untrained_networks_and_blind_draws() -> None:
    study = planted_study()
    assert study.verdicts["found"].tolist() == [4, 4, 2, 2]
    assert study.verdicts["untrained_found"].sum() == 0
    assert study.verdicts.loc[0, ["low", "high"]].between(0, 1).all()
    assert study.choice is not None
    assert study.choice.what == ("irrep", "irreps")
    assert len(study.choice.blind) == 3
    text = " ".join(study.findings)
    for words in (
        "{1b, 2a} in 2",
        "Character circuit:",
        "Coset circuit:",
        "exchange 2a, 2b",
        "blind draws weighted",
    ):
        assert words in text
    assert study.requirements[0][1]


def test_the_page_holds_figures_and_tables(tmp_path: Path) -> None:
    page = write_group(planted_study(), tmp_path).read_text("utf-8")
    for name in ("irreps", "thresholds", "cosets", "prevalence"):
        assert f'id="{name}"' in page
        assert (tmp_path / "figures" / f"{name}.svg").is_file()
    assert "Composition in D5" in page
    assert "//" not in page.replace("http://www.w3.org", "").partition("<main>")[2].partition("</main>")[0]
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["irreps"]["1"] == ["1b", "2b"]
    assert summary["right"]["found"] == 4
    assert len((tmp_path / "tables" / "irreps.csv").read_text().splitlines()) == 1 + 4 * 3


def test_trained_networks_have_a_history(tmp_path: Path) -> None:
    small = CompositionRegimen(embedding=6, width=16, steps=50, share=1)
    study = group_study("C5", seeds=[0, 1], regimen=small, draws=20, untrained=20)
    assert study.to_dict()["regimen"]["steps"] == 50
    write_group(study, tmp_path)
    assert (tmp_path / "tables" / "history.csv").is_file()
    assert (tmp_path / "figures" / "grokking.svg").is_file()


def test_the_command_reads_networks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = saved(tmp_path / "nets", shuffled=True)
    assert main(["group", "--networks", str(folder), "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "holds: 3 of 3 networks compose in D5" in printed
    assert main(["group", "--out", str(tmp_path / "none")]) == 2
    assert "no group: name one, such as S4" in capsys.readouterr().err


def test_what_cannot_be_studied(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no networks: give at least one"):
        group_study_of({})
    mixed = {"a": planted_irreps(group_named("C5"), ["f1"]), "b": planted_irreps(group_named("C7"), ["f1"])}
    with pytest.raises(InputError, match="2 shapes of networks"):
        group_study_of(mixed)
    with pytest.raises(FileError, match="holds no network"):
        networks_of(tmp_path)
    torch.save({"0.weight": torch.ones(3, 5), "2.weight": torch.ones(6, 3)}, tmp_path / "a.pt")
    with pytest.raises(FileError, match="5 inputs and 6 outputs"):
        networks_of(tmp_path)
    silent = Network([np.ones((4, 10)), np.zeros((5, 4))])
    with pytest.raises(InputError, match="of the answers break the rule"):
        group_study_of({"a": silent})
