"""Writing a zoo: its parts for each split, the tables of labels and the datasheet."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mathcircuits.detect import FileError, InputError

from ..studies.storage import atomic
from .datasheet import datasheet_text
from .derivedparts import derived_parts
from .parts import ZooPart
from .plantedparts import planted_parts
from .trainedparts import trained_parts
from .zoofiles import TABLES, checksums, write_part, write_table

#: The splits and what is added to the seed for each; seeds of training are further apart than any count of networks.
SPLITS = {"train": 0, "held-out": 1}
_SEEDS_APART = 100_000_000
#: Networks of each planted part, gauges of each implementation of a circuit, and seeds of each training: they make
#: about 20 000 networks, most of whose time goes into diagnosing the trained ones that fail.
_FULL = (700, 60, 200)
_SMALL = (6, 2, 3)


def write_zoo(
    out: Path,
    *,
    small: bool = False,
    seed: int = 0,
    trained: bool = True,
    progress: Callable[[str], None] | None = None,
) -> Path:
    """Write a zoo: networks with known truth, in a part for training and one held out.

    Every file is the same, byte for byte, when it is written again with the same seed and versions of the libraries.

    Args:
        out: a folder that is not there, or empty.
        small: a few networks of each kind.
        seed: the training split's generators have it, the held-out split's others.
        trained: whether trained networks are among them.
        progress: is told each part.

    Raises:
        InputError: for a negative seed.
        FileError: where the folder is there and not empty, or cannot be written.

    Examples:
        >>> import tempfile
        >>> out = write_zoo(Path(tempfile.mkdtemp()) / "zoo", small=True, trained=False)
        >>> sorted(path.name for path in out.iterdir())[:3]
        ['circuits.parquet', 'datasheet.md', 'networks.parquet']
    """
    if seed < 0 or seed >= _SEEDS_APART // 2:
        raise InputError(f"seed {seed}: give one from 0 to {_SEEDS_APART // 2 - 1}")
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileError(out, "is there already", "choose another folder, or remove it")
    planted, gauges, seeds = _SMALL if small else _FULL
    tell = progress or (lambda _text: None)
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    counts: Counter[tuple[str, str]] = Counter()
    try:
        for split, number in SPLITS.items():
            parts: list[ZooPart] = [
                *planted_parts(split, planted, [seed, number, 0], not small),
                *derived_parts(split, gauges, [seed, number, 1], not small),
            ]
            if trained:
                first = (2 * seed + number) * (_SEEDS_APART // 100)
                parts.extend(trained_parts(split, seeds, first, not small))
            for part in parts:
                tell(f"{split}: {part.name}, {len(part)} networks")
                write_part(out, part)
                counts[split, part.name] = len(part)
                for name in TABLES:
                    rows[name].extend(getattr(part, name))
        for name, table in rows.items():
            write_table(out, name, table)
        with atomic(out / "datasheet.md") as file:
            file.write_text(datasheet_text(counts, checksums(out), small=small, seed=seed), "utf-8")
    except BaseException:
        shutil.rmtree(out, ignore_errors=True)
        raise
    return out
