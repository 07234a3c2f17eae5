"""The compiled step: forward, backward and update of many networks in one compiled pass.

The gradient is written out for any depth and activation (data/step.cpp), so that of a batch only a block of 64
samples is ever materialised. The machine's C++ compiler makes it once, in about three seconds, for every depth,
width, activation, optimiser, batch size and number of networks; the library stays in the user's cache.

Not torch.compile: of the same step it makes one kernel per reduction, with the activations of the whole batch
between them, compiles for 12 s per depth and number of inputs (a size of 1 is compiled apart), and needs about 3 s to
start from a warm cache. `mathcircuits benchmark training` lets both take turns.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import logging
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mathcircuits.detect import FileError, InputError
from mathcircuits.detect.networks import leaky_slope

from ..networks.config import MLPConfig
from .compilation import built, find_compiler, kernel_folder
from .criteria import ADAM_EPSILON

LOGGER = logging.getLogger("mathcircuits")
#: Seconds that a training would take without the compiler from which on it is compiled. Compiling takes fifteen times
#: this, but once a machine; below it nobody waits. Judged by the work alone and not by whether the library is there
#: already, so that the same call gives the same bits on every day.
EAGER_SECONDS = 0.2
#: Seconds of the eager step per call, and per network, sample and multiply-add (2-3-1 in batches of 1000: 4.8
#: microseconds a network-step for 21 multiply-adds a sample).
EAGER_CALL, EAGER_WORK = 1e-4, 2.3e-10
_KINDS = {"identity": 0, "relu": 1, "tanh": 3, "gelu": 4, "gelu_tanh": 5}
_LEAKY = 2
_INT, _FLOAT = ctypes.c_int64, ctypes.c_float
_POINTER = ctypes.c_void_p


class KernelCall(ctypes.Structure):
    """The arguments of a call, as data/step.cpp has them."""

    _fields_ = (
        ("layers", _INT),
        ("sizes", _POINTER),
        ("biased", _POINTER),
        ("activation", _POINTER),
        ("slope", _POINTER),
        ("size", _INT),
        ("nets", _INT),
        ("steps", _INT),
        ("samples", _INT),
        ("parameters", _POINTER),
        ("first", _POINTER),
        ("second", _POINTER),
        ("x", _POINTER),
        ("x_step", _INT),
        ("x_net", _INT),
        ("x_unit", _INT),
        ("y", _POINTER),
        ("y_step", _INT),
        ("y_net", _INT),
        ("y_unit", _INT),
        ("noise", _POINTER),
        ("jitter", _POINTER),
        ("rates", _POINTER),
        ("momentum", _FLOAT),
        ("beta1", _FLOAT),
        ("beta2", _FLOAT),
        ("epsilon", _FLOAT),
        ("losses", _POINTER),
    )


class DrawCall(ctypes.Structure):
    """The arguments of a draw, as data/step.cpp has them."""

    _fields_ = (
        ("states", _POINTER),
        ("used", _POINTER),
        ("nets", _INT),
        ("batches", _INT),
        ("samples", _INT),
        ("values", _INT),
        ("width", _POINTER),
        ("low", _POINTER),
        ("out", _POINTER),
    )


@dataclass(frozen=True)
class UpdateRule:
    """The constants of an update rule; `first` and `second` of `FusedStep.train` decide which it is."""

    momentum: float = 0.0
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = ADAM_EPSILON


class FusedStep:
    """The compiled step.

    Examples:
        >>> fused = fused_step()
        >>> one = torch.tensor([[2.0, 3.0]])
        >>> if fused is not None:  # the gradient of (3 relu(2 x) - y)^2 at x = 1, y = 0
        ...     loss, gradient = fused.gradient(one, torch.ones(1, 1, 1), torch.zeros(1, 1, 1), MLPConfig((1, 1, 1)))
        ...     assert (loss.tolist(), gradient.tolist()) == ([36.0], [[36.0, 24.0]])
    """

    def __init__(self, library: Path) -> None:
        self.library = library
        loaded = ctypes.CDLL(str(library))
        self._train, self._gradient = loaded.mathcircuits_train, loaded.mathcircuits_gradient
        self._uniform = loaded.mathcircuits_uniform
        for function, call in (
            (self._train, KernelCall),
            (self._gradient, KernelCall),
            (self._uniform, DrawCall),
        ):
            function.argtypes, function.restype = (ctypes.POINTER(call), _INT, _INT), None

    def train(
        self,
        config: MLPConfig,
        rule: UpdateRule,
        parameters: Tensor,
        first: Tensor | None,
        second: Tensor | None,
        x: Tensor,
        y: Tensor,
        rates: npt.NDArray[np.float32],
        noise: Tensor | None = None,
        jitter: Tensor | None = None,
        pool: ThreadPoolExecutor | None = None,
    ) -> npt.NDArray[np.float32]:
        """Train all networks for several steps, in place; one network's numbers do not depend on the others.

        Args:
            config: the shape.
            rule: the constants of the update.
            parameters: [net, size], float32.
            first: momentum, or Adam's mean, [net, size]; None for neither.
            second: Adam's mean square, [net, size]; None without Adam.
            x: inputs [step, net or 1, d, sample].
            y: targets [step, net or 1, outputs, sample].
            rates: [step, 4]: the rate (Adam's divided by its first correction), coupled decay, the factor of
                decoupled decay, Adam's second correction.
            noise: added to the gradients, [step, net, size].
            jitter: added to the parameters after an update, [step, net, size].
            pool: threads to share the networks out to, for a caller who comes again; None starts some.

        Returns:
            The losses before each update, [step, net].
        """
        losses = np.empty((len(x), len(parameters)), np.float32)
        rates = np.ascontiguousarray(rates, np.float32)
        for name, given in (("first", first), ("second", second)):
            if given is not None:
                _check_plain(name, given, parameters.shape)
        for name, given in (("noise", noise), ("jitter", jitter)):
            if given is not None:
                _check_plain(name, given, (len(x), *parameters.shape))
        if rates.shape != (len(x), 4):
            raise InputError(f"rates of shape {rates.shape} for {len(x)} steps: give four numbers a step")
        job, _kept = self._job(config, parameters, x, y, losses)
        job.first, job.second = _address(first), _address(second)
        job.noise, job.jitter = _address(noise), _address(jitter)
        job.rates = rates.ctypes.data
        job.momentum, job.beta1, job.beta2 = rule.momentum, rule.beta1, rule.beta2
        job.epsilon = rule.epsilon
        _share_out(self._train, job, len(parameters), pool)
        return losses

    def gradient(self, parameters: Tensor, x: Tensor, y: Tensor, config: MLPConfig) -> tuple[Tensor, Tensor]:
        """Losses [net] and gradients [net, size], as `training.step` gives them.

        Args:
            parameters: [net, size], float32.
            x: inputs [net or 1, d, sample].
            y: targets [net or 1, outputs, sample].
            config: the shape.
        """
        losses = np.empty((1, len(parameters)), np.float32)
        gradient = torch.empty_like(parameters)
        job, _kept = self._job(config, parameters, x[None], y[None], losses)
        job.first = gradient.data_ptr()
        _share_out(self._gradient, job, len(parameters))
        return torch.from_numpy(losses[0]), gradient

    def uniform(
        self,
        states: npt.NDArray[np.uint32],
        used: npt.NDArray[np.int64],
        batches: int,
        samples: int,
        low: Tensor,
        width: Tensor,
        pool: ThreadPoolExecutor | None = None,
    ) -> Tensor:
        """The next numbers of MT19937 streams as `torch.rand` gives them, times `width`, plus `low`.

        Args:
            states: of the streams [net, 624], and how many numbers of each are used [net], both changed in place.
            batches, samples: of each stream, one batch after the other.
            low, width: of each value of a sample, contiguous float32 [value].
            pool: as for `train`.

        Returns:
            [value, batches * nets * samples].
        """
        nets, values = len(states), len(low)
        _check_plain("low", low, (values,))
        _check_plain("width", width, (values,))
        drawn = torch.empty(values, batches * nets * samples)
        job = DrawCall(nets=nets, batches=batches, samples=samples, values=values)
        job.states, job.used, job.out = states.ctypes.data, used.ctypes.data, drawn.data_ptr()
        job.width, job.low = width.data_ptr(), low.data_ptr()
        _share_out(self._uniform, job, nets, pool)
        return drawn

    def _job(
        self, config: MLPConfig, parameters: Tensor, x: Tensor, y: Tensor, losses: npt.NDArray[np.float32]
    ) -> tuple[KernelCall, list[npt.NDArray[Any]]]:
        """A call's arguments, and the arrays that they point into."""
        sizes, names = config.sizes, (*config.activations, "identity")
        size = sum(o * (i + b) for i, o, b in zip(sizes[:-1], sizes[1:], config.biases, strict=True))
        steps, _, _, samples = x.shape
        nets = len(parameters)
        _check_plain("parameters", parameters, (nets, size))
        _check_batches("x", x, (steps, nets, sizes[0], samples))
        _check_batches("y", y, (steps, nets, sizes[-1], samples))
        slopes = [leaky_slope(name) for name in names]
        kept: list[npt.NDArray[Any]] = [
            np.array(sizes, np.int64),
            np.array(config.biases, np.int64),
            np.array(
                [_LEAKY if s is not None else _KINDS[name] for s, name in zip(slopes, names, strict=True)],
                np.int64,
            ),
            np.array([0.0 if s is None else s for s in slopes], np.float32),
        ]
        job = KernelCall(layers=len(sizes) - 1, size=size, nets=nets, steps=steps, samples=samples)
        job.sizes, job.biased, job.activation, job.slope = (array.ctypes.data for array in kept)
        job.parameters, job.losses = parameters.data_ptr(), losses.ctypes.data
        job.x, job.y = x.data_ptr(), y.data_ptr()
        job.x_step, job.x_net, job.x_unit = _strides(x)
        job.y_step, job.y_net, job.y_unit = _strides(y)
        return job, kept


def knows(config: MLPConfig) -> bool:
    """Whether the compiled step has every activation function of the network.

    Examples:
        >>> knows(MLPConfig((2, 3, 1))), knows(MLPConfig((2, 3, 1), activation="sigmoid"))
        (True, False)
    """
    return all(name in _KINDS or leaky_slope(name) is not None for name in config.activations)


def eager_seconds(config: MLPConfig, nets: int, steps: int, samples: int) -> float:
    """About how long a training would take without the compiled step.

    Examples:
        >>> eager_seconds(MLPConfig((2, 3, 1)), nets=256, steps=3000, samples=1000) > EAGER_SECONDS
        True
        >>> eager_seconds(MLPConfig((2, 3, 1)), nets=4, steps=300, samples=1000) > EAGER_SECONDS
        False
    """
    products = [i * o for i, o in zip(config.sizes[:-1], config.sizes[1:], strict=True)]
    work = 3 * sum(products) - products[0]  # forward, both gradients, and none for the inputs
    return steps * (EAGER_CALL + nets * samples * work * EAGER_WORK)


@functools.cache
def fused_step() -> FusedStep | None:
    """The compiled step; None, with one notice in the log, where it cannot be had.

    Looks into `$MATHCIRCUITS_HOME/kernels`, else the platform's cache folder, and compiles what is not there with
    `$CXX`, c++, g++ or clang++, the first that there is. Before its first use the library is tried on a gradient and
    a training step known by hand; one that fails is made again, once.

    Examples:
        >>> fused = fused_step()
        >>> fused is None or fused is fused_step()
        True
    """
    compiler = find_compiler()
    if compiler is None:
        _notice("no C++ compiler was found")
        return None
    try:
        for anew in (False, True):
            fused = FusedStep(built(compiler, kernel_folder(), anew=anew))
            if computes_rightly(fused):
                return fused
    except (OSError, AttributeError, subprocess.SubprocessError, FileError) as error:
        _notice(f"{compiler} did not make the fused step: {first_line(error)}")
        return None
    _notice(f"the fused step that {compiler} made computes wrongly")
    return None


def computes_rightly(fused: FusedStep) -> bool:
    """Whether a gradient and a step of gradient descent come out as computed by hand.

    (3 relu(2 x) - y)^2 at x = 1, y = 0 is 36; its derivatives are 2 * 6 * 3 and 2 * 6 * 2, so a step at rate 1/4
    leads from (2, 3) to (2 - 9, 3 - 6).

    Examples:
        >>> fused = fused_step()
        >>> fused is None or computes_rightly(fused)
        True
    """
    config, one, zero = MLPConfig((1, 1, 1)), torch.ones(1, 1, 1), torch.zeros(1, 1, 1)
    loss, gradient = fused.gradient(torch.tensor([[2.0, 3.0]]), one, zero, config)
    moved = torch.tensor([[2.0, 3.0]])
    rates = np.array([[0.25, 0.0, 1.0, 1.0]], np.float32)
    losses = fused.train(config, UpdateRule(), moved, None, None, one[None], zero[None], rates)
    found = (loss.tolist(), gradient.tolist(), losses.tolist(), moved.tolist())
    return found == ([36.0], [[36.0, 24.0]], [[36.0]], [[-7.0, -3.0]])


def first_line(error: Exception) -> str:
    """The first line of what a compiler, or the loader of its library, said; its kind where it said nothing.

    Examples:
        >>> first_line(OSError("not found")), first_line(OSError(" "))
        ('not found', 'OSError')
    """
    said = getattr(error, "stderr", None) or str(error)
    return next(iter(str(said).strip().splitlines()), type(error).__name__)


def _notice(reason: str) -> None:
    LOGGER.warning("%s: training goes on without it, several times slower (install g++ or clang++)", reason)


def _share_out(
    function: Callable[..., None],
    job: KernelCall | DrawCall,
    nets: int,
    pool: ThreadPoolExecutor | None = None,
) -> None:
    """Run a call's networks on torch's number of threads (ctypes lets go of the interpreter)."""
    threads = min(torch.get_num_threads(), nets)
    reference = ctypes.byref(job)
    if threads <= 1:
        function(reference, 0, nets)
        return
    # two pieces a thread: one that is held up by other programs leaves the rest to the others
    pieces = min(nets, 2 * threads)
    ends = [nets * k // pieces for k in range(pieces + 1)]
    with nullcontext(pool) if pool else ThreadPoolExecutor(threads) as workers:
        for _ in workers.map(lambda at: function(reference, *at), itertools.pairwise(ends)):
            pass


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


def _strides(batches: Tensor) -> tuple[int, int, int]:
    """Floats from step to step, network to network (0 where all share one) and row to row."""
    return batches.stride(0), batches.stride(1) if batches.shape[1] > 1 else 0, batches.stride(2)


def _check_plain(name: str, tensor: Tensor, shape: Sequence[int]) -> None:
    plain = tensor.dtype == torch.float32 and tensor.device.type == "cpu" and tensor.is_contiguous()
    if not plain or tuple(tensor.shape) != tuple(shape):
        raise InputError(
            f"{name}: {tensor.dtype} of shape {tuple(tensor.shape)} on {tensor.device}: the fused step needs "
            f"contiguous float32 of shape {tuple(shape)} on the CPU"
        )


def _check_batches(name: str, tensor: Tensor, shape: tuple[int, int, int, int]) -> None:
    steps, nets, units, samples = shape
    fits = tuple(tensor.shape) in ((steps, nets, units, samples), (steps, 1, units, samples))
    plain = tensor.dtype == torch.float32 and tensor.device.type == "cpu" and tensor.stride(3) == 1
    if samples < 1 or not fits or not plain:
        raise InputError(
            f"{name}: {tensor.dtype} of shape {tuple(tensor.shape)} on {tensor.device}: the fused step needs float32 "
            f"of shape {shape}, or (.., 1, .., ..) where all share it, on the CPU, samples side by side"
        )
