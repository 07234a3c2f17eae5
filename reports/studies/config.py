"""StudyConfig: what a study trains and reads, checked before anything runs."""

from __future__ import annotations

import itertools
import math
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from mathcircuits.detect import FileError, InputError, MathCircuitsError, Task, tasks
from mathcircuits.detect.errors import did_you_mean, near_names
from mathcircuits.detect.exact import classes_of
from mathcircuits.detect.features import data_file, define_tasks
from mathcircuits.detect.untrusted import read_toml
from mathcircuits.models import Regimen, as_regimen

from ..budgets import check_layers, check_size
from ..wording import refused_fields
from .factors import Factors

#: The seven functions of Osier 2022.
SEED_TASKS = (
    "identity",
    "negation",
    "absolute",
    "addition",
    "subtraction",
    "minimum",
    "minimum-of-4",
)
#: A multiple of the task's smallest hidden sizes.
_MULTIPLE = re.compile(r"([1-9]\d{0,3})x")
#: What stands in the place of a regimen's name for a network that nobody trained.
DERIVED = "derived"
#: Seeds of one cell: what is lost when a process is killed, and what a cell's memory grows with.
BLOCK = 256
#: The init law of the networks that a study trains is known: nn.Linear's default. That of others is not (None).
INIT = "uniform"
#: In `regimens` by width: the regimens of every width that is not named.
OTHER = "other"

Width = str | int | tuple[int, ...]
#: A preset's name, or a table of `mathcircuits.models.Regimen`'s fields.
RegimenLike = str | dict[str, Any]
#: For every width, or by width.
Regimens = tuple[RegimenLike, ...] | dict[str, tuple[RegimenLike, ...]]
#: At the smallest size Osier's training beside the common one and one that gets unstuck; wider the common one beside
#: the one whose networks stay small; and from 16 neurons down to the fewest.
DEFAULT_WIDTHS: tuple[Width, ...] = ("1x", "2x", "4x", 16)
DEFAULT_REGIMENS: dict[str, tuple[RegimenLike, ...]] = {
    "1x": ("osier", "adam", "rescue"),
    "16": ("compress",),
    OTHER: ("adam", "decay-then-anneal"),
}
#: What a table of `grid` may set for itself.
BLOCK_KEYS = ("tasks", "widths", "seeds", "regimens", "steps")


@dataclass(frozen=True)
class Skipped:
    """A width that a task is not trained at, and why.

    Attributes:
        task: its name; width: as a text; reason: in words.
    """

    task: str
    width: str
    reason: str


class StudyConfig(BaseModel):
    """A study's configuration: every task at every width, with that width's regimens and all seeds.

    A study whose conditions differ more than that has a `grid`: a list of tables, each of which sets what differs
    there (tasks, widths, seeds, regimens, steps) and takes the rest from the fields above it. The study is all
    of them together; seeds of one condition that stand in several are joined.

    A study of what decides has `factors` in place of regimens: the conditions are the full crossing of their levels,
    and each has seeds of its own, so that no two networks of a task start from the same numbers.

    A width with fewer hidden layers than the smallest network known for a task is not trained there (see `skipped`).

    Attributes:
        tasks: names of registered tasks, or formulas; by default those of `task`, or Osier's seven.
        task: tasks of one's own, `[[task]]` in TOML: a `name`, and a `formula` (`box`, `points`, `values`, `arity`)
            or `data`, a table's path, with its `target` and `solved` (`mathcircuits.detect.features.task_of_table`).
        widths: hidden sizes, each a multiple of the task's smallest (`"1x"`, `"2x"`, ...), a number (one hidden
            layer) or a list (several). Widths that come to the same sizes count once.
        seeds: how many (then 0, 1, ...), or a list.
        regimens: a list for every width, or a table of lists by width, where `other` stands for the widths
            not named. An entry is a preset's name or a table of its fields (`{preset = "adam", lr = 0.01}`).
        steps: training steps of every network; by default the task's or the regimen's own.
        factors: what is crossed, see `Factors`; then `seeds` is a number, that of each condition, and there are neither
            `regimens` nor a `grid`.
        reads: `"all"`, or `"forms"`: of each network its loss, its form and its norm alone, hundredths of a second in
            place of tenths.
        fibre: particles by which the fibre of every condition is drawn, such as 1000, for the verdicts `selected` and
            `free` of forms and features; by default none is. It takes minutes a condition, and a number of networks
            that is decided in advance.
        sequential: whether networks are added until there are verdicts: these then hold at every number of networks,
            and a larger number of `seeds` goes on in the same folder.
        large: whether a study of any size is wanted (see budgets.py for what is refused else).
        grid: tables of these fields, each a part of the study; without any the fields above are the study.

    Raises:
        InputError: for an unknown key (the message names the near one) or a value that cannot be used.
        UnknownTask: for a task that is not registered.

    Examples:
        >>> config = StudyConfig(tasks=["min"], widths=["1x", 8], seeds=3)
        >>> config.tasks, config.seed_list
        (('minimum',), (0, 1, 2))
        >>> [regimen.name for regimen in config.regimens_at("1x")], [r.name for r in config.regimens_at(8)]
        (['osier', 'adam', 'rescue'], ['adam', 'decay-then-anneal'])
        >>> parts = [{"widths": ["1x"], "seeds": 5}, {"tasks": ["abs"], "widths": [16], "regimens": ["compress"]}]
        >>> config = StudyConfig(tasks=["min"], seeds=3, grid=parts)
        >>> [(block.tasks, block.widths, block.seeds) for block in config.blocks]
        [(('minimum',), ('1x',), 5), (('absolute',), (16,), 3)]
        >>> StudyConfig(widhts=[3])
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: study: unknown key 'widhts': did you mean 'widths'? ...
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: tuple[dict[str, Any], ...] = ()
    tasks: tuple[str, ...] = Field(default=SEED_TASKS, min_length=1)
    widths: tuple[Width, ...] = Field(default=DEFAULT_WIDTHS, min_length=1)
    seeds: int | tuple[int, ...] = 50
    regimens: Regimens = Field(default=DEFAULT_REGIMENS, min_length=1)
    steps: int | None = None
    factors: Factors | None = None
    reads: Literal["all", "forms"] = "all"
    fibre: int | None = Field(default=None, ge=2)
    sequential: bool = False
    large: bool = False
    grid: tuple[dict[str, Any], ...] = ()

    def __init__(self, **fields: Any) -> None:
        try:
            if fields.get("task"):
                fields["task"] = define_tasks(fields["task"])
                fields.setdefault("tasks", [table["name"] for table in fields["task"]])
            if fields.get("factors") is not None:
                _check_factors(fields)
            elif "regimens" not in fields and "widths" in fields:
                fields["regimens"] = _at_widths(DEFAULT_REGIMENS, fields["widths"])
            super().__init__(**fields)
        except ValidationError as error:
            raise InputError(f"study: {refused_fields(error, type(self).model_fields)}") from None

    @classmethod
    def from_toml(cls, path: str | os.PathLike[str]) -> StudyConfig:
        """The configuration in a TOML file.

        Raises:
            FileError: where the file cannot be read, is not TOML, or holds a wrong key or value.
        """
        fields = read_toml(Path(path))
        try:
            own = {"task": define_tasks(fields["task"], Path(path).parent)} if fields.get("task") else {}
            return cls(**{**fields, **own})
        except FileError:
            raise
        except MathCircuitsError as error:
            raise FileError(path, str(error).removeprefix("study: ")) from None

    @classmethod
    def from_manifest(cls, folder: Path, fields: Mapping[str, Any]) -> StudyConfig:
        """The configuration that the manifest in a study's folder holds, where the data of its tasks lie too."""
        # Whatever the manifest says of the path: it may be somebody else's.
        own = [
            {**table, "data": data_file(table)} if "data" in table else table
            for table in fields.get("task", ())
        ]
        return cls(**{**fields, **({"task": define_tasks(own, folder)} if own else {})})

    @field_validator("tasks", mode="before")
    @classmethod
    def _known_tasks(cls, given: Any) -> Any:
        listed = _listed(given, "tasks", '["minimum", "relu(x1 - 0.3) + x2"]')
        names = tuple(dict.fromkeys(tasks[str(name)].name for name in listed))
        for name in names:
            if "/" in name:
                text = f"task {name!r}: its name holds a slash, which separates parts of an id; "
                raise InputError(text + "give the formula a name in a [[task]] table")
        return names

    @field_validator("widths", mode="before")
    @classmethod
    def _usable_widths(cls, given: Any) -> Any:
        return tuple(
            dict.fromkeys(check_width(width) for width in _listed(given, "widths", '["1x", 8, [6, 3]]'))
        )

    @field_validator("seeds", mode="before")
    @classmethod
    def _usable_seeds(cls, given: Any) -> Any:
        if isinstance(given, int) and not isinstance(given, bool):
            if given < 1:
                raise InputError(f"seeds = {given}: give at least one seed")
            return given
        seeds = _listed(given, "seeds", "50, or [0, 1, 2]")
        for seed in seeds:
            # torch keeps 32 bits of a seed.
            if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
                raise InputError(f"seed {seed!r}: give whole numbers from 0 to {2**32 - 1}")
        return tuple(dict.fromkeys(seeds))

    @field_validator("regimens", mode="before")
    @classmethod
    def _known_regimens(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return _check_regimens(given, "regimens")
        for width in given:
            if width != OTHER:
                check_width(_width_of_key(width))
        return {str(width): _check_regimens(names, f"regimens.{width}") for width, names in given.items()}

    @field_validator("steps", mode="before")
    @classmethod
    def _usable_steps(cls, given: Any) -> Any:
        if given is not None and (isinstance(given, bool) or not isinstance(given, int) or given < 1):
            raise InputError(f"steps = {given!r}: give a whole number of training steps, at least 1")
        return given

    @field_validator("grid", mode="before")
    @classmethod
    def _tables(cls, given: Any) -> Any:
        if not isinstance(given, list | tuple):
            raise InputError(f"grid = {given!r}: give a list of tables, [[grid]] in TOML")
        for number, table in enumerate(given):
            if not isinstance(table, Mapping):
                raise InputError(
                    f"grid[{number}] = {table!r}: give a table, such as {{widths = [16], seeds = 300}}"
                )
            for key in table:
                if key not in BLOCK_KEYS:
                    raise InputError(
                        f"grid[{number}]: unknown key {key!r}{did_you_mean(near_names(str(key), BLOCK_KEYS))} "
                        f"(keys: {', '.join(BLOCK_KEYS)})"
                    )
        return tuple(dict(table) for table in given)

    @model_validator(mode="after")
    def _every_table_can_be_used(self) -> StudyConfig:
        for number, table in enumerate(self.grid):
            try:
                self._block(table)
            except InputError as error:
                raise InputError(f"grid[{number}]: {str(error).removeprefix('study: ')}") from None
        return self

    @model_validator(mode="after")
    def _every_width_has_regimens(self) -> StudyConfig:
        if self.factors is None and isinstance(self.regimens, dict):
            named = {width_text(width) for width in self.widths}
            for width in self.regimens:
                if width != OTHER and width not in named:
                    near = did_you_mean(near_names(width, named)) or f" (widths: {', '.join(sorted(named))})"
                    raise InputError(f"regimens for width {width!r}, which is not among the widths{near}")
            lacking = sorted(named - set(self.regimens))
            if OTHER not in self.regimens and lacking:
                raise InputError(
                    f"no regimens for width {lacking[0]!r}: name it, or give them under {OTHER!r}"
                )
        return self

    def _block(self, table: Mapping[str, Any]) -> StudyConfig:
        own = {key: getattr(self, key) for key in BLOCK_KEYS}
        if "widths" in table and "regimens" not in table:
            own["regimens"] = _at_widths(self.regimens, table["widths"])
        return StudyConfig(**{**own, "large": self.large, **table})

    @model_validator(mode="after")
    def _within_its_budget(self) -> StudyConfig:
        """Refuse a study that is too large before its cells are listed."""
        networks = cells = 0
        for block in self.blocks:
            count = block.seeds if isinstance(block.seeds, int) else len(block.seeds)
            each = [
                len(block.regimens_at(width)) if self.factors is None else self.factors.conditions
                for width in block.widths
            ]
            networks += len(block.tasks) * sum(each) * count
            cells += len(block.tasks) * sum(each) * math.ceil(count / BLOCK)
        check_size(networks, cells, large=self.large)
        for block in self.blocks:
            for task, width in itertools.product((tasks[name] for name in block.tasks), block.widths):
                if misfit(task, width) or (isinstance(width, str) and task.smallest is None):
                    continue
                sizes = (task.arity, *block.hidden(task, width), task.outputs)
                weights = sum((low + 1) * high for low, high in itertools.pairwise(sizes))
                count = block.seeds if isinstance(block.seeds, int) else len(block.seeds)
                check_layers(sizes[1:-1], weights, min(count, BLOCK), large=self.large)
        return self

    @model_validator(mode="after")
    def _steps_are_said_once(self) -> StudyConfig:
        if self.factors is not None and self.steps is not None and "steps" in self.factors.fields:
            raise InputError(
                f"steps = {self.steps} where a factor sets them: leave it to the factor, or to the study"
            )
        return self

    @model_validator(mode="after")
    def _classifiers_have_classes_at_points(self) -> StudyConfig:
        for block in self.blocks:
            regimens = [regimen for width in block.widths for regimen in block.regimens_at(width)]
            classes = next((regimen for regimen in regimens if regimen.loss == "cross-entropy"), None)
            if classes is None:
                continue
            for task in (tasks[name] for name in block.tasks):
                if not task.points:
                    raise InputError(
                        f"regimen {classes.name!r} has loss 'cross-entropy' and task {task.name!r} a box: a study "
                        "certifies classes at every point, give a task on points, such as 'larger-of-2'"
                    )
                classes_of(task, task.sample(0))
        return self

    @model_validator(mode="after")
    def _fibres_take_a_number_decided_in_advance(self) -> StudyConfig:
        if self.fibre is not None and self.sequential:
            raise InputError(
                f"fibre = {self.fibre} in a sequential study: selected and free hold at a number of networks decided "
                "in advance; leave one of the two out"
            )
        return self

    @property
    def blocks(self) -> tuple[StudyConfig, ...]:
        """The parts of the study: one for each table of `grid`, complete; the study itself where there is none."""
        return tuple(self._block(table) for table in self.grid) or (self,)

    @property
    def task_names(self) -> tuple[str, ...]:
        """The tasks of all parts, in the order in which they are named."""
        return tuple(dict.fromkeys(name for block in self.blocks for name in block.tasks))

    @property
    def seeds_used(self) -> tuple[int, ...]:
        """The seeds of all parts."""
        if self.factors is not None:
            conditions = len(self.widths) * len(self.factors.regimens)
            return tuple(range(conditions * len(self.seed_list)))
        return tuple(dict.fromkeys(seed for block in self.blocks for seed in block.seed_list))

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """What is not trained since the network would have too few hidden layers."""
        found = {}
        for block in self.blocks:
            for name in block.tasks:
                for width in block.widths:
                    reason = misfit(tasks[name], width)
                    if reason:
                        found[name, width] = Skipped(name, width_text(width), reason)
        return tuple(found.values())

    def with_seeds(self, seeds: int) -> StudyConfig:
        """The same study with so many seeds in every part.

        Examples:
            >>> [block.seeds for block in StudyConfig(grid=[{"seeds": 9}, {"widths": ["1x"]}]).with_seeds(2).blocks]
            [2, 2]
        """
        tables = [{key: value for key, value in table.items() if key != "seeds"} for table in self.grid]
        return StudyConfig(**{**self.to_dict(), "task": self.task, "seeds": seeds, "grid": tables})

    @property
    def seed_list(self) -> tuple[int, ...]:
        """The seeds (of a part: where there is a `grid`, ask its `blocks`)."""
        return tuple(range(self.seeds)) if isinstance(self.seeds, int) else self.seeds

    def regimens_at(self, width: Width) -> tuple[Regimen, ...]:
        """The regimens of a width (of a part: where there is a `grid`, ask its `blocks`)."""
        if self.factors is not None:
            return self.factors.regimens
        if isinstance(self.regimens, dict):
            given = self.regimens.get(width_text(width), self.regimens.get(OTHER, ()))
        else:
            given = self.regimens
        return tuple(as_regimen(regimen) for regimen in given)

    def seeds_at(self, width: Width, regimen: int) -> tuple[int, ...]:
        """The seeds of a width's regimen, given by its place among those of the width.

        With factors each condition has its own: the same seed is the same draw, at every width, so that conditions
        which share it are no independent evidence.

        Examples:
            >>> config = StudyConfig(widths=["1x", "2x"], seeds=3, factors={"decay": [0, 1e-3]})
            >>> [config.seeds_at(width, regimen) for width in config.widths for regimen in (0, 1)]
            [(0, 1, 2), (3, 4, 5), (6, 7, 8), (9, 10, 11)]
        """
        if self.factors is None:
            return self.seed_list
        count = len(self.seed_list)
        start = (self.widths.index(width) * len(self.factors.regimens) + regimen) * count
        return tuple(range(start, start + count))

    def hidden(self, task: Task, width: Width) -> tuple[int, ...]:
        """The hidden sizes that a width means for a task.

        Raises:
            InputError: for a multiple, where the task's smallest sizes are not known.
        """
        if isinstance(width, int):
            return (width,)
        if not isinstance(width, str):
            return width
        if task.smallest is None:
            raise InputError(
                f"width {width!r} of task {task.name!r}: its smallest size is not known; give a number or a list"
            )
        return tuple(int(width[:-1]) * size for size in task.smallest)

    def to_dict(self) -> dict[str, Any]:
        """The configuration in plain values, as it stands in the manifest."""
        plain = self.model_dump(mode="json")
        plain["task"] = [
            {**table, "data": data_file(table)} if "data" in table else table for table in plain["task"]
        ]
        if not self.task:
            del plain["task"]
        if not self.grid:
            del plain["grid"]
        if self.factors is None:
            del plain["factors"]
        else:
            del plain["regimens"]
        if self.reads == "all":
            del plain["reads"]
        if self.fibre is None:
            del plain["fibre"]
        if not self.sequential:
            del plain["sequential"]
        if not self.large:
            del plain["large"]
        return plain


def _check_factors(fields: Mapping[str, Any]) -> None:
    """Refuse what a study with factors cannot have beside them."""
    if "regimens" in fields:
        raise InputError(
            "regimens beside factors: the factors' levels are the regimens; put what they have in common into "
            "factors.base"
        )
    if fields.get("grid"):
        raise InputError(
            "grid beside factors: a crossing is full; give the tables their own studies, or leave the factors out"
        )
    seeds = fields.get("seeds", 1)
    if isinstance(seeds, bool) or not isinstance(seeds, int):
        raise InputError(f"seeds = {seeds!r} beside factors: every condition has its own; give how many")


def as_config(given: StudyConfig | Mapping[str, Any] | str | os.PathLike[str] | None) -> StudyConfig:
    """A configuration from itself, a mapping, the path of a TOML file, or None for the default.

    Examples:
        >>> as_config({"tasks": ["abs"], "seeds": [7]}).tasks
        ('absolute',)
        >>> as_config(None) == StudyConfig()
        True
    """
    if given is None:
        return StudyConfig()
    if isinstance(given, StudyConfig):
        return given
    if isinstance(given, Mapping):
        return StudyConfig(**{str(key): value for key, value in given.items()})
    return StudyConfig.from_toml(given)


def check_width(width: Any) -> Width:
    """The width in its plain form.

    Raises:
        InputError: for anything but `"1x"`, `"2x"`, ..., a number from 1, or a list of such numbers.

    Examples:
        >>> check_width("2x"), check_width([6, 3]), check_width([8])
        ('2x', (6, 3), 8)
        >>> check_width(0)
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: width 0: a hidden layer needs at least one neuron
    """
    if isinstance(width, str):
        if _MULTIPLE.fullmatch(width):
            return width
    elif isinstance(width, int) and not isinstance(width, bool):
        if width < 1:
            raise InputError(f"width {width}: a hidden layer needs at least one neuron")
        return width
    elif isinstance(width, list | tuple) and width:
        sizes = tuple(check_width(size) for size in width)
        whole = tuple(size for size in sizes if isinstance(size, int))
        if len(whole) == len(sizes):
            return whole if len(whole) > 1 else whole[0]
    raise InputError(f"width {width!r}: give '1x', '2x', ..., a number of neurons, or a list of them")


def width_text(width: Width) -> str:
    """The width as a text: the key of `regimens` by width.

    Examples:
        >>> width_text("2x"), width_text(8), width_text((6, 3))
        ('2x', '8', '6-3')
    """
    return "-".join(map(str, width)) if isinstance(width, tuple) else str(width)


def misfit(task: Task, width: Width) -> str:
    """Why a width does not fit a task; empty where it does.

    A network with fewer hidden layers than the smallest one known for a task would only show that it fails.

    Examples:
        >>> misfit(tasks["minimum-of-4"], 16)
        '1 hidden layer, where the smallest network known for minimum-of-4 has 2 (6-3)'
        >>> misfit(tasks["minimum"], 16), misfit(tasks["minimum"], (6, 3)), misfit(tasks["minimum-of-4"], "2x")
        ('', '', '')
    """
    layers = 1 if isinstance(width, int) else len(width)
    if isinstance(width, str) or task.smallest is None or layers >= len(task.smallest):
        return ""
    return (
        f"{layers} hidden layer{'s' if layers > 1 else ''}, where the smallest network known for {task.name} has "
        f"{len(task.smallest)} ({width_text(task.smallest)})"
    )


def width_order(width: object, hidden: object = "") -> tuple[float, str]:
    """A key that sorts widths: multiples by their factor, others behind them by their sizes.

    Examples:
        >>> sorted(["4x", "1x", "16x"], key=width_order)
        ['1x', '4x', '16x']
    """
    text = str(width)
    if text.endswith("x") and text[:-1].replace(".", "", 1).isdigit():
        return float(text[:-1]), ""
    first = str(hidden).partition("-")[0]
    return (1e6 + float(first) if first.isdigit() else 1e9), str(hidden)


def relative_width(task: Task, hidden: Iterable[int]) -> str:
    """Hidden sizes as a multiple of the task's smallest; empty where they are none or it is not known.

    Examples:
        >>> relative_width(tasks["minimum"], (6,)), relative_width(tasks["minimum"], (4,))
        ('2x', '')
    """
    sizes, smallest = tuple(hidden), task.smallest
    if smallest is None or len(sizes) != len(smallest) or sizes[0] % smallest[0]:
        return ""
    factor = sizes[0] // smallest[0]
    return f"{factor}x" if sizes == tuple(factor * size for size in smallest) else ""


def _at_widths(regimens: Regimens, widths: Any) -> Regimens:
    """Of regimens by width those of these widths, which are checked elsewhere."""
    if not isinstance(regimens, dict) or not isinstance(widths, list | tuple):
        return regimens
    named = {width_text(check_width(width)) for width in widths}
    return {width: names for width, names in regimens.items() if width == OTHER or width in named}


def _width_of_key(key: Any) -> Any:
    """A TOML table's keys are texts: `3` and `6-3` stand for a number and a list."""
    parts = str(key).split("-")
    if all(part.isdigit() for part in parts):
        return [int(part) for part in parts]
    return key


def _check_regimens(given: Any, where: str) -> tuple[RegimenLike, ...]:
    checked: list[RegimenLike] = []
    names: list[str] = []
    for regimen in _listed(given, where, '["osier", "adam"]'):
        if not isinstance(regimen, str | Mapping):
            raise InputError(
                f"{where}: {regimen!r} is not a regimen: give a preset's name or a table of its fields"
            )
        name = as_regimen(regimen).name
        if "/" in name:
            raise InputError(
                f"{where}: the regimen's name {name!r} holds a slash, which separates parts of an id"
            )
        if name == DERIVED:
            raise InputError(f"{where}: {name!r} stands for the hand-derived networks: give another name")
        if name in names:
            raise InputError(f"{where}: two regimens are called {name!r}: give one of them another name")
        names.append(name)
        checked.append(regimen if isinstance(regimen, str) else dict(regimen))
    return tuple(checked)


def _listed(given: Any, what: str, example: str) -> tuple[Any, ...]:
    if not isinstance(given, list | tuple | range) or not len(given):
        raise InputError(f"{what} = {given!r}: give a list, such as {what.partition('.')[0]} = {example}")
    return tuple(given)
