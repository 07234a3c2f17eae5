"""Timings: what reading costs, in processor time on one core; the nulls, which are shared, are drawn before."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np

from mathcircuits.detect import Network, analyse_many, match_neurons, tasks
from mathcircuits.detect.matching import kink_criterion_many
from mathcircuits.detect.networks import untrained

from ..scores import Bound, Measurement, Score, Setting, describe
from .effort import Effort, generator
from .planting import shape

PART = "reading time"
#: Networks of one shape that are read together, as in the default study.
NETWORKS = 50
READING = Bound("reading time: at most 5 ms a network at the median of the default study's shapes", 5.0)
WIDE = Bound("reading time: 4096 neurons against the catalogue on 10 000 inputs in at most 60 s", 60.0)
#: The wide layer's inputs: 6 have 527 features.
WIDE_INPUTS = 6


def measurements(effort: Effort, seed: int) -> list[Measurement]:
    """One measurement for the default study's shapes, one for the wide layer."""
    return [
        Measurement("reading time: the default study's shapes", partial(default_study, effort, seed)),
        Measurement("reading time: one wide layer", partial(wide_layer, effort, seed)),
    ]


def processor_seconds(call: Callable[[], object]) -> float:
    """Processor time of a call on one thread; what other programs do to the machine does not enter.

    Examples:
        >>> processor_seconds(lambda: None) < 1.0
        True
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it ships none

    with threadpool_limits(1):
        start = time.process_time()
        call()
        return time.process_time() - start


def default_study(effort: Effort, seed: int) -> list[Score]:
    """Milliseconds a network, read with the other seeds of its cell: neurons, directions, causes, kinks."""
    scores = []
    each = []
    for name in effort.read_tasks:
        task = tasks[name]
        smallest = task.smallest
        assert smallest is not None
        for multiple in effort.multiples:
            widths = tuple(multiple * width for width in smallest)
            s = Setting("untrained", inputs=task.arity, layers=len(widths), width=widths[0], task=name)
            networks = _untrained(task.arity, widths, task.outputs, generator(seed, describe(s)))

            def read(networks: list[Network] = networks, name: str = name) -> None:
                analyse_many(networks, task=name, init="uniform")
                kink_criterion_many(networks, task=name, init="uniform")

            read()  # draws the nulls
            milliseconds = 1e3 * processor_seconds(read) / len(networks)
            scores.append(Score(PART, s, "milliseconds a network", milliseconds, n=len(networks)))
            each.append(milliseconds)
    median = float(np.median(each))
    at = Setting("default study")
    return [*scores, Score(PART, at, "milliseconds a network, median", median, n=len(each), bound=READING)]


def _untrained(inputs: int, widths: tuple[int, ...], outputs: int, rng: np.random.Generator) -> list[Network]:
    from mathcircuits.detect.networks import Architecture

    architecture = Architecture(
        (inputs, *widths, outputs), ("relu",) * len(widths), (False,) * (len(widths) + 1)
    )
    stack = untrained(architecture, NETWORKS, "uniform", rng)
    return [stack.network(k) for k in range(NETWORKS)]


def wide_layer(effort: Effort, seed: int) -> list[Score]:
    """Seconds to match one wide layer on recorded inputs."""
    rng = generator(seed, "wide layer")
    network = untrained(shape(WIDE_INPUTS, effort.units, 1, bias=True), 1, "uniform", rng).network(0)
    recorded = network.run(rng.uniform(-1.0, 1.0, (effort.rows, WIDE_INPUTS)))

    def read() -> None:
        match_neurons(recorded, init="uniform", box=(-1.0, 1.0))

    read()  # draws the null
    s = Setting("untrained", inputs=WIDE_INPUTS, bias=True, layers=1, width=effort.units)
    full = effort.units >= 4096 and effort.rows >= 10_000
    note = f"{effort.rows} inputs"
    return [
        Score(
            PART, s, "seconds a layer", processor_seconds(read), n=1, bound=WIDE if full else None, note=note
        )
    ]
