"""Networks of others scored by a benchmark, for its command."""

from __future__ import annotations

from pathlib import Path

from mathcircuits.detect import InputError


def score_networks(name: str, networks: Path, out: Path | None, against: Path | None, as_json: bool) -> int:
    """Score somebody's networks: against the tasks of the universality benchmark, or by manifests.

    Args:
        name: "universality" or "public"; networks: the folder.
        out: where the result is written; against: an earlier result; as_json: whether JSON is printed.

    Returns:
        The exit code.

    Raises:
        InputError: for another benchmark.

    Examples:
        >>> score_networks("training", Path("nets"), None, None, False)
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: benchmark 'training' knows no --networks: it belongs to ...
    """
    from ..benchmark.public.benchmark import run_public
    from ..benchmark.universality.benchmark import score_folder
    from .terminal.console import print_json

    if name == "public":
        found = run_public(networks)
        if out is not None:
            found.write(out)
        if as_json:
            print_json(found.to_dict())
        else:
            print("\n".join(found.summary))
        return 0 if found.passed else 1
    if name != "universality":
        raise InputError(f"benchmark {name!r} knows no --networks: it belongs to 'universality' and 'public'")
    result, lines = score_folder(networks, out=out, against=against)
    if as_json:
        print_json(result.to_dict())
    else:
        print("\n".join(lines))
    return 0
