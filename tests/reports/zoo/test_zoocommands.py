"""The zoo from end to end: written twice, claimed about, scored."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from mathcircuits.detect import FileError, InputError, certify
from mathcircuits.reports.__main__ import main
from mathcircuits.reports.zoo import writing, zoocommands
from mathcircuits.reports.zoo.baselines import BASELINES, run_baseline
from mathcircuits.reports.zoo.claims import claims_frame, read_claims, write_claims
from mathcircuits.reports.zoo.claimscores import reliability, score_claims
from mathcircuits.reports.zoo.parts import ZooPart
from mathcircuits.reports.zoo.thresholds import best_threshold
from mathcircuits.reports.zoo.writing import write_zoo
from mathcircuits.reports.zoo.zoocommands import score_file
from mathcircuits.reports.zoo.zoofiles import Zoo, checksums, read_zoo, write_part


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    return read_zoo(write_zoo(tmp_path_factory.mktemp("zoo") / "one", size="small"))


def test_a_second_run_is_the_same_byte_for_byte(zoo: Zoo, tmp_path: Path) -> None:
    again = write_zoo(tmp_path / "two", size="small", workers=2)
    assert checksums(again) == checksums(zoo.folder)
    assert (again / "datasheet.md").read_bytes() == (zoo.folder / "datasheet.md").read_bytes()


def test_another_seed_makes_other_networks(zoo: Zoo, tmp_path: Path) -> None:
    other = checksums(write_zoo(tmp_path / "two", size="small", seed=1, trained=False))
    ours = checksums(zoo.folder)
    assert [name for name, digest in other.items() if digest == ours[name]] == []


def test_no_weights_are_in_both_splits(zoo: Zoo) -> None:
    sums = checksums(zoo.folder)
    train = {d for name, d in sums.items() if name.startswith("weights/train/")}
    assert len(train) == sum(name.startswith("weights/train/") for name in sums)
    assert not train & {d for name, d in sums.items() if name.startswith("weights/held-out/")}


def test_the_datasheet_has_the_checksum_of_every_file(zoo: Zoo) -> None:
    text = (zoo.folder / "datasheet.md").read_text("utf-8")
    assert all(digest in text for digest in checksums(zoo.folder).values())
    assert "Licence" in text


def test_formulas_are_certified(zoo: Zoo) -> None:
    proved = zoo.networks[zoo.networks["formula"].notna()].groupby("part").head(1)
    assert len(proved) >= 6
    for row in proved.itertuples():
        assert certify(zoo.network(row.network), row.formula.split("; ")).upper == pytest.approx(
            row.certified
        )


def test_failures_have_a_cause(zoo: Zoo) -> None:
    trained = zoo.networks[zoo.networks["made"] == "trained"]
    assert len(trained) == 12
    assert sorted(set(trained["regimen"])) == ["adam", "osier"]
    assert (trained["cause"].notna() == ~trained["solved"].astype(bool)).all()


def test_checkpoints_are_the_networks_before_the_end(zoo: Zoo) -> None:
    made = zoo.networks[(zoo.networks["made"] == "checkpoint") & (zoo.networks["task"] == "minimum")]
    assert sorted(set(made["step"])) == [0, 32, 316]
    end = zoo.networks[(zoo.networks["made"] == "trained") & (zoo.networks["task"] == "minimum")]
    assert sorted(set(made["seed"])) == sorted(set(end["seed"]))
    # untrained at first; the loss falls
    assert made.groupby("step")["loss"].mean().is_monotonic_decreasing
    assert made["formula"].isna().all()


def test_a_stopped_run_goes_on(zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def stopping(out: Path, part: ZooPart) -> None:
        if len(made) == 3:
            made.append("stopped")
            raise KeyboardInterrupt
        made.append(part.name)
        write_part(out, part)

    monkeypatch.setattr(writing, "write_part", stopping)
    out = tmp_path / "zoo"
    with pytest.raises(KeyboardInterrupt):
        write_zoo(out, size="small", trained=False)
    assert made[3:] == ["stopped"]
    with pytest.raises(FileError, match="is missing, so this folder is no zoo"):
        read_zoo(out)
    with pytest.raises(FileError, match="is there already"):
        write_zoo(out, size="small", trained=False, seed=1)
    write_zoo(out, size="small", trained=False)
    assert len(made) - 1 == len(read_zoo(out).parts)
    assert not (out / "building").exists()
    ours = checksums(zoo.folder)
    weights = {name: digest for name, digest in checksums(out).items() if name.startswith("weights/")}
    assert weights == {name: ours[name] for name in weights}


def test_the_threshold_is_the_best_f1_of_the_public_split(zoo: Zoo) -> None:
    public = zoo.networks[zoo.networks["formula"].notna() & (zoo.networks["split"] == "train")]
    held = zoo.networks[zoo.networks["formula"].notna() & (zoo.networks["split"] == "held-out")]
    null = zoo.networks[zoo.networks["null"] & (zoo.networks["split"] == "train")]
    right = [
        {"kind": "formula", "network": n, "formula": f, "score": 0.8}
        for n, f in public[["network", "formula"]].itertuples(index=False)
    ]
    wrong = [{"kind": "formula", "network": n, "formula": "x1", "score": 0.8} for n in null["network"]]
    lower = [{**row, "score": 0.7} for row in wrong]
    # What is wrong and lower is cut off; the held-out split is not looked at.
    above = [{"kind": "formula", "network": n, "formula": "7", "score": 0.9} for n in held["network"]]
    assert best_threshold(claims_frame([*right, *lower, *above]), "formula", zoo) == 0.8
    # A tie of scores is not cut: of 0.8 all or none.
    assert best_threshold(claims_frame([*right, *wrong]), "formula", zoo) == 0.8
    assert best_threshold(claims_frame(wrong), "formula", zoo) == 1.0


def truth(zoo: Zoo) -> pd.DataFrame:
    """Everything that the zoo knows, as claims."""
    held = zoo.neurons[(zoo.neurons["evidence"] == "construction") & zoo.neurons["feature"].notna()]
    used = zoo.neurons[(zoo.neurons["role"] == "derived")]
    formulas = zoo.networks[zoo.networks["formula"].notna()]
    same = zoo.pairs[zoo.pairs["same"]]
    rows = [
        *held[["network", "layer", "neuron", "feature", "on"]].assign(kind="neuron").to_dict("records"),
        *used[["network", "layer", "neuron"]].assign(kind="unit").to_dict("records"),
        *zoo.circuits.rename(columns={"circuit": "feature"})[["network", "feature", "on"]]
        .assign(kind="circuit").to_dict("records"),
        *formulas[["network", "formula"]].assign(kind="formula").to_dict("records"),
        *same[["network", "other"]].assign(kind="pair").to_dict("records"),
    ]  # fmt: skip
    return claims_frame([{**row, "score": 1.0} for row in rows])


def test_the_truth_scores_1(zoo: Zoo, tmp_path: Path) -> None:
    write_claims(tmp_path / "all.parquet", truth(zoo))
    scores = score_claims(read_claims(tmp_path / "all.parquet", zoo), zoo)
    assert len(scores) == 10
    assert (scores[["precision", "recall"]] == 1.0).all(axis=None)
    assert (scores[["null_claimed", "calibration_error", "brier", "unscored"]] == 0).all(axis=None)


def test_false_claims_are_counted(zoo: Zoo) -> None:
    claims = truth(zoo)
    null = zoo.neurons[(zoo.neurons["split"] == "train") & (zoo.neurons["role"] == "decoy")].head(10)
    false = null[["network", "layer", "neuron"]].assign(
        kind="neuron", feature="positiveness", on="x1", score=1.0
    )
    both = pd.concat([claims[claims["kind"] == "neuron"], claims_frame(false.to_dict("records"))])
    row = score_claims(both, zoo).iloc[0]
    assert (row["null_claimed"], row["recall"]) == (10, 1.0)
    assert row["claims"] - row["right"] == 10
    assert row["calibration_error"] == pytest.approx(10 / row["claims"])
    assert reliability(both, zoo)["claims"].sum() == len(both)


def test_claims_about_judged_labels_are_not_scored(zoo: Zoo) -> None:
    one = zoo.neurons[zoo.neurons["role"] == "trained"].head(1)
    claim = one[["network", "layer", "neuron"]].assign(
        kind="neuron", feature="positiveness", on="x1", score=1.0
    )
    row = score_claims(claims_frame(claim.to_dict("records")), zoo).iloc[0]
    assert (row["claims"], row["unscored"]) == (0, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "neurone"}, "row 0: kind 'neurone' is none of neuron, unit, circuit, formula, pair"),
        ({"network": "train/none/0000"}, "row 0: network 'train/none/0000' is not in the zoo"),
        ({"score": 1.5}, "row 0: score 1.5 is no number from 0 to 1"),
        ({"score": float("nan")}, "row 0: score nan is no number from 0 to 1"),
        ({"neuron": 99}, "row 0: neuron 99 is not in that layer of the network"),
        ({"neuron": None}, "row 0: neuron <NA> is needed by a claim of kind neuron"),
        ({"feature": "positivness"}, "row 0: feature 'positivness' is not in the catalogue"),
        ({"formula": "x1"}, "row 0: formula 'x1' has no place in kind neuron"),
        ({"layer": "first"}, "holds values of a wrong type"),
        ({"extra": 1}, "has the unknown column extra"),
    ],
)
def test_a_bad_claim_is_refused(change: dict[str, object], message: str, zoo: Zoo, tmp_path: Path) -> None:
    good = truth(zoo).iloc[[0]].astype(object)
    bad = good.assign(**change)
    bad.to_parquet(tmp_path / "bad.parquet")
    with pytest.raises(FileError) as caught:
        read_claims(tmp_path / "bad.parquet", zoo)
    assert message in str(caught.value)


def test_a_claim_made_twice_is_refused(zoo: Zoo, tmp_path: Path) -> None:
    pd.concat([truth(zoo).iloc[[0]]] * 2).to_parquet(tmp_path / "twice.parquet")
    with pytest.raises(FileError, match=r"row 1: .* has the same claim in an earlier row"):
        read_claims(tmp_path / "twice.parquet", zoo)


def test_bad_input_exits_with_2(zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.parquet").write_text("no parquet")
    assert main(["score", str(tmp_path / "bad.parquet"), "--zoo", str(zoo.folder)]) == 2
    assert "is no Parquet file" in capsys.readouterr().err
    assert main(["score", str(tmp_path / "bad.parquet"), "--zoo", str(tmp_path)]) == 2
    assert "is missing, so this folder is no zoo" in capsys.readouterr().err
    assert main(["score", "--zoo", str(zoo.folder), "--baseline", "correlaton"]) == 2
    assert "did you mean 'correlation'?" in capsys.readouterr().err
    assert main(["zoo", "--out", str(zoo.folder), "--small"]) == 2
    assert "is there already; choose another folder" in capsys.readouterr().err
    assert main(["zoo", "--out", str(tmp_path / "new"), "--small", "--medium"]) == 2
    assert "give one of the two" in capsys.readouterr().err


def test_a_seed_beyond_range_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="seed -1"):
        write_zoo(tmp_path / "zoo", size="small", seed=-1)


def test_ours_makes_fewer_false_discoveries_than_correlation(zoo: Zoo) -> None:
    rows = {
        name: score_claims(run_baseline(name, zoo).claims, zoo).set_index("split").loc["held-out"]
        for name in ("correlation", "ours-neurons")
    }
    assert rows["correlation"]["null_share"] > 0.5
    assert rows["ours-neurons"]["null_share"] < 0.02
    assert rows["ours-neurons"]["recall"] > 0.8


@pytest.mark.parametrize("name", ["excess-correlation", "linear-probe", "magnitude", "ablation", "cka"])
def test_a_baseline_makes_claims_of_the_schema(name: str, zoo: Zoo, tmp_path: Path) -> None:
    claims = run_baseline(name, zoo).claims
    write_claims(tmp_path / "claims.parquet", claims)
    again = read_claims(tmp_path / "claims.parquet", zoo)
    assert set(again["kind"]) == {BASELINES[name].kind}
    assert score_claims(again, zoo)["seconds"].sum() > 0


def test_score_prints_json_and_writes_a_table(
    zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [
        "score",
        "--zoo",
        str(zoo.folder),
        "--baseline",
        "magnitude",
        "--json",
        "-o",
        str(tmp_path / "t.md"),
    ]
    assert main(asked) == 0
    found = json.loads(capsys.readouterr().out)
    assert {row["method"] for row in found["scores"]} == {"magnitude"}
    assert found["reliability"]
    assert (tmp_path / "t.md").read_text("utf-8").count("\n") == 4


def test_a_circuit_with_the_same_formula_is_right(zoo: Zoo) -> None:
    older = zoo.circuits[zoo.circuits["circuit"] == "minimum-older-form"]
    assert len(older)
    for name, right in (("minimum", True), ("minimum-older-form", True), ("maximum", False)):
        claims = older.assign(kind="circuit", feature=name, score=1.0)[
            ["kind", "network", "feature", "on", "score"]
        ]
        row = score_claims(claims_frame(claims.to_dict("records")), zoo).set_index("split").loc["held-out"]
        assert (row["right"] == row["claims"]) == right


def test_a_formula_that_fits_a_network_of_the_null_part_is_not_held_against_it(zoo: Zoo) -> None:
    null = zoo.networks[zoo.networks["null"] & (zoo.networks["split"] == "train")].iloc[0]["network"]
    network = zoo.network(null)
    # The network itself, written down.
    W, V = (w.tolist() for w in network.weights)
    b, c = (offsets.tolist() for offsets in network.bias_vectors)
    units = [f"relu({w[0]!r} * x1 + {w[1]!r} * x2 + {o!r})" for w, o in zip(W, b, strict=True)]
    own = [
        " + ".join([f"{v!r} * {unit}" for v, unit in zip(row, units, strict=True)] + [repr(offset)])
        for row, offset in zip(V, c, strict=True)
    ]
    for text, counted in (("; ".join(own), 0), ("x1", 1)):
        claims = claims_frame([{"kind": "formula", "network": null, "formula": text, "score": 1.0}])
        assert score_claims(claims, zoo).set_index("split").loc["train", "null_claimed"] == counted


def test_pairs_of_one_implementation_are_told_from_others(zoo: Zoo) -> None:
    row = score_claims(run_baseline("ours-pairs", zoo).claims, zoo).set_index("split").loc["held-out"]
    assert row["null_claimed"] == 0
    assert row["recall"] > 0.9


def test_a_method_without_claims_has_a_row(zoo: Zoo) -> None:
    assert score_claims(claims_frame([]), zoo).empty
    scores = score_claims(claims_frame([]), zoo, ["pair"])
    assert scores["recall"].tolist() == [0.0, 0.0]
    assert scores["precision"].isna().all()


def test_certified_formulas_are_right(zoo: Zoo) -> None:
    scores = score_claims(run_baseline("linear-regression-certified", zoo).claims, zoo)
    assert (scores["precision"] == 1.0).all()
    assert (scores["recall"] > 0.8).all()


def test_baselines_are_told_and_the_table_is_kept(
    zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--baseline", "magnitude", "--baseline", "weight-matching", "-o", str(tmp_path / "t.csv")]
    assert main(["score", "--zoo", str(zoo.folder), *asked]) == 0
    assert "1 of 2: magnitude," in capsys.readouterr().err
    kept = pd.read_csv(tmp_path / "t.csv")
    assert kept["method"].tolist() == ["magnitude"] * 2 + ["weight-matching"] * 2
    assert kept["chosen"].all()
    assert kept["seconds"].gt(0).all()


def test_of_all_those_without_their_library_are_left_out(zoo: Zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    few = {name: BASELINES[name] for name in ("pyoperon", "magnitude")}
    monkeypatch.setattr(zoocommands, "BASELINES", few)
    monkeypatch.setattr(zoocommands, "find_spec", lambda _name: None)
    told: list[str] = []
    table, _ = score_file(None, zoo.folder, baselines=["all"], progress=told.append)
    assert set(table["method"]) == {"magnitude"}
    assert told[0] == "1 of 2: pyoperon is left out, it needs pyoperon"


def test_claims_of_several_baselines_are_no_file(zoo: Zoo, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a file of claims holds one baseline"):
        score_file(None, zoo.folder, baselines=["cka", "svcca"], out=tmp_path / "claims.parquet")


def test_the_list_of_baselines_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", "--list"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in BASELINES)
