"""Cells become numbers, dates and names; what cannot is told with its place and what would be right."""

from __future__ import annotations

import difflib
import math
import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sim.portfolio.columns import COUNT_UNITS, MONEY_UNITS, WORDS, Column, TableOf, folded, split_unit
from sim.portfolio.sheets import Broken, Formula, Sheet, Trouble
from sim.quantities import parse_money, parse_quarter, parse_share, parse_years
from sim.scenario.document import MAX_TRANCHES
from sim.scenario.fields import SLUG

QUARTER_TEXT = re.compile(r"\d{4}\s*[-年]?\s*(?:[Qq][1-4]|第?\s*[1-4一二三四]\s*季度?)")
ID_LONGEST = 60
FOREIGN = r"[美欧港日英][元镑]?|\b(?:usd?|eur|hkd?|gbp|jpy)\b|[$€£]"  # currencies in a unit
LARGEST_MONEY = 1e14  # yuan; more is a slip of the unit


@dataclass
class Row:
    """One row of a table: values by column key (None: blank), and where it stands."""

    table: TableOf
    sheet: Sheet
    number: int
    values: dict[str, Any]

    def __getitem__(self, key: str) -> Any:
        return self.values.get(key)

    def where(self, key: str | None = None) -> dict[str, Any]:
        return self.sheet.place(self.number, key)

    def short(self, key: str | None = None) -> str:
        return self.sheet.short(self.number, key)


Words = dict[str, dict[str, str]]  # list of words -> folded word -> id


def word_lists(sectors: dict[str, Any], levels: dict[str, Any]) -> Words:
    """Every way to say a word of a list. sectors, levels: id -> LocalName of the scenario."""
    out = {kind: {folded(w): key for key, names in ways.items() for w in (key, *names)} for kind, ways in WORDS.items()}
    out["sector"] = {folded(w): key for key, name in sectors.items() for w in (key, name.zh, name.en)}
    out["level"] = {}
    for key, name in levels.items():
        for w in (key, key.partition(".")[2], name.zh, name.en):
            out["level"].setdefault(folded(w), key)
    return out


def read_rows(sheet: Sheet, table: TableOf, words: Words, trouble: Trouble) -> list[Row]:
    """All rows of a sheet, typed. What is wrong with cells is added to `trouble`; those values are None."""
    unsaid: dict[str, list[tuple[Row, UnitUnknown]]] = {}
    scales = {c.key: _scale(sheet, c, trouble) for c in table.columns if c.key in sheet.columns}
    out = []
    for number, cells in sheet.rows:
        row = Row(table, sheet, number, {})
        for column in table.columns:
            at = sheet.columns.get(column.key)
            if at is None:
                continue
            cell = cells[at] if at < len(cells) else None
            if cell is None:
                if column.required:
                    trouble.add(row.where(column.key), "不能空白", "must not be blank")
                continue
            try:
                row.values[column.key] = _read(cell, column, scales[column.key], row, words, trouble)
            except UnitUnknown as asked:
                row.values[column.key] = None
                unsaid.setdefault(column.key, []).append((row, asked))
        out.append(row)
    for key, cells in unsaid.items():  # one question a column
        row, asked = cells[0]
        many = len(cells) > 1
        trouble.add(
            row.where(key),
            asked.zh + (f"（同列共 {len(cells)} 处）" if many else ""),
            asked.en + (f" ({len(cells)} cells of this column alike)" if many else ""),
        )
    return out


def _scale(sheet: Sheet, column: Column, trouble: Trouble) -> float | None:
    """What a bare number of a column is counted in, from its heading; None where the heading does not say."""
    heading = sheet.headings[column.key]
    _, unit = split_unit(heading)
    where = sheet.place(sheet.heading_row, column.key)
    if column.kind == "share" and unit is not None and "%" in unit:
        trouble.add(
            where,
            "比例列的表头不带单位；单元格写 2% 或 0.02",
            "a column of shares has no unit; write 2% or 0.02 in its cells",
        )
    if column.kind not in ("money", "count"):
        return 1.0
    units = MONEY_UNITS if column.kind == "money" else COUNT_UNITS
    if unit is None:
        return None
    if unit not in units:
        if column.kind == "money" and re.search(FOREIGN, unit):
            trouble.add(
                where,
                f"“{unit}”是外币；请折算为人民币，表头写{column.unit[0] if column.unit else '万元'}",
                f"“{unit}” is another currency: convert it, and state {column.unit[1] if column.unit else 'CNY'}",
            )
            return math.nan
        near = next(iter(difflib.get_close_matches(unit, units, 1, 0.5)), None)
        trouble.add(
            where,
            f"不认识的单位“{unit}”，如 元、万元、亿元",
            f"unknown unit “{unit}”; write CNY, CNY 10k, CNY m …",
            near,
        )
        return math.nan
    return units[unit]


def _read(cell: Any, column: Column, scale: float | None, row: Row, words: Words, trouble: Trouble) -> Any:
    if isinstance(cell, Formula):
        text = str(cell)[:40]
        trouble.add(
            row.where(column.key),
            f"单元格是公式，不会执行：{text}；请粘贴为数值",
            f"a cell that starts with “=” is a formula, and none is executed: {text}; paste its value",
        )
        return None
    if isinstance(cell, Broken):
        trouble.add(row.where(column.key), f"单元格是错误值 {cell}", f"the cell is an error: {cell}")
        return None
    try:
        if column.kind in ("money", "count"):
            return _amount(cell, column, scale)
        if column.kind == "date":
            return _date(cell, row.sheet.typed)
        if column.kind == "share":
            return _bounded(_number(cell, parse_share), column)
        if column.kind == "years":
            return _years(cell)
        if column.kind == "parts":
            return _parts(cell)
        if column.kind == "text":
            return _plain(cell)
        if column.kind == "id":
            return _id(cell)
        if column.kind == "choices":
            parts = [p for p in re.split(r"[,，;；、/\s]+", _plain(cell)) if p]
            return [_word(p, column, words) for p in parts]
        return _word(_plain(cell), column, words)
    except UnitUnknown:
        raise
    except Refused as refused:
        trouble.add(row.where(column.key), refused.zh, refused.en, refused.near)
        return None


class Refused(ValueError):
    """Why a cell is not read, in both languages."""

    def __init__(self, zh: str, en: str, near: str | None = None) -> None:
        super().__init__(en)
        self.zh, self.en, self.near = zh, en, near


class UnitUnknown(Refused):
    """A bare number in a column whose heading states no unit: asked once for the column."""


def _shown(cell: Any) -> str:
    if isinstance(cell, datetime):
        return cell.strftime("%Y-%m-%d")
    return str(cell)[:40]


def _number(cell: Any, parse: Any) -> float:
    if isinstance(cell, bool | date | datetime | time | timedelta):
        kind = ("逻辑值", "true or false") if isinstance(cell, bool) else ("日期", "a date")
        raise Refused(f"应为数字，现为{kind[0]} {_shown(cell)}", f"a number is needed, found {kind[1]}: {_shown(cell)}")
    try:
        value = float(parse(cell))
    except ValueError as error:
        zh, en = "", str(error)
        if parse is parse_money:
            zh = "；写数字，或 3000万、1.2亿"
            en = "no amount; write a number, 3000万, 1.2亿, 30m or 1.2bn"
        elif parse is parse_share:
            zh = "；写 2% 或 0.02"
        raise Refused(f"不是数字：“{_shown(cell)}”{zh}", f"“{_shown(cell)}”: {en}") from None
    if not math.isfinite(value):
        raise Refused(f"不是有限的数字：{_shown(cell)}", f"is not finite: {_shown(cell)}")
    return value


def _amount(cell: Any, column: Column, scale: float | None) -> float | None:
    """Money in yuan, or a number of shares. A text with its own unit (3000万) stands for itself. None where the heading
    has a unit that is unknown, which has been told."""
    own = isinstance(cell, str) and re.search(r"[万亿千百元a-zA-Z]", cell) is not None
    if own and column.kind == "money":
        value = _number(cell, parse_money)
    else:
        value = _number(cell, parse_money)
        if scale is None:
            unit = ("万元", "CNY 10k") if column.kind == "money" else ("股", "shares")
            raise UnitUnknown(
                f"单位不明：数字 {_shown(cell)} 没有单位，表头也没写；请把表头写成“{column.zh}（{unit[0]}）”",
                f"which unit? {_shown(cell)} has none and its heading states none;"
                f" write the heading as “{column.en} ({unit[1]})”",
            )
        if math.isnan(scale):
            return None
        value = _tidy(value * scale)
    if value < 0:
        raise Refused(f"不能为负：{_shown(cell)}", f"must not be negative: {_shown(cell)}")
    if value > LARGEST_MONEY:
        raise Refused(
            f"{_shown(cell)} 按表头单位折合 {value:.3g}，过大：单位是否写错？",
            f"{_shown(cell)} is {value:.3g} in the unit of its heading, too large: is the unit right?",
        )
    return value


def _tidy(value: float) -> float:
    """0.1 x 10 000 is 1000, not 1000.0000000000001: what a sheet shows has at most fifteen digits."""
    return float(f"{value:.15g}")


def _bounded(value: float, column: Column) -> float:
    if not column.low <= value <= column.high:
        most = f"{100 * column.high:.4g}%"
        near = f"{value:g}%" if column.high < value and 100 * column.low <= value <= 100 * column.high else None
        raise Refused(
            f"{value:g} 即 {100 * value:.6g}%，超出范围：应在 {100 * column.low:g}% 与 {most} 之间",
            f"{value:g} is {100 * value:.6g}%, out of range: between {100 * column.low:g}% and {most}",
            near,
        )
    return value


def _years(cell: Any) -> float:
    value = _number(cell, parse_years)
    if not 0.25 <= value <= 50:
        raise Refused(f"{value:g} 年超出范围（0.25 至 50）", f"{value:g} years: between 0.25 and 50 are allowed")
    return value


def _parts(cell: Any) -> list[float]:
    """Parts of a whole: 4:3:3, or 40%, 30%, 30%. They need not be decimals, but they must make the whole."""
    how = ("写 4:3:3 或 40%、30%、30%", "write 4:3:3 or 40%, 30%, 30%")
    if isinstance(cell, time | timedelta | datetime | date):
        raise Refused(
            f"被表格软件当成了时间 {cell}；请先把单元格设为文本，再{how[0]}",
            f"was turned into the time {cell} by the spreadsheet; format the cell as text, then {how[1]}",
        )
    text = unicodedata.normalize("NFKC", str(cell))
    ratio = ":" in text
    pieces = [x.strip() for x in re.split(r"[:]" if ratio else r"[,;、/\s]+", text) if x.strip()]
    try:
        parts = [float(x) if ratio else parse_share(x if "%" in x else float(x)) for x in pieces]
    except ValueError:
        raise Refused(f"看不懂“{text[:40]}”；{how[0]}", f"“{text[:40]}” is not understood; {how[1]}") from None
    total = sum(parts)
    if not parts or not all(x > 0.0 and math.isfinite(x) for x in parts):
        raise Refused(f"“{text[:40]}”：各批须大于零；{how[0]}", f"“{text[:40]}”: each part is above zero; {how[1]}")
    if len(parts) > MAX_TRANCHES:
        raise Refused(
            f"至多 {MAX_TRANCHES} 批，现有 {len(parts)} 批", f"at most {MAX_TRANCHES} parts, found {len(parts)}"
        )
    if not ratio and abs(total - 1.0) > 1e-6:
        raise Refused(f"各批合计 {total:.4%}，不是 100%", f"the parts sum to {total:.4%}, not to 100%")
    return [x / total for x in parts] if ratio else parts


def _date(cell: Any, typed: bool) -> date:
    """A date cell; a quarter as text (2023Q4). In a workbook a date typed as text is refused: Excel sorts and compares
    it as text, and 03/04/2021 has two readings."""
    if isinstance(cell, datetime):
        found = cell.date()
    elif isinstance(cell, date):
        found = cell
    elif isinstance(cell, str) and QUARTER_TEXT.fullmatch(cell):
        try:
            quarter = parse_quarter(cell)
        except ValueError:
            raise Refused(f"{cell} 的年份不合理", f"the year of {cell} cannot be right (1950 to 2100)") from None
        found = date(quarter // 4, quarter % 4 * 3 + 3, 30 if quarter % 4 in (1, 2) else 31)
    elif isinstance(cell, str):
        found = _date_of_text(cell, typed)
    else:
        raise Refused(
            f"应为日期，现为数字 {_shown(cell)}；请设为日期格式，或写 2021Q4",
            f"a date is needed, found the number {_shown(cell)}; format the cell as a date or write 2021Q4",
        )
    if not 1950 <= found.year <= 2100:
        raise Refused(f"年份 {found.year} 不合理", f"the year {found.year} cannot be right (1950 to 2100)")
    return found


def _date_of_text(text: str, typed: bool) -> date:
    match = re.fullmatch(r"(\d{4})[-/.年](\d{1,2})(?:[-/.月](\d{1,2})日?|月)?", text)
    if typed:
        raise Refused(
            f"日期写成了文本：“{text[:40]}”；请改为日期单元格（数据—分列—日期），或写季度 2021Q4",
            f"a date typed as text: “{text[:40]}”; make it a date cell, or write the quarter as 2021Q4",
        )
    if not match:
        raise Refused(f"不是日期：“{text[:40]}”；写 2021-10-15", f"“{text[:40]}” is no date; write 2021-10-15")
    try:
        return date(int(match.group(1)), int(match.group(2)), int(match.group(3) or 1))
    except ValueError:
        raise Refused(f"没有这一天：“{text[:40]}”", f"there is no such day: “{text[:40]}”") from None


def _plain(cell: Any) -> str:
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    if isinstance(cell, date | datetime | time | timedelta):
        raise Refused(f"应为文字，现为日期 {_shown(cell)}", f"text is needed, found a date: {_shown(cell)}")
    text = " ".join(str(cell).split())
    if any(ord(ch) < 32 or 0xD800 <= ord(ch) <= 0xDFFF or ord(ch) in (0x7F, 0xFFFE, 0xFFFF) for ch in text):
        raise Refused("含有控制字符", "holds a control character")
    if len(text) > 200:
        raise Refused(f"文字过长（{len(text)} 字）", f"is too long ({len(text)} letters)")
    return text


def _id(cell: Any) -> str:
    text = _plain(cell)
    if not re.fullmatch(SLUG, text) or len(text) > ID_LONGEST:
        near = re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_")[:ID_LONGEST]
        raise Refused(
            f"编号“{text[:40]}”只能用小写字母、数字、- 和 _",
            f"“{text[:40]}”: an id is made of small letters, digits, - and _",
            near if re.fullmatch(SLUG, near) else None,
        )
    return text


def _word(text: str, column: Column, words: Words) -> str:
    known = words[column.words or "flag"]
    key = known.get(folded(text))
    if key is None:
        close = difflib.get_close_matches(folded(text), known, 1, 0.6)
        allowed = ", ".join(dict.fromkeys(known.values()))
        raise Refused(
            f"“{text[:40]}”不在可选项中：{allowed}",
            f"“{text[:40]}” is none of: {allowed}",
            known[close[0]] if close else None,
        )
    return key
