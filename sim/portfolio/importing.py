"""`run.py import`: sheets -> checks -> a fragment that loads, or a list of what is wrong and nothing written."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from sim import store
from sim.errors import Problem, UserError
from sim.model.limits import FOLLOWED
from sim.portfolio import beyond
from sim.portfolio.checks import Checks
from sim.portfolio.fragment import MARKS, Lines, fragment, tables_read
from sim.portfolio.holdings import Portfolio, quarter_of, read_portfolio
from sim.portfolio.replacing import NOTHING, Replaced, refuse_what_holds_on, replaced_by
from sim.portfolio.sheets import Trouble, read_workbook
from sim.printing import line_of_lacking
from sim.quantities import parse_quarter, quarter_name
from sim.scenario import load_scenario
from sim.scenario.document import Scenario
from sim.scenario.reading import shown

FROM_SHEETS = ("zone", "funds", "named", "facts")  # tables that --set leaves to the sheets


@dataclass(frozen=True)
class Imported:
    """What an import made. text: the fragment; remarks: what a reader should know of it."""

    portfolio: Portfolio
    scenario: Scenario
    text: str
    remarks: list[str]
    summary: str


def import_portfolio(
    path: str | Path,
    out: str | Path,
    base: str | Path = "scenarios/national.toml",
    start: str | None = None,
    sets: Sequence[str] = (),
    lang: str = "en",
) -> Imported:
    """Read a workbook, a folder of CSV files or one CSV file, check it, and write the fragment to `out`.

    base: the scenario that the fragment extends; start: its first quarter, by default that of the last net asset value;
    sets: PATH=VALUE said over the base (a rule that was waived), kept in the fragment. Raises UserError with every
    problem found, by sheet, row and column; nothing is written then.
    """
    made = read(path, out, base, start, sets, lang)
    store.write_text(out, made.text)
    return made


def read(
    path: str | Path,
    out: str | Path,
    base: str | Path = "scenarios/national.toml",
    start: str | None = None,
    sets: Sequence[str] = (),
    lang: str = "en",
) -> Imported:
    """As `import_portfolio`, without writing anything."""
    out = Path(out)
    trouble = Trouble(lang)
    _refuse_target(out, trouble)
    for assignment in sets:
        room = assignment.partition("=")[0].strip().partition(".")[0]
        if room in FROM_SHEETS:
            trouble.add(
                {"key": "--set", "file": None},
                f"“{assignment}”：[{room}] 由表格决定，请改表格（起始季度用 --start）",
                f"“{assignment}”: [{room}] comes from the sheets; change it there (the first quarter: --start)",
            )
    first = _start(start, trouble)
    trouble.done()
    scenario = load_scenario(base, sets)
    book = read_workbook(path, lang)
    portfolio = read_portfolio(book, scenario, trouble)
    if first is None:
        latest = portfolio.latest
        if latest is None:
            trouble.add(
                {"file": shown(Path(path))},
                "没有净值日，也没有融资日期，无从确定组合的时点；请加 --start 2025Q4",
                "states no NAV date and no round, so that its date is unknown; add --start 2025Q4",
            )
            trouble.done()
        first = quarter_of(latest) if latest else int(scenario.zone.start)
    Checks(portfolio, scenario, first, trouble).all()
    replaced = replaced_by(portfolio, scenario)
    refuse_what_holds_on(replaced, scenario, trouble)
    trouble.done()
    lines = fragment(portfolio, scenario, Path(base), out, first, sets, lang, replaced)
    checked = _load(lines, Path(base), portfolio, trouble)
    text = "\n".join(line for line, _ in lines) + "\n"
    remarks = [*book.remarks, *_remarks(portfolio, scenario, first, trouble, replaced)]
    if lacking := line_of_lacking(checked.lacking_funds(), lang):
        remarks.append(lacking)
    return Imported(portfolio, checked, text, remarks, tables_read(portfolio, lang))


def _start(start: str | None, trouble: Trouble) -> int | None:
    if start is None:
        return None
    try:
        return parse_quarter(start)
    except ValueError as error:
        trouble.add({"key": "--start"}, f"“{start}”不是季度，如 2025Q4", f"“{start}”: {error}")
        return None


def _refuse_target(out: Path, trouble: Trouble) -> None:
    """A scenario that somebody wrote is not written over."""
    where = {"file": shown(out)}
    if out.suffix.lower() != ".toml":
        trouble.add(where, "--out 须为 .toml 文件", "--out takes a .toml file")
    elif out.is_file():
        with open(out, encoding="utf-8", errors="replace") as file:
            if not file.readline().startswith(tuple(MARKS.values())):
                trouble.add(
                    where,
                    "已有此文件且不是导入生成的，不覆盖；请换一个文件名",
                    "stands there and was not made by an import; it is left alone: give another name",
                )


def _load(lines: Lines, base: Path, portfolio: Portfolio, trouble: Trouble) -> Scenario:
    """The fragment through `load_scenario`; what it refuses is told by the row of the sheet it came from."""
    import json

    with TemporaryDirectory() as folder:
        copy = Path(folder, "fragment.toml")
        text = "\n".join(
            f"extends = {json.dumps(str(base.resolve()), ensure_ascii=False)}"
            if line.startswith("extends = ")
            else line
            for line, _ in lines
        )
        copy.write_text(text + "\n", encoding="utf-8")
        try:
            return load_scenario(copy)
        except UserError as error:
            starts = [i + 1 for i, (_, row) in enumerate(lines) if row is not None]
            told = []
            for problem in error.problems:
                row = None
                if problem.line and problem.file and Path(problem.file).name == copy.name and starts:
                    at = bisect.bisect_right(starts, problem.line) - 1
                    row = lines[starts[max(at, 0)] - 1][1]
                where = row.where() if row is not None else {"file": shown(portfolio.path), "key": problem.key}
                found = f"{problem.key}: {problem.message}" if row is not None else problem.message
                told.append(
                    Problem(found, found=problem.found, expected=problem.expected, nearest=problem.nearest, **where)
                )
            trouble.problems.extend(told)
            trouble.done()
            raise


def _below_last_prices(portfolio: Portfolio, trouble: Trouble) -> list[str]:
    """Funds whose net asset value is below what the sheet says they hold at the last post-money: the run starts from
    the net asset value, so these positions stand below the last price until the next round."""
    last = {row["id"]: row["last_post"] for row in portfolio.firms}
    at_last: dict[str, float] = {}
    for row in portfolio.holdings:
        worth = row["value"] if row["value"] is not None else row["share"] * last[row["firm"]]
        at_last[row["fund"]] = at_last.get(row["fund"], 0.0) + worth
    below = [
        (row["id"], 1.0 - row["nav"] / at_last[row["id"]])
        for row in portfolio.funds
        if row["id"] in at_last and row["nav"] < 0.9 * at_last[row["id"]]
    ]
    out = [
        trouble.say(
            f"“{fund}”的净值比所持股份按最近估值（或所填的账面估值）低 {part:.0%}：期初按净值，到企业下一轮为止",
            f"{fund}'s net asset value is {part:.0%} below its holdings at the last prices (or what its own books put):"
            " the run starts from the net asset value, until the firms' next rounds",
        )
        for fund, part in below[:5]
    ]
    if len(below) > 5:
        rest = len(below) - 5
        out.append(trouble.say(f"另有 {rest} 只基金如此", f"{rest} more funds are so"))
    return out


def _tranches_due(portfolio: Portfolio, trouble: Trouble) -> list[str]:
    """Funds whose tranches ask by their dates for more than was paid in: the rest is called in the first quarter."""
    out = []
    for row in portfolio.funds:
        parts, every = row["tranches"], row["tranche_every"] or 1.0
        if not parts:
            continue
        age = quarter_of(row["nav_date"]) - quarter_of(row["opens"])
        asked = sum(parts[: 1 + age // max(1, round(4 * every))])
        paid = row["paid_in"] / row["size"]
        if paid < asked - 0.005:
            out.append(
                trouble.say(
                    f"“{row['id']}”到净值日按实缴批次应缴 {asked:.0%}，实缴 {paid:.0%}：差额在第一季度补缴",
                    f"by its tranches {row['id']} should have had {asked:.0%} of its commitments by the NAV date, and"
                    f" had {paid:.0%}: the rest is paid in in the first quarter",
                )
            )
    return out


def _remarks(
    portfolio: Portfolio, base: Scenario, start: int, trouble: Trouble, replaced: Replaced = NOTHING
) -> list[str]:
    """What is no contradiction, and should be known."""
    out = []
    say = trouble.say
    if portfolio.funds and int(base.zone.start) != start:
        was, now = quarter_name(int(base.zone.start)), quarter_name(start)
        out.append(
            say(
                f"基准情景写的是 {was} 的园区，组合的时点是 {now}：起始季度已改为 {now}，请核对基准中的初始存量",
                f"the base describes the zone in {was} and the portfolio is of {now}: the start is moved to {now};"
                " see that the stocks of the base hold then",
            )
        )
    empty = [
        ladder.name
        for ladder in base.ladders.values()
        if not any(level.initial is not None and level.initial.value > 0 for level in ladder.levels.values())
    ]
    if empty:
        names = {lang: [str(name.get(lang)) for name in empty] for lang in ("zh", "en")}
        out.append(
            say(
                f"基准情景未写期初有多少企业在这些梯度上：{'、'.join(names['zh'])}；"
                "除表中企业外一家也没有（上市公司为 0）。"
                "可在片段之上写明各层级的 initial，或用 --base 另给写明了的情景",
                f"the base states no firms at the start on: {', '.join(names['en'])}; but for those of the sheets the"
                " zone begins with none, listed firms included. State `initial` of the levels in a file over the"
                " fragment, or give a --base that does",
            )
        )
    own = {row["id"] for row in portfolio.funds}
    kinds = {row["kind"] for row in portfolio.funds}
    if replaced.funds:
        out.append(replaced.remark(trouble.lang))
    stay = [c.id for c in base.funds if c.id not in own and c.kind in kinds and c.id not in replaced.funds]
    if stay:
        out.append(
            say(
                f"基准情景自己的基金仍在：{'、'.join(stay)}；如与导入的重复，请在片段中写 remove = true",
                f"funds of the base stay beside the imported ones: {', '.join(stay)};"
                " where they are the same, write remove = true for them in a file over the fragment",
            )
        )
    out += _below_last_prices(portfolio, trouble)
    out += _tranches_due(portfolio, trouble)
    out += beyond.remarks(portfolio, trouble)
    if len(portfolio.firms) > FOLLOWED and "direct" in kinds | {c.kind for c in base.funds}:
        out.append(
            say(
                f"园区直投的回报逐家报告：期初已持股的企业，以及企业表的前 {FOLLOWED} 家",
                "what the zone's direct fund gets is reported firm by firm for the firms it holds at the start and the"
                f" first {FOLLOWED} of the sheet",
            )
        )
    limit = base.rounds.concentration.value
    cost: dict[tuple[str, str], float] = {}
    for row in portfolio.holdings:
        cost[row["fund"], row["firm"]] = cost.get((row["fund"], row["firm"]), 0.0) + row["cost"]
    over = [
        (fund, firm, paid / portfolio.fund_by_id[fund]["size"])
        for (fund, firm), paid in cost.items()
        if fund in portfolio.fund_by_id and paid > limit * portfolio.fund_by_id[fund]["size"]
    ]
    for fund, firm, part in over[:5]:
        out.append(
            say(
                f"“{fund}”对“{firm}”的投资占认缴的 {part:.0%}，高于集中度上限 {limit:.0%}（rounds.concentration）",
                f"{fund} has put {part:.0%} of its commitments into {firm}, above the limit of {limit:.0%}"
                " (rounds.concentration)",
            )
        )
    if len(over) > 5:
        out.append(say(f"另有 {len(over) - 5} 项超过集中度上限", f"{len(over) - 5} more positions are above it"))
    return out
