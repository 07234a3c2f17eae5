"""From which certified error on networks hold what is forced: adversarial networks below it, examples above it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mathcircuits.detect import Network, Task, certify, hand_derived, tasks
from mathcircuits.detect.networks import Network as PlainNetwork
from mathcircuits.detect.universality import Orbits
from mathcircuits.detect.universality.forced_errors import form_error, kink_error, ray_error
from mathcircuits.detect.universality.holders import carriers, group_cost

GREATER, POSITIVE, NEGATIVE = (
    ("greaterness", ("x1", "x2")),
    ("positiveness", ("x1",)),
    ("negativeness", ("x1",)),
)
#: Exact networks of the minimum: one side of the kink, and both.
SLIDE = hand_derived("minimum")
HALF = Network([[[1, -1], [-1, 1], [1, 1], [-1, -1]], [[-0.5, -0.5, 0.5, -0.5]]])


@pytest.fixture(scope="module")
def orbits() -> Orbits:
    return Orbits(tasks["minimum"])


def beside(network: PlainNetwork, rows: np.ndarray, masses: np.ndarray) -> Network:
    """The network with more neurons: unit rows [m, 2], each with that outgoing weight."""
    first, last = network.weights
    return Network([np.vstack([first, rows]), np.hstack([last, masses[None, :]])])


def at_angle(degrees: np.ndarray | float) -> np.ndarray:
    """Unit normals turned from that of x1 > x2 by so many degrees."""
    turned = np.radians(np.atleast_1d(degrees)) - math.pi / 4
    return np.column_stack([np.cos(turned), np.sin(turned)])


# --- kinks ---


@pytest.mark.parametrize("base", [SLIDE, HALF], ids=["one side", "both sides"])
@pytest.mark.parametrize("extra", [3, 12, 60])
@pytest.mark.parametrize("seed", range(4))
def test_no_network_below_the_error_lacks_the_kink(
    orbits: Orbits, base: PlainNetwork, extra: int, seed: int
) -> None:
    """Prediction: none lacks it, whatever else it has. What is added lies near the kink, at any mass that the error
    allows: single neurons, and pairs that cancel all the better the nearer they lie."""
    rng = np.random.default_rng([seed, extra])
    allowed = kink_error(tasks["minimum"], [1, -1])
    angles = rng.choice([-1.0, 1.0], extra) * np.exp(rng.uniform(np.log(1e-3), np.log(30.0), extra))
    gaps = np.exp(rng.uniform(np.log(1e-4), np.log(3.0), extra))
    side = rng.choice([-1.0, 1.0], (extra, 1))
    pairs = np.vstack([side * at_angle(angles), side * at_angle(angles + gaps)])
    mass = rng.normal(size=extra) / np.minimum(gaps, 1.0)
    added = Network([pairs, np.concatenate([mass, -mass])[None, :]])
    size = 0.95 * allowed / certify(added, "0 * x1").upper
    network = beside(base, pairs, size * added.weights[1][0])
    assert certify(network, "minimum").upper <= allowed
    assert orbits.held_together(network, GREATER)


def test_a_kink_that_is_turned_too_far_is_above_the_error(orbits: Orbits) -> None:
    """Two degrees off is no longer greaterness, and the certificate says that nothing follows there."""
    for degrees, held in ((0.3, True), (1.0, True), (2.0, False)):
        kink = at_angle(degrees)
        turned = beside(Network([[[1, 0], [-1, 0]], [[1, -1]]]), kink, np.array([-math.sqrt(2)]))
        error = certify(turned, "minimum").upper
        assert orbits.held_together(turned, GREATER) is held
        assert held or error > orbits.forced_error(GREATER, (3,))


def test_neurons_that_cancel_at_the_edge_do_not_hide_the_kink(orbits: Orbits) -> None:
    """The criterion of single neurons sees no used neuron on this kink; the theorem's, of groups, does.

    At 0 lies the kink's whole mass J, and then -J, J, -J, J, so that of the two neurons that hold greaterness each has
    one more within its own 1e-3 that cancels what it adds up to; the neurons just outside make the function whole.
    """
    J, gap = math.sqrt(2), 1e-3
    first = edge_of(0.0)
    second = edge_of(first - gap)
    angles = np.array([0.0, first - gap, first + gap, second - gap, second + gap])
    masses = -J * np.array([1.0, -1.0, 1.0, -1.0, 1.0])
    network = beside(Network([[[1, 0], [-1, 0]], [[1, -1]]]), at_angle(angles), masses)
    assert certify(network, "minimum").upper < kink_error(tasks["minimum"], [1, -1]) / 10
    assert GREATER not in carriers([network])[0].held_labels()[0]
    assert orbits.held_together(network, GREATER)


def edge_of(degrees: float) -> float:
    """The largest angle at which a neuron is still one feature with the one at this angle."""
    below, above = degrees + 1.0, degrees + 3.0
    for _ in range(40):
        middle = (below + above) / 2
        of_one = group_cost(Network([at_angle(middle), [[1.0]]]), at_angle(degrees)[0]) > 0
        below, above = (middle, above) if of_one else (below, middle)
    return below


def test_kinks_of_other_tasks_and_units() -> None:
    minimum = tasks["minimum"]
    error = kink_error(minimum, [1, -1])
    assert error == pytest.approx(kink_error(minimum, [-3, 3]), rel=1e-9)
    tenfold = Task(name="tenfold", arity=2, target=lambda X: 10 * np.minimum(X[:, 0], X[:, 1]))
    assert kink_error(tenfold, [1, -1]) == pytest.approx(10 * error, rel=1e-9)
    wide = Task(name="wide", arity=2, box=((-2, 2), (-2, 2)), target=lambda X: np.minimum(X[:, 0], X[:, 1]))
    assert kink_error(wide, [1, -1]) == pytest.approx(2 * error, rel=1e-6)
    assert kink_error(tasks["sort-2"], [1, -1]) > 5e-3
    # No bend, more inputs, a box without the origin: no error is known.
    away = Task(name="away", arity=2, box=((1, 2), (1, 2)), target=lambda X: np.minimum(X[:, 0], X[:, 1]))
    assert [kink_error(task, [1, -1]) for task in (tasks["addition"], away)] == [0.0, 0.0]
    assert kink_error(tasks["median-of-3"], [1, -1, 0]) == 0.0


# --- rays ---


def test_rays_by_hand() -> None:
    """x on [-1, 1]: sd(relu) = sqrt(5/48), sd(x) = sqrt(1/3): (sd(relu) - 0.1 sd(x)) / (sd(relu) + 0.1)."""
    ray, line = math.sqrt(5 / 48), math.sqrt(1 / 3)
    assert ray_error(tasks["identity"], 1) == pytest.approx((ray - 0.1 * line) / (ray + 0.1), rel=1e-2)
    assert ray_error(tasks["relu"], -1) == 0.0


@pytest.mark.parametrize("width", [2, 64])
def test_rays_below_the_error_are_held_and_well_above_it_need_not_be(width: int) -> None:
    orbits = Orbits(tasks["identity"])
    allowed = orbits.forced_error(POSITIVE, (width,))
    rng = np.random.default_rng(width)
    w = np.concatenate([[1.0, -1.0], rng.normal(size=width - 2)])[:, None]
    for slope, held in ((1 - 0.99 * allowed, True), (0.05, False)):
        v = rng.normal(size=width)
        # The outgoing weights that give the positive side this slope, and the other one slope 1.
        v -= (
            w[:, 0]
            * np.where(w[:, 0] > 0, (v @ np.maximum(w[:, 0], 0) - slope), 0)
            / (np.maximum(w[:, 0], 0) ** 2).sum()
        )
        v -= (
            w[:, 0]
            * np.where(w[:, 0] < 0, (v @ np.maximum(-w[:, 0], 0) + 1), 0)
            / (-(np.minimum(w[:, 0], 0) ** 2)).sum()
        )
        network = Network([w, v[None, :]])
        assert network(np.array([[1.0], [-1.0]]))[:, 0] == pytest.approx([slope, -1.0])
        assert orbits.held_together(network, POSITIVE) is held
        assert (certify(network, "identity").upper <= allowed) is held


# --- only forms ---


@pytest.mark.parametrize(
    "name", ["minimum", "maximum", "x1-plus-abs-x2", "addition", "subtraction", "sum-of-3"]
)
def test_networks_of_the_smallest_size_below_the_error_have_the_only_form(name: str) -> None:
    """Prediction: however the hand-derived weights are disturbed, what stays within the error holds all of the form."""
    task = tasks[name]
    orbits, exact, allowed = Orbits(task), hand_derived(name), form_error(task)
    rng = np.random.default_rng(len(name))
    near = 0
    for _ in range(25):
        size = np.exp(rng.uniform(np.log(1e-5), np.log(1e-1)))
        disturbed = Network([w + size * rng.normal(size=w.shape) for w in exact.weights])
        if certify(disturbed, task).upper > allowed:
            continue
        near += 1
        assert all(orbits.held_together(disturbed, label) for label in orbits.expected)
    assert near >= 5


def test_the_error_of_a_form_is_none_where_no_theorem_is_stated() -> None:
    skewed = Task(
        name="skewed",
        arity=2,
        derived="minimum",
        box=((-1, 2), (-1, 1)),
        target=lambda X: np.minimum(X[:, 0], X[:, 1]),
    )
    assert [form_error(task) for task in (skewed, tasks["clip"], tasks["sort-2"], tasks["relu"])] == [0.0] * 4
    mine = Task(name="mine", arity=2, target=lambda X: X[:, 0] * X[:, 1])
    assert form_error(mine) == 0.0


def test_orbits_take_the_larger_error_and_none_without_a_theorem(orbits: Orbits) -> None:
    assert orbits.forced_error(GREATER, (3,)) == kink_error(tasks["minimum"], [1, -1])
    assert (
        orbits.forced_error(POSITIVE, (3,))
        == orbits.forced_error(NEGATIVE, (3,))
        == form_error(tasks["minimum"])
    )
    # Nothing is forced: a wider network, one side alone, the other layer, biases.
    assert orbits.forced_error(POSITIVE, (4,)) == 0.0
    assert orbits.forced_error(GREATER, (3,), oriented=True) == 0.0
    assert orbits.forced_error(GREATER, (3, 2)) == 0.0
    assert orbits.forced_error(GREATER, (3,), bias=True) == 0.0
