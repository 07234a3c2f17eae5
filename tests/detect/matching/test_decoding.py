"""One feature as a direction: decoder, encoder, spread, and what an interchange along it does."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect import InputError, Network, UnknownNameError, hand_derived
from mathcircuits.detect.features.catalogues import catalogue
from mathcircuits.detect.matching.decoding import interchange_effect, read_direction

X = np.random.default_rng(0).uniform(-1, 1, (200, 2))


def test_the_decoder_gives_the_feature_in_its_own_units() -> None:
    net = hand_derived("minimum")
    found = read_direction(net, "minimum", ("x1", "x2"))
    h = net.run(X)["blocks.0.mlp.hook_post"]
    np.testing.assert_allclose(h @ found.decoder + found.offset, X.min(axis=1), atol=1e-6)


def test_writing_along_the_encoder_raises_what_is_decoded_by_one() -> None:
    for name in ("greaterness", "minimum"):
        found = read_direction(hand_derived("minimum"), name, ("x1", "x2"))
        assert found.decoder @ found.encoder == pytest.approx(1.0)


def test_participation_counts_the_neurons_that_carry_it() -> None:
    net = hand_derived("minimum")
    one, two = read_direction(net, "greaterness", ("x1", "x2")), read_direction(net, "absolute", ("x1",))
    assert one.participation == pytest.approx(1.0, abs=1e-6)
    assert one.neuron == 0
    assert two.participation == pytest.approx(2.0, abs=0.02)
    assert two.cosine == pytest.approx(1 / np.sqrt(2), abs=0.01)


def test_neither_decoder_nor_effect_depends_on_how_neurons_are_scaled() -> None:
    base = hand_derived("minimum").weights
    scale = np.array([10.0, 0.1, 3.0])
    scaled = Network([base[0] * scale[:, None], base[1] / scale])
    a, b = (read_direction(n, "absolute", ("x1",)) for n in (hand_derived("minimum"), scaled))
    np.testing.assert_allclose(b.decoder * scale, a.decoder, atol=1e-6)
    np.testing.assert_allclose(b.encoder / scale, a.encoder, atol=1e-6)
    effects = [interchange_effect(n, d) for n, d in ((hand_derived("minimum"), a), (scaled, b))]
    assert effects[0].slope[0] == pytest.approx(effects[1].slope[0], abs=1e-6)


def test_interchange_finds_the_planted_slope_and_nothing_where_the_feature_is_not_used() -> None:
    # y = x1 - relu(x1 - x2), beside a neuron for x1 + x2 that the output does not read.
    net = Network([[[1, -1], [1, 0], [-1, 0], [1, 1]], [[-1, 1, -1, 0]]])
    used = interchange_effect(net, read_direction(net, "greaterness", ("x1", "x2")), target=-1.0)
    assert used.slope[0] == pytest.approx(-1.0, abs=1e-6)
    assert used.success == pytest.approx(1.0, abs=1e-6)
    idle = interchange_effect(net, read_direction(net, "positive-sum", ("x1", "x2")), target=-1.0)
    assert idle.slope[0] == pytest.approx(0.0, abs=1e-6)
    assert idle.success == pytest.approx(0.0, abs=1e-5)


def test_behind_another_layer_the_effect_is_not_linear() -> None:
    net = hand_derived("minimum-of-4")
    effect = interchange_effect(net, read_direction(net, "greaterness", ("x1", "x2"), layer=0))
    assert 0.3 < effect.linear < 0.999


def test_what_is_not_there_is_refused() -> None:
    net = hand_derived("minimum")
    with pytest.raises(UnknownNameError, match=r"no read-out named 'greaternes\(x1, x2\)': did you mean"):
        read_direction(net, "greaternes", ("x1", "x2"))
    with pytest.raises(InputError, match=r"layer 1: .* has 1 hidden layers"):
        read_direction(net, "greaterness", ("x1", "x2"), layer=1)
    with pytest.raises(InputError, match="read it from this network"):
        interchange_effect(hand_derived("addition"), read_direction(net, "greaterness", ("x1", "x2")))


def test_a_dead_layer_reads_nothing() -> None:
    found = read_direction(Network([[[0.0, 0.0]], [[1.0]]]), "greaterness", ("x1", "x2"))
    assert found.unexplained > 0.9
    assert found.participation == 0.0


def test_box_catalogue_and_seed_are_the_callers() -> None:
    net = hand_derived("minimum")
    wide = read_direction(net, "greaterness", ("x1", "x2"), box=(-2, 2))
    assert wide.unexplained < 1e-12
    assert interchange_effect(net, wide, box=(-2, 2)).slope[0] == pytest.approx(-1.0, abs=1e-6)
    with pytest.raises(UnknownNameError, match=r"no read-out named 'absolute\(x1\)'"):
        read_direction(net, "absolute", ("x1",), catalogue=catalogue.search("order"))
    deep = hand_derived("minimum-of-4")
    direction = read_direction(deep, "greaterness", ("x1", "x2"), layer=0)
    first, second, again = (interchange_effect(deep, direction, seed=seed).linear for seed in (0, 1, 0))
    assert first == again != second
