"""Predictions: shares of forms that are predicted before a study runs, and what came out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mathcircuits.detect import FileError, InputError, MathCircuitsError, prevalence, tasks
from mathcircuits.detect.errors import did_you_mean, near_names
from mathcircuits.detect.untrusted import read_toml

from ..config import StudyConfig, width_text
from ..factors import PREFIX, Factors, level_text
from ..folder import Study
from ..storage import write_csv


class Prediction(BaseModel):
    """A predicted share of a form among some of a task's solved networks.

    It is refuted where the share's exact interval lies on the wrong side of the bound, and holds where all of it lies
    on the right side; else it stays open.

    Attributes:
        name: what it is called.
        task: whose networks.
        form: as the census names it; "any one" for the most frequent one.
        widths: those that count; none for all.
        levels: of each factor those that count, as texts; a factor that is not named counts at all its levels.
        at_least, at_most: the bound, one of the two; 1 at least, or 0 at most, is refuted by a single network.
        since: what it follows from.

    Examples:
        >>> half = Prediction(name="decay", task="min", form="half", levels={"decay": ["0.001"]}, at_least=0.9)
        >>> half.outcome(3, 33), half.outcome(44, 45), half.outcome(45, 45)
        ('refuted', 'open', 'holds')
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    task: str
    form: str
    widths: tuple[str, ...] = ()
    levels: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    at_least: float | None = Field(default=None, ge=0, le=1)
    at_most: float | None = Field(default=None, ge=0, le=1)
    since: str = ""

    def outcome(self, found: int, n: int) -> str:
        """`holds`, `refuted` or `open`, from how many of n networks have the form."""
        if not n:
            return "open"
        low, high = prevalence(found, n).low, prevalence(found, n).high
        if self.at_least is not None:
            if self.at_least == 1:
                return "holds" if found == n else "refuted"
            return "holds" if low >= self.at_least else "refuted" if high < self.at_least else "open"
        bound = self.at_most or 0.0
        if bound == 0:
            return "refuted" if found else "holds"
        return "holds" if high <= bound else "refuted" if low > bound else "open"


#: The outcome of a prediction about conditions that the study does not have.
NOT_CROSSED = "not crossed here"


def read_predictions(
    path: str | os.PathLike[str], config: StudyConfig, *, uncrossed: bool = False
) -> list[Prediction]:
    """The predictions of a TOML file, a table `[[prediction]]` each; names of tasks, widths and levels are checked.

    Args:
        path: of the file.
        config: of the study, with factors.
        uncrossed: whether predictions may be about tasks, widths, factors and levels that the study does not have:
            a part of a larger crossing is judged by the predictions of the whole.

    Raises:
        FileError: where the file cannot be read, or a prediction names what the study does not have.
        InputError: for a study without factors.
    """
    if config.factors is None:
        raise InputError("predictions of a study without factors: give it [factors]")
    content = read_toml(Path(path))
    tables = content.get("prediction", [])
    if set(content) != {"prediction"} or not isinstance(tables, list):
        raise FileError(path, f"holds {', '.join(content) or 'nothing'}", "give tables [[prediction]] alone")
    found = []
    for table in tables:
        try:
            found.append(_checked(table, config, config.factors, uncrossed))
        except (MathCircuitsError, ValidationError) as error:
            first = error.errors()[0] if isinstance(error, ValidationError) else None
            said = str(error) if first is None else f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
            raise FileError(path, f"prediction {table.get('name')!r}: {said}", "mend it there") from None
    return found


def judged_predictions(
    networks: pd.DataFrame, predictions: Sequence[Prediction], config: StudyConfig
) -> pd.DataFrame:
    """One row a prediction: the bound, the share that came out with its exact interval, and the outcome.

    Predictions about conditions that the study does not have are `NOT_CROSSED`, of no network, and `note` says why.

    Args:
        networks: the study's table of networks, with the columns of the factors.
        predictions: what was predicted.
        config: of the study, with factors.
    """
    solved = networks[(networks["population"] == "trained") & networks["form"].notna()]
    rows: list[dict[str, Any]] = []
    for prediction in predictions:
        lacking = _lacking(prediction, config)
        own = solved[solved["task"] == prediction.task]
        if prediction.widths:
            own = own[own["width"].isin(prediction.widths)]
        for factor, levels in prediction.levels.items():
            own = own.head(0) if lacking else own[own[f"{PREFIX}{factor}"].map(level_text).isin(levels)]
        counts = own["form"].astype(str).value_counts()
        form = prediction.form
        if form == ANY and len(counts):
            form = str(counts.index[0])
        found = int(counts.get(form, 0))
        share = prevalence(found, len(own))
        least = prediction.at_least is not None
        rows.append(
            {
                "name": prediction.name,
                "task": prediction.task,
                "form": form,
                "bound": f"at least {prediction.at_least:g}" if least else f"at most {prediction.at_most:g}",
                "found": found,
                "n": share.n,
                "value": share.value,
                "low": share.low,
                "high": share.high,
                "outcome": NOT_CROSSED if lacking else prediction.outcome(found, len(own)),
                "note": lacking,
            }
        )
    return pd.DataFrame(rows)


#: Stands for whichever form is the most frequent one.
ANY = "any one"


def write_outcomes(study: Study, predictions: Sequence[Prediction]) -> pd.DataFrame:
    """`judged_predictions` of a finished study, which are written into its folder as `predictions.csv`."""
    if not isinstance(study.config, StudyConfig):
        raise InputError(
            f"{study.out}: networks trained elsewhere have no factors; give a study that crosses some"
        )
    table = judged_predictions(study.tables["networks"], predictions, study.config)
    write_csv(study.out / "predictions.csv", table)
    return table


def outcome_lines(table: pd.DataFrame) -> list[str]:
    """The outcomes for reading: a line a prediction, and how many hold.

    Examples:
        >>> row = {"name": "decay", "form": "half", "bound": "at least 0.9", "found": 3, "n": 33, "outcome": "refuted"}
        >>> outcome_lines(pd.DataFrame([row]))
        ['refuted  decay: half in 3 of 33, predicted at least 0.9', '0 of 1 predictions hold, 1 refuted, 0 open']
    """
    wide = max(8, *map(len, table["outcome"]))
    lines = [
        f"{row['outcome']:<{wide}} {row['name']}: "
        + (
            row["note"]
            if row["outcome"] == NOT_CROSSED
            else f"{row['form']} in {row['found']} of {row['n']}, predicted {row['bound']}"
        )
        for row in table.to_dict("records")
    ]
    count = table["outcome"].value_counts()
    kept, refuted, left, without = (
        int(count.get(outcome, 0)) for outcome in ("holds", "refuted", "open", NOT_CROSSED)
    )
    last = f"{kept} of {len(table) - without} predictions hold, {refuted} refuted, {left} open"
    return [*lines, f"{last}; {without} more {NOT_CROSSED}" if without else last]


def _checked(table: dict[str, Any], config: StudyConfig, factors: Factors, uncrossed: bool) -> Prediction:
    prediction = Prediction(**table)
    if (prediction.at_least is None) == (prediction.at_most is None):
        raise InputError("at_least and at_most: give one of the two")
    prediction = prediction.model_copy(update={"task": tasks[prediction.task].name})
    for factor in prediction.levels:
        near = near_names(factor, factors.texts)
        if factor not in factors.texts and near:
            raise InputError(
                f"factor {factor!r}: the study crosses {', '.join(factors.texts)}{did_you_mean(near)}"
            )
    lacking = _lacking(prediction, config)
    if lacking and not uncrossed:
        raise InputError(f"{lacking}; mend it, or leave it out of the count (uncrossed=True, --uncrossed)")
    return prediction


def _lacking(prediction: Prediction, config: StudyConfig) -> str:
    """Which task, width, factor or level of a prediction the study does not have; empty where it has all of them."""
    if prediction.task not in config.task_names:
        return f"task {prediction.task!r}: the study has {', '.join(config.task_names)}"
    widths = [width_text(width) for width in config.widths]
    for width in prediction.widths:
        if width not in widths:
            return f"width {width!r}: the study has {', '.join(widths)}"
    texts = {} if config.factors is None else config.factors.texts
    for factor, levels in prediction.levels.items():
        if factor not in texts:
            return f"factor {factor!r}: the study crosses {', '.join(texts)}"
        for level in levels:
            if level not in texts[factor]:
                return f"level {level!r} of {factor}: there are {', '.join(texts[factor])}"
    return ""
