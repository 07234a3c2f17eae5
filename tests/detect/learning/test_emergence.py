"""Emergence: planted moments, losses on the way, censored seeds, intervals, error texts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from mathcircuits.detect import Network, UnknownFeature, hand_derived
from mathcircuits.detect.errors import InputError
from mathcircuits.detect.features.catalogues import catalogue
from mathcircuits.detect.learning.emergence import _quantile_interval, emergence_of

MINIMUM = hand_derived("minimum")
MIRRORED = Network([[[-1, 1], [0, 1], [0, -1]], [[-1, 1, -1]]])
#: Directions of the box's diagonal and off any feature's.
BLANK = Network([[[1, 0.3], [-0.2, 1], [0.1, -0.7]], [[1, 1, 1]]])
STEPS = [0, 1, 10, 100]


def planted(moments: list[int | None]) -> list[list[Network | None]]:
    """Networks [checkpoint][seed]: each is the minimum from its checkpoint on, None never."""
    return [[MINIMUM if m is not None and k >= m else BLANK for m in moments] for k in range(len(STEPS))]


def test_planted_moments_come_back() -> None:
    found = emergence_of(STEPS, planted([0, 1, 3, None]), "greaterness", ("x1", "x2"), seeds=[7, 8, 9, 11])
    first = found.first.set_index("seed")
    assert first["step"].tolist()[:3] == [0, 1, 100]
    assert first["after"].isna().tolist() == [True, False, False, True]
    assert first["after"].tolist()[1:3] == [0, 10]
    assert first["emerged"].tolist() == [True, True, True, False]
    assert first["reason"][11].startswith("never held; nearest used neuron at the end 0.")
    curve = found.curves[found.curves["seed"] == 9]
    assert curve["step"].tolist() == STEPS
    assert curve["held"].tolist() == [False, False, False, True]
    assert curve["unexplained"].iloc[-1] == pytest.approx(0, abs=1e-9)
    assert curve["neuron"].iloc[-1] == 0
    assert (found.curves["unexplained"] >= 0).all()
    assert found.to_frame() is found.first


def test_a_feature_that_is_lost_again_has_not_emerged() -> None:
    nets: list[list[Network | None]] = [
        [MINIMUM, BLANK],
        [BLANK, MINIMUM],
        [MINIMUM, BLANK],
        [MINIMUM, BLANK],
    ]
    first = emergence_of(STEPS, nets, "greaterness").first
    assert first["step"].tolist()[0] == 10
    assert first["times_lost"].tolist() == [1, 1]
    assert first["emerged"].tolist() == [True, False]
    assert first["reason"][1].startswith("held for a while and lost; nearest used neuron at the end")


def test_mirror_images_count_unless_oriented() -> None:
    nets: list[list[Network | None]] = [[BLANK], [MIRRORED]]
    modulo = emergence_of([0, 5], nets, task="minimum")
    assert sorted(set(modulo.first["feature"])) == ["greaterness", "negativeness", "positiveness"]
    assert modulo.first["step"].tolist() == [5, 5, 5]
    assert modulo.first["on"].tolist().count("x1") == 2
    oriented = emergence_of([0, 5], nets, task="minimum", oriented=True).first
    assert len(oriented) == 6
    kept = oriented[oriented["emerged"]]
    assert set(zip(kept["feature"], kept["on"], strict=True)) == {
        ("greaterness", "x2, x1"),
        ("positiveness", "x2"),
        ("negativeness", "x2"),
    }
    assert emergence_of([0, 5], nets, "greaterness", task="minimum").first["emerged"].tolist() == [True]
    assert emergence_of([0, 5], nets, "greaterness").first["emerged"].tolist() == [False]


def test_only_used_neurons_count() -> None:
    unread = Network([np.array([[1, -1], [1, 0.3], [-0.2, 1]]), [[0, 1, 1]]])
    found = emergence_of([0], [[unread]], "greaterness")
    assert not found.first["emerged"][0]
    assert found.curves["neuron"][0] != 0


def test_widths_may_differ_and_diverged_networks_hold_nothing() -> None:
    wide = Network([[[1, -1], [1, 0], [-1, 0], [0, 0]], [[-1, 1, -1, 0]]])
    found = emergence_of([0, 1], [[wide, wide], [MINIMUM, None]], "greaterness")
    assert found.first["emerged"].tolist() == [True, False]
    assert found.first["step"].tolist()[0] == 0
    gone = found.curves[(found.curves["seed"] == 1) & (found.curves["step"] == 1)].iloc[0]
    assert gone["unexplained"] == 1
    assert gone[["layer", "neuron"]].isna().all()


def test_the_second_layer_is_searched_too() -> None:
    four = hand_derived("minimum-of-4")
    found = emergence_of([0], [[four]], task="minimum-of-4")
    assert set(found.curves["layer"].tolist()) == {0, 1}
    assert found.first["emerged"].all()
    # A shallow network cannot hold them: they are left out, not reported as missed.
    shallow = Network([[[1, -1, 0, 0], [1, 0, 0, 0]], [[1, 1]]])
    assert len(emergence_of([0], [[shallow]], task="minimum-of-4").first) < len(found.first)


def test_the_summary_counts_those_that_never_get_there() -> None:
    moments: list[int | None] = [1] * 8 + [3] * 4 + [None] * 8
    summary = emergence_of(STEPS, planted(moments), "greaterness").summary.set_index("quantile")
    assert summary["emerged"].tolist() == [12, 12, 12]
    assert summary["share"].tolist() == [0.6] * 3
    assert summary["low"][0.5] < 0.6 < summary["high"][0.5]
    assert summary["step"][0.25] == 1
    assert summary["step"][0.5] == 100
    assert summary["step"].isna().tolist() == [False, False, True]
    assert summary["reason"][0.75] == "the quantile, its upper end not within the 100 steps"
    few = emergence_of(STEPS, planted([1, 1]), "greaterness").summary.set_index("quantile")
    assert few["reason"][0.5] == "its upper end not within the 100 steps; no lower end from 2 seeds"


@pytest.mark.parametrize("n", [5, 20, 100])
@pytest.mark.parametrize("q", [0.25, 0.5, 0.75])
def test_quantile_intervals_cover(n: int, q: float) -> None:
    times = np.arange(1.0, n + 1)
    low, high = _quantile_interval(times, q, 0.95)
    # The true quantile lies between order statistics l and u iff l to u - 1 of n lie below it.
    least = 0 if np.isinf(low) else int(low)
    most = n if np.isinf(high) else int(high) - 1
    assert binom.cdf(most, n, q) - binom.cdf(least - 1, n, q) >= 0.95
    # And no rank is given away.
    assert np.isinf(low) or binom.cdf(least, n, q) > 0.025
    assert np.isinf(high) or binom.sf(most - 1, n, q) > 0.025


def test_it_prints() -> None:
    found = emergence_of(STEPS, planted([0, 1]), task="minimum")
    assert repr(found) == "Emergence(3 features, 2 seeds, 4 checkpoints; emerged in all seeds: 3)"
    assert "greaterness" in found._repr_html_()


def test_error_texts() -> None:
    nets = planted([0])
    with pytest.raises(InputError, match="one Network: give a list of networks"):
        emergence_of([0], [hand_derived("absolute")], task="absolute")  # type: ignore[list-item]
    with pytest.raises(InputError, match="one int: give a list of networks"):
        emergence_of([0], 3, task="absolute")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="steps 3: give increasing training steps"):
        emergence_of(3, [], task="absolute")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="give increasing training steps"):
        emergence_of([0, 0, 1, 2], nets, "greaterness")
    with pytest.raises(
        InputError, match=r"networks of \[1, 1, 1, 1\] seeds at 2 steps: give networks\[step\]\[seed\]"
    ):
        emergence_of([0, 1], nets, "greaterness")
    with pytest.raises(InputError, match="2 seeds for 1 networks: give one each, all different"):
        emergence_of(STEPS, nets, "greaterness", seeds=[1, 2])
    with pytest.raises(InputError, match="max_unexplained=0: give the share"):
        emergence_of(STEPS, nets, "greaterness", max_unexplained=0)
    with pytest.raises(InputError, match="every network has diverged"):
        emergence_of([0], [[None]], "greaterness")
    with pytest.raises(InputError, match="give the networks' own task"):
        emergence_of(STEPS, nets, task="absolute")
    with pytest.raises(InputError, match="give the networks of one task"):
        emergence_of([0], [[MINIMUM, hand_derived("absolute")]], "positiveness")
    with pytest.raises(InputError, match="no feature and no task"):
        emergence_of(STEPS, nets)
    with pytest.raises(InputError, match="arguments without a feature"):
        emergence_of(STEPS, nets, on=("x1", "x2"), task="minimum")
    with pytest.raises(InputError, match=r"greaterness\(x1, x7\): no such feature on the inputs"):
        emergence_of(STEPS, nets, "greaterness", ("x1", "x7"))
    with pytest.raises(UnknownFeature, match="no feature named 'gretaerness'"):
        emergence_of(STEPS, nets, "gretaerness")


def test_box_confidence_and_catalogue_are_the_callers() -> None:
    # Its kink lies 1 beside greaterness: far off on (-1, 1), next to nothing on (-1000, 1000).
    beside = Network([[[1, -1]], [[1]]], [[-1.0], [0.0]])
    assert emergence_of([0], [[beside]], "greaterness").first["emerged"].tolist() == [False]
    assert emergence_of([0], [[beside]], "greaterness", box=(-1000, 1000)).first["emerged"].tolist() == [True]
    usual, wide = (
        emergence_of(STEPS, planted([1] * 8 + [None] * 12), "greaterness", confidence=c).summary
        for c in (0.95, 0.99)
    )
    assert (wide["low"] < usual["low"]).all()
    assert (usual["high"] < wide["high"]).all()
    with pytest.raises(UnknownFeature, match="no feature named 'absolute'"):
        emergence_of([0], [[MINIMUM]], "absolute", catalogue=catalogue.search("order"))
