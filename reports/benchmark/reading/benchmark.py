"""The benchmark of reading: seconds of `mathcircuits inspect`, with an empty cache of nulls and with a full one.

Each call is a process of its own with a cache folder of its own, and is measured from its start to its end, imports
included: what a person waits for. The networks are untrained, so that no formula is short and no search ends early.
Beside the wall clock stands the processor's time: where they are far apart, other programs were at work.
"""

from __future__ import annotations

import itertools
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ..results import Benchmark
from ..scores import Bound, Score, Setting

NAME = "reading"
COLD, WARM = "cold", "warm"
#: A person waits three seconds for a network of one layer, and ten for any other: what cannot be read in that time is
#: named, and left to --deep.
THREE = Bound("reading: a network of two inputs and one hidden layer with an empty cache in 3 seconds", 3.0)
TEN = Bound("reading: any network with an empty cache in 10 seconds", 10.0)
#: Seconds after which a call is ended; what it would have taken is then unknown.
PATIENCE = 300.0
#: Weights of variance 2 / fan-in (He and others 2015, arXiv 1502.01852): with torch's own the outputs of two hundred
#: layers are constant.
_GAIN = 2.0


@dataclass(frozen=True)
class ReadingEffort:
    """How much is run.

    Attributes:
        shapes: sizes of the networks, inputs and outputs included.
        rounds: calls of each, with an empty cache and with a full one; the median counts.
        patience: seconds after which a call is ended.
    """

    shapes: tuple[tuple[int, ...], ...]
    rounds: int = 3
    patience: float = PATIENCE


FULL = ReadingEffort(
    (
        (2, 64, 1),
        (2, 256, 1),
        (4, 24, 12, 1),
        (10, 64, 64, 1),
        (784, 256, 256, 10),
        (2, *[8] * 200, 1),
    )
)
QUICK = ReadingEffort(((2, 64, 1), (4, 24, 12, 1)), rounds=1)


def run_reading(
    *,
    quick: bool = False,
    seed: int = 0,
    progress: bool | None = None,
    size: ReadingEffort | None = None,
) -> Benchmark:
    """Read every network: about three minutes on two cores, `quick` about twenty seconds.

    Args:
        quick: `QUICK` in place of `FULL`.
        seed: of the networks' weights.
        progress: whether to show a progress bar; None shows one on a terminal and none in a pipe.
        size: sizes of one's own.
    """
    chosen = size or (QUICK if quick else FULL)
    scores: list[Score] = []
    seconds: dict[str, float] = {}
    # tqdm's disable=None means: no bar where the output is no terminal
    with tqdm(
        total=len(chosen.shapes) * chosen.rounds,
        desc="benchmark reading",
        unit="call",
        disable=None if progress is None else not progress,
    ) as bar:
        for shape in chosen.shapes:
            clock = time.perf_counter()
            scores += read_times(shape, chosen, seed, bar)
            seconds[shape_text(shape)] = time.perf_counter() - clock
    return Benchmark(NAME, chosen != FULL, seed, tuple(scores), seconds, _about(chosen))


def read_times(shape: Sequence[int], size: ReadingEffort, seed: int, bar: Any = None) -> list[Score]:
    """Wall clock and processor seconds of `inspect` on one shape, with an empty cache and then with a full one."""
    taken: dict[str, list[tuple[float, float]]] = {COLD: [], WARM: []}
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "net.pt"
        write_network(shape, file, seed)
        for k in range(size.rounds):
            for state in (COLD, WARM):
                taken[state].append(inspected(file, Path(scratch) / f"home{k}", size.patience))
            if bar is not None:
                bar.update()
    bound = THREE if len(shape) == 3 and shape[0] <= 2 else TEN
    scores = []
    for state, times in taken.items():
        at = Setting(f"{shape_text(shape)}, {state}", inputs=shape[0], layers=len(shape) - 2, width=shape[1])
        walls, own = zip(*times, strict=True)
        note = f"{min(walls):.3g} to {max(walls):.3g} over {len(walls)} calls"
        scores += [
            Score(
                NAME, at, "seconds", statistics.median(walls), n=len(walls),
                bound=bound if state == COLD else None, note=note,
            ),
            Score(NAME, at, "processor seconds", statistics.median(own), n=len(own)),
        ]  # fmt: skip
    return scores


def write_network(shape: Sequence[int], file: Path, seed: int) -> None:
    """Write an untrained network of ReLU layers as a state dict of torch."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    state = {}
    for k, (i, o) in enumerate(itertools.pairwise(shape)):
        state[f"{2 * k}.weight"] = torch.randn(o, i, generator=generator) * math.sqrt(_GAIN / i)
        state[f"{2 * k}.bias"] = (torch.rand(o, generator=generator) * 2 - 1) / math.sqrt(i)
    torch.save(state, file)


def inspected(file: Path, home: Path, patience: float = PATIENCE) -> tuple[float, float]:
    """Wall clock and processor seconds of `mathcircuits inspect` in a process of its own; NaN where it did not end.

    Args:
        file: of the network; home: where its nulls are kept.

    Raises:
        subprocess.CalledProcessError: where it fails.
    """
    command = [sys.executable, "-m", "mathcircuits.reports", "inspect", str(file), "--activation", "relu"]
    environment = {**os.environ, "MATHCIRCUITS_HOME": str(home)}
    before, start = os.times(), time.perf_counter()
    try:
        subprocess.run(
            [*command, "--box", "-1", "1"], env=environment, capture_output=True, check=True, timeout=patience
        )
    except subprocess.TimeoutExpired:
        return math.nan, math.nan
    after = os.times()
    own = after.children_user - before.children_user + after.children_system - before.children_system
    return time.perf_counter() - start, own


def shape_text(shape: Sequence[int]) -> str:
    """Sizes in one word, many equal ones in short.

    Examples:
        >>> shape_text((2, 64, 1)), shape_text((2, *[8] * 200, 1))
        ('2-64-1', '2-8x200-1')
    """
    runs = [(size, len(list(group))) for size, group in itertools.groupby(shape)]
    return "-".join(f"{size}x{n}" if n > 2 else "-".join([str(size)] * n) for size, n in runs)


def _about(size: ReadingEffort) -> dict[str, Any]:
    from importlib.metadata import version

    return {
        "versions": {name: version(name) for name in ("mathcircuits", "numpy", "torch")},
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "size": asdict(size),
    }
