"""In a real browser every page fits its window, reaches nowhere, draws what it says and can be read by all."""

from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.browser.explained import EXPLAINED
from tests.browser.pages import RUNS
from tierra.report.filling import LARGEST

NAMES = [*RUNS, "profile", "nasty-profile", "index", "morning", "model-card", "data-card", *EXPLAINED]
WITHOUT_DRAWINGS = ("why", "nasty-why", "model-card", "data-card")
WINDOWS = [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]
INK = "rect, path, circle, line, polygon"
EMPTY = f"""svgs => svgs.filter(svg => {{
  const shapes = [...svg.querySelectorAll('{INK}')].map(each => each.getBoundingClientRect());
  return !shapes.some(box => box.width * box.height > 1) || svg.getBoundingClientRect().height < 8;
}}).map(svg => svg.getAttribute('aria-label'))"""
SMALL = """svgs => svgs.flatMap(svg => {
  const shrunk = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
  return [...svg.querySelectorAll('text')].filter(each => parseFloat(getComputedStyle(each).fontSize) * shrunk < 8.5)
    .map(each => each.textContent);
})"""
OUTSIDE = """svgs => svgs.flatMap(svg => {
  const frame = svg.getBoundingClientRect();
  return [...svg.querySelectorAll('text')].filter(each => {
    const box = each.getBoundingClientRect();
    return box.left < frame.left - 2 || box.right > frame.right + 2 || box.bottom > frame.bottom + 2;
  }).map(each => svg.getAttribute('aria-label').slice(0, 60) + ': ' + each.textContent);
})"""

BARE = "svg text, svg .grid, svg .axis, svg .diagonal { visibility: hidden }"

Opened = tuple[Any, list[str]]


@pytest.fixture
def open_page(chromium: Any, pages: dict[str, Path]) -> Iterator[Callable[[str], Opened]]:
    """Open a page and write down everything it asks for; nothing but the file itself is given out."""
    contexts = []

    def open_one(name: str) -> Opened:
        context = chromium.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
        contexts.append(context)
        page, asked = context.new_page(), []

        def answer(route: Any) -> None:
            asked.append(route.request.url)
            _ = route.continue_() if route.request.url == pages[name].as_uri() else route.abort()

        context.route("**/*", answer)
        page.on("console", lambda message: asked.append(f"console: {message.text}"))
        page.on("dialog", lambda dialog: (asked.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.goto(pages[name].as_uri())
        return page, asked

    yield open_one
    for context in contexts:
        context.close()


def in_windows(page: Any, *windows: tuple[int, str]) -> Iterator[str]:
    """Show the page in one window after the other."""
    for width, scheme in windows:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        yield f"{width} {scheme}"


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_one_file_that_reaches_nowhere_and_runs_nothing(
    name: str, open_page: Callable[[str], Opened], pages: dict[str, Path]
) -> None:
    page, asked = open_page(name)
    assert asked == [pages[name].as_uri()]
    assert page.title() != "owned"
    assert page.locator("script, img, iframe, object, link, [onerror], [onclick], [onload]").count() == 0
    assert "default-src 'none'" in page.locator("meta[http-equiv=Content-Security-Policy]").get_attribute("content")
    assert pages[name].stat().st_size < LARGEST


@pytest.mark.parametrize("name", NAMES)
def test_a_page_fits_its_window(name: str, open_page: Callable[[str], Opened]) -> None:
    page, _ = open_page(name)
    for window in in_windows(page, *WINDOWS):
        there, room = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert there <= room, window


@pytest.mark.parametrize("name", [name for name in NAMES if name not in WITHOUT_DRAWINGS])
def test_every_drawing_has_ink_and_legible_words_inside_its_frame(
    name: str, open_page: Callable[[str], Opened]
) -> None:  # fmt: skip
    page, _ = open_page(name)
    assert page.locator("svg").count() > 0
    assert page.locator("svg:not([role=img], [role=group]), svg:not([aria-label])").count() == 0
    for window in in_windows(page, (1280, "light"), (390, "light")):
        for wrong in (EMPTY, SMALL, OUTSIDE):
            assert page.eval_on_selector_all("svg", wrong) == [], window


@pytest.mark.parametrize("name", ["binary", "regression", "multiclass", "scoring"])
def test_no_drawing_is_one_colour_without_its_words(name: str, open_page: Callable[[str], Opened]) -> None:
    from PIL import Image

    page, _ = open_page(name)
    page.add_style_tag(content=BARE)
    for window in in_windows(page, (1280, "light"), (390, "dark")):
        drawings = page.locator("svg").all()
        assert len(drawings) > 3, window
        for drawing in drawings:
            with Image.open(BytesIO(drawing.screenshot(animations="disabled"))) as picture:
                assert np.asarray(picture.convert("L")).std() > 1, (window, drawing.get_attribute("aria-label"))


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long) if "nasty" in name else name for name in NAMES]
)
def test_everyone_can_read_a_page(name: str, open_page: Callable[[str], Opened]) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="this test needs axe-playwright-python")
    page, _ = open_page(name)
    for window in in_windows(page, (1280, "light"), (390, "dark")):
        found = axe.Axe().run(page).response["violations"]
        grave = [each for each in found if each["impact"] in ("serious", "critical") or each["id"] == "color-contrast"]
        assert [(each["id"], each["nodes"][0]["html"][:200]) for each in grave] == [], window


def test_a_page_prints_dark_on_white_whatever_the_screen(open_page: Callable[[str], Opened]) -> None:
    page, _ = open_page("binary")
    page.emulate_media(media="print", color_scheme="dark")
    colours = "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    assert page.evaluate(colours) == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]


def test_the_receipt_the_list_and_the_profiles_lead_to_each_other(
    open_page: Callable[[str], Opened], pages: dict[str, Path]
) -> None:
    page, _ = open_page("binary")
    links = set(page.eval_on_selector_all("a", "all => all.map(each => each.getAttribute('href'))"))
    files = {link for link in links if not link.startswith("#")}
    assert "index.html" in files
    assert any(link.startswith("profile-rides-") for link in files)
    assert all((pages["binary"].parent / link).is_file() for link in files)
    page, _ = open_page("index")
    listed = page.eval_on_selector_all("ol.runs a", "all => all.map(each => each.getAttribute('href'))")
    assert {pages[name].name for name in RUNS} == set(listed)
    assert listed == sorted(listed, reverse=True)


def test_every_link_on_a_page_has_its_place(open_page: Callable[[str], Opened]) -> None:
    page, _ = open_page("binary")
    anchors = page.eval_on_selector_all("nav a", "all => all.map(each => each.getAttribute('href').slice(1))")
    assert len(anchors) > 8
    assert all(page.locator(f"section#{anchor} h2").count() == 1 for anchor in anchors)
