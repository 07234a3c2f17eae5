"""A fibre as a record: norms, kinks, names and the diagnosis, on members that are written down."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect import Fibre, InputError, Network, Symmetry, canonical_form
from mathcircuits.detect.universality.fibres.annealing import Level

SLIDE = Network([[[1, -1], [1, 0], [-1, 0], [0, 1]], [[-1, 1, -1, 0]]])
MIRROR = Network([[[-1, 1], [0, 1], [0, -1], [1, 0]], [[-1, 1, -1, 0]]])
BOTH = Network([[[1, -1], [-1, 1], [1, 1], [-1, -1]], [[-0.5, -0.5, 0.5, -0.5]]])
LEVELS = (Level(1e3, 0.5, 4, 0.0), Level(1e-9, 0.1, 2, 0.6))


def written(networks: list[Network], chain: list[int], family: list[int]) -> Fibre:
    chains = np.array(chain)
    return Fibre(
        form=canonical_form(SLIDE), width=4, bias=False, scale=0.1, threshold=1e-8, inputs="uniform",
        networks=tuple(networks), weights=1 / np.bincount(chains)[chains], chain=chains, family=np.array(family),
        errors=np.zeros(len(networks)), levels=(LEVELS,) * (max(chain) + 1),
    )  # fmt: skip


@pytest.fixture
def members() -> Fibre:
    return written([SLIDE, MIRROR, BOTH, SLIDE, BOTH, BOTH], [0, 0, 0, 1, 1, 1], [0, 1, 2, 9, 7, 7])


def test_forms_have_the_names_of_the_census(members: Fibre) -> None:
    half = "1/2 (x1 + x2) - 1/2 |x1 - x2|"
    assert members.form_names()[:3] == ("x1 - relu(x1 - x2)", "x2 - relu(x2 - x1)", half)
    assert members.form_share(half).value == pytest.approx(1 / 2)
    assert members.form_share(half).chains == pytest.approx((1 / 3, 2 / 3))
    assert list(members.form_shares()) == [half, "x1 - relu(x1 - x2)", "x2 - relu(x2 - x1)"]
    swapped = members.form_shares([Symmetry.parse(["x2", "x1"])])
    assert {name: share.value for name, share in swapped.items()} == pytest.approx(
        {half: 1 / 2, "x1 - relu(x1 - x2)": 1 / 2}
    )
    swap = [Symmetry.parse(["x2", "x1"])]
    assert members.form_share("x1 - relu(x1 - x2)", symmetries=swap).value == pytest.approx(1 / 2)
    assert members.form_share("x1 - relu(x1 - x2)").value == pytest.approx(1 / 3)


def test_features_with_and_without_inputs(members: Fibre) -> None:
    assert members.feature_share("greaterness").value == 1
    assert members.feature_share("greaterness", ["x2", "x1"]).value == pytest.approx(2 / 3)
    assert members.feature_share("positiveness").value == pytest.approx(1 / 2)
    assert members.feature_share("positiveness", ["x2"]).value == pytest.approx(1 / 6)


def test_norms_and_sides(members: Fibre) -> None:
    assert members.path_norms[[0, 2]] == pytest.approx([2 + 2**0.5, 2 * 2**0.5])
    assert members.median_norm == pytest.approx(2 * 2**0.5)
    assert members.kink_shares.ravel().tolist() == pytest.approx([1, 0, 0.5, 1, 0.5, 0.5])
    offset = Network([[[3.0]], [[2.0]]], [[4.0], [0.0]])
    biased = Fibre(
        form=canonical_form(offset), width=1, bias=True, scale=1.0, threshold=1.0, inputs="uniform",
        networks=(offset,), weights=np.ones(1), chain=np.zeros(1, dtype=int), family=np.zeros(1, dtype=int),
        errors=np.zeros(1), levels=(LEVELS,),
    )  # fmt: skip
    assert biased.path_norms.tolist() == [10.0]


def test_the_diagnosis(members: Fibre) -> None:
    assert members.ancestors == (3, 2)
    assert members.effective_sizes == pytest.approx((3, 1.8))
    assert members.agreement
    assert "the chains agree" in repr(members)
    apart = written([SLIDE] * 40 + [BOTH] * 40, [0] * 40 + [1] * 40, list(range(80)))
    assert not apart.agreement
    assert not apart.reliable
    assert written([SLIDE, BOTH] * 40, [0] * 40 + [1] * 40, list(range(80))).reliable
    assert not members.reliable
    assert "families 3, 2, too few: give more particles" in repr(members)
    assert str(apart.agreement).startswith("the chains disagree in ")


def test_a_share_of_anything(members: Fibre) -> None:
    assert members.share(lambda net: net.weights[0][0, 0] > 0).value == pytest.approx(5 / 6)
    assert members.share([0.5] * 6).value == 0.5
    with pytest.raises(InputError, match="the fibre has 6 networks"):
        members.share([1.0])


def test_the_table(members: Fibre) -> None:
    table = members.frame()
    assert len(table) == len(members) == 6
    assert table["norm"].tolist() == members.path_norms.tolist()
    assert members.init_scale == pytest.approx(1 / (3 * 8**0.5))
