"""What the code cites can be opened: no document outside the repository, and of our pages only headings that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("detect", "models", "reports", "docs", "examples", "tests", ".ci")
#: Names of working papers that are not part of the repository; written so that this line is not one of them.
ELSEWHERE = re.compile(
    r"design[.]md|reference[/]|[p]rototype|[i]ssue [0-9]|[Dd]esign, [s]ection|[m]ust show [0-9]"
)
#: `docs/understand/evidence.md, Criteria`; a page alone is checked as well.
CITED = re.compile(r"\bdocs/((?:\w+/)*\w+\.md)(?:, (?=[A-Z`])(.{1,80}))?")


def shipped() -> list[Path]:
    """Every text file that the repository ships."""
    files = [file for name in FOLDERS for file in (ROOT / name).rglob("*") if "__pycache__" not in file.parts]
    files += [file for file in ROOT.iterdir() if file.suffix in {".md", ".toml", ".txt", ".cff", ".yml"}]
    return sorted(
        file for file in files if file.is_file() and file.suffix not in {".parquet", ".npz", ".pyc"}
    )


def text_of(file: Path) -> str:
    """The file's text, where it is text."""
    return file.read_text("utf-8", errors="ignore")


def headings(page: Path) -> list[str]:
    """The headings of a page in Markdown."""
    return re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)


def names(heading: str, cited: str) -> bool:
    """Whether what follows a page's name begins with that heading."""
    return re.match(rf"{re.escape(heading)}(?!\w)", cited) is not None


def dead(text: str) -> list[str]:
    """The citations of pages or headings that do not exist."""
    joined = re.sub(r"\s*\n\s*(?:#:? ?)?", " ", text)
    found = []
    for page, heading in CITED.findall(joined):
        file = ROOT / "docs" / page
        if not file.is_file() or (heading and not any(names(known, heading) for known in headings(file))):
            found.append(f"{page}, {heading}".rstrip(", "))
    return found


def test_nothing_outside_the_repository_is_cited() -> None:
    assert [(str(file), hit) for file in shipped() for hit in ELSEWHERE.findall(text_of(file))] == []


def test_what_is_cited_of_our_pages_exists() -> None:
    cited = [file for file in shipped() if CITED.search(text_of(file))]
    assert len(cited) > 20
    assert [(str(file), hit) for file in cited if file != Path(__file__) for hit in dead(text_of(file))] == []


@pytest.mark.parametrize(
    "text", ["understand/evidence.md, Criterion)", "nowhere.md", "understand/evidence.md, The\n#: nulls"]
)
def test_a_dead_citation_is_noticed(text: str) -> None:
    assert dead(f"#: one (docs/{text}")


def test_a_citation_over_two_lines_is_read() -> None:
    assert dead("#: one (docs/results/measurements.md, A neuron's null in closed\n#: form).") == []


@pytest.mark.parametrize(
    ("first", "second"),
    [("design", ".md 5.2"), ("the proto", "type's"), ("issue", " 7"), ("(design", ", section 5)")],
)
def test_a_working_paper_is_noticed(first: str, second: str) -> None:
    assert ELSEWHERE.search(first + second)
