"""The page works in a browser: tables, folds, choices, themes, print and small screens."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from synthetic_study import whole_page, whole_study

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, list[str]]]:
    """The page in Chromium, and what went wrong in it: console messages, errors, requests."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium on the path: install Debian's with `apt-get install chromium`")
    folder = tmp_path_factory.mktemp("page")
    file = folder / "index.html"
    file.write_text(whole_page(), "utf-8")
    with api.sync_playwright() as tool:
        context = tool.chromium.launch_persistent_context(
            folder / "profile",
            executable_path=CHROMIUM,
            args=list(FLAGS),
            viewport={"width": 1280, "height": 900},
        )
        tab = context.new_page()
        # A loaded machine takes its time.
        tab.set_default_timeout(120_000)
        trouble: list[str] = []
        tab.on("console", lambda message: trouble.append(f"console: {message.text}"))
        tab.on("pageerror", lambda error: trouble.append(f"error: {error}"))
        tab.on("requestfailed", lambda request: trouble.append(f"failed: {request.url[:80]}"))
        tab.on(
            "request",
            lambda request: (
                trouble.append(f"outside: {request.url[:80]}")
                if not request.url.startswith((file.as_uri(), "data:"))
                else None
            ),
        )
        tab.goto(file.as_uri())
        yield tab, trouble
        context.close()


def unfold(tab: Any) -> None:
    """Open what is folded, and show all columns."""
    tab.evaluate("for (const part of document.querySelectorAll('details')) part.open = true;")


def column(tab: Any, table: str, heading: str) -> list[str]:
    """The texts of a table's column, of the rows that are shown, from the top."""
    heads = tab.locator(f"#{table} th").all_text_contents()
    place = next(k for k, head in enumerate(heads) if head.split("\n")[0].strip().startswith(heading))
    rows = tab.locator(f"#{table} tbody tr:visible")
    return [str(cell) for cell in rows.locator(f"td:nth-child({place + 1})").all_text_contents()]


def test_the_page_opens_in_silence(opened: tuple[Any, list[str]]) -> None:
    tab, trouble = opened
    assert tab.title().startswith("What the networks learned")
    tab.wait_for_load_state("networkidle")
    assert trouble == []


def test_a_message_would_be_heard(opened: tuple[Any, list[str]]) -> None:
    tab, trouble = opened
    tab.evaluate("console.error('heard'); fetch('http://127.0.0.1:9/').catch(() => {})")
    tab.wait_for_timeout(300)
    heard = [line for line in trouble if "heard" in line or "Content Security Policy" in line]
    trouble.clear()
    assert len(heard) >= 2


def test_a_click_sorts(opened: tuple[Any, list[str]]) -> None:
    tab, trouble = opened
    unfold(tab)
    button = tab.locator("#networks th button", has_text="loss")
    button.click()
    up = [float(value) for value in column(tab, "networks", "loss")]
    assert up == sorted(up)
    assert tab.locator("#networks th", has_text="loss").get_attribute("aria-sort") == "ascending"
    button.click()
    down = [float(value) for value in column(tab, "networks", "loss")]
    assert down == sorted(down, reverse=True)
    assert down[0] > down[-1]
    assert trouble == []


def test_words_filter(opened: tuple[Any, list[str]]) -> None:
    tab, trouble = opened
    unfold(tab)
    total = len(column(tab, "networks", "task"))
    tab.locator("#networks input").fill("osier MINIMUM-of")
    assert set(column(tab, "networks", "task")) == {"minimum-of-4"}
    assert set(column(tab, "networks", "regimen")) == {"osier"}
    assert tab.locator("#networks output").inner_text() == f"6 of {total} rows"
    # A whole cell.
    tab.locator("#networks input").fill("=minimum")
    assert set(column(tab, "networks", "task")) == {"minimum"}
    tab.locator("#networks input").fill("")
    assert len(column(tab, "networks", "task")) == total
    assert trouble == []


def test_a_finding_leads_to_its_rows(opened: tuple[Any, list[str]]) -> None:
    tab, trouble = opened
    tab.evaluate("for (const part of document.querySelectorAll('details')) part.open = false;")
    tab.get_by_text("All findings").click()
    tab.locator(".findings li", has=tab.locator("b", has_text="Inconclusive")).locator("a").click()
    assert tab.url.endswith("#prevalence")
    assert tab.locator("#prevalence").is_visible()
    assert set(column(tab, "prevalence", "verdict")) == {"? inconclusive"}
    assert trouble == []


def test_the_first_screen_says_little(opened: tuple[Any, list[str]]) -> None:
    tab, _ = opened
    tab.set_viewport_size({"width": 1400, "height": 900})
    said = tab.evaluate(
        """() => { const first = document.querySelector("figure"); const texts = [];
        const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        for (let at; (at = walk.nextNode());) {
          if (first.contains(at) || first.compareDocumentPosition(at) & Node.DOCUMENT_POSITION_FOLLOWING) break;
          texts.push(at.textContent);
        }
        return texts.join(" "); }"""
    )
    assert 20 < len(re.findall(r"\w[\w'%.-]*", said)) <= 80
    assert 0 < len(re.findall(r"(?<![\w.-])\d[\d.]*", said)) <= 15
    tab.evaluate("scrollTo(0, 0)")
    box = tab.locator("figure.tiles").bounding_box()
    assert box["y"] + box["height"] <= 900


def test_no_table_is_wider_than_its_place(opened: tuple[Any, list[str]]) -> None:
    tab, _ = opened
    unfold(tab)
    tab.set_viewport_size({"width": 1400, "height": 900})
    places = tab.evaluate(
        "[...document.querySelectorAll('.scroll')].filter((place) => place.clientWidth)"
        ".map((place) => [place.firstElementChild.id, place.scrollWidth - place.clientWidth])"
    )
    assert len(places) > 20
    assert [place for place in places if place[1] > 0] == []
    tab.set_viewport_size({"width": 1280, "height": 900})


def test_more_columns_are_a_click_away(opened: tuple[Any, list[str]]) -> None:
    tab, trouble = opened
    unfold(tab)
    heads = tab.locator("#prevalence th:visible")
    assert heads.count() == 6
    button = tab.locator("#prevalence [data-columns]")
    button.click()
    assert heads.count() == tab.locator("#prevalence th").count() > 6
    button.click()
    assert heads.count() == 6
    assert trouble == []


def test_a_tile_leads_to_its_rows(opened: tuple[Any, list[str]]) -> None:
    tab, trouble = opened
    tab.locator("[data-choice=width]").select_option("2x")
    tab.locator("[data-choice=regimen]").select_option("adam")
    assert tab.locator(".periodic .scroll:visible").get_attribute("data-width") == "2x"
    tile = tab.locator(".periodic .scroll:visible a").first
    words = [word.partition("=")[2] for word in tile.get_attribute("data-filter").split()]
    tile.click()
    assert tab.locator("#prevalence").is_visible()
    for heading, word in zip(("feature", "task", "hidden", "regimen"), words, strict=True):
        assert set(column(tab, "prevalence", heading)) == {word}
    tab.locator("[data-choice=regimen]").select_option("osier")
    assert tab.get_by_text("No network was trained so at this width.").is_visible()
    assert trouble == []


def test_the_contents_lead_to_the_sections(opened: tuple[Any, list[str]]) -> None:
    tab, trouble = opened
    links = tab.locator("nav a")
    assert links.count() == 8
    for link in links.all():
        link.click()
        assert tab.locator(link.get_attribute("href")).is_visible()
    assert trouble == []


def test_data_are_downloaded(opened: tuple[Any, list[str]]) -> None:
    tab, trouble = opened
    unfold(tab)
    with tab.expect_download() as waiting:
        tab.locator("#success .tools a").click()
    assert waiting.value.suggested_filename == "success.csv"
    read = pd.read_csv(waiting.value.path())
    assert read["solved"].tolist() == whole_study().tables["success"]["solved"].tolist()
    assert trouble == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_themes_change_the_ground(opened: tuple[Any, list[str]], scheme: str) -> None:
    tab, trouble = opened
    tab.emulate_media(color_scheme=scheme)
    ground = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    bright = sum(int(channel) for channel in re.findall(r"\d+", ground)[:3]) > 3 * 128
    assert bright is (scheme == "light")
    assert trouble == []


def test_no_drawing_writes_in_black_on_a_dark_ground(opened: tuple[Any, list[str]]) -> None:
    tab, _ = opened
    tab.emulate_media(color_scheme="dark")
    fills = tab.evaluate("[...document.querySelectorAll('svg text')].map((t) => getComputedStyle(t).fill)")
    assert len(fills) > 100
    darkest = min(sum(int(c) for c in re.findall(r"\d+", fill)[:3]) for fill in fills)
    assert darkest > 3 * 90
    tab.emulate_media(color_scheme="light")


def test_print_hides_the_tools(opened: tuple[Any, list[str]]) -> None:
    tab, _ = opened
    tab.emulate_media(media="print")
    assert not tab.locator("nav").is_visible()
    assert not tab.locator("#success .tools").is_visible()
    assert tab.locator("#networks tbody tr:visible").count() == 10
    # Maps, and whatever else is folded for detail, are not printed.
    assert not tab.locator("#tasks").is_visible()
    tab.emulate_media(media="screen")


def test_nothing_is_wider_than_a_small_screen(opened: tuple[Any, list[str]]) -> None:
    tab, _ = opened
    tab.set_viewport_size({"width": 400, "height": 800})
    assert tab.evaluate("document.documentElement.scrollWidth") <= 400
    tab.set_viewport_size({"width": 1280, "height": 900})
