"""Networks that were taught something else: kept whole, decided by their key alone, and a null that is one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mathcircuits.detect import InputError, Network, Task, analyse, analyse_many, hand_derived, tasks
from mathcircuits.detect.matching.neurons import neuron_frame, read_stack, taught_reading
from mathcircuits.detect.networks import Stack
from mathcircuits.detect.statistics.null_cache import null_folder
from mathcircuits.models import as_regimen, taught_like, taught_otherwise, train
from mathcircuits.models.training import taught as module
from mathcircuits.models.training.taught import Taught, family_of


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MATHCIRCUITS_HOME", str(tmp_path))
    return null_folder()


def weights_of(found: Taught) -> list[bytes]:
    return [w.tobytes() for network in found.networks for w in (*network.weights, *network.bias_vectors)]


def neurons_of(networks: Sequence[Network], other: Taught) -> pd.DataFrame:
    """The neurons of networks of one shape, with both nulls; directions would cost more than all the rest."""
    stack = Stack.of(networks)
    beside = taught_reading(other.networks, stack.architecture)
    return neuron_frame(read_stack(stack, taught=beside)[0])


def any_matched(neurons: pd.DataFrame) -> float:
    return float(neurons.groupby("network")["status"].apply(lambda s: (s == "matched").any()).mean())


def test_a_second_call_reads_the_same_bytes_and_trains_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = taught_otherwise("minimum", hidden=3, steps=20, count=6)
    (file,) = home.iterdir()
    kept = file.read_bytes()
    monkeypatch.setattr(module._Plan, "_trained", lambda _: pytest.fail("trained again"))
    again = taught_otherwise("minimum", hidden=3, steps=20, count=6)
    assert weights_of(again) == weights_of(first)
    assert file.read_bytes() == kept


def test_what_is_trained_again_is_the_same(home: Path) -> None:
    first = taught_otherwise("minimum", hidden=3, steps=20, count=6)
    for file in home.iterdir():
        file.unlink()
    assert weights_of(taught_otherwise("minimum", hidden=3, steps=20, count=6)) == weights_of(first)


def test_they_depend_on_what_decides_them_and_on_no_name(home: Path) -> None:
    def of(task: str = "minimum", **changes: object) -> list[bytes]:
        settings: dict[str, object] = {"hidden": 3, "steps": 20, "count": 6} | changes
        return weights_of(taught_otherwise(task, **settings))  # type: ignore[arg-type]

    own = of()
    # A mirror image of the task, another name, and what follows the gradient steps: one family.
    assert of("maximum") == own
    assert of(regimen={"preset": "adam", "name": "mine", "polish": 5}) == own
    assert len(list(home.iterdir())) == 1
    others = [
        of(seed=1),
        of(steps=21),
        of(hidden=4),
        of(bias=True),
        of(regimen="decay-then-anneal"),
        of("addition"),
    ]
    assert all(other != own for other in others)


def test_each_learns_a_function_of_its_own() -> None:
    found = taught_otherwise("addition", hidden=8, steps=600, count=12)
    X = np.array([[1.0, 0.0], [0.0, 1.0]])
    slopes = np.array([network(X)[:, 0] for network in found.networks])
    angles = np.arctan2(slopes[:, 1], slopes[:, 0])
    assert len(np.unique(np.round(angles, 3))) == 12
    # A linear function: odd, up to what six hundred steps leave.
    odd = [float(np.abs(network(X) + network(-X)).max()) for network in found.networks]
    assert np.median(odd) < 0.05


@pytest.mark.parametrize(
    "regimen", ["lm-restarts", {"preset": "adam", "samples": 64, "batch": 16}, "osier", "rescue"]
)
def test_every_kind_of_regimen_has_them(regimen: object) -> None:
    found = taught_otherwise("minimum", hidden=3, regimen=regimen, steps=10, count=4)  # type: ignore[arg-type]
    assert len(found) == 4
    assert found.networks[0].sizes == (2, 3, 1)


def test_noise_and_decay_stay_and_the_rest_is_left_out() -> None:
    regimen = as_regimen("compress", label_noise=0.1)
    family = family_of(regimen)
    assert (family.decay, family.label_noise, family.lr) == (regimen.decay, 0.1, regimen.lr)
    assert (family.compression, family.restarts, family.pool, family.polish) == (None, 0, 1, 0)
    # A rescue of 300 steps and fifteen phases of as many: five of them count.
    assert module._steps_of(as_regimen("rescue"), tasks["minimum"], None) == 300 + 5 * 300


def test_wide_networks_are_left_without() -> None:
    found = taught_otherwise("minimum", hidden=(2000, 2000))
    assert len(found) == 0
    assert "too many weights and steps" in found.words


def test_there_is_something_to_train() -> None:
    assert len(taught_otherwise("addition", hidden=())) == 0
    with pytest.raises(InputError, match="count 0"):
        taught_otherwise("addition", hidden=2, count=0)


def test_another_box_and_a_task_of_ones_own() -> None:
    task = Task("wave", 1, "sin(3*x1)", box=((-2.0, 2.0),))
    found = taught_otherwise(task, hidden=6, bias=True, steps=20, count=4)
    assert found.networks[0].architecture.bias == (True, True)
    assert found.kinks == (6,)
    moved = taught_otherwise(task, hidden=6, bias=True, steps=20, count=4, box=(0, 1))
    assert weights_of(moved) != weights_of(found)


@pytest.mark.parametrize(("bias", "regimen"), [(False, "adam"), (True, "decay-then-anneal")])
def test_networks_that_learned_something_else_match_nothing_and_those_of_the_task_do(
    bias: bool, regimen: str
) -> None:
    """Predicted before the run: at most 5% of the first have a match (7 of 60 by chance at most), and p_taught is at
    most uniform; at least nine tenths of the second, where they solved the task, match greaterness. Outcome: so at
    q_taught; with biases the first null, given the offset, lets only half of them match."""
    other = taught_otherwise("minimum", hidden=6, bias=bias, regimen=regimen)
    fresh = taught_otherwise("minimum", hidden=6, bias=bias, regimen=regimen, seed=1, count=60)
    unrelated = neurons_of(fresh.networks, other)
    assert any_matched(unrelated) <= 7 / 60
    p = unrelated["p_taught"].dropna().to_numpy()
    for level in (0.05, 0.2):
        # Neurons of one network are alike: the standard error of 60 networks.
        assert (p <= level).mean() <= level + 3 * np.sqrt(level / 60)
    runs = train("minimum", hidden=6, bias=bias, seeds=range(30), regimen=regimen)
    solved = [network for network, loss in zip(runs.networks(), runs.losses, strict=True) if loss < 1e-6]
    neurons = neurons_of(solved, other)
    found = neurons[(neurons["feature"] == "greaterness") & (neurons["q_taught"] <= 0.05)]
    assert len(solved) >= 10
    assert found["network"].nunique() >= 0.9 * len(solved)
    assert ((found["q"] <= 0.05) == (found["status"] == "matched")).all()
    assert bias or (found["status"] == "matched").all()


def test_a_match_needs_both_where_both_are_known() -> None:
    network = hand_derived("minimum")
    other = taught_like(network.architecture, "minimum", steps=300)
    alone, both = (analyse(network, task="minimum", init="uniform", taught=t) for t in (None, other.networks))
    assert alone.neurons["p_taught"].isna().all()
    assert "no networks that were taught" in alone.beside
    assert both.neurons["status"].tolist() == ["matched"] * 3
    assert (both.neurons["q_taught"] <= 0.05).all()
    assert both.to_dict()["taught"] == 200
    assert set(both.nulls["law"]) == {"uniform", "taught"}
    # Networks that learned the very task hold what it holds: no evidence is left, whatever the first null says.
    itself = analyse(network, task="minimum", init="uniform", taught=[network] * 200)
    assert set(itself.neurons["status"]) <= {"unmatched", "vacuous"}
    assert (itself.neurons["q"] <= 0.05).all()
    assert (itself.neurons["q_taught"] > 0.05).all()


def test_networks_of_another_shape_are_refused() -> None:
    other = taught_otherwise("minimum", hidden=4, steps=10, count=3)
    with pytest.raises(InputError, match=r"taught something else are .*2-4-1.*train them in its shape"):
        analyse_many([hand_derived("minimum")], init="uniform", taught=other.networks)


def test_a_task_on_points_has_no_networks_taught_otherwise() -> None:
    found = taught_otherwise("majority-of-3", hidden=4, steps=20, count=5)
    assert len(found) == 0
    assert repr(found).endswith(": a task on points)")
