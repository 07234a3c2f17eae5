"""The manifest: what a study's folder is and how it came about. Clocks and machines stand here and nowhere else."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mathcircuits.detect.errors import FileError
from mathcircuits.detect.features import data_file

from ..locking import locked
from .cell import Cell, reading_hash
from .cells import Outcome, peak_memory
from .config import StudyConfig
from .populations.populationconfig import AnyConfig, as_any_config
from .storage import read_json, sweep, write_json

_FORMAT = "mathcircuits-study-1"
#: Packages whose version may change a number in a table.
_PACKAGES = (
    "mathcircuits", "torch", "numpy", "scipy", "pandas", "pyarrow", "scikit-learn", "sympy", "transformer-lens",
)  # fmt: skip

_CHECKSUM = "checksum"


def read_manifest(folder: Path) -> dict[str, Any]:
    """A study's manifest.

    Raises:
        FileError: where there is none, or it is damaged.
    """
    path = folder / "manifest.json"
    if not path.is_file():
        raise FileError(
            folder,
            "holds no study (there is no manifest.json)",
            "give the folder that `mathcircuits study --out` wrote",
        )
    manifest = read_json(path)
    if manifest.get("format") != _FORMAT:
        raise FileError(path, f"is not a manifest of a study (format {_FORMAT})", "give another folder")
    if manifest.pop(_CHECKSUM, None) not in (None, _checksum(manifest)):
        raise FileError(
            path,
            "has changed since it was written",
            f"restore it from a copy, or take out its line {_CHECKSUM!r} to keep the change",
        )
    return manifest


def _checksum(manifest: Mapping[str, Any]) -> str:
    """The SHA-256 of a manifest's content, however it is laid out."""
    # Through JSON once: what is read back has lists for tuples.
    plain = json.loads(json.dumps(manifest))
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def claim(out: Path, config: AnyConfig) -> str:
    """Make the folder the study's own, or check that it is; the time of the claim."""
    try:
        if out.exists() and not out.is_dir():
            raise FileError(out, "is a file", "give a folder for the study, with --out")
    except OSError as error:  # a name that is too long, a folder above that cannot be looked into
        raise FileError(out, f"cannot be used ({error.strerror})", "choose another folder") from None
    now = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        (out / ".locks").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(out, f"cannot be made ({error.strerror or error})", "choose another folder") from None
    with locked(out / ".locks" / "manifest.lock", "writes the manifest"):
        sweep(out, "manifest.json")
        if not (out / "manifest.json").is_file():
            if isinstance(config, StudyConfig):
                _copy_data(out, config)
            _write_manifest(out, config, [], compiler=compiles())
            return now
        manifest = read_manifest(out)
        there = manifest["config"]
        wanted = config.to_dict()
        changed = [key for key in {**wanted, **there} if there.get(key) != wanted.get(key)]
        if config.sequential and changed == ["seeds"] and _more(wanted["seeds"], there["seeds"]):
            _write_manifest(out, config, [], compiler=manifest.get("compiler", compiles()))
        elif changed:
            changes = ", ".join(
                f"{key} = {there.get(key)!r} there, {wanted.get(key)!r} here" for key in changed
            )
            raise FileError(
                out,
                f"holds a study with another configuration ({changes})",
                "choose another folder with --out, or move that one away; nothing in it was changed",
            )
    return now


def compiles() -> bool:
    """Whether this machine has a C++ compiler: training with the compiled step and without differs in last digits.

    Examples:
        >>> compiles() in (True, False)
        True
    """
    from mathcircuits.models.fitting import find_compiler

    return find_compiler() is not None


def check_compiler(out: Path, cells: Iterable[Cell]) -> None:
    """Refuse to train the rest of a study with a compiler where it was begun without one, or the other way round.

    Raises:
        FileError: where cells are still to be trained, and would be trained otherwise than the others.
    """
    began = read_manifest(out).get("compiler")
    if not isinstance(began, bool) or began == compiles():
        return
    left = sum(not cell.trained(out) for cell in cells)
    if left:
        there, here = ("with", "without") if began else ("without", "with")
        raise FileError(
            out,
            f"holds a study begun {there} a C++ compiler, and {left} of its cells would be trained {here} one, which "
            "gives other last digits",
            ("install g++ or clang++, or " if began else "") + "choose another folder with --out",
        )


def _copy_data(out: Path, config: StudyConfig) -> None:
    """Keep the data of a study's tasks in its folder."""
    for table in config.task:
        if "data" in table:
            kept = out / data_file(table)
            kept.parent.mkdir(exist_ok=True)
            shutil.copyfile(table["data"], kept)


def _more(seeds: Any, before: Any) -> bool:
    """Whether the seeds of before are among these."""
    now, then = (set(range(given)) if isinstance(given, int) else set(given) for given in (seeds, before))
    return now > then


def record(
    out: Path,
    cells: list[Cell],
    outcomes: Mapping[str, Outcome],
    seconds: Mapping[str, float],
    started: str,
    cpu: Mapping[str, float] | None = None,
    peak_mb: float | None = None,
) -> None:
    """Write into the manifest what became of the cells; times and memory of those that were kept stay.

    `seconds` are by the clock, `cpu` of a core: beside other work on the machine they differ. `cpu` of the tables
    contains `conditions`, what workers did of them.

    `peak_mb` is what the hungriest process that worked on a cell had held (`cells`), and this one (`study`).

    Args:
        out: the study's folder; cells: all of its cells; outcomes: by their keys.
        seconds, cpu: of the stages after the cells; started: when the study began.
        peak_mb: what the hungriest worker held that made the tables' parts; None where this process made them.
    """
    with locked(out / ".locks" / "manifest.lock", "writes the manifest"):
        manifest = read_manifest(out)
        before = {cell["key"]: cell for cell in manifest["cells"]}
        records: list[dict[str, Any]] = []
        for cell in cells:
            outcome = outcomes[cell.key]
            known = before.get(cell.key, {})
            times, cores = dict(known.get("seconds", {})), dict(known.get("cpu", {}))
            times.update({step: round(value, 3) for step, value in outcome.seconds.items()})
            cores.update({step: round(value, 3) for step, value in outcome.cpu.items()})
            records.append(
                {
                    "key": cell.key,
                    "condition": cell.condition,
                    "seeds": len(cell.seeds),
                    "status": outcome.status,
                    "error": outcome.error,
                    "seconds": times,
                    "cpu": cores,
                    "peak_mb": known.get("peak_mb") if outcome.peak_mb is None else outcome.peak_mb,
                }
            )
        config = as_any_config(manifest["config"], out)
        totals: dict[str, dict[str, float]] = {}
        for kind, of in (("seconds", seconds), ("cpu", cpu or {})):
            totals[kind] = {stage: round(value, 3) for stage, value in of.items()}
            for step in ("train", "read"):
                totals[kind][step] = round(sum(record[kind].get(step, 0.0) for record in records), 3)
        _write_manifest(
            out,
            config,
            records,
            compiler=manifest.get("compiler", compiles()),
            started=started,
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            **totals,
            peak_mb={
                "cells": max(
                    (peak for peak in (peak_mb, *(r["peak_mb"] for r in records)) if peak is not None),
                    default=None,
                ),
                "study": peak_memory(),
            },
        )


def _write_manifest(out: Path, config: AnyConfig, cells: list[dict[str, Any]], **more: Any) -> None:
    content = {
        "format": _FORMAT,
        "config": config.to_dict(),
        "seeds": list(config.seeds_used),
        "skipped": [asdict(skipped) for skipped in config.skipped],
        **reading_versions(),
        "git": _git_state(),
        "machine": _machine(),
        **more,
        "cells": cells,
    }
    write_json(out / "manifest.json", {**content, _CHECKSUM: _checksum(content)})


def reading_versions() -> dict[str, Any]:
    """Versions of the code and of the catalogue that read a study's networks, as they stand in its manifest."""
    return {
        "versions": {"python": _python(), **{package: version(package) for package in _PACKAGES}},
        "catalogue": reading_hash(),
    }


def _git_state() -> dict[str, Any] | None:
    """Commit and state of the checkout that mathcircuits runs from; None where it is installed without one."""
    import subprocess

    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=20, check=True
        )
        return done.stdout.strip()

    try:
        return {"commit": git("rev-parse", "HEAD"), "changed": bool(git("status", "--porcelain"))}
    except (OSError, subprocess.SubprocessError):
        return None


def _machine() -> dict[str, Any]:
    import platform

    return {
        "name": platform.node(),
        "system": platform.platform(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
    }


def _python() -> str:
    import platform

    return platform.python_version()
