"""The zoo from end to end: written twice, claimed about, scored."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from mathcircuits.detect import FileError, InputError, certify
from mathcircuits.reports.__main__ import main
from mathcircuits.reports.zoo.baselines import BASELINES, baseline_claims
from mathcircuits.reports.zoo.claims import claims_frame, read_claims, write_claims
from mathcircuits.reports.zoo.claimscores import reliability, score_claims
from mathcircuits.reports.zoo.writing import write_zoo
from mathcircuits.reports.zoo.zoofiles import Zoo, checksums, read_zoo


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    return read_zoo(write_zoo(tmp_path_factory.mktemp("zoo") / "one", small=True))


def test_a_second_run_is_the_same_byte_for_byte(zoo: Zoo, tmp_path: Path) -> None:
    again = write_zoo(tmp_path / "two", small=True)
    assert checksums(again) == checksums(zoo.folder)
    assert (again / "datasheet.md").read_bytes() == (zoo.folder / "datasheet.md").read_bytes()


def test_another_seed_makes_other_networks(zoo: Zoo, tmp_path: Path) -> None:
    other = checksums(write_zoo(tmp_path / "two", small=True, seed=1, trained=False))
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
    assert len(trained) == 6
    assert (trained["cause"].notna() == ~trained["solved"].astype(bool)).all()


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


def test_a_seed_beyond_range_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="seed -1"):
        write_zoo(tmp_path / "zoo", small=True, seed=-1)


def test_ours_makes_fewer_false_discoveries_than_correlation(zoo: Zoo) -> None:
    rows = {
        name: score_claims(baseline_claims(name, zoo), zoo).set_index("split").loc["held-out"]
        for name in ("correlation", "ours-neurons")
    }
    assert rows["correlation"]["null_share"] > 0.5
    assert rows["ours-neurons"]["null_share"] < 0.02
    assert rows["ours-neurons"]["recall"] > 0.8


@pytest.mark.parametrize("name", ["excess-correlation", "linear-probe", "magnitude", "ablation", "cka"])
def test_a_baseline_makes_claims_of_the_schema(name: str, zoo: Zoo, tmp_path: Path) -> None:
    claims = baseline_claims(name, zoo)
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


def test_the_list_of_baselines_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", "--list"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in BASELINES)
