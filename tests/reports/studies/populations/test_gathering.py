"""Gathering: files as cells, what cannot be read, checkpoints, and what a folder keeps of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mathcircuits.detect import FileError, InputError, Network, hand_derived, tasks
from mathcircuits.models import save
from mathcircuits.reports.studies.cells import train_cell
from mathcircuits.reports.studies.populations.functions import MADE
from mathcircuits.reports.studies.populations.gathering import (
    FOUND_BLOCK,
    gather,
    read_population,
    register,
    write_population,
)
from mathcircuits.reports.studies.populations.listing import list_networks


@pytest.fixture(autouse=True)
def own_tasks() -> Iterator[None]:
    """Forget the functions that a test registers."""
    before = dict(tasks._held())
    yield
    tasks._tasks = before


def tilted(slope: float) -> Network:
    return Network([[[1.0, -slope], [-1.0, slope]], [[1.0, 1.0]]])


def test_cells_are_conditions_of_one_size() -> None:
    wide = Network([[[1.0, -3.0], [-1.0, 3.0], [0.0, 0.0]], [[1.0, 1.0, 0.0]]])
    found = gather(list_networks({"a": [tilted(3.0)] * 3 + [wide], "b": [tilted(3.0)] * (FOUND_BLOCK + 1)}))
    assert [(cell.condition, len(cell.seeds)) for cell in found.cells] == [
        ("abs(x1 - 3 * x2)/2/a", 3),
        ("abs(x1 - 3 * x2)/3/a", 1),
        ("abs(x1 - 3 * x2)/2/b", FOUND_BLOCK),
        ("abs(x1 - 3 * x2)/2/b", 1),
    ]
    assert {(cell.init, cell.solved) for cell in found.cells} == {(None, found.cells[0].threshold)}
    assert [file.path for file in found.files][:4] == ["a/0", "a/1", "a/2", "a/3"]
    assert found.files[3].network == "abs(x1 - 3 * x2)/3/a/3"


def test_networks_of_several_kinds_are_conditions_of_their_own() -> None:
    biased = Network(list(tilted(3.0).weights), [[0.0, 0.0], [0.0]])
    found = gather(list_networks({"a": [tilted(3.0)] * 2 + [biased] * 2}))
    assert [cell.regimen.name for cell in found.cells] == ["a, relu, no bias", "a, relu, bias"]


def test_columns_are_factors_but_for_those_that_repeat_the_sizes() -> None:
    wide = Network([[[1.0, -3.0], [-1.0, 3.0], [0.0, 0.0]], [[1.0, 1.0, 0.0]]])
    rows = [
        (network, len(network.weights[0]), decay, seed)
        for network in (tilted(3.0), wide)
        for decay in ("0.0", "1e-2")
        for seed in range(2)
    ]
    table = pd.DataFrame(rows, columns=["path", "width", "decay", "seed"])
    found = gather(list_networks(table))
    assert [cell.condition for cell in found.cells] == [
        f"abs(x1 - 3 * x2)/{width}/decay={decay}" for width in (2, 3) for decay in ("0.0", "1e-2")
    ]
    assert found.factors is not None
    assert (found.factors.texts, found.factors.kinds) == ({"decay": ("0", "0.01")}, {"decay": "float"})
    # What is called a width and is none stays.
    table["width"] = ["a"] * 4 + ["b"] * 4
    other = gather(list_networks(table)).factors
    assert other is not None
    assert other.texts == {"width given": ("a", "b"), "decay": ("0", "0.01")}
    assert gather(list_networks({"one": [tilted(3.0)] * 2})).factors is None


def test_what_decides_a_cell_is_in_its_key() -> None:
    def key(networks: list[Network], **settings: float) -> str:
        return gather(list_networks({"a": networks}), task=tasks["minimum"], **settings).cells[0].key  # type: ignore[arg-type]  # one of several settings

    net = hand_derived("minimum")
    other = Network([2 * net.weights[0], net.weights[1] / 2])
    keys = [key([net] * 2), key([net, other]), key([net] * 2, threshold=0.1)]
    assert len(set(keys)) == 3
    assert keys[0] == key([net] * 2)


def test_files_that_do_not_load_are_listed(tmp_path: Path) -> None:
    for k in range(2):
        save(tilted(3.0), tmp_path / f"{k}.safetensors")
    (tmp_path / "2.pt").write_text("no network")
    save(Network([[[1.0, 1.0]]]), tmp_path / "3.safetensors")
    found = gather(list_networks(tmp_path))
    assert [(file.status, bool(file.reason)) for file in found.files] == [("read", False)] * 2 + [
        ("unread", True)
    ] * 2
    assert "no hidden layer" in found.unread["3.safetensors"]
    assert sum(len(cell.seeds) for cell in found.cells) == 2
    with pytest.raises(FileError, match="none of 1 files holds a network"):
        gather(list_networks({"a": [tmp_path / "2.pt"]}))


def test_a_condition_has_one_number_of_inputs() -> None:
    networks = [tilted(3.0)] * 2 + [hand_derived("absolute")] * 2
    with pytest.raises(
        InputError, match="a/0 is a network of 2 inputs and 1 outputs, a/2 of 1 and 1, both in 'a'"
    ):
        gather(list_networks({"a": networks}))
    apart = gather(list_networks({"a": networks[:2], "b": networks[2:]}))
    assert [cell.task for cell in apart.cells] == ["abs(x1 - 3 * x2)", "absolute"]
    with pytest.raises(InputError, match="a/0: 2 -> 1 cannot compute 'absolute'"):
        gather(list_networks({"a": networks[:2]}), task=tasks["absolute"])


def test_tasks_by_row_and_found() -> None:
    nets = [hand_derived("minimum")] * 4
    frame = pd.DataFrame({"path": nets, "seed": range(4), "task": ["maximum"] * 2 + [""] * 2})
    found = gather(list_networks(frame))
    assert [(cell.task, cell.seeds) for cell in found.cells] == [("maximum", (0, 1)), ("minimum", (2, 3))]
    assert [file.solved for file in found.files] == [False, False, True, True]
    with pytest.raises(InputError, match="some networks are said to compute 'minimum'"):
        gather(list_networks(frame.assign(task=["minimum"] * 2 + [""] * 2)))


def test_checkpoints_of_a_run() -> None:
    """The last step is the network; those before it are turned as it is, and kept with their losses."""
    path = [0.0, 0.5, 1.0]
    rows = [
        (Network([hand_derived("absolute").weights[0] * [[1.0]], [[t, t + seed * (t < 1)]]]), seed, step)
        for seed in range(2)
        for step, t in zip((0, 10, 20), path, strict=True)
    ]
    frame = pd.DataFrame(rows[::-1], columns=["path", "seed", "step"])
    found = gather(list_networks(frame))
    (cell,) = found.cells
    ensemble = found.ensembles[cell.key]
    assert (cell.task, cell.seeds, cell.steps) == ("absolute", (0, 1), 20)
    assert ensemble.checkpoint_steps is not None
    assert ensemble.checkpoint_steps.tolist() == [0, 10, 20]
    for step, t in zip((0, 10), path, strict=False):
        then = ensemble.at_step(step).networks()
        assert [n.weights[1].tolist() for n in then] == [[[t, t]], [[t, t + 1]]]
    assert ensemble.at_step(10).losses[0] == pytest.approx(0.25 / 3, rel=1e-3)
    assert [file.loss is None for file in found.files] == [False, True, True] * 2
    wider = Network([[[1.0], [-1.0], [1.0]], [[1.0, 1.0, 0.0]]])
    with pytest.raises(InputError, match="checkpoints of one run have one shape"):
        gather(list_networks(pd.DataFrame([*rows, (wider, 0, 5)], columns=["path", "seed", "step"])))


def test_a_folder_keeps_what_was_gathered(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    smooth = Network([rng.normal(size=(9, 1)), rng.normal(size=(1, 9))], [rng.normal(size=9), None], "tanh")
    found = gather(
        list_networks({"a": [tilted(3.0)] * 2, "b": [smooth] * 2, "c": [hand_derived("minimum")] * 2})
    )
    write_population(found, tmp_path)
    before = {name: tasks[name] for name in (task.name for task in found.tasks)}
    values = {name: task(task.sample(64)) for name, task in before.items()}
    tasks._tasks = {name: task for name, task in tasks._held().items() if task.source != MADE}
    cells, files = read_population(tmp_path)
    assert [cell.key for cell in cells] == [cell.key for cell in found.cells]
    assert files == list(found.files)
    # Nothing is left to train, and what is lost is not trained in place of what was found.
    assert all(cell.trained(tmp_path) for cell in cells)
    with pytest.raises(InputError, match="its networks were trained elsewhere"):
        train_cell(cells[0])
    for name, task in before.items():
        assert np.array_equal(tasks[name](task.sample(64)), values[name])
        assert tasks[name].symmetries == task.symmetries
    with pytest.raises(FileError, match=r"population\.json"):
        read_population(tmp_path / "none")


def test_a_function_takes_no_other_tasks_place() -> None:
    mine = replace(tasks["minimum"], source=MADE, aliases=())
    with pytest.raises(InputError, match="is taken"):
        register(mine)
