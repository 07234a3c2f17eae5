"""Configurations of studies: the default, grids, tables, and what is wrong with one."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mathcircuits.detect import InputError, UnknownNameError, UnknownTask, tasks
from mathcircuits.reports import StudyConfig
from mathcircuits.reports.studies.cells import study_cells
from mathcircuits.reports.studies.config import as_config, check_width, relative_width


def test_a_study_takes_nested_tables() -> None:
    from mathcircuits.reports.studies.config import StudyConfig

    text = """
    [[regimens]]
    preset = "rescue"
    [regimens.rescue]
    phases = 3
    [[regimens]]
    preset = "rescue"
    [regimens.deep.rescue]
    phases = 4
    """
    config = StudyConfig(**tomllib.loads(text))
    names = [regimen.name for regimen in config.regimens_at("1x")]
    assert names == ["rescue, rescue.phases=3", "rescue, deep.rescue.phases=4"]
    with pytest.raises(InputError, match="rescue: unknown key 'phasez': did you mean 'phases'"):
        StudyConfig(regimens=[{"preset": "rescue", "rescue": {"phasez": 3}}])


# Configuration


def test_the_default_is_the_seeds_study() -> None:
    config = StudyConfig()
    assert config.tasks == (
        "identity", "negation", "absolute", "addition", "subtraction", "minimum", "minimum-of-4",
    )  # fmt: skip
    assert config.seed_list == tuple(range(50))
    names = {width: [r.name for r in config.regimens_at(width)] for width in config.widths}
    assert names == {
        "1x": ["osier", "adam", "rescue"],
        "2x": ["adam", "decay-then-anneal"],
        "4x": ["adam", "decay-then-anneal"],
        16: ["compress"],
    }
    conditions = [cell.condition for cell in study_cells(config)]
    # hand-derived, and 3 + 2 + 2 regimens; `compress` where one hidden layer is enough
    assert len(conditions) == len(set(conditions)) == 7 * 8 + 6
    assert "minimum-of-4/24-12/adam" in conditions
    assert "minimum-of-4/16/compress" not in conditions
    assert [(skip.task, skip.width) for skip in config.skipped] == [("minimum-of-4", "16")]


def test_the_default_regimens_keep_to_the_widths_that_are_given() -> None:
    config = StudyConfig(widths=["2x", 16])
    assert config.regimens == {"16": ("compress",), "other": ("adam", "decay-then-anneal")}
    assert StudyConfig(**config.to_dict()) == config


def test_a_grid_is_the_sum_of_its_tables(tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text(
        'tasks = ["minimum"]\nseeds = 2\n'
        '[[grid]]\nwidths = ["1x"]\nregimens = ["adam"]\n'
        '[[grid]]\nwidths = [3, 16]\nregimens = ["adam"]\nseeds = [1, 5]\n'
        '[[grid]]\ntasks = ["abs", "minimum-of-4"]\nwidths = [16]\nregimens = ["compress"]\nsteps = 7\n'
    )
    config = as_config(file)
    assert config.task_names == ("minimum", "absolute", "minimum-of-4")
    assert config.seeds_used == (0, 1, 5)
    cells = {cell.condition: cell for cell in study_cells(config) if not cell.derived}
    assert {name: cell.seeds for name, cell in cells.items()} == {
        "minimum/3/adam": (0, 1, 5),
        "minimum/16/adam": (1, 5),
        "absolute/16/compress": (0, 1),
    }
    assert [cell.steps for cell in cells.values()] == [None, None, 7]
    assert [(skip.task, skip.width, skip.reason[:14]) for skip in config.skipped] == [
        ("minimum-of-4", "16", "1 hidden layer")
    ]
    assert as_config(json.loads(json.dumps(config.to_dict()))) == config
    assert {cell.seeds for cell in study_cells(config.with_seeds(1)) if not cell.derived} == {(0,)}


def test_a_grid_that_cannot_be_used_says_why() -> None:
    twice = [{"widths": ["1x"], "regimens": ["adam"]}, {"widths": ["1x"], "regimens": ["adam"], "steps": 3}]
    with pytest.raises(InputError, match="identity/2/adam is asked for twice, with other settings"):
        study_cells(StudyConfig(grid=twice))
    with pytest.raises(InputError, match=r"no width fits any task \(minimum-of-4 at 16: 1 hidden layer"):
        study_cells(StudyConfig(tasks=["minimum-of-4"], widths=[16]))


def test_a_toml_file_says_the_same_as_a_mapping(tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text(
        'tasks = ["min", "sort-2"]\nwidths = ["1x", 8, [6, 3]]\nseeds = [3, 5]\nsteps = 10\n'
        '[regimens]\n"6-3" = ["osier"]\nother = ["adam", { preset = "adam", lr = 0.01, name = "slow" }]\n'
    )
    config = as_config(file)
    assert config.tasks == ("minimum", "sort-2")
    assert config.widths == ("1x", 8, (6, 3))
    assert [r.name for r in config.regimens_at((6, 3))] == ["osier"]
    assert [(r.name, r.lr) for r in config.regimens_at(8)] == [("adam", 0.02), ("slow", 0.01)]
    assert as_config(config.to_dict()) == config == as_config(json.loads(json.dumps(config.to_dict())))
    assert as_config(config) is config


def test_widths_that_come_to_the_same_count_once() -> None:
    config = StudyConfig(tasks=["minimum"], widths=["1x", 3, [3]], regimens=["adam"])
    assert [cell.hidden for cell in study_cells(config) if not cell.derived] == [(3,)]
    assert check_width([3]) == 3
    assert relative_width(tasks["minimum-of-4"], (12, 6)) == "2x"
    assert relative_width(tasks["minimum-of-4"], (12, 3)) == ""
    assert relative_width(tasks["minimum"], (3, 3)) == ""


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"widhts": [3]}, "unknown key 'widhts': did you mean 'widths'"),
        ({"widths": [0]}, "width 0: a hidden layer needs at least one neuron"),
        ({"widths": [[3, 0]]}, "width 0"),
        ({"widths": ["big"]}, "width 'big': give '1x'"),
        ({"widths": [True]}, "width True"),
        ({"widths": [[]]}, "width []"),
        ({"widths": []}, "widths = []: give a list"),
        ({"tasks": "minimum"}, "tasks = 'minimum': give a list"),
        ({"seeds": 0}, "at least one seed"),
        ({"seeds": True}, "seeds = True"),
        ({"seeds": [-1]}, "seed -1"),
        ({"seeds": [0.5]}, "seed 0.5"),
        ({"steps": 0}, "steps = 0"),
        ({"steps": 1.5}, "steps = 1.5"),
        ({"regimens": [{"preset": "adam", "lrr": 1}]}, "unknown key 'lrr': did you mean 'lr'"),
        ({"regimens": [3]}, "3 is not a regimen"),
        ({"regimens": [{"preset": "adam", "name": "a/b"}]}, "holds a slash"),
        ({"regimens": ["adam", "adam"]}, "two regimens are called 'adam'"),
        ({"regimens": {"1x": ["adam"]}}, "no regimens for width '16'"),
        ({"grid": 3}, "grid = 3: give a list of tables"),
        ({"grid": [3]}, "grid[0] = 3: give a table"),
        ({"grid": [{}, {"width": [3]}]}, "grid[1]: unknown key 'width': did you mean 'widths'"),
        ({"grid": [{"widths": [0]}]}, "grid[0]: width 0"),
        ({"grid": [{"widths": ["2x"], "regimens": {"1x": ["adam"]}}]}, "grid[0]: regimens for width '1x'"),
        ({"regimens": {"8x": ["adam"], "other": ["adam"]}}, "'8x', which is not among the widths"),
        ({"regimens": [{"preset": "adam", "name": "derived"}]}, "'derived' stands for the hand-derived"),
    ],
)
def test_a_wrong_configuration_says_what_is_wrong(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as raised:
        StudyConfig(**fields)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_unknown_names_in_a_configuration() -> None:
    with pytest.raises(UnknownTask, match="did you mean 'minimum'"):
        StudyConfig(tasks=["minimun"])
    with pytest.raises(UnknownNameError, match="did you mean 'osier'"):
        StudyConfig(regimens=["osyer"])
    with pytest.raises(InputError, match="its smallest size is not known"):
        study_cells(StudyConfig(tasks=["absolute", "no-size"]))


def test_tasks_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "houses.csv").write_text("rooms,price,age\n3,2,10\n5,4.5,5\n4,4,0\n")
    (tmp_path / "study.toml").write_text(
        'tasks = ["x1 - relu(x1-x2)", "relu(x1-0.3)", "homes", "bent"]\n'
        '[[task]]\nname = "homes"\ndata = "houses.csv"\ntarget = "price"\n'
        '[[task]]\nname = "bent"\nformula = "relu(x1 / 3 - 1)"\nbox = [0, 9]\n'
    )
    config = StudyConfig.from_toml(tmp_path / "study.toml")
    assert config.tasks == ("minimum", "relu(x1 - 0.3)", "homes", "bent")
    assert tasks["homes"].names == ("rooms", "age")
    assert [table.get("data") for table in config.to_dict()["task"]] == ["data/homes.csv", None]
    assert config.with_seeds(2).task == config.task
    # with no other tasks named, those of the tables
    assert StudyConfig(task=[{"name": "bent", "formula": "relu(x1 / 3 - 1)", "box": [0, 9]}]).tasks == (
        "bent",
    )
    with pytest.raises(InputError, match=r"its name holds a slash, .* in a \[\[task\]\] table"):
        StudyConfig(tasks=["relu(x1 / 3 - 1)"])
    (tmp_path / "study.toml").write_text('[[task]]\nname = "homes"\ndata = "none.csv"\n')
    with pytest.raises(InputError, match=r"none\.csv: cannot be read \(No such file"):
        StudyConfig.from_toml(tmp_path / "study.toml")


@pytest.fixture(autouse=True)
def own_tasks() -> Iterator[None]:
    """Tasks of one test: one whose smallest network nobody knows, and what the test registers."""
    before = dict(tasks._held())
    tasks.register("no-size", arity=1)(lambda X: X[:, 0] ** 2)
    yield
    tasks._tasks = before
    tasks._formulas.clear()


def test_a_fibre_is_for_a_number_of_networks_decided_in_advance() -> None:
    assert StudyConfig(fibre=100).fibre == 100
    with pytest.raises(InputError, match=r"fibre = 100 in a sequential study: .*; leave one of the two out"):
        StudyConfig(fibre=100, sequential=True)


def test_classifiers_are_studied_where_their_classes_can_be_certified() -> None:
    classes = {"name": "classes", "loss": "cross-entropy"}
    assert StudyConfig(tasks=["larger-of-2"], widths=["1x"], regimens=[classes]).tasks == ("larger-of-2",)
    with pytest.raises(
        InputError, match="regimen 'classes' has loss 'cross-entropy' and task 'sort-2' a box"
    ):
        StudyConfig(tasks=["sort-2"], widths=["1x"], regimens=[classes])
    with pytest.raises(InputError, match="task 'xor' has no classes: give one with an output for each class"):
        StudyConfig(tasks=["xor"], widths=["1x"], regimens=["adam", classes])
    table = {"tasks": ["minimum"], "regimens": [classes]}
    with pytest.raises(InputError, match="task 'minimum' a box"):
        StudyConfig(tasks=["larger-of-2"], widths=["1x"], grid=[table])
