"""Every task has one tile, which shows the network that its link leads to."""

from __future__ import annotations

import base64
from io import StringIO

import pandas as pd
import pytest
from synthetic_study import FakeStudy, made_up

from mathcircuits.reports.pages.opening.tiles import tile_data, tiles


@pytest.fixture(scope="module")
def study() -> FakeStudy:
    return made_up(("minimum", "minimum-of-4"), seeds=4)


def test_a_tile_shows_the_best_network(study: FakeStudy) -> None:
    solved, unsolved = tiles(study, study.tables)
    networks = study.tables["networks"].set_index("network")
    assert bool(networks.loc[solved.network, "solved"].all())
    assert (solved.formula, solved.note) == ("min(x1, x2)", "")
    assert "% as " in solved.form
    assert ">greaterness<" in solved.graph
    # Nobody trained the other: the tile says so and shows the derived network.
    assert (unsolved.note, unsolved.share) == ("none solved; derived by hand", 0.0)
    assert unsolved.graph.startswith("<svg")


def test_a_study_without_its_weights_has_tiles_without_graphs(study: FakeStudy) -> None:
    alone = FakeStudy({"success": study.tables["success"]}, {})
    first, _ = tiles(alone, alone.tables)
    assert (first.network, first.form) == ("", "")
    assert first.solved.endswith("% solved")


def test_the_data_are_those_of_the_tiles(study: FakeStudy) -> None:
    made = tiles(study, study.tables)
    read = pd.read_csv(StringIO(base64.b64decode(tile_data(made).partition(",")[2]).decode()))
    assert read["task"].tolist() == ["minimum", "minimum-of-4"]
    assert read["share"].tolist() == pytest.approx([tile.share for tile in made])
