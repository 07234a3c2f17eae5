"""The pages read like a methods section: short sentences, and none of the phrasings that readers stumbled over.

Limits are loose on purpose: a page is not rewritten for one long sentence, and a habit of long ones is noticed.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: What a newcomer reads; the pages of proofs and of raw measurements may have longer sentences.
FIRST = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *(path for name in ("start", "howto") for path in (ROOT / "docs" / name).glob("*.md")),
    *(ROOT / "docs" / f"{name}.md" for name in ("index", "figures", "glossary")),
]
#: All pages but the one that is filled in from tables.
ALL = [*FIRST, *(path for name in ("understand", "results") for path in (ROOT / "docs" / name).glob("*.md"))]
#: Words in a sentence: readers lose the subject of a longer one, and about twenty are a good mean.
LONGEST, LONG = 40, 25
#: The share of sentences that may be longer than LONG.
SHARE = 0.15
#: Numbers do not lie and nulls do not know: say who concludes what, from what.
RIDDLES = re.compile(
    r"\b(lies when (it|read)|when it lies|says nothing (of|about)|knows nothing|their fate|nobody tells"
    r"|tells? nothing|go on as they like|throw of the dice|in the words of)\b"
)


def paragraphs(page: str) -> list[str]:
    """The prose of a page in Markdown, each paragraph or entry of a list as one line; no code, table or heading."""
    found: list[str] = []
    block: list[str] = []
    fenced = False
    for line in [*re.sub(r"<!--.*?-->", "", page, flags=re.DOTALL).splitlines(), ""]:
        mark = re.match(r"\s*```", line)
        item = re.match(r"\s*([-*:]|\d+\.)\s+", line)
        if mark or fenced or item or not line.strip() or line.startswith(("|", "#", "!", "[!", "{:")):
            if block:
                found.append(" ".join(block))
            block = [line[item.end() :].strip()] if item and not fenced else []
            fenced ^= bool(mark)
        else:
            block.append(line.strip())
    return found


def sentences(paragraph: str) -> list[list[str]]:
    """The words of each sentence; code and formulas in backticks count as one word, a link as its text."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", re.sub(r"`[^`]*`", "code", paragraph))
    parts = re.split(r"(?<=[.?!:;])\s+", re.sub(r"\b(et al|vs|e\.g|i\.e|[A-Z])\.", r"\1", plain))
    return [words for part in parts if len(words := part.split()) > 2]


@pytest.mark.parametrize("page", FIRST, ids=lambda page: page.stem)
def test_no_sentence_is_endless(page: Path) -> None:
    found = [s for text in paragraphs(page.read_text("utf-8")) for s in sentences(text)]
    assert found
    assert [" ".join(words) for words in found if len(words) > LONGEST] == []


def test_few_sentences_are_long() -> None:
    found = [s for page in ALL for text in paragraphs(page.read_text("utf-8")) for s in sentences(text)]
    assert sum(len(words) > LONG for words in found) / len(found) <= SHARE


@pytest.mark.parametrize("page", ALL, ids=lambda page: page.stem)
def test_no_page_speaks_in_riddles(page: Path) -> None:
    assert [hit[0] for text in paragraphs(page.read_text("utf-8")) for hit in RIDDLES.finditer(text)] == []


def test_an_endless_sentence_and_a_riddle_are_noticed() -> None:
    code, item = "```text\n" + "code " * 60 + "\n```", "- It lies when read."
    first, second = paragraphs("# A\n\n" + "word " * 50 + f"end.\n\n{code}\n\n{item}\n| a | b |\n")
    assert [len(words) for words in sentences(first)] == [51]
    assert RIDDLES.search(second)
    one, two = sentences("See `a b c` in [the long text](x.md). That holds, so does this one.")
    assert (len(one), len(two)) == (6, 6)
