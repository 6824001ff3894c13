"""Portfolios for tests: rows as a person would fill them in, written as a workbook or as CSV files.

Amounts stand in 万元, as the template's headings say; dates are dates.
"""

from __future__ import annotations

import copy
import csv
import io
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from sim.portfolio.columns import TABLES
from sim.portfolio.template import EXAMPLE

Sheets = dict[str, list[dict[str, Any]]]
SECTORS = ("optoelectronics", "software", "equipment", "biomedicine", "services")
STAGES = ("angel", "seed", "a", "b", "c")
NAV_DATE = date(2025, 12, 31)


def example() -> Sheets:
    """The template's own rows, to be spoilt in one place."""
    sheets = copy.deepcopy(EXAMPLE)
    for rows in sheets.values():
        for row in rows:
            if isinstance(row.get("name"), tuple):
                row["name"] = row["name"][1]
    return sheets


def drawn(funds: int, firms: int, seed: int = 1, most_rounds: int = 3) -> Sheets:
    """A portfolio that hangs together: a guidance fund, `funds` - 1 sub-funds, `firms` firms with rounds, positions by
    fund and certificates."""
    draw = np.random.default_rng(seed)
    out: Sheets = {table.key: [] for table in TABLES}
    subs = max(0, funds - 1)
    out["funds"].append(
        {"id": "guidance", "name": "引导基金", "kind": "guidance", "size": 1_000_000, "paid_in": 500_000,
         "distributed": 0, "nav": 600_000, "nav_date": NAV_DATE, "opens": date(2018, 1, 1), "invests": 10, "life": 20,
         "fee": 0.002, "public": "yes"}
    )  # fmt: skip
    cost = dict.fromkeys((f"fund-{k}" for k in range(subs)), 0.0)
    for k in range(firms):
        name = f"firm-{k}"
        founded = date(2019, 1, 1) + timedelta(days=int(draw.integers(0, 600)))
        day, post, held = founded, float(draw.integers(2000, 9000)), {}
        for stage in STAGES[: int(draw.integers(1, most_rounds + 1))]:
            day = day + timedelta(days=int(draw.integers(100, 400)))
            amount = round(post * float(draw.uniform(0.08, 0.25)))
            row = {"firm": name, "stage": stage, "date": day, "amount": amount, "post": post}
            for fund in held:
                held[fund] *= 1.0 - amount / post
            for fund in draw.choice(subs, min(subs, int(draw.integers(0, 3))), replace=False) if subs else ():
                paid = int(amount * float(draw.uniform(0.1, 0.45)))
                if paid == 0:
                    continue
                share = paid / post
                out["holdings"].append(
                    {"firm": name, "fund": f"fund-{fund}", "stage": stage, "cost": paid, "share": share}
                )
                cost[f"fund-{fund}"] += paid
                held[f"fund-{fund}"] = share
            out["rounds"].append(row)
            last = post
            post = round(post * float(draw.uniform(0.8, 3.0)))
        out["firms"].append(
            {"id": name, "name": f"企业{k}", "sector": SECTORS[k % 5], "founded": founded,
             "revenue": int(draw.integers(50, 5000)), "last_post": last}
        )  # fmt: skip
        if k % 2:
            out["certificates"].append({"firm": name, "level": "certificates.sme", "since": founded + timedelta(400)})
        if k % 3 == 0:
            out["certificates"].append({"firm": name, "level": "certificates.hte", "since": founded + timedelta(500)})
    for k in range(subs):
        spent = cost[f"fund-{k}"]
        size = round(max(spent, 1000) * 1.5)
        out["funds"].append(
            {"id": f"fund-{k}", "name": f"子基金{k}", "kind": "sub-fund", "parent": "guidance",
             "mandate": ("angel", "venture", "industry")[k % 3], "size": size,
             "committed": min(round(size * 0.2), 900_000 // subs), "paid_in": round(size * 0.8),
             "distributed": round(size * 0.1), "nav": round(size * 0.9), "nav_date": NAV_DATE,
             "opens": date(2018, 6, 1), "invests": 8, "life": 12, "fee": 0.02, "carry": 0.2}
        )  # fmt: skip
    return out


def as_workbook(sheets: Sheets, lang: str = "en", **more: Any) -> bytes:
    """The sheets as .xlsx bytes with the template's headings. more: `headings` {(table, key): heading}, `names`
    {table: sheet name}, `then`: called with (workbook, {table: worksheet}) before it is closed."""
    import xlsxwriter

    headings, names = more.get("headings", {}), more.get("names", {})
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    dates = book.add_format({"num_format": "yyyy-mm-dd"})
    made = {}
    for table in TABLES:
        if table.key not in sheets:
            continue
        sheet = made[table.key] = book.add_worksheet(names.get(table.key, table.name(lang)))
        for i, column in enumerate(table.columns):
            sheet.write_string(0, i, headings.get((table.key, column.key), column.heading(lang)))
            for r, row in enumerate(sheets[table.key], 1):
                value = row.get(column.key)
                if isinstance(value, date):
                    sheet.write_datetime(r, i, value, dates)
                elif isinstance(value, str):
                    sheet.write_string(r, i, value)
                elif value is not None:
                    sheet.write_number(r, i, value)
    if "then" in more:
        more["then"](book, made)
    book.close()
    return buffer.getvalue()


def as_csv(sheets: Sheets, folder: Path, lang: str = "zh", encoding: str = "utf-8-sig") -> Path:
    """The sheets as a folder of CSV files."""
    folder.mkdir(exist_ok=True)
    for table in TABLES:
        if table.key not in sheets:
            continue
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(column.heading(lang) for column in table.columns)
        for row in sheets[table.key]:
            writer.writerow("" if row.get(c.key) is None else str(row[c.key]) for c in table.columns)
        (folder / f"{table.key}.csv").write_bytes(out.getvalue().encode(encoding))
    return folder
