"""The benchmark of the fibre: which forms and features of the minimum its function leaves open, by width and scale.

At the smallest width there is one way alone, so that the share of the hand-derived form has to be 1. Elsewhere nothing
is known beforehand: two chains have to agree. The error is a mean over the task's box, and, for a comparison with
samplers that take other inputs, over normal ones.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

from tqdm import tqdm

from mathcircuits.detect import Fibre, FibreShare, circuits, fibre, hand_derived, init_scale
from mathcircuits.detect.universality import CHAINS_DISAGREE

from ..results import Benchmark
from ..scores import Bound, Score, Setting

NAME = "fibre"
PART = "fibre"
#: The minimum's hand-derived form and its mirror image; the form of least norm; what the census calls the rest.
SLIDES = ("x1 - relu(x1 - x2)", "x2 - relu(x2 - x1)")
LEAST_NORM = "1/2 (x1 + x2) - 1/2 |x1 - x2|"
BOTH_SIDES = "unnamed: the kink from both sides"
AGREE = Bound("fibre: two chains agree in norms and in the sides of kinks", CHAINS_DISAGREE, most=False)
ONE_WAY = Bound("fibre: three neurons have one way to be the minimum", 1.0, most=False)
#: A kink of the function is one of every network; a single neuron within 1.5 degrees of it need not be.
KINK = Bound("fibre: nearly every member holds the kink of the minimum", 0.9, most=False)


@dataclass(frozen=True)
class Draw:
    """One fibre: its width, scale (None for that of the usual initialisation), inputs and particles."""

    width: int
    scale: float | None
    inputs: str
    particles: int


FULL = tuple(
    Draw(width, scale, inputs, particles)
    for inputs in ("uniform", "normal")
    for width, particles in ((3, 3000), (6, 1000), (12, 600))
    for scale in (None, 0.5)
)
QUICK = (Draw(3, 0.5, "uniform", 300), Draw(6, 0.5, "uniform", 300))


def run_fibre(
    *, quick: bool = False, seed: int = 0, progress: bool | None = None, draws: tuple[Draw, ...] | None = None
) -> Benchmark:
    """Draw and read all fibres: about four minutes on one core, `quick` some seconds.

    Args:
        quick: `QUICK` in place of `FULL`.
        seed: of the random draws.
        progress: whether to show a progress bar; None shows one on a terminal and none in a pipe.
        draws: one's own.
    """
    chosen = draws or (QUICK if quick else FULL)
    scores: list[Score] = []
    seconds = {"draw": 0.0, "read": 0.0}
    # tqdm's disable=None means: no bar where the output is no terminal
    for draw in tqdm(chosen, desc=NAME, unit="fibre", disable=None if progress is None else not progress):
        clock = time.perf_counter()
        drawn = fibre(
            hand_derived("minimum"), draw.width, scale=draw.scale, inputs=draw.inputs, particles=draw.particles,
            seed=seed,
        )  # fmt: skip
        seconds["draw"] += time.perf_counter() - clock
        clock = time.perf_counter()
        scores += scores_of(drawn)
        seconds["read"] += time.perf_counter() - clock
    return Benchmark(NAME, quick, seed, tuple(scores), seconds, _about(chosen))


def scores_of(drawn: Fibre) -> list[Score]:
    """The shares of one fibre of the minimum, and how well it was drawn."""
    population = f"{drawn.inputs} inputs, scale {drawn.scale:.3g}"
    if drawn.scale == init_scale(2, drawn.width):
        population += " of the init"
    at = Setting(population, inputs=2, bias=False, layers=1, width=drawn.width, law="normal", task="minimum")
    smallest = drawn.width == circuits["minimum"].network.sizes[1]
    named = (*SLIDES, LEAST_NORM, BOTH_SIDES)
    return [
        _score(at, "hand-derived form", drawn.form_share(*SLIDES), ONE_WAY if smallest else None),
        _score(at, "kink from both sides", drawn.form_share(BOTH_SIDES)),
        _score(at, "form of least norm", drawn.form_share(LEAST_NORM)),
        _score(at, "other forms", drawn.share([name not in named for name in drawn.form_names()])),
        _score(at, "greaterness", drawn.feature_share("greaterness"), KINK),
        _score(at, "positiveness", drawn.feature_share("positiveness")),
        Score(PART, at, "median path norm", drawn.median_norm),
        Score(PART, at, "ancestors of a chain", float(min(drawn.ancestors))),
        Score(PART, at, "effective families of a chain", min(drawn.effective_sizes)),
        Score(
            PART, at, "p of the chains' difference", drawn.agreement.p, bound=AGREE, note=str(drawn.agreement)
        ),
    ]


def _score(at: Setting, measure: str, share: FibreShare, bound: Bound | None = None) -> Score:
    found, n = share.counts
    chains = ", ".join(f"{value:.3f}" for value in share.chains)
    return Score(
        PART,
        at,
        measure,
        share.value,
        share.low,
        share.high,
        round(found, 1),
        round(n),
        bound,
        f"chains {chains}",
    )


def _about(draws: tuple[Draw, ...]) -> dict[str, Any]:
    from importlib.metadata import version

    packages = ("mathcircuits", "numpy", "scipy")
    return {"versions": {name: version(name) for name in packages}, "draws": [asdict(draw) for draw in draws]}
