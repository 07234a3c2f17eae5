"""Effort: how many networks each part of the detection benchmark draws."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

Layouts = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Effort:
    """Sizes of the detection benchmark: `STANDARD` decides its bounds, `FULL` halves the intervals in most cells, and
    `QUICK` shows that all of it runs.

    Attributes:
        untrained: null networks per cell; wide: at width 64; twice: of two hidden layers, at width 8.
        null_inputs, null_layouts, null_laws: the cells; a layout is (hidden layers, width).
        planted: planted networks per cell; angles: degrees of noise.
        planted_inputs: d; layouts: (width, planted) beside the stated 8 and 3.
        deep: planted networks of several layers; deep_layouts: (hidden layers, width).
        seeds: networks per training; teachers: teacher tasks per cell; as many networks learn shuffled labels.
        other: networks per cell of other init laws and of training on other targets; other_steps: of their training;
            input_laws: of the inputs that they are trained and read on.
        copies: of each trained network among the rotated and the permuted ones, and networks of each law whose
            directions are read.
        widths: of the trained networks.
        studies: untrained studies per cell of the ensemble test.
        tables: tables of verdicts per cell.
        lazy: lazy networks per cell of the kink criterion.
        steps: training steps of networks that are to solve their task (12 000 is where all seeds of both tasks do, at
            every width); blank_steps: of those that hold nothing.
        read_tasks, multiples: tasks and multiples of their smallest width whose reading is timed: the default study's.
        rows, units: of the one wide layer whose reading is timed.
        shown: of the networks and studies of a law, one in so many where they are shown and not judged.
        lenient: whether a bound fails only where the interval excludes it, for sizes too small to do better.
    """

    untrained: int = 20_000
    wide: int = 5_000
    twice: int = 20_000
    null_inputs: tuple[int, ...] = (1, 2, 3, 4)
    null_layouts: Layouts = ((1, 3), (1, 8), (1, 64), (2, 3), (2, 8), (2, 64))
    null_laws: tuple[str, ...] = ("uniform", "normal")
    planted: int = 3_000
    angles: tuple[float, ...] = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
    planted_inputs: tuple[int, ...] = (1, 2, 3, 4, 5, 6)
    layouts: Layouts = ((3, 1), (3, 3), (8, 1), (8, 8), (64, 3), (64, 16), (256, 3), (256, 64))
    deep: int = 400
    deep_layouts: Layouts = ((2, 8), (2, 64), (2, 256), (3, 8), (3, 64))
    seeds: int = 40
    teachers: int = 60
    other: int = 4_000
    other_steps: int = 1_000
    input_laws: tuple[str, ...] = ("uniform", "gaussian", "correlated")
    copies: int = 500
    widths: tuple[int, ...] = (8, 16, 32, 64)
    studies: int = 200
    tables: int = 1_000
    lazy: int = 200
    steps: int = 12_000
    blank_steps: int = 3_000
    read_tasks: tuple[str, ...] = (
        "identity", "negation", "absolute", "addition", "subtraction", "minimum", "minimum-of-4",
    )  # fmt: skip
    multiples: tuple[int, ...] = (1, 2, 4)
    rows: int = 10_000
    units: int = 4_096
    shown: int = 1
    lenient: bool = False


FULL = Effort()
#: About half an hour on two cores. The half-widths that it leaves stand in docs/results/measurements.md.
STANDARD = Effort(
    twice=4_000,
    planted=300,
    planted_inputs=(1, 2, 3, 4),
    layouts=((3, 1), (8, 8), (64, 3), (64, 16)),
    deep=50,
    teachers=30,
    other=2_000,
    studies=100,
    tables=500,
    lazy=100,
    shown=5,
)
QUICK = Effort(
    untrained=4_000,
    wide=1_000,
    null_inputs=(1, 2),
    null_layouts=((1, 8), (2, 8)),
    null_laws=("uniform",),
    planted=500,
    angles=(0.0, 0.2, 1.0, 5.0),
    planted_inputs=(1, 2, 3),
    layouts=((8, 1), (64, 16)),
    deep=50,
    deep_layouts=((2, 8),),
    seeds=20,
    teachers=32,
    other=300,
    other_steps=300,
    input_laws=("uniform", "gaussian"),
    copies=50,
    widths=(8,),
    studies=20,
    tables=40,
    lazy=50,
    steps=8_000,
    blank_steps=1_500,
    rows=2_000,
    units=512,
    lenient=True,
)


def generator(seed: int, text: str) -> np.random.Generator:
    """The generator of one cell: what it draws depends on the seed and the cell's name alone.

    Examples:
        >>> bool(generator(0, "a").random() == generator(0, "a").random())
        True
    """
    return np.random.default_rng([seed, zlib.crc32(text.encode())])
