"""NamedTables: texts over the columns' names, ways of circuits over their arguments, and what keeps its numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from synthetic_study import made_up

from mathcircuits.detect import Task, tasks
from mathcircuits.detect.networks import About
from mathcircuits.reports.inputnames import NamedTables
from mathcircuits.reports.pages.page import page
from mathcircuits.reports.pages.tasksections import short_of_data

SHOP = "inputnames-shop"


@pytest.fixture(autouse=True)
def shop() -> Iterator[None]:
    X = np.random.default_rng(0).uniform(-1, 1, (20, 2))
    frame = pd.DataFrame(X, columns=["price", "limit"]).assign(paid=X.min(axis=1))
    tasks.add(Task.of_data(frame, target="paid", name=SHOP), replace=True)
    yield
    tasks._tasks.pop(SHOP)


def test_texts_of_its_rows_alone() -> None:
    rows = {"task": [SHOP, "minimum", SHOP], "on": ["x1, x2", "x1, x2", None]}
    rows |= {"formula": ["min(x1, x2)", "min(x1, x2)", None], "network": [f"{SHOP}/x1/0", "x1", "x2"]}
    programs = pd.DataFrame(rows).astype("string").assign(gauge=pd.NA)
    made = NamedTables({"programs": programs, "pairs": pd.DataFrame({"rung": ["x1"]})})
    named = made["programs"]
    assert named["on"].fillna("").tolist() == ["price, limit", "x1, x2", ""]
    assert named["formula"].fillna("").tolist() == ["min(price, limit)", "min(x1, x2)", ""]
    assert named["network"].tolist() == rows["network"]
    assert programs["on"].fillna("").tolist() == ["x1, x2", "x1, x2", ""]
    assert made["pairs"]["rung"].tolist() == ["x1"]
    assert (list(made), len(made)) == (["programs", "pairs"], 2)


def test_ways_of_circuits_are_over_their_arguments() -> None:
    way, both = "x1 - relu(x1 - x2)", "1/2 (x1 + x2) - 1/2 |x1 - x2|"
    circuits = pd.DataFrame(
        {
            "task": SHOP,
            "circuit": "minimum",
            "output": ["y1", "y1", "y1", "y1", "y2"],
            "on": ["x2, x1", "x2, x1", "x1, x2", "x2, x1", "min(x1, x2), x1"],
            "gauge": [way, way, both, both, "x1 + x2"],
            "form": "min(x1, x2)",
        }
    )
    names = {"level": ["gauge", "gauge", "gauge", "class"], "name": [way, way, both, "min(x1, x2)"]}
    census = pd.DataFrame({"task": [SHOP, "minimum", SHOP, SHOP], **names})
    made = NamedTables({"circuits": circuits, "census": census})
    assert made["circuits"]["gauge"].iloc[0] == "limit - relu(limit - price)"
    assert made["circuits"]["gauge"].iloc[4] == "min(price, limit) + price"
    assert made["circuits"]["form"].iloc[0] == "min(price, limit)"
    assert made["circuits"]["output"].tolist() == ["paid", "paid", "paid", "paid", "y2"]
    # two networks hold one of them over different arguments: it has no names that are right for both
    assert made["census"]["name"].tolist() == ["limit - relu(limit - price)", way, both, "min(price, limit)"]


def test_on_data_without_circuits_a_way_keeps_its_numbers() -> None:
    census = pd.DataFrame({"task": [SHOP], "level": ["gauge"], "name": ["relu(x1)"]})
    assert NamedTables({"census": census})["census"]["name"].tolist() == ["relu(x1)"]


def test_a_page_says_the_names_throughout() -> None:
    task = Task(
        SHOP,
        2,
        ("min(x1, x2)",),
        names=("price", "limit"),
        output_names=("paid",),
        hidden=(3,),
        derived="minimum",
    )
    tasks.add(task, replace=True)
    made = made_up((SHOP,), seeds=4)
    about = About(input_names=("price", "limit"))
    text = page(replace(made, known={name: net.with_about(about) for name, net in made.known.items()}))
    assert "greaterness(price, limit)" in text
    assert "min(price, limit)" in text
    assert '"names":["price","limit"],"outputs":["paid"]' in text
    # beside the glossary, numbers are left as the coordinates of lines and as names in scripts
    said = re.sub(r"<script.*?</script>|<dd>.*?</dd>|<line[^>]*>", "", text, flags=re.DOTALL)
    assert re.findall(r".{30}\b[xy][12]\b.{20}", said) == []


def test_data_that_no_network_reproduces_say_how_near_one_came() -> None:
    rows = {"population": "trained", "threshold": 1e-8, "loss": [0.02, 0.01]}
    said = short_of_data(tasks[SHOP], pd.DataFrame({**rows, "solved": False}))
    assert said.startswith(" None has a mean squared error below 1e-08 on the 20 rows. The best has 0.01, ")
    assert short_of_data(tasks[SHOP], pd.DataFrame({**rows, "solved": [False, True]})) == ""
    assert short_of_data(tasks["minimum"], pd.DataFrame({**rows, "solved": False})) == ""
