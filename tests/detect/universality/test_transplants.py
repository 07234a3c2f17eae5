"""Transplants: planted copies, other widths, tasks and depths, decoys, what is missing, error texts."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect import Network, UnknownFeature, hand_derived
from mathcircuits.detect.errors import InputError
from mathcircuits.detect.features.catalogues import catalogue
from mathcircuits.detect.universality.transplant_tables import (
    transplant_many,
    transplant_summary,
)
from mathcircuits.detect.universality.transplants import TransplantSettings, transplant

MINIMUM = hand_derived("minimum")
#: The mirror image of the minimum's slide form: x2 - relu(x2 - x1).
MIRRORED = Network([[[-1, 1], [0, 1], [0, -1]], [[-1, 1, -1]]])
#: The half-sum form: four neurons, none of which is a sign of one input.
HALF_SUM = Network([[[1, 1], [-1, -1], [1, -1], [-1, 1]], [[0.5, -0.5, -0.5, -0.5]]])
ABSOLUTE_DIFFERENCE = hand_derived("absolute-difference")


def rescaled(network: Network, seed: int = 0) -> Network:
    """The same function with its units permuted and rescaled."""
    rng = np.random.default_rng(seed)
    weights = [w.copy() for w in network.weights]
    for k in range(len(weights) - 1):
        order, scale = rng.permutation(len(weights[k])), rng.uniform(0.2, 5, len(weights[k]))
        weights[k] = weights[k][order] * scale[:, None]
        weights[k + 1] = weights[k + 1][:, order] / scale
    return Network(weights)


# --- planted truths ---


@pytest.mark.parametrize("feature", ["greaterness", "positiveness", "negativeness", None])
def test_a_rescaled_copy_gives_and_takes_everything(feature: str | None) -> None:
    found = transplant(rescaled(MINIMUM), MINIMUM, feature, task="minimum")
    assert found.done
    assert found.accuracy == pytest.approx(1, abs=1e-9)
    assert found.loss_after == pytest.approx(0, abs=1e-12)
    assert found.decoy is not None
    assert found.decoy < 0.75
    assert found.loss_decoy is not None
    assert found.loss_decoy > 0.05
    assert set(found.decoys) == {"neuron", "direction", "shuffled"}
    # A shuffled value is as far from the right one as doing nothing is.
    assert found.decoys["shuffled"] == pytest.approx(0, abs=0.35)


def test_split_carriers_count_as_one() -> None:
    split = Network([np.array([[0.5, -0.5]] * 20 + [[1, 0], [-1, 0]]), [[-0.1] * 20 + [1, -1]]])
    found = transplant(MINIMUM, split, "greaterness", task="minimum")
    assert found.neurons == tuple(range(20))
    assert found.accuracy == pytest.approx(1, abs=1e-9)
    back = transplant(split, MINIMUM, "greaterness", task="minimum")
    assert back.donor_neurons == tuple(range(20))
    assert back.accuracy == pytest.approx(1, abs=1e-9)


def test_a_mirror_image_gives_its_feature_on_swapped_inputs() -> None:
    found = transplant(MIRRORED, MINIMUM, "greaterness", task="minimum")
    assert (found.on, found.donor_on) == (("x1", "x2"), ("x2", "x1"))
    assert found.accuracy == pytest.approx(1, abs=1e-9)
    asked = transplant(MIRRORED, MINIMUM, "greaterness", donor_on=("x1", "x2"))
    assert asked.reason.startswith(
        "no used neuron of the donor holds greaterness(x1, x2) at 1 - r^2 <= 0.001"
    )


def test_the_same_arguments_come_first() -> None:
    found = transplant(ABSOLUTE_DIFFERENCE, MIRRORED, "greaterness")
    assert found.on == found.donor_on == ("x2", "x1")


def test_another_task_width_and_number_of_inputs() -> None:
    found = transplant(hand_derived("absolute"), hand_derived("minimum-of-4"), "positiveness", ("x3",))
    assert (found.on, found.donor_on, found.layer, found.last) == (("x3",), ("x1",), 0, False)
    assert found.accuracy == pytest.approx(1, abs=1e-9)
    back = transplant(hand_derived("minimum-of-4"), hand_derived("absolute"), "positiveness")
    assert back.accuracy == pytest.approx(1, abs=1e-9)


def test_a_second_layer_by_its_index() -> None:
    four = hand_derived("minimum-of-4")
    found = transplant(
        rescaled(four), four, "greaterness", task="minimum-of-4", settings=TransplantSettings(layer=1)
    )
    assert (found.on, found.layer, found.donor_layer, found.last) == (
        ("min(x1, x2)", "min(x3, x4)"),
        1,
        1,
        True,
    )
    assert found.accuracy == pytest.approx(1, abs=1e-9)
    # A positive part of a minimum is none of an input, whatever their names.
    first = transplant(MINIMUM, four, "positiveness", settings=TransplantSettings(layer=1))
    assert first.reason.startswith("no used neuron of the donor holds positiveness") or not first.done


def test_a_donor_that_is_off_is_seen() -> None:
    tilted = Network([np.array([[1, -1.05], [1, 0], [-1, 0]]), [[-1, 1, -1]]])
    found = transplant(
        tilted, MINIMUM, "greaterness", task="minimum", settings=TransplantSettings(max_unexplained=0.01)
    )
    assert found.accuracy is not None
    assert found.decoy is not None
    assert found.decoy < 0.9 < found.accuracy < 0.9999
    assert found.loss_after is not None
    assert 1e-6 < found.loss_after < 1e-2


# --- whole layers ---


def test_a_whole_layer_names_what_the_donor_lacks() -> None:
    found = transplant(ABSOLUTE_DIFFERENCE, MINIMUM, task="minimum")
    assert (found.feature, found.moved) == ("layer", ("greaterness(x1, x2)",))
    assert sorted(found.missing) == ["negativeness(x1)", "positiveness(x1)"]
    assert found.accuracy == pytest.approx(1, abs=1e-9)
    nothing = transplant(hand_derived("addition"), MINIMUM)
    assert not nothing.done
    assert nothing.reason.startswith(
        "no feature of layer 0 of the recipient is held by a used neuron on both"
    )
    assert "the donor lacks" in nothing.reason


# --- missing sides, degenerate cases ---


def test_a_missing_feature_has_a_reason_and_no_numbers() -> None:
    for donor, recipient, who in ((HALF_SUM, MINIMUM, "donor"), (MINIMUM, HALF_SUM, "recipient")):
        found = transplant(donor, recipient, "positiveness", task="minimum")
        assert not found.done
        assert f"no used neuron of the {who} holds positiveness" in found.reason
        assert found.accuracy is None
        assert found.decoy is None
        assert found.loss_after is None
        assert "positiveness" in repr(found)
    constant = Network([[[0, 0]], [[1]]], [[1], [1]])
    assert transplant(MINIMUM, constant, "greaterness").reason == (
        "the recipient has no used neuron that could hold greaterness: its inputs or its layers do not allow it"
    )
    linear = Network([[[1, 1]]])
    assert not transplant(MINIMUM, linear, "greaterness").done


def test_a_donor_of_one_neuron_has_only_shuffled_decoys() -> None:
    found = transplant(hand_derived("relu"), hand_derived("absolute"), "positiveness")
    assert found.accuracy == pytest.approx(1)
    assert set(found.decoys) == {"shuffled"}


def test_the_record_reads_well() -> None:
    found = transplant(MINIMUM, MINIMUM, "greaterness")
    assert repr(found).startswith("Transplant(greaterness(x1, x2): accuracy 1, decoy 0.")
    assert "<th>accuracy</th><td>1</td>" in found._repr_html_()
    assert found.to_dict()["on"] == ["x1", "x2"]


def test_equal_seeds_equal_numbers() -> None:
    one, two, other = (
        transplant(rescaled(MINIMUM), HALF_SUM, "greaterness", settings=TransplantSettings(seed=s))
        for s in (1, 1, 2)
    )
    assert one.to_dict() == two.to_dict()
    assert one.decoys != other.decoys


def test_a_matrix_takes_arguments_boxes_and_settings() -> None:
    nets = {"one": MINIMUM, "two": rescaled(MINIMUM)}
    frame = transplant_many(
        nets, "greaterness", ("x2", "x1"), settings=TransplantSettings(max_unexplained=0.5)
    )
    assert set(frame["on"]) == {"x2, x1"}
    assert frame["reason"].str.contains(r"greaterness\(x2, x1\) at 1 - r\^2 <= 0.5").all()
    # Where x2 is positive, so is neither negative part: only x1 is left to be split by its sign.
    half = transplant_many(nets, "positiveness", box=[(-1, 1), (0.5, 1)])
    assert half["accuracy"].to_numpy() == pytest.approx(1, abs=1e-9)
    assert set(half["on"]) == {"x1"}


# --- error texts ---


def test_error_texts() -> None:
    with pytest.raises(UnknownFeature, match="no feature named 'gretaerness': did you mean 'greaterness'"):
        transplant(MINIMUM, MINIMUM, "gretaerness")
    with pytest.raises(
        InputError, match=r"layer 1 of the recipient: .* has 1 hidden layers with an activation"
    ):
        transplant(MINIMUM, MINIMUM, "greaterness", settings=TransplantSettings(layer=1))
    with pytest.raises(InputError, match="layer 3 of the donor"):
        transplant(MINIMUM, MINIMUM, "greaterness", settings=TransplantSettings(donor_layer=3))
    with pytest.raises(InputError, match="max_unexplained=2: give the share of variance left unexplained"):
        TransplantSettings(max_unexplained=2)
    with pytest.raises(InputError, match="0 decoys: give at least one draw"):
        TransplantSettings(draws=0)
    with pytest.raises(InputError, match="the loss needs a task of the network's inputs and outputs"):
        transplant(MINIMUM, MINIMUM, "greaterness", task="absolute")
    with pytest.raises(InputError, match="arguments without a feature"):
        transplant(MINIMUM, MINIMUM, on=("x1", "x2"))
    with pytest.raises(InputError, match="give the donor's with donor_box"):
        transplant(hand_derived("absolute"), MINIMUM, "positiveness", box=[(-1, 1), (0, 1)])
    with pytest.raises(InputError, match="networks of type list: give each under a label"):
        transplant_many([hand_derived("minimum")])  # type: ignore[arg-type]
    with pytest.raises(InputError, match="tasks for max, which no network is called"):
        transplant_many({"min": MINIMUM}, "greaterness", tasks={"max": "maximum"})
    with pytest.raises(InputError, match="the table has no column 'donor_network': give what"):
        transplant_summary(transplant_many({"a": MINIMUM}).drop(columns="donor_network"))


def test_the_catalogue_and_the_donors_box_are_the_callers() -> None:
    with pytest.raises(UnknownFeature, match="no feature named 'absolute'"):
        transplant(MINIMUM, MINIMUM, "absolute", catalogue=catalogue.search("order"))
    # Its kink lies 1 beside greaterness: far off on (-1, 1), next to nothing on (-1000, 1000).
    beside = Network([[[1, -1]], [[1]]], [[-1.0], [0.0]])
    assert not transplant(beside, MINIMUM, "greaterness").done
    assert transplant(beside, MINIMUM, "greaterness", donor_box=(-1000, 1000)).done
