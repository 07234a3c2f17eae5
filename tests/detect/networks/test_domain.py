"""Domains: names and columns of a table, and that whatever takes a box takes one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mathcircuits.detect import (
    About,
    Domain,
    InputError,
    Network,
    analyse,
    canonical_form,
    certify,
    decompile,
    find_circuits,
    gauge_of,
)
from mathcircuits.detect.exact import normalise_layers
from mathcircuits.detect.networks import input_columns

#: min(price, limit), as the network calls its inputs.
MINIMUM = Network([[[1, -1], [1, 0], [-1, 0]], [[-1, 1, -1]]], about=About(input_names=("price", "limit")))
BOX = [(-3.0, 10.0), (-3.0, 3.0)]
RNG = np.random.default_rng(0)
FRAME = pd.DataFrame({"id": ["a"] * 200, "limit": RNG.uniform(-3, 3, 200), "price": RNG.uniform(-3, 10, 200)})


def test_a_tables_columns_are_taken_by_name_wherever_they_stand() -> None:
    domain = analyse(MINIMUM, inputs=FRAME).domain
    assert domain.names == ("price", "limit")
    assert domain.data is not None
    assert (domain.data == FRAME[["price", "limit"]].to_numpy()).all()
    assert domain.box[0][1] > 9 > 3 > domain.box[1][1]
    # Without names of its own the network takes the table's, in their order.
    plain = Network(MINIMUM.weights)
    assert analyse(plain, inputs=FRAME[["limit", "price"]]).domain.names == ("limit", "price")
    with pytest.raises(InputError, match="3 columns for 2 inputs: give one column each"):
        analyse(plain, inputs=FRAME)
    with pytest.raises(InputError, match="columns id, limit for the inputs price, limit: name the columns"):
        analyse(MINIMUM, inputs=FRAME[["id", "limit"]])
    # Two columns of one name do not say which is meant.
    with pytest.raises(InputError, match="columns price, limit, price for the inputs"):
        input_columns(("price", "limit", "price"), 2, ("price", "limit"))
    assert input_columns(("y", "x2", "x1"), 2) == [2, 1]


def test_a_networks_own_names_are_the_domains_unless_others_are_told() -> None:
    assert analyse(MINIMUM).domain.names == ("price", "limit")
    assert analyse(MINIMUM, names=["a", "b"]).domain.names == ("a", "b")
    assert analyse(MINIMUM, box=Domain.of(BOX, 2, names=("a", "b"))).network.input_names == ("a", "b")
    assert analyse(MINIMUM, inputs=FRAME, names=["a", "b"]).domain.names == ("a", "b")
    told = analyse(MINIMUM, box=BOX).to_dict()
    assert told["formula"]["text"] == told["certificate"]["spec"] == "min(price, limit)"
    assert told["neurons"][0]["on"] == ["price", "limit"]
    (circuit,) = told["circuits"]
    assert circuit["on"] == ["price", "limit"]
    assert circuit["form"] == circuit["gauge"] == "price - relu(price - limit)"


def test_whatever_takes_a_box_takes_a_domain() -> None:
    domain = Domain.of(BOX, 2, names=("price", "limit"))
    assert certify(MINIMUM, "minimum", box=domain).upper < 1e-9
    assert decompile(MINIMUM, box=domain).text == "min(x1, x2)"
    assert gauge_of(MINIMUM, box=domain).name == gauge_of(MINIMUM, box=BOX).name == "x1 - relu(x1 - x2)"
    assert canonical_form(MINIMUM, box=domain).box == canonical_form(MINIMUM, box=BOX).box
    assert find_circuits(MINIMUM, box=domain).equals(find_circuits(MINIMUM, box=BOX))
    X = np.random.default_rng(1).uniform(-3, 3, (50, 2))
    assert np.allclose(normalise_layers(MINIMUM, box=domain)(X), MINIMUM(X))
    with pytest.raises(InputError, match="3 such pairs"):
        canonical_form(Network([[[1.0, 1.0, 1.0]]]), box=domain)


def test_four_points_are_too_few_for_directions_and_that_is_said() -> None:
    found = analyse(MINIMUM, box=Domain.finite(Domain.cube(2), names=("price", "limit")))
    assert found.directions.empty
    assert found.skipped == ("directions (4 inputs, at least 30 are needed to fit and test read-outs)",)
    assert found.to_dict()["certificate"]["method"] == "enumeration"


def test_many_inputs_of_one_range_are_said_in_one() -> None:
    assert Domain.finite(Domain.one_hot(3, 3)).text == "x1 to x6 in {0, 1}"
    assert Domain.finite(Domain.cube(2)).text == "x1 in {0, 1}, x2 in {0, 1}"
    assert (
        Domain.finite(Domain.cube(3), names=("a", "b", "c")).text == "a in {0, 1}, b in {0, 1}, c in {0, 1}"
    )
