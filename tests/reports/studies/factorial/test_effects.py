"""Effects: planted ones come out with their sign and size, one form has none, and what does not converge is said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from mathcircuits.detect import prevalence
from mathcircuits.reports.studies.factorial import multinomial
from mathcircuits.reports.studies.factorial.effects import OTHER_FORMS, combined, effects_table
from mathcircuits.reports.studies.factors import Factors, with_factors

FACTORS = Factors(decay=[0, 1e-5, 1e-3], batch=[32, 128])


def networks(task: str, half: dict[tuple[str, float], float], each: int = 30, rare: int = 0) -> pd.DataFrame:
    """Networks of every condition at two widths, of which the shares by (width, decay) have the form `half`."""
    rows = []
    for width, hidden in (("2x", "6"), ("1x", "3")):
        for regimen, levels in FACTORS.by_regimen.items():
            count = round(each * half[width, float(levels["decay"])])
            for k in range(each):
                form = "half" if k < count else "slide"
                rows.append((task, hidden, width, regimen, "trained", "odd" if len(rows) < rare else form))
    rows += [(task, "3", "1x", "derived", "derived", "slide")]
    rows += [(task, "3", "1x", next(iter(FACTORS.by_regimen)), "trained", None)]  # one that did not solve it
    frame = pd.DataFrame(rows, columns=["task", "hidden", "width", "regimen", "population", "form"])
    return with_factors(frame, FACTORS, "networks")


#: Decay decides, at the larger width alone.
PLANTED = {(w, d): 0.9 if (w, d) == ("2x", 1e-3) else 0.1 for w in ("1x", "2x") for d in (0.0, 1e-5, 1e-3)}


def test_planted_effects_come_out() -> None:
    table = effects_table(networks("minimum", PLANTED), FACTORS)
    names = ["width", "decay", "batch", "width x decay", "width x batch", "decay x batch"]
    assert table["factor"].unique().tolist() == names
    half = table[table["form"] == "half"].set_index(["factor", "level"])
    assert half.loc[("width", "1x"), "n"] == 180
    row = half.loc[("decay", "0.001")]
    assert (row["found"], row["n"], row["reference"]) == (60, 120, "0")
    # 0.1 without decay; with it the mean of 0.1 and 0.9
    assert abs(row["effect"] - 0.4) < 0.03
    assert row["effect_low"] < 0.4 < row["effect_high"]
    assert abs(row["adjusted"] - 0.4) < 0.03
    assert np.isnan(half.loc[("decay", "0"), "effect"])
    both = half.loc[("width x decay", "2x, 0.001")]
    assert both["reference"] == "1x, 0"
    assert abs(both["effect"] - 0.8) < 0.05
    assert abs(both["adjusted"] - 0.8) < 0.05
    assert both["effect_low"] > 0.5
    q = table.drop_duplicates("factor").set_index("factor")["q"]
    assert (q[["width", "decay", "width x decay"]] < 1e-4).all()
    assert (q[["batch", "width x batch", "decay x batch"]] > 0.2).all()
    for _, rows in table.groupby(["factor", "level"]):
        assert abs(rows["value"].sum() - 1) < 1e-12
        assert rows["effect"].isna().all() or abs(rows["effect"].sum()) < 1e-9


def test_rare_forms_are_counted_together() -> None:
    table = effects_table(networks("minimum", PLANTED, rare=2), FACTORS)
    assert table["form"].unique().tolist() == ["slide", "half", OTHER_FORMS]
    frame = table[(table["factor"] == "batch") & (table["form"] == OTHER_FORMS)]
    assert frame["found"].sum() == 2


def test_a_task_with_one_form_has_shares_and_no_effects() -> None:
    everywhere = dict.fromkeys(PLANTED, 0.0)
    both = pd.concat([networks("relu", everywhere), networks("minimum", PLANTED)], ignore_index=True)
    table = effects_table(both, FACTORS)
    relu = table[table["task"] == "relu"]
    assert set(relu["note"]) == {"one form alone"}
    assert (relu["value"] == 1).all()
    assert relu[["effect", "adjusted", "p", "q"]].isna().all(axis=None)
    alone = effects_table(networks("minimum", PLANTED), FACTORS)
    assert table[table["task"] == "minimum"]["q"].tolist() == alone["q"].tolist()


def test_what_does_not_converge_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multinomial, "STEPS", 1)
    table = effects_table(networks("minimum", PLANTED), FACTORS)
    assert set(table["note"]) == {"the model did not converge"}
    assert table[["adjusted", "p"]].isna().all(axis=None)
    assert table["effect"].notna().any()
    assert effects_table(networks("minimum", PLANTED).query("form.isna()"), FACTORS).empty


def test_the_interval_of_a_difference_covers_at_separation_too() -> None:
    """Exact enumeration over the counts of two levels: at least 95% for shares near 0, 1/2 and 1."""
    n = 40
    counts = np.arange(n + 1)
    shares = [prevalence(int(k), n) for k in counts]
    intervals = np.array([[combined([(1, a), (-1, b)])[1:] for b in shares] for a in shares])
    for first, second in ((0.99, 0.02), (0.5, 0.5), (0.9, 0.4), (0.02, 0.01)):
        chance = np.outer(binom.pmf(counts, n, first), binom.pmf(counts, n, second))
        covered = (intervals[..., 0] <= first - second) & (first - second <= intervals[..., 1])
        assert chance[covered].sum() >= 0.95
