"""The domain that `--box`, `--data` and `--points` mean."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mathcircuits.detect import Domain, FileError, InputError, Network, Task, UnknownNameError, as_task, tasks
from mathcircuits.detect.features import TABLES
from mathcircuits.detect.networks import (
    header_of,
    input_columns,
    numbers_of,
    parse_bounds,
    read_bounds,
    read_frame,
)

_FORMS = "give LOW HIGH, NAME=LOW:HIGH ..., one pair per input, or a file of bounds"
#: A word that goes on with the bounds before it: a number, or bounds with or without a name.
_BOUND = re.compile(r"[-+]?[0-9.][0-9.eE+-]*|[^=\s]*=?[-+]?[0-9.][^:\s]*:[-+]?[0-9.]\S*")


def gathered(words: Sequence[str], option: str = "--box") -> list[str]:
    """A command's words with all that follows `--box` as one word, since an option takes one.

    Examples:
        >>> gathered(["net.pt", "--box", "x1=0:10", "x2=-1:1", "--json"])
        ['net.pt', '--box', 'x1=0:10 x2=-1:1', '--json']
        >>> gathered(["--box", "-1", "1", "net.pt"])
        ['--box', '-1 1', 'net.pt']
    """
    found: list[str] = []
    rest = list(words)
    while rest:
        found.append(rest.pop(0))
        if found[-1] == option and rest:
            value = [rest.pop(0)]
            while rest and _BOUND.fullmatch(rest[0]):
                value.append(rest.pop(0))
            found.append(" ".join(value))
    return found


def domain_of(
    inputs: int,
    *,
    box: Sequence[str] = (),
    data: Path | None = None,
    points: str | None = None,
    names: Sequence[str] | None = None,
) -> Domain | None:
    """The domain that a command's options say; None where they say nothing.

    Args:
        inputs: the network's number of inputs.
        box: what followed `--box`, once or several times.
        data: a table of samples.
        points: the values of every input of a finite domain, `one-hot:SIZE,SIZE`, or a table of points.
        names: what the inputs are called, by default what the data's header says.

    Raises:
        InputError, FileError: where they cannot be read, or do not fit the network or each other.

    Examples:
        >>> domain_of(2, box=["x1=0:10 x2=-1:1"])
        Domain(x1 in [0, 10], x2 in [-1, 1])
        >>> [domain_of(2, box=[text]).text for text in ("0 1", "0 1 -3 3", "[[0, 1], [-3, 3]]", "0:1,-3:3")]
        ['[0, 1]^2', 'x1 in [0, 1], x2 in [-3, 3]', 'x1 in [0, 1], x2 in [-3, 3]', 'x1 in [0, 1], x2 in [-3, 3]']
        >>> domain_of(2, points="0,1")
        Domain(4 points, x1 in {0, 1}, x2 in {0, 1})
        >>> domain_of(2, box=["zero to one"])
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: --box 'zero to one': give LOW HIGH, NAME=LOW:HIGH ..., one pair per
        input, or a file of bounds
    """
    if points is not None:
        if box or data is not None:
            raise InputError("--points names every input that there is: leave out --box and --data")
        return _finite(points, inputs, names)
    samples = None
    if data is not None:
        samples, names = _table(data, inputs, names)
    if not box:
        return None if samples is None else Domain.of_data(samples, names=names)
    return Domain.of(_bounds(box, inputs, names), inputs, data=samples)


def task_of(text: str, net: Network, target: str | None = None) -> Task:
    """The task that `--task` means for a network: a name, a formula, or a file of data.

    Of a file with a header the columns are the network's inputs by their names, where both have any. The target is what
    `target` names, else the last column.

    Raises:
        UnknownTask, InputError: where the text is no task, or its data do not fit the network.

    Examples:
        >>> from mathcircuits.detect import hand_derived
        >>> task_of("min(x2, x1)", hand_derived("minimum")).name
        'minimum'
    """
    path, own = Path(text), net.about.input_names
    if path.suffix.lower() not in TABLES or text in tasks:
        return as_task(text, target=target)
    frame = read_frame(path)
    header = header_of(frame)
    if header is None or own is None or not set(own) <= set(header):
        return as_task(path, target=target)
    wanted = header[-1] if target is None else target
    outputs = [name.strip() for name in wanted.split(",")] if wanted not in header else [wanted]
    unknown = [name for name in outputs if name not in header]
    if unknown:
        raise UnknownNameError("column", unknown[0], header, f"columns of {path}: {', '.join(header)}")
    try:
        return Task.of_data(frame[[*own, *outputs]], outputs, name=path.name)
    except InputError as error:
        raise FileError(path, str(error)) from None


def _finite(points: str, inputs: int, names: Sequence[str] | None) -> Domain:
    if Path(points).is_file():
        X, names = _table(Path(points), inputs, names)
        return Domain.finite(X, names=names)
    group = re.fullmatch(r"one-hot:([0-9]+(?:,[0-9]+)*)", points)
    try:
        if group:
            return Domain.of(
                Domain.finite(Domain.one_hot(*map(int, group[1].split(","))), names=names), inputs
            )
        values = [float(value) for value in points.strip("{}").split(",")]
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"--points {points!r}: give the values of every input (0,1), one-hot:SIZE,SIZE or a file of points"
        ) from None
    return Domain.finite(Domain.cube(inputs, values), names=names)


def _table(
    path: Path, inputs: int, names: Sequence[str] | None
) -> tuple[npt.NDArray[np.float64], Sequence[str] | None]:
    """The columns of a table that are the inputs, by their names where it has a header, and what they are called."""
    frame = read_frame(path)
    header = header_of(frame)
    try:
        if header is None:
            if frame.shape[1] != inputs:
                raise InputError(f"{frame.shape[1]} columns for {inputs} inputs: give one column each")
            return numbers_of(frame), names
        # Other columns may hold text.
        columns = input_columns(header, inputs, names)
        return numbers_of(frame.iloc[:, columns]), [header[k] for k in columns] if names is None else names
    except InputError as error:
        raise FileError(path, str(error)) from None


def _bounds(texts: Sequence[str], inputs: int, names: Sequence[str] | None) -> Domain:
    if len(texts) == 1 and Path(texts[0]).is_file():
        return read_bounds(Path(texts[0]), inputs, names)
    joined = " ".join(texts).strip()
    if joined.startswith("["):
        try:
            return Domain.of(json.loads(joined), inputs, names=names)
        except json.JSONDecodeError:
            raise InputError(f"--box {joined!r}: {_FORMS}") from None
    words = [word for word in re.split(r"[\s,;]+", joined) if word]
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        numbers = []
    if numbers:
        if len(numbers) not in (2, 2 * inputs):
            raise InputError(f"--box {joined!r} has {len(numbers)} numbers for {inputs} inputs: {_FORMS}")
        pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
        return Domain.of(pairs[0] if len(pairs) == 1 else pairs, inputs, names=names)
    if not words or not all(":" in word for word in words):
        raise InputError(f"--box {joined!r}: {_FORMS}")
    if len(words) == inputs > 1 and not any("=" in word for word in words):
        own = names if names is not None else [f"x{k + 1}" for k in range(inputs)]
        words = [f"{name}={word}" for name, word in zip(own, words, strict=True)]
    return parse_bounds(words, inputs, names)
