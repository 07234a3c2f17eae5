"""MLP: a small TransformerLens network whose every value has a hook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from transformer_lens import HookedRootModule
from transformer_lens.hook_points import HookPoint

from mathcircuits.detect import InputError, Network
from mathcircuits.detect.networks import About, HasNetwork, as_network

from .activations import nonlinearity as nonlinearity
from .config import DType, initial_parameters
from .config import MLPConfig as MLPConfig


def _linear(inputs: int, units: int, bias: bool) -> nn.Linear:
    """A linear layer that is yet to be filled, made without touching the global random state."""
    return nn.Linear(inputs, units, bias=bias, device="meta").to_empty(device="cpu")


class Hidden(nn.Module):
    """A hidden layer: linear, `hook_pre`, activation function, `hook_post`; [n, in] -> [n, units]."""

    def __init__(self, inputs: int, units: int, bias: bool, activation: str) -> None:
        super().__init__()
        self.linear = _linear(inputs, units, bias)
        self.activation = activation
        self.hook_pre = HookPoint()
        self.hook_post = HookPoint()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The activations [n, units] of inputs [n, in]."""
        pre = self.hook_pre(self.linear(x))
        post: torch.Tensor = self.hook_post(nonlinearity(self.activation)(pre))
        return post


class Block(nn.Module):
    """The holder that gives a hidden layer TransformerLens's name, `blocks.{l}.mlp`."""

    def __init__(self, mlp: Hidden) -> None:
        super().__init__()
        self.mlp = mlp

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The hidden layer's activations."""
        activations: torch.Tensor = self.mlp(x)
        return activations


class MLP(HookedRootModule):
    """A fully connected network as a TransformerLens HookedRootModule.

    Its hooks are `hook_input`, `blocks.{l}.mlp.hook_pre`, `blocks.{l}.mlp.hook_post` for each hidden layer l,
    and `hook_output`, each seeing values [n, units]; `run_with_cache`, `run_with_hooks` and `hooks` are
    TransformerLens's own. Parameters are `blocks.{l}.mlp.linear.weight` [out, in] (and `.bias`) and
    `readout.weight`.

    Attributes:
        cfg: the MLPConfig.
        about: what is known beside the weights: assumptions made in reading it, link, names.

    Examples:
        >>> net = MLP(MLPConfig(sizes=(2, 3, 1)), seed=0)
        >>> net
        MLP(2-3-1, relu, no bias, float32)
        >>> list(net.hook_dict)
        ['hook_input', 'blocks.0.mlp.hook_pre', 'blocks.0.mlp.hook_post', 'hook_output']
        >>> net([[0.5, -0.5]]).shape
        torch.Size([1, 1])
        >>> net.to_network()
        Network(2-3-1, relu, no bias)
    """

    def __init__(self, config: MLPConfig, *, seed: int = 0) -> None:
        """Build the network that `torch.manual_seed(seed)` and `nn.Linear` layers in order would make.

        Args:
            config: sizes, biases, activations, dtype.
            seed: an integer from 0 to 2**32 - 1; the global random state stays as it is.

        Raises:
            InputError: for a config that is no MLPConfig, or a seed out of range.
        """
        super().__init__()
        if not isinstance(config, MLPConfig):
            raise InputError(
                f"a {type(config).__name__} is not a configuration: give MLPConfig(sizes=(2, 3, 1))"
            )
        self.cfg, self.about = config, About()
        sizes, biases = config.sizes, config.biases
        self.hook_input = HookPoint()
        self.blocks = nn.ModuleList(
            Block(Hidden(sizes[k], sizes[k + 1], biases[k], name))
            for k, name in enumerate(config.activations)
        )
        self.readout = _linear(sizes[-2], sizes[-1], biases[-1])
        self.hook_output = HookPoint()
        self.to(getattr(torch, config.dtype))
        parameters, _ = initial_parameters(config, seed)
        self._fill([weight for weight, _ in parameters], [bias for _, bias in parameters])
        self.setup()  # type: ignore[no-untyped-call]  # last: it names the hooks that are there

    @property
    def linears(self) -> tuple[nn.Linear, ...]:
        """The linear layers in order, the read-out last."""
        return (*(block.mlp.linear for block in self.blocks if isinstance(block, Block)), self.readout)

    @property
    def dtype(self) -> torch.dtype:
        """The dtype that its weights have now (`net.double()` changes it; `cfg.dtype` stays as built)."""
        return self.readout.weight.dtype

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return self.readout.weight.device

    def forward(self, x: Any) -> torch.Tensor:
        """The outputs [n, outputs] for inputs [n, d], in the network's own dtype and on its device.

        Args:
            x: a tensor, or anything that `torch.as_tensor` reads.

        Raises:
            InputError: where the last axis is not d long.
        """
        x = torch.as_tensor(x, dtype=self.dtype, device=self.device)
        if x.ndim < 2 or x.shape[-1] != self.cfg.sizes[0]:
            raise InputError(
                f"inputs have shape {tuple(x.shape)}, expected [n, {self.cfg.sizes[0]}]: one column per input"
            )
        x = self.hook_input(x)
        for block in self.blocks:
            x = block(x)
        outputs: torch.Tensor = self.hook_output(self.readout(x))
        return outputs

    def to_network(self) -> Network:
        """The same weights as a `mathcircuits.detect.Network` (float64, exact; a copy)."""
        weights = [layer.weight.detach().to("cpu", torch.float64).numpy() for layer in self.linears]
        biases = [
            None if layer.bias is None else layer.bias.detach().to("cpu", torch.float64).numpy()
            for layer in self.linears
        ]
        return Network(weights, biases, self.cfg.activations, about=self.about)

    @classmethod
    def from_network(cls, network: Network | HasNetwork, dtype: DType = "float64") -> MLP:
        """The MLP with the weights of a Network (float32 rounds them).

        Examples:
            >>> MLP.from_network(Network([[[1.0], [-1.0]], [[1.0, -1.0]]]))([[0.25]]).item()
            0.25
        """
        network = as_network(network)
        shape = network.architecture
        config = MLPConfig(shape.sizes, shape.bias, shape.activations or "relu", dtype)
        net = cls.from_parameters(config, network.weights, network.biases)
        net.about = network.about
        return net

    @classmethod
    def from_parameters(
        cls, config: MLPConfig, weights: Sequence[Any], biases: Sequence[Any] | None = None
    ) -> MLP:
        """The MLP with these weights [out, in] and biases [out], one per linear layer; they are copied.

        Weights that are not finite are taken as they are: a network that diverged in training is one too.

        Raises:
            InputError: where a shape does not fit the config.
        """
        net = cls(config)
        given = [None] * len(net.linears) if biases is None else biases
        net._fill(weights, [b if has else None for b, has in zip(given, config.biases, strict=True)])
        return net

    def _fill(self, weights: Sequence[Any], biases: Sequence[Any]) -> None:
        with torch.no_grad():
            for k, (layer, weight, bias) in enumerate(zip(self.linears, weights, biases, strict=True)):
                for name, target, values in (("weights", layer.weight, weight), ("biases", layer.bias, bias)):
                    if target is None:
                        continue
                    # np.array copies: torch warns of arrays that it may not write to, as a Network's are
                    source = (
                        values
                        if isinstance(values, torch.Tensor)
                        else torch.from_numpy(np.array(values, float))
                    )
                    if source.shape != target.shape:
                        raise InputError(
                            f"{name}[{k}] has shape {tuple(source.shape)}, expected {tuple(target.shape)} "
                            f"for sizes {self.cfg.sizes}"
                        )
                    target.copy_(source)

    def __repr__(self) -> str:
        shape = repr(self.cfg.architecture).removeprefix("Architecture(").removesuffix(")")
        return f"MLP({shape}, {str(self.dtype).removeprefix('torch.')})"
