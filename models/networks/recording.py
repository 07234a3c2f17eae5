"""Recording activations through TransformerLens's hooks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformer_lens import HookedRootModule

from mathcircuits.detect import Activations, InputError, Network, UnknownNameError
from mathcircuits.detect.networks import HOOK_INPUT, HasNetwork, check_inputs


def record(
    net: HookedRootModule | Network, X: npt.ArrayLike | torch.Tensor, names: str | Iterable[str] | None = None
) -> Activations:
    """Run the network on X and keep the values at its hooks.

    The run is TransformerLens's `run_with_cache` in evaluation mode and without gradients, in the network's
    own dtype and on its device; the values that come back are float64 copies, so that nothing done to them
    or to the network later changes either. The inputs recorded are those that the network saw: X rounded
    to its dtype.

    Args:
        net: an MLP or another HookedRootModule with a `hook_input`, or a `detect.Network`.
        X: inputs [n, d].
        names: the hooks to keep, one name or several; None keeps all. `hook_input` is always kept.

    Raises:
        UnknownNameError: for a hook that the network does not have (`run_with_cache` would silently keep
            nothing); the message names the near ones.
        InputError: for inputs of another shape or with NaN, a network without hooks, or one whose values
            overflow.

    Examples:
        >>> from .hand_derivations import hand_derived
        >>> acts = record(hand_derived("absolute"), [[-2.0], [1.0]])
        >>> acts, acts["blocks.0.mlp.hook_post"].tolist()
        (Activations(n=2, hooks=4), [[0.0, 2.0], [1.0, 0.0]])
        >>> record(hand_derived("absolute"), [[-2.0]], "blocks.0.hook_post")
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.UnknownNameError: no hook named 'blocks.0.hook_post':
        did you mean 'blocks.0.mlp.hook_post' or ...
    """
    if isinstance(net, Network):
        ran = net.run(as_array(X))
        kept = check_hooks(names, tuple(ran))
        return Activations({name: ran[name] for name in kept}, architecture=net.architecture, network=net)
    if not isinstance(net, HookedRootModule) or HOOK_INPUT not in net.hook_dict:
        raise InputError(
            f"a {type(net).__name__} has no {HOOK_INPUT!r}: pass an MLP, a Network, "
            "or what mathcircuits.models.load(...) returns"
        )
    kept = check_hooks(names, tuple(net.hook_dict))
    network = net.to_network() if isinstance(net, HasNetwork) else None
    inputs = check_inputs(as_array(X), network.inputs if network else None)
    with evaluating(net), torch.no_grad():
        _, cache = net.run_with_cache(_as_tensor(inputs, net), names_filter=list(kept))
        # The cache holds the very tensors of the run; copies go on living when those are overwritten.
        values = {name: cache[name].to("cpu", torch.float64, copy=True).numpy() for name in kept}
    architecture = network.architecture if network else None
    return Activations(values, architecture=architecture, network=network)


def check_hooks(names: str | Iterable[str] | None, known: tuple[str, ...]) -> tuple[str, ...]:
    """The names asked for, in the order of the forward pass and with `hook_input` among them.

    Raises:
        UnknownNameError: for a name that is not among the known ones.

    Examples:
        >>> check_hooks("hook_output", ("hook_input", "hook_output"))
        ('hook_input', 'hook_output')
    """
    if names is None:
        return known
    asked = {names} if isinstance(names, str) else set(names)
    for name in sorted(asked - set(known), key=str):
        raise UnknownNameError("hook", name, known, f"this network has {', '.join(known)}")
    return tuple(name for name in known if name in asked | {HOOK_INPUT})


def as_array(X: Any) -> Any:
    """Tensors as numpy arrays (whatever their device or gradient), everything else as it is."""
    return X.detach().cpu().numpy() if isinstance(X, torch.Tensor) else X


def _as_tensor(X: npt.NDArray[np.float64], net: HookedRootModule) -> torch.Tensor:
    """The inputs in the network's dtype and on its device."""
    like = next(net.parameters(), torch.empty(0, dtype=torch.float64))
    # torch.tensor copies: a view of the caller's array would change with it
    return torch.tensor(X, dtype=like.dtype, device=like.device)


@contextmanager
def evaluating(net: torch.nn.Module) -> Iterator[None]:
    """Evaluation mode inside the block, every module's own mode again after it."""
    modes = [(module, module.training) for module in net.modules()]
    net.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
