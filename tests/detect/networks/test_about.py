"""About: what is known of a network beside its weights stays with it wherever it goes."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from mathcircuits.detect import About, AssumptionWarning, FileError, InputError, Network
from mathcircuits.models import MLP, load, save

ABOUT = About(
    assumptions=("the activation is relu", "the layers are in the order of their names"),
    link="softmax",
    input_names=("age", "income"),
    output_names=("no", "yes"),
)


def network(about: About | None = ABOUT) -> Network:
    return Network([np.ones((3, 2)), np.ones((2, 3))], [np.zeros(3), None], about=about)


def test_a_network_has_what_is_known_beside_its_weights() -> None:
    net = network()
    assert net.assumptions == ABOUT.assumptions
    assert (net.link, net.input_names, net.output_names) == ("softmax", ("age", "income"), ("no", "yes"))
    plain = network(None)
    assert (plain.assumptions, plain.link) == ((), None)
    assert (plain.input_names, plain.output_names) == (("x1", "x2"), ("y1", "y2"))


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_copies_keep_it(copied: object) -> None:
    assert copied(network()).about == ABOUT  # type: ignore[operator]


def test_an_mlp_keeps_it() -> None:
    assert MLP.from_network(network()).to_network().about == ABOUT
    assert copy.deepcopy(MLP.from_network(network())).to_network().about == ABOUT


@pytest.mark.parametrize("ending", ["npz", "safetensors"])
def test_a_file_keeps_it(tmp_path: Path, ending: str) -> None:
    path = save(network(), tmp_path / f"net.{ending}")
    with pytest.warns(
        AssumptionWarning, match="the activation is relu; the layers are in the order"
    ) as caught:
        assert load(path).to_network().about == ABOUT
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_a_file_without_it_is_as_before(tmp_path: Path) -> None:
    path = save(network(None), tmp_path / "net.npz")
    with np.load(path) as file:
        assert set(json.loads(str(file["mathcircuits"]))) == {
            "format", "sizes", "activation", "bias", "dtype", "sha256",
        }  # fmt: skip
    assert load(path).to_network().about == About()


def test_a_changed_link_breaks_the_checksum(tmp_path: Path) -> None:
    path = save(network(), tmp_path / "net.npz")
    with np.load(path) as file:
        arrays = dict(file)
    arrays["mathcircuits"] = np.array(str(arrays["mathcircuits"]).replace("softmax", "sigmoid"))
    np.savez(path, allow_pickle=False, **arrays)
    with pytest.raises(FileError, match="its checksum does not match"):
        load(path)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"link": "tanh"}, "link 'tanh': give None or one of sigmoid"),
        ({"input_names": ("a", "a")}, "give each another name"),
        ({"input_names": "ab"}, "give a sequence of texts"),
        ({"output_names": ("a", "")}, "give a sequence of texts"),
        ({"assumptions": (1,)}, "give a sequence of texts"),
    ],
)
def test_what_does_not_fit_is_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        About(**given)  # type: ignore[arg-type]


def test_names_are_one_each() -> None:
    with pytest.raises(InputError, match="1 input_names for 2 inputs: give one name each"):
        network(About(input_names=("a",)))
    with pytest.raises(InputError, match="3 output_names for 2 outputs: give one name each"):
        network(About(output_names=("a", "b", "c")))
