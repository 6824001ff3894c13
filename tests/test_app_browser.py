"""The what-if page in a real browser, in both languages: the story of a reader, from opening it to a saved scenario.

Needs Debian's chromium (or CHROMIUM=/path/to/it). Without one the whole file is left out, and pytest says so; in CI it
is never left out. With SCREENSHOTS=1 what an eye should see goes to build/screenshots/.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from sim import load_scenario
from sim.scenario.loading import find_quantity
from tests.conftest import chromium
from tests.test_app import scenarios_in

ROOT = Path(__file__).resolve().parent.parent
SHOTS = ROOT / "build" / "screenshots"
AXE = (ROOT / "tests" / "axe" / "axe.min.js").read_text(encoding="utf-8")
PATIENCE = 180_000  # ms: the machine may be compiling or busy; a claim that holds is seen at once and waits for nothing
WORDS = {
    "zh": {"title": "活水", "variant": "完整：20 次配对", "failed": "应在", "saved": "已保存"},
    "en": {"title": "Headwater", "variant": "Whole: all 20 pairs", "failed": "It lies between", "saved": "Saved"},
}
SIZES = {"desktop": (1366, 900), "phone": (375, 780)}

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE)


@dataclass
class Visit:
    """A page, and everything that it asked for or complained about."""

    page: Page
    home: str
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def shot(self, name: str, whole: bool = True) -> None:
        if not os.environ.get("SCREENSHOTS"):
            return
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{name}.png", full_page=whole)

    def is_whole(self, side: str) -> None:
        """The answer to the last change is here and complete, and every chart is drawn."""
        expect(self.page.locator(f"#stage[data-side={side}][data-stage=full]")).to_have_count(1)
        expect(self.page.locator("#results")).to_have_attribute("aria-busy", "false")
        self.are_drawn("#charts")

    def are_drawn(self, within: str) -> None:
        places = "[...document.querySelectorAll(`${within} .chart .canvas`)]"
        self.page.wait_for_function(f"(within) => {places}.every((one) => one.querySelector('canvas'))", arg=within)

    def is_no_wider_than(self, width: int) -> None:
        self.page.wait_for_function("(w) => document.documentElement.scrollWidth <= w", arg=width)

    def violations(self) -> list[str]:
        """What axe finds serious or critical, one line each."""
        talk = self.page.context.new_cdp_session(self.page)  # evaluated by the browser itself, past the page's policy
        talk.send("Runtime.evaluate", {"expression": AXE})
        asked = "axe.run(document, {resultTypes: ['violations']}).then(r => JSON.stringify(r.violations))"
        found = talk.send("Runtime.evaluate", {"expression": asked, "awaitPromise": True, "returnByValue": True})
        talk.detach()
        return [
            f"{v['id']}: {node['target']} {node['failureSummary']}"
            for v in json.loads(found["result"]["value"])
            if v["impact"] in ("serious", "critical")
            for node in v["nodes"]
        ]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("browser")
    scenarios_in(made)
    return made


@pytest.fixture(scope="module")
def home(place: Path) -> Iterator[str]:
    """The address of a page that the command itself serves, in a folder of its own."""
    words = [sys.executable, str(ROOT / "run.py"), "serve", "scenarios/tiny.toml", "--port", "0", "--quiet"]
    program = subprocess.Popen(
        words, cwd=place, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True
    )
    assert program.stdout is not None
    try:
        yield program.stdout.readline().strip()
    finally:
        program.terminate()
        program.wait(timeout=PATIENCE / 1000)
        program.stdout.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = chromium()
    assert path is not None, "no chromium: apt-get install chromium, or set CHROMIUM to its path"
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@cache
def window(browser: Browser, lang: str, size: str) -> BrowserContext:
    """A window for all visits in this language and size, open until the browser is closed: to open one takes longer
    than to load the page in it."""
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        locale="zh-CN" if lang == "zh" else "en-GB",
        has_touch=size == "phone",
    )
    context.set_default_timeout(PATIENCE)
    context.new_page()
    return context


@contextlib.contextmanager
def visiting(browser: Browser, home: str, lang: str, size: str, path: str = "") -> Iterator[Visit]:
    context = window(browser, lang, size)
    page = context.new_page()
    visit = Visit(page, home)
    page.on("request", lambda request: visit.requests.append(request.url))
    page.on("console", lambda said: visit.complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    try:
        page.goto(home + path)
        yield visit
        assert [url for url in visit.requests if not url.startswith((home, "data:", "blob:"))] == []
    finally:
        page.close()
        context.clear_cookies()


def move(page: Page, lever: str, steps: int) -> None:
    slider = page.locator(f"#lever-{lever}")
    slider.focus()
    for _ in range(steps):
        page.keyboard.press("ArrowRight")


# The page is turned to the other language and back in each; what else `make test` looks at, it looks at on a desktop.
STORIES = [
    ("zh", "phone"),
    *(pytest.param(*seen, marks=pytest.mark.slow) for seen in (("en", "desktop"), ("zh", "desktop"), ("en", "phone"))),
]


@pytest.mark.parametrize(("lang", "size"), STORIES)
def test_a_reader_opens_the_page_moves_a_lever_saves_and_looks_at_a_firm(
    browser: Browser, home: str, place: Path, lang: str, size: str
):
    said, other = WORDS[lang], "zh" if lang == "en" else "en"
    with visiting(browser, home, lang, size) as visit:
        page = visit.page
        expect(page.locator("h1")).to_contain_text(said["title"])
        visit.is_whole("baseline")
        expect(page.locator("#charts .chart canvas")).to_have_count(6)
        visit.shot(f"{lang}-{size}-1-baseline")

        move(page, "guidance-reinvestment", 14)
        expect(page.locator("#lever-guidance-reinvestment-value")).to_have_value("1.7")
        visit.is_whole("variant")
        expect(page.locator("#stage")).to_have_text(said["variant"])
        sub_funds = page.locator('.chart[data-metric="funds.subfunds.size"]')
        expect(sub_funds.locator(".of-variant")).not_to_have_text(sub_funds.locator(".of-baseline").inner_text())
        rows = page.locator("table.differences tbody tr")
        expect(rows.nth(5)).to_be_visible()
        expect(rows.locator("td").filter(has_text="−").first).to_be_visible()
        page.wait_for_url(re.compile("guidance.reinvestment=1.7"))
        visit.is_no_wider_than(SIZES[size][0])
        visit.shot(f"{lang}-{size}-2-variant")
        assert visit.violations() == []

        page.locator("#language").click()
        expect(page.locator("h1")).to_contain_text(WORDS[other]["title"])
        expect(page.locator("#lever-guidance-reinvestment-value")).to_have_value("1.7")
        expect(page.locator("#stage")).to_have_text(WORDS[other]["variant"])
        page.locator("#language").click()
        expect(page.locator("h1")).to_contain_text(said["title"])

        page.locator("#save").click()
        page.locator("#save-name").fill("../outside")
        page.locator("#save-do").click()
        expect(page.locator("#save-name-wrong")).not_to_be_empty()
        assert visit.violations() == []
        visit.shot(f"{lang}-{size}-3-save", whole=False)
        page.locator("#save-name").fill(f"ratio-{lang}-{size}")
        page.locator("#save-do").click()
        expect(page.locator("#told")).to_contain_text(said["saved"])
        saved = load_scenario(place / "scenarios" / "tiny" / f"ratio-{lang}-{size}.toml")
        assert find_quantity(saved, "guidance.reinvestment").value == 1.7

        page.locator("#open").click()
        expect(page.locator("#firm h3")).to_be_visible()
        with page.expect_response(re.compile("/api/firm$")):
            page.locator("[data-rank=p99]").click()
        expect(page.locator("#firm table").first).to_be_visible()
        visit.are_drawn("#firm")
        visit.shot(f"{lang}-{size}-4-firm")
        assert visit.violations() == []
        page.locator("#tab-funds").click()
        expect(page.locator("#fund h3")).to_be_visible()
        visit.are_drawn("#fund")
        visit.shot(f"{lang}-{size}-5-fund")
        assert visit.violations() == []
        visit.is_no_wider_than(SIZES[size][0])
        # a refused name is answered with 422, and the browser's console says so; it has nothing else to say
        assert [text for text in visit.complaints if "422" not in text] == []


def test_an_address_opens_the_same_view_again(browser: Browser, home: str):
    path = "#scenario=tiny&lang=en&at=2025Q4&charts=jobs.total,firms.alive&set.guidance.cap.angel=0.5&view=differences"
    with visiting(browser, home, "zh", "desktop", path) as visit:
        page = visit.page
        visit.is_whole("variant")
        expect(page.locator("h1")).to_contain_text("Headwater")
        expect(page.locator("#lever-guidance-cap-angel-value")).to_have_value("50%")
        expect(page.locator("#at")).to_have_value("2025Q4")
        charts = page.locator("#charts .chart")
        expect(charts).to_have_count(2)
        expect(charts.nth(0)).to_have_attribute("data-metric", "jobs.total")
        expect(charts.nth(1)).to_have_attribute("data-metric", "firms.alive")
        expect(page.locator('input[name="view"][value="differences"]')).to_be_checked()
        visit.shot("en-desktop-6-differences")
        page.evaluate("location.hash = location.hash.replace('0.5', '0.3')")
        expect(page.locator("#lever-guidance-cap-angel-value")).to_have_value("30%")


def test_a_bad_value_is_told_beside_its_field_and_a_good_one_is_taken(browser: Browser, home: str):
    with visiting(browser, home, "zh", "desktop") as visit:
        page = visit.page
        visit.is_whole("baseline")
        box = page.locator("#lever-funds-guidance-size-value")
        box.fill("900亿")
        box.press("Enter")
        wrong = page.locator("#lever-funds-guidance-size-wrong")
        expect(wrong).to_have_text("应在 0元 与 100亿元 之间。")
        expect(box).to_have_attribute("aria-invalid", "true")
        visit.shot("zh-desktop-7-wrong")
        box.fill("80亿")
        box.press("Enter")
        expect(wrong).to_be_empty()
        expect(page.locator("#lever-funds-guidance-size")).to_have_value("8000000000")
        visit.is_whole("variant")
        page.locator("#lever-funds-guidance-size-reset").click()
        visit.is_whole("baseline")
        expect(box).to_have_value("50亿")
        row = page.locator("#lever-funds-guidance-size-row")
        for text, mark in (("80亿", re.compile(r"\bmoved\b")), ("50亿", re.compile(r"^(?!.*\bmoved\b)"))):
            box.fill(text)
            box.press("Enter")
            expect(row).to_have_class(mark)  # set back to the scenario's own value it is not changed any more
        visit.is_whole("baseline")
        expect(page.locator("#lever-funds-guidance-size-reset")).to_be_hidden()
        switch = page.locator("#lever-market-shut-share")
        switch.focus()
        page.keyboard.press("Space")
        expect(switch).to_be_checked()
        visit.is_whole("variant")


def test_all_levers_set_back_leave_no_complaint_of_a_value_still_being_read(browser: Browser, home: str):
    """A click on the button leaves the field, which asks the program to read it; its answer comes after the click."""
    with visiting(browser, home, "zh", "desktop") as visit:
        page = visit.page
        visit.is_whole("baseline")
        box = page.locator("#lever-guidance-cap-angel-value")
        wrong = page.locator("#lever-guidance-cap-angel-wrong")
        own = box.input_value()
        for text in ("90%", "55%"):
            box.fill(text)
            with page.expect_response("**/api/read"):
                page.locator("#reset").click()
            page.wait_for_timeout(300)
            expect(wrong).to_be_empty()
            expect(box).to_have_attribute("aria-invalid", "false")
            expect(box).to_have_value(own)
        box.fill("90%")
        box.press("Enter")
        expect(wrong).not_to_be_empty()
        page.locator("#reset").click()
        expect(wrong).to_be_empty()
        expect(box).to_have_attribute("aria-invalid", "false")
        visit.is_whole("baseline")


def test_what_an_address_asks_for_in_vain_is_told(browser: Browser, home: str, place: Path):
    with visiting(browser, home, "en", "desktop", "#scenario=tiny&lang=en&set.guidance.reinvestment=99&at=1999Q1") as v:
        v.is_whole("baseline")
        expect(v.page.locator("#scenario-wrong")).to_contain_text("set.guidance.reinvestment=99, at=1999Q1")
    (place / "scenarios" / "slip.toml").write_text(
        'extends = "tiny.toml"\n[guidance]\nreinvestmnt = 2.0\n', encoding="utf-8"
    )
    path = "#scenario=slip&lang=zh&set.guidance.reinvestment=1.5"
    with visiting(browser, home, "zh", "phone", path) as visit:
        page = visit.page
        visit.is_whole("baseline")
        expect(page.locator("#scenario-wrong")).to_contain_text("slip.toml:3: guidance.reinvestmnt: 没有这个键")
        expect(page.locator("#scenario")).to_have_value("tiny")
        expect(page.locator("#lever-guidance-reinvestment-value")).to_have_value("1")  # meant for another scenario
        page.locator("#scenario").select_option("slip")
        expect(page.locator("#scenario")).to_have_value("tiny")
        expect(page.locator("#scenario-wrong")).to_contain_text("是否指 reinvestment？")
        visit.shot("zh-phone-9-slip", whole=False)


def test_a_number_of_a_world_that_is_not_asked_for_holds_nothing_back(browser: Browser, home: str):
    with visiting(browser, home, "en", "desktop") as visit:
        page = visit.page
        visit.is_whole("baseline")
        page.locator("#percentile").select_option("")
        page.locator("#number").fill("999")
        page.locator("#percentile").select_option("50")
        page.locator("#open").click()
        expect(page.locator("#firm h3")).to_be_visible()


def test_a_program_that_has_ended_is_said_to_have_ended_wherever_it_is_asked(browser: Browser, home: str):
    with visiting(browser, home, "zh", "desktop") as visit:
        page = visit.page
        visit.is_whole("baseline")
        lost = "与程序的连接已断开"
        move(page, "guidance-reinvestment", 2)
        visit.is_whole("variant")
        page.context.set_offline(True)
        box = page.locator("#lever-funds-guidance-size-value")
        box.fill("80亿")
        box.press("Enter")
        expect(page.locator("#stage")).to_contain_text(lost)
        page.locator("#open").click()
        expect(page.locator("#opened")).to_contain_text(lost)
        page.locator("#save").click()
        page.locator("#save-name").fill("after-the-end")
        page.locator("#save-do").click()
        expect(page.locator("#save-name-wrong")).to_contain_text(lost)
        page.locator("#save-cancel").click()
        page.locator("#scenario").select_option("wuxi")
        expect(page.locator("#scenario-wrong")).to_contain_text(lost)
        expect(page.locator("#scenario")).to_have_value("tiny")
        page.context.set_offline(False)
        move(page, "guidance-reinvestment", 1)
        visit.is_whole("variant")
        assert [text for text in visit.complaints if "INTERNET_DISCONNECTED" not in text] == []


def test_what_was_done_is_seen_beside_the_button_that_did_it(browser: Browser, home: str):
    with visiting(browser, home, "en", "desktop") as visit:
        page = visit.page
        visit.is_whole("baseline")
        page.locator("#share").click()
        expect(page.locator("#told")).not_to_be_empty()
        place = page.locator("#told").bounding_box()
        assert place is not None
        assert place["y"] + place["height"] <= SIZES["desktop"][1]


def test_the_field_in_use_is_never_behind_the_buttons(browser: Browser, home: str):
    with visiting(browser, home, "en", "desktop") as visit:
        page = visit.page
        page.set_viewport_size({"width": 1366, "height": 500})
        visit.is_whole("baseline")
        page.locator("#start").focus()
        for _ in range(30):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.id") == "reset":
                break
            hidden = """() => { const e = document.activeElement.getBoundingClientRect();
                return e.bottom > document.querySelector('.levers .buttons').getBoundingClientRect().top + 1; }"""
            assert not page.evaluate(hidden), page.evaluate("document.activeElement.id")
        else:
            raise AssertionError("the levers never ended")


def test_the_page_can_be_used_without_a_mouse(browser: Browser, home: str):
    with visiting(browser, home, "en", "desktop") as visit:
        page = visit.page
        visit.is_whole("baseline")
        page.keyboard.press("Tab")
        expect(page.locator(".skip")).to_be_focused()
        seen: list[Any] = []
        for _ in range(40):
            page.keyboard.press("Tab")
            seen.append(page.evaluate("document.activeElement.id || document.activeElement.name"))
        wanted = ["scenario", "language", "lever-funds-guidance-size", "lever-market-shut-share", "save", "at"]
        assert [name for name in seen if name in wanted] == wanted
        page.locator("#open").press("Enter")
        expect(page.locator("#firm h3")).to_be_visible()
        page.locator("#tab-firms").focus()
        page.keyboard.press("ArrowRight")
        expect(page.locator("#tab-funds")).to_be_focused()
        expect(page.locator("#tab-funds")).to_have_attribute("aria-selected", "true")
        expect(page.locator("#funds")).to_be_visible()


def test_a_dragged_slider_is_answered_while_it_moves_and_ends_at_its_last_position(browser: Browser, home: str):
    with visiting(browser, home, "en", "desktop") as visit:
        page = visit.page
        visit.is_whole("baseline")
        box = page.locator("#lever-guidance-reinvestment").bounding_box()
        assert box is not None
        y = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + box["width"] * 0.5, y)
        page.mouse.down()
        for k in range(25):
            page.mouse.move(box["x"] + box["width"] * (0.5 + 0.018 * k), y)
            page.wait_for_timeout(20)
        page.mouse.up()
        visit.is_whole("variant")
        asked = [url for url in visit.requests if url.endswith("/api/run")]
        assert 2 <= len(asked) <= 26
        last = page.locator("#lever-guidance-reinvestment").input_value()
        page.wait_for_function("Number(document.documentElement.dataset.redraw) > 0")
        page.wait_for_url(re.compile(f"guidance.reinvestment={re.escape(last)}"))


def test_the_variant_may_start_from_another_file_of_the_zone(browser: Browser, home: str, place: Path):
    folder = place / "scenarios" / "tiny"
    folder.mkdir(exist_ok=True)
    (folder / "ratio-2.toml").write_text(
        'extends = "../tiny.toml"\n[zone]\nname = "Ratio 2"\n[guidance]\nreinvestment = 2.0\n', encoding="utf-8"
    )
    with visiting(browser, home, "en", "desktop") as visit:
        page = visit.page
        visit.is_whole("baseline")
        page.locator("#start").select_option("tiny/ratio-2")
        visit.is_whole("variant")
        expect(page.locator("#lever-guidance-reinvestment-value")).to_have_value("2")
        page.wait_for_url(re.compile("start=tiny%2Fratio-2"))
        visit.shot("en-desktop-8-start")
        page.locator("#side").select_option("variant")
        page.locator("#open").click()
        expect(page.locator("#firm h3")).to_be_visible()


def test_axe_finds_a_field_without_a_name_and_nothing_else_on_the_whole_desk(browser: Browser, home: str):
    with visiting(browser, home, "en", "desktop") as visit:
        visit.is_whole("baseline")
        visit.page.evaluate("document.querySelector('main').append(document.createElement('input'))")
        assert {line.partition(":")[0] for line in visit.violations()} == {"label"}
