"""The empty workbook: five sheets with headings that state their units, notes, lists to choose from, example rows.

The example rows are one small portfolio that hangs together: imported as it stands, the template gives a fragment that
loads. Everything is printed from sim/portfolio/columns.py.
"""

from __future__ import annotations

import io
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.portfolio.columns import CERTIFICATES, FIRMS, FUNDS, TABLES, WORDS, Column, TableOf

if TYPE_CHECKING:
    from sim.scenario.document import Scenario

ROOM = 5000  # rows that have lists and formats
MADE = datetime(2025, 1, 1)  # so that the same program writes the same bytes

# Amounts in 万元, as the headings say.
EXAMPLE: dict[str, list[dict[str, Any]]] = {
    "funds": [
        {
            "id": "eg-guidance", "name": ("示例引导基金", "Example guidance fund"), "kind": "guidance", "size": 100000,
            "paid_in": 60000, "distributed": 2000, "nav": 63000, "nav_date": date(2025, 12, 31),
            "opens": date(2021, 6, 30), "invests": 6, "life": 15, "fee": 0.002, "fee_after": 0.002, "public": "yes",
        },
        {
            "id": "eg-venture", "name": ("示例创投子基金", "Example venture fund"), "kind": "sub-fund",
            "parent": "eg-guidance", "mandate": "venture", "size": 50000, "committed": 15000, "paid_in": 35000,
            "distributed": 1800, "nav": 41000, "nav_date": date(2025, 12, 31), "opens": date(2022, 3, 31),
            "invests": 5, "life": 8, "fee": 0.02, "fee_after": 0.01, "hurdle": 0.08, "catch_up": 1.0, "carry": 0.2,
            "local": 0.6, "follow_on": 0.3, "tranches": "4:3:3", "tranche_every": 2,
            "stages": "seed, a, b",
        },
        {
            "id": "eg-angel", "name": ("示例天使子基金", "Example angel fund"), "kind": "sub-fund",
            "parent": "eg-guidance", "mandate": "angel", "size": 20000, "committed": 8000, "paid_in": 12000,
            "distributed": 0, "nav": 13500, "nav_date": date(2025, 12, 31), "opens": date(2022, 9, 30),
            "invests": 5, "life": 9, "fee": 0.02, "stages": "angel, seed, a",
        },
    ],
    "firms": [
        {
            "id": "eg-photon", "name": ("示例光子科技", "Example Photonics"), "sector": "optoelectronics",
            "founded": date(2021, 3, 15), "revenue": 2600, "last_post": 40000,
        },
        {
            "id": "eg-gene", "name": ("示例基因医药", "Example Gene"), "sector": "biomedicine",
            "founded": date(2022, 8, 1), "revenue": 300, "last_post": 8000, "last_stage": "angel",
            "last_date": date(2023, 5, 20), "last_amount": 1200,
        },
    ],
    "rounds": [
        {
            "firm": "eg-photon", "stage": "angel", "date": date(2022, 10, 20), "amount": 1500, "post": 10000,
            "price": 8, "shares": 12500000,
        },
        {
            "firm": "eg-photon", "stage": "a", "date": date(2024, 4, 10), "amount": 6000, "post": 40000, "price": 25,
            "shares": 16000000,
        },
    ],
    "holdings": [
        {
            "firm": "eg-photon", "fund": "eg-angel", "stage": "angel", "cost": 1000, "shares": 1250000,
            "share": 0.078125, "value": 3100,
        },
        {
            "firm": "eg-photon", "fund": "eg-venture", "stage": "a", "cost": 4000, "shares": 1600000, "share": 0.1,
            "value": 4000,
        },
        {"firm": "eg-photon", "fund": "eg-angel", "stage": "a", "cost": 800, "shares": 320000, "share": 0.02},
        {"firm": "eg-gene", "fund": "eg-angel", "stage": "angel", "cost": 600, "share": 0.075},
    ],
    "certificates": [
        {"firm": "eg-photon", "level": "certificates.hte", "since": date(2023, 11, 1), "until": date(2026, 11, 1)},
        {"firm": "eg-photon", "level": "certificates.srdi", "since": date(2024, 9, 1), "until": date(2027, 9, 1)},
        {"firm": "eg-gene", "level": "certificates.sme", "since": date(2025, 6, 1)},
    ],
}  # fmt: skip

GUIDE = {
    "zh": (
        "怎样填写",
        "1. 每张表一行一条记录；不要合并单元格，不要写公式，不要改表头的名称。",
        "2. 金额的单位写在表头的括号里（默认万元）。可以改成（元）或（亿元），整列一致即可；也可以在单元格里写"
        "“3000万”。",
        "3. 日期必须是日期单元格；只知道季度时写 2023Q4。比例写 2% 或 0.02。",
        "4. 带 * 的列必填，其余可以空白；空白时取什么值见下表。",
        "5. 编号只用小写字母、数字、- 和 _；各表之间靠编号相连。",
        "6. 示例行（编号以 eg- 开头）请在填写前删除；只有示例行时也可以导入，用来试一遍。",
        "7. 导入：python run.py import 本文件.xlsx --out 我的组合.toml",
    ),
    "en": (
        "How to fill this in",
        "1. One record a row; no merged cells, no formulas, headings left as they are.",
        "2. The unit of money stands in brackets in the heading (CNY 10k = 万元). It may be changed to (CNY),"
        " (CNY m) or"
        " (CNY bn) for a whole column; a cell may also say “3000万” or “30m”.",
        "3. Dates are date cells; where only the quarter is known write 2023Q4. Shares are 2% or 0.02.",
        "4. Columns marked * are needed; the others may be blank, and the table below says what is taken then.",
        "5. Ids are small letters, digits, - and _; they tie the sheets together.",
        "6. Delete the example rows (ids that begin with eg-) before you fill it in; alone they can be"
        " imported as a trial.",
        "7. To import: python run.py import THIS-FILE.xlsx --out my-portfolio.toml",
    ),
}

A4 = 9  # the number of the paper in a workbook
READABLE = 150  # characters across a page turned sideways that can still be read in print


def write_template(path: str | Path, base: str | Path = "scenarios/national.toml", lang: str = "en") -> Path:
    """The empty workbook at `path`, whole or not at all; refused where something else stands there."""
    from sim import store
    from sim.errors import Problem, UserError
    from sim.scenario import load_scenario

    path = Path(path)
    zh = lang == "zh"
    if path.suffix.lower() != ".xlsx":
        raise UserError(Problem("模板须为 .xlsx 文件" if zh else "a template is an .xlsx file", file=str(path)))
    if path.exists():
        message = (
            "已有此文件，不覆盖；请换一个文件名" if zh else "stands there already and is left alone; give another name"
        )
        raise UserError(Problem(message, file=str(path)))
    return store.write_bytes(path, template(load_scenario(base), lang))


def template(base: Scenario, lang: str = "en") -> bytes:
    """The workbook as bytes. base: whose sectors and levels the lists offer."""
    import xlsxwriter

    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    book.set_properties({"created": MADE, "title": "Headwater 活水"})
    formats = {
        "head": book.add_format({"bold": True, "bg_color": "#DCE6EF", "border": 1, "text_wrap": True, "valign": "top"}),
        "need": book.add_format({"bold": True, "bg_color": "#F6D9C6", "border": 1, "text_wrap": True, "valign": "top"}),
        "date": book.add_format({"num_format": "yyyy-mm-dd"}),
        "share": book.add_format({"num_format": "0.00%"}),
        "money": book.add_format({"num_format": "#,##0.##"}),
        "count": book.add_format({"num_format": "#,##0"}),
        "text": book.add_format({"num_format": "@"}),
        "title": book.add_format({"bold": True, "font_size": 14}),
        "wrap": book.add_format({"text_wrap": True, "valign": "top"}),
    }
    for table in TABLES:
        _sheet(book, table, formats, base, lang)
    _guide(book, formats, base, lang)
    book.close()
    return buffer.getvalue()


def choices_of(column: Column, base: Scenario, lang: str) -> list[str]:
    """What a list offers, in the words of the language."""
    at = 0 if lang == "zh" else 1
    if column.words == "sector":
        return [sector.name.get(lang) for sector in base.firms.sectors.values()]
    if column.words == "level":
        return [level.name.get(lang) for ladder in base.ladders.values() for level in ladder.levels.values()]
    words = WORDS[column.words or "flag"]
    return [ways[at] for ways in words.values()]


def _said(column: Column, value: Any, base: Scenario, lang: str) -> Any:
    """An example's value in the words of the language."""
    if isinstance(value, tuple):
        return value[0 if lang == "zh" else 1]
    if column.kind in ("choice", "flag"):
        if column.words == "sector":
            return base.firms.sectors[value].name.get(lang) if value in base.firms.sectors else value
        if column.words == "level":
            ladder, _, level = value.partition(".")
            return base.ladders[ladder].levels[level].name.get(lang)
        return WORDS[column.words or "flag"][value][0 if lang == "zh" else 1]
    if column.kind == "choices":
        at = 0 if lang == "zh" else 1
        return ("、" if lang == "zh" else ", ").join(WORDS[column.words][v.strip()][at] for v in value.split(","))
    return value


def _sheet(book: Any, table: TableOf, formats: dict[str, Any], base: Scenario, lang: str) -> None:
    sheet = book.add_worksheet(table.name(lang))
    sheet.freeze_panes(1, 2 if table in (FUNDS, FIRMS) else 1)
    sheet.set_row(0, 46)
    sheet.set_landscape()
    sheet.set_paper(A4)
    sheet.repeat_rows(0)
    sheet.repeat_columns(0)
    across = 0
    for i, column in enumerate(table.columns):
        wide = {"text": 22, "choice": 18, "choices": 18, "date": 13, "money": 14, "count": 14}.get(column.kind, 12)
        if column.kind == "id":
            wide = 16
        if column.words == "level":
            wide = 30
        kind = (
            column.kind
            if column.kind in ("date", "share", "money", "count")
            else "text"
            if column.kind in ("id", "parts")
            else None
        )
        across += wide
        sheet.set_column(i, i, wide, formats[kind] if kind else None)
        heading = column.heading(lang)
        sheet.write_string(0, i, heading, formats["need" if column.required else "head"])
        note = column.note_zh if lang == "zh" else column.note_en
        need = ("（必填）" if lang == "zh" else " (needed)") if column.required else ""
        sheet.write_comment(0, i, note + need, {"x_scale": 1.4, "y_scale": 0.6})
        _validation(sheet, i, column, base, lang)
    sheet.fit_to_pages(-(-across // READABLE), 0)
    for r, example in enumerate(EXAMPLE[table.key], 1):
        for i, column in enumerate(table.columns):
            if column.key not in example:
                continue
            value = _said(column, example[column.key], base, lang)
            if isinstance(value, date):
                sheet.write_datetime(r, i, datetime(value.year, value.month, value.day), formats["date"])
            elif isinstance(value, str):
                sheet.write_string(r, i, value)
            else:
                sheet.write_number(r, i, value, formats.get(column.kind))


def _validation(sheet: Any, i: int, column: Column, base: Scenario, lang: str) -> None:
    """A list to choose from, or what Excel should refuse at once. Text is let through: a quarter, 3000万."""
    if column.kind in ("choice", "flag"):
        words = choices_of(column, base, lang)
        if len(",".join(words)) <= 250:  # Excel's limit for a list written in place
            sheet.data_validation(1, i, ROOM, i, {"validate": "list", "source": words, "error_type": "warning"})
        else:
            first, last = 0, len(words) - 1
            place = "说明" if lang == "zh" else "Notes"
            rows = f"='{place}'!$H${first + 2}:$H${last + 2}"
            sheet.data_validation(1, i, ROOM, i, {"validate": "list", "source": rows, "error_type": "warning"})
    elif column.kind == "share":
        sheet.data_validation(
            1, i, ROOM, i,
            {"validate": "decimal", "criteria": "between", "minimum": 0, "maximum": min(column.high, 1.0),
             "error_type": "warning", "error_message": column.note_zh if lang == "zh" else column.note_en},
        )  # fmt: skip


def _guide(book: Any, formats: dict[str, Any], base: Scenario, lang: str) -> None:
    sheet = book.add_worksheet("说明" if lang == "zh" else "Notes")
    sheet.set_landscape()
    sheet.set_paper(A4)
    sheet.fit_to_pages(1, 0)
    sheet.set_column(0, 0, 14)
    sheet.set_column(1, 1, 26)
    sheet.set_column(2, 2, 9)
    sheet.set_column(3, 3, 74, formats["wrap"])
    sheet.set_column(7, 7, 34)
    title, *lines = GUIDE[lang]
    sheet.write_string(0, 0, title, formats["title"])
    for r, line in enumerate(lines, 1):
        sheet.write_string(r, 0, line)
    r = len(lines) + 2
    words = ("表", "列", "必填", "填什么") if lang == "zh" else ("Sheet", "Column", "Needed", "What belongs there")
    for i, word in enumerate(words):
        sheet.write_string(r, i, word, formats["head"])
    for table in TABLES:
        for column in table.columns:
            r += 1
            note = column.note_zh if lang == "zh" else column.note_en
            cells = (table.name(lang), column.heading(lang), "*" if column.required else "", note)
            for i, cell in enumerate(cells):
                sheet.write_string(r, i, cell, formats["wrap"] if i == 3 else None)
    levels = choices_of(CERTIFICATES.column("level"), base, lang)
    sheet.write_string(0, 7, "认定与上市层级" if lang == "zh" else "Certificates and levels", formats["head"])
    for i, level in enumerate(levels, 1):
        sheet.write_string(i, 7, level)
