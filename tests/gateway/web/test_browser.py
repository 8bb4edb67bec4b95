"""The pages in a real browser: wide and narrow, light and dark, by mouse, by keyboard, without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sr2fhir.engines import Engine
from sr2fhir.transformer import Transformer

from tests.gateway.web import example
from tests.gateway.web.browser import NARROW, WIDE, chromium, complaints, require_chromium
from tests.gateway.web.site import PRESENT, Site, site

PAGES = (
    "/",
    "/reports",
    "/reports?state=dead",
    "/reports/1",
    "/reports/3",
    "/reports/6",
    "/alerts",
    "/audit",
)
LIVE_MS = 12_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    require_chromium()
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def busy(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run a web server after a morning's work; for tests that change nothing but the audit trail."""
    with site(tmp_path_factory.mktemp("busy")) as running:
        example.fill(running, Transformer(engine))
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    made = browser.new_page(viewport=WIDE)
    yield made
    made.close()


def dead(running: Site, number: int = 1) -> None:
    running.accept(PRESENT if number == 1 else example.sample(example.NAMES[number]))
    running.transform()
    running.store.dead(running.store.claim_delivery("ehr"), example.REFUSED)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
def test_no_page_scrolls_sideways_and_the_browser_complains_of_nothing(
    busy: Site, browser: Browser, viewport: dict[str, int], scheme: str
) -> None:
    page = browser.new_page(viewport=viewport, color_scheme=scheme)
    complained = complaints(page)
    for path in PAGES:
        page.goto(busy.url + path)
        expect(page.locator("h1")).to_be_visible()
        page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"], path
        if viewport is NARROW:  # cells are cards, none is cut off by its table
            cut = "[...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth + 1).length"
            wide_tables = page.locator("table:not(.cards)").count()
            assert page.evaluate(cut) <= wide_tables, path
    page.close()
    assert complained == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(busy: Site, browser: Browser, scheme: str) -> None:
    """WCAG 2.2, 1.4.3: a contrast of 4.5:1, of every text on every page."""
    page = browser.new_page(viewport=WIDE, color_scheme=scheme)
    for path in PAGES:
        page.goto(busy.url + path)
        assert page.evaluate(WEAK) == [], path
    page.close()


# texts whose contrast with the nearest ground that is not transparent is below 4.5
WEAK = """() => {
  const parts = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (text) => {
    const [r, g, b] = parts(text).map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if (parts(colour)[3] !== 0) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const weak = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || ["SCRIPT", "OPTION", "NOSCRIPT"].includes(e.tagName)) continue;
    const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) weak.push(walker.currentNode.data.trim());
  }
  return weak;
}"""


def test_dark_is_dark(busy: Site, browser: Browser) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        page = browser.new_page(color_scheme=scheme)
        page.goto(busy.url)
        grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        page.close()
    sums = [sum(map(int, re.findall(r"\d+", ground))) for ground in grounds]
    assert sums[0] > 600
    assert sums[1] < 120


def test_every_field_has_a_name_and_every_table_its_heads(busy: Site, page: Page) -> None:
    for path in PAGES:
        page.goto(busy.url + path)
        for field in page.locator("input:not([type=hidden]), select, button").all():
            assert field.evaluate("e => e.ariaLabel || e.labels?.[0]?.innerText || e.innerText"), path
        for table in page.locator("table").all():
            assert table.locator("thead th[scope=col]").count() > 0
        headings = page.locator("h1").count()
        assert headings == 1, path


def test_replay_by_mouse(local: Site, page: Page) -> None:
    dead(local)
    page.goto(local.url + "/reports?state=dead")
    page.get_by_label("Choose report 1").check()
    page.get_by_role("button", name="Replay the chosen ones").click()
    expect(page.get_by_text("1 report goes through the gateway again.")).to_be_visible()
    assert local.store.views.object(1).row.state == "received"


def test_replay_of_one_row_leaves_the_others(local: Site, page: Page) -> None:
    dead(local)
    dead(local, 2)
    page.goto(local.url)
    page.get_by_role("button", name="Replay report 2").click()
    expect(page.get_by_text("1 report goes through the gateway again.")).to_be_visible()
    assert [row.state for row in local.store.views.objects()] == ["received", "dead"]


def test_all_of_a_page_are_chosen_by_one_box(local: Site, page: Page) -> None:
    dead(local)
    dead(local, 2)
    page.goto(local.url + "/reports?state=dead")
    page.get_by_label("Choose all of this page").check()
    page.get_by_role("button", name="Replay the chosen ones").click()
    expect(page.get_by_text("2 reports go through the gateway again.")).to_be_visible()


def test_replay_by_keyboard_alone(local: Site, page: Page) -> None:
    dead(local)
    page.goto(local.url + "/reports?state=dead")

    def focused() -> str:
        return str(
            page.evaluate("(e => e.ariaLabel || e.innerText || e.name || e.tagName)(document.activeElement)")
        )

    order = []
    while "Replay the chosen ones" not in order:
        page.keyboard.press("Tab")
        order.append(focused())
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none", order[-1]
        if order[-1] == "Choose report 1":
            page.keyboard.press("Space")
        assert len(order) < 40
    names = (
        "To the content",
        "Overview",
        "Reports",
        "Dead letters",
        "Show",
        "Choose report 1",
        "1",
        "Replay report 1",
    )
    places = [order.index(name) for name in names]
    assert places == sorted(places)
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 report goes through the gateway again.")).to_be_visible()


def test_the_first_key_leads_to_the_content(local: Site, page: Page) -> None:
    page.goto(local.url)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_the_overview_is_live(local: Site, page: Page) -> None:
    complained = complaints(page)
    page.goto(local.url)
    expect(page.locator("#counts")).to_contain_text("0 received")
    local.accept()
    expect(page.locator("#counts")).to_contain_text("1 received", timeout=LIVE_MS)
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#live-state")).to_have_text("Paused")
    assert complained == []


def test_what_somebody_has_chosen_is_not_taken_away(local: Site, page: Page) -> None:
    dead(local)
    page.goto(local.url + "/reports?state=dead")
    page.get_by_label("Choose report 1").check()
    dead(local, 2)
    page.wait_for_timeout(6000)
    expect(page.get_by_label("Choose report 1")).to_be_checked()
    page.get_by_label("Choose report 1").uncheck()
    page.locator("h1").click()
    expect(page.get_by_label("Choose report 2")).to_be_visible(timeout=LIVE_MS)


def test_a_gateway_that_is_gone_is_told(tmp_path: Path, page: Page) -> None:
    with site(tmp_path) as running:
        page.goto(running.url)
        expect(page.locator("#live-state")).to_have_text("Live")
    expect(page.locator("#live-state")).to_contain_text("does not respond", timeout=LIVE_MS)


def test_times_are_those_of_the_reader(local: Site, browser: Browser) -> None:
    local.accept()
    page = browser.new_page(timezone_id="Asia/Kolkata")
    page.goto(local.url + "/reports/1")
    time = page.locator("dl time")
    utc = str(time.get_attribute("datetime"))
    shown = page.evaluate("t => new Date(t).toLocaleString('sv-SE', {timeZone: 'Asia/Kolkata'})", utc)
    expect(time).to_have_text(shown)
    expect(page.locator("#zone")).to_have_text(re.compile("Asia/(Kolkata|Calcutta)"))
    page.close()


def test_without_javascript_everything_works(local: Site, browser: Browser) -> None:
    dead(local)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(local.url)
    page.get_by_role("link", name="Dead letters", exact=True).click()
    page.get_by_label("State").select_option("dead")
    page.get_by_role("button", name="Show").click()
    page.get_by_label("Choose report 1").check()
    page.get_by_role("button", name="Replay the chosen ones").click()
    expect(page.get_by_text("1 report goes through the gateway again.")).to_be_visible()
    expect(page.locator("#zone")).to_have_text("UTC")
    expect(page.locator("#live")).to_be_hidden()
    context.close()


def test_log_in_and_out(closed: Site, page: Page) -> None:
    closed.accept()
    page.goto(closed.url + "/reports/1")
    page.get_by_label("Token").fill("people.wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("not known")
    page.get_by_label("Token").fill(closed.tokens["people"])
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("h1")).to_contain_text("Report 1")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Token")).to_be_visible()
    page.goto(closed.url + "/reports")
    expect(page.get_by_label("Token")).to_be_visible()
