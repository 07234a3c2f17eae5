"""Drawing a fibre: networks of one width that compute one function, from the init law conditioned on the error."""

from __future__ import annotations

import numpy as np

from ...errors import InputError
from ...exact.canonical import CanonicalForm, canonical_form
from ...features.criteria import SOLVED
from ...networks.network import HasNetwork, Network
from .annealing import Chain, run_chain
from .init_scales import init_deviations, init_scale
from .members import Fibre
from .particles import Problem
from .targets import target_of

#: Beyond these chains were not seen to agree; see docs/understand/normalform.md, The fibre.
_MOST_INPUTS, _MOST_NEURONS = 3, 16
#: The largest second moment of a network's outputs, in units of the threshold, whose rounding stays far below that.
_MOST_UNITS = 1e13


def fibre(
    function: CanonicalForm | Network | HasNetwork,
    width: int,
    *,
    bias: bool = False,
    scale: float | None = None,
    threshold: float = SOLVED,
    inputs: str = "uniform",
    particles: int = 1000,
    sweeps: int = 2,
    chains: int = 2,
    seed: int = 0,
) -> Fibre:
    """Networks of one hidden layer that compute a function, drawn from the init law below a mean squared error.

    They are the null of a mechanism given its function: what is as frequent here as in trained networks is `free`, and
    nothing that training chose (docs/understand/normalform.md, The fibre). The law depends on the scale of the
    initialisation: draw at the init's and at one that has the norms that were observed (`scale_of_norm`), and conclude
    what both say.

    Args:
        function: a normal form, or a network of one hidden layer whose form is taken on [-1, 1]^d.
        width: hidden neurons, 16 at most.
        bias: whether neurons and read-out have biases.
        scale: b, the standard deviation of a neuron's weights times that of its read-out; by default that of the usual
            initialisation, `init_scale`.
        threshold: the mean squared error that the networks stay below.
        inputs: what the error is a mean over: `"uniform"` on the form's box, or `"normal"`, standard normal inputs.
        particles: of a chain; more make the families more, and the time longer in proportion.
        sweeps: over all neurons, at each temperature.
        chains: independent runs, which have to agree.
        seed: of the random draws.

    Raises:
        InputError: for more than three inputs, 16 neurons, a function that so few neurons or networks without biases
            cannot compute, or where no network is found.

    Examples:
        >>> absolute = Network([[[1.0], [-1.0]], [[1.0, 1.0]]])
        >>> drawn = fibre(absolute, 3, particles=100)
        >>> bool((drawn.errors < 1e-8).all()), drawn.form_share("relu(x1) + relu(-x1)").value
        (True, 1.0)
    """
    form = function if isinstance(function, CanonicalForm) else canonical_form(function)
    _check(form, width, bias, inputs, particles, sweeps, chains)
    b = init_scale(form.inputs, width) if scale is None else float(scale)
    if not 0 < b < np.inf or not 0 < threshold < np.inf:
        raise InputError(f"scale {b:g} and threshold {threshold:g}: give two numbers above 0")
    hidden, readout = init_deviations(form.inputs, width, b)
    deviations = np.array([b] * width + [readout] * bias)
    target = target_of(form, bias, inputs)
    problem = Problem(target, width, deviations)
    largest = float((deviations**2).sum() * target.moments(np.eye(problem.size), np.eye(problem.size)).max())
    if max(largest, float(np.trace(target.square))) > _MOST_UNITS * threshold:
        raise InputError(
            f"threshold {threshold:g} at scale {b:g}: rounding would decide which errors are below it; give a larger "
            "threshold, or divide the function and the scale by one number"
        )
    runs = [
        run_chain(problem, threshold, particles, sweeps, np.random.default_rng([seed, k]))
        for k in range(chains)
    ]
    networks = tuple(net for run in runs for net in _networks(run, width, bias, hidden))
    return Fibre(
        form=form, width=width, bias=bias, scale=b, threshold=threshold, inputs=inputs, networks=networks,
        weights=np.concatenate([run.weights for run in runs]),
        chain=np.repeat(np.arange(chains), [len(run.weights) for run in runs]),
        family=np.concatenate([run.family + k * particles for k, run in enumerate(runs)]),
        errors=np.concatenate([run.errors for run in runs]),
        levels=tuple(run.levels for run in runs),
    )  # fmt: skip


def _check(
    form: CanonicalForm, width: int, bias: bool, inputs: str, particles: int, sweeps: int, chains: int
) -> None:
    if form.inputs > _MOST_INPUTS or not 1 <= width <= _MOST_NEURONS:
        raise InputError(
            f"{form.inputs} inputs and {width} neurons: a fibre is drawn for one hidden layer with up to "
            f"{_MOST_INPUTS} inputs and {_MOST_NEURONS} neurons; larger ones have no null of this kind yet"
        )
    if inputs not in ("uniform", "normal") or (inputs == "normal" and bias):
        raise InputError(
            f"inputs {inputs!r}{' with biases' if bias else ''}: the error is a mean over 'uniform' inputs of the box, "
            "or over 'normal' ones in networks without biases"
        )
    if particles < 2 or sweeps < 1 or chains < 1:
        raise InputError(
            f"{particles} particles, {sweeps} sweeps, {chains} chains: give at least two particles and one of the "
            "others"
        )
    needed = form.neurons(bias=bias)
    if needed.proved and needed.count > width:
        raise InputError(f"{width} neurons: no network of fewer than {needed.count} computes {form!r}")


def _networks(run: Chain, width: int, bias: bool, deviation: float) -> list[Network]:
    """The members in the units of the initialisation: weights W times sigma_w, read-outs divided by it."""
    members = []
    for W, v in zip(run.W, run.readouts, strict=True):
        hidden, readout = W[:width] * deviation, v[:width].T / deviation
        if bias:
            members.append(Network([hidden[:, :-1], readout], [hidden[:, -1], v[width]]))
        else:
            members.append(Network([hidden, readout]))
    return members
