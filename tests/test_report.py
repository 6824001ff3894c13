"""The report: its numbers are the summary's, it needs nothing else, and it tells of any result or says why not."""

from __future__ import annotations

import csv
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from sim import store
from sim.errors import RunError, UserError
from sim.figures.ladders import waves
from sim.report import answer, blocks, fair, fonts, html, material, numbers, pdf, sections, write
from sim.result import Result
from sim.terms import term
from tests import synthetic

DAY = date(2026, 3, 1)
LANGUAGES = ("zh", "en")
NAMES = {"report-zh.html", "report-zh.pdf"}


@pytest.fixture(autouse=True)
def _disk_with_room():
    yield
    store.fail_at(None)


@pytest.fixture(scope="module")
def result() -> Result:
    """With a scenario text, as a run keeps it."""
    made = synthetic.result(40)
    made.manifest |= {"version": "0.1.0", "replications": 40, "overrides": [], "scenario_fingerprint": "c8b3e10e9750"}
    made.manifest |= {
        "today": 2023 * 4 + 3,
        "parameters_by_grade": {"published": 0.2, "estimated": 0.3, "assumed": 0.5},
    }
    return made


@pytest.fixture(scope="module")
def folder(result: Result, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return result.save(tmp_path_factory.mktemp("results") / "xian")


@pytest.fixture(scope="module")
def pages(folder: Path) -> dict[str, str]:
    """The HTML in each language; the PDFs stand beside it."""
    for lang in LANGUAGES:
        write(folder, lang, day=DAY)
    return {lang: (folder / "report" / f"report-{lang}.html").read_text(encoding="utf-8") for lang in LANGUAGES}


@pytest.fixture
def sketched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are drawn and left off the page, which is most of the time of a report: for what stands beside them."""
    from sim.report import pictures

    blank = b'<svg xmlns="http://www.w3.org/2000/svg" width="100" height="50" viewBox="0 0 100 50"></svg>'
    monkeypatch.setattr(pictures, "encode", lambda figure, kind: blank)


class Elements(HTMLParser):
    """Every start tag with its attributes, and whether a figure's SVG has a title and a description."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.svgs: list[dict[str, object]] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "svg":
            self.svgs.append({**dict(attrs), "has": set()})
        elif tag in ("title", "desc") and self.svgs:
            self.svgs[-1]["has"].add(tag)  # type: ignore[attr-defined]


def told(folder: Path, lang: str) -> material.Material:
    return material.gather(folder, lang, None, None, DAY)


# --- numbers


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_number_of_the_five_sentences_is_one_of_the_summary(folder: Path, lang: str):
    sentences = answer.sentences(told(folder, lang))
    assert len(sentences) == 5
    known: list[float] = []
    with open(folder / "summary.csv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["quarter"] in ("2033Q4", "2023Q4") and row["p50"]:
                known += [float(row[key]) for key in ("p05", "p50", "p95")]
    values = np.array(known)
    for sentence in sentences:
        plain = re.sub(r"5–95\s?%|\d{4}年末|the end of \d{4}(?:Q\d)?", "", sentence)
        found = re.findall(r"−?\d[\d,]*(?:\.\d+)?", plain)
        assert found, sentence
        for text in found:
            number = float(text.replace(",", "").replace("−", "-"))
            # to the last digit that is told; counts of six digits and more are told in round numbers of three
            step = 10.0 ** -len(text.partition(".")[2]) if abs(number) < 1e5 else 10.0 ** (len(str(int(number))) - 3)
            scales = (1.0, 1e4, 1e6, 1e8, 1e9, 0.01)
            assert any(np.min(np.abs(values / scale - number)) <= 0.5001 * step for scale in scales), (text, sentence)


def test_the_sentences_of_a_thin_scenario_say_what_there_is(folder: Path, result: Result):
    keep = [i for i, m in enumerate(result.metrics) if m.name in ("firms.alive", "jobs.total")]
    bare = Result([result.metrics[i] for i in keep], result.quarters, result.values[keep], manifest=result.manifest)
    thin = replace(told(folder, "en"), result=bare)
    assert len(answer.sentences(thin)) == 2
    none = result.values.copy()
    none[result._place["funds.guidance.paid_in"]] = 0.0
    without = Result(result.metrics, result.quarters, none, manifest=result.manifest)
    told_of = answer.sentences(replace(thin, result=without))
    assert any(text.startswith("The scenario has no guidance fund; market funds have put CNY") for text in told_of)


def test_a_band_that_holds_zero_leaves_the_sign_open(folder: Path, result: Result):
    values = result.values.copy()
    values[result._place["public.net_cost_pv"]] = np.linspace(-1e9, 2e9, result.replications)[:, None]
    open_sign = replace(told(folder, "en"), result=Result(result.metrics, result.quarters, values))
    assert any("the sign is open" in sentence for sentence in answer.sentences(open_sign))


@pytest.mark.parametrize(
    ("value", "unit", "zh", "en"),
    [
        (5e9, "CNY", "50亿元", "CNY 5 bn"),
        (6.67e8, "CNY", "6.67亿元", "CNY 667 m"),
        (6e7, "CNY", "6,000万元", "CNY 60 m"),
        (1.23456e9, "CNY", "12.3456亿元", "CNY 1.23456 bn"),
        (0.0, "CNY", "0元", "CNY 0"),
        (0.2, "share", "20%", "20%"),
        (0.03, "per year", "3%/年", "3% a year"),
        (1.5, "years", "1.5年", "1.5 years"),
        (1.0, "years", "1年", "1 year"),
        (2478.0, "count", "2,478", "2,478"),
        (-0.3, "number", "−0.3", "−0.3"),
        (1e9, "USD", "10亿美元", "USD 1 bn"),
        (5e4, "m2", "50,000 m²", "50,000 m²"),
    ],
)
def test_parameters_are_written_as_people_write_them(value: float, unit: str, zh: str, en: str):
    assert (numbers.written(value, unit, "zh"), numbers.written(value, unit, "en")) == (zh, en)


def test_a_row_has_one_scale_and_one_count_of_decimals():
    row = numbers.shown("CNY", [1.1e7, 9.4e9, None, float("nan")], "zh")
    assert [row.text(x) for x in (1.1e7, 9.4e9, None)] == ["0.11", "94.00", "–"]
    assert row.band(1e8, 2e8) == "1.00 – 2.00" and row.band(1e8, 1e8) == "" and row.band(None, 1e8) == ""
    assert numbers.shown("firms", [4840, 12], "en").text(4840) == "4,840"
    assert numbers.shown("CNY", [9.9e11, 1e10], "en").with_unit(1e10, "en") == "CNY 10.0 bn"
    assert numbers.shown("index", [0.5], "en").text(-1e-9) == "0.00"


def test_dates_hold_both_ends_and_the_end_of_history():
    quarters = synthetic.quarters()
    assert numbers.dates(quarters, "2023Q4") == ["2019Q4", "2023Q4", "2028Q4", "2033Q4"]
    assert numbers.dates(["2024Q1"], None) == ["2024Q1"]
    assert numbers.dates(["2024Q1", "2024Q2"], "2024Q1") == ["2024Q1", "2024Q2"]


# --- the page


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_loads_nothing_from_outside(pages: dict[str, str], lang: str):
    page = pages[lang]
    elements = Elements(page)
    for tag, attributes in elements.tags:
        for name in ("src", "href", "xlink:href", "action", "data", "poster", "srcset"):
            target = attributes.get(name)
            assert target is None or target.startswith(("#", "data:")), (tag, target)
    assert {tag for tag, _ in elements.tags}.isdisjoint({"script", "link", "iframe", "object", "img", "base"})
    assert set(re.findall(r"url\(([^)]{0,12})", page)) == {"data:font/wo"} | {
        u for u in re.findall(r"url\(([^)]{0,12})", page) if u.startswith("#f")
    }
    assert "@import" not in page


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_figure_has_a_title_and_a_text_alternative(pages: dict[str, str], lang: str):
    figures = [svg for svg in Elements(pages[lang]).svgs if svg.get("aria-hidden") != "true"]
    assert len(figures) >= 8
    for svg in figures:
        assert svg["role"] == "img" and svg["has"] == {"title", "desc"} and svg["aria-labelledby"]
    described = re.findall(r"<desc[^>]*>(.*?)</desc>", pages[lang], flags=re.DOTALL)
    assert all(len(text.strip()) > 10 for text in described)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_ids_are_unique_and_references_lead_somewhere(pages: dict[str, str], lang: str):
    page = pages[lang]
    ids = [attributes["id"] for _, attributes in Elements(page).tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    wanted = set(re.findall(r'href="#([^"]+)"', page)) | set(re.findall(r"url\(#([^)]+)\)", page))
    assert wanted <= set(ids)
    labelled = re.findall(r'aria-labelledby="([^"]+)"', page)
    assert {name for names in labelled for name in names.split()} <= set(ids)


def test_the_font_holds_what_the_page_says_and_little_more(pages: dict[str, str]):
    import io

    from fontTools.ttLib import TTFont

    data = fonts.subset("活水 Headwater 123")
    with TTFont(io.BytesIO(data)) as font:
        have = set(font.getBestCmap() or {})
    assert have == {ord(letter) for letter in "活水 Headwater 123"}
    assert len(data) < 10_000
    font_bytes = re.search(r"base64,([A-Za-z0-9+/=]+)", pages["zh"])
    assert font_bytes is not None and len(font_bytes[1]) < 400_000


def test_misses_are_named_and_uses_are_kept_apart(folder: Path, result: Result):
    missed = [replace(f, inside=False) if f.id == "xa-srdi" else f for f in result.facts]
    held = Result(result.metrics, result.quarters, result.values, facts=missed, manifest=result.manifest)
    of = replace(told(folder, "en"), result=held)
    section = sections.published_facts(of)
    assert section is not None
    points, _, table = section.blocks
    assert isinstance(points, blocks.Points) and isinstance(table, blocks.Table)
    assert [item for item in points.items if item.startswith("Outside (check): ") and "published 474 firms" in item]
    groups = [row.cells[0].text.split(":")[0] for row in table.rows if row.kind == "group"]
    assert groups == ["Check", "Calibration", "Goal", "Input"]
    after = {group: i for i, group in enumerate(groups)}
    inputs = table.rows[[r.kind == "group" for r in table.rows].index(True) :]
    assert after and not any(cell.text for cell in inputs[-1].cells[3:])  # an input has no band and no verdict


def test_hostile_names_are_text_in_html_and_pdf(folder: Path, result: Result):
    evil = '<script>alert(1)</script>"&$x_{$ #eval("1")'
    manifest = result.manifest | {"zone": {"zh": evil, "en": evil}, "scenario": "x.toml", "overrides": [f"a.b={evil}"]}
    hostile = replace(
        told(folder, "en"), result=Result(result.metrics, result.quarters, result.values, manifest=manifest)
    )
    document = sections.document(
        hostile, [s for s in (sections.the_answer(hostile), sections.how_to_reproduce(hostile)) if s]
    )
    page = html.render(document).decode("utf-8")
    assert "<script" not in page and "&lt;script&gt;" in page
    assert pdf.render(document).startswith(b"%PDF-")


# --- what is written


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_pdf_has_pages_and_is_tagged(pages: dict[str, str], folder: Path, lang: str):
    data = (folder / "report" / f"report-{lang}.pdf").read_bytes()
    assert data.startswith(b"%PDF-") and data.rstrip().endswith(b"%%EOF")
    assert b"/MarkInfo" in data and b"/StructTreeRoot" in data


@pytest.mark.slow
def test_the_same_day_gives_the_same_bytes(folder: Path, tmp_path: Path):
    copies = [tmp_path / name for name in ("one", "two")]
    for copy in copies:
        shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("report"))
        write(copy, "en", day=DAY)
    for name in ("report-en.html", "report-en.pdf"):
        assert len({(copy / "report" / name).read_bytes() for copy in copies}) == 1, name


def test_a_report_in_the_other_language_stands_beside_it(pages: dict[str, str], folder: Path):
    names = {path.name for path in (folder / "report").iterdir()}
    assert names >= NAMES | {"report-en.html", "report-en.pdf"}


def test_a_new_run_into_the_folder_takes_the_old_report_away(result: Result, tmp_path: Path):
    place = result.save(tmp_path / "xian")
    store.write_bytes(place / "report" / "report-zh.html", b"old numbers")
    (place / "notes.txt").write_text("mine")
    result.save(place)
    assert not (place / "report").exists() and (place / "notes.txt").read_text() == "mine"


def test_a_disk_that_fills_at_any_moment_leaves_the_old_report_whole(folder: Path, tmp_path: Path, monkeypatch):
    place = tmp_path / "xian"
    shutil.copytree(folder, place, ignore=shutil.ignore_patterns("report"))
    for setting in (html, pdf):  # the bytes of a report hang on its day, and how they are set does not matter here
        monkeypatch.setattr(setting, "render", lambda document: repr(document).encode())
    monkeypatch.setattr(sections, "SECTIONS", (sections.the_limits,))
    write(place, "zh", day=DAY)
    old = {path.name: path.read_bytes() for path in (place / "report").iterdir()}
    assert set(old) == NAMES
    before = store.operations
    write(place, "zh", day=DAY)
    steps = store.operations - before
    assert steps >= 6
    for step in range(1, steps + 1):
        store.fail_at(step)
        with pytest.raises(RunError, match="untouched"):
            write(place, "zh", day=date(2027, 1, 1))
        store.fail_at(None)
        assert {path.name: path.read_bytes() for path in (place / "report").iterdir()} == old, step


def test_an_unwritable_folder_is_refused_before_the_work(folder: Path, tmp_path: Path, monkeypatch):
    place = tmp_path / "xian"
    shutil.copytree(folder, place, ignore=shutil.ignore_patterns("report"))
    (place / "report").write_text("a file")
    with pytest.raises(UserError, match="a file stands where this folder"):
        write(place, "zh", day=DAY)
    (place / "report").unlink()
    monkeypatch.setattr(store.os, "access", lambda path, mode: False)
    monkeypatch.setattr(sections, "SECTIONS", ())
    with pytest.raises(RunError, match="Permission denied"):
        write(place, "zh", day=DAY)


# --- folders that are no result


def test_a_folder_that_is_no_result_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match="there is no such result"):
        write(tmp_path / "nothing")
    (tmp_path / "other").mkdir()
    with pytest.raises(UserError, match="this folder is not a result"):
        write(tmp_path / "other")
    assert not list((tmp_path / "other").iterdir())


@pytest.mark.parametrize(("found", "words"), [(None, "older format"), (0, "older format"), (99, "newer version")])
def test_a_result_of_another_format_is_refused_with_the_remedy(folder: Path, tmp_path: Path, found, words: str):
    place = tmp_path / "xian"
    shutil.copytree(folder, place, ignore=shutil.ignore_patterns("report"))
    manifest = json.loads((place / "manifest.json").read_text(encoding="utf-8")) | {"format": found}
    store.write_json(place / "manifest.json", {k: v for k, v in manifest.items() if v is not None})
    with pytest.raises(UserError, match=words) as refused:
        write(place)
    assert "expected format 1" in str(refused.value)
    assert not (place / "report").exists()


def test_folders_of_the_wrong_kind_are_all_told_at_once(folder: Path, tmp_path: Path):
    with pytest.raises(UserError) as refused:
        write(folder, compare=folder, sweep=tmp_path / "none")
    told_problems = [problem.message for problem in refused.value.problems]
    assert told_problems == ["this folder is no comparison", "this folder is no sweep"]


@pytest.mark.parametrize("kind", ["calibrate", "solve", "optimise", "backtest", "captable"])
def test_a_whole_folder_of_another_command_is_not_called_damaged(kind: str, tmp_path: Path):
    with store.write_folder(tmp_path / "other") as place:
        store.write_json(place / "manifest.json", {"program": store.PROGRAM, "kind": kind})
    with pytest.raises(UserError) as refused:
        write(tmp_path / "other")
    (problem,) = refused.value.problems
    assert (problem.message, problem.found) == ("a report tells of a run, a comparison or a sweep", kind)


def test_the_title_names_the_variant_too(result: Result, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(sections, "SECTIONS", ())
    manifest = result.manifest | {"zone": {"zh": "西安高新区 · 返投2.0", "en": "Xi'an, reinvestment 2.0"}}
    place = Result(result.metrics, result.quarters, result.values, manifest=manifest).save(tmp_path / "variant")
    write(place, "zh", day=DAY)
    assert "<title>西安高新区 · 返投2.0" in (place / "report" / "report-zh.html").read_text(encoding="utf-8")


def test_a_damaged_comparison_is_told_by_its_folder(folder: Path, tmp_path: Path):
    with store.write_folder(tmp_path / "cmp") as place:
        store.write_json(place / "manifest.json", {"kind": "compare", "baseline": "xian", "replications": 3})
        store.write_text(place / "differences.csv", "scenario,metric\nx,y\n")
    with pytest.raises(UserError, match="damaged") as refused:
        write(folder, compare=tmp_path / "cmp")
    assert str(tmp_path / "cmp") in str(refused.value)


def test_a_scenario_that_can_no_longer_be_read_is_a_remark_and_no_failure(result: Result, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(sections, "SECTIONS", (sections.the_answer, sections.the_assumptions))
    manifest = result.manifest | {"scenario": "x.toml", "scenario_text": {"x.toml": "[zone]\nunheard_of = 1\n"}}
    place = Result(result.metrics, result.quarters, result.values, manifest=manifest).save(tmp_path / "old")
    _, remarks = write(place, "en", day=DAY)
    assert len(remarks) == 1 and "no longer reads the scenario" in remarks[0]
    assert "no longer reads the scenario" in (place / "report" / "report-en.html").read_text(encoding="utf-8")


# --- any result


@pytest.mark.slow
@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("cut", ["one replication", "one quarter", "two metrics", "no facts", "nothing defined"])
def test_any_result_can_be_reported(result: Result, tmp_path: Path, cut: str, lang: str):
    metrics, quarters, values, facts = result.metrics, result.quarters, result.values, list(result.facts)
    if cut == "one replication":
        values = values[:, :1]
    elif cut == "one quarter":
        values, quarters, facts = values[:, :, -1:], quarters[-1:], facts[-1:]
    elif cut == "two metrics":
        keep = [i for i, m in enumerate(metrics) if m.name in ("firms.alive", "firms.listed")]
        metrics, values, facts = [metrics[i] for i in keep], values[keep], []
    elif cut == "no facts":
        facts = []
    else:
        values = values * np.nan
    manifest = result.manifest | {"replications": values.shape[1], "today": None}
    place = Result(metrics, quarters, values, {}, facts, manifest).save(tmp_path / "cut")
    files, _ = write(place, lang, xlsx=True, day=DAY)
    assert [path.stat().st_size > 5_000 for path in files] == [True, True, True]


def test_yearly_waves_add_up_to_the_change_of_the_counts(result: Result):
    level = "ladder.certificates.hte"
    index, left = result._place[f"{level}.entered"], result._place[f"{level}.left"]
    values = result.values.copy()
    values[index] = np.cumsum(np.ones_like(values[index]), axis=1) * 2.0  # two a quarter
    values[left] = np.cumsum(np.ones_like(values[left]), axis=1)
    metrics = list(result.metrics)
    metrics[index] = replace(metrics[index], kind="stock")
    metrics[left] = replace(metrics[left], kind="stock")
    found = waves(Result(metrics, result.quarters, values), level)
    assert found is not None
    assert found.years == list(range(2020, 2034))
    assert np.all(found.entered == 8.0) and np.all(found.left == 4.0) and np.all(found.net == 4.0)
    flows = waves(result, level)  # as flows of the quarters
    assert flows is not None
    in_2020 = result[f"{level}.entered"][:, 1:5].sum(axis=1)
    assert np.allclose(flows.entered[:, 0], np.quantile(in_2020, (0.05, 0.5, 0.95)))


@pytest.mark.parametrize(("text", "kept"), [
    ("worth CNY 73 bn (34 to 213)", "worth CNY\u00a073\u00a0bn (34 to 213)"),
    ("CNY −0.16 m or CNY +2 k", "CNY\u00a0−0.16\u00a0m or CNY\u00a0+2\u00a0k"),
    ("5–95 % of worlds", "5–95\u00a0% of worlds"),
    ("12 months, 5 kinds", "12 months, 5 kinds"),
])  # fmt: skip
def test_an_amount_and_its_unit_stay_on_one_line(text: str, kept: str):
    assert html._together(text) == kept


# --- a real run, a comparison and a sweep


@pytest.fixture(scope="module")
def small(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A small zone, few replications: folders of a run, a comparison and a sweep."""
    from sim.analysis import compare, sweep
    from sim.ensemble import simulate
    from sim.scenario import load_scenario

    base = tmp_path_factory.mktemp("small")
    few = ["firms.initial.count=300", "firms.entry.organic.per_year=30", 'zone.end="2024Q4"']
    scenario = load_scenario(root / "scenarios" / "xian.toml", few)
    other = load_scenario(root / "scenarios" / "xian.toml", [*few, "guidance.reinvestment=2.0"])
    simulate(scenario, 4, 1, events=2).save(base / "run")
    compare.run([scenario, other], ["xian", "strict"], 4, 1).save(base / "compare", "en", figures=False)
    vary = ["guidance.reinvestment=0.5..2.0", "guidance.cap.angel=0.2..0.5"]
    for method, samples in (("morris", 2), ("oat", 2), ("lhs", 16)):
        out = base / method
        swept = sweep.run(scenario, vary, ["firms.alive", "jobs.total"], method, samples, 2, 1, out=out)
        swept.save(out, "en", figures=False)
    return {path.name: path for path in base.iterdir()}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_tables_of_funds_close(small: dict[str, Path], lang: str):
    """What a kind of fund was paid and kept to invest again is in the columns of what it did with it; multiples are
    those of their rows."""
    of = told(small["run"], lang)
    uses, partners = sections.fund_tables(of)
    assert len(uses.rows) == len(partners.rows) >= 3
    for row in uses.rows:
        numbers_ = [float(cell.text.replace(",", "").replace("−", "-")) for cell in row.cells[1:]]
        assert numbers_[-1] == 0 and sum(numbers_[:2]) == pytest.approx(sum(numbers_[2:-1]), abs=0.35)
    guidance = next(row for row in uses.rows if row.cells[0].text in ("Guidance fund", "引导基金"))
    assert float(guidance.cells[5].text.replace(",", "")) > 0  # into sub-funds
    assert of.result is not None
    paid, back, nav = (float(of.result[f"funds.guidance.{x}"][:, -1].mean()) for x in ("paid_in", "distributed", "nav"))
    assert partners.rows[0].cells[7].text == f"{(back + nav) / paid:.2f}"


def test_what_comes_from_outside_the_zone_is_told_beside_multiples(small: dict[str, Path]):
    en, zh = (sections.each_fund(told(small["run"], lang)) for lang in ("en", "zh"))
    assert en is not None and zh is not None and "pooled" in en.caption and "合并口径" in zh.caption
    assert re.search(r"sub-funds have invested \d+% lies outside the zone", en.note) and "投在区外" in zh.note


def test_a_report_says_whose_rounds_the_figures_are_where_no_fund_invests(small: dict[str, Path], root: Path):
    from sim.scenario import load_scenario

    of = told(small["run"], "en")
    words = "No fund of the scenario invests in firms here"
    assert words not in repr(sections.firms_and_values(of))
    bare = replace(of, scenario=load_scenario(root / "scenarios" / "xiamen.toml"))
    assert words in repr(sections.firms_and_values(bare))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_table_of_firms_says_where_those_that_were_sold_are_counted(small: dict[str, Path], lang: str):
    """As the run has it: start + entered - closed - moved away = alive in each world, sold ones apart from it."""
    of = told(small["run"], lang)
    assert of.result is not None
    alive, entered, died, moved, sold = (
        of.result[f"firms.{x}"] for x in ("alive", "entered", "died", "moved_away", "sold")
    )
    start = (alive - entered + died + moved)[:, 0]
    assert np.array_equal(start[:, None] + entered - died - moved, alive) and sold[:, -1].sum() > 0.0
    section = sections.firms_and_values(of)
    assert section is not None
    table = section.blocks[0]
    rows = [row.cells[0].text for row in table.rows]  # type: ignore[union-attr]
    assert any("并购" in x if lang == "zh" else "sold" in x for x in rows)
    note = table.note  # type: ignore[union-attr]
    assert ("不另减" if lang == "zh" else "not taken off once more") in note and "5–95" in note


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_report_tells_levels_that_run_off_from_their_stated_stock(small: dict[str, Path], lang: str, monkeypatch):
    from sim.analysis.unfit import Unfit

    key = "ladders.certificates.levels.hte.apply"
    monkeypatch.setattr(sections, "unfit", lambda *_: [Unfit("certificates.hte", 300.0, 589.0, "2025Q4", key, 0.06)])
    text = repr(sections.the_ladders(told(small["run"], lang)))
    assert (
        "589" in text
        and key in text
        and ("除非该认定当时刚设立" if lang == "zh" else "unless the certificate was young") in text
    )


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_run_of_one_world_is_told_without_errors_and_in_the_singular(root: Path, tmp_path: Path, lang: str):
    from sim.ensemble import simulate
    from sim.scenario import load_scenario

    few = ["firms.initial.count=300", "firms.entry.organic.per_year=30", 'zone.end="2025Q1"']
    simulate(load_scenario(root / "scenarios" / "xian.toml", few), 1, 1, events=1).save(tmp_path / "one")
    of = told(tmp_path / "one", lang)
    assert of.result is not None
    evaluation = {"score": 60.0, "error": None, "most": 85.0, "quarter": "2024Q4", "of": 10.0, "lost": 4.0}
    evaluation |= {"binds_name": {"zh": "返投", "en": "reinvestment"}}
    assert " ± " not in sections._evaluation(evaluation, of).text
    assert "± 2.5" in sections._evaluation(evaluation | {"error": 2.5}, of).text
    texts = repr([section(of) for section in sections.SECTIONS])
    assert re.findall(r"(?<!metrics, ).{30}\b1 worlds", texts) == []  # but for what a result calls itself
    assert "1 world logged" in texts or lang == "zh"


def test_single_funds_stand_beside_their_classes(small: dict[str, Path]):
    """In the order of the classes, with quartiles that are in order and medians between them."""
    from sim.figures.style import capital
    from sim.model.layout import classes_of

    en, zh = (sections.by_single_fund(told(small["run"], lang)) for lang in ("en", "zh"))
    assert en is not None and zh is not None and len(en.rows) == len(zh.rows) >= 2
    of = told(small["run"], "en")
    pooled, scenario = sections.each_fund(of), of.scenario
    assert pooled is not None and scenario is not None
    order = [row.cells[0].text for row in pooled.rows]
    mine = [row.cells[0].text for row in en.rows]
    assert mine == [name for name in order if name in mine]
    for row in en.rows:
        for cell in row.cells[3:5]:
            low, high = (float(x) for x in cell.below.split(" – "))
            assert low <= float(cell.text) <= high
    of_markets = any(c.kind == "market" and capital(c.name.en) in mine for c in classes_of(scenario))
    assert ("allots to this zone" in en.note) == of_markets == ("用于本园区" in zh.note)
    assert "may lie well below the pooled figure" in en.note and "可能远低于合并口径" in zh.note


def test_a_class_with_several_funds_in_some_worlds_is_pooled_and_not_left_out(small: dict[str, Path]):
    """Two angel funds in one world and one in another; of industry funds never more than one."""
    of = told(small["run"], "en")
    assert of.result is not None
    n, last = 5, of.result.quarters[-1]
    each = {name: np.arange(n) / 4 for name in ("tvpi", "dpi", "irr")} | {"commitment": np.full(n, 2e8)}
    each |= {"replication": np.array([0, 0, 1, 0, 1]), "class": np.array(["angel"] * 3 + ["industry"] * 2)}
    each |= {"vintage": np.full(n, 2019), "opened": np.array(["2019Q1"] * n), "quarter": np.array([last] * n)}
    table = sections.by_single_fund(replace(of, result=replace(of.result, samples={"each_fund": each})))
    assert table is not None
    (row,) = table.rows
    assert row.cells[0].text == "Early and angel sub-funds" and row.cells[1].text == "1.5"
    assert row.cells[3].text == "0.25" and row.cells[3].below == "0.13 – 0.38"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_row_of_two_bases_is_marked_and_named_firms_condition_nothing(small: dict[str, Path], lang: str):
    """Multiples of the fund of attracted investment count from its first day, its rates from the start."""
    table = sections.each_fund(told(small["run"], lang))
    assert table is not None
    rates = {row.cells[0].text: [cell.text.endswith("†") for cell in row.cells[6:]] for row in table.rows}
    marked = [name for name, signs in rates.items() if any(signs)]
    assert len(marked) == 1 and rates[marked[0]] == [False, False, True, True]
    assert ("自起点算起" if lang == "zh" else "count from the start") in table.note
    kinds = sections.fund_tables(told(small["run"], lang))[1]
    signed = [row.cells[0].text for row in kinds.rows if row.cells[0].text.endswith("‡")]
    assert len(signed) == 1 and signed[0].startswith("直" if lang == "zh" else "Direct")
    words = r"奕斯伟（占直投基金实缴的\d+%）" if lang == "zh" else r"Eswin \(\d+% of what the direct fund calls\)"
    assert re.search(words, kinds.note) and ("不以达到" in kinds.note or "not conditioned" in kinds.note)


def test_nobody_is_told_that_years_after_the_last_published_fact_are_history(small: dict[str, Path]):
    zh, en = (told(small["run"], lang) for lang in LANGUAGES)
    text = sections.where_history_ends(en, "2023Q4")
    assert "used up to the dashed line (2023Q4) and no further" in text and "regimes up to 2024Q4, is an input" in text
    assert "input" not in sections.where_history_ends(en, "2024Q4")
    assert "公布数据只用到虚线（2023Q4）为止" in sections.where_history_ends(zh, "2023Q4")


def test_the_price_of_a_named_firm_has_the_quarter_of_its_last_round(small: dict[str, Path]):
    of = told(small["run"], "en")
    assert of.result is not None
    rounds = of.result.samples["rounds"]
    mine = rounds["firm"] == "eswin"
    last = sorted(max(rounds["quarter"][mine & (rounds["replication"] == r)]) for r in (0, 1))
    assert f"Eswin {last[0]}" in sections.last_rounds(of) and "2 worlds logged" in sections.last_rounds(of)


def test_the_readme_of_results_has_every_column_that_a_run_writes(
    small: dict[str, Path], root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    import duckdb

    from sim.scenario import load_scenario

    readme = (root / "results" / "README.md").read_text(encoding="utf-8")
    parts = re.split(r"(?m)^## ", readme)[1:]
    said: dict[str, set[str]] = {}
    for part in parts:
        head, _, body = part.partition("\n")
        columns = {x for cell in re.findall(r"(?m)^\|([^|]*)\|", body) for x in re.findall(r"`(\w+)`", cell)}
        for file in re.findall(r"`([\w.]+)`", head):
            said[file] = columns - ({"fund", "opened"} if file == "fund_table.parquet" else set())
    written = {path.name for path in small["run"].iterdir() if path.is_file()}
    for file in written - {"manifest.json", "ensemble.nc"}:
        path = small["run"] / file
        with duckdb.connect() as connection:
            rows = connection.execute(f"DESCRIBE SELECT * FROM '{path}'").fetchall()
        assert said[file] == {row[0] for row in rows}, file
    assert written >= set(said) and all(f"`{file}`" in readme for file in written)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "xian").symlink_to(small["run"])
    monkeypatch.chdir(tmp_path)
    query, again = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    exec(query, {})
    assert "angel" in capsys.readouterr().out
    exec(again, {})
    about = json.loads((small["run"] / "manifest.json").read_text(encoding="utf-8"))
    _, _, run, copy, *_ = shlex.split(capsys.readouterr().out)
    assert run == "run" and Path(copy).is_relative_to("again")
    assert load_scenario(copy, about["overrides"])._fingerprint == about["scenario_fingerprint"]


def test_texts_of_files_beside_the_project_and_far_from_it_stay_in_the_folder_they_are_put_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """`../ext/my.toml` was written outside it; for an absolute name the command read the changed original."""
    from sim import load_scenario
    from sim.scenario.recorded import command_of, put_back

    (tmp_path / "ext").mkdir()
    (tmp_path / "desk").mkdir()
    shutil.copy("scenarios/national.toml", tmp_path / "desk")
    shutil.copy("scenarios/xian.toml", tmp_path / "desk")
    monkeypatch.chdir(tmp_path / "desk")
    Path("../ext/my.toml").write_text('extends = "../desk/xian.toml"\n[zone]\nend = "2020Q4"\n', encoding="utf-8")
    for name in ("../ext/my.toml", str(tmp_path / "ext" / "my.toml")):
        scenario = load_scenario(name)
        about = {"command": ["run", name, "--seed", "1"], "scenario_text": dict(scenario._text_of_files)}
        copies = put_back(about, "again")
        assert all(copy.resolve().is_relative_to(Path("again").resolve()) for copy in copies.values())
        (*_, copy, _, seed) = shlex.split(command_of(about, copies))
        assert seed == "1" and Path(copy).is_relative_to("again")
        assert load_scenario(copy)._fingerprint == scenario._fingerprint
        shutil.rmtree("again")


@pytest.mark.parametrize("said", ["extends = '{}'", 'extends = ["{}"]', 'extends = [\n  "{}",  # the "\\q" one\n]'])
def test_texts_that_extend_a_file_by_its_absolute_path_are_whole_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
):
    """What `import` writes extends its base so: the original was read, or none where there was none."""
    from sim import load_scenario
    from sim.scenario.recorded import scenario_of

    desk, elsewhere = tmp_path / "desk", tmp_path / "elsewhere"
    shutil.copytree("scenarios", desk / "scenarios")
    elsewhere.mkdir()
    monkeypatch.chdir(desk)
    base = desk / "scenarios" / "xian.toml"
    Path("mine.toml").write_text(said.format(base.as_posix()) + f'\n[zone]\nnote = "{base.as_posix()}"\n', "utf-8")
    scenario = load_scenario("mine.toml")
    about = {"scenario": "mine.toml", "scenario_text": dict(scenario._text_of_files)}
    assert f'note = "{base.as_posix()}"' in about["scenario_text"]["mine.toml"]
    monkeypatch.chdir(elsewhere)
    shutil.rmtree(desk)
    assert scenario_of(about, "manifest.json")._fingerprint == scenario._fingerprint


def test_a_run_keeps_the_command_with_what_changes_its_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """With --posterior or --events the command that was told made another result."""
    from sim.cli import build_parser, main
    from sim.scenario.recorded import command_of

    few = ["--set", "firms.initial.count=100", "--set", 'zone.end="2020Q2"', "--replications", "2", "--no-figures"]
    out = tmp_path / "out"
    monkeypatch.setattr("sim.cli.draws_of", lambda a, scenario: None)  # no folder of a fit is at hand
    ways = ["--events", "0", "--posterior", "results/fit"]
    assert main(["run", "scenarios/xian.toml", *few, *ways, "--quiet", "--out", str(out)]) == 0
    about = json.loads((out / "manifest.json").read_text("utf-8"))
    read = build_parser().parse_args(shlex.split(command_of(about))[2:])
    assert (read.command, read.events, read.replications, read.seed) == ("run", 0, 2, about["seed"])
    assert read.set == about["overrides"] and read.posterior == "results/fit"
    older = {"scenario": "x.toml", "seed": 3, "posterior": {"folder": "results/fit"}}
    assert command_of(older) == "python run.py run x.toml --seed 3 --posterior results/fit"


def test_the_rest_of_other_partners_money_is_not_said_to_come_to_the_zone(small: dict[str, Path]):
    """The metric counts what is meant for the zone: the rest goes outside as well."""
    en, zh = (sections.leverage_in_words(told(small["run"], lang)) for lang in ("en", "zh"))
    assert "the rest goes outside the zone or would have come anyway" in en
    assert "其余的或投向区外，或没有引导基金也会来" in zh


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_purse_is_told_less_what_is_still_held_where_a_result_has_it(result: Result, folder: Path, lang: str):
    from sim.model.metrics import Metric

    of = told(folder, lang)
    assert of.result is not None
    only_cash = next(text for text in answer.sentences(of) if ("现值" if lang == "zh" else "present value") in text)
    assert not re.search("仍持有|still held", only_cash)
    metric = Metric("public.net_cost_held_pv", "CNY", {"zh": "净", "en": "net"})
    values = np.concatenate([result.values, -result["public.net_cost_pv"][None]])
    held = Result([*result.metrics, metric], result.quarters, values, result.samples, result.facts, of.result.manifest)
    said = answer.sentences(replace(of, result=held))[3]
    assert (
        "收回与仍持有的权益多于支出" if lang == "zh" else "more comes back or is still held than was paid out"
    ) in said
    assert ("现金净成本为" if lang == "zh" else "in cash, stakes left out") in said  # and the cash one stays beside it


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_sweep_says_that_more_samples_could_order_its_parameters_otherwise(small: dict[str, Path], lang: str):
    of = told(small["lhs"], lang)
    doubts = [c for c in of.sweep.header["convergence"] if not c["enough"]]
    said = sections.doubt_in_ranking(of)
    assert doubts and f"--samples {max(c['samples_needed'] for c in doubts)}" in said
    of.sweep.header["convergence"], of.sweep.variance = [], {}
    assert sections.doubt_in_ranking(of) == ""


# What an analysis and a run have in Chinese, `make test` reads on pages of their own.
@pytest.mark.parametrize("lang", ["en", pytest.param("zh", marks=pytest.mark.slow)])
@pytest.mark.usefixtures("sketched")
def test_a_run_is_told_with_its_comparison_its_sweep_and_every_parameter(small: dict[str, Path], lang: str):
    _, remarks = write(small["run"], lang, compare=small["compare"], sweep=small["morris"], day=DAY)
    assert not remarks
    page = (small["run"] / "report" / f"report-{lang}.html").read_text(encoding="utf-8")
    keys = re.findall(r'<section id="([a-z]+)"', page)
    assert keys == [
        "answer",
        "facts",
        "firms",
        "money",
        "fair",
        "rules",
        "ladders",
        "comparison",
        "sensitivity",
        "limits",
        "reproduce",
        "assumptions",
    ]
    of = told(small["run"], lang)
    from sim.scenario.loading import provenance

    assert of.scenario is not None
    for row in provenance(of.scenario):
        assert row["path"] in page
    assert "firms.initial.count=300" in page  # the command says what was set
    assert term("source.set", lang) in page and "guidance.cap.angel" in page
    assert "strict" in page.lower()  # a name that begins each of its lines


@pytest.mark.parametrize(
    "kind", ["compare", "lhs", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("morris", "oat"))]
)
def test_an_analysis_can_be_reported_alone(small: dict[str, Path], kind: str):
    files, _ = write(small[kind], "zh", xlsx=True, day=DAY)
    assert len(files) == 3
    page = files[0].read_text(encoding="utf-8")
    keys = re.findall(r'<section id="([a-z]+)"', page)
    assert keys == ["comparison" if kind == "compare" else "sensitivity", "limits", "reproduce"]


def test_a_comparison_answers_by_name_says_what_was_changed_and_how_to_make_it_again(small: dict[str, Path]):
    of = material.gather(small["compare"], "en", None, None, DAY)
    assert of.comparison is not None
    c = of.comparison
    (told_of,) = answer.sentences(of)
    assert told_of.startswith("Strict: by the end of 2024")
    j, (d,) = c.column(c.at), c.differences
    for k in c.shown():
        surely = not d.noise[k, j] and d.sd[k, j] > 0
        label = c.metrics[k].label["en"]
        if d.p_same[k, j] < 1.0:
            head, _, rest = told_of.rpartition("be told from noise")
            assert (label in head) == surely and (surely or label in rest), label
    (change,) = c.about["changes"]["strict"]
    assert (change["path"], change["value"]) == ("guidance.reinvestment", 2.0)
    ((_, command),) = sections.commands_of(of)
    assert command.startswith("python run.py compare ") and "--set firms.initial.count=300" in command
    assert "scenarios/xian.toml" in command and command.endswith("--replications 4 --seed 1")


def test_every_scenario_of_a_comparison_has_its_sentence(small: dict[str, Path]):
    of = material.gather(small["compare"], "en", None, None, DAY)
    assert of.comparison is not None
    (d,) = of.comparison.differences
    many = replace(of.comparison, differences=[replace(d, name=f"scenario {k}") for k in range(8)])
    told_of = answer.sentences(replace(of, comparison=many))
    assert [text.partition(":")[0] for text in told_of] == [f"Scenario {k}" for k in range(8)]


@pytest.mark.parametrize(("lang", "unit"), [("en", "pp"), ("zh", "个百分点")])
def test_a_difference_of_shares_is_told_in_points(small: dict[str, Path], lang: str, unit: str):
    of = material.gather(small["compare"], lang, None, None, DAY)
    assert of.comparison is not None
    c = of.comparison
    (d,), j, k = c.differences, c.column(c.at), c.row("guidance.reinvestment.missed.angel")
    values = ((c.baseline_mean, 0.5), (d.own, 0.65), (d.mean, 0.152), (d.low, 0.1), (d.high, 0.2), (d.sd, 0.1))
    for x, value in values:
        x[k, j] = value
    d.p_same[k, j] = 0.0
    d.p05[k], d.p95[k] = 0.1, 0.2  # of every quarter, for the figure
    chosen = replace(of, comparison=replace(c, chosen=[c.metrics[k].name]))
    (sentence,) = answer.sentences(chosen)
    assert "+15.2" in sentence
    section = sections.policy_comparison(chosen)
    assert section is not None
    tables = (b for b in section.blocks if isinstance(b, blocks.Table))
    table = next(b for b in tables if b.header[1] == term("figure.difference", lang))
    head, row = table.rows
    assert unit in head.cells[0].text and "50" in head.cells[0].text and row.cells[1].text == "+15.20"


def test_every_part_of_a_report_says_how_it_is_made_again(small: dict[str, Path]):
    """With the words of its own command, which the program reads, and the text of every scenario file."""
    from sim.cli import build_parser

    of = material.gather(small["run"], "en", small["compare"], small["morris"], DAY)
    section = sections.how_to_reproduce(of)
    assert section is not None
    commands = [b.text for b in section.blocks if isinstance(b, blocks.Code)]
    assert [command.split()[2] for command in commands] == ["run", "compare", "sweep"]
    assert [b.text for b in section.blocks if isinstance(b, blocks.Paragraph)][:3] == [
        "The run:",
        "Policy comparison:",
        "Sensitivity:",
    ]
    for command in commands:
        read = build_parser().parse_args(shlex.split(command)[2:])
        assert read.seed == 1 and "firms.initial.count=300" in read.set
    swept = build_parser().parse_args(shlex.split(commands[2])[2:])
    assert (swept.method, swept.samples, swept.replications) == ("morris", 2, 2)
    assert swept.vary == ["guidance.reinvestment=0.5..2.0", "guidance.cap.angel=0.2..0.5"]
    assert swept.target == ["firms.alive", "jobs.total"]
    manifests = [json.loads((small[kind] / "manifest.json").read_text("utf-8")) for kind in ("run", "compare", "lhs")]
    for key in ("version", "kernel", "python", "numpy", "numba", "machine", "scenario_text"):
        assert manifests[0][key] == manifests[1][key] == manifests[2][key], key
    assert manifests[0]["today"] == "2023Q4"  # a quarter's name, not its number
    attached = [b for b in section.blocks if isinstance(b, blocks.Attachment)]
    assert len(attached) == len(manifests[0]["scenario_text"])  # each once


def test_a_report_of_calibrated_worlds_says_how_the_calibration_is_made_again(small: dict[str, Path]):
    of = material.gather(small["run"], "en", None, None, DAY)
    assert of.result is not None
    of.result.manifest["posterior"] = {"folder": "results/fit", "command": ["calibrate", "x.toml", "--seed", "1"]}
    (fit, command), (part, _) = sections.commands_of(of)
    assert (fit, command, part) == ("The calibration", "python run.py calibrate x.toml --seed 1", "The run")
    del of.result.manifest["posterior"]["command"]  # an earlier version's
    assert [part for part, _ in sections.commands_of(of)] == ["The run"]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_a_report_does_not_draw_of_an_analysis_is_told_with_where_it_stands(
    small: dict[str, Path], lang: str, monkeypatch: pytest.MonkeyPatch
):
    """Outputs after the sixth and differences after the eighth were left out without a word."""

    monkeypatch.setattr(sections, "picture", lambda *given, **more: blocks.Points([]))
    of = material.gather(small["run"], lang, small["compare"], small["morris"], DAY)
    assert of.comparison is not None and len(of.comparison.differences) == 1

    def told(make: Callable[[material.Material], blocks.Section | None]) -> list[str]:
        words = {"zh": "未在此画图", "en": "not drawn here"}[lang]
        section = make(of)
        assert section is not None
        return [b.text for b in section.blocks if isinstance(b, blocks.Paragraph) and words in b.text]

    assert not told(sections.sensitivity)
    monkeypatch.setattr(sections, "MOST_OUTPUTS", 1)
    (outputs,) = told(sections.sensitivity)
    assert {"zh": "就业", "en": "jobs"}[lang] in outputs and "indices.csv" in outputs
    monkeypatch.setattr(sections, "MOST_CHANGES", 1)
    (curves,) = told(sections.policy_comparison)
    of.comparison.differences *= 2  # two scenarios and more stand beside each other in one figure
    assert not told(sections.policy_comparison)
    monkeypatch.setattr(sections, "MOST_FORESTS", 2)
    (forests,) = told(sections.policy_comparison)
    assert "figures/" in curves and "figures/" in forests


def test_a_record_of_a_result_given_for_a_scenario_says_how_the_result_is_made_again(small: dict[str, Path]):
    from sim.scenario import load_scenario

    for kind, command in (("run", "run"), ("morris", "sweep")):
        with pytest.raises(UserError) as refused:
            load_scenario(small[kind] / "manifest.json")
        (problem,) = refused.value.problems
        for lang, words in (("en", "is made again by: python run.py"), ("zh", "重做该结果：python run.py")):
            assert f"{words} {command} " in problem.told(lang) and "scenario_text" in problem.told(lang)


@pytest.mark.parametrize(
    "about", ['{"command": 3}', '{"command": "run x"}', '{"command": ["run", 3]}', "{", '{"scenario": 3}', "[" * 9999]
)
def test_a_record_that_says_nothing_of_its_making_is_not_said_to(tmp_path: Path, about: str):
    """It was spelt out by letters, or ended in a traceback, and was said to keep texts."""
    from sim import load_scenario

    (tmp_path / "manifest.json").write_text(about, encoding="utf-8")
    with pytest.raises(UserError) as refused:
        load_scenario(tmp_path / "manifest.json")
    for lang, words in (("en", "is the record of a result and no scenario file"), ("zh", "是结果的记录，不是情景文件")):
        told = refused.value.problems[0].told(lang)
        assert words in told and "scenario_text" not in told and "run.py" not in told


def test_a_scenario_that_changes_nothing_is_said_to_change_nothing(small: dict[str, Path]):
    of = material.gather(small["compare"], "zh", None, None, DAY)
    assert of.comparison is not None
    (d,) = of.comparison.differences
    nought = {key: np.zeros_like(d.mean) for key in ("mean", "low", "high", "sd", "p05", "p50", "p95", "p_more")}
    still = replace(of.comparison, differences=[replace(d, **nought, p_same=np.ones_like(d.mean))])
    assert answer.sentences(replace(of, comparison=still)) == ["strict：与基准无任何差异。"]


def test_a_scenario_that_equals_the_baseline_has_no_rows_and_the_ratio_a_table(small: dict[str, Path]):
    of = material.gather(small["compare"], "en", None, None, DAY)
    c = of.comparison
    assert c is not None
    (d,), j = c.differences, c.column(c.at)
    k = c.row("guidance.reinvestment.missed.angel")
    for x, value in ((c.baseline_mean, 0.5), (d.own, 0.75), (d.mean, 0.25), (d.low, 0.1), (d.high, 0.4), (d.sd, 0.1)):
        x[k, j] = value
    d.p_same[k, j] = 0.0
    table = sections.missed_table(of)
    assert table is not None and "miss the reinvestment ratio" in table.caption
    group, row = table.rows[:2]
    assert group.cells[0].text.endswith("baseline 50%")
    assert [x.text for x in row.cells] == ["Strict", "75%", "+25 pp [+10 … +40]", ""]
    still = replace(d, own=c.baseline_mean.copy(), p_same=np.ones_like(d.p_same))
    section = sections.policy_comparison(replace(of, comparison=replace(c, differences=[still])))
    assert section is not None and not any(
        isinstance(b, blocks.Table) and b.caption.startswith("Difference from") for b in section.blocks
    )
    remarks = [b.text for b in section.blocks if isinstance(b, blocks.Paragraph)]
    assert any("Strict: this scenario equals the baseline in every metric" in text for text in remarks)


def test_a_comparison_that_was_saved_reads_back_as_it_was(small: dict[str, Path]):
    found = material.read_comparison(small["compare"])
    assert found.baseline == "xian" and [d.name for d in found.differences] == ["strict"] and found.replications == 4
    assert found.differences_csv() == (small["compare"] / "differences.csv").read_text(encoding="utf-8")


def test_another_scenario_beside_the_run_is_remarked(
    small: dict[str, Path], result: Result, tmp_path: Path, monkeypatch
):
    monkeypatch.setattr(sections, "SECTIONS", ())
    place = result.save(tmp_path / "other")
    _, remarks = write(place, "en", compare=small["compare"], sweep=small["oat"], day=DAY)
    assert sum("is not the scenario of this run" in remark for remark in remarks) == 2


def test_the_command_writes_and_names_its_files(
    small: dict[str, Path],
    headwater: Callable[..., subprocess.CompletedProcess[str]],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(sections, "SECTIONS", (sections.the_answer, sections.the_limits))
    done = headwater("report", str(small["run"]), "--lang", "en", "--xlsx", "--quiet")
    assert done.returncode == 0, done.stderr
    assert [Path(line).name for line in done.stdout.splitlines()] == [
        "report-en.html",
        "report-en.pdf",
        "workbook-en.xlsx",
    ]
    assert done.stderr == ""
    refused = headwater("report", "nowhere", "--lang", "en")
    assert refused.returncode == 2 and "there is no such result" in refused.stderr


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_rule_pack_is_told_with_what_departs_from_it_and_what_binds(
    result: Result, tmp_path: Path, lang: str, monkeypatch: pytest.MonkeyPatch
):
    pack = {
        "pack": "usual", "name": {"zh": "通行做法", "en": "usual practice"}, "valid_from": "1990Q1", "valid_to": None,
        "departures": [
            {"what": "stated", "path": "guidance.cap.venture", "pack": 0.4, "here": 0.45, "unit": "share",
             "source": "board minutes", "pack_source": ""},
            {"what": "limit", "path": "funds.venture.fee", "pack": 0.02, "here": 0.03, "unit": "per year",
             "source": "", "pack_source": ""},
        ],
        "classes": {"venture": {"name": {"zh": "创投", "en": "venture"}, "tolerance": 0.4, "breach": 0.125,
                                "breach_error": 0.05, "reinvestment_missed": 0.3}},
        "evaluation": {"quarter": "2030Q4", "score": 12.6, "error": 0.4, "most": 25.0, "binds": "x",
                       "binds_name": {"zh": "返投比例要求", "en": "reinvestment asked"}, "lost": 3.0, "of": 3.0},
    }  # fmt: skip
    made = replace(result, manifest=result.manifest | {"rule_pack": pack})
    folder = made.save(tmp_path / "ruled")
    assert sections.the_rules in sections.SECTIONS
    monkeypatch.setattr(sections, "SECTIONS", (sections.the_rules,))
    write(folder, lang, day=DAY)
    page = (folder / "report" / f"report-{lang}.html").read_text(encoding="utf-8")
    name = {"zh": "返投比例要求", "en": "reinvestment asked"}[lang]
    for words in ("guidance.cap.venture", "45%", "board minutes", "funds.venture.fee", "12.5% ± 5.0", name):
        assert words in page, words


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_head_says_what_the_run_set_otherwise(
    result: Result, pages: dict[str, str], tmp_path: Path, lang: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sections, "SECTIONS", (sections.the_limits,))
    sets = ["guidance.reinvestment=2.0", "attraction.offers_per_year=20", "a=1", "b=2", "c=3"]
    folder = replace(result, manifest=result.manifest | {"overrides": sets}).save(tmp_path / "changed")
    write(folder, lang, day=DAY)
    page = (folder / "report" / f"report-{lang}.html").read_text(encoding="utf-8")
    what = {"zh": "改设参数（--set）", "en": "Changed by --set"}[lang]
    head = page[page.index("<header>") : page.index("</header>")]
    assert f"<dt>{what}</dt><dd>guidance.reinvestment=2.0; attraction.offers_per_year=20; +3</dd>" in head
    assert what not in pages[lang]


def test_a_run_without_a_rule_pack_has_no_section_of_rules(pages: dict[str, str]):
    assert "The rules of the guidance fund" not in pages["en"] and "引导基金的规则" not in pages["zh"]


# --- headline and fair value


def with_rounds(worlds: int = 2, firms: int = 12) -> dict[str, np.ndarray]:
    """A log as the kernel keeps it: each firm raises an angel round, then series A whose class stands ahead."""
    n = 2 * worlds * firms
    second = np.arange(n) % 2 == 1
    post = np.where(second, 2e8, 3e7) * np.linspace(0.8, 1.5, n)
    firm = np.array([f"2020Q1-o-{i // 2 % firms}" for i in range(n)])
    table = {"replication": np.repeat(np.arange(worlds), 2 * firms), "firm": firm}
    table |= {"quarter": np.where(second, "2021Q1", "2020Q1"), "stage": np.where(second, "a", "angel")}
    table |= {"amount": 0.2 * post, "post_money": post, "fair_value": post / np.where(second, 1.4, 1.5)}
    table |= {"preference": np.ones(n), "seniority": second.astype(int), "participating": np.zeros(n, int)}
    return table | {"raised_before": np.zeros(n), "previous_post_money": np.zeros(n)}


def test_multiples_of_sales_are_those_of_the_rounds_in_the_log(result: Result, folder: Path):
    from sim.analysis.multiples import sales_multiples
    from sim.report.multiples import multiples_table

    table = with_rounds()
    table["revenue"] = table["post_money"] / np.where(table["stage"] == "a", 8.0, 20.0)
    table["revenue"][0] = 0.0  # a round of a firm that sells nothing has no multiple
    logged = replace(result, samples={"rounds": table})
    angel, a = sales_multiples(logged)
    assert (angel.stage, angel.count, a.stage, a.count) == ("angel", 23, "a", 24)
    assert np.allclose(angel.multiple, 20.0) and np.allclose(a.multiple, 8.0)
    told_in = {lang: multiples_table(replace(told(folder, lang), result=logged)) for lang in LANGUAGES}
    assert all(x and [row.cells[-1].text for row in x.rows] == ["20.0×", "8.0×"] for x in told_in.values())
    assert sales_multiples(replace(result, samples={"rounds": with_rounds()})) == []


def with_fair_values(result: Result) -> Result:
    """The same, with funds whose net asset value is a fifth above that at fair value, and rounds in the log."""
    add = [m for m in result.metrics if m.name in ("funds.guidance.nav", "valuation.post_money.total")]
    twins = {"funds.guidance.nav": "funds.guidance.nav_fair", "valuation.post_money.total": "valuation.fair.total"}
    metrics = [*result.metrics, *(replace(m, name=twins[m.name]) for m in add)]
    values = np.concatenate([result.values, np.stack([result[m.name] / 1.2 for m in add])])
    return Result(metrics, result.quarters, values, {"rounds": with_rounds()}, result.facts, result.manifest)


@pytest.fixture
def valued(result: Result, folder: Path) -> Callable[[str], material.Material]:
    from sim import load_scenario

    scenario = load_scenario(Path(__file__).parent.parent / "scenarios" / "xian.toml")
    return lambda lang: replace(told(folder, lang), result=with_fair_values(result), scenario=scenario)


def test_the_excess_of_a_round_is_that_of_its_own_classes_by_the_exact_quadrature(valued):
    from sim.analysis.returns import fair_rounds

    m = valued("en")
    found = fair.rounds_of(m)
    assert found is not None and (found.valued, found.worlds, found.logged) == (48, 2, 48)
    exact = [x for r in (0, 1) for x in fair_rounds(m.scenario, m.result.samples, r)]
    for row in found.rows:
        mine = [x for x in exact if row.kind in ("all", x["stage"])]
        assert row.count == len(mine)
        assert np.allclose(row.excess, np.quantile([x["overvaluation"] for x in mine], (0.05, 0.5, 0.95)), atol=2e-3)
        assert np.isclose(row.typical, np.median([x["typical"] for x in mine]))
    assert [row.kind for row in found.rows] == ["all", "angel", "a"]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_report_says_by_how_much_headlines_exceed_fair_value(valued, lang: str):
    m = valued(lang)
    section = fair.headline_and_fair_value(m)
    assert section is not None
    rounds, stocks = (block for block in section.blocks if isinstance(block, blocks.Table))
    found = fair.rounds_of(m)
    assert found is not None
    middle = next(row.excess[1] for row in found.rows if row.kind == "all")
    assert rounds.rows[0].cells[4].text == f"{100 * middle:.0f}%"
    said = section.blocks[0].text  # type: ignore[union-attr]
    assert f"{100 * middle:.0f}%" in said
    assert ("全部40个世界中的前2个" if lang == "zh" else "in the first 2 of 40 worlds") in said
    excess = [row for row in stocks.rows if row.cells[0].text in ("Excess", "超出幅度")]
    assert len(excess) == 2 and all(row.cells[-1].text == "20%" for row in excess)
    assert "20%" in fair.nav_in_words(m) and fair.nav_in_words(m) in text_of(sections.the_money(m))
    assert "20%" in fair.ratio_in_words(m) and fair.ratio_in_words(m) in text_of(sections.firms_and_values(m))


def text_of(section: blocks.Section | None) -> str:
    assert section is not None
    return " ".join(block.text for block in section.blocks if isinstance(block, blocks.Paragraph))


def test_the_excess_of_net_asset_values_is_ranked_over_worlds_that_hold_something(valued):
    from sim.analysis.fair import above_fair

    m = valued("en")
    result = m.result
    assert result is not None
    last = len(result.quarters) - 1
    for name, value in (("funds.guidance.nav", 1.2e9), ("funds.guidance.nav_fair", 1e9)):
        result[name][:, last] = value
        result[name][:30, last] = 0.0  # wound up
    (found,) = above_fair(result, "funds.guidance.nav", "funds.guidance.nav_fair", result.quarters[-1:])
    assert found.defined == result.replications - 30 == 10
    assert found.headline[1] == 0.0 and np.allclose(found.excess, 0.2)
    result["funds.guidance.nav"][:, last] = result["funds.guidance.nav_fair"][:, last] = 0.0
    (nothing,) = above_fair(result, "funds.guidance.nav", "funds.guidance.nav_fair", result.quarters[-1:])
    assert nothing.defined == 0 and np.isnan(nothing.excess).all()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_log_too_long_to_value_says_how_much_of_it_was(valued, monkeypatch: pytest.MonkeyPatch, lang: str):
    from sim.analysis import fair as analysis

    monkeypatch.setattr(fair, "rounds_above_fair", lambda s, r: analysis.rounds_above_fair(s, r, most=30))
    m = valued(lang)
    found = fair.rounds_of(m)
    assert found is not None and (found.valued, found.logged, found.worlds, found.logged_worlds) == (24, 48, 1, 2)
    assert re.search(r"另有24轮|24 more", fair.coverage(m))
    assert re.search(r"全部40个世界中的前1个|first of 40 worlds", fair.coverage(m))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_cannot_be_said_of_fair_value_is_said(valued, lang: str):
    m = valued(lang)
    assert m.result is not None
    older = {key: x for key, x in with_rounds().items() if key != "fair_value"}
    fund = Result(m.result.metrics[:], m.result.quarters, m.result.values, {}, [], m.result.manifest)
    for samples, words in (({}, "没有融资明细|has no log"), ({"rounds": older}, "较早的版本|earlier version")):
        fund.samples = samples
        assert re.search(words, text_of(fair.headline_and_fair_value(replace(m, result=fund, kept={}))))
    fund.samples = {"rounds": with_rounds()}
    unread = replace(m, result=fund, scenario=None, kept={})
    assert re.search("情景文本不能读取|cannot be read", text_of(fair.headline_and_fair_value(unread)))
    keep = [
        i for i, x in enumerate(fund.metrics) if not x.name.startswith("valuation.fair") and "nav_fair" not in x.name
    ]
    bare = Result([fund.metrics[i] for i in keep], fund.quarters, fund.values[keep], {}, [], fund.manifest)
    assert re.search(
        "没有这些指标|without these metrics", text_of(fair.headline_and_fair_value(replace(m, result=bare, kept={})))
    )
