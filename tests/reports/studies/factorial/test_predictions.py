"""Predictions: bounds are judged by exact intervals, and a file that does not fit its study is refused."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from mathcircuits.detect import FileError, InputError
from mathcircuits.reports import StudyConfig
from mathcircuits.reports.__main__ import main
from mathcircuits.reports.studies.config import as_config
from mathcircuits.reports.studies.factorial.predictions import (
    ANY,
    NOT_CROSSED,
    Prediction,
    judged_predictions,
    outcome_lines,
    read_predictions,
)
from mathcircuits.reports.studies.factors import with_factors

EXAMPLES = Path(__file__).resolve().parents[4] / "examples"
CONFIG = StudyConfig(tasks=["minimum", "relu"], factors={"decay": [0, 1e-3], "batch": [32, 128]})
GOOD = {"name": "p", "task": "min", "form": "half", "at_least": 0.9}


def networks() -> pd.DataFrame:
    """40 networks a width and condition: with decay all are `half` at 4x; elsewhere one is."""
    assert CONFIG.factors is not None
    rows = [
        ("minimum", "12" if width == "4x" else "3", width, regimen, "trained", "half" if half else "slide")
        for width in ("1x", "4x")
        for regimen in CONFIG.factors.by_regimen
        for k in range(40)
        for half in [k == 0 or (width == "4x" and "decay=0.001" in regimen)]
    ]
    frame = pd.DataFrame(rows, columns=["task", "hidden", "width", "regimen", "population", "form"])
    return with_factors(frame, CONFIG.factors, "networks")


@pytest.mark.parametrize(
    ("fields", "found", "n", "outcome"),
    [
        ({"at_least": 0.9}, 80, 80, "holds"),
        ({"at_least": 0.9, "widths": ["1x"]}, 2, 80, "refuted"),
        ({"at_most": 0.1, "widths": ["1x"]}, 2, 80, "holds"),
        ({"at_most": 0.1}, 80, 80, "refuted"),
        ({"at_least": 1}, 80, 80, "holds"),
        ({"at_least": 1, "form": "slide", "widths": ["1x"]}, 78, 80, "refuted"),
        ({"at_most": 0, "form": "other"}, 0, 80, "holds"),
        ({"at_most": 0}, 80, 80, "refuted"),
        ({"at_least": 0.95, "form": ANY, "widths": ["1x"]}, 78, 80, "open"),
        ({"at_least": 0.9, "levels": {"decay": ["0.001"], "batch": ["32"]}}, 40, 40, "holds"),
        ({"at_least": 0.9, "task": "relu"}, 0, 0, "open"),
    ],
)
def test_outcomes(fields: dict[str, object], found: int, n: int, outcome: str) -> None:
    about = {"widths": ["4x"], "levels": {"decay": ["0.001"]}, "form": "half", "task": "minimum", "name": "p"}
    prediction = Prediction(**{**about, **fields})  # type: ignore[arg-type]  # pydantic checks them
    (row,) = judged_predictions(networks(), [prediction], CONFIG).to_dict("records")
    assert (row["found"], row["n"], row["outcome"]) == (found, n, outcome)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[prediction]\n", "is not TOML"),
        ("[[predictions]]\nname = 'p'", r"holds predictions; give tables \[\[prediction\]\] alone"),
        ("[[prediction]]\nname = 'p'\ntask = 'min'\nform = 'half'", "prediction 'p': at_least and at_most: give one"),
        (
            "[[prediction]]\nname = 'p'\ntask = 'min'\nform = 'half'\nat_least = 2",
            "at_least: Input should be less than",
        ),
        ("[[prediction]]\nname = 'p'\ntask = 'sort-2'\nform = 'a'\nat_most = 0", "the study has minimum, relu"),
        (
            "[[prediction]]\nname = 'p'\ntask = 'min'\nform = 'a'\nat_most = 0\nlevels = {decay = ['0.1']}",
            "level '0.1' of decay: there are 0, 0.001",
        ),
        (
            "[[prediction]]\nname = 'p'\ntask = 'min'\nform = 'a'\nat_most = 0\nlevels = {lr = ['0.1']}",
            "factor 'lr': the study crosses decay, batch",
        ),
    ],
)  # fmt: skip
def test_a_file_that_does_not_fit_is_refused(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "predictions.toml"
    file.write_text(text)
    with pytest.raises(FileError, match=said):
        read_predictions(file, CONFIG)


def test_predictions_need_factors_and_a_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="without factors"):
        read_predictions(tmp_path / "none.toml", StudyConfig())
    with pytest.raises(FileError, match="cannot be read"):
        read_predictions(tmp_path / "none.toml", CONFIG)


def test_a_part_of_a_crossing_is_judged_by_the_predictions_of_the_whole(tmp_path: Path) -> None:
    """What names a condition that is not crossed is listed, with the reason, and counts neither way."""
    head = "task = 'min'\nform = 'slide'\nat_least = 0.73\n"
    about = ["", "levels = {noise = ['label']}", "levels = {decay = ['0.1']}", "widths = ['16x']"]
    names = ["all", "noise", "level", "width", "task"]
    texts = [
        f"[[prediction]]\nname = '{name}'\n{head}{more}\n" for name, more in zip(names, about, strict=False)
    ]
    texts.append("[[prediction]]\nname = 'task'\ntask = 'sort-2'\nform = 'a'\nat_most = 0\n")
    file = tmp_path / "predictions.toml"
    file.write_text("".join(texts))
    with pytest.raises(FileError, match=r"'noise': factor 'noise': .*--uncrossed"):
        read_predictions(file, CONFIG)
    table = judged_predictions(networks(), read_predictions(file, CONFIG, uncrossed=True), CONFIG)
    assert table["name"].tolist() == names
    assert table["outcome"].tolist() == ["open", *[NOT_CROSSED] * 4]
    assert table["n"].tolist() == [320, 0, 0, 0, 0]
    lines = outcome_lines(table)
    assert lines[1] == "not crossed here noise: factor 'noise': the study crosses decay, batch"
    assert lines[-1] == "0 of 1 predictions hold, 0 refuted, 1 open; 4 more not crossed here"
    file.write_text(texts[1].replace("noise =", "decya ="))
    with pytest.raises(FileError, match="did you mean 'decay'"):
        read_predictions(file, CONFIG, uncrossed=True)


def test_the_quarter_is_judged_by_the_predictions_of_the_whole() -> None:
    config = as_config(EXAMPLES / "factors_quarter.toml")
    predictions = read_predictions(EXAMPLES / "predictions.toml", config, uncrossed=True)
    assert config.factors is not None
    none = with_factors(
        networks().head(0)[["task", "width", "regimen", "population", "form"]], config.factors, "networks"
    )
    table = judged_predictions(none, predictions, config)
    assert (table["outcome"] == NOT_CROSSED).sum() == 1
    assert len(table) == 30


def test_every_task_of_the_example_has_a_prediction_that_could_fail() -> None:
    config = as_config(EXAMPLES / "factors.toml")
    predictions = read_predictions(EXAMPLES / "predictions.toml", config)
    assert {prediction.task for prediction in predictions} == set(config.tasks)
    assert len({prediction.name for prediction in predictions}) == len(predictions)
    assert config.factors is not None
    assert len(config.factors.regimens) == 240
    for prediction in predictions:
        assert "refuted" in {prediction.outcome(0, 64), prediction.outcome(64, 64)}


def test_a_crossing_says_its_size_first_and_its_outcomes_last(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    config, predictions, out = (tmp_path / name for name in ("study.toml", "predictions.toml", "out"))
    config.write_text(
        'tasks = ["relu"]\nwidths = ["2x"]\nseeds = 2\nreads = "forms"\n'
        '[factors]\nbase = { preset = "adam", steps = 200, polish = 20 }\ndecay = [0, 1e-3]\n'
    )
    table = '[[prediction]]\nname = "forced"\ntask = "relu"\nform = "relu(x1)"\nat_least = 1\n'
    predictions.write_text(table.replace("relu", "reul", 1))
    study = ["study", str(config), "--out", str(out), "--predictions", str(predictions)]
    assert main(study) == 2
    said = capsys.readouterr().err
    assert "prediction 'forced': no task" in said
    assert "'reul'" in said
    assert not out.exists()  # a prediction that cannot be judged is no prediction
    predictions.write_text(table)
    assert main(study) == 0
    printed, said = capsys.readouterr()
    assert said.startswith(
        "decay (2) = 2 conditions, at 1 width of 1 task: 2 cells, 4 networks, under a minute"
    )
    # what was found follows, and where the page lies
    assert "\n1 of 1 predictions hold, 0 refuted, 0 open\n" in printed
    assert printed.rstrip().endswith("/index.html")
    assert (out / "predictions.csv").read_text().startswith("name,task,form,bound,found,n,")
