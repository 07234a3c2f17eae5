"""What `study --networks` does: read somebody's networks as a study, and print what became of them."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from mathcircuits.detect import Domain, InputError, tasks

from ..studies.folder import Study
from ..wording import at_most
from .domains import domain_of

#: Files that are named where several could not be read.
_NAMED = 5


def study_networks(
    networks: Sequence[Path],
    out: Path,
    *,
    beside: Mapping[str, object] | None = None,
    task: str | None = None,
    by: str | None = None,
    box: Sequence[str] = (),
    data: Path | None = None,
    points: str | None = None,
    threshold: float | None = None,
    activation: str | None = None,
    fibre: int | None = None,
    sequential: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
) -> int:
    """Study networks from elsewhere and print a summary; 1 where a cell failed.

    Args:
        networks: folders or tables; out: the study's folder.
        beside: options of a study that trains, by name; one that is set is refused.
        task, by, threshold, activation, fibre, sequential, workers, scheduler: as of `study_of`.
        box, data, points: the inputs, as of `inspect`.

    Raises:
        InputError: for an option of a study that trains, a domain beside a task, and what `study_of` raises.
        FileError: where nothing can be read, or the folder cannot be written.
        UnknownTask: for a task that is not registered.

    Examples:
        >>> study_networks([Path("runs")], Path("out"), beside={"--seeds": 3})
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: --seeds beside --networks, whose networks are there already: leave ...
    """
    from ..study import study_of

    for name, value in (beside or {}).items():
        if value is not None:
            raise InputError(
                f"{name} beside --networks, whose networks are there already: leave one of them out"
            )
    known = None if task is None else tasks[task]
    given = {"--box": " ".join(box), "--data": data, "--points": points}
    said = {name: str(value) for name, value in given.items() if value}
    if known is not None and said:
        raise InputError(
            f"{', '.join(said)} beside --task {task}, which has its own inputs: leave one of them out"
        )

    def domain(inputs: int) -> Domain | None:
        return domain_of(inputs, box=box, data=data, points=points)

    study = study_of(
        networks[0] if len(networks) == 1 else list(networks),
        out,
        task=known,
        domain=domain if said else None,
        domain_text=" ".join(f"{name} {value}" for name, value in said.items()),
        by=None if by is None else [name.strip() for name in by.split(",") if name.strip()],
        threshold=threshold,
        activation=activation,
        fibre=fibre,
        sequential=sequential,
        workers=workers,
        scheduler=scheduler,
    )
    for line in summary(study):
        print(line)
    print(study.page.resolve().as_uri())
    unread = [(file.path, file.reason) for file in study.files if file.status == "unread"]
    for path, reason in unread[:_NAMED]:
        print(f"mathcircuits: {path} was not read: {reason}", file=sys.stderr)
    if len(unread) > _NAMED:
        print(
            f"mathcircuits: {len(unread) - _NAMED} more were not read: see population.json", file=sys.stderr
        )
    for key, error in study.failures.items():
        print(f"mathcircuits: cell {key} failed: {error} (see networks/{key}.error.txt)", file=sys.stderr)
    return 1 if study.failures else 0


def summary(study: Study) -> list[str]:
    """What became of the files, the functions that were found, and how many networks compute each.

    Args:
        study: of networks that were trained elsewhere.
    """
    counts = Counter(file.status for file in study.files)
    lines = [
        f"{counts['read'] + counts['unread']} files: {counts['read']} read"
        + (f", {counts['unread']} not read" if counts["unread"] else "")
    ]
    success = study.tables["success"]
    for name in dict.fromkeys(success["task"]):
        own = success[success["task"] == name]
        conditions = f"{len(own)} condition{'s' * (len(own) > 1)}"
        solved, of = int(own["solved"].sum()), int(own["n"].sum())
        lines.append(f"{name}: computed by {solved} of {of} networks in {conditions}")
        proved = [
            file.difference
            for file in study.files
            if file.solved and file.certified and file.difference and file.network.startswith(f"{name}/")
        ]
        if proved:
            lines.append(
                f"  certified for {len(proved)} of these: off by at most {at_most(max(proved))} at every input"
            )
        if solved <= of / 2:
            own_losses = sorted(
                file.loss
                for file in study.files
                if file.loss is not None and not file.solved and file.network.startswith(f"{name}/")
            )
            middle = own_losses[len(own_losses) // 2]
            lines.append(
                f"  mean squared errors of the others: {own_losses[0]:.2g} at least, {middle:.2g} in the middle; "
                "--threshold sets what counts"
            )
    turned = sum(bool(file.turned) for file in study.files)
    if turned:
        lines.append(f"{turned} compute their function after a change of inputs: see population.json")
    return lines
