"""A result as an Excel workbook: a sheet a topic, native charts whose bands are cells, inputs listed, no macros.

Texts are written as texts whatever they begin with, so a name such as `=1+1` is shown and never computed. The formulas
that are there are our own: the heights of the bands, p25 − p05 and so on, which a stacked area chart needs. Money is
in one unit a column (亿元, CNY bn), said in its heading.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Container, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from sim import figures
from sim.analysis.model import parameter_meaning
from sim.analysis.returns import OLD_ENOUGH, SINCE, has_books, single_funds
from sim.figures import style as look
from sim.figures.ladders import ladder_name, ladders_of, levels_of, waves
from sim.figures.style import capital, unit_of_difference
from sim.report import fair, sections
from sim.report.answer import sentences
from sim.report.numbers import dates, shown
from sim.terms import TERMS, plural, sourced, term

if TYPE_CHECKING:
    from sim.report.blocks import Table
    from sim.report.material import Material
    from sim.result import Result

MOST_ROUNDS = 50_000
CHART = (480, 270)  # pixels
ACROSS = 3  # charts side by side
CHART_ROWS = 14  # rows of the sheet below a chart's top
SCALE = 62  # per cent at which a sheet of charts prints: three abreast on landscape A4
PAGE_ROWS, PAGE_WIDTH = 53, 1576  # rows of usual height and pixels that go on such a page
MOST_PRINTED = 100  # rows of a log that print; all of them are there on the screen
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
LIGHT, DARK = "#D6E7F2", "#9EC8E2"
LINE = {"zh": 16.5, "en": 13.5}  # points a line of ten-point text takes
HIGHEST = 409.0  # points, of a row in Excel


def render(material: Material) -> bytes:
    """The bytes of an .xlsx file."""
    import xlsxwriter

    out = io.BytesIO()
    options = {
        "in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False,
        "nan_inf_to_errors": False,
    }  # fmt: skip
    with xlsxwriter.Workbook(out, options) as workbook:
        about = sections.document(material, [])
        day = material.day
        workbook.set_properties(
            {
                "title": about.title,
                "subject": about.subtitle,
                "author": "Headwater",
                "created": datetime(day.year, day.month, day.day),
            }
        )
        book = _Book(workbook, material)
        for sheet in SHEETS:
            sheet(book)
    return out.getvalue()


def lines_of(text: str, width: float) -> int:
    """Lines that a text takes in a column `width` digits wide: Chinese breaks at any letter, the rest at spaces.

    Said here, because programs that open the file do not measure wrapped text alike, and some not before printing.
    """
    count, room = 0, max(1.0, width - 1.0)
    for paragraph in text.split("\n"):
        count, at = count + 1, 0.0
        for word in re.findall(r"[^\s\u2e80-\uffff]+[ ]?|[\u2e80-\uffff]|\s", paragraph):
            wide = sum(2.0 if ord(letter) > 0x2E80 else 1.0 for letter in word)
            if at and at + len(word.rstrip()) * (wide / len(word)) > room:
                count, at = count + 1, 0.0
            broken = max(0, math.ceil(wide / room) - 1)  # a word wider than its column is cut
            count, at = count + broken, at + wide - broken * room
    return count


class _Book:
    """A workbook with the formats of its language, and rows written from the top down."""

    def __init__(self, workbook: Any, material: Material) -> None:
        self.workbook, self.material, self.lang, self.say = workbook, material, material.lang, material.say
        self._font = {
            "font_name": "Microsoft YaHei" if self.lang == "zh" else "Calibri",
            "font_size": 10,
            "valign": "top",
        }
        self._formats: dict[tuple[tuple[str, Any], ...], Any] = {}

    def format(self, **settings: Any) -> Any:
        key = tuple(sorted(settings.items()))
        if key not in self._formats:
            self._formats[key] = self.workbook.add_format({**self._font, "font_color": look.INK, **settings})
        return self._formats[key]

    def number(self, decimals: int, **settings: Any) -> Any:
        return self.format(num_format="#,##0" + ("." + "0" * decimals if decimals else ""), align="right", **settings)

    @property
    def head(self) -> Any:
        return self.format(font_color="#5c6b78", bottom=1, bottom_color=look.INK, text_wrap=True)

    @property
    def head_right(self) -> Any:
        return self.format(font_color="#5c6b78", bottom=1, bottom_color=look.INK, text_wrap=True, align="right")

    @property
    def head_indented(self) -> Any:
        return self.format(font_color="#5c6b78", bottom=1, bottom_color=look.INK, text_wrap=True, indent=1)

    def sheet(self, zh: str, en: str, widths: Sequence[float], charts: bool = False) -> _Sheet:
        """`charts`: prints at a fixed scale with breaks between the charts, for Excel ignores breaks where it fits."""
        name = self.say(zh, en)
        page = self.workbook.add_worksheet(name)
        page.hide_gridlines(2)
        page.set_landscape()
        page.set_paper(9)  # A4
        if charts:
            page.set_print_scale(SCALE)
        else:
            page.fit_to_pages(1, 0)
        page.set_margins(0.5, 0.5, 0.45, 0.5)
        page.set_footer("&C&P / &N", {"margin": 0.25})
        for column, width in enumerate(widths):
            page.set_column(column, column, width, self.format())
        made = _Sheet(self, page, name, widths)
        made.text(0, 0, name, self.format(font_size=16, font_color="#005a8c"))
        page.set_row(0, 26)
        return made


class _Sheet:
    """`row`: the next free row; `widths`: of its columns, in digits."""

    def __init__(self, book: _Book, page: Any, name: str, widths: Sequence[float]) -> None:
        self.book, self.page, self.name, self.row, self.widths = book, page, name, 2, widths
        self._lines: dict[int, int] = {}
        self._breaks: list[int] = []  # rows that begin a printed page

    def text(self, row: int, column: int, text: str, form: Any = None, width: float | None = None) -> None:
        """Never read as a formula, a number or a link. What wraps makes its row high; `width`: of merged cells."""
        form = form or self.book.format()
        self.page.write_string(row, column, str(text)[:32_767], form)
        if form.text_wrap:
            width = width or (self.widths[column] if column < len(self.widths) else 11)
            lines = lines_of(str(text), width)
            if lines > self._lines.get(row, 1):
                self._lines[row] = lines
                self.page.set_row(row, min(HIGHEST, 3 + LINE[self.book.lang] * lines))

    def keep(self, rows: int, at: int | None = None) -> None:
        """`rows` from `at` on (the next free row) stand on one printed page: a break before them where they must."""
        at = self.row if at is None else at
        begun = self._breaks[-1] if self._breaks else 0
        if at > begun and at + rows - begun > PAGE_ROWS:
            self._breaks.append(at)
            self.page.set_h_pagebreaks(self._breaks)

    def printed(self, last: int) -> None:
        """Rows down to `last` print, as wide as a page; what lies beyond is for the screen."""
        columns = int((PAGE_WIDTH - 7 * self.widths[0] - 5) // 82)  # all but the first are 11 digits wide
        self.page.print_area(0, 0, last, columns)

    def table(self, first: int, columns: int, freeze: bool = True, printed: int | None = None) -> None:
        """Rows from `first` to the last written are a table below the header: filter, head on every printed page.

        `printed`: how many of them print.
        """
        last = max(first, self.row - 1)
        self.page.autofilter(first - 1, 0, last, columns - 1)
        self.page.repeat_rows(first - 1)
        self.page.print_area(0, 0, last if printed is None else min(last, first + printed - 1), columns - 1)
        if freeze:
            self.page.freeze_panes(first, 0)

    def value(self, row: int, column: int, value: float | None, form: Any) -> None:
        if value is None or not math.isfinite(value):
            self.page.write_blank(row, column, None, form)
        else:
            self.page.write_number(row, column, value, form)

    def line(self, text: str, form: Any = None, columns: int = 8) -> None:
        """One text over several columns, with room for its lines."""
        form = form or self.book.format(text_wrap=True)
        self.page.merge_range(self.row, 0, self.row, columns - 1, "", form)
        self.text(self.row, 0, text, form, width=sum(self.widths[:columns]))
        self.row += 1

    def heading(self, text: str) -> None:
        self.text(self.row, 0, text, self.book.format(font_size=12, font_color="#005a8c"))
        self.page.set_row(self.row, 20)
        self.row += 1

    def header(self, names: Iterable[str], numbers: Container[int] = (), indented: Container[int] = ()) -> None:
        """`numbers`: the columns that hold numbers, whose names stand right as they do; `indented`: texts after one."""
        for column, name in enumerate(names):
            book = self.book
            form = book.head_right if column in numbers else book.head_indented if column in indented else book.head
            self.text(self.row, column, name, form)
        self.row += 1


# ------------------------------------------------------------------------------------------------------------ sheets


def _summary(book: _Book) -> None:
    material, result = book.material, book.material.result
    about = sections.document(material, [])
    sheet = book.sheet("摘要", "Summary", [38, 11, *[10.5] * 12])
    sheet.page.fit_to_pages(1, 1)
    sheet.line(f"{about.title}  {about.subtitle}", book.format(font_size=12))
    sheet.page.set_row(sheet.row - 1, 20)
    for what, value in about.facts:
        sheet.text(sheet.row, 0, what, book.format(font_color="#5c6b78"))
        sheet.text(sheet.row, 1, value)
        sheet.row += 1
    sheet.row += 1
    for i, sentence in enumerate(sentences(material), 1):
        sheet.line(f"{i}  {sentence}", columns=11)
    for remark in (sections.trust(material) if result is not None else "", *material.remarks):
        if remark:
            sheet.line(remark, book.format(text_wrap=True, font_color="#5c6b78"), columns=11)
    if result is None:
        return
    sheet.row += 1
    columns = dates(result.quarters, material.today)
    sheet.heading(book.say("主要指标（中位数与5–95%区间）", "Main metrics (medians and 5–95 % of worlds)"))
    over = book.format(font_color="#5c6b78", align="right")
    for i, quarter in enumerate(columns):
        sheet.page.merge_range(sheet.row, 2 + 3 * i, sheet.row, 4 + 3 * i, "", over)
        sheet.text(sheet.row, 2 + 3 * i, quarter, over)
    sheet.row += 1
    names = [term("metric", book.lang), term("unit", book.lang)]
    names += [term("median", book.lang), "P5", "P95"] * len(columns)
    sheet.header(names, range(2, len(names)))
    keys = dict.fromkeys((*sections.FIRMS, *sections.VALUES, *sections.FUND, *sections.PURSE))
    for metric in (metric for metric in keys if metric in result and figures.moves(result, metric)):
        rows = result.summary([metric], columns)
        values = [x for r in rows for x in (r.p05, r.p50, r.p95)]
        scale = shown(result.metric(metric).unit, values, book.lang, whole=True)
        sheet.text(sheet.row, 0, capital(result.metric(metric).label[book.lang]))
        sheet.text(sheet.row, 1, scale.unit)
        for i, row in enumerate(rows):
            for k, value in enumerate((row.p50, row.p05, row.p95)):
                soft = {} if k == 0 else {"font_color": "#5c6b78"}
                sheet.value(sheet.row, 2 + 3 * i + k, value / scale.scale.divisor, book.number(scale.decimals, **soft))
        sheet.row += 1


def _facts(book: _Book) -> None:
    material, result, lang = book.material, book.material.result, book.lang
    if result is None or not result.facts:
        return
    sheet = book.sheet("公布数据", "Published facts", [8, 34, 9, 9, 10, 11, 11, 11, 11, 10, 9, 56])
    for text in sections.misses(material):
        sheet.line(text, columns=12)
    sheet.row += 1
    sheet.header(
        [
            term("fact.use", lang),
            term("fact", lang),
            term("date", lang),
            term("unit", lang),
            book.say("口径", "Bound"),
            term("observed", lang),
            "P5",
            term("median", lang),
            "P95",
            term("fact.reached", lang),
            book.say("判定", "Verdict"),
            term("source", lang),
        ],
        range(5, 10),
        indented=(10,),
    )
    first, wrap = sheet.row, book.format(text_wrap=True)
    for use in sections.USES:
        for fact in (fact for fact in result.facts if fact.use == use):
            scale = shown(fact.unit or "index", (fact.observed, fact.p05, fact.p50, fact.p95), lang)
            sheet.text(sheet.row, 0, term(f"use.{use}", lang))
            sheet.text(sheet.row, 1, sections.name_of_fact(fact, material), wrap)
            sheet.text(sheet.row, 2, fact.date)
            sheet.text(sheet.row, 3, scale.unit)
            sheet.text(sheet.row, 4, term(f"bound.{fact.bound}", lang) if f"bound.{fact.bound}" in TERMS else "")
            for column, value in zip((5, 6, 7, 8), (fact.observed, fact.p05, fact.p50, fact.p95), strict=True):
                divided = None if value is None else value / scale.scale.divisor
                sheet.value(sheet.row, column, divided, book.number(scale.decimals))
            sheet.value(sheet.row, 9, fact.probability, book.format(num_format="0%", align="right"))
            if fact.inside is not None and use != "goal":
                colour = "#00704f" if fact.inside else "#b34700"
                sheet.text(
                    sheet.row,
                    10,
                    term("inside" if fact.inside else "outside", lang),
                    book.format(font_color=colour, indent=1),
                )
            sheet.text(
                sheet.row,
                11,
                book.say("；", "; ").join(sourced(p, lang) for p in (fact.source, fact.note) if p),
                book.format(text_wrap=True),
            )
            sheet.row += 1
    sheet.table(first, 12, freeze=False)


def _firms(book: _Book) -> None:
    if book.material.result is not None:
        _curves(book, book.sheet("企业", "Firms", [10], charts=True), sections.FIRMS)


def _valuations(book: _Book) -> None:
    if book.material.result is not None:
        _curves(book, book.sheet("估值", "Valuations", [10], charts=True), sections.VALUES)


def _ladders(book: _Book) -> None:
    result = book.material.result
    if result is None or not ladders_of(result):
        return
    sheet = book.sheet("梯度", "Ladders", [10], charts=True)
    for ladder in ladders_of(result):
        name = capital(ladder_name(result, ladder, book.lang))
        heading = book.say(
            f"{name}：每年新增与退出（中位数）",
            f"{name}: entered and left each year (medians)",
        )
        _renewal(book, sheet, ladder, heading)
    levels = [level for ladder in ladders_of(result) for level in levels_of(result, ladder)]
    _curves(book, sheet, levels, book.say("存量", "Stocks"))


def _money(book: _Book) -> None:
    result = book.material.result
    if result is None or not any(m.name.startswith(("funds.", "public.")) for m in result.metrics):
        return
    sheet = book.sheet("资金", "Money", [16], charts=True)
    for table in sections.fund_tables(book.material):
        sheet.heading(table.caption)
        _copy(sheet, table)
        sheet.row += 1
    curves = ("funds.guidance.net_cash", "funds.subfunds.net_cash", *sections.FUND, *sections.PURSE)
    _curves(book, sheet, curves)


def _fair(book: _Book) -> None:
    """Rounds by stage, then valuations of unlisted firms and net asset values of funds by year, beside fair value."""
    material, result, lang, say = book.material, book.material.result, book.lang, book.say
    if result is None:
        return
    rounds = fair.rounds_of(material)
    columns = list(dict.fromkeys([q for q in result.quarters if q.endswith("Q4")] + result.quarters[-1:]))
    of = fair.headlines(material, columns) + fair.funds_by_name(material, columns)
    if rounds is None and not of:
        return
    sheet = book.sheet("公允价值", "Fair value", [44, 11, 15, 15, 13, 13, 13, 15, 13])
    whole = book.format(num_format="0%", align="right")
    size, unit = (1e8, "亿元") if lang == "zh" else (1e9, "CNY bn")
    if rounds is not None:
        sheet.heading(say(f"各轮（{unit}，中位数与5–95%的轮次）", f"Rounds ({unit}, medians and 5–95 % of rounds)"))
        header = say(
            "轮次|数量|投后估值|公允价值|超出幅度 P5|超出幅度|超出幅度 P95|高于公允价值|典型路径",
            "Rounds|No.|Post-money|Fair value|Excess P5|Excess|Excess P95|Above fair value|Typical path",
        ).split("|")
        sheet.header(header, range(1, 9))
        for row in rounds.rows:
            sheet.text(sheet.row, 0, capital(fair.kind_name(row.kind, material)))
            sheet.value(sheet.row, 1, row.count, book.number(0))
            for column, value in ((2, row.post_money), (3, row.fair_value)):
                sheet.value(sheet.row, column, value / size, book.number(4))
            for column, value in enumerate((*row.excess, row.above, row.typical), 4):
                sheet.value(sheet.row, column, value, whole)
            sheet.row += 1
        sheet.line(fair.coverage(material), book.format(text_wrap=True, font_color="#5c6b78"), columns=9)
        sheet.row += 1
    for text in fair.missing(material, rounds is not None, bool(of)):
        sheet.line(text, columns=9)
    if of:
        sheet.heading(say(f"估值与净值（{unit}，中位数）", f"Valuations and net asset values ({unit}, medians)"))
        header = say(
            "项目|季度|账面|公允价值|超出幅度 P5|超出幅度|超出幅度 P95|有持仓的世界",
            "Of|Quarter|As reported|Fair value|Excess P5|Excess|Excess P95|Worlds",
        ).split("|")
        sheet.header(header, range(2, 8))
        first = sheet.row
        for name, found in of:
            for x in found:
                sheet.text(sheet.row, 0, name)
                sheet.text(sheet.row, 1, x.quarter)
                for column, value in ((2, x.headline[1]), (3, x.fair_value[1])):
                    sheet.value(sheet.row, column, value / size, book.number(2))
                for column, value in enumerate(x.excess, 4):
                    sheet.value(sheet.row, column, value, whole)
                sheet.value(sheet.row, 7, x.defined, book.number(0))
                sheet.row += 1
        last = sheet.row
        sheet.line(fair.note_on_headlines(material), book.format(text_wrap=True, font_color="#5c6b78"), columns=9)
        sheet.page.autofilter(first - 1, 0, last - 1, 7)


def _vintages(book: _Book) -> None:
    """Key ratios of each class of funds and vintage at the ends of years: of every column the median over the worlds
    that were logged, so that the measures of a row are of one kind."""
    material, result, lang, say = book.material, book.material.result, book.lang, book.say
    table = result.samples.get("fund_table", {}) if result is not None else {}
    ratios = ("pic", "dpi", "rvpi", "tvpi", "ks_pme", "irr", "direct_alpha")
    money = ("commitment", "paid_in", "distributed", "nav", "nav_fair")
    if result is None or not len(table.get("quarter", ())) or any(name not in table for name in (*ratios, *money)):
        return
    names = fund_names(material)
    sheet = book.sheet("基金设立年份", "Fund vintages", [26, 15, 10, 10, 8, *[11] * 12])
    size, unit = (1e8, "亿元") if lang == "zh" else (1e9, "CNY bn")
    worlds = len(np.unique(table["replication"]))
    partial = table["partial"] if "partial" in table else np.zeros(len(table["quarter"]), int)
    sheet.line(
        say(
            f"各类基金按设立年份（首次交割之年），同一年份的基金合并计算，年末；金额单位：{unit}。每一列都是有明细的"
            f"{worlds}个世界各自数值的中位数，“世界数”为其中有这一年份的世界；因此 TVPI 不是本行金额之比。"
            "单只基金的离散见“单只基金”一表。全部世界的逐季指标（不分年份）见 summary.csv，"
            "逐季逐世界见 fund_table.parquet，单只基金见 each_fund.parquet。没有收益率的为空。",
            "Classes of funds by vintage (year of the first close), the funds of a vintage pooled, at ends of"
            f" years; money in {unit}. Every column is the median over the {plural(worlds, 'world')} logged of"
            " each world's own number, Worlds the number of those that have the vintage; so TVPI is not the ratio"
            " of the row's amounts. How far single funds lie apart is in the sheet Single funds. By quarter over all"
            " worlds, without vintage, they are in summary.csv; by quarter and replication in fund_table.parquet,"
            " of each single fund in each_fund.parquet. A rate that is undefined is blank.",
        ),
        columns=13,
    )
    if np.any(partial):
        sheet.line(
            say(
                f"{PARTIAL}：起点前已设立、又没有账面的基金，入场时只有尚未投出的余额；其比率与收益率不代表该年份，故留空。",
                f"{PARTIAL}: opened before the start and without books, these funds enter with what they had left to"
                " place. Their ratios and rates are not those of the vintage and are left blank.",
            ),
            columns=13,
        )
    if any(has_books(result, f"funds.{name}") for name in np.unique(table["class"]).tolist()):
        sheet.line(term("returns.since.alpha", lang), columns=13)
    header = say(
        "基金类|编号|设立年份|季度|世界数|认缴|实缴|分配|净值|公允净值|实缴比例|DPI|RVPI|TVPI|KS-PME|IRR|直接阿尔法",
        "Class of funds|Id|Vintage|Quarter|Worlds|Commitments|Paid in|Paid out|NAV|Fair NAV|PIC|DPI|RVPI|TVPI|KS-PME|"
        "IRR|Direct alpha",
    ).split("|")
    sheet.header(header, range(4, 17))
    first = sheet.row
    last = result.quarters[-1]
    keep = np.array([str(q).endswith("Q4") or q == last for q in table["quarter"]])
    columns_of = (table["class"], table["vintage"], partial, table["quarter"])
    keys = list(zip(*(values[keep].tolist() for values in columns_of), strict=True))
    columns = {name: table[name][keep].astype(float) for name in (*money, *ratios)}
    of: dict[tuple[str, int, int, str], list[int]] = {}
    for i, key in enumerate(keys):
        of.setdefault(key, []).append(i)
    rank = {name: k for k, name in enumerate(names)}
    for key in sorted(of, key=lambda key: (rank.get(key[0], len(rank)), key)):
        name, vintage, rest, quarter = key
        mark = SINCE if has_books(result, f"funds.{name}") else ""
        sheet.text(sheet.row, 0, names.get(name, str(name)) + mark)
        sheet.text(sheet.row, 1, str(name))
        sheet.text(sheet.row, 2, f"{vintage}{PARTIAL if rest else ''}")
        sheet.text(sheet.row, 3, str(quarter))
        sheet.value(sheet.row, 4, len(of[key]), book.number(0))
        for column, what in enumerate((*money, *ratios), 5):
            if rest and what in ratios:
                continue
            middle = _median(columns[what][of[key]]) / (size if what in money else 1.0)
            form = book.format(num_format="0.0%", align="right") if what in RATES else book.number(2)
            sheet.value(sheet.row, column, middle if math.isfinite(middle) else None, form)
        sheet.row += 1
    sheet.table(first, 17, freeze=False)


PARTIAL = "*"  # at vintages of which only the rest is in the run
RATES = ("irr", "direct_alpha", "pic")  # told in per cent


def fund_names(material: Material) -> dict[str, str]:
    """Class of funds -> its name in the reader's language, in the scenario's order."""
    if material.scenario is None:
        return {}
    return {c.id: capital(c.name.get(material.lang)) for c in material.scenario.ordered_funds()}


def _single_funds(book: _Book) -> None:
    """Quartiles over single funds, by class and by class and vintage, at the end."""
    material, result, lang, say = book.material, book.material.result, book.lang, book.say
    each = result.samples.get("each_fund", {}) if result is not None else {}
    found = single_funds(each, result.quarters, by_vintage=True) if result is not None else []
    several = {x.id for x in found if x.vintage is None and x.most > 1}
    found = [x for x in found if x.id in several]
    if result is None or not found:
        return
    names = fund_names(material)
    sheet = book.sheet("单只基金", "Single funds", [26, 15, 10, 9, 12, *[10] * 10])
    size, unit = (1e8, "亿元") if lang == "zh" else (1e9, "CNY bn")
    sheet.line(
        say(
            f"{result.quarters[-1]}，首次交割满{OLD_ENOUGH}年的基金逐只计算，取自有明细的{found[0].worlds}个世界；"
            f"金额单位：{unit}。Q1、Q3 为各只基金的四分位，数量为这些世界中的基金只数合计，每只同等计。"
            "在每个世界都至多一只基金的类别，与起点前已设立、又没有账面的基金不计。“全部”行不分年份。",
            f"{result.quarters[-1]}: funds whose first close lies {OLD_ENOUGH} years back or more, one by one, in the"
            f" {plural(found[0].worlds, 'world')} logged; money in {unit}. Q1 and Q3 are quartiles over funds, No."
            " is how many there are in these worlds together, each counted alike. Classes that have at most one fund"
            " in every world, and funds that opened before the start without books, are left out. Rows named All take"
            " the vintages together.",
        ),
        columns=12,
    )
    header = say(
        "基金类|编号|设立年份|数量|认缴（中位）|TVPI Q1|TVPI|TVPI Q3|DPI Q1|DPI|DPI Q3|IRR Q1|IRR|IRR Q3|TVPI 大于 1",
        "Class of funds|Id|Vintage|No.|Size, median|TVPI Q1|TVPI|TVPI Q3|DPI Q1|DPI|DPI Q3|IRR Q1|IRR|IRR Q3|"
        "TVPI above 1",
    ).split("|")
    sheet.header(header, range(3, 15))
    first = sheet.row
    rank = {name: k for k, name in enumerate(names)}
    for x in sorted(found, key=lambda x: rank.get(x.id, len(rank))):
        sheet.text(sheet.row, 0, names.get(x.id, x.id))
        sheet.text(sheet.row, 1, x.id)
        sheet.text(sheet.row, 2, say("全部", "All") if x.vintage is None else str(x.vintage))
        sheet.value(sheet.row, 3, x.funds, book.number(0))
        sheet.value(sheet.row, 4, x.size / size, book.number(2))
        for column, value in enumerate((*x.tvpi, *x.dpi, *x.irr), 5):
            percent = column >= 11
            form = book.format(num_format="0.0%", align="right") if percent else book.number(2)
            sheet.value(sheet.row, column, value, form)
        sheet.value(sheet.row, 14, x.above, book.format(num_format="0%", align="right"))
        sheet.row += 1
    sheet.table(first, 15, freeze=False)


def _median(values: np.ndarray) -> float:
    values = values[np.isfinite(values)]
    return float(np.median(values)) if values.size else math.nan


def _programmes(book: _Book) -> None:
    result = book.material.result
    metrics = [m for own in sections.policy_tools(result).values() for m in own] if result is not None else []
    if metrics:
        _curves(book, book.sheet("政策工具", "Programmes", [10], charts=True), metrics)


def _rounds(book: _Book) -> None:
    result, lang = book.material.result, book.lang
    if result is None or "rounds" not in result.samples:
        return
    log = result.samples["rounds"]
    count = len(log.get("quarter", ()))
    if not count:
        return
    names = {f.id: f.name.get(lang) for f in book.material.scenario.named} if book.material.scenario else {}
    table = dict(log)
    if "firm" in log:
        table |= {"id": log["firm"], "firm": np.array([names.get(x, x) for x in log["firm"].tolist()], object)}
    columns = {
        "replication": ("世界", "World"), "quarter": ("季度", "Quarter"), "firm": ("企业", "Firm"),
        "id": ("编号", "Id"), "stage": ("轮次", "Stage"), "round": ("第几轮", "Round"), "amount": ("融资额", "Raised"),
        "pre_money": ("投前估值", "Pre-money"), "post_money": ("投后估值", "Post-money"),
        "fair_value": ("公允价值（典型路径）", "Fair value (typical path)"),
        "previous_post_money": ("上轮投后", "Previous post-money"), "from_others": ("其他投资人出资", "From others"),
        "revenue": ("年化营收", "Revenue, a year"),
    }  # fmt: skip
    have = [name for name in columns if name in table]
    sheet = book.sheet("融资明细", "Rounds log", [8, 11, 18, 18, 12, 9, *[15] * 3, 20, *[15] * 3])
    size, unit = (1e4, "万元") if lang == "zh" else (1e6, "CNY m")
    first = min(count, MOST_ROUNDS)
    sheet.line(
        book.say(
            f"前{_logged(result)}个世界中的融资（编号从0起）。金额单位：{unit}。"
            + ("" if first == count else f"只列前{first:,}条，共{count:,}条。")
            + (f"打印只含前{MOST_PRINTED}条。" if first > MOST_PRINTED else ""),
            f"Rounds of the first {plural(_logged(result), 'world')}, numbered from 0. Money in {unit}."
            + ("" if first == count else f" The first {first:,} of {count:,} rows.")
            + (f" The first {MOST_PRINTED} of them print." if first > MOST_PRINTED else ""),
        )
    )
    texts = {name for name in have if table[name].dtype.kind in "OU"}
    sheet.header(
        [book.say(*columns[name]) for name in have],
        [k for k, name in enumerate(have) if name not in texts],
        [k for k, name in enumerate(have) if name in texts],
    )
    header = sheet.row - 1
    for column, name in enumerate(have):
        values = table[name][:first]
        if name in texts:
            beside = book.format(indent=1)
            for i, value in enumerate(values):
                told = term(f"stage.{value}", lang) if name == "stage" and f"stage.{value}" in TERMS else str(value)
                sheet.page.write_string(header + 1 + i, column, told, beside)
        else:
            money = name not in ("replication", "round")
            form = book.number(0 if lang == "zh" or not money else 2)
            for i, value in enumerate(values.tolist()):
                none = name == "previous_post_money" and value == 0  # a first round has none
                sheet.value(header + 1 + i, column, None if none else value / size if money else value, form)
    sheet.row = header + 1 + first
    sheet.table(header + 1, len(have), printed=MOST_PRINTED)


def _logged(result: Result) -> int:
    replications = result.samples["rounds"].get("replication", np.zeros(1))
    return int(np.max(replications)) + 1 if len(replications) else 0


def _comparison(book: _Book) -> None:
    c = book.material.comparison
    if c is None:
        return
    sheet = book.sheet("政策比较", "Comparison", [34, 38, 11, 13, 13, 13, 13, 12, 26])
    baseline = capital(c.called(c.baseline, book.lang))
    main = c.shown()
    order = [*main, *(k for k in range(len(c.metrics)) if k not in main)]
    sheet.line(
        book.say(
            f"与基准“{baseline}”之差，{c.at}，{c.replications}个配对世界；区间为均值的95%置信区间。"
            "主要指标在前，只打印主要指标。",
            f"Difference from the baseline, {baseline}, {c.at}, {c.replications} paired worlds; intervals are of"
            " the mean, 95 %. The main metrics come first, and they alone print.",
        )
    )
    sheet.header(
        [
            term("scenario", book.lang),
            term("metric", book.lang),
            term("unit", book.lang),
            book.say("基准均值", "Baseline mean"),
            term("figure.difference", book.lang),
            book.say("区间下限", "Low"),
            book.say("区间上限", "High"),
            book.say("更高的概率", "P(more)"),
            "",
        ],
        range(3, 8),
    )
    j, first, wrap = c.column(c.at), sheet.row, book.format(text_wrap=True)
    from sim.analysis.text import word

    for k in order:
        metric = c.metrics[k]
        of_base = shown(metric.unit, [c.baseline_mean[k, j]], book.lang)
        differences = [x for d in c.differences for x in (d.mean[k, j], d.low[k, j], d.high[k, j])]
        scale = shown(metric.unit, [c.baseline_mean[k, j], *differences], book.lang)
        small = shown(metric.unit, differences, book.lang)
        same_scale = small.scale.divisor == scale.scale.divisor
        decimals = small.decimals if same_scale else 4  # a difference small beside its baseline
        gap = unit_of_difference(metric.unit)
        units = scale.unit if gap == metric.unit else f"{scale.unit}, {term(f'unit.{gap}', book.lang)}"
        for d in c.differences:
            sheet.text(sheet.row, 0, capital(c.called(d.name, book.lang)), wrap)
            sheet.text(sheet.row, 1, capital(metric.label[book.lang]), wrap)
            sheet.text(sheet.row, 2, units)
            base = c.baseline_mean[k, j] / scale.scale.divisor
            sheet.value(sheet.row, 3, base, book.number(of_base.decimals))
            for column, value in enumerate((d.mean[k, j], d.low[k, j], d.high[k, j]), 4):
                sheet.value(sheet.row, column, value / scale.scale.divisor, book.number(decimals))
            sheet.value(sheet.row, 7, d.p_more[k, j], book.format(num_format="0%", align="right"))
            same = book.say("与基准相同", "as the baseline") if d.p_same[k, j] == 1.0 else ""
            told = word("noise", book.lang) if d.noise[k, j] else same
            sheet.text(sheet.row, 8, told, book.format(indent=2))
            sheet.row += 1
    sheet.table(first, 9, printed=len(main) * len(c.differences))


def _sensitivity(book: _Book) -> None:
    s = book.material.sweep
    if s is None:
        return
    from sim.analysis.text import WORDS, word

    sheet = book.sheet("敏感性", "Sensitivity", [40, 24, 40, 34, 30, 12, 12, 12])
    sheet.header(
        [
            term("metric", book.lang),
            book.say("指数", "Index"),
            term("parameter", book.lang),
            book.say("路径", "Path"),
            book.say("与之交互", "With"),
            book.say("数值", "Value"),
            book.say("区间下限", "Low"),
            book.say("区间上限", "High"),
        ],
        range(5, 8),
    )
    first, wrap = sheet.row, book.format(text_wrap=True)
    for index in s.indices:
        name = word(index.name, book.lang) if index.name in WORDS else index.name
        label = capital(s.model.label(index.parameter, book.lang))
        texts = (capital(s.model.label(index.output, book.lang)), name, label, index.parameter, index.other)
        for column, text in enumerate(texts):
            sheet.text(sheet.row, column, text, wrap)
        for column, value in enumerate((index.value, index.low, index.high), 5):
            sheet.value(sheet.row, column, value, book.format(num_format="#,##0.000", align="right"))
        sheet.row += 1
    sheet.table(first, 8)


def _assumptions(book: _Book) -> None:
    from sim.scenario.fields import iter_quantities

    rows = sections.parameters_of(book.material)
    if not rows or book.material.scenario is None:
        return
    numbers = {path: q.value for path, q in iter_quantities(book.material.scenario)}
    sheet = book.sheet("参数假设", "Assumptions", [9, 36, 36, 24, 12, 9, 48, 26])
    sheet.header(
        [
            book.say("等级", "Grade"),
            term("parameter", book.lang),
            book.say("路径", "Path"),
            book.say("数值", "Value"),
            book.say("基本单位值", "In base units"),
            term("unit", book.lang),
            term("source", book.lang),
            book.say("备注", "Note"),
        ],
        {4},
        indented=(5,),
    )
    first, wrap = sheet.row, book.format(text_wrap=True)
    for grade, path, value, unit, source, remark in sorted(
        rows, key=lambda row: ("published", "estimated", "assumed").index(row[0])
    ):
        sheet.text(sheet.row, 0, term(f"grade.{grade}", book.lang))
        sheet.text(sheet.row, 1, capital(parameter_meaning(book.material.scenario, path, book.lang)), wrap)
        sheet.text(sheet.row, 2, path, wrap)
        sheet.text(sheet.row, 3, value, wrap)
        sheet.value(sheet.row, 4, numbers[path], book.format(num_format="General", align="right"))
        sheet.text(sheet.row, 5, book.say(UNITS.get(unit, unit), unit), book.format(indent=1))
        sheet.text(sheet.row, 6, source, wrap)
        sheet.text(sheet.row, 7, remark, wrap)
        sheet.row += 1
    sheet.table(first, 8)


UNITS = {
    "share": "占比",
    "probability": "概率",
    "per year": "每年",
    "years": "年",
    "count": "个",
    "number": "数",
    "ratio": "倍",
    "CNY": "元",
    "USD": "美元",
    "m2": "平方米",
}


def _about(book: _Book) -> None:
    material = book.material
    sheet = book.sheet("说明", "About", [30, 90])
    for what, value in sections.document(material, []).facts:
        sheet.text(sheet.row, 0, what, book.format(font_color="#5c6b78"))
        sheet.text(sheet.row, 1, value, book.format(text_wrap=True))
        sheet.row += 1
    for section in (sections.how_to_reproduce(material), sections.the_limits(material)):
        if section is None:
            continue
        sheet.row += 1
        sheet.heading(section.title)
        for block in section.blocks:
            kind = type(block).__name__
            if kind in ("Code", "Paragraph"):
                sheet.line(block.text, columns=2)  # type: ignore[union-attr]
            elif kind == "Points":
                for item in block.items:  # type: ignore[union-attr]
                    sheet.line(item, columns=2)
            elif kind == "Table":
                for row in block.rows:  # type: ignore[union-attr]
                    sheet.text(sheet.row, 0, row.cells[0].text, book.format(font_color="#5c6b78"))
                    sheet.text(sheet.row, 1, row.cells[1].text, book.format(text_wrap=True))
                    sheet.row += 1
    sheet.row += 1
    sheet.line(
        book.say(
            "图中深色带为25–75%、浅色带为5–95%的世界，线为中位数。图下为其数据，供屏幕使用，不打印；“区间高度”列供图表使用。"
            "本工作簿不含宏，也不引用外部文件。",
            "Charts: the dark band holds 25–75 %, the light one 5–95 % of the worlds; the line is the median."
            " The numbers below them are for the screen and do not print; those headed height of band serve the bands."
            " There are no macros and no links to other files.",
        ),
        columns=2,
    )


SHEETS = (
    _summary, _facts, _firms, _valuations, _ladders, _money, _fair, _vintages, _single_funds, _programmes, _comparison,
    _sensitivity, _rounds, _assumptions, _about,
)  # fmt: skip


# ------------------------------------------------------------------------------------------------------------ charts


def _curves(book: _Book, sheet: _Sheet, metrics: Sequence[str], heading: str = "") -> None:
    """A fan chart of each metric, three abreast, and below them the quantiles by quarter that they are drawn from,
    which do not print: they run far to the right."""
    result, lang = book.material.result, book.lang
    assert result is not None
    shown_metrics = [m for m in dict.fromkeys(metrics) if figures.moves(result, m)]
    if not shown_metrics:
        return
    _head(sheet, heading)
    top = sheet.row
    data = top + CHART_ROWS * -(-len(shown_metrics) // ACROSS) + 1
    for row in range(top, data - 1, CHART_ROWS):
        sheet.keep(CHART_ROWS, row)
    sheet.printed(data - 1)
    labels = [
        book.say("5%分位", "P5"),
        book.say("25%分位", "P25"),
        term("median", lang),
        book.say("75%分位", "P75"),
        book.say("95%分位", "P95"),
    ]
    heights = [book.say(f"区间高度 {span}", f"height of band {span}") for span in ("5–25", "25–75", "75–95")]
    first, last = data + 2, data + 1 + len(result.quarters)
    sheet.text(data + 1, 0, term("quarter", lang), book.head)
    for i, quarter in enumerate(result.quarters):
        sheet.text(first + i, 0, quarter)
    start = 1 + 5 * len(shown_metrics)
    sheet.page.set_column(1, start - 1, 11, book.format())
    sheet.page.set_column(start, start + 3 * len(shown_metrics) - 1, 9, book.format(font_color="#7f8c8d"))
    for n, metric in enumerate(shown_metrics):
        about, bands = result.metric(metric), result.quantiles(metric, QUANTILES)
        scale = shown(about.unit, bands.ravel().tolist(), lang)
        column, helper = 1 + 5 * n, start + 3 * n
        name = (
            f"{capital(about.label[lang])}（{scale.unit}）"
            if lang == "zh"
            else f"{capital(about.label[lang])} ({scale.unit})"
        )
        sheet.page.merge_range(data, column, data, column + 4, "", book.head)
        sheet.text(data, column, name, book.head, width=55)
        sheet.text(data, helper, name, book.format(font_color="#7f8c8d"))
        for k, label in enumerate(labels):
            sheet.text(data + 1, column + k, label, book.head_right)
        for k, label in enumerate(heights):
            sheet.text(data + 1, helper + k, label, book.head_right)
        scaled = bands / scale.scale.divisor
        form, faint = book.number(scale.decimals), book.number(scale.decimals, font_color="#7f8c8d")
        for i in range(len(result.quarters)):
            for k in range(5):
                sheet.value(first + i, column + k, float(scaled[k, i]), form)
            for k, (low, high) in enumerate(((0, 1), (1, 3), (3, 4))):
                _difference(sheet, first + i, helper + k, column + low, column + high, scaled[:, i], low, high, faint)
        chart = _fan(book, sheet, data, (first, last), column, helper, form_of=scale.decimals)
        _put_chart(sheet, top, n, chart, f"{name}, {result.quarters[0]}–{result.quarters[-1]}")
    sheet.row = last + 3


def _put_chart(sheet: _Sheet, top: int, n: int, chart: Any, alt: str) -> None:
    """The n-th of a sheet's charts, which stand in rows of ACROSS from row `top` on."""
    row, across = divmod(n, ACROSS)
    place = {
        "x_offset": across * (CHART[0] + 12),
        "y_offset": row * CHART_ROWS * 20,
        "description": alt,
        "object_position": 3,
    }
    sheet.page.insert_chart(top, 0, chart, place)


def _head(sheet: _Sheet, heading: str, rows: int = CHART_ROWS) -> None:
    """A heading on the page of what stands below it."""
    if heading:
        sheet.keep(rows + 1)
        sheet.heading(heading)


def _difference(
    sheet: _Sheet, row: int, column: int, low: int, high: int, values: np.ndarray, below: int, above: int, form: Any
) -> None:
    from xlsxwriter.utility import xl_rowcol_to_cell

    value = float(values[above] - values[below])
    if math.isfinite(value):
        formula = f"={xl_rowcol_to_cell(row, high)}-{xl_rowcol_to_cell(row, low)}"
        sheet.page.write_formula(row, column, formula, form, value)


def _fan(book: _Book, sheet: _Sheet, data: int, rows: tuple[int, int], column: int, helper: int, form_of: int) -> Any:
    """A stacked area from p05 upwards (the first layer is clear) and a line for the median."""
    first, last = rows
    categories = [sheet.name, first, 0, last, 0]

    def cells(at: int) -> list[Any]:
        return [sheet.name, first, at, last, at]

    area = book.workbook.add_chart({"type": "area", "subtype": "stacked"})
    area.add_series(
        {
            "values": cells(column),
            "categories": categories,
            "name": [sheet.name, data + 1, column],
            "fill": {"none": True},
            "border": {"none": True},
        }
    )
    spans = ("5–95%", "25–75%", "5–95%")
    for k, colour in enumerate((LIGHT, DARK, LIGHT)):
        area.add_series(
            {
                "values": cells(helper + k),
                "categories": categories,
                "name": spans[k],
                "fill": {"color": colour},
                "border": {"none": True},
            }
        )
    line = book.workbook.add_chart({"type": "line"})
    line.add_series(
        {
            "values": cells(column + 2),
            "categories": categories,
            "name": [sheet.name, data + 1, column + 2],
            "line": {"color": look.BLUE, "width": 2},
        }
    )
    area.combine(line)
    small = {"name": "Microsoft YaHei" if book.lang == "zh" else "Calibri", "size": 8, "color": look.INK}
    area.set_title(
        {"name": [sheet.name, data, column], "name_font": {**small, "size": 10, "bold": False}, "overlay": False}
    )
    area.set_legend({"position": "bottom", "delete_series": [0, 3], "font": small})
    count = last - first + 1
    quarterly = {"interval_unit": max(1, -(-count // 8)), "interval_tick": max(1, -(-count // 8))}
    area.set_x_axis(
        {
            "num_font": small,
            "line": {"color": look.GREY},
            "label_position": "low",
            "position_axis": "on_tick",
            **quarterly,
        }
    )
    picture = "#,##0" if form_of < 2 else "#,##0.##"
    area.set_y_axis(
        {
            "num_font": small,
            "num_format": picture,
            "line": {"none": True},
            "major_gridlines": {"visible": True, "line": {"color": "#E8ECEE"}},
        }
    )
    area.set_size({"width": CHART[0], "height": CHART[1]})
    return area


def _renewal(book: _Book, sheet: _Sheet, ladder: str, heading: str) -> None:
    """Columns up for those who entered and down for those who left, a chart a level, over the table of both."""
    result, lang = book.material.result, book.lang
    assert result is not None
    found = {level: w for level in levels_of(result, ladder) if (w := waves(result, level)) is not None}
    if not found:
        return
    years = next(iter(found.values())).years
    high = CHART_ROWS * -(-len(found) // ACROSS)
    whole = high + len(years) + 4  # with the table
    _head(sheet, heading, whole if whole < PAGE_ROWS else CHART_ROWS)
    top = sheet.row
    data = top + high + 1
    for row in range(top, top + high, CHART_ROWS):
        sheet.keep(CHART_ROWS, row)
    sheet.keep(len(years) + 2, data)
    first, last = data + 2, data + 1 + len(years)
    sheet.text(data + 1, 0, term("year", lang), book.head)
    for i, year in enumerate(years):
        sheet.text(first + i, 0, str(year))
    for n, (level, w) in enumerate(found.items()):
        column = 1 + 3 * n
        name = capital(result.metric(level).label[lang])
        sheet.page.merge_range(data, column, data, column + 2, "", book.head)
        sheet.text(data, column, name, book.head, width=30)
        for k, key in enumerate(("figure.entered", "figure.left", "figure.net")):
            sheet.text(data + 1, column + k, term(key, lang), book.head_right)
        for i in range(len(years)):
            for k, value in enumerate((w.entered[1][i], -w.left[1][i], w.net[1][i])):
                sheet.value(first + i, column + k, float(value), book.number(0))
        chart = book.workbook.add_chart({"type": "column", "subtype": "stacked"})
        for k, colour in enumerate((look.BLUE, look.ORANGE)):
            chart.add_series(
                {
                    "values": [sheet.name, first, column + k, last, column + k],
                    "categories": [sheet.name, first, 0, last, 0],
                    "name": [sheet.name, data + 1, column + k],
                    "fill": {"color": colour},
                    "gap": 40,
                }
            )
        small = {"name": "Microsoft YaHei" if lang == "zh" else "Calibri", "size": 8, "color": look.INK}
        chart.set_title({"name": [sheet.name, data, column], "name_font": {**small, "size": 10, "bold": False}})
        chart.set_legend({"position": "bottom", "font": small})
        chart.set_x_axis({"num_font": small, "label_position": "low", "line": {"color": look.GREY}})
        chart.set_y_axis(
            {
                "num_font": small,
                "num_format": "#,##0;#,##0",
                "line": {"none": True},
                "major_gridlines": {"visible": True, "line": {"color": "#E8ECEE"}},
            }
        )
        chart.set_size({"width": CHART[0], "height": CHART[1]})
        _put_chart(sheet, top, n, chart, name)
    sheet.row = last + 3


def _copy(sheet: _Sheet, table: Table) -> None:
    """A table of the report, its numbers as numbers."""
    sheet.header(table.header, range(1, len(table.header)))
    for row in table.rows:
        for column, cell in enumerate(row.cells):
            text = cell.text.replace(",", "").replace("−", "-")
            try:
                value = float(text)
            except ValueError:
                sheet.text(sheet.row, column, cell.text)
            else:
                decimals = len(text.partition(".")[2])
                sheet.value(sheet.row, column, value, sheet.book.number(decimals))
        sheet.row += 1
    if table.note:
        sheet.text(sheet.row, 0, table.note, sheet.book.format(font_color="#5c6b78"))
        sheet.row += 1
