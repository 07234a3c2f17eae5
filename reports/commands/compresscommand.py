"""`mathcircuits compress`: the smallest network found that computes what a file's network computes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mathcircuits.models import compress, save
from mathcircuits.models.files import read_network

from ..budgets import check_compressed
from ..wording import at_most
from .domains import domain_of, task_of
from .inspecting import of_study
from .terminal.console import number, print_fields, print_json
from .terminal.outputs import check_free, check_network_file
from .terminal.waiting import working

if TYPE_CHECKING:
    from mathcircuits.models import Compressed


def compress_file(
    file: Path,
    out: Path,
    *,
    task: str | None = None,
    target: str | None = None,
    tolerance: float | None = None,
    box: Sequence[str] = (),
    seed: int = 0,
    network: str | None = None,
    activation: str | None = None,
    part: str | None = None,
    one_hot: bool = False,
    force: bool = False,
    as_json: bool = False,
) -> int:
    """Compress a file's network, write what comes of it, and print how the two differ.

    Args:
        file: a network's file, or the folder of a study with `network`.
        out: where to write, .safetensors or .npz.
        task: what to compute, a name, a formula or a file of data; None for what the network computes.
        target: of a file of data, the columns to learn, separated by commas; by default the last one.
        tolerance: the mean squared error allowed; None for that of a solved task, and of data their noise.
        box: bounds of the inputs (see `domains.py`); by default the task's, or -1 and 1.
        seed: of the points and of the deletions.
        network: which network of a study.
        activation, part, one_hot: how the file is read, as for `inspect`.
        force: replace a file that is there.
        as_json: print JSON.

    Returns:
        0 where the result meets the tolerance, else 1; it is written in both cases.

    Raises:
        FileError: where the file holds no network, or the other cannot be written or is there already.
        InputError: for a task, box or tolerance that does not fit, or a network that is too large.

    Examples:
        >>> compress_file(Path("wide.pt"), Path("small.onnx"))
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.FileError: small.onnx: cannot be written as '.onnx'; use .safetensors or .npz
    """
    check_free([check_network_file(out)], force)
    if network is not None:
        net = of_study(file, network)
    else:
        net = read_network(file, activation=activation, part=part, one_hot=one_hot)
    check_compressed(sum(layer.size for layer in net.weights))
    domain = domain_of(net.inputs, box=box, names=net.about.input_names)
    wanted = None if task is None or task == "self" else task_of(task, net, target)
    with working("removing neurons"):
        found = compress(
            net,
            wanted,
            box=None if domain is None else domain.box,
            seed=seed,
            progress=False,
            tolerance=tolerance,
        )
    with working("proving the difference"):
        record = compressed_record(found, out)
    save(found.network, out)
    if as_json:
        print_json(record)
    else:
        print_fields(compressed_fields(record))
    return 0 if found.verified else 1


def compressed_record(found: Compressed, out: Path) -> dict[str, Any]:
    """What came of a compression as plain values.

    Examples:
        >>> from mathcircuits.detect import Network
        >>> wide = Network([[[1.0], [2.0], [-1.0]], [[1.0, 1.0, 3.0]]])
        >>> record = compressed_record(compress(wide), Path("small.npz"))
        >>> record["before"], record["after"], record["verified"]
        ([1, 3, 1], [1, 2, 1], True)
    """
    proof = found.difference
    return {
        "file": str(out),
        "target": found.target,
        "before": list(found.before),
        "after": list(found.after),
        "verified": found.verified,
        "mean_squared_error": found.loss,
        "tolerance": found.tolerance,
        "difference_met": found.held_out,
        "difference_proved": None if proof is None else proof.upper,
        "removed": [list(pair) for pair in found.removed],
        "readable": found.readable,
    }


def compressed_fields(record: dict[str, Any]) -> dict[str, str]:
    """The same in lines of a name and a text.

    Examples:
        >>> from mathcircuits.detect import Network
        >>> wide = Network([[[1.0], [2.0], [-1.0]], [[1.0, 1.0, 3.0]]])
        >>> compressed_fields(compressed_record(compress(wide), Path("small.npz")))["network"]
        '1-3-1 to 1-2-1'
    """
    before, after = ("-".join(map(str, record[key])) for key in ("before", "after"))
    proved = record["difference_proved"]
    error = f"{number(record['mean_squared_error'], 2)} on unseen points"
    allowed = f"{record['tolerance']:.3g}"
    target = "the network itself" if record["target"] == "itself" else record["target"]
    return {
        "network": f"{before} to {after}" if before != after else f"{before}: no smaller one was found",
        "target": target,
        "error": f"mean squared {error}, {'within' if record['verified'] else 'NOT within'} {allowed}",
        "difference": (
            f"at most {at_most(proved)} from the original anywhere on the box (proved)"
            if proved is not None
            else f"at most {at_most(record['difference_met'])} from the original on unseen points"
        ),
        "file": record["file"],
    }
