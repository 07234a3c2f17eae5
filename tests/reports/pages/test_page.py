"""The page says what the tables say, and fetches nothing."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from synthetic_study import WHOLE as TASKS
from synthetic_study import FakeStudy, made_up, whole_page, whole_study

from mathcircuits.detect import FileError
from mathcircuits.reports.pages.findings import findings
from mathcircuits.reports.pages.htmltables import Column, csv_uri, table_view
from mathcircuits.reports.pages.page import page, write_report
from mathcircuits.reports.studies.folder import Study, StudyTables

SUCCESS = pd.DataFrame(
    [
        {
            "task": "minimum",
            "hidden": "3",
            "width": "1x",
            "regimen": "adam",
            "n": 4,
            "solved": 3,
            "value": 0.75,
            "low": 0.19,
            "high": 0.99,
        }
    ]
)


@pytest.fixture(scope="module")
def study() -> FakeStudy:
    return whole_study()


@pytest.fixture(scope="module")
def text() -> str:
    return whole_page()


class Elements(HTMLParser):
    """Every element of a page with its attributes, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the element."""
        self.found.append((tag, dict(attrs)))

    def values(self, attribute: str) -> list[str]:
        """All values of an attribute."""
        return [str(attrs[attribute]) for _, attrs in self.found if attribute in attrs]


@pytest.fixture(scope="module")
def elements(text: str) -> Elements:
    return Elements(text)


def plain(text: str) -> str:
    """The words of a page, without its elements."""
    body = re.sub(r"<(style|script|svg).*?</\1>", " ", text, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", "", body).split())


# One self-contained file


def test_nothing_is_fetched(text: str, elements: Elements) -> None:
    links = elements.values("href") + elements.values("src") + elements.values("xlink:href")
    assert len(links) > 20
    assert [link[:40] for link in links if not link.startswith(("#", "data:"))] == []
    assert not re.search(r"@import|url\((?!#)", text)
    assert not [tag for tag, attrs in elements.found if tag == "script" and "src" in attrs]


def test_links_lead_somewhere_and_ids_are_unique(elements: Elements, study: FakeStudy) -> None:
    ids = elements.values("id")
    assert len(ids) == len(set(ids))
    links = {link[1:] for link in elements.values("href") if link.startswith("#")}
    # A network has a section of its own once a reader asks for it.
    networks = {link.removeprefix("network=") for link in links if "=" in link}
    assert networks <= set(study.tables["networks"]["network"])
    assert len(networks) == len(TASKS)
    assert {link for link in links if "=" not in link} <= set(ids)


def test_every_figure_has_alternative_text_and_its_data(elements: Elements) -> None:
    drawings = [attrs for tag, attrs in elements.found if tag == "svg" and attrs.get("aria-hidden") != "true"]
    figures = sum(tag == "figure" for tag, _ in elements.found)
    maps = sum(attrs.get("class") in {"tilemap", "matrix"} for tag, attrs in elements.found if tag == "table")
    panels = sum("data-width" in attrs for _, attrs in elements.found)
    # The tiles hold a drawing each; the periodic table and the ladder are tables; the scale of the similarity maps is
    # a drawing beside them.
    assert (maps, len(drawings)) == (panels + 1, figures - 3 + len(TASKS) + 1)
    assert figures >= 12
    assert all(attrs["role"] == "img" and len(attrs["aria-label"] or "") > 20 for attrs in drawings)
    files = [attrs["download"] for _, attrs in elements.found if "download" in attrs]
    tables = sum(tag == "table" for tag, _ in elements.found)
    assert len(files) == figures + tables - maps
    assert len(files) == len(set(files))


def test_the_same_study_is_the_same_page() -> None:
    small = made_up(("absolute",), seeds=3).without("similarity", "success")
    assert page(small) == page(small)


def test_what_a_study_says_of_itself_is_text() -> None:
    hostile = FakeStudy({}, {}, {"config": {"<script>alert(1)</script>": '"><img src=x>'}})
    said = page(hostile)
    assert "alert(1)" in said
    assert "<script>alert" not in said
    assert "<img" not in said


# What it says


def test_the_summary_is_counted_from_the_tables(study: FakeStudy, text: str) -> None:
    success = study.tables["success"]
    n, solved = success["n"].sum(), success["solved"].sum()
    assert n == 3 * 3 * 6
    assert f"{n} networks were trained on 3 tasks, with 2 regimens; {solved} of them" in plain(text)
    assert "None solved minimum-of-4." in plain(text)
    assert "4 networks were trained on 1 task" in findings({"success": SUCCESS})[0].text


def prevalence_rows(*verdicts: tuple[str, int, int, str]) -> dict[str, pd.DataFrame]:
    """A prevalence table of one row per (verdict, found, n, reason)."""
    rows = [
        {
            "task": "minimum",
            "hidden": str(k),
            "width": "",
            "regimen": "adam",
            "feature": "greaterness",
            "on": "x1, x2",
            "oriented": False,
            "found": found,
            "n": n,
            "value": found / n if n else np.nan,
            "low": 0.0,
            "high": 1.0,
            "verdict": verdict,
            "reason": reason,
            "forced_below": 0.009,
            "apart": k,
            "uncertified": 0,
        }
        for k, (verdict, found, n, reason) in enumerate(verdicts)
    ]
    return {"prevalence": pd.DataFrame(rows)}


def sentence(tables: dict[str, pd.DataFrame], head: str) -> str:
    """The summary's sentence under that head, empty where there is none."""
    return "".join(finding.text for finding in findings(tables) if finding.head == head)


def test_an_open_verdict_says_what_it_needs() -> None:
    tables = prevalence_rows(
        ("inconclusive", 31, 31, "31 solved, needs 72"),
        ("inconclusive", 60, 60, "60 solved, needs 72"),
        ("inconclusive", 0, 5, "5 solved, needs 72"),
    )
    assert sentence(tables, "Inconclusive") == (
        "2 verdicts are open for want of solved networks. The nearest, greaterness(x1, x2) in minimum "
        "(1, adam), needs 12 more solved networks: 60 solved, needs 72."
    )
    assert sentence(prevalence_rows(("inconclusive", 1, 2, "far from it")), "Inconclusive") == (
        "1 verdict is open for want of solved networks."
    )
    beside = (
        "inconclusive",
        50,
        100,
        "not told apart from untrained networks: 50 of 100 have it, and 45 of 100",
    )
    only = "1 verdict is open since trained networks are not told apart from untrained ones."
    assert sentence(prevalence_rows(beside), "Inconclusive") == only
    assert sentence(prevalence_rows(beside, ("inconclusive", 1, 2, "far from it")), "Inconclusive") == (
        f"1 verdict is open for want of solved networks. {only}"
    )


def test_verdicts_are_named_with_their_counts() -> None:
    tables = prevalence_rows(("universal", 80, 80, ""), ("universal", 90, 91, ""), ("forced", 0, 0, ""))
    assert sentence(tables, "Universal").endswith("greaterness in minimum (170 of 171).")
    # Where nobody solved the task nothing was found, not even what is forced.
    assert sentence(tables, "Forced") == ""
    near = "Counted are networks certified to be so near their task that it follows (within 0.009 or more)"
    assert sentence(prevalence_rows(("forced", 9, 9, "")), "Forced").endswith(f"(9 of 9). {near}.")
    two = sentence(prevalence_rows(("forced", 9, 9, ""), ("forced", 8, 8, "")), "Forced")
    assert two.endswith(f"{near}; further off are 1, and 0 have no certificate.")


def test_a_missing_feature_is_named(study: FakeStudy, text: str) -> None:
    networks = study.tables["networks"]
    failed = networks[(networks["task"] == "minimum-of-4") & (networks["population"] == "trained")]
    assert not failed["solved"].any()
    assert sentence(study.tables, "Failed") == (
        "What a failed network lacks is most often greaterness(x1, x2): absent from 18 of the 18 "
        "networks that failed at minimum-of-4."
    )
    section = text[text.index('id="task-minimum-of-4"') :]
    assert "Missing: greaterness(x1, x2)." in plain(section)


def test_the_derived_network_is_said_to_be_derived(text: str) -> None:
    solved, unsolved = (
        plain(text[text.index(f'id="task-{name}"') :][:60_000]) for name in ("minimum", "minimum-of-4")
    )
    assert "Best: 3 (1x)" in solved.split("minimum-of-4")[0]
    assert (
        "No trained network solved this task. This one was derived by hand (Osier 2022), not trained."
        in unsolved
    )
    assert "derived by hand" not in solved.split("minimum-of-4")[0]


def test_neurons_are_named_in_the_drawing(text: str) -> None:
    section = text[text.index('id="task-minimum"') : text.index('id="task-minimum-of-4"')]
    labels = [label for label in re.findall(r'aria-label="([^"]+)"', section) if label.startswith("Best")]
    assert len(labels) == 1
    assert "v0 greaterness(x1, x2), matched; v1 positiveness(x1), matched; v2 negativeness" in labels[0]


def test_a_verdict_is_a_letter_and_a_word(text: str) -> None:
    assert re.search(r'class="verdict"[^>]*><b>\?</b> inconclusive', text)
    assert re.search(r'class="verdict"[^>]*><b>F</b> forced', text)


def test_failed_cells_are_reported() -> None:
    cells = [{"key": "a_1", "status": "failed", "error": "out of <memory>"}, {"key": "b_1", "status": "done"}]
    said = page(FakeStudy({}, {}, {"cells": cells}))
    assert "1 cell of this study failed and is missing below: a_1 (out of &lt;memory&gt;)." in plain(said)


def test_how_it_was_made(text: str) -> None:
    made = plain(text[text.index('<h3 id="made"') :])
    assert 'widths = ["1x", "2x"]' in made.replace("&#34;", '"')
    assert "mathcircuits study --out runs/made-up" in made
    assert "0000000" in made


# What they compute


def test_a_drawn_network_is_put_into_words() -> None:
    said = plain(page(made_up(("minimum",))))
    assert re.search(r"its task.{1,5}s; the network is off it by at most 5\.1e-05 anywhere on the box", said)
    assert re.search(r"none within 0\.5% of the output.{1,5}s range: the best candidate is off by 0\.3", said)
    assert "it is off its task by at most 0.3" in said
    assert "minimum(x1, x2) at y1" in said


def test_a_task_says_in_how_many_ways_it_is_computed() -> None:
    study = made_up(("minimum",), seeds=6)
    said = plain(page(study))
    assert "They do it in 2 ways, most often the usual way" in said
    assert "reads up to 6 features, which take no more than 3 dimensions: no superposition" in said
    census = study.tables["census"]
    one_way = census[census["name"] != "unnamed: the kink from both sides"]
    study.tables["census"] = one_way
    assert "They do it in one way: the usual way (95% interval of its share:" in plain(page(study))


def test_the_findings_on_formulas_kinks_and_read_outs() -> None:
    study = made_up(("minimum", "absolute"))
    said = {finding.head: finding for finding in findings(study.tables)}
    solved = study.tables["networks"]
    n = int((solved["solved"] & (solved["population"] == "trained")).sum())
    assert said["Formulas"].text == (
        f"All {n} solved networks have the task's own formula once its constants are rounded; the networks themselves "
        "are off the task by at most 5.1e-05 (proved)."
    )
    assert "of minimum the kinks with a name alone make at least 99% of the bend" in said["Kinks"].text
    assert "100% and 0% in the narrowest layers" in said["Directions"].text
    assert said["Unnamed"].text.startswith("1 circuit recurs without a name")
    assert [f.head for f in said.values() if f.lead][:3] == ["Trained", "Formulas", "Ways"]


def test_one_network_without_a_formula_is_told() -> None:
    study = made_up(("minimum",))
    programs = study.tables["programs"]
    first = programs.index[programs["equals_task"].fillna(False) & (programs["population"] == "trained")][0]
    programs.loc[first, ["formula", "equals_task", "spec_upper"]] = [None, False, 0.02]
    (text,) = [finding.text for finding in findings(study.tables) if finding.head == "Formulas"]
    assert (
        "off the task by at most 5.1e-05 (proved). For 1 no formula within 0.5% of the output's range is simpler than "
        "the weights." in text
    )


def test_lazy_networks_that_pass_make_the_kinks_mute() -> None:
    study = made_up(("minimum",))
    study.tables["networks"]["kinks_lazy"] = 1.0
    (text,) = [finding.text for finding in findings(study.tables) if finding.head == "Kinks"]
    assert text == "For minimum lazy networks do as well, so that nothing can be told."


def test_recurring_circuits_have_a_section() -> None:
    said = plain(page(made_up(("minimum",))))
    assert "mathcircuits add DIR/candidates.toml" in said
    assert "three to one" in said
    assert "Nothing recurs in the solved networks" in plain(page(made_up(("absolute",), seeds=3)))


# What is not there


@pytest.mark.parametrize(
    "name",
    [
        "networks", "neurons", "directions", "prevalence", "success", "similarity", "ensembles", "programs",
        "circuits", "census", "superposition", "candidates", "regimens", "causes", "ladder", "pairs", "contrasts",
        "transplants", "emergence", "emergence_curves",
    ],
)  # fmt: skip
def test_a_missing_or_lone_table_is_no_trouble(name: str) -> None:
    small = made_up(("absolute",), seeds=2)
    without = page(small.without(name))
    alone = page(FakeStudy({name: small.tables[name]}, small.known))
    for text in (without, alone):
        elements = Elements(text)
        links = {link[1:] for link in elements.values("href") if link.startswith("#")}
        # a network's card is made by the page's script, from its data
        cards = {link for link in links if link.startswith("network=")}
        assert links - cards <= set(elements.values("id"))
        data = text.partition('id="network-data"')[2]
        assert all(card.removeprefix("network=") in data for card in cards)
        assert {"explained", "reference"} <= links


def test_a_study_in_which_nothing_was_solved() -> None:
    said = plain(page(made_up(("minimum",), seeds=3, unsolved=("minimum",))))
    assert "0 of them (0%) solved it. None solved minimum." in said
    assert "No solved network holds a feature of the catalogue" not in said  # forced ones are shown
    assert "derived by hand (Osier 2022), not trained" in said


def test_a_study_in_which_everything_was_solved() -> None:
    everything = made_up(("absolute",), seeds=3)
    networks = everything.tables["networks"]
    everything.tables["networks"] = networks[networks["solved"]]
    assert "Failed:" not in plain(page(everything))


# StudyTables


def test_rows_beyond_the_limit_stay_in_the_file() -> None:
    frame = pd.DataFrame({"loss": np.arange(1000.0), "name": "a"})
    view = table_view(
        frame, "t", "Rows.", [Column("loss", "loss", "number")], source="tables/t.parquet", limit=10
    )
    assert (len(view.rows), view.total, view.rest) == (10, 1000, 990)
    data = base64.b64decode(view.csv.partition(",")[2]).decode()
    pd.testing.assert_frame_equal(pd.read_csv(StringIO(data)), frame.head(10))


def test_cells_are_written_and_sorted_by_value() -> None:
    frame = pd.DataFrame(
        {
            "count": pd.array([12345, None], "Int64"),
            "share": [0.9996, np.nan],
            "flag": pd.array([True, None], "boolean"),
            "verdict": ["universal", "unheard-of"],
        }
    )
    columns = [
        Column("count", "n", "count"),
        Column("share", "share", "percent"),
        Column("flag", "flag", "truth"),
        Column("verdict", "verdict", "verdict"),
        Column("absent", "not in the frame"),
    ]
    full, empty = table_view(frame, "t", "", columns).rows
    assert [(cell.text, cell.key) for cell in full[:3]] == [
        ("12\u202f345", "12345"),
        ("99.96%", "0.9996"),
        ("yes", "1"),
    ]
    assert (full[3].letter, full[3].kind, empty[3].kind) == ("U", "verdict", "text")
    assert [(cell.text, cell.key) for cell in empty[:3]] == [("–", "")] * 3


def test_a_large_study_stays_a_small_page(text: str) -> None:
    # 120 rows of five kinds and 3 tasks of 7: what grows with the number of networks is cut at 300 rows.
    assert len(text) < 2_000_000
    frame = pd.DataFrame({"network": [f"minimum/3/adam/{k}" for k in range(5000)], "loss": 0.1})
    columns = [Column("network", "network"), Column("loss", "loss", "number")]
    view = table_view(frame, "networks", "Networks.", columns)
    assert len(view.rows) == 300
    assert len(view.csv) < 20_000
    assert len(csv_uri(frame)) > 100_000


# In a folder


def test_the_page_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = FakeStudy(StudyTables(tmp_path / "tables"), {})
    (tmp_path / "tables").mkdir()
    SUCCESS.to_parquet(tmp_path / "tables" / "success.parquet")
    monkeypatch.setattr(Study, "load", lambda _: small)
    path = write_report(tmp_path)
    assert path == tmp_path / "report" / "index.html"
    assert path.read_text("utf-8") == page(small)
    assert [file.name for file in path.parent.iterdir()] == ["index.html"]
    # Again, over the old one; and where it cannot be.
    assert write_report(tmp_path) == path
    path.unlink()
    path.mkdir()
    with pytest.raises(FileError, match=r"index\.html: cannot be written \(.+\); choose another folder"):
        write_report(tmp_path)


def test_a_missing_folder_is_named_with_the_remedy(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere"
    with pytest.raises(
        FileError, match="nowhere: is not a folder; make a study there with `mathcircuits study"
    ):
        write_report(missing)
    assert not missing.exists()


@pytest.mark.parametrize("manifest", [None, "{", json.dumps({"format": "another"})])
def test_a_damaged_folder_is_named_with_the_remedy(tmp_path: Path, manifest: str | None) -> None:
    if manifest is not None:
        (tmp_path / "manifest.json").write_text(manifest)
    with pytest.raises(FileError, match=re.escape(str(tmp_path)) + ".*; .+"):
        write_report(tmp_path)
    assert not (tmp_path / "report").exists()


def test_tables_of_a_configuration_may_stand_beside_names() -> None:
    study = made_up(("absolute",), seeds=2)
    mixed = replace(study, manifest={"config": {"regimens": [{"preset": "adam", "lr": 0.02}, "rescue"]}})
    assert "rescue" in page(mixed).rpartition("0.02")[2]
