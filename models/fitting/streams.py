"""Uniform numbers of many torch generators at once: torch's own sequences, drawn by the compiled step's library."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from .compiled_step import FusedStep

#: Bytes of a generator's state as `torch.Generator.get_state` gives them: the numbers left before the next state and
#: how many are read, each counted in its own way, and the 624 words of MT19937, 8 bytes each.
_LEFT, _NEXT, _WORDS_FROM, _WORDS = 8, 16, 24, 624
_WORDS_TO = _WORDS_FROM + 8 * _WORDS
#: Numbers, and generators, on which the library is tried: more than three states, cut where no state ends.
_TRIED, _GENERATORS = 700, 3


class Streams:
    """The streams of some generators, taken over until they are handed back.

    `torch.rand` goes number by number through MT19937, at about 4 nanoseconds each, and costs some microseconds a call.
    This draws the same numbers, bit for bit, a vector at a time.

    Args:
        fused: the compiled step, whose library draws; `draws_rightly` says whether it does.
        generators: CPU generators; what is drawn from them meanwhile would come again.

    Examples:
        >>> from .compiled_step import fused_step
        >>> fused, generator = fused_step(), torch.Generator().manual_seed(5)
        >>> if fused is not None and draws_rightly(fused):
        ...     streams = Streams(fused, [generator])
        ...     drawn = streams.uniform(1, 3, torch.tensor([-1.0]), torch.tensor([2.0]))
        ...     streams.hand_back()
        ...     again = torch.Generator().manual_seed(5)
        ...     assert bool((drawn[0] == torch.rand(3, generator=again) * 2 - 1).all())
        ...     assert torch.rand(1, generator=generator) == torch.rand(1, generator=again)
    """

    def __init__(self, fused: FusedStep, generators: Sequence[torch.Generator]) -> None:
        self._fused, self._generators = fused, generators
        self._kept = np.stack([generator.get_state().numpy() for generator in generators])
        words = np.ascontiguousarray(self._kept[:, _WORDS_FROM:_WORDS_TO]).view(np.uint64)
        self._states = words.astype(np.uint32)
        # A generator that was just seeded has read none of a state, but all of the one before.
        self._used = np.where(self._numbers(_LEFT, np.int32) == 1, _WORDS, self._numbers(_NEXT, np.uint64))
        self._used = np.ascontiguousarray(self._used, np.int64)
        self._drew = False

    def _numbers(self, at: int, kind: type[np.generic]) -> npt.NDArray[np.generic]:
        width = np.dtype(kind).itemsize
        return np.ascontiguousarray(self._kept[:, at : at + width]).view(kind)[:, 0]

    def uniform(
        self, batches: int, samples: int, low: Tensor, width: Tensor, pool: ThreadPoolExecutor | None = None
    ) -> Tensor:
        """The next numbers of each stream, `rand * width + low`: [value, batches * streams * samples].

        Every stream goes batch by batch, sample by sample, and value by value.

        Args:
            low, width: of each value, float32 [value].
            pool: threads to share the streams out to.
        """
        self._drew = True
        return self._fused.uniform(self._states, self._used, batches, samples, low, width, pool)

    def hand_back(self) -> None:
        """Leave each generator as if it had drawn what was drawn."""
        if not self._drew:
            return
        self._kept[:, _WORDS_FROM:_WORDS_TO] = self._states.astype(np.uint64).view(np.uint8)
        self._kept[:, _NEXT : _NEXT + 8] = self._used.astype(np.uint64)[:, None].view(np.uint8)
        left = (_WORDS + 1 - self._used).astype(np.int32)
        self._kept[:, _LEFT : _LEFT + 4] = left[:, None].view(np.uint8)
        for generator, state in zip(self._generators, self._kept, strict=True):
            generator.set_state(torch.from_numpy(state.copy()))


@functools.cache
def draws_rightly(fused: FusedStep) -> bool:
    """Whether the library draws what this machine's torch draws, and leaves its generators in the same states.

    How torch keeps a generator's state is its own affair, and may change.

    Examples:
        >>> from .compiled_step import fused_step
        >>> fused = fused_step()
        >>> fused is None or draws_rightly(fused)
        True
    """
    ours, theirs = ([torch.Generator().manual_seed(seed) for seed in range(_GENERATORS)] for _ in range(2))
    if ours[0].get_state().shape[0] < _WORDS_TO:
        return False
    low, width = torch.tensor([-1.0, 0.1, 0.0]), torch.tensor([2.0, 0.7, 1.0])
    for _ in range(2):
        streams = Streams(fused, ours)
        found = streams.uniform(1, _TRIED, low, width).view(3, _GENERATORS, _TRIED)
        streams.hand_back()
        drawn = torch.stack([torch.rand(_TRIED, 3, generator=g) for g in theirs]).permute(2, 0, 1)
        if not torch.equal(found, drawn * width[:, None, None] + low[:, None, None]):
            return False
    return all(torch.equal(a.get_state(), b.get_state()) for a, b in zip(ours, theirs, strict=True))
