"""The workbook: sheets and charts in the reader's language, numbers as numbers, texts as texts."""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from openpyxl import load_workbook

from sim.report import material, workbook
from sim.result import Result
from tests import synthetic

DAY = date(2026, 3, 1)
SHEETS = {
    "zh": ["摘要", "公布数据", "企业", "估值", "梯度", "资金", "融资明细", "说明"],
    "en": ["Summary", "Published facts", "Firms", "Valuations", "Ladders", "Money", "Rounds log", "About"],
}


@pytest.fixture(scope="module")
def of(tmp_path_factory: pytest.TempPathFactory) -> material.Material:
    made = synthetic.result(20)
    made.manifest |= {"replications": 20, "today": 2023 * 4 + 3}
    return material.gather(made.save(tmp_path_factory.mktemp("w") / "xian"), "en", None, None, DAY)


@pytest.fixture(scope="module")
def few(of: material.Material) -> material.Material:
    """The same with few metrics, for what stands beside them: a workbook of all takes seconds to write and read."""
    result = of.result
    assert result is not None
    kept = ("firms.alive", "funds.guidance.nav", "rounds.count.total")
    keep = [i for i, m in enumerate(result.metrics) if m.name in kept]
    return replace(of, result=replace(result, metrics=[result.metrics[i] for i in keep], values=result.values[keep]))


def opened(of: material.Material):
    return load_workbook(io.BytesIO(workbook.render(of)))


@pytest.fixture(scope="module")
def book(of: material.Material):
    """The whole workbook in a language, to be read only."""
    return cache(lambda lang: opened(replace(of, lang=lang)))


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_sheet_a_topic_in_the_readers_language(book, lang: str):
    book = book(lang)
    assert book.sheetnames == SHEETS[lang]
    words = {cell.value for row in book[SHEETS[lang][1]].iter_rows() for cell in row if isinstance(cell.value, str)}
    assert ("公布值" if lang == "zh" else "Observed") in words


def test_charts_are_excels_own_and_draw_the_quantiles_beside_them(of: material.Material):
    data = workbook.render(of)
    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        names = parts.namelist()
        charts = [parts.read(name).decode() for name in names if re.fullmatch(r"xl/charts/chart\d+\.xml", name)]
        assert not [name for name in names if "vba" in name.lower() or "externalLink" in name]
        drawings = "".join(
            parts.read(name).decode() for name in names if re.fullmatch(r"xl/drawings/drawing\d+\.xml", name)
        )
    fans = [chart for chart in charts if "<c:areaChart>" in chart]
    assert len(fans) > 15 and all("<c:lineChart>" in chart for chart in fans)
    assert drawings.count("descr=") >= len(fans)


def test_the_bands_of_a_chart_add_up_to_its_quantiles(of: material.Material, book):
    assert of.result is not None
    sheet = book("en")["Firms"]
    header = next(row for row in sheet.iter_rows() if row[0].value == "Quarter")
    first = header[0].row + 1
    assert [header[k].value for k in range(1, 6)] == ["P5", "P25", "Median", "P75", "P95"]
    bands = of.result.quantiles("firms.alive")
    for k in range(5):
        column = [sheet.cell(first + i, 2 + k).value for i in range(len(of.result.quarters))]
        assert np.allclose(np.array(column, dtype=float), bands[k])
    start = next(cell.column for cell in header if cell.value == "height of band 5–25")
    assert sheet.cell(first, start).value == f"=C{first}-B{first}"
    assert sheet.cell(first, start + 1).value == f"=E{first}-C{first}"


def test_texts_that_look_like_formulas_stay_texts(of: material.Material):
    assert of.result is not None
    evil = ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://x","y")', "http://x.example/"]
    facts = [replace(f, name=text, source=text) for f, text in zip(of.result.facts, evil, strict=False)]
    samples = dict(of.result.samples) | {
        "rounds": {
            "quarter": np.array(["2020Q1"] * 6, object),
            "firm": np.array(evil, object),
            "post_money": np.ones(6),
        }
    }
    metrics = [
        replace(m, label={"zh": "=2+2", "en": "=2+2"}) if m.name == "firms.alive" else m for m in of.result.metrics
    ]
    manifest = of.result.manifest | {"zone": {"zh": "=3+3", "en": "=3+3"}, "scenario": "=cmd|'/c calc'!A1"}
    hostile = Result(metrics, of.result.quarters, of.result.values, samples, facts, manifest)
    book = opened(replace(of, result=hostile))
    found = set()
    for sheet in book:
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.hyperlink is None
                if isinstance(cell.value, str) and cell.value.startswith(("=", "+", "-", "@", "http")):
                    ours = cell.data_type == "f" and re.fullmatch(r"=[A-Z]+\d+-[A-Z]+\d+", cell.value)
                    assert cell.data_type == "s" or ours, (sheet.title, cell.coordinate, cell.value)
                    found.add(cell.value)
    assert set(evil) <= found
    assert {"=2+2 (firms)", "=cmd|'/c calc'!A1"} <= found


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_summary_says_what_the_run_set_otherwise(few: material.Material, book, lang: str):
    assert few.result is not None
    result = replace(few.result, manifest=few.result.manifest | {"overrides": ["guidance.reinvestment=2.0"]})
    sheet = opened(replace(few, lang=lang, result=result))[SHEETS[lang][0]]
    facts = {str(row[0].value): row[1].value for row in sheet.iter_rows()}
    what = "改设参数（--set）" if lang == "zh" else "Changed by --set"
    assert facts[what] == "guidance.reinvestment=2.0"
    plain = book(lang)[SHEETS[lang][0]]
    assert what not in [row[0].value for row in plain.iter_rows()]


def test_an_undefined_number_is_an_empty_cell(book):
    sheet = book("en")["Summary"]
    values = [cell.value for row in sheet.iter_rows(min_col=3) for cell in row if cell.value is not None]
    numbers = [value for value in values if not isinstance(value, str)]
    assert numbers and all(isinstance(value, int | float) and np.isfinite(value) for value in numbers)


def test_a_long_log_is_cut_and_says_so(few: material.Material, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(workbook, "MOST_ROUNDS", 2)
    sheet = opened(few)["Rounds log"]
    assert "The first 2 of 3 rows." in str(sheet["A3"].value)
    assert sheet.max_row == 6


def test_a_long_log_prints_its_first_rows_only(few: material.Material, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(workbook, "MOST_PRINTED", 2)
    sheet = opened(few)["Rounds log"]
    assert "The first 2 of them print." in str(sheet["A3"].value)
    header = next(row[0].row for row in sheet.iter_rows() if row[0].value == "World")
    assert str(sheet.print_area).endswith(f"${header + 2}") and sheet.max_row == header + 3


def test_no_chart_and_no_table_below_it_is_cut_by_the_end_of_a_page(book):
    book = book("en")
    for name in ("Firms", "Valuations", "Ladders", "Money"):
        sheet = book[name]
        assert sheet.page_setup.scale == workbook.SCALE and not sheet.sheet_properties.pageSetUpPr.fitToPage
        last = int(str(sheet.print_area).rpartition("$")[2])
        begun = [0, *(brk.id for brk in sheet.row_breaks.brk)]
        assert all(b - a <= workbook.PAGE_ROWS for a, b in zip(begun, [*begun[1:], last], strict=True)), name
        charts = [(chart.anchor._from, chart.anchor.to) for chart in sheet._charts]
        assert charts
        for start, end in charts:
            assert not any(start.row < row <= end.row for row in begun), (name, start.row, begun)
            assert end.row < last


def test_every_parameter_of_the_scenario_is_listed(root: Path, few: material.Material):
    from sim.scenario import load_scenario
    from sim.scenario.loading import provenance

    scenario = load_scenario(root / "scenarios" / "xian.toml")
    sheet = opened(replace(few, scenario=scenario))["Assumptions"]
    paths = {row[2].value: row for row in sheet.iter_rows(min_row=4)}
    wanted = provenance(scenario)
    assert set(paths) == {row["path"] for row in wanted}
    guidance = paths["funds.guidance.size"]
    assert (guidance[3].value, guidance[4].value, guidance[5].value) == ("CNY 5 bn", 5e9, "CNY")


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_workbook_has_headline_and_fair_value_beside_each_other(few: material.Material, lang: str):
    assert few.result is not None
    at = next(i for i, m in enumerate(few.result.metrics) if m.name == "funds.guidance.nav")
    values = np.concatenate([few.result.values, few.result.values[at : at + 1] / 1.25])
    metrics = [*few.result.metrics, replace(few.result.metrics[at], name="funds.guidance.nav_fair")]
    with_fair = Result(metrics, few.result.quarters, values, {}, [], few.result.manifest)
    sheet = opened(replace(few, lang=lang, result=with_fair))["公允价值" if lang == "zh" else "Fair value"]
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    told = [row for row in rows if row[1] == "2023Q4"]
    assert len(told) == 1 and told[0][0] == ("引导基金净值" if lang == "zh" else "Guidance fund, net asset value")
    size = 1e8 if lang == "zh" else 1e9
    assert np.isclose(
        told[0][2] * size, with_fair.quantiles("funds.guidance.nav", (0.5,))[0, with_fair.quarter("2023Q4")]
    )
    assert np.allclose(told[0][4:7], 0.25)
    assert any("没有融资明细" in str(row[0]) or "has no log of rounds" in str(row[0]) for row in rows)


def test_key_ratios_stand_by_vintage_and_year(few: material.Material):
    assert few.result is not None
    n = 6  # two worlds, one class, one vintage, three quarters of which two end a year
    numbers = {name: np.arange(n) * 1e8 for name in ("commitment", "paid_in", "nav", "nav_fair")}
    numbers["distributed"] = np.array([0, 0, 8, 0, 0, 2]) * 1e8
    rates = {name: np.arange(n) / 10 for name in ("pic", "dpi", "rvpi", "tvpi", "ks_pme", "irr", "direct_alpha")}
    rates["irr"] = np.array([np.nan, 0.1, 0.2, np.nan, 0.1, 0.4])
    rates["tvpi"] = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 3.0])
    table = {"replication": np.repeat([0, 1], 3), "class": np.array(["angel"] * n), "vintage": np.full(n, 2021)}
    table |= {"quarter": np.tile(["2021Q4", "2022Q3", "2022Q4"], 2), "funds": np.ones(n, int), **numbers, **rates}
    with_table = Result(few.result.metrics, few.result.quarters, few.result.values, {"fund_table": table})
    sheet = opened(replace(few, result=with_table))["Fund vintages"]
    rows = [[cell.value for cell in row] for row in sheet.iter_rows() if row[0].value == "angel"]
    assert [row[1:5] for row in rows] == [["angel", "2021", "2021Q4", 2], ["angel", "2021", "2022Q4", 2]]
    assert rows[1][5:9] == pytest.approx([0.35, 0.35, 0.5, 0.35])  # medians of rows 2 and 5, as every measure is
    assert rows[1][10:14] == pytest.approx([0.35, 0.35, 0.35, 2.0])
    assert rows[0][15] is None and rows[1][15] == pytest.approx(0.3)  # undefined in both worlds; 0.2 and 0.4
    table |= {"partial": np.ones(n, int)}
    sheet = opened(replace(few, result=with_table))["Fund vintages"]
    rows = [[cell.value for cell in row] for row in sheet.iter_rows() if row[0].value == "angel"]
    assert [row[2] for row in rows] == ["2021*", "2021*"] and rows[1][5] == pytest.approx(0.35)
    both = table | {"partial": np.repeat([0, 1], 3)}  # a vintage of both kinds: one after the other
    sheet = opened(replace(few, result=replace(with_table, samples={"fund_table": both})))["Fund vintages"]
    told = [[cell.value for cell in row][2:4] for row in sheet.iter_rows() if row[0].value == "angel"]
    assert told == [[vintage, quarter] for vintage in ("2021", "2021*") for quarter in ("2021Q4", "2022Q4")]
    assert rows[1][10:] == [None] * 7, "what these did before the start is not in the run"


def test_single_funds_have_a_sheet_with_quartiles_by_vintage(few: material.Material):
    assert few.result is not None
    n, last = 8, few.result.quarters[-1]
    each = {name: np.arange(n) / 4 for name in ("tvpi", "dpi", "irr")} | {"commitment": np.full(n, 2e8)}
    each |= {"replication": np.repeat([0, 1], 4), "class": np.array(["angel"] * n), "quarter": np.array([last] * n)}
    each |= {"vintage": np.array([2019, 2020] * 4), "partial": np.zeros(n, int), "fund": np.arange(n) % 4}
    result = replace(few.result, samples={"each_fund": each})
    sheet = opened(replace(few, result=result, lang="zh"))["单只基金"]
    rows = [[cell.value for cell in row] for row in sheet.iter_rows() if row[0].value == "angel"]
    assert [row[2:5] for row in rows] == [["全部", 8, 2], ["2019", 4, 2], ["2020", 4, 2]]
    assert rows[0][5:8] == pytest.approx(np.quantile(each["tvpi"], (0.25, 0.5, 0.75)).tolist())
    one = each["replication"] == 0  # a world with one fund beside one with several leaves the class where it is
    few_funds = {name: column[one | (each["fund"] == 0)] for name, column in each.items()}
    sheet = opened(replace(few, result=replace(few.result, samples={"each_fund": few_funds}), lang="zh"))["单只基金"]
    assert [row[3].value for row in sheet.iter_rows() if row[2].value == "全部"] == [5]


def test_the_log_of_rounds_tells_named_firms_by_name_and_keeps_their_ids(root: Path, few: material.Material):
    from sim.scenario import load_scenario

    scenario = load_scenario(root / "scenarios" / "xian.toml")
    sheet = opened(replace(few, scenario=scenario, lang="zh"))["融资明细"]
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    at = next(i for i, row in enumerate(rows) if row[0] == "世界")
    assert rows[at][1:4] == ["季度", "企业", "编号"]
    assert rows[at + 1][2:4] == ["奕斯伟", "eswin"] and rows[at + 2][2:4] == ["organic 12", "organic 12"]
