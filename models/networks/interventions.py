"""Causal interventions on a running network: ablation, substitution, interchange.

An intervention is a function of a hook's values, [n, units] in and out, on numpy arrays. The same object goes
to `detect.Network.run` and, through TransformerLens's forward hooks, to an MLP; both give the same outputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from mathcircuits.detect import InputError, Network
from mathcircuits.detect.networks import Array, Intervention, check_inputs, hook_post

from .mlp import MLP
from .recording import as_array, check_hooks, evaluating


def intervene(net: MLP | Network, X: npt.ArrayLike, interventions: Mapping[str, Intervention]) -> Array:
    """The outputs [n, outputs] with interventions on the way.

    Args:
        net: an MLP (through `run_with_hooks`, in its own dtype) or a `detect.Network`.
        X: inputs [n, d].
        interventions: hook name -> function that gets that hook's float64 values [n, units], a copy, and
            returns what goes on in their place.

    Raises:
        UnknownNameError: for a hook that the network does not have.
        InputError: where an intervention changes the shape.

    Examples:
        >>> from .hand_derivations import hand_derived
        >>> intervene(hand_derived("absolute"), [[-2.0]], {"hook_output": lambda y: y + 1}).tolist()
        [[3.0]]
    """
    if isinstance(net, Network):
        return net.run(as_array(X), interventions).outputs
    check_hooks(list(interventions), tuple(net.hook_dict))
    inputs = torch.tensor(check_inputs(as_array(X), net.cfg.sizes[0]), dtype=net.dtype, device=net.device)
    hooks: list[Any] = [(name, _as_hook(name, function)) for name, function in interventions.items()]
    with evaluating(net), torch.no_grad():
        outputs: torch.Tensor = net.run_with_hooks(inputs, fwd_hooks=hooks)
        return np.asarray(outputs.to("cpu", torch.float64, copy=True).numpy())


def ablate(
    net: MLP | Network, X: npt.ArrayLike, *, layer: int, neuron: int, to: Literal["mean", "zero"] = "mean"
) -> Array:
    """The outputs [n, outputs] with one neuron held at its mean over X, or at zero.

    Args:
        net: the network.
        X: inputs [n, d].
        layer: which hidden layer, counting from 0 those that have an activation function.
        neuron: which of its neurons, counting from 0.
        to: the constant that takes the neuron's place.

    Raises:
        InputError: for a layer or neuron that is not there, or another `to`.

    Examples:
        >>> from .hand_derivations import hand_derived
        >>> X = [[-1.0], [1.0]]
        >>> ablate(hand_derived("absolute"), X, layer=0, neuron=1, to="zero").ravel().tolist()
        [0.0, 1.0]
        >>> ablate(hand_derived("absolute"), X, layer=0, neuron=1).ravel().tolist()
        [0.5, 1.5]
    """
    if to not in ("mean", "zero"):
        raise InputError(f"to={to!r}: a neuron is ablated to 'mean' or to 'zero'")
    hook, _ = _hook(net, layer, neuron)
    return intervene(
        net, X, {hook: lambda h: _with_column(h, neuron, h[:, neuron].mean() if to == "mean" else 0.0)}
    )


def substitute(
    net: MLP | Network, X: npt.ArrayLike, *, layer: int, neuron: int, values: npt.ArrayLike
) -> Array:
    """The outputs [n, outputs] with given values in the place of one neuron's activations.

    Args:
        net: the network.
        X: inputs [n, d].
        layer: which hidden layer, counting from 0 those that have an activation function.
        neuron: which of its neurons, counting from 0.
        values: one value per input, [n].

    Raises:
        InputError: for a layer or neuron that is not there, or values of another shape.

    Examples:
        >>> from .hand_derivations import hand_derived
        >>> X = [[-1.0], [1.0]]
        >>> substitute(hand_derived("absolute"), X, layer=0, neuron=1, values=[5.0, 0.0]).ravel().tolist()
        [5.0, 1.0]
    """
    (hook, _), n = _hook(net, layer, neuron), len(check_inputs(as_array(X)))
    column = np.asarray(as_array(values), dtype=np.float64)
    if column.shape != (n,) or not np.isfinite(column).all():
        raise InputError(
            f"values of shape {column.shape} for {n} inputs: give one finite value per input, shape ({n},)"
        )
    return intervene(net, X, {hook: lambda h: _with_column(h, neuron, column)})


def interchange(
    net: MLP | Network, X: npt.ArrayLike, source: npt.ArrayLike, *, layer: int, direction: npt.ArrayLike
) -> Array:
    """The outputs [n, outputs] on X with the component along a direction taken from the run on `source`.

    With u the unit direction, the layer's activations h(x) become h(x) + (u . h(source) - u . h(x)) u: an
    interchange intervention (Geiger et al. 2021, arXiv 2106.02997) on a one-dimensional subspace.

    Args:
        net: the network.
        X: inputs [n, d].
        source: the inputs [n, d] whose component is put in, row by row.
        layer: which hidden layer, counting from 0 those that have an activation function.
        direction: [units], any length but zero.

    Raises:
        InputError: for a layer that is not there, a zero direction or one of another length, or where
            X and source do not have the same number of rows.

    Examples:
        >>> from .hand_derivations import hand_derived
        >>> interchange(hand_derived("absolute"), [[-1.0]], [[3.0]], layer=0, direction=[1, 0]).item()
        4.0
    """
    hook, units = _hook(net, layer)
    inputs, others = check_inputs(as_array(X)), check_inputs(as_array(source))
    if inputs.shape != others.shape:
        raise InputError(
            f"inputs {inputs.shape} and source {others.shape}: give one source row per input row"
        )
    u = np.asarray(as_array(direction), dtype=np.float64)
    if u.shape != (units,) or not np.isfinite(u).all() or not u.any():
        raise InputError(
            f"direction of shape {u.shape}: give {units} finite numbers, not all zero (the layer's units)"
        )
    u = u / np.linalg.norm(u)
    there: dict[str, Array] = {}

    def keep(h: Array) -> Array:
        there["component"] = h @ u
        return h

    intervene(net, others, {hook: keep})
    return intervene(net, inputs, {hook: lambda h: h + np.outer(there["component"] - h @ u, u)})


def _hook(net: MLP | Network, layer: int, neuron: int = 0) -> tuple[str, int]:
    """The hook behind a layer's activation function and the layer's width."""
    shape = net.architecture if isinstance(net, Network) else net.cfg.architecture
    if not 0 <= layer < len(shape.active):
        raise InputError(
            f"layer {layer}: {shape} has {len(shape.active)} hidden layers with an activation, from 0"
        )
    block = shape.active[layer]
    units = shape.sizes[block + 1]
    if not 0 <= neuron < units:
        raise InputError(f"neuron {neuron}: layer {layer} has {units} neurons, from 0")
    return hook_post(block), units


def _with_column(h: Array, column: int, values: npt.ArrayLike) -> Array:
    h[:, column] = values  # h is the intervention's own copy
    return h


def _as_hook(name: str, function: Intervention) -> Any:
    """A TransformerLens hook that runs a numpy intervention."""

    def hook_function(values: torch.Tensor, hook: Any) -> torch.Tensor:  # noqa: ARG001 - its signature
        given = values.detach().to("cpu", torch.float64, copy=True).numpy()
        changed = np.array(function(given), dtype=np.float64)
        if changed.shape != tuple(values.shape):
            raise InputError(
                f"the intervention at {name} returned shape {changed.shape}, expected {tuple(values.shape)}"
            )
        return torch.from_numpy(changed).to(values)

    return hook_function
