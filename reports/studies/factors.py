"""Factors: a study's conditions as the full crossing of the levels of several factors of training."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, model_serializer, model_validator

from mathcircuits.detect import InputError, MathCircuitsError
from mathcircuits.detect.errors import did_you_mean, near_names
from mathcircuits.models import Regimen, as_regimen

from ..budgets import MAX_CELLS
from .schema import COLUMNS, Kind

if TYPE_CHECKING:
    import pandas as pd

#: What stands in front of a factor's name in the tables, which have columns `steps` and `threshold` of their own.
PREFIX = "factor_"
#: The factor that every study crosses.
WIDTH = "width"
#: The key of `[factors]` that is no factor, and the key of a level's table that names the level.
BASE, LEVEL = "base", "level"
#: Fields of a regimen that no factor sets: they say what it is called and where it came from.
_NO_FACTORS = ("name", "preset", "deep")

Scalar = bool | int | float | str
#: A value of the field that the factor is called after, or several fields under a name.
FactorLevel = Scalar | dict[str, Any]


class Factors(BaseModel):
    """Factors of training and their levels; the conditions of a study are their full crossing.

    Every key but `base` is a factor: a list of at least two levels. A level is a value of the regimen's field that the
    factor is called after (`decay = [0, 1e-3]`), or a table of fields with a name for them
    (`optimiser = [{level = "sgd", optimiser = "sgd", lr = 0.2}, {level = "adam"}]`). A condition is called after its
    levels.

    Attributes:
        base: the regimen that all conditions have in common: a preset's name or a table of its fields.
        levels: the factors and their levels, in the order in which they are given.

    Raises:
        InputError: for no factor, a factor of fewer than two levels or that is no field, levels that are alike, a field
            that is set twice, and levels that exclude each other.

    Examples:
        >>> factors = Factors(decay=[0, 1e-3], noise=[{"level": "none"}, {"level": "label", "label_noise": 0.1}])
        >>> [regimen.name for regimen in factors.regimens][:2]
        ['decay=0, noise=none', 'decay=0, noise=label']
        >>> factors.regimens[3].decay, factors.regimens[3].label_noise
        (0.001, 0.1)
        >>> Factors(decya=[0, 1])
        Traceback (most recent call last):
        ...
        mathcircuits.detect.errors.InputError: factors.decya: unknown factor 'decya': did you mean 'decay'? ...
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    base: str | dict[str, Any] = "adam"
    levels: dict[str, tuple[FactorLevel, ...]]

    def __init__(self, **fields: Any) -> None:
        base = fields.pop(BASE, "adam")
        if not isinstance(base, str | Mapping):
            raise InputError(f"factors.base = {base!r}: give a preset's name or a table of its fields")
        levels = {str(name): _checked(str(name), given) for name, given in fields.items()}
        if not levels:
            raise InputError("factors: none is given: give at least one, such as decay = [0, 1e-3]")
        super().__init__(base=base if isinstance(base, str) else dict(base), levels=levels)
        self._check_fields()
        self._check_crossing()

    @model_validator(mode="wrap")
    @classmethod
    def _from_table(cls, given: Any, handler: Any) -> Any:
        """A table in another model is read by `__init__`, whose errors name operand and remedy."""
        if isinstance(given, Mapping) and "levels" not in given:
            return cls(**{str(name): value for name, value in given.items()})
        return handler(given)

    @model_serializer
    def _to_table(self) -> dict[str, Any]:
        return {BASE: self.base, **{name: list(levels) for name, levels in self.levels.items()}}

    def __hash__(self) -> int:
        return hash(self.model_dump_json())

    @property
    def names(self) -> tuple[str, ...]:
        """The factors."""
        return tuple(self.levels)

    @property
    def fields(self) -> frozenset[str]:
        """The regimen's fields that the factors set."""
        return frozenset(
            field
            for name, levels in self.levels.items()
            for level in levels
            for field in _fields_of(name, level)
        )

    @property
    def texts(self) -> dict[str, tuple[str, ...]]:
        """The factors' levels as texts."""
        return {name: tuple(level_text(level) for level in levels) for name, levels in self.levels.items()}

    @property
    def conditions(self) -> int:
        """How many there are, counted before they are made."""
        return math.prod(len(levels) for levels in self.levels.values())

    @cached_property
    def regimens(self) -> tuple[Regimen, ...]:
        """The crossing: the last factor's levels change fastest."""
        return tuple(regimen for regimen, _ in self._crossed)

    @cached_property
    def by_regimen(self) -> dict[str, dict[str, Scalar]]:
        """By the name of every regimen: its level of each factor, a number where all levels are numbers."""
        return {regimen.name: levels for regimen, levels in self._crossed}

    @property
    def kinds(self) -> dict[str, Kind]:
        """The kind of each factor's column: numbers where all levels are numbers, else texts."""
        return {name: "float" if _numeric(levels) else "text" for name, levels in self.levels.items()}

    @cached_property
    def _crossed(self) -> tuple[tuple[Regimen, dict[str, Scalar]], ...]:
        if self.conditions > MAX_CELLS:
            counted = " x ".join(f"{name} ({len(levels)})" for name, levels in self.levels.items())
            raise InputError(
                f"{counted} = {self.conditions} conditions: at most {MAX_CELLS} are crossed in one "
                "study; give fewer levels"
            )
        base = as_regimen(self.base)
        found = []
        for chosen in itertools.product(*self.levels.values()):
            levels: dict[str, Scalar] = {}
            fields: dict[str, Any] = {}
            for (name, among), level in zip(self.levels.items(), chosen, strict=True):
                levels[name] = level if _numeric(among) and not isinstance(level, dict) else level_text(level)
                fields |= _fields_of(name, level)
            title = ", ".join(
                f"{name}={level_text(level)}" for name, level in zip(self.levels, chosen, strict=True)
            )
            try:
                regimen = as_regimen(base, **{**fields, "name": title})
            except MathCircuitsError as error:
                raise InputError(
                    f"factors: {title} is not a regimen ({str(error).removeprefix('regimen: ')}): leave one of "
                    "the levels out, or give them their own study"
                ) from None
            idle = _without_effect(regimen)
            if idle:
                raise InputError(
                    f"factors: {title}: {idle}, so that the crossing holds one condition twice: set both in the levels "
                    "of one factor"
                )
            found.append((regimen, levels))
        return tuple(found)

    def _check_fields(self) -> None:
        own = set() if isinstance(self.base, str) else set(self.base) - {"preset"}
        setters = dict.fromkeys(own, "base")
        for name, levels in self.levels.items():
            for field in dict.fromkeys(field for level in levels for field in _fields_of(name, level)):
                if field in setters:
                    raise InputError(
                        f"factors: {field!r} is set by {setters[field]} and by {name}: leave it to one of them"
                    )
                setters[field] = name

    def _check_crossing(self) -> None:
        seen: dict[str, str] = {}
        for regimen in self.regimens:
            key = regimen.model_copy(update={"name": "", "preset": None}).model_dump_json()
            if key in seen:
                raise InputError(
                    f"factors: {seen[key]} and {regimen.name} are one regimen: leave one of the levels out"
                )
            seen[key] = regimen.name


@dataclass(frozen=True)
class GivenFactors:
    """Factors that a table of networks names: the columns that tell its conditions apart.

    They need not be crossed in full: what has no network has no row.

    Attributes:
        by_regimen: by the name of every condition: its level of each factor, a number where all levels are numbers.

    Examples:
        >>> given = GivenFactors.of({"decay=0": {"decay": "0"}, "decay=0.01": {"decay": "0.01"}})
        >>> given.names, given.texts, given.kinds
        (('decay',), {'decay': ('0', '0.01')}, {'decay': 'float'})
    """

    by_regimen: Mapping[str, Mapping[str, Scalar]]

    @classmethod
    def of(cls, conditions: Mapping[str, Mapping[str, str]]) -> GivenFactors:
        """Of the texts that stand in the table.

        Args:
            conditions: by the name of every condition: its level of each factor; what only some name, or all alike, is
                no factor.
        """
        first = next(iter(conditions.values()), {})
        names = [name for name in first if len({levels.get(name) for levels in conditions.values()}) > 1]
        names = [name for name in names if all(name in levels for levels in conditions.values())]
        numeric = {name: all(_is_number(levels[name]) for levels in conditions.values()) for name in names}
        return cls(
            {
                condition: {name: float(levels[name]) if numeric[name] else levels[name] for name in names}
                for condition, levels in conditions.items()
            }
        )

    @property
    def levels(self) -> dict[str, tuple[Scalar, ...]]:
        """The factors' levels, numbers in order, texts in the order of the table."""
        names = next(iter(self.by_regimen.values()), {})
        found: dict[str, tuple[Scalar, ...]] = {}
        for name in names:
            own = tuple(dict.fromkeys(levels[name] for levels in self.by_regimen.values()))
            found[name] = tuple(sorted(own, key=float)) if _numeric(own) else own
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """The factors."""
        return tuple(self.levels)

    @property
    def texts(self) -> dict[str, tuple[str, ...]]:
        """The factors' levels as texts."""
        return {name: tuple(map(level_text, levels)) for name, levels in self.levels.items()}

    @property
    def kinds(self) -> dict[str, Kind]:
        """The kind of each factor's column: numbers where all levels are numbers, else texts."""
        return {name: "float" if _numeric(levels) else "text" for name, levels in self.levels.items()}


#: What gives a study's tables their columns of factors: what a configuration crosses, or a table of networks names.
AnyFactors = Factors | GivenFactors


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def level_text(level: FactorLevel) -> str:
    """A level as names and tables have it.

    Examples:
        >>> [level_text(level) for level in (1e-5, 0, 2000, True, "cosine", {"level": "sgd", "lr": 0.1})]
        ['1e-05', '0', '2000', 'true', 'cosine', 'sgd']
    """
    if isinstance(level, dict):
        return str(level[LEVEL])
    if isinstance(level, bool):
        return str(level).lower()
    return level if isinstance(level, str) else f"{level:.12g}"


def factor_columns(factors: AnyFactors | None, table: str) -> dict[str, Kind]:
    """The columns that the factors add to a table that names regimens: one a factor, one a side in a table of pairs.

    Examples:
        >>> factor_columns(Factors(decay=[0, 1e-3]), "success"), factor_columns(Factors(decay=[0, 1e-3]), "ladder")
        ({'factor_decay': 'float'}, {'factor_decay_a': 'float', 'factor_decay_b': 'float'})
    """
    if factors is None:
        return {}
    sides = [side for side in ("", "_a", "_b") if f"regimen{side}" in COLUMNS[table]]
    return {f"{PREFIX}{name}{side}": kind for side in sides for name, kind in factors.kinds.items()}


def with_factors(frame: pd.DataFrame, factors: AnyFactors | None, table: str) -> pd.DataFrame:
    """The frame with the columns of `factor_columns`; missing for a hand-derived network.

    Examples:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"regimen": ["decay=0.001", "derived"]})
        >>> with_factors(frame, Factors(decay=[0, 1e-3]), "success")["factor_decay"].tolist()
        [0.001, nan]
    """
    import pandas as pd

    if factors is None:
        return frame
    added = {}
    for column, kind in factor_columns(factors, table).items():
        name, side = column.removeprefix(PREFIX), ""
        if name not in factors.levels:
            name, side = name[:-2], name[-2:]
        known = {regimen: levels[name] for regimen, levels in factors.by_regimen.items()}
        values = frame[f"regimen{side}"].astype(object).map(known)
        added[column] = (
            pd.to_numeric(values).astype("float64") if kind == "float" else values.astype("string")
        )
    return frame.assign(**added)


def _checked(name: str, given: Any) -> tuple[FactorLevel, ...]:
    """A factor's levels, each of which can be used by itself."""
    if not isinstance(given, list | tuple) or len(given) < 2:
        raise InputError(
            f"factors.{name} = {given!r}: give a list of at least two levels; what does not vary belongs into base"
        )
    known = [field for field in Regimen.model_fields if field not in _NO_FACTORS]
    levels = tuple(dict(level) if isinstance(level, Mapping) else level for level in given)
    for level in levels:
        if isinstance(level, dict):
            if not isinstance(level.get(LEVEL), str) or not level[LEVEL]:
                raise InputError(
                    f'factors.{name}: the level {level!r} has no name: give it one, such as level = "none"'
                )
            _check_known(name, (field for field in level if field != LEVEL), known)
        elif isinstance(level, bool | int | float | str):
            _check_known(name, [name], known, factor=True)
        else:
            raise InputError(
                f"factors.{name}: {level!r} is not a level: give a value of the field, or a table of fields with a "
                "`level` that names it"
            )
    texts = [level_text(level) for level in levels]
    for text in texts:
        if "/" in text or not text:
            raise InputError(
                f"factors.{name}: the level's name {text!r} is empty or holds a slash, which separates parts of an id: "
                "give another"
            )
        if texts.count(text) > 1:
            raise InputError(f"factors.{name}: the level {text} is given twice: leave one out")
    return levels


def _check_known(name: str, fields: Iterable[str], known: list[str], *, factor: bool = False) -> None:
    for field in fields:
        if field not in known:
            near = did_you_mean(near_names(field, known))
            what = "factor" if factor else "key"
            remedy = (
                '; a factor of another name has tables for levels, such as {level = "none"}' if factor else ""
            )
            raise InputError(
                f"factors.{name}: unknown {what} {field!r}{near} (a regimen has {', '.join(known)}){remedy}"
            )


def _fields_of(name: str, level: FactorLevel) -> dict[str, Any]:
    """The regimen's fields that a level sets."""
    if isinstance(level, dict):
        return {field: value for field, value in level.items() if field != LEVEL}
    return {name: level}


def _numeric(levels: Iterable[FactorLevel]) -> bool:
    return all(isinstance(level, int | float) and not isinstance(level, bool) for level in levels)


def _without_effect(regimen: Regimen) -> str:
    """What a regimen sets that its other fields make idle; empty where all it sets counts."""
    if regimen.momentum and regimen.optimiser != "sgd":
        return f"momentum = {regimen.momentum} does nothing with optimiser {regimen.optimiser!r}"
    if (regimen.decay or regimen.decoupled_decay) and not regimen.decay_until:
        return "decay does nothing with decay_until = 0"
    if regimen.samples is not None and regimen.batch > regimen.samples:
        return f"batch = {regimen.batch} is the whole set of samples = {regimen.samples}"
    return ""
