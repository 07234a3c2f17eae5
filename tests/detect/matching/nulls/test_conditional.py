"""The conditional null: offsets that training or a library sets are no evidence, and directions still are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from scipy import stats

from mathcircuits.detect import Network, UnknownNameError, match_neurons
from mathcircuits.detect.matching.correlations import class_scores, unit_vectors
from mathcircuits.detect.matching.neurons import null_frame, read_stack
from mathcircuits.detect.matching.nulls import neuron_nulls, simulated
from mathcircuits.detect.matching.nulls.conditional import evidence
from mathcircuits.detect.matching.nulls.incoming import Incoming
from mathcircuits.detect.matching.nulls.neuron_nulls import fit_null, largest_p
from mathcircuits.detect.matching.nulls.simulated import simulate
from mathcircuits.detect.matching.probes import probes_for
from mathcircuits.detect.networks.architecture import Architecture
from mathcircuits.detect.networks.initialisation import untrained
from mathcircuits.detect.networks.stacks import Stack

BOTH = ("uniform", "normal")


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


def drawn(
    sizes: tuple[int, ...], count: int, *, zero: bool = True, times: float = 1.0, activation: str = "relu"
) -> Stack:
    """Untrained networks with biases: zeros as Keras and flax have them, or their own; weights scaled."""
    shape = Architecture(sizes, (activation,) * (len(sizes) - 2), (True,) * (len(sizes) - 1))
    stack = untrained(shape, count, "normal", np.random.default_rng(len(sizes)))
    biases = tuple(np.zeros_like(b) if zero else b for b in stack.biases)
    return Stack(shape, (stack.weights[0] * times, *stack.weights[1:]), biases)


def share_matched(stack: Stack, null: str = "conditional", **options: object) -> float:
    """Networks with a matched neuron in the last hidden layer."""
    blocks, _, _ = read_stack(stack, laws=BOTH, null=null, **options)  # type: ignore[arg-type]
    return float((blocks[-1].status == "matched").any(axis=1).mean())


def limit(count: int) -> float:
    """What 5% of so many networks stay below in all but one of ten thousand samples."""
    return float(stats.binom.ppf(0.9999, count, 0.05)) / count


def test_zero_biases_are_no_evidence() -> None:
    # The old null gives a matched neuron to half of these.
    stack = drawn((2, 8, 1), 400)
    assert share_matched(stack, "unconditional") > 0.4
    assert share_matched(stack) <= limit(400)


@pytest.mark.parametrize(
    ("stack", "options"),
    [
        (drawn((2, 8, 1), 200, zero=False, times=10.0), {}),
        (drawn((3, 8, 1), 200), {}),
        (drawn((2, 8, 1), 200), {"box": (0.0, 1.0)}),
        (drawn((2, 4, 1), 40, activation="tanh"), {}),
    ],
    ids=["weights times ten", "three inputs", "a box beside the origin", "tanh"],
)
def test_other_offsets_and_scales_are_none_either(stack: Stack, options: dict[str, object]) -> None:
    assert share_matched(stack, **options) <= limit(len(stack))


def test_p_in_the_plane_is_an_angle() -> None:
    # At offset 0 only the eight ridges match, so 16 angles of 360 degrees are as close: prediction 16 x / 360.
    angle = np.deg2rad([0.05, 0.2, 1.0, 3.0])
    net = Network([np.column_stack([np.cos(angle), np.sin(angle)]), np.ones((1, 4))], [np.zeros(4), [0.0]])
    p = read_stack(Stack.of([net]), laws=("normal",))[0][0].p[0]
    # Along an axis a degree leaves less unexplained than along a diagonal.
    assert p == pytest.approx(16 * np.rad2deg(angle) / 360, rel=0.1)


def test_p_is_uniform_given_the_offset() -> None:
    # Neurons whose offset is a threshold's, where only thresholds match, in directions of the isotropic law.
    angle = np.random.default_rng(0).uniform(0, 2 * np.pi, 1_000)
    weights = np.column_stack([np.cos(angle), np.sin(angle)])
    net = Network([weights, np.ones((1, 1_000))], [np.full(1_000, -0.5), [0.0]])
    p = read_stack(Stack.of([net]), laws=("normal",))[0][0].p[0]
    for level in (0.01, 0.05):
        # An own law of offsets is considered too, so that p is rather too large; by a fifth at most.
        assert 0.6 * level < (p <= level).mean() <= stats.binom.ppf(0.9999, 1_000, level) / 1_000


def test_what_untrained_networks_match_by_their_own_offsets_stays_rare() -> None:
    stack = untrained(
        Architecture((2, 8, 1), ("relu",), (True, True)), 200, "uniform", np.random.default_rng(5)
    )
    assert share_matched(stack) <= limit(200)


def test_one_input_leaves_a_sign_and_no_evidence() -> None:
    net = Network([[[1.0], [1.0], [-1.0]], np.ones((1, 3))], [[0.0, 0.1, -0.3], [0.0]])
    frame = match_neurons(net.run(np.linspace(-1, 1, 64)[:, None]))
    assert frame["p"].tolist() == [1.0] * 3
    assert frame["status"][0] == "vacuous"
    assert not (frame["status"] == "matched").any()
    # The old null redraws the offset, so that a kink at 0 is a coincidence to it.
    old = match_neurons(net.run(np.linspace(-1, 1, 64)[:, None]), null="unconditional")
    assert old["status"][0] == "matched"


def test_layers_behind_another_one_keep_its_variables_and_their_offsets() -> None:
    # A quarter of the layers has a "match" by the old null.
    stack = drawn((2, 3, 4, 1), 60)
    assert share_matched(stack, "unconditional") > limit(60)
    assert share_matched(stack) <= limit(60)


def test_rescaling_neurons_changes_no_p() -> None:
    net = drawn((2, 3, 3, 1), 1, zero=False).network(0)
    scale = np.array([3.0, 0.01, 40.0])
    first, second, last = net.weights
    twin = Network(
        [first * scale[:, None], second / scale * scale[:, None], last / scale],
        [net.biases[0] * scale, net.biases[1] * scale, net.biases[2]],
    )
    one, other = (read_stack(Stack.of([n]), laws=BOTH)[0] for n in (net, twin))
    for mine, theirs in zip(one, other, strict=True):
        assert mine.p == pytest.approx(theirs.p, rel=1e-6, nan_ok=True)


def test_without_biases_both_nulls_are_one() -> None:
    stack = untrained(
        Architecture((2, 8, 1), ("relu",), (False, False)), 20, "uniform", np.random.default_rng(1)
    )
    one, other = (
        read_stack(stack, laws=BOTH, null=null)[0][0].p for null in ("conditional", "unconditional")
    )
    assert np.array_equal(one, other)


def test_weights_that_are_not_known_are_fitted_to_the_activations() -> None:
    net = drawn((2, 3, 3, 1), 1, zero=False).network(0)
    X = np.random.default_rng(0).uniform(-1, 1, (50, 2))
    forward = Stack.of([net]).forward(X)
    for block, previous in ((0, None), (1, forward.post[0])):
        fitted = Incoming.fitted(forward.pre[block], X, previous)
        below = X if previous is None else previous[0]
        assert below @ fitted.weights[0].T + fitted.biases[0] == pytest.approx(forward.pre[block][0])
    assert Incoming.fitted(forward.pre[0], X, None).weights[0] == pytest.approx(net.weights[0])


def test_many_rows_are_thinned_for_the_draws_and_the_neuron_alike() -> None:
    shape = Architecture((2, 1, 1), ("relu",), (True, False))
    angle = np.deg2rad([0.2, 30.0])
    incoming = Incoming(np.column_stack([np.cos(angle), np.sin(angle)])[None], np.zeros((1, 2)), None)
    found = []
    for n in (1_000, 3_000):
        probes = probes_for(2, X=np.random.default_rng(0).uniform(-1, 1, (n, 2)))
        null = fit_null(simulate(shape, 0, "normal", probes, 0, 2_000), shape, 0, probes)
        unit = unit_vectors(np.maximum(probes.X @ incoming.weights[0].T, 0.0))[2]
        scores = class_scores(unit, probes)[0]
        found.append(evidence([null], ["normal"], scores, np.ones(2, bool), incoming, shape, 0, probes).p)
    assert found[0] == pytest.approx(found[1], rel=0.2)
    assert found[0][0] == pytest.approx(16 * 0.2 / 360, rel=0.2)


def test_p_is_the_largest_over_the_laws() -> None:
    stack = drawn((2, 8, 1), 5)
    both, cube, isotropic = (read_stack(stack, laws=laws)[0][0].p for laws in (BOTH, BOTH[:1], BOTH[1:]))
    assert np.array_equal(both, np.fmax(cube, isotropic), equal_nan=True)


def test_the_old_null_is_an_option() -> None:
    stack = drawn((2, 4, 1), 5)
    block = read_stack(stack, laws=BOTH, null="unconditional")[0][0]
    assert block.draws[block.p < 1.0].max() > 10_000
    with pytest.raises(UnknownNameError, match="no null named 'untrained'"):
        match_neurons(stack.network(0).run(np.eye(2)), null="untrained")  # type: ignore[arg-type]


def test_the_table_of_nulls_says_what_a_feature_at_its_own_offset_would_get() -> None:
    stack = drawn((2, 4, 1), 1)
    blocks, _, _ = read_stack(stack, laws=("normal",))
    tables = {
        null: null_frame(stack.architecture, blocks, ("normal",), null).set_index("competes_as")["attainable"]
        for null in ("conditional", "unconditional")
    }
    # A millionth unexplained is 0.06 degrees or less: 16 of them of 360. The old null multiplies by an offset's chance.
    assert 1e-3 < tables["conditional"]["ridge"] < 16 * 0.1 / 360
    assert tables["unconditional"]["ridge"] < 1e-4
    assert tables["conditional"]["threshold"] < 16 * 0.1 / 360


def test_classes_are_still_ranked_by_the_simulated_null() -> None:
    block = read_stack(drawn((2, 8, 1), 20), laws=("normal",))[0][0]
    assert largest_p(block.nulls, np.ones((1, len(block.classes))))[0].tolist() == [1.0]
