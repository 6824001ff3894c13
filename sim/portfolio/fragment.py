"""The portfolio as a TOML fragment that `load_scenario` accepts: funds with their books, firms with their history.

Amounts are written as people write them, exactly; each table states the row it came from. What the sheets leave blank
is written out too, graded "assumed".
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from sim.portfolio.beyond import still_asked, still_local
from sim.portfolio.cells import Row
from sim.portfolio.columns import FUNDS, STAGE_ORDER, TABLES
from sim.portfolio.holdings import Portfolio, quarter_of
from sim.portfolio.replacing import Replaced
from sim.quantities import LEAST_BARE, quarter_name
from sim.terms import term

if TYPE_CHECKING:
    from sim.scenario.document import Scenario

LEAST_HORIZON = 40  # quarters that a fragment looks ahead where the base would end sooner
MANDATE_STAGES = {
    "angel": ("angel", "seed", "a"),
    "venture": ("seed", "a", "b", "c"),
    "industry": ("b", "c", "d", "pre_ipo"),
}
MARKS = {"en": "# Portfolio of ", "zh": "# 投资组合："}  # how a fragment begins: only such a file is written over
QUOTE = '"'
LESS_PLACED = {"en": "less what is placed here and not in Holdings", "zh": "已减去投在本区而未列入持股表的"}
Lines = list[tuple[str, Row | None]]  # a line of the fragment, and the row it came from


def text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")


def money(yuan: float) -> str:
    """6.67亿, 3000万 or 12345.6, whichever is short, and 80元; the same number when it is read."""
    exact = Decimal(repr(yuan))
    for size, unit in ((8, "亿"), (4, "万")):
        scaled = exact.scaleb(-size).normalize()
        if abs(scaled) >= 1 and -int(scaled.as_tuple().exponent) <= 4:
            return f'"{scaled:f}{unit}"'
    return f'"{number(yuan)}元"' if 0 < abs(yuan) < LEAST_BARE else number(yuan)


def number(value: float) -> str:
    return f"{Decimal(repr(value)).normalize():f}"


def share(value: float) -> str:
    return number(float(f"{value:.12g}"))


def quarter(day: date) -> str:
    return f'"{quarter_name(quarter_of(day))}"'


def source_of(row: Row) -> str:
    key = "source.sheet" if row.sheet.name else "source.row"
    return term(key, "en").format(file=Path(row.sheet.file).name, sheet=row.sheet.name, row=row.number)


def fragment(
    portfolio: Portfolio,
    base: Scenario,
    base_path: Path,
    out: Path,
    start: int,
    sets: Sequence[str] = (),
    lang: str = "en",
    replaced: Replaced | None = None,
) -> Lines:
    """The lines of the fragment. out: where it will stand, so that `extends` leads from there to the base; lang: of its
    comments (sources are told in the reader's language, sim.terms.sourced); replaced: what of the base it removes."""
    end = max(int(base.zone.end), start + LEAST_HORIZON)
    extends = Path(os.path.relpath(base_path.resolve(), out.resolve().parent)).as_posix()
    lines: Lines = []

    def put(line: str = "", row: Row | None = None) -> None:
        lines.append((line, row))

    funds, firms, file = len(portfolio.funds), len(portfolio.firms), portfolio.path.name
    if lang == "zh":
        put(f"{MARKS[lang]}{funds} 支基金、{firms} 家企业，读自 {file}。")
        put("# 由 `python run.py import` 生成。改数字请改表格，再重新导入。")
    else:
        put(f"{MARKS[lang]}{funds} funds and {firms} firms, read from {file}.")
        put("# Made by `python run.py import`. The sheets are the place to change a number; import them again.")
    said = "在导入命令中设定" if lang == "zh" else "said on the command line of the import"
    put()
    put(f"extends = {text(extends)}")
    put()
    for assignment in sets:
        path, _, value = assignment.partition("=")
        put(f"{path.strip()} = {_written(value.strip())}  # {said}")
    if sets:
        put()
    put("[zone]")
    put(f'start = "{quarter_name(start)}"')
    put(f'end = "{quarter_name(end)}"')
    put(f'today = "{quarter_name(start)}"')
    placed = [row for row in portfolio.funds if row["placed"] and row["kind"] == "sub-fund"]
    if placed:
        put()
        put("[guidance.reinvestment_of]")
        for row in placed:
            stated = f'value = {share(still_asked(row, base))}, grade = "estimated", source = {text(source_of(row))}'
            put(f"{row['id']} = {{ {stated} }}  # {LESS_PLACED[lang]}: {money(row['placed']).strip(QUOTE)}", row)
    if replaced is not None and replaced.funds:
        put()
        put(
            "# 基准情景的这些项由表中的基金取代。"
            if lang == "zh"
            else "# Of the base; the funds of the sheets stand for it."
        )
        for table in ("funds", "facts"):
            for name in getattr(replaced, table):
                put(f"[[{table}]]")
                put(f"id = {text(name)}")
                put("remove = true")
    for row in portfolio.funds:
        _fund(row, put, lang)
    for row in portfolio.firms:
        _firm(row, portfolio, put)
    return lines


def _written(value: str) -> str:
    """As TOML writes it, else as text: what --set does."""
    import tomli

    try:
        tomli.loads(f"x = {value}")
        return value
    except ValueError:
        return text(value)


def _fund(row: Row, put, lang: str) -> None:
    kind, mandate = row["kind"], row["mandate"]
    put()
    put("[[funds]]", row)
    put(f"id = {text(row['id'])}", row)
    put(f"name = {text(row['name'])}", row)
    put(f"kind = {text(kind)}", row)
    put("count = 1", row)
    put(f"size = {money(row['size'])}", row)
    put(f"opens = {quarter(row['opens'])}", row)
    put(f'invests = "{number(row["invests"])}y"', row)
    put(f'life = "{number(row["life"])}y"', row)
    put(f"fee = {share(row['fee'])}", row)
    after = row["fee_after"]
    put(f"fee_after = {share(after) if after is not None else _assumed(row['fee'])}", row)
    plain = kind in ("guidance", "direct")  # their treasury pays itself no carry unless the sheet says so
    for key in ("hurdle", "catch_up", "carry", "local", "follow_on"):
        nothing = (plain and key in ("hurdle", "catch_up", "carry")) or (
            kind == "guidance" and key in ("local", "follow_on")
        )
        default = 0.0 if nothing else FUNDS.column(key).default
        if key == "catch_up" and (row["carry"] == 0 or row["hurdle"] == 0):
            default = 0.0  # there is nothing to catch up with
        value, said = float(default if row[key] is None else row[key]), ""  # type: ignore[arg-type]
        if key == "local" and row["placed"]:
            value = still_local(row, value)
            said = f"  # {LESS_PLACED[lang]}: {money(row['placed']).strip(QUOTE)}"
        put(f"{key} = {share(value) if row[key] is not None else _assumed(value)}{said}", row)
    if row["tranches"]:
        put(f"tranches = [{', '.join(share(x) for x in row['tranches'])}]", row)
        if row["tranche_every"]:
            put(f'tranche_every = "{number(row["tranche_every"])}y"', row)
    if kind != "guidance":
        stages = row["stages"] or MANDATE_STAGES.get(mandate or "", STAGE_ORDER)
        put(f"stages = [{', '.join(text(s) for s in stages)}]", row)
    if kind == "sub-fund":
        put(f"parent = {text(row['parent'])}", row)
        put(f"mandate = {text(mandate)}", row)
        put(f"committed = {money(row['committed'])}", row)
    if row["public"] == "yes":
        put("public = true", row)
    put('grade = "published"', row)
    put(f"source = {text(source_of(row))}", row)
    put("[funds.books]", row)
    put(f"date = {quarter(row['nav_date'])}", row)
    for key in ("paid_in", "distributed", "nav"):
        put(f"{key} = {money(row[key])}", row)


def _assumed(value: object) -> str:
    return f'{{ value = {share(float(str(value)))}, grade = "assumed", source = {text(term("source.blank", "en"))} }}'


def _firm(row: Row, portfolio: Portfolio, put) -> None:
    put()
    put("[[named]]", row)
    put(f"id = {text(row['id'])}", row)
    put(f"name = {text(row['name'])}", row)
    put(f"sector = {text(row['sector'])}", row)
    put(f"founded = {quarter(row['founded'])}", row)
    put(f"revenue = {money(row['revenue'])}", row)
    put('grade = "published"', row)
    put(f"source = {text(source_of(row))}", row)
    put("rounds = [", row)
    holdings = portfolio.holdings_of.get(row["id"], [])
    rounds = portfolio.rounds_of.get(row["id"], [])
    for r in rounds:
        bought = [h for h in holdings if h["stage"] == r["stage"] and portfolio.rounds_bought(h) == [r]]
        parts = [
            f"stage = {text(r['stage'])}",
            f"date = {quarter(r['date'])}",
            f"amount = {money(r['amount'])}",
            f"post_money = {money(r['post'])}",
        ]
        if bought:
            parts.append(f"investors = [{_investors(bought)}]")
        if r["price"]:
            parts.append(f"price = {number(r['price'])}")
        if r["shares"]:
            parts.append(f"shares = {number(r['shares'])}")
        parts.append(f"source = {text(source_of(r))}")
        put(f"  {{ {', '.join(parts)} }},", r)
    if not rounds:
        bought = [h for h in holdings if h["stage"] == row["last_stage"]]
        investors = f", investors = [{_investors(bought)}]" if bought else ""
        put(
            f"  {{ stage = {text(row['last_stage'])}, date = {quarter(row['last_date'])},"
            f" amount = {money(row['last_amount'])}, post_money = {money(row['last_post'])}{investors} }},",
            row,
        )
    put("]", row)
    if holdings:
        put("holders = [", row)
        for fund in dict.fromkeys(h["fund"] for h in holdings):
            mine = [h for h in holdings if h["fund"] == fund]
            parts = [
                f"fund = {text(fund)}",
                f"cost = {money(_sum(mine, 'cost'))}",
                f"share = {share(_sum(mine, 'share'))}",
            ]
            if all(h["shares"] is not None for h in mine):
                parts.append(f"shares = {number(_sum(mine, 'shares'))}")
            if all(h["value"] is not None for h in mine):
                parts.append(f"value = {money(_sum(mine, 'value'))}")
            put(f"  {{ {', '.join(parts)}, source = {text(source_of(mine[0]))} }},", mine[0])
        put("]", row)
    certificates = portfolio.certificates_of.get(row["id"], [])
    if certificates:
        put("certificates = [", row)
        for c in sorted(certificates, key=lambda c: c["since"]):
            until = f", until = {quarter(c['until'])}" if c["until"] else ""
            put(
                f"  {{ level = {text(c['level'])}, since = {quarter(c['since'])}{until},"
                f" source = {text(source_of(c))} }},",
                c,
            )
        put("]", row)


def _investors(bought: list[Row]) -> str:
    return ", ".join(
        f"{{ fund = {text(fund)}, amount = {money(_sum([h for h in bought if h['fund'] == fund], 'cost'))} }}"
        for fund in dict.fromkeys(h["fund"] for h in bought)
    )


def _sum(rows: list[Row], key: str) -> float:
    """The exact sum of what stands in the cells."""
    return float(sum((Decimal(repr(float(r[key]))) for r in rows), Decimal(0)))


def tables_read(portfolio: Portfolio, lang: str) -> str:
    """`60 funds, 2,000 firms, …` in the reader's words."""
    mark = "，" if lang == "zh" else ", "
    return mark.join(
        f"{table.name(lang)} {len(getattr(portfolio, table.key)):,}"
        if lang == "zh"
        else f"{len(getattr(portfolio, table.key)):,} {table.en.lower()}"
        for table in TABLES
    )
