"""`mathcircuits train`: networks of a task from the command line, one file each."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathcircuits.detect import FileError, InputError
from mathcircuits.detect.features import as_task
from mathcircuits.models import save, train

from ..budgets import check_layers, check_size
from ..studies.storage import atomic
from .terminal.console import number, print_json, print_table
from .terminal.outputs import NETWORK_ENDINGS, check_folder, check_free, check_network_file

if TYPE_CHECKING:
    from mathcircuits.detect import Task
    from mathcircuits.models import Ensemble

#: What a larger training is done by.
_LIFT = "or train them in Python: mathcircuits.models.train has no limit"


def train_to_files(
    task: str,
    out: Path,
    *,
    hidden: str | None = None,
    seeds: int = 1,
    first: int = 0,
    regimen: str = "adam",
    steps: int | None = None,
    bias: bool | None = None,
    activation: str = "relu",
    force: bool = False,
    target: str | None = None,
    as_json: bool = False,
) -> int:
    """Train one network per seed, write each to a file, and print what came of them.

    Args:
        task: a name, a formula, or the path of a table.
        out: a folder, made where it is missing, for seed-0.safetensors, ... and runs.csv; or one network's file.
        hidden: hidden sizes such as 3 or 24-12; None for the smallest known of the task.
        seeds: how many; first: the first of them.
        regimen: a preset's name.
        steps: of the training; None for the task's or the regimen's own.
        bias: whether the layers have biases; None for whether the task needs them.
        activation: of all hidden layers.
        force: replace files that are there.
        target: of a table, the columns to learn, separated by commas; None for the last one.
        as_json: print JSON.

    Returns:
        0; 1 where a network diverged, of which there is no file.

    Raises:
        UnknownTask, UnknownNameError: for a task or a preset that there is not.
        InputError: for sizes, seeds or steps that cannot be used, and for what would not fit into memory.
        FileError: where a file is there already or cannot be written.

    Examples:
        >>> train_to_files("minimun", Path("runs"))
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.UnknownTask: no task named 'minimun': did you mean 'minimum'? ...
    """
    known = as_task(task, target=None if target is None else target.split(","))
    widths = hidden_sizes(hidden) if hidden is not None else known.hidden_with_bias if bias else known.hidden
    if widths is None:
        raise InputError(f"no smallest network of {known.name!r} is known: give --hidden, such as 8 or 24-12")
    sizes = (known.arity, *widths, known.outputs)
    weights = sum((low + 1) * high for low, high in pairwise(sizes))
    check_size(seeds, 0, lift=_LIFT)
    check_layers(widths, weights, seeds, lift=_LIFT)
    chosen = range(first, first + seeds)
    paths = files_of(out, chosen)
    table = out / "runs.csv"
    check_free([*paths, *([table] if out not in paths else [])], force)
    runs = train(
        known, hidden=widths, seeds=chosen, regimen=regimen, steps=steps, bias=bias, activation=activation
    )
    if out not in paths:
        _make(out)
    records = _written(runs, paths)
    if out not in paths:
        with atomic(table) as file:
            import pandas as pd

            pd.DataFrame(records).to_csv(file, index=False)
    if as_json:
        print_json(records)
    else:
        _print(runs, records, known)
    return 1 if runs.diverged else 0


def hidden_sizes(text: str) -> tuple[int, ...]:
    """Hidden sizes as they are written.

    Raises:
        InputError: for something else than numbers.

    Examples:
        >>> hidden_sizes("24-12"), hidden_sizes("3")
        ((24, 12), (3,))
    """
    if not re.fullmatch(r"[0-9]+([-,][0-9]+)*", text):
        raise InputError(f"--hidden {text!r}: give the sizes of the hidden layers, such as 3 or 24-12")
    return tuple(int(size) for size in re.split("[-,]", text))


def files_of(out: Path, seeds: range) -> list[Path]:
    """The file of each seed: `out` itself where it names one, else in the folder.

    Raises:
        FileError: for one file and several seeds, or a file in the folder's place.

    Examples:
        >>> [path.name for path in files_of(Path("runs"), range(2))], files_of(Path("a.npz"), range(1))[0].name
        (['seed-0.safetensors', 'seed-1.safetensors'], 'a.npz')
    """
    if out.suffix.lower() in NETWORK_ENDINGS and not out.is_dir():
        if len(seeds) > 1:
            raise FileError(out, f"is one file for {len(seeds)} networks", "give a folder")
        return [check_network_file(out)]
    check_folder(out, f"give a folder, or a name that ends in {NETWORK_ENDINGS[0]}")
    return [out / f"seed-{seed}.safetensors" for seed in seeds]


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(folder, f"cannot be made ({error.strerror or error})", "choose another") from None


def _written(runs: Ensemble, paths: list[Path]) -> list[dict[str, Any]]:
    """Write each network that is finite; a record of every one."""
    records = []
    for position, (seed, path) in enumerate(zip(runs.seeds, paths, strict=True)):
        diverged, loss = seed in runs.diverged, float(runs.losses[position])
        if not diverged:
            save(runs[position], path)
        records.append(
            {
                "seed": seed,
                "network": "-".join(map(str, runs.sizes[position])),
                "loss": None if diverged else loss,
                "solved": bool(runs.solved[position]),
                "file": None if diverged else str(path),
            }
        )
    return records


def _print(runs: Ensemble, records: list[dict[str, Any]], task: Task) -> None:
    rows = [
        [
            str(record["seed"]), record["network"], number(record["loss"], 2), "yes" if record["solved"] else "no",
            record["file"] or "diverged: no file",
        ]
        for record in records
    ]  # fmt: skip
    print_table(["seed", "network", "mean squared error", "solved", "file"], rows)
    solved = sum(record["solved"] for record in records)
    print(f"{solved} of {len(records)} solved {runs.task} (mean squared error below {threshold_text(task)})")


def threshold_text(task: Task) -> str:
    """The mean squared error below which a network has solved the task, and of data where it comes from.

    Examples:
        >>> threshold_text(as_task("minimum"))
        '1e-08'
        >>> x = [[k / 30] for k in range(30)]
        >>> threshold_text(as_task((x, [k % 2 for k in range(30)])))
        '0.12, half of their variance'
        >>> threshold_text(as_task((x, [k / 30 for k in range(30)])))
        '8.3e-06, 0.0001 of their variance'
    """
    bar = f"{task.threshold:.2g}"
    if task.solved is not None or task.rows is None:
        return bar
    return f"{bar}, {task.rows.solved_as}"
