"""Published networks scored: whether they load, compute what they should, and hold the features and mechanism said."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pandas as pd

from mathcircuits.detect import FileError, InputError, Network
from mathcircuits.models.files import read_group_network, read_network
from mathcircuits.models.training import GROKKED

from ...groupstudies import GroupStudy, group_study_of
from ..results import Benchmark
from ..scores import Bound, Score, Setting, share
from ..universality.scoring import score as score_networks
from .manifests import Manifest, manifests_in

#: A coset share this far above that of blind directions, as a share of the way to 1, reads as a coset circuit.
_COSETS = 0.5


def run_public(folder: str | os.PathLike[str]) -> Benchmark:
    """Score the populations whose manifests lie in a folder.

    Each manifest gives rows: files that load; networks whose function is right (above the published accuracy, 0.99
    where none is published); published features that are recovered, in networks that hold each; the mechanism and the
    verdicts beside the published ones. What is published gives the bounds; what is not is measured without one.

    Args:
        folder: with `*.manifest.toml` files, each beside its networks; see `manifests_in`.

    Raises:
        FileError: for a folder without manifests, or a manifest that cannot be read.

    Examples:
        >>> run_public("nowhere")
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.FileError: nowhere: holds no manifest (*.manifest.toml); write one, ...
    """
    scores: list[Score] = []
    seconds = {}
    for file, manifest in manifests_in(folder).items():
        started = time.perf_counter()
        scores += _scored(file, manifest)
        seconds[manifest.population.name] = time.perf_counter() - started
    return Benchmark("public", False, 0, tuple(scores), seconds, {"folder": str(folder)})


def _scored(file: Path, manifest: Manifest) -> list[Score]:
    """The rows of one population."""
    where = Setting(manifest.population.name, task=manifest.task.group or manifest.task.task)
    paths = sorted(
        path for path in file.parent.glob(manifest.files.pattern) if path.is_file() and path != file
    )
    networks, refused = _loaded(paths, manifest)
    note = next(iter(refused.values()), manifest.population.citation)
    rows = [
        share(
            "loads",
            where,
            "files read",
            len(networks),
            len(paths),
            Bound("every file is read", 1, most=False),
            note,
        )
    ]
    if networks:
        rows += (_group_rows if manifest.task.group else _task_rows)(where, manifest, networks)
    return rows


def _loaded(paths: list[Path], manifest: Manifest) -> tuple[dict[str, Network], dict[str, str]]:
    """The networks by file, and why the others were refused."""
    networks, refused = {}, {}
    layout, activation = manifest.files.layout, manifest.files.activation
    for path in paths:
        try:
            if manifest.task.group:
                networks[path.name] = read_group_network(
                    path, activation=activation, summed=layout == "summed"
                )
            else:
                networks[path.name] = read_network(path, activation=activation)
        except FileError as error:
            refused[path.name] = str(error)
        except InputError as error:
            refused[path.name] = f"{path.name}: {error}"
    return networks, refused


def _group_rows(where: Setting, manifest: Manifest, networks: dict[str, Network]) -> list[Score]:
    """Function, irreps, mechanism and verdicts of networks that compose in a group."""
    truth, n = manifest.truth, len(networks)
    needed = GROKKED if truth.accuracy is None else truth.accuracy
    said = (
        None if truth.accuracy is None else Bound("every network computes what is published", 1, most=False)
    )
    try:
        study = group_study_of(networks, None if manifest.task.order == "found" else manifest.task.group)
    except InputError as error:
        return [share("function", where, "right", 0, n, said, str(error))]
    same = study.group.name == manifest.task.group
    right = sum(reading.accuracy >= needed for reading in study.readings) if same else 0
    note = "" if same else f"composes in {study.group.name}"
    rows = [share("function", where, "right", right, n, said, note)]
    rows += _feature_rows(where, manifest, study)
    told = study.networks[study.networks["coset"].notna()]
    if truth.mechanism and len(told):
        beyond = (told["coset"] - told["coset_blind"]) / (1 - told["coset_blind"])
        cosets = int((beyond >= _COSETS).sum())
        found = cosets if truth.mechanism == "coset" else len(told) - cosets
        bound = Bound("every network has the published mechanism", 1, most=False)
        text = f"mean coset share {told['coset'].mean():.2f}, blind {told['coset_blind'].mean():.2f}"
        rows.append(share("mechanism", where, truth.mechanism, found, len(told), bound, text))
    return rows


def _feature_rows(where: Setting, manifest: Manifest, study: GroupStudy) -> list[Score]:
    """How many networks hold each published irrep, and the verdict on each beside the published one."""
    truth = manifest.truth
    rows = []
    bound = Bound("every published feature is recovered in some network", 1 / len(study.readings), most=False)
    for name in truth.features:
        found = sum(name in reading.used for reading in study.readings)
        rows.append(share("features", where, f"irrep {name}", found, len(study.readings), bound))
    verdicts = study.verdicts
    known = dict(zip(verdicts["irrep"], verdicts["verdict"], strict=True)) if len(verdicts) else {}
    return rows + _verdict_rows(where, truth.verdicts, known)


def _verdict_rows(where: Setting, published: dict[str, str], known: dict[str, str]) -> list[Score]:
    """Published verdicts beside ours."""
    bound = Bound("every verdict is the published one", 1, most=False)
    return [
        share(
            "verdicts", where, name, int(known.get(name) == verdict), 1, bound,
            f"published {verdict}, found {known.get(name, 'nothing')}",
        )
        for name, verdict in published.items()
    ]  # fmt: skip


def _task_rows(where: Setting, manifest: Manifest, networks: dict[str, Network]) -> list[Score]:
    """Function, features and verdicts of networks of a task, judged as those of the universality benchmark."""
    truth = manifest.truth
    try:
        result = score_networks({manifest.task.task: list(networks.values())})
    except InputError as error:
        return [share("function", where, "right", 0, len(networks), None, str(error))]
    table: pd.DataFrame = result.verdicts
    solved = int(table["n"].max()) if len(table) else 0
    said = (
        None
        if truth.accuracy is None
        else Bound("the published share solves its task", truth.accuracy, most=False)
    )
    known = dict(zip(table["name"], table["verdict"], strict=True))
    counts = dict(zip(table["name"], table["found"], strict=True))
    bound = Bound("every published feature is recovered in some network", 1 / max(solved, 1), most=False)
    rows = [share("function", where, "right", solved, len(networks), said)]
    rows += [
        share("features", where, name, int(counts.get(name, 0)), max(solved, 1), bound)
        for name in truth.features
    ]
    return rows + _verdict_rows(where, truth.verdicts, known)
