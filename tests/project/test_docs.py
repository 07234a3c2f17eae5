"""The docs keep their word: their examples run, their tables are computed, no public name is left out."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import inspect
import os
import re
import subprocess
import sys
import tomllib
import types
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from packaging.requirements import Requirement
from test_fences import DOCS, fences
from test_house import FOLDERS, exported, pins
from test_readme import agrees, values

from mathcircuits.detect import Catalogue, Circuits, tasks
from mathcircuits.reports import StudyConfig

ROOT = Path(__file__).resolve().parents[2]


def fenced(language: str) -> list[tuple[Path, str]]:
    """Every fenced block of that language that does not say why it is not run, with its page."""
    return [
        (page, fence.text)
        for page in DOCS
        for fence in fences(page.read_text("utf-8"))
        if fence.language == language and not fence.reason
    ]


def test_what_was_found_is_written_from_its_tables() -> None:
    spec = importlib.util.spec_from_file_location("found", ROOT / "docs" / "found.py")
    assert spec
    assert spec.loader
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    # `must` in the template refuses words that the tables no longer bear out.
    assert found.page() == (ROOT / "docs" / "found.md").read_text("utf-8")
    with pytest.raises(ValueError, match="says what the tables no longer do"):
        found.must(False)


def test_what_decides_is_written_from_its_tables() -> None:
    selected = docs_module("selected")
    assert selected.page() == (ROOT / "docs" / "results" / "selected.md").read_text("utf-8")
    forms = pd.DataFrame(
        {"level": "gauge", "task": "minimum", "width": ["4x", "4x", "1x"], "regimen": "a", "name": ["f", "g", "f"],
         "found": [3, 1, 4], "n": 4, "factor_optimiser": "adam", "factor_init_scale": 1.0, "factor_decay": 0.0}
    )  # fmt: skip
    # narrow networks have no choice, and do not count
    assert selected.frequent(forms)[["form", "found", "n"]].values.tolist() == [["f", 3, 4], ["g", 1, 4]]
    assert selected.cell("1/2 - 1/2 |x1 - x2|") == "`1/2 - 1/2 abs(x1 - x2)`"


def test_the_scores_of_methods_are_written_from_their_table() -> None:
    scores = docs_module("zooscores")
    assert scores.page() == (ROOT / "docs" / "results" / "zoo.md").read_text("utf-8")
    assert scores.scores()["method"].nunique() >= 16
    row = {"precision": 0.5, "precision_low": 0.25, "precision_high": 0.75}
    assert scores.share(row, "precision", "precision") == "50% (25 to 75)"
    assert scores.interval(row, "false") == (0.25, 0.5, 0.75)
    assert scores.share({"precision": float("nan")}, "precision", "precision") == "none"


def test_what_many_networks_cost_is_written_from_its_results() -> None:
    scale = docs_module("scale")
    assert scale.page() == (ROOT / "docs" / "results" / "scale.md").read_text("utf-8")
    rows = [
        {"population": "1000 networks", "measure": "seconds by the clock", "value": 20.4, "requirement": ""},
        {"population": "100000 networks", "measure": "minutes", "value": 16.0, "requirement": "scale: in time",
         "bound": 15.0, "passed": False, "note": "measured"},
    ]  # fmt: skip
    ((networks, cells),) = scale.sizes({"scores": rows})
    assert (networks, cells[:2]) == ("1 000", ["20", "unknown"])
    assert scale.bounds({"scores": rows})[0]["kept"] == "**no**"
    assert scale.carried({"scores": rows}) == [("100 000", "16", "measured")]


def docs_module(name: str) -> Any:
    """A module that makes pages; docs/ is not a package."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def objects(folder: str) -> list[tuple[str, str]]:
    """The public names of a package that are no modules, as (folder, name); no object bears a module's name."""
    modules = {file.stem for file in (ROOT / folder).rglob("*.py")}
    return [(folder, name) for _, name in exported(folder) if name not in modules]


# The pages


@pytest.mark.parametrize("page", sorted({page for page, _ in fenced("python")}), ids=lambda page: page.stem)
def test_the_examples_give_what_they_say(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # One page registers tasks: not for the tests that come after it.
    monkeypatch.setattr(tasks, "_tasks", dict(tasks))
    found = values("\n".join(text for owner, text in fenced("python") if owner == page))
    assert found, "examples that promise nothing are not tested"
    assert [row for row in found if not agrees(row[1], row[2])] == []


@pytest.mark.parametrize(("page", "text"), fenced("toml"), ids=lambda given: getattr(given, "stem", ""))
def test_the_tables_load(page: Path, text: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    keys = set(tomllib.loads(text))
    if keys == {"feature"}:
        assert len(Catalogue.load(file)) == text.count("[[feature]]") > 0
    elif keys <= {"circuit", "gauge"}:
        assert len(Circuits.load(file).implementations) == len(re.findall(r"^\[\[", text, re.MULTILINE)) > 0
    else:
        assert StudyConfig.from_toml(file).tasks, page


def test_the_pages_name_what_exists() -> None:
    assert {page.stem for page in DOCS} >= {
        "index",
        "install",
        "network",
        "numbers",
        "normalform",
        "evidence",
        "verdicts",
        "glossary",
    }
    text = "\n".join(page.read_text() for page in DOCS)
    for name in re.findall(r"`(examples/\w+\.py)`", text):
        assert (ROOT / name).is_file(), name
    for name in re.findall(r'(?<![.\w])circuits\["([^"]+)"\]', text):
        importlib.import_module("mathcircuits.detect").circuits[name]


def power_table(text: str) -> dict[tuple[float, int], int]:
    """The table of power on the page: (true prevalence, networks) -> per cent."""
    rows = [line.strip("| ").split("|") for line in text.splitlines() if re.match(r"\| (true|\d)", line)]
    counts = [int(re.findall(r"\d+", cell)[0]) for cell in rows[0][1:]]
    return {
        (float(row[0]), n): int(cell.strip(" %"))
        for row in rows[1:]
        for n, cell in zip(counts, row[1:], strict=True)
    }


def chance_of_universal(share: float, n: int) -> float:
    """By enumeration: the chance of every count times whether its exact interval clears the margin."""
    from scipy.stats import beta, binom

    # Clopper and Pearson's lower end at 95%, written out; `verdict` is not asked.
    return float(sum(binom.pmf(k, n, share) for k in range(1, n + 1) if beta.ppf(0.025, k, n - k + 1) > 0.95))


def test_the_table_of_power_is_what_enumeration_gives() -> None:
    table = power_table((ROOT / "docs" / "understand" / "verdicts.md").read_text())
    assert len(table) == 30
    assert {(0.97, 100): 5, (0.97, 500): 57, (0.97, 1000): 88}.items() <= table.items()
    assert table == {(s, n): round(100 * chance_of_universal(s, n)) for s, n in table}


# Building


def test_it_builds_without_a_warning_and_fetches_nothing(tmp_path: Path) -> None:
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout + done.stderr
    for name in ("detect", "models", "reports"):
        pages = (tmp_path / "site" / "lookup" / "api" / name).rglob("index.html")
        page = "\n".join(file.read_text() for file in pages)
        missing = [thing for _, thing in objects(name) if f'id="mathcircuits.{name}.{thing}"' not in page
                   and f'.{thing}"' not in page]  # fmt: skip
        assert not missing
    for page in (tmp_path / "site").rglob("*.html"):
        loaded = re.findall(r'(?:src|href)="(https?:[^"]+)"[^>]*', page.read_text())
        assert not [address for address in loaded if "fonts." in address or address.endswith((".js", ".css"))]


def test_the_docs_are_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [Requirement(text) for text in project["optional-dependencies"]["docs"]]
    assert {r.name for r in wanted} == {"mkdocs-material", "mkdocstrings-python"}
    for requirement in wanted:
        assert requirement.specifier.contains(pins()[requirement.name])
        assert version(requirement.name) == pins()[requirement.name]
    assert any("docs" in text for text in project["optional-dependencies"]["test"])


# The public names


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_api_pages_hold_every_public_name(folder: str) -> None:
    page = "\n".join(docs_module("hooks").api_pages(folder).values())
    listed = set(re.findall(rf"^::: mathcircuits\.{folder}\.(?:\w+\.)*(\w+)$", page, re.MULTILINE))
    assert {name for _, name in objects(folder)} <= listed
    package = importlib.import_module(f"mathcircuits.{folder}")
    left_out = [name for pair in exported(folder) if pair not in objects(folder) for name in pair[1:]]
    assert all(inspect.ismodule(getattr(package, name)) for name in left_out)


def examples(thing: object) -> list[doctest.Example]:
    """The examples in the docstring of a class or function, of a value's class, or of what a mapping holds."""
    if isinstance(thing, types.GenericAlias):
        return []
    if not (inspect.isclass(thing) or inspect.isroutine(thing)):
        for kind in type(thing).__mro__:
            if kind.__module__.startswith("mathcircuits."):
                found = doctest.DocTestParser().get_examples(kind.__doc__ or "")
                if found:
                    return found
        return examples(type(next(iter(thing.values())))) if isinstance(thing, Mapping) and thing else []
    return [
        example
        for example in doctest.DocTestParser().get_examples(thing.__doc__ or "")
        if not example.options.get(doctest.SKIP)
    ]


@pytest.mark.parametrize(("folder", "name"), [pair for folder in FOLDERS for pair in objects(folder)])
def test_a_public_name_has_an_example_that_runs(folder: str, name: str) -> None:
    thing = getattr(importlib.import_module(f"mathcircuits.{folder}"), name)
    if isinstance(thing, types.GenericAlias):
        pytest.skip("a type alias: there is nothing to run")
    # test_doctests runs them; here they only have to be there.
    assert examples(thing)


@pytest.mark.parametrize(("folder", "name"), [pair for folder in FOLDERS for pair in objects(folder)])
def test_every_public_method_says_what_it_does(folder: str, name: str) -> None:
    thing = getattr(importlib.import_module(f"mathcircuits.{folder}"), name)
    if not inspect.isclass(thing) or isinstance(thing, types.GenericAlias):
        return
    silent = [
        key
        for key, member in vars(thing).items()
        if not key.startswith("_")
        and (inspect.isroutine(member) or isinstance(member, property | classmethod | staticmethod)
             or hasattr(member, "func"))
        and not inspect.getdoc(getattr(member, "func", member))
    ]  # fmt: skip
    assert not silent


def test_a_missing_example_is_noticed() -> None:
    class Shown:
        """
        >>> 1
        1
        """

    class Silent:
        """Nothing runs."""

    class Skipped:
        """
        >>> 1  # doctest: +SKIP
        1
        """

    assert examples(Shown)
    assert not examples(Silent)
    assert not examples(Skipped)
    assert not examples(Silent())
    assert not examples({"a": Silent()})


# The reference


def test_the_page_of_the_command_line_has_every_option() -> None:
    reference = docs_module("reference")
    program = importlib.import_module("mathcircuits.reports.commands.cli").command()
    page = reference.commands_page()
    found = list(reference.commands(program))
    assert {"study", "inspect", "doctor"} <= {" ".join(words) for words, _ in found}
    for words, command in found:
        section = page.partition(f"\n## {' '.join(words)}\n")[2].partition("\n## ")[0]
        rows = [line for line in section.splitlines() if line.startswith("| `")]
        shown = [parameter for parameter in command.params if not getattr(parameter, "hidden", False)]
        assert len(rows) == len(shown), words
        for parameter, row in zip(shown, rows, strict=True):
            assert all(f"{spelt}" in row.partition("` |")[0] for spelt in parameter.opts if spelt[0] == "-")
            assert parameter.help, (words, parameter.name)


def test_the_page_of_a_study_has_every_key() -> None:
    from mathcircuits.models import Compression, Regimen, Rescue

    reference = docs_module("reference")
    page = reference.keys_page()
    for model in (StudyConfig, Regimen, Rescue, Compression):
        described = reference.described(model)
        for key in model.model_fields:
            assert described[key]
            assert f"\n| `{key}` | " in page, key


def test_the_page_of_a_studys_tables_has_every_column() -> None:
    from mathcircuits.reports.studies.schema import COLUMNS

    page = docs_module("reference").tables_page()
    for name, columns in COLUMNS.items():
        (row,) = re.findall(rf"^\| `{name}` \| (.+) \|$", page, re.MULTILINE)
        assert sorted(re.findall(r"`(\w+)`", row)) == sorted(columns)


def test_a_key_that_nobody_describes_is_noticed() -> None:
    class Silent:
        """A table.

        Attributes:
            given, taken: of both.
        """

        model_fields: Mapping[str, Any] = {"silent": StudyConfig.model_fields["steps"]}

    reference = docs_module("reference")
    assert reference.described(Silent) == {"given": "of both.", "taken": "of both."}
    with pytest.raises(KeyError, match="silent"):
        reference.key_rows(Silent)


def test_a_text_is_no_markup_in_a_table() -> None:
    assert (
        docs_module("reference").cell("a | b [[x]] <y> `c_d|e` *f*")
        == r"a \| b \[\[x\]\] &lt;y&gt; `c_d\|e` \*f\*"
    )
