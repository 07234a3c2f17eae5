from __future__ import annotations

import pytest

from mathcircuits.detect import hand_derived
from mathcircuits.detect.features import as_task
from mathcircuits.reports.zoo import wholebaselines
from mathcircuits.reports.zoo.claimscores import agrees
from mathcircuits.reports.zoo.wholebaselines import certified_formulas, linear_fits, operon_fits, our_circuits
from mathcircuits.reports.zoo.writing import write_zoo
from mathcircuits.reports.zoo.zoofiles import Zoo, read_zoo


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    return read_zoo(write_zoo(tmp_path_factory.mktemp("zoo") / "one", size="small", trained=False))


def gauges(zoo: Zoo, circuit: str) -> list[str]:
    return list(zoo.circuits[zoo.circuits["circuit"] == circuit]["network"].head(2))


def test_operon_writes_formulas_of_the_grammar(zoo: Zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyoperon")
    names = [*gauges(zoo, "minimum"), *gauges(zoo, "sort-2")]
    monkeypatch.setattr(wholebaselines, "_formula_networks", lambda _zoo: names)
    fits = operon_fits.__wrapped__(zoo)
    assert [name for name, _, _ in fits] == names
    for name, text, r2 in fits:
        assert as_task(text).outputs == zoo.network(name).outputs
        assert r2 > 0.99
    found = certified_formulas(zoo, lambda _zoo: fits)
    assert found
    assert all(agrees(str(row["formula"]), zoo.network(str(row["network"]))) for row in found)


def test_only_what_holds_on_all_of_the_box_is_certified(zoo: Zoo) -> None:
    (name, *_) = gauges(zoo, "minimum")
    fits = (
        (name, "min(x1, x2)", 1.0),
        (name, "min(x1, x2) + 0.02", 1.0),
        (name, "x1", 1.0),
        (name, "x1 +", 1.0),
    )
    # 0.02 is over 0.005 of the range of 2
    assert [row["formula"] for row in certified_formulas(zoo, lambda _zoo: fits)] == ["min(x1, x2)"]


def test_linear_regression_finds_a_sum_of_features(zoo: Zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    (name, *_) = gauges(zoo, "absolute")
    monkeypatch.setattr(wholebaselines, "_formula_networks", lambda _zoo: [name])
    ((_, text, r2),) = linear_fits.__wrapped__(zoo)
    assert r2 > 0.999
    assert agrees(text, hand_derived("absolute"))


def test_a_circuit_is_one_of_all_outputs(zoo: Zoo) -> None:
    """Of a sorting network the minimum at the first output is a part, and no claim about the network."""
    names = [*gauges(zoo, "sort-2"), *gauges(zoo, "minimum")]
    part = zoo.circuits[zoo.circuits["network"].isin(names)]
    found = our_circuits(Zoo(zoo.folder, zoo.networks[~zoo.networks["null"]], zoo.neurons, part, zoo.pairs))
    assert sorted(str(row["feature"]) for row in found) == ["minimum", "minimum", "sort-2", "sort-2"]
