"""Running a benchmark by name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from mathcircuits.detect import InputError, UnknownNameError

from .results import Benchmark

if TYPE_CHECKING:
    from .universality.benchmark import Universality


@dataclass(frozen=True)
class Entry:
    """A benchmark: its name and what it measures."""

    name: str
    measures: str


#: The benchmarks by name.
BENCHMARKS: Mapping[str, Entry] = MappingProxyType(
    {
        entry.name: entry
        for entry in (
            Entry("detection", "precision, recall and false discoveries on networks with planted features"),
            Entry("training", "time per network-step against the plain loop and torch.func.vmap"),
            Entry("reading", "seconds of `inspect` with an empty cache of nulls and with a full one"),
            Entry("regimens", "ways of training: success, width reached, cost, prediction, diagnosis"),
            Entry("universality", "verdicts over tasks, widths, seeds and regimens"),
            Entry(
                "fibre",
                "forms and features that the minimum leaves open, at three widths, by two chains each",
            ),
            Entry("public", "published networks (--networks DIR with manifests) against what is published"),
            Entry("forced", "networks that lack what their certified error forces: none, up to 64 neurons"),
            Entry("scale", "time and memory of studies of 1000 to 100 000 networks, and how they grow"),
        )
    }
)
#: The benchmarks that know an option which others do not.
_KNOWS: Mapping[str, tuple[str, ...]] = {
    "full": ("detection",),
    "workers": ("detection", "universality", "scale"),
    "scheduler": ("universality", "scale"),
    "against": ("universality",),
}


def run(
    name: str,
    *,
    quick: bool = False,
    full: bool = False,
    out: str | os.PathLike[str] | None = None,
    seed: int = 0,
    progress: bool | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    against: str | os.PathLike[str] | None = None,
) -> Benchmark | Universality:
    """Run a benchmark.

    `detection` takes about half an hour on two cores, `quick` about two minutes, `full` hours; killed, it resumes
    in its folder, and the nulls that it draws stay in the cache. `regimens` takes about 25 minutes, `quick` about
    two; killed, it resumes in its folder. `universality` takes about half an hour, `quick` a minute and a half, and
    resumes likewise. `fibre` and `forced` take some minutes on one core, `quick` half a minute. `reading`
    takes about three minutes. `scale` in full size has not been timed, `quick` takes two to seven minutes; in a
    folder it goes on after the sizes that it has.

    Args:
        name: a key of `BENCHMARKS`.
        quick: fewer and smaller cells; its bounds are shown, though they are stated for the full size.
        full: for `detection`, the largest sizes: intervals half as wide.
        out: a folder to write into (see `Benchmark.write`); None writes nothing.
        seed: of what is drawn.
        progress: whether to show a progress bar; None shows one on a terminal and none in a pipe.
        workers: processes of `universality` and `scale` (None for one per core) and of `detection` (None for one).
        scheduler: for `universality` and `scale`, a dask scheduler whose workers do it instead.
        against: for `universality`, a result of before to compare with.

    Raises:
        InputError: for `full`, `workers`, `scheduler` or `against` with a benchmark that does not know it.
        UnknownNameError: for a name that there is not.
        FileError: where `out` cannot be written.

    Examples:
        >>> run("detecton")
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.UnknownNameError: no benchmark named 'detecton':
        did you mean 'detection'? (known: detection, training, reading, regimens, universality, fibre, public, forced,
        scale)
    """
    if name not in BENCHMARKS:
        raise UnknownNameError("benchmark", name, BENCHMARKS, f"known: {', '.join(BENCHMARKS)}")
    only = {"full": full or None, "workers": workers, "scheduler": scheduler, "against": against}
    for option, value in only.items():
        if value is not None and name not in _KNOWS[option]:
            owners = " and ".join(map(repr, _KNOWS[option]))
            raise InputError(f"benchmark {name!r} knows no {option}: it belongs to {owners}")
    if name == "universality":
        from .universality.benchmark import run_universality

        # writes itself, too
        return run_universality(
            quick=quick,
            out=out,
            seed=seed,
            workers=workers,
            scheduler=scheduler,
            against=against,
            progress=progress,
        )
    if name == "scale":
        from .scaling import run_scale

        # writes itself, size by size
        return run_scale(
            quick=quick, out=out, seed=seed, workers=workers, scheduler=scheduler, progress=progress
        )
    if name == "public":
        raise InputError("benchmark 'public' measures networks of others: give their folder, --networks DIR")
    if name == "training":
        from .training.benchmark import run_training

        found = run_training(quick=quick, seed=seed, progress=progress)
    elif name == "reading":
        from .reading.benchmark import run_reading

        found = run_reading(quick=quick, seed=seed, progress=progress)
    elif name == "regimens":
        from .regimens.benchmark import run_regimens

        # writes itself: its finished parts are kept in the same folder
        return run_regimens(quick=quick, out=out, seed=seed, progress=progress)
    elif name == "fibre":
        from .universality.open_forms import run_fibre

        found = run_fibre(quick=quick, seed=seed, progress=progress)
    elif name == "forced":
        from .universality.forced import run_forced

        found = run_forced(quick=quick, seed=seed, progress=progress)
    else:
        from .detection.benchmark import run_detection

        # writes itself: its finished cells are kept in the same folder
        return run_detection(
            quick=quick, full=full, seed=seed, progress=progress, out=out, workers=workers or 1
        )
    if out is not None:
        found.write(out)
    return found
