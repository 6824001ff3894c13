"""Headline beside fair value: what a report says of rounds, of unlisted firms and of funds' net asset values."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sim.analysis.fair import AboveFair, RoundsAboveFair, above_fair, rounds_above_fair
from sim.figures.style import amount, capital
from sim.model.layout import KIND_NAMES
from sim.report.blocks import Block, Cell, Paragraph, Row, Section, Table
from sim.report.numbers import NONE, at, dates, shown
from sim.terms import plural, term

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sim.report.material import Material

ALL, UNICORNS = "all", "unicorns"
HEADLINES = (
    ("valuation.post_money.total", "valuation.fair.total", "未上市企业估值合计", "unlisted firms, total valuation"),
    *(
        (f"funds.{kind}.nav", f"funds.{kind}.nav_fair", f"{zh}净值", f"{en}, net asset value")
        for kind, zh, en in KIND_NAMES
    ),
)  # fmt: skip


def percent(x: float) -> str:
    return f"{100.0 * x:.0f}%".replace("-", "−") if math.isfinite(x) else NONE


def ends(low: float, high: float, lang: str) -> str:
    """18%至92% · 18 to 92 %"""
    return f"{percent(low)}至{percent(high)}" if lang == "zh" else f"{percent(low)[:-1]} to {percent(high)}"


def rounds_of(material: Material) -> RoundsAboveFair | None:
    """Worked out once for a report and its workbook."""
    if material.result is None or material.scenario is None:
        return None
    if "rounds" not in material.kept:
        material.kept["rounds"] = rounds_above_fair(material.scenario, material.result)
    return material.kept["rounds"]


def kind_name(kind: str, material: Material) -> str:
    words = {
        ALL: material.say("各轮合计", "all rounds"),
        UNICORNS: material.say("其中独角兽轮次", "of these, at a unicorn's price"),
    }
    return words.get(kind) or term(f"stage.{kind}", material.lang)


def rounds_in_words(material: Material) -> str:
    """By how much the post-money of a round exceeds fair value; empty where no round could be valued."""
    found = rounds_of(material)
    if found is None:
        return ""
    told = {row.kind: row.excess for row in found.rows}
    low, middle, high = told[ALL]
    zh = f"各轮投后估值超出公允价值的幅度，中位数为{percent(middle)}（九成轮次在{ends(low, high, 'zh')}之间）"
    en = (
        f"The post-money of a round exceeds its fair value by {percent(middle)} in the median"
        f" ({ends(low, high, 'en')} for nine rounds in ten)"
    )
    if UNICORNS in told:
        low, middle, high = told[UNICORNS]
        zh += f"，独角兽轮次为{percent(middle)}（{ends(low, high, 'zh')}）"
        en += f"; that of a round at a unicorn's price by {percent(middle)} ({ends(low, high, 'en')})"
    some = found.worlds < found.replications
    of_zh, of_en = which_worlds(found)
    return material.say(f"{of_zh}中，{zh}。" if some else f"{zh}。", f"{en}, {of_en}." if some else f"{en}.")


def which_worlds(found: RoundsAboveFair) -> tuple[str, str]:
    """Of which worlds the rounds are, in both languages."""
    first = "first" if found.worlds == 1 else f"first {found.worlds:,}"
    return (
        f"全部{found.replications:,}个世界中的前{found.worlds:,}个",
        f"in the {first} of {plural(found.replications, 'world')}",
    )


def coverage(material: Material) -> str:
    """Of which worlds and rounds the table of rounds is."""
    found = rounds_of(material)
    if found is None:
        return ""
    of_zh, of_en = which_worlds(found)
    zh, en = f"轮次取自{of_zh}，共{found.valued:,}轮", f"Rounds {of_en}, {found.valued:,} in all"
    if found.valued < found.logged:
        zh += f"（明细另有{found.logged - found.valued:,}轮未逐一估值）"
        en += f" (the log has {found.logged - found.valued:,} more, which were not valued)"
    return material.say(
        f"{zh}；幅度与区间按轮次统计。公允价值按企业自身各类股份的条款计算；“典型路径”一列按该轮次的典型股权结构计算，"
        "融资明细与基金的公允净值用的是它。公允价值高于投后估值的轮次，是新股劣后于旧股。",
        f"{en}; excess and band are over rounds. Fair value is from the firm's own classes; the last column is from a"
        " typical cap table of the stage, on which the log of rounds and the funds' net asset values at fair value"
        " stand. Fair value lies above post-money where the new class stands behind older ones.",
    )


def rounds_table(material: Material) -> Table | None:
    """Rounds by stage: post-money, fair value, the excess with its band over rounds."""
    found = rounds_of(material)
    if found is None:
        return None
    say, lang = material.say, material.lang
    money = {row.kind: shown("CNY", (row.post_money, row.fair_value), lang) for row in found.rows}
    rows = [
        Row(
            [
                Cell(capital(kind_name(row.kind, material))),
                Cell(f"{row.count:,}"),
                Cell(money[row.kind].with_unit(row.post_money, lang)),
                Cell(money[row.kind].with_unit(row.fair_value, lang)),
                Cell(percent(row.excess[1]), f"{percent(row.excess[0])} – {percent(row.excess[2])}"),
                Cell(percent(row.above)),
                Cell(percent(row.typical)),
            ]
        )
        for row in found.rows
    ]
    header = say(
        "轮次|数量|投后估值|公允价值|超出幅度|高于公允价值的占比|典型路径",
        "Rounds|No.|Post-money|Fair value|Excess|Above fair value|Typical path",
    ).split("|")
    caption = say(
        "各轮投后估值与公允价值（中位数；超出幅度下方为5–95%的轮次）",
        "Post-money and fair value of rounds (medians; below the excess, 5–95 % of rounds)",
    )
    return Table(caption, header, rows, "lrrrrrr", coverage(material), (0.22, 0.09, 0.15, 0.15, 0.15, 0.12, 0.12))


def headlines(material: Material, quarters: Sequence[str]) -> list[tuple[str, list[AboveFair]]]:
    """(what it is of, a row a quarter) of unlisted firms and of every kind of fund that ever holds anything."""
    assert material.result is not None
    out = []
    for headline, fair_value, zh, en in HEADLINES:
        found = above_fair(material.result, headline, fair_value, quarters)
        if any(x.defined for x in found):
            out.append((material.say(zh, capital(en)), found))
    return out


def funds_by_name(material: Material, quarters: Sequence[str]) -> list[tuple[str, list[AboveFair]]]:
    """The same of every fund or class of funds by name."""
    from sim.model.layout import classes_of

    assert material.result is not None
    if material.scenario is None:
        return []
    out = []
    for c in classes_of(material.scenario):
        found = above_fair(material.result, f"funds.{c.id}.nav", f"funds.{c.id}.nav_fair", quarters)
        if any(x.defined for x in found):
            out.append((capital(c.name.get(material.lang)), found))
    return out


def headlines_table(material: Material) -> Table | None:
    """Valuations of unlisted firms and net asset values of kinds of funds: as reported, at fair value, the excess."""
    result, say, lang = material.result, material.say, material.lang
    assert result is not None
    columns = dates(result.quarters, material.today)
    kinds = headlines(material, columns)
    if not kinds:
        return None
    several = result.replications > 1
    rows: list[Row] = []
    for name, found in kinds:
        money = shown("CNY", [y for x in found for y in (*x.headline, *x.fair_value)], lang)
        rows.append(Row([Cell(f"{name}{say(f'（{money.unit}）', f' ({money.unit})')}")], "group"))
        for label, values in (
            (say("账面（最近一轮价格）", "As reported, at last prices"), [x.headline for x in found]),
            (say("按公允价值", "At fair value"), [x.fair_value for x in found]),
        ):
            cells = [Cell(money.text(x[1]), money.band(x[0], x[2]) if several else "") for x in values]
            rows.append(Row([Cell(label), *cells]))
        rows.append(Row([Cell(say("超出幅度", "Excess")), *(_excess(x, result.replications, say) for x in found)]))
    caption = say("账面估值与公允价值（中位数；下方为5–95%区间）", "Reported and fair value (medians; 5–95 % below)")
    widths = (0.28, *(0.72 / len(columns) for _ in columns))
    return Table(
        caption, ["", *columns], rows, "l" + "r" * len(columns), note_on_headlines(material), widths, small=True
    )


def note_on_headlines(material: Material) -> str:
    return material.say(
        "超出幅度 = 账面 ÷ 公允价值 − 1，逐个世界计算后再取分位数。公允净值中，未上市持股按典型路径折算，现金、"
        "上市持股与模型外的投资组合与账面相同，两者都已扣除计提的业绩报酬。账簿另有估值的持股（导入的组合）：账面用其估值，公允净值"
        "仍由最近一轮价格折算，因此幅度可以为负。",
        "Excess = reported over fair value, less one, in each world and then ranked. In a net asset value at fair"
        " value unlisted holdings stand at the typical path's part of their last price; cash, listed holdings and the"
        " portfolio outside the model stand as reported; carry accrued is off both. Where a fund's own books mark a"
        " holding (an imported portfolio), the reported value has their mark and fair value that part of the last"
        " price, so the excess can be negative.",
    )


def _excess(x: AboveFair, replications: int, say) -> Cell:
    if not x.defined:
        return Cell(NONE)
    band = f"{percent(x.excess[0])} – {percent(x.excess[2])}" if x.defined > 1 else ""
    if x.defined < replications:
        band += say(f"（{x.defined}个世界）", f" ({plural(x.defined, 'world')})")
    return Cell(percent(x.excess[1]), band.strip())


def nav_in_words(material: Material) -> str:
    """By how much the reported net asset value of the guidance fund (else of the first kind of fund that holds
    anything) exceeds that at fair value, at the end of history, else where it is largest; empty where there is none."""
    result, lang = material.result, material.lang
    assert result is not None
    for kind, zh, en in KIND_NAMES:
        found = above_fair(result, f"funds.{kind}.nav", f"funds.{kind}.nav_fair", result.quarters)
        found = [x for x in found if x.headline[1] > 0.0 and x.defined]
        if not found:
            continue
        x = next((x for x in found if x.quarter == material.today), max(found, key=lambda x: x.headline[1]))
        low, middle, high = x.excess
        reported, fair = (amount(value, "CNY", lang) for value in (x.headline[1], x.fair_value[1]))
        band = x.defined > 1
        return material.say(
            f"{at(x.quarter, 'zh')}，{zh}账面净值（按最近一轮价格）为{reported}，按公允价值为{fair}，"
            f"账面超出{percent(middle)}" + (f"（5–95%区间{ends(low, high, 'zh')}）。" if band else "。"),
            f"At {at(x.quarter, 'en')} the net asset value of the {en} is {reported} at last prices and {fair} at fair"
            f" value: what is reported exceeds it by {percent(middle)}"
            + (f" (5–95 % of worlds: {ends(low, high, 'en')})." if band else "."),
        )
    return ""


def headline_and_fair_value(material: Material) -> Section | None:
    """By how much headline valuations exceed fair value: rounds by stage, unlisted firms, funds; what is missing."""
    result, say = material.result, material.say
    if result is None:
        return None
    blocks: list[Block] = []
    rounds, stocks = rounds_table(material), headlines_table(material)
    if text := rounds_in_words(material):
        blocks.append(Paragraph(text))
    blocks += [table for table in (rounds, stocks) if table]
    for text in missing(material, rounds is not None, stocks is not None):
        blocks.append(Paragraph(text, "small"))
    if not blocks:
        return None
    if material.scenario is not None and (rounds or stocks):
        blocks.append(Paragraph(definition(material), "small"))
    return Section("fair", say("账面估值与公允价值", "Headline and fair value"), blocks)


def missing(material: Material, rounds: bool, stocks: bool) -> list[str]:
    """What cannot be said of a result that has valuations, and why."""
    result, say = material.result, material.say
    assert result is not None
    out = []
    if not rounds and "rounds.count.total" in result:
        table = result.samples.get("rounds", {})
        if len(table.get("quarter", ())) and "fair_value" in table and material.scenario is None:
            why = say("情景文本不能读取，条款无从得知", "the scenario of the run cannot be read, and with it the terms")
        elif len(table.get("quarter", ())):
            why = say("结果由较早的版本写成，明细缺少所需的列", "an earlier version wrote the log, without the columns")
        else:
            why = say(
                "结果没有融资明细（没有保留，或没有发生融资）",
                "the result has no log of rounds (none was kept, or none happened)",
            )
        out.append(say(f"各轮超出公允价值的幅度未列：{why}。", f"The excess of rounds is not told: {why}."))
    held = any(f"funds.{kind}.nav" in result for kind, _, _ in KIND_NAMES)
    if not stocks and held and not any(f"funds.{kind}.nav_fair" in result for kind, _, _ in KIND_NAMES):
        out.append(
            say(
                "基金净值的公允价值未列：结果由较早的版本写成，没有这些指标；重新运行情景即可得到。",
                "Net asset values at fair value are not told: an earlier version wrote the result, without these"
                " metrics; run the scenario again to have them.",
            )
        )
    return out


def definition(material: Material) -> str:
    assert material.scenario is not None
    f = material.scenario.report.fair
    volatility, exits, rate = f.volatility.value, f.exit_rate.value, f.rate.value
    return material.say(
        "投后估值按最新一类股份的价格计算全部股份，而旧股与普通股没有它的优先权，因此高于公允价值。公允价值是使新股恰好值其"
        f"投资额的企业价值（Gornall与Strebulaev，2020），参数见 report.fair：年波动率{percent(volatility)}，"
        f"每年退出{exits:g}次，无风险利率{100 * rate:.1f}%，为论文中的美国参数。不含以后各轮、债务与回购权。",
        "Post-money prices every share as one of the newest class, whose preferences older classes and common have not;"
        " so it exceeds fair value, the value of the firm at which the class just sold is worth what was paid for it"
        f" (Gornall and Strebulaev 2020). Terms in report.fair: volatility {percent(volatility)} a year,"
        f" {exits:g} exits a year, riskless rate {100 * rate:.1f}%, those of the paper for the United"
        " States. Later rounds, debt and redemption rights are not in it.",
    )


def ratio_in_words(material: Material) -> str:
    """Over all replications: total post-money of unlisted firms over their fair value at the last quarter."""
    result = material.result
    assert result is not None
    found = above_fair(result, "valuation.post_money.total", "valuation.fair.total", result.quarters[-1:])
    if not found or not found[0].defined:
        return ""
    low, middle, high = found[0].excess
    return material.say(
        f"{at(result.quarters[-1], 'zh')}未上市企业的投后估值合计超出公允价值合计{percent(middle)}"
        f"（{ends(low, high, 'zh')}）。",
        f"Together the post-money of unlisted firms exceeds their fair value by {percent(middle)}"
        f" ({ends(low, high, 'en')}) at {at(result.quarters[-1], 'en')}.",
    )
