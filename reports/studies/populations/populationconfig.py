"""PopulationConfig: which networks of somebody's a study reads, and as what."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from mathcircuits.detect import InputError

from ..config import Skipped, StudyConfig
from ..factors import Factors


@dataclass(frozen=True)
class PopulationConfig:
    """The configuration of a study of networks that were trained elsewhere.

    Attributes:
        networks: where they come from, as a text.
        task: the name of the task of all of them; empty where each says its own, or functions are found.
        by: the columns that tell conditions apart; None for all.
        domain: the inputs, as their options say it; empty for the task's own, or [-1, 1].
        threshold: the mean squared error below which a network has solved its task; None for a share of its variance.
        activation: between the layers of files that do not say it.
        fibre, sequential: as of a `StudyConfig`.

    Examples:
        >>> config = PopulationConfig("runs", task="minimum")
        >>> config.to_dict()
        {'networks': 'runs', 'task': 'minimum'}
        >>> as_any_config(config.to_dict(), Path()) == config
        True
    """

    networks: str
    task: str = ""
    by: tuple[str, ...] | None = None
    domain: str = ""
    threshold: float | None = None
    activation: str | None = None
    fibre: int | None = None
    sequential: bool = False

    def __post_init__(self) -> None:
        if self.threshold is not None and not self.threshold > 0:
            raise InputError(f"threshold = {self.threshold!r}: give a mean squared error above 0")
        if self.fibre is not None and self.fibre < 2:
            raise InputError(f"fibre = {self.fibre!r}: give at least two particles")

    @property
    def reads(self) -> Literal["all"]:
        """Everything is read."""
        return "all"

    @property
    def factors(self) -> Factors | None:
        """Nothing is crossed."""
        return None

    @property
    def seeds_used(self) -> tuple[int, ...]:
        """None: the study draws nothing."""
        return ()

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """None: no width is tried."""
        return ()

    def to_dict(self) -> dict[str, Any]:
        """What is set, in plain values, as it stands in the manifest."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
            if value not in ("", None, False)
        }


#: What a study's folder may hold.
AnyConfig = StudyConfig | PopulationConfig


def as_any_config(fields: Mapping[str, Any], folder: Path) -> AnyConfig:
    """The configuration that the manifest in a study's folder holds.

    Examples:
        >>> as_any_config({"tasks": ["minimum"]}, Path()).task_names
        ('minimum',)
    """
    if "networks" not in fields:
        return StudyConfig.from_manifest(folder, fields)
    by = fields.get("by")
    return PopulationConfig(**{**fields, "by": None if by is None else tuple(by)})


def named_source(networks: object) -> str:
    """Where networks come from, as a text.

    Examples:
        >>> named_source("runs/a"), named_source({"adam": []}), named_source(["a", "b"])
        ('runs/a', 'given as objects', 'a, b')
    """
    if isinstance(networks, str | os.PathLike):
        return os.fspath(networks)
    if isinstance(networks, list | tuple) and all(isinstance(one, str | os.PathLike) for one in networks):
        return ", ".join(map(os.fspath, networks))
    return "given as objects"
