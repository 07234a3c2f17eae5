"""Irreps of one network: what is planted is found, ablated and nothing else; the cyclic case is modular addition."""

from __future__ import annotations

import numpy as np
import pytest

from mathcircuits.detect import InputError, Network
from mathcircuits.detect.groups.group_nulls import group_null
from mathcircuits.detect.groups.group_readings import character_components, read_group
from mathcircuits.detect.groups.group_truths import planted_irreps
from mathcircuits.detect.groups.named_groups import group_named
from mathcircuits.detect.groups.neuron_tables import untrained_networks
from mathcircuits.detect.modular.fourier import read_fourier

S4 = group_named("S4")
POINT = np.array([word.startswith("0") for word in S4.elements])


def joined(*nets: Network) -> Network:
    """Networks side by side, their logits added."""
    W, V = (np.concatenate([net.weights[k] for net in nets], axis=k) for k in (0, 1))
    return Network([W, V])


def test_planted_irreps_are_found_with_their_ablation() -> None:
    net = joined(planted_irreps(S4, ["3a"], subgroup=POINT), planted_irreps(S4, ["1b"], each=8))
    reading = read_group(net, S4, draws=20)
    assert reading.used == ("1b", "3a")
    assert (reading.accuracy, reading.accuracy_used) == (1, 1)
    rows = reading.irreps.set_index("irrep")
    assert rows.loc["3a", "neurons"] > 0.8 * len(net.weights[0])
    assert rows.loc[["2a", "3b"], "neurons"].sum() == 0
    # Inactive neurons stay, and the sign alone names a coset of twelve.
    assert rows.loc["3a", "accuracy_without"] < 0.25
    assert rows.loc["3a", ["embedding_without", "unembedding_without"]].max() < 0.1
    for kind in ("accuracy_without", "embedding_without", "unembedding_without"):
        assert rows.loc["2a", kind] == 1
    for kind in ("accuracy_only", "embedding_only", "unembedding_only"):
        assert rows.loc["3a", kind] == 1
    assert rows.loc["3a", "component_without"] < 0.01
    assert rows["embedding"].sum() == pytest.approx(1)
    assert rows["unembedding"].sum() == pytest.approx(1)
    # The sign's few neurons write 95% of the logits' variance, and are removed first; what is left names the element.
    assert rows["contribution"].idxmax() == "1b"
    assert reading.removal["irrep"].tolist()[1:] == ["1b", "3a"]
    assert reading.removal["accuracy"].tolist()[:2] == [1, 1]
    assert (reading.cuts["names"] == "1b, 3a").all()


def test_untrained_networks_use_no_irrep_and_their_p_is_uniform() -> None:
    shape = Network([np.ones((40, 48)), np.ones((24, 40))]).architecture
    null = group_null(shape, S4, draws=60)
    found = [read_group(net, S4, null=null) for net in untrained_networks(shape, 20, seed=7)]
    assert all(reading.used == () for reading in found)
    p = np.concatenate([reading.neurons["p"].dropna() for reading in found])
    assert abs(np.mean(p) - 0.5) < 0.05
    assert abs(np.mean(p < 0.1) - 0.1) < 0.05


def test_the_cyclic_case_is_modular_addition() -> None:
    c11 = group_named("C11")
    net = planted_irreps(c11, ["f2", "f5"], each=2)
    fourier, group = read_fourier(net, draws=20), read_group(net, c11, draws=20)
    assert [f"f{k}" for k in fourier.used] == list(group.used) == ["f2", "f5"]
    for column in ("contribution", "component", "accuracy_without", "accuracy_only"):
        assert np.allclose(fourier.frequencies[column], group.irreps[column], equal_nan=True)


def test_what_cannot_be_read() -> None:
    net = planted_irreps(S4, ["1b"])
    with pytest.raises(
        InputError, match=r"answers with 24 logits, FiniteGroup\(S3, order 6\) has 6 elements"
    ):
        read_group(net, group_named("S3"), draws=20)
    silent = Network([net.weights[0], net.weights[1] * 0])
    with pytest.raises(InputError, match="writes the same logits whatever its inputs"):
        read_group(silent, S4, draws=20)
    with pytest.raises(InputError, match=r"logits of shape \(3, 3\): give \[576, 24\]"):
        character_components(np.ones((3, 3)), S4)
    with pytest.raises(InputError, match="has one element"):
        group_null(net.architecture, group_named("C1"), draws=20)
    with pytest.raises(InputError, match="'1a' of S4 is the trivial one"):
        planted_irreps(S4, ["1a"])
    with pytest.raises(InputError, match="leaves no vector of '1b' of S4 fixed"):
        planted_irreps(S4, ["1b"], subgroup=np.ones(24, bool))
