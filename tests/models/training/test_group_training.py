"""Learning to compose in a group: S3 from all its pairs, and the same as modular addition where it is cyclic."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect import InputError
from mathcircuits.detect.groups import group_named, read_group
from mathcircuits.models.training.compositions import CompositionRegimen
from mathcircuits.models.training.group_training import GroupRuns, group_regimen, train_group
from mathcircuits.models.training.modular import ModularRegimen, train_modular

SMALL = CompositionRegimen(embedding=8, width=24, steps=400, share=1)


def test_a_small_network_learns_s3_by_its_irreps() -> None:
    runs = train_group("S3", seeds=[0, 1], regimen=SMALL)
    assert isinstance(runs, GroupRuns)
    assert runs.grokked.all()
    assert (runs.test_accuracy == runs.train_accuracy).all()
    assert repr(runs) == "GroupRuns(S3, 12-8-24-6, 2 seeds, 400 steps, 2 grokked)"
    assert read_group(runs.networks()[0], runs.group, draws=20).accuracy == 1


@pytest.mark.long
@pytest.mark.parametrize("name", ["C7", "D5", "S3", "S4", "A5"])
def test_nine_of_ten_seeds_learn_the_group(name: str) -> None:
    runs = train_group(name, progress=False)
    assert len(runs) == 10
    assert runs.grokked.sum() >= 9


def test_a_cyclic_group_is_modular_addition() -> None:
    how = {"embedding": 4, "width": 6, "steps": 20}
    one = train_group("C7", seeds=[3], regimen=CompositionRegimen(**how))
    other = train_modular(7, seeds=[3], regimen=ModularRegimen(**how))
    assert all(np.array_equal(a, b) for a, b in zip(one.weights, other.weights, strict=True))
    assert np.array_equal(one.trained_on, other.trained_on)


def test_what_cannot_be_trained() -> None:
    with pytest.raises(InputError, match="group 'E8'"):
        train_group("E8")
    with pytest.raises(InputError, match="a regimen of type dict"):
        train_group("S3", regimen={})  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"a share of 0\.001 of 36 pairs leaves none to train on"):
        train_group("S3", regimen=CompositionRegimen(share=0.001))
    with pytest.raises(InputError, match="2 seeds, 1 different"):
        train_group("S3", seeds=[1, 1])
    assert group_regimen(group_named("A5")) == CompositionRegimen()
