"""Circuit templates: what the catalogue holds is true, what it refuses, and how networks are put together."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

from mathcircuits.detect.errors import FileError, InputError, UnknownNameError
from mathcircuits.detect.exact.certificates import certify
from mathcircuits.detect.features.catalogues import catalogue
from mathcircuits.detect.features.formulas import Formula
from mathcircuits.detect.features.task import hand_derived, hand_derived_names, tasks
from mathcircuits.detect.networks.network import Network
from mathcircuits.detect.recognition.bound_templates import bound_circuits
from mathcircuits.detect.recognition.templates import (
    Circuit,
    Circuits,
    circuits,
    parse_circuits,
    user_circuit_folder,
)

ALL = [pytest.param(c, id=f"{c.name}: {c.gauge}") for c in circuits.implementations]
DOUBLE = '[[circuit]]\nname = "double"\nformula = "2 * x1"\nweights = [[[1], [-1]], [[2, -2]]]\n'


@pytest.mark.parametrize("circuit", ALL)
def test_every_implementation_computes_its_formula_everywhere(circuit: Circuit) -> None:
    for k, formula in enumerate(circuit.formula):
        network = circuit.to_network()
        one = Network(
            [*network.weights[:-1], network.weights[-1][k : k + 1]],
            [*network.bias_vectors[:-1], network.bias_vectors[-1][k : k + 1]],
        )
        assert certify(one, formula.text).upper <= 1e-11


@pytest.mark.parametrize("name", hand_derived_names())
def test_the_catalogue_holds_every_hand_derived_network(name: str) -> None:
    for own, derived in zip(circuits[name].network.weights, hand_derived(name).weights, strict=True):
        assert np.array_equal(own, derived)


def test_every_task_has_its_circuits() -> None:
    for task in tasks.values():
        for name in task.circuits:
            assert task.name in circuits[name].functions
        if task.derived:
            assert circuits[task.derived].arity == task.arity


def test_features_agree_with_the_catalogue() -> None:
    for circuit in circuits.values():
        # The conjunction and the like are made of neurons with offsets that the catalogue does not name.
        assert circuit.features or circuit.on_points
        assert set(circuit.features) <= set(catalogue.names)
    assert circuits["minimum-of-4"].nodes[1] == (
        ("relu(min(x1, x2) - min(x3, x4))", "greaterness"),
        ("relu(min(x1, x2))", "positiveness"),
        ("relu(-min(x1, x2))", "negativeness"),
    )


def test_the_minimum_has_three_gauges_without_biases() -> None:
    plain = [c.gauge for c in circuits["minimum"].gauges if c.network.biases is None]
    assert plain == ["x1 - relu(x1 - x2)", "x2 - relu(x2 - x1)", "1/2 (x1 + x2) - 1/2 |x1 - x2|"]


def test_symmetry() -> None:
    assert circuits["minimum"].symmetry == ((1, 0),)
    assert circuits["subtraction"].symmetry == ()
    assert len(circuits["minimum-of-4"].symmetry) == 23


# The graph


def test_effective_weights_do_not_depend_on_positive_scales() -> None:
    scaled = Network([[[3, -3], [0.5, 0], [-7, 0]], [[-1 / 3, 2, -1 / 7]]])
    circuit = Circuit("mine", (Formula("min(x1, x2)"),), scaled)
    own, known = circuit.graph, circuits["minimum"].graph
    assert set(own.edges) == set(known.edges)
    for edge in own.edges:
        assert own.edges[edge]["weight"] == pytest.approx(known.edges[edge]["weight"], abs=1e-12)
    assert known.nodes["h0.0"] == {
        "layer": 1, "label": "relu(x1 - x2)", "feature": "greaterness", "bias": 0.0,
    }  # fmt: skip
    assert ("x2", "h0.1") not in own.edges


def test_drawing_shows_every_node() -> None:
    import matplotlib.pyplot as plt

    ax = circuits["minimum-of-4"].draw()
    shown = {text.get_text().partition("\n")[0] for text in ax.texts}
    graph = circuits["minimum-of-4"].graph
    assert {data["label"] for _, data in graph.nodes(data=True)} <= shown
    assert len(ax.lines) == graph.number_of_edges()
    _, given = plt.subplots()
    assert circuits["clip"].draw(given) is given
    plt.close("all")


def test_shown_in_a_notebook() -> None:
    html = circuits["minimum"]._repr_html_()
    assert "min(x1, x2)" in html
    assert "&lt;" not in html
    assert "x2 - relu(x2 - x1)" in html
    assert "minimum-of-4" in circuits._repr_html_()
    assert repr(circuits).startswith("Circuits(identity, ")


# Names


def test_names_and_aliases_answer_alike() -> None:
    assert circuits["final negative reconstructor"] is circuits["Negative_Identity"] is circuits["negation"]
    assert "minimum of four" in circuits
    assert "nothing" not in circuits
    assert 3 not in circuits
    with pytest.raises(UnknownNameError, match=r"no circuit named 'maximun': did you mean 'maximum'\?"):
        circuits["maximun"]


def test_without() -> None:
    less = circuits.without("minimum")
    assert "minimum" not in less
    assert "minimum" in circuits
    assert len(less) == len(circuits) - 1
    fewer = circuits.without("minimum", "x1 - relu(x1 - x2)")
    assert fewer["minimum"].gauge == "x2 - relu(x2 - x1)"
    with pytest.raises(UnknownNameError, match="no gauge of 'minimum' named 'x1 - relu'"):
        circuits.without("minimum", "x1 - relu")


def test_united() -> None:
    extra = parse_circuits(DOUBLE, "mine.toml", {})
    both = circuits | extra
    assert both["double"].depth == 1
    assert "double" not in circuits
    # What is in both is taken once.
    assert list(both | circuits) == list(both)
    other = Circuit("double", (Formula("2 * x1"),), Network([[[2.0]]]), "x1 twice")
    assert [c.gauge for c in (both | [other])["double"].gauges] == ["2 * x1", "x1 twice"]
    with pytest.raises(InputError, match="the gauge '2 \\* x1' is there already"):
        both | [Circuit("double", (Formula("2 * x1"),), Network([[[2.0]]]), "2 * x1")]


def test_one_name_for_two_functions_is_refused() -> None:
    triple = Circuit("identity", (Formula("3 * x1"),), Network([[[3.0]]]))
    with pytest.raises(InputError, match=r"'3 \* x1' is another function than 'x1' of the same name"):
        circuits | [triple]
    clash = Circuit("mine", (Formula("3 * x1"),), Network([[[3.0]]]), aliases=("minimum of four",))
    with pytest.raises(InputError, match="the name 'minimum of four' is taken by 'minimum-of-4'"):
        circuits | [clash]


def test_a_wrong_circuit_is_refused() -> None:
    with pytest.raises(InputError, match="its weights are off its formula 'x1' by"):
        Circuit("mine", (Formula("x1"),), Network([[[2.0]]]))
    with pytest.raises(InputError, match="its formula has 2 arguments and 1 outputs, its network 1 and 1"):
        Circuit("mine", (Formula("x1 + x2"),), Network([[[2.0]]]))
    with pytest.raises(InputError, match="must be a text that is not blank"):
        Circuit(" ", (Formula("x1"),), Network([[[1.0]]]))


# Files


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[circuit]", "mine.toml: is not TOML"),
        ("", "mine.toml: holds no \\[\\[circuit\\]\\] table"),
        ("[[feature]]\nid = 'a/b'", "mine.toml: unknown table 'feature'"),
        ("circuit = 3", "mine.toml: 'circuit' is not an array of tables"),
        (f"{DOUBLE}wieghts = 3", "line 1: circuit 'double': unknown key 'wieghts': did you mean 'weights'"),
        ("[[circuit]]\nname = 'a'\nformula = 'x1'", "line 1: circuit 'a': 'weights' is missing"),
        (f"{DOUBLE}aliases = 'two'", "line 1: circuit 'double': 'aliases' is not a list of texts"),
        (f"\n{DOUBLE.replace('2 * x1', 'system(1)')}", "line 2: circuit 'double': .*not in the grammar"),
        (DOUBLE.replace("[[2, -2]]", "[[2, 2]]"), "line 1: circuit 'double': .*off its formula"),
        ("[[gauge]]\ncircuit = 'nope'\nname = 'a'\nweights = [[[1]]]", "line 1: gauge 'a': no circuit named 'nope'"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_named_with_its_line(text: str, message: str) -> None:
    with pytest.raises(FileError, match=message):
        parse_circuits(text, "mine.toml", circuits)


def test_a_file_is_loaded(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    gauge = (
        '[[gauge]]\ncircuit = "double"\nname = "always-on"\nweights = [[[1]], [[2]]]\nbiases = [[1], [-2]]\n'
    )
    file.write_text(DOUBLE + gauge)
    loaded = Circuits.load(file)
    assert [c.gauge for c in loaded["double"].gauges] == ["2 * x1", "always-on"]
    assert loaded["double"].others[0].network([[0.5]]).item() == 1.0
    with pytest.raises(FileError, match=r"absent\.toml: cannot be read"):
        Circuits.load(tmp_path / "absent.toml")


def test_the_users_own_and_plug_ins_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATHCIRCUITS_HOME", str(tmp_path))
    user_circuit_folder().mkdir()
    (user_circuit_folder() / "mine.toml").write_text(DOUBLE)
    plugged = Circuit("triple", (Formula("3 * x1"),), Network([[[3.0]]]))
    point = EntryPoint("mine", "mine:circuit", "mathcircuits.circuits")
    monkeypatch.setattr(EntryPoint, "load", lambda _: plugged)
    module = sys.modules[Circuit.__module__]
    monkeypatch.setattr(module, "entry_points", lambda group: [point])  # noqa: ARG005
    fresh = type(circuits)()
    assert fresh["double"].text == "2 * x1"
    assert fresh["triple"] is not circuits
    monkeypatch.setattr(EntryPoint, "load", lambda _: "triple")
    with pytest.raises(InputError, match=r"plug-in 'mine' .* gives a str, expected a Circuit or several"):
        len(type(circuits)())
    clash = Circuit("identity", (Formula("3 * x1"),), Network([[[3.0]]]))
    monkeypatch.setattr(EntryPoint, "load", lambda _: [clash])
    with pytest.raises(InputError, match=r"plug-in 'mine' .* clashes"):
        len(type(circuits)())


def test_choices_of_arguments() -> None:
    box = ((-1.0, 1.0),) * 4
    found = bound_circuits(circuits, 4, box)
    of = {name: [b.on for b in found.single if b.circuit.name == name] for name in circuits}
    # Unordered pairs for a symmetric function, ordered ones else; one minimum of all four.
    assert len(of["minimum"]) == 6
    assert len(of["x1-plus-abs-x2"]) == len(of["subtraction"]) == 12
    assert of["minimum-of-4"] == [("x1", "x2", "x3", "x4")]
    assert [b.circuit.name for b in found.several] == ["sort-2"] * 6
    assert bound_circuits(circuits, 4, box) is found
    many = bound_circuits(circuits, 60, ((-1.0, 1.0),) * 60)
    assert "minimum-of-4" in many.skipped
    assert "minimum" not in many.skipped
