"""What `compare` does: read two networks or two folders of them, and say where they part."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mathcircuits.detect import FileError, InputError, MathCircuitsError, Network, Task, tasks
from mathcircuits.detect.features import mirrored
from mathcircuits.detect.networks import Domain
from mathcircuits.detect.universality import Pairing, pair_up

from ..studies.populations.functions import group_functions, of_task
from ..studies.populations.listing import TABLE, list_networks
from .domains import domain_of
from .terminal.console import number, print_json
from .terminal.waiting import working

#: A name that is longer is cut in the table, whose lines have 80 columns.
_LONGEST = 24


def compare_files(
    first: Path,
    second: Path,
    *,
    task: str | None = None,
    box: Sequence[str] = (),
    points: str | None = None,
    threshold: float | None = None,
    activation: str | None = None,
    html: Path | None = None,
    as_json: bool = False,
) -> None:
    """Compare two files or folders and print where they part.

    Args:
        first, second: networks, folders of them, or tables.
        task: what they compute, by name or as a formula; None to look.
        box, points: the inputs, as of `inspect`.
        threshold: the mean squared error below which a network computes the function.
        activation: between the layers of files that do not say it.
        html: a file to write as a page, whose path is printed in place of the table.
        as_json: print JSON.

    Raises:
        FileError: where something cannot be read, or the page cannot be written.
        InputError: where their inputs or outputs differ, or no network of a folder computes the common function.
        UnknownTask: for a task that is neither registered nor a formula.

    Examples:
        >>> compare_files(Path("no.pt"), Path("nothing.pt"))
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.FileError: no.pt: is not there; give a network, a folder of them, or a table
    """
    names = _names(first, second)
    with working("reading the networks"):
        sides = [_networks(path, activation) for path in (first, second)]
    known = None if task is None else tasks[task]
    shape = sides[0][0].inputs, sides[0][0].outputs
    for path, side in zip((first, second), sides, strict=True):
        for network in side:
            if (network.inputs, network.outputs) != shape:
                raise InputError(
                    f"{path} holds a network of {network.inputs} inputs and {network.outputs} outputs, {first} one of "
                    f"{shape[0]} and {shape[1]}: only networks of the same are compared"
                )
    given = domain_of(shape[0], box=box, points=points)
    if known is not None and given is not None:
        raise InputError(
            f"--box or --points beside --task {task}, which has its own inputs: leave one of them out"
        )
    with working("comparing"):
        found, lines = compared(sides[0], sides[1], names, known, given, threshold)
    if html is not None:
        from ..pages.pairs.pairpage import write_pair_page

        words = [str(first), str(second), *(["--task", task] if task else [])]
        path = write_pair_page(
            found, html, command=f"mathcircuits compare {' '.join(words)} --html OUT.html", lines=lines
        )
        if not as_json:
            print(path)
    if as_json:
        print_json({**found.to_dict(), **lines})
    elif html is None:
        print("\n".join(table_lines(found, lines)))


def compared(
    first: Sequence[Network],
    second: Sequence[Network],
    names: tuple[str, str],
    task: Task | None = None,
    domain: Domain | None = None,
    threshold: float | None = None,
) -> tuple[Pairing, dict[str, str]]:
    """Two groups side by side, as networks of the function that they compute where it is one; and what is known.

    Of groups those networks are compared that compute it, the nearest ones first.

    Args:
        first, second: networks of one shape of inputs and outputs.
        names: what the groups are called.
        task: what they compute; None to look.
        domain: the inputs where that is looked for; None for [-1, 1].
        threshold: the mean squared error below which a network computes it; None for a share of its variance.

    Raises:
        InputError: where none of several networks of a group computes the function.

    Examples:
        >>> from mathcircuits.detect import hand_derived
        >>> found, lines = compared([hand_derived("minimum")], [hand_derived("maximum")], ("a", "b"))
        >>> found.parts_at, lines["function"]
        ('function', 'none that both compute')
    """
    where = Domain.of(domain, first[0].inputs)
    together = [*first, *second]
    lines = {"networks": f"{len(first)} and {len(second)}", "inputs": where.text}
    if task is not None:
        functions = [of_task(together, task, threshold)]
    else:
        try:
            functions = group_functions(together, where, threshold)
        except InputError:
            functions = []
    sides: list[list[tuple[float, Network]]] = [[], []]
    for function in functions[:1]:
        for k in function.members:
            if function.losses[k] < function.threshold:
                network = mirrored(together[k], function.turned[k])
                sides[k >= len(first)].append((function.losses[k], network))
    one = len(first) == len(second) == 1
    if not (sides[0] and sides[1]):
        if not one:
            lacking = names[0] if not sides[0] else names[1]
            raise InputError(
                f"no network of {lacking} computes the function that the others do: give --task, or a larger "
                "--threshold"
            )
        lines["function"] = "none that both compute"
        box = where.box if task is None else task.box
        return pair_up(first[0], second[0], names=names, box=box), lines
    (function,) = functions[:1]
    lines["function"] = function.task.text if function.task.formula else function.task.name
    if not one:
        lines["compute it"] = f"{len(sides[0])} and {len(sides[1])}"
    ordered = [[network for _, network in sorted(side, key=lambda pair: pair[0])] for side in sides]
    return (
        pair_up(ordered[0], ordered[1], names=names, task=function.task, threshold=function.threshold),
        lines,
    )


def table_lines(found: Pairing, lines: dict[str, str]) -> list[str]:
    """The table of a terminal, 80 columns wide.

    Examples:
        >>> from mathcircuits.detect import hand_derived
        >>> found, lines = compared([hand_derived("minimum")], [hand_derived("minimum")], ("a", "b"))
        >>> print("\\n".join(table_lines(found, lines)[:7]))
        a and b are the same up to circuit.
        function: min(x1, x2); inputs: [-1, 1]^2; networks: 1 and 1
        <BLANKLINE>
        rung      relation      value    null 5%   null 95%
        function  same          0        0.00226   0.0934
        subspace  same          1        0.246     0.968
        units     same          1        0.206     0.958
    """
    order = ("function", "inputs", "networks", "compute it")
    text = [found.sentence, "; ".join(f"{name}: {lines[name]}" for name in order if name in lines), ""]
    text.append(f"{'rung':<9} {'relation':<14}{'value':<9}{'null 5%':<10}{'null 95%'}")
    for step in found.steps:
        numbers = [number(value) for value in (step.value, step.null_low, step.null_high)]
        text.append(f"{step.rung:<9} {step.relation:<14}{numbers[0]:<9}{numbers[1]:<10}{numbers[2]}".rstrip())
    same = [u for u in found.units if u.counterparts]
    most = min(sum(network.sizes[1:-1]) for network in found.networks)
    text += ["", f"units: {len(same)} of {most} have a counterpart (1 - r^2 at most 0.01)"]
    for one in found.transplants:
        who = f"{one.donor[:_LONGEST]} into {one.recipient[:_LONGEST]}, layer {one.layer or 0}"
        if not one.done:
            text.append(f"transplant {who}: {one.reason}"[:80])
            continue
        text.append(f"transplant {who}: accuracy {number(one.accuracy)}, decoy {number(one.decoy)}")
    return [line for long in text for line in _wrapped(long)]


def _wrapped(line: str) -> list[str]:
    import textwrap

    return textwrap.wrap(line, 80, subsequent_indent="  ") if len(line) > 80 else [line]


def _names(first: Path, second: Path) -> tuple[str, str]:
    """What the two are called: their own names, or where these are the same their paths."""
    names = first.resolve().name, second.resolve().name
    return names if names[0] != names[1] else (str(first), str(second))


def _networks(path: Path, activation: str | None) -> list[Network]:
    """The network of a file, or those of a folder or a table, each run's last one."""
    from mathcircuits.models.files import read_network

    if not path.exists():
        raise FileError(path, "is not there", "give a network, a folder of them, or a table")
    if path.is_file() and path.suffix.lower() != Path(TABLE).suffix:
        return [read_network(path, activation=activation)]
    listed = list_networks(path)
    last = {(one.task, one.groups, one.seed): one for one in sorted(listed, key=lambda one: one.step or 0)}
    networks, reason = [], ""
    for one in last.values():
        try:
            networks.append(read_network(one.source, activation=activation))
        except MathCircuitsError as error:
            reason = reason or str(error).splitlines()[0]
    if not networks:
        raise FileError(path, reason, f"none of {len(last)} files holds a network that can be read")
    return networks
