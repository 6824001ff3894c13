"""A workbook or CSV files become rows of plain cells, each with its place. Nothing is executed or followed.

Refused before it is unpacked: a file that is too large, or one that would unpack into too much. A formula is told from
a value by the sheet's own XML; its last result is never taken for a number. Macros of an .xlsm are left unread.
"""

from __future__ import annotations

import codecs
import csv
import io
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from sim.errors import Problem, UserError
from sim.portfolio.columns import NOTES, TABLES, Column, TableOf, folded, match_column, match_table
from sim.scenario.reading import shown

LARGEST_FILE = 50 << 20  # bytes
LARGEST_UNPACKED = 150 << 20
MOST_PARTS = 2000
MOST_CELLS = 3_000_000
MOST_COLUMNS = 256
HEADING_WITHIN = 20  # rows in which the headings must stand
MOST_PROBLEMS = 40  # told at once; the rest is counted
WORKBOOKS = (".xlsx", ".xlsm", ".xltx", ".xltm")
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # .xls, and a workbook with a password


class Formula(str):
    """A cell that holds a formula, or text that begins like one."""


class Broken(str):
    """A cell whose value is an error, as #REF!."""


@dataclass
class Sheet:
    """A sheet or a CSV file: rows of (number, cells from the first column on); blank rows are left out."""

    file: str
    name: str  # "" for a CSV file, whose name says it
    rows: list[tuple[int, list[Any]]]
    typed: bool = True  # whether numbers and dates are typed cells; in a CSV file all is text
    merged: tuple[str, ...] = ()
    hidden: bool = False
    hidden_rows: int = 0
    heading_row: int = 0
    columns: dict[str, int] = field(default_factory=dict)  # key -> place, from 0
    headings: dict[str, str] = field(default_factory=dict)  # key -> as written

    def place(
        self, row: int | None, key: str | None = None, column: int | None = None, heading: str = ""
    ) -> dict[str, Any]:
        """Where, as fields of a Problem: Firms!C5 and the heading, or line and heading of a CSV file, which shows no
        letters of columns. heading: of a column that is none of the table's, as written."""
        column = self.columns.get(key) if key is not None and column is None else column
        heading = self.headings.get(key or "", heading)
        if not self.name:
            return {"file": self.file, "line": row, "key": heading or None}
        at = self.name + (f"!{letter(column)}{row}" if column is not None and row else f":{row}" if row else "")
        return {"file": self.file, "key": f"{at} [{heading}]" if heading else at}

    def short(self, row: int, key: str | None = None) -> str:
        """The same in a few letters, for a message that names a second place."""
        column = self.columns.get(key) if key else None
        name = self.name or Path(self.file).name
        return f"{name}!{letter(column)}{row}" if column is not None else f"{name}:{row}"


@dataclass
class Workbook:
    """The tables that were found and what was left unread."""

    path: Path
    tables: dict[str, Sheet]
    remarks: list[str]


class Trouble:
    """Collects what is wrong, in the reader's language; `done` raises it all at once."""

    def __init__(self, lang: str) -> None:
        self.lang = lang
        self.problems: list[Problem] = []

    def say(self, zh: str, en: str) -> str:
        return zh if self.lang == "zh" else en

    def add(self, where: dict[str, Any], zh: str, en: str, nearest: str | None = None) -> None:
        near = f"{'；是否为' if self.lang == 'zh' else '; did you mean '}{nearest}{'？' if self.lang == 'zh' else '?'}"
        self.problems.append(Problem(self.say(zh, en) + (near if nearest else ""), **where))

    def done(self) -> None:
        """UserError with every problem so far; past MOST_PROBLEMS the rest is counted."""
        if self.problems:
            more = len(self.problems) - MOST_PROBLEMS
            kept = self.problems[:MOST_PROBLEMS]
            if more > 0:
                kept.append(Problem(self.say(f"另有 {more} 处问题未列出", f"and {more} more problems of these kinds")))
            raise UserError(kept)


def ordinal(number: int) -> str:
    """1st, 2nd, 11th."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def letter(column: int) -> str:
    """0 -> A, 26 -> AA."""
    out, n = "", column + 1
    while n:
        n, rest = divmod(n - 1, 26)
        out = chr(65 + rest) + out
    return out


def read_workbook(path: str | Path, lang: str = "en") -> Workbook:
    """The tables of an .xlsx or .xlsm workbook, of a folder of CSV files, or of one CSV file.

    Raises UserError with every problem found: an unreadable, oversized or protected file, a table that is missing or
    empty, hidden, merged, given twice, or without headings.
    """
    path = Path(path)
    trouble = Trouble(lang)
    remarks: list[str] = []
    try:
        if path.is_dir():
            sheets = list(_csv_folder(path, trouble, remarks))
        elif path.suffix.lower() == ".csv" or path.suffix.lower() == ".txt":
            sheets = [_csv(path, _bytes(path, trouble), trouble, remarks)]
        else:
            sheets = _xlsx(path, _bytes(path, trouble), trouble, remarks)
    except OSError as error:
        reason = error.strerror or str(error)
        if isinstance(error, FileNotFoundError):
            trouble.add({"file": shown(path)}, "没有这个文件", "no such file")
        else:
            trouble.add({"file": shown(path)}, f"无法读取：{reason}", f"cannot be read: {reason}")
        sheets = []
    trouble.done()
    tables = _tables_of(sheets, path, trouble, remarks)
    trouble.done()
    return Workbook(path, tables, remarks)


def _bytes(path: Path, trouble: Trouble) -> bytes:
    size = path.stat().st_size
    if size > LARGEST_FILE:
        trouble.add(
            {"file": shown(path)},
            f"文件过大：{size / 2**20:.0f} MiB，上限 {LARGEST_FILE >> 20} MiB",
            f"is too large: {size / 2**20:.0f} MiB, at most {LARGEST_FILE >> 20} MiB are read",
        )
        trouble.done()
    with open(path, "rb") as file:
        return file.read(LARGEST_FILE + 1)


# --- workbooks ---------------------------------------------------------------------------------------------------


def _xlsx(path: Path, data: bytes, trouble: Trouble, remarks: list[str]) -> list[Sheet]:
    where = {"file": shown(path)}
    if data.startswith(OLE):
        if "EncryptedPackage".encode("utf-16-le") in data:
            trouble.add(
                where,
                "工作簿有打开密码；请另存为不带密码的 .xlsx",
                "is protected by a password; save it as .xlsx without one",
            )
        else:
            trouble.add(where, "是旧版 .xls 工作簿；请另存为 .xlsx", "is an old .xls workbook; save it as .xlsx")
        return []
    if not data:
        trouble.add(where, "文件是空的", "is an empty file")
        return []
    if not zipfile.is_zipfile(io.BytesIO(data)):
        if data.startswith(b"PK\x03\x04"):
            trouble.add(
                where,
                "工作簿不完整或已损坏；请重新复制或重新保存",
                "is cut off or damaged: copy or save it again",
            )
            return []
        trouble.add(
            where,
            "不是工作簿；可读 .xlsx、.xlsm、.csv 或一个 CSV 文件夹",
            "is no workbook; .xlsx, .xlsm, .csv or a folder of CSV files can be read",
        )
        return []
    if not _unpacks_safely(data, where, trouble):
        return []
    if path.suffix.lower() in (".xlsm", ".xltm"):
        remarks.append(trouble.say("工作簿中的宏未读取、未执行", "macros of the workbook were neither read nor run"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about features of a workbook that say nothing of its cells
        try:
            return list(_sheets(path, data, trouble, remarks))
        except UserError:
            raise
        except MemoryError:
            raise
        except Exception as error:  # the library has no one error for a damaged workbook
            what = f"{type(error).__name__}: {error}".splitlines()[0][:120]
            trouble.add(where, f"工作簿已损坏，无法读取（{what}）", f"is damaged and cannot be read ({what})")
            return []


def _unpacks_safely(data: bytes, where: dict[str, Any], trouble: Trouble) -> bool:
    """Whether the archive's parts are as many and as large as a workbook's may be, and declare no entities."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            total = sum(part.file_size for part in parts)
            if len(parts) > MOST_PARTS or total > LARGEST_UNPACKED:
                trouble.add(
                    where,
                    f"解压后过大（{total / 2**20:.0f} MiB，{len(parts)} 个部分）；上限 {LARGEST_UNPACKED >> 20} MiB",
                    f"unpacks into too much ({total / 2**20:.0f} MiB in {len(parts)} parts);"
                    f" at most {LARGEST_UNPACKED >> 20} MiB are read",
                )
                return False
            if "xl/workbook.xml" not in archive.namelist():
                kind = "OpenDocument" if "content.xml" in archive.namelist() else "zip"
                trouble.add(
                    where,
                    f"不是 Excel 工作簿（{kind}）；请另存为 .xlsx",
                    f"is no Excel workbook ({kind}); save it as .xlsx",
                )
                return False
            for part in parts:
                if part.filename.endswith((".xml", ".rels")):
                    with archive.open(part) as text:
                        if b"<!DOCTYPE" in text.read(1 << 16):
                            trouble.add(
                                where,
                                f"{part.filename} 含有文档类型声明，拒绝读取",
                                f"{part.filename} declares a document type; refused",
                            )
                            return False
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, OSError, ValueError, EOFError) as error:
        trouble.add(where, f"工作簿已损坏，无法解压（{error}）", f"is damaged and cannot be unpacked ({error})")
        return False
    return True


def _sheets(path: Path, data: bytes, trouble: Trouble, remarks: list[str]) -> Iterator[Sheet]:
    from openpyxl import load_workbook
    from openpyxl.worksheet._reader import WorkSheetParser

    book: Any = load_workbook(io.BytesIO(data), read_only=True, data_only=False, keep_links=False)
    cells = 0
    try:
        for sheet in book.worksheets:
            if folded(sheet.title) in {folded(x) for x in NOTES}:
                continue
            rows: list[tuple[int, list[Any]]] = []
            with sheet._get_source() as source:
                parser = WorkSheetParser(
                    source,
                    sheet._shared_strings,
                    data_only=False,
                    epoch=book.epoch,
                    date_formats=book._date_formats,
                    timedelta_formats=book._timedelta_formats,
                )
                for number, row in parser.parse():
                    cells += len(row)
                    if cells > MOST_CELLS:
                        trouble.add(
                            {"file": shown(path), "key": sheet.title},
                            f"单元格超过 {MOST_CELLS:,} 个",
                            f"has more than {MOST_CELLS:,} cells",
                        )
                        return
                    values = _row(row)
                    if values:
                        rows.append((number, values))
            merged = tuple(str(r.ref) for r in parser.merged_cells.mergeCell) if parser.merged_cells else ()
            hidden_rows = {int(r) for r, a in parser.row_dimensions.items() if a.get("hidden") in ("1", "true")}
            yield Sheet(
                shown(path),
                sheet.title,
                rows,
                merged=merged,
                hidden=sheet.sheet_state != "visible",
                hidden_rows=sum(number in hidden_rows for number, _ in rows),
            )
    finally:
        book.close()


def _row(cells: list[dict[str, Any]]) -> list[Any]:
    """Values from the first column on; empty where the row holds nothing."""
    out: list[Any] = []
    for cell in cells:
        value = _value(cell["value"], cell["data_type"])
        if value is None:
            continue
        column = cell["column"] - 1
        if column >= MOST_COLUMNS:
            raise ValueError(f"cells beyond column {letter(MOST_COLUMNS - 1)}")
        out.extend([None] * (column + 1 - len(out)))
        out[column] = value
    return out


def _value(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if kind == "f":
        return Formula(value if isinstance(value, str) else getattr(value, "text", None) or "=")
    if kind == "e":
        return Broken(str(value))
    if isinstance(value, bool | int | float | date | datetime | time | timedelta):
        return value
    return _text(str(value))


def _text(value: str) -> str | None:
    text = value.replace("\xa0", " ").replace("　", " ").strip()
    if text.startswith(("=", "＝")):
        return Formula(text)
    return text or None


# --- CSV -----------------------------------------------------------------------------------------------------------


def _csv_folder(folder: Path, trouble: Trouble, remarks: list[str]) -> Iterator[Sheet]:
    files = sorted(p for p in folder.iterdir() if p.is_file() and p.suffix.lower() == ".csv")
    if not files:
        expected = ", ".join(f"{t.key}.csv" for t in TABLES)
        trouble.add(
            {"file": shown(folder)},
            f"文件夹中没有 CSV 文件；需要 {expected}",
            f"the folder holds no CSV file; wanted: {expected}",
        )
    for path in files:
        yield _csv(path, _bytes(path, trouble), trouble, remarks)


def _csv(path: Path, data: bytes, trouble: Trouble, remarks: list[str]) -> Sheet:
    where = {"file": shown(path)}
    sheet = Sheet(shown(path), "", [], typed=False)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        trouble.add(where, "是 UTF-16 编码；请另存为 CSV UTF-8", "is UTF-16; save it as CSV UTF-8")
        return sheet
    if data.startswith((b"PK\x03\x04", OLE)):
        trouble.add(where, "名为 .csv，实为工作簿；请改扩展名为 .xlsx", "is a workbook by its content; name it .xlsx")
        return sheet
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as first:
        try:
            text = data.decode("gb18030")
            remarks.append(
                trouble.say(f"{path.name} 按 GBK 读取（不是 UTF-8）", f"{path.name} was read as GBK (it is not UTF-8)")
            )
        except UnicodeDecodeError:
            line = data[: first.start].count(b"\n") + 1
            trouble.add(
                where | {"line": line},
                "既不是 UTF-8 也不是 GBK 编码；请另存为 CSV UTF-8",
                "is neither UTF-8 nor GBK; save it as CSV UTF-8",
            )
            return sheet
    if "\0" in text:
        trouble.add(where, "含有空字符，不是文本文件", "holds NUL characters: it is no text file")
        return sheet
    first_line = text.partition("\n")[0]
    delimiter = max(",;\t", key=lambda mark: (first_line.count(mark), mark == ","))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    begins = 1
    try:
        for raw in reader:
            values = [_text(cell) for cell in raw]
            if len(values) > MOST_COLUMNS:
                trouble.add(where | {"line": begins}, "列数过多", f"has more than {MOST_COLUMNS} columns")
                return sheet
            if any(value is not None for value in values):
                sheet.rows.append((begins, values))
            begins = reader.line_num + 1
    except csv.Error as error:
        long = "limit" in str(error)
        zh = "单元格过长" if long else "引号不成对，或引号之后还有内容"
        trouble.add(where | {"line": reader.line_num}, f"CSV 格式有误：{zh}", f"is no valid CSV: {error}")
    return sheet


# --- which sheet is which table ----------------------------------------------------------------------------------


def _tables_of(sheets: list[Sheet], path: Path, trouble: Trouble, remarks: list[str]) -> dict[str, Sheet]:
    found: dict[str, Sheet] = {}
    unread: list[str] = []
    for sheet in sheets:
        table = match_table(sheet.name or Path(sheet.file).stem) or _by_headings(sheet)
        if table is None:
            unread.append(sheet.name or Path(sheet.file).name)
        elif sheet.hidden:
            trouble.add(
                sheet.place(None),
                "工作表被隐藏；请取消隐藏，或删除",
                "the sheet is hidden: show it if it is to be read, or delete it",
            )
        elif table.key in found:
            other = found[table.key]
            trouble.add(
                sheet.place(None),
                f"“{table.zh}”出现了两次（另见 {other.name or other.file}）",
                f"is a second sheet of {table.en.lower()} (the other: {other.name or other.file})",
            )
        else:
            found[table.key] = sheet
            _read_headings(sheet, table, trouble, remarks)
    single = len(sheets) == 1 and not sheets[0].name and not path.is_dir()
    if sheets and single and not found:
        trouble.add(
            {"file": shown(path)},
            "看不出是哪张表；文件名请用 funds、firms、rounds、holdings、certificates 之一",
            "cannot be told which table it is; name it funds, firms, rounds, holdings or certificates",
        )
    elif sheets and not single:
        for table in TABLES:
            if table.required and table.key not in found and not trouble.problems:
                near = ", ".join(unread)
                trouble.add(
                    {"file": shown(path)},
                    f"缺少工作表“{table.zh}”" + (f"；现有：{near}" if near else ""),
                    f"has no sheet “{table.en}”" + (f" (found: {near})" if near else ""),
                )
    if unread and found:
        names = ", ".join(unread)
        remarks.append(trouble.say(f"未读取的工作表：{names}", f"not read: {names}"))
    return found


def _by_headings(sheet: Sheet) -> TableOf | None:
    """The one table whose needed columns all stand among the headings of a sheet with a name of its own."""
    fits = []
    for table in TABLES:
        needed = {c.key for c in table.columns if c.required}
        if any(needed <= set(_matches(table, values)) for _, values in sheet.rows[:HEADING_WITHIN]):
            fits.append(table)
    return fits[0] if len(fits) == 1 else None


def _matches(table: TableOf, values: list[Any]) -> dict[str, tuple[int, Column]]:
    out: dict[str, tuple[int, Column]] = {}
    for i, value in enumerate(values):
        if isinstance(value, str) and (column := match_column(table, value)):
            out.setdefault(column.key, (i, column))
    return out


def _read_headings(sheet: Sheet, table: TableOf, trouble: Trouble, remarks: list[str]) -> None:
    """Finds the row of headings, notes what stands where, and cuts it and what stands above off."""
    if not sheet.rows:
        trouble.add(sheet.place(None), "工作表是空的", "the sheet is empty")
        return
    top = sheet.rows[:HEADING_WITHIN]
    best = max(range(len(top)), key=lambda i: (len(_matches(table, top[i][1])), -i))
    number, values = top[best]
    matched = _matches(table, values)
    if len(matched) < 2:
        wanted = "、".join(c.heading("zh") for c in table.columns if c.required)
        trouble.add(
            sheet.place(top[0][0]),
            f"找不到表头；需要：{wanted}",
            "has no headings; wanted: " + ", ".join(c.heading("en") for c in table.columns if c.required),
        )
        return
    sheet.heading_row = number
    sheet.rows = sheet.rows[best + 1 :]
    for ref in sheet.merged:
        last = ref.partition(":")[2] or ref
        if int("".join(ch for ch in last if ch.isdigit()) or 0) >= number:
            where = sheet.place(None) | {"key": f"{sheet.name}!{ref}"}
            trouble.add(
                where,
                "合并单元格：请取消合并，并在每一行填写",
                "merged cells: unmerge them and fill in every row",
            )
    extra = []
    for i, value in enumerate(values):
        if value is None:
            continue
        column = match_column(table, str(value)) if isinstance(value, str) else None
        if isinstance(value, Formula | Broken):
            trouble.add(
                sheet.place(number, None, i, str(value)), f"表头不能是公式：{value}", f"a heading is a formula: {value}"
            )
        elif column is None:
            near = _near_heading(str(value), table, trouble.lang)
            if near:
                trouble.add(
                    sheet.place(number, None, i, str(value)),
                    f"没有“{value}”这一列（第 {i + 1} 列）",
                    f"there is no column “{value}” (the {ordinal(i + 1)})",
                    near,
                )
            else:
                extra.append(str(value))
        elif column.key in sheet.columns:
            trouble.add(
                sheet.place(number, None, i, str(value)),
                f"“{value}”出现了两次（第 {sheet.columns[column.key] + 1} 列和第 {i + 1} 列）",
                f"“{value}” stands twice (in the {ordinal(sheet.columns[column.key] + 1)} column and the"
                f" {ordinal(i + 1)})",
            )
        else:
            sheet.columns[column.key] = i
            sheet.headings[column.key] = str(value)
    for column in table.columns:
        if column.required and column.key not in sheet.columns:
            trouble.add(
                sheet.place(number),
                f"缺少“{column.heading('zh')}”一列",
                f"the column “{column.heading('en')}” is missing",
            )
    if not sheet.rows and table.required:
        trouble.add(sheet.place(number), "只有表头，没有内容", "the sheet is empty below its headings")
    name = sheet.name or Path(sheet.file).name
    if extra:
        remarks.append(trouble.say(f"{name} 中未读取的列：{'、'.join(extra)}", f"{name}: not read: {', '.join(extra)}"))
    if sheet.hidden_rows:
        remarks.append(
            trouble.say(
                f"{name} 中有 {sheet.hidden_rows} 个隐藏行，已一并读取",
                f"{name}: {sheet.hidden_rows} hidden rows were read too",
            )
        )


def _near_heading(value: str, table: TableOf, lang: str) -> str | None:
    import difflib

    names = {folded(name): column for column in table.columns for name in (column.zh, column.en, *column.aliases)}
    close = difflib.get_close_matches(folded(value.partition("（")[0].partition("(")[0]), names, 1, 0.75)
    return names[close[0]].heading(lang) if close else None
