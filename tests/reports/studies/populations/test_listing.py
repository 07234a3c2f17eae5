"""Listing: folders, tables, frames and objects as the networks of a population, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from mathcircuits.detect import FileError, InputError, MathCircuitsError, UnknownTask, hand_derived
from mathcircuits.reports.studies.populations.listing import Listed, list_networks


def table(folder: Path, text: str) -> Path:
    path = folder / "networks.csv"
    path.write_text(text)
    return path


def touched(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def shown(found: list[Listed]) -> list[tuple[str, str, int]]:
    return [(one.path, one.recipe, one.seed) for one in found]


def test_a_table_names_files_beside_it(tmp_path: Path) -> None:
    table(tmp_path, "path, recipe, seed, note\na.pt, adam, 3, same\nb.pt, sgd, 3, same\n")
    for given in (tmp_path, tmp_path / "networks.csv", [tmp_path / "networks.csv"]):
        found = list_networks(given)
        # What is the same in every row tells no two conditions apart.
        assert shown(found) == [("a.pt", "adam", 3), ("b.pt", "sgd", 3)]
        assert [one.source for one in found] == [tmp_path / "a.pt", tmp_path / "b.pt"]


def test_several_columns_name_a_condition(tmp_path: Path) -> None:
    rows = [f"{k}.pt,{recipe},{lr},{k % 2}" for k, (recipe, lr) in enumerate(
        [("a", 0.1), ("a", 0.1), ("a", 0.2), ("a", 0.2), ("b", 0.1), ("b", 0.1)]
    )]  # fmt: skip
    table(tmp_path, "path,recipe,lr,seed\n" + "\n".join(rows))
    assert [one.recipe for one in list_networks(tmp_path)][::2] == [
        "recipe=a, lr=0.1", "recipe=a, lr=0.2", "recipe=b, lr=0.1",
    ]  # fmt: skip
    with pytest.raises(InputError, match="seed 0 stands twice in recipe=a"):
        list_networks(tmp_path, by=["recipe"])


def test_folders_are_conditions(tmp_path: Path) -> None:
    folder = touched(
        tmp_path / "runs", "adam/seed_10.pt", "adam/seed_2.pt", "sgd/x.onnx", "sgd/.hidden.pt", "notes.txt"
    )
    assert shown(list_networks(folder)) == [
        ("adam/seed_10.pt", "adam", 10), ("adam/seed_2.pt", "adam", 2), ("sgd/x.onnx", "sgd", 0),
    ]  # fmt: skip
    other = touched(tmp_path / "more", "one.pt", "two.pt")
    found = list_networks([folder / "adam", other])
    assert [one.recipe for one in found] == ["adam", "adam", "more", "more"]
    assert len({one.path for one in found}) == 4


def test_folders_named_after_tasks_are_tasks(tmp_path: Path) -> None:
    found = list_networks(touched(tmp_path, "minimum/0.pt", "abs/adam/0.pt"))
    assert [(one.task, one.recipe) for one in found] == [("absolute", "adam"), ("minimum", "networks")]


def test_frames_and_objects() -> None:
    net = hand_derived("minimum")
    frame = pd.DataFrame({"path": [net, net], "seed": [0, 1], "step": [5, 5], "task": ["min", "min"]})
    assert [(one.task, one.step, one.source is net) for one in list_networks(frame)] == [
        ("minimum", 5, True)
    ] * 2
    assert shown(list_networks({"a": [net], "b": [net, net]})) == [
        ("a/0", "a", 0),
        ("b/0", "b", 0),
        ("b/1", "b", 1),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,seed\na.pt,0\n", "no column 'path'"),
        ("path,sed\na.pt,0\n", "no column 'seed': did you mean 'sed'"),
        ("path,seed\na.pt,0\na.pt,1\n", "a.pt is listed 2 times"),
        ("path,seed\na.pt,0\nb.pt,0\n", "b?.?.*seed 0 stands twice: name another column"),
        ("path,seed\na.pt,zero\n", "row 1: seed = 'zero': give a whole number"),
        ("path,seed,step\na.pt,0,1\nb.pt,0,\n", "b.pt has no step, others have"),
        ("path,seed,recipe\na.pt,0,x/y\nb.pt,0,z\n", "without a slash"),
        ("path,seed,recipe\na.pt,0,derived\nb.pt,0,z\n", "stands for hand-derived"),
        ("path,seed\n ,0\n", "row 1: its path is empty"),
        ("path,seed,loss\na.pt,0,0.1\nb.pt,1,0.2\nc.pt,2,0.3\n", "loss: every run is a condition of its own.*--by"),
        ("path,seed\n", "none were given"),
    ],
)  # fmt: skip
def test_tables_that_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        list_networks(table(tmp_path, text))


def test_what_is_not_a_population(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="is not there"):
        list_networks(tmp_path / "none")
    with pytest.raises(FileError, match="holds no networks"):
        list_networks(tmp_path)
    (tmp_path / "empty.csv").touch()
    with pytest.raises(FileError, match="is not a table"):
        list_networks(tmp_path / "empty.csv")
    with pytest.raises(InputError, match=r"no column 'recpie' .*did you mean 'recipe'"):
        list_networks(table(tmp_path, "path,seed,recipe\na.pt,0,a\n"), by=["recpie"])
    with pytest.raises(UnknownTask):
        list_networks(table(tmp_path, "path,seed,task\na.pt,0,minimun\n"))
    for nothing in ([], {}, [3]):
        with pytest.raises(MathCircuitsError):
            list_networks(nothing)
