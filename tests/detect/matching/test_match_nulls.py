"""The null behind one match: its mass below the match is what p counts, and its threshold is where p is 0.05."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from mathcircuits.detect import Analysis, InputError, MatchNull, Network, analyse, hand_derived
from mathcircuits.detect.matching.nulls import neuron_nulls, simulated

#: An exact ridge, one that is near, one that is not, and a neuron that never switches off.
MIXED = Network(
    [[[1.0, 0.0], [-1.0, 0.02], [1.0, -0.6], [0.1, 0.1]], [[1.0, 1.0, 1.0, 1.0]]],
    [[0.0, 0.0, -0.2, 1.0], None],
)


@pytest.fixture(autouse=True, scope="module")
def _few_draws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The simulated null only ranks classes here: an eighth of its draws do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MATHCIRCUITS_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setattr(simulated, "_FIRST_LAYER_DRAWS", 20_000)
        patch.setattr(simulated, "_DEEP_DRAWS", 10_000)
        neuron_nulls._cached_null.cache_clear()
        yield
    neuron_nulls._cached_null.cache_clear()


@pytest.fixture(scope="module")
def mixed() -> Analysis:
    return analyse(MIXED)


def test_the_mass_below_a_match_is_at_most_its_p(mixed: Analysis) -> None:
    for neuron in range(3):
        null = mixed.null_of(0, neuron)
        row = mixed.neurons.iloc[neuron]
        assert (null.feature, null.p, null.unexplained) == (row["feature"], row["p"], row["unexplained"])
        assert null.mass.sum() == pytest.approx(1.0)
        # p counts the next larger draw too, and matches of the other classes.
        assert null.below(null.unexplained) <= null.p
    near = mixed.null_of(0, 1)
    assert near.below(near.unexplained) == pytest.approx(near.p, rel=0.1)


def test_the_threshold_is_where_p_is_five_per_cent(mixed: Analysis) -> None:
    exact, near, far = (mixed.null_of(0, neuron) for neuron in range(3))
    assert exact.needed is not None
    assert exact.unexplained < exact.needed < far.unexplained
    assert exact.p < 0.05 < far.p
    # The near neuron has the exact one's offset, and so its null.
    assert near.needed == exact.needed
    assert (near.unexplained < exact.needed) == (near.p < 0.05)


def test_a_neuron_behind_another_layer_has_a_null_of_its_own() -> None:
    deep = Network(
        [[[1, -1], [1, 0], [-1, 0.3]], [[0.2, 1, -1], [1, -1, 0.5]], [[1, 1]]], [[0.1, 0, 0], [-0.1, 0], None]
    )
    found = analyse(deep, init="uniform")
    null = found.null_of(1, 1)
    assert null.layer == 1
    assert null.mass.sum() == pytest.approx(1.0)
    assert len(null.draws) <= 2_000  # plain draws of that layer, not the simulated null's


def test_a_layer_without_offsets_has_the_simulated_null() -> None:
    null = analyse(hand_derived("minimum"), task="minimum", init="uniform").null_of(0, 0)
    assert null.below(1e-9) < 1e-3 < null.below(0.1) < null.below(0.5)
    assert null.below(1.0) == pytest.approx(1.0)
    # In one dimension every untrained neuron is a half-line: the match could not have failed.
    vacuous = analyse(hand_derived("absolute"), task="absolute", init="uniform").null_of(0, 0)
    assert (vacuous.status, vacuous.needed, vacuous.p) == ("vacuous", None, 1.0)
    assert vacuous.below(1e-9) == pytest.approx(1.0)
    assert "none would do" in repr(vacuous)


def test_the_histogram_keeps_all_of_the_mass(mixed: Analysis) -> None:
    null = mixed.null_of(0, 1)
    edges = np.logspace(-6, 0, 13)
    assert null.histogram(edges).sum() == pytest.approx(1.0)
    assert null.histogram(edges)[:6].sum() == pytest.approx(null.below(edges[6]))


def test_what_has_no_draws_is_refused(mixed: Analysis) -> None:
    with pytest.raises(InputError, match="neuron 3 of layer 0 is linear, and has no match"):
        mixed.null_of(0, 3)
    with pytest.raises(InputError, match="neuron 9 of layer 0: the layer has 4 neurons"):
        mixed.null_of(0, 9)
    with pytest.raises(InputError, match="layer 2: the network has 1 layers with an activation"):
        mixed.null_of(2, 0)
    closed = Network([np.eye(9)[:3], [[1.0, 1.0, 1.0]]])
    with pytest.raises(InputError, match="is a closed form of its weights"):
        analyse(closed, init="uniform").null_of(0, 0)


def test_a_null_prints_in_a_line(mixed: Analysis) -> None:
    null = mixed.null_of(0, 0)
    assert isinstance(null, MatchNull)
    assert repr(null).startswith("MatchNull(v0 positiveness(x1), matched, p = ")
