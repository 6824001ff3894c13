"""The sections of a report, one small function each: material in, Section or None out. `SECTIONS` is their order."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from sim import figures
from sim.analysis.compare import BOUGHT, NET_COST_HELD, VERDICTS, percent, points
from sim.analysis.model import parameter_meaning
from sim.analysis.returns import OLD_ENOUGH, SINCE, has_books, part_of_direct, single_funds
from sim.analysis.sweep import centre_in_words, surely_ranked
from sim.analysis.text import WORDS as ANALYSIS_WORDS
from sim.analysis.text import small_part
from sim.analysis.unfit import unfit
from sim.figures.facts import fact_name
from sim.figures.ladders import curves_of, ladder_name, ladders_of, levels_of, waves
from sim.figures.style import amount, capital, overrides, unit_of_difference, zone_name
from sim.printing import line_of_lacking, line_of_unfit
from sim.quantities import quarter_name
from sim.report import fair, numbers
from sim.report.answer import Teller, in_scale, leading_index, of_comparison, of_sweep, sentences
from sim.report.blocks import Attachment, Block, Cell, Code, Document, Paragraph, Points, Row, Section, Table
from sim.report.multiples import multiples_table
from sim.report.numbers import dates, shown
from sim.report.pictures import alt_of_curves, picture
from sim.scoring import surely
from sim.terms import plural, sourced, term

if TYPE_CHECKING:
    from sim.report.material import Material
    from sim.result import Result, ScoredFact

GLANCE = (
    "firms.alive", "ladder.certificates.hte", "firms.listed", "valuation.unicorns",
    "valuation.post_money.total", "jobs.total",
)  # fmt: skip
FIRMS = (
    "firms.alive", "firms.entered", "firms.died", "firms.moved_away", "firms.sold", "firms.attracted.alive",
    "firms.attracted.landed", "firms.backed", "jobs.total", "output.year",
)  # fmt: skip
VALUES = (
    "valuation.unicorns", "firms.listed", "valuation.post_money.total", "valuation.listed.total",
    "valuation.total", "valuation.post_money.max", "valuation.attracted.total", "valuation.multiple.share_above",
    "rounds.count.total", "rounds.raised.total",
)  # fmt: skip
FUND = (
    "funds.guidance.paid_in", "funds.guidance.distributed", "funds.guidance.nav", "funds.guidance.tvpi",
    "funds.guidance.dpi", "funds.subfunds.size", "funds.leverage", "funds.subfunds.others",
    "funds.subfunds.additional", "funds.park.size", "funds.park.count",
)  # fmt: skip
PURSE = (
    "public.outlay", "public.recovered", "public.net_cost_pv", "public.net_cost_held_pv", "public.tax_received",
    "public.tax_forgone",
)  # fmt: skip
FUND_SOURCES = ("paid_in", "recycled")
FUND_USES = ("invested.local", "invested.outside", "subfunds", "fees", "expenses", "cash")
FUND_COLUMNS = (
    "count", "size", "distributed", "nav", "carry", *FUND_SOURCES, *(use for use in FUND_USES if use != "subfunds"),
)  # fmt: skip
USES = ("check", "calibrate", "goal", "input")
MOST_OUTPUTS = 6  # of a sweep
MOST_FORESTS = 8  # differences of several scenarios: six metrics, two of which stand beside others
MOST_CHANGES = 4  # difference curves of a comparison
HEAD_ROOM = 100  # letters of what a run set otherwise, in the head: a line of the PDF
MOST_STATED = 12  # numbers that a scenario states otherwise


def document(material: Material, sections: Sequence[Section]) -> Document:
    """The sections with what stands around them."""
    say, about = material.say, material.manifest
    if material.result is not None:
        title, name = zone_name(material.result, material.lang), str(about.get("scenario") or "")
        span = f"{material.result.quarters[0]}–{material.result.quarters[-1]}"
        subtitle = say(f"开发区推演报告 {span}", f"Simulation report, {span}")
        worlds = [(say("世界数", "Worlds"), f"{material.result.replications:,}")]
    elif material.comparison is not None:
        c = material.comparison
        name = capital(c.called(c.baseline, material.lang))
        title, subtitle = say("政策比较报告", "Policy comparison"), say(f"基准：{name}", f"Baseline: {name}")
        worlds = [(say("配对世界数", "Paired worlds"), f"{c.replications:,}")]
    else:
        header = material.sweep.header
        zone, name = header.get("zone") or {}, str(header.get("scenario") or material.folder.name)
        title = say("敏感性分析报告", "Sensitivity report")
        subtitle = str(zone.get(material.lang) or material.sweep.plan.method)
        worlds = [(say("每个样本的世界数", "Worlds a sample"), f"{material.sweep.evaluated.replications:,}")]
    day = material.day
    facts = [
        (say("编制日期", "Date"), say(f"{day.year}年{day.month}月{day.day}日", f"{day.day} {day:%B %Y}")),
        (say("情景", "Scenario"), name),
        *worlds,
        (say("随机种子", "Seed"), str(about.get("seed", "–"))),
        (say("程序版本", "Version"), f"Headwater {about.get('version') or _version()}"),
    ]
    if sets := overrides(about, HEAD_ROOM):
        facts.append((say("改设参数（--set）", "Changed by --set"), sets))
    words = {
        "contents": say("目录", "Contents"),
        "table": say("表", "Table"),
        "figure": say("图", "Figure"),
        "joint": say(" ", ". "),
        "page": say("第 {page} 页，共 {pages} 页", "Page {page} of {pages}"),
        "to_top": say("返回目录", "Back to contents"),
        "outside": term("outside", material.lang),
    }
    footer = say("由活水（Headwater）生成", "Made with Headwater (活水)")
    return Document(material.lang, title, subtitle, facts, words, footer, list(sections))


def _version() -> str:
    from sim import __version__

    return __version__


# ------------------------------------------------------------------------------------------------------ the answer


def the_answer(material: Material) -> Section | None:
    """Five sentences, how far to trust them, the zone at a glance."""
    if material.result is None:
        return None
    result, lang = material.result, material.lang
    blocks: list[Block] = [Points(sentences(material), numbered=True, kind="lead")]
    blocks += [Paragraph(text, "note") for text in (trust(material), *material.remarks) if text]
    curves = [metric for metric in GLANCE if metric in result] or [m for m in figures.curves.OVERVIEW if m in result][
        :6
    ]
    if curves:
        caption = how_to_read(material)
        draw = partial(figures.panel, result, curves, title="figure.overview", lang=lang)
        blocks.append(picture(draw, alt_of_curves(result, curves, lang), caption))
    return Section("answer", material.say("结论", "The answer"), blocks)


def how_to_read(material: Material) -> str:
    if material.result is not None and material.result.replications == 1:
        return material.say("只有一个世界，没有区间。", "A single world: there are no bands.")
    text = material.say(
        "线为各世界的中位数；深色带含一半、浅色带含九成的世界；刻度为年末。",
        "Lines are medians of the worlds; half of them lie in the dark band, nine in ten in the light one.",
    )
    if material.today and material.result is not None and material.today > material.result.quarters[0]:
        text += where_history_ends(material, material.today)
    return text


def where_history_ends(material: Material, today: str) -> str:
    """Up to when published facts are used, and that all after it is simulated though some of it has passed."""
    given = [int(x.until) - 1 for x in material.scenario.market.history] if material.scenario is not None else []
    until = quarter_name(max(given, default=0))
    stated = until > today
    return material.say(
        f"公布数据只用到虚线（{today}）为止；其后各季的企业、融资与上市都是模拟的，截至编制日已过去的季度也不例外"
        + (f"，情景对其后各季所作的设定（如市场状态至{until}）是输入。" if stated else "。"),
        f" Published facts are used up to the dashed line ({today}) and no further: firms, rounds and listings of later"
        " quarters are simulated, also where these had passed by the date of this report"
        + (
            f"; what the scenario states of them, such as market regimes up to {until}, is an input." if stated else "."
        ),
    )


def trust(material: Material) -> str:
    """How the model stands against what was published, and how much of it is assumed."""
    assert material.result is not None
    parts = []
    for use in ("check", "calibrate"):
        counted = [f for f in material.result.facts if f.use == use and f.inside is not None]
        scored = [bool(f.inside) for f in counted]
        if scored:
            name = term(f"use.{use}", material.lang)
            zh = f"{name}类公布数据{len(scored)}项中{sum(scored)}项落在5–95%区间内"
            parts.append(material.say(zh, f"{sum(scored)} of {len(scored)} {name} facts inside their 5–95 % band"))
            parts[-1] += surely(((f.bound, f.probability) for f in counted), material.lang)
            if use == "check":
                parts[-1] += material.say(
                    "（曾用来调整模型的不算证据，见模型说明）", " (no evidence where the model had been tuned to them)"
                )
    shares = material.manifest.get("parameters_by_grade") or {}
    if shares:
        told = [
            f"{share:.0%}{material.say('为', ' ')}{term(f'grade.{g}', material.lang)}" for g, share in shares.items()
        ]
        parts.append(material.say("参数中" + "、".join(told), "of the parameters " + ", ".join(told)))
    if not parts:
        return ""
    head = material.say("可信程度：", "How far to trust this: ")
    return head + material.say("；", "; ").join(parts) + what_bands_hold(material)


def what_bands_hold(material: Material) -> str:
    """Chance, stated distributions, and where `[uncertainty]` says so the doubt in numbers of lesser grades."""
    doubt = material.manifest.get("doubt_by_grade") or {}
    if not doubt:
        return material.say(
            "。区间包含偶然性与所列分布，不包含假设常数本身的误差。",
            ". Bands hold chance and the stated distributions, not the doubt in assumed constants.",
        )
    zh = "、".join(
        f"{x['carry']}个{term(f'grade.{grade}', 'zh')}数（九成在{1 + x['within']:.3g}倍内）"
        for grade, x in doubt.items()
    )
    en = " and ".join(
        f"{x['carry']} {term(f'grade.{grade}', 'en')} numbers (nine draws in ten within a factor of"
        f" {1 + x['within']:.3g})"
        for grade, x in doubt.items()
    )
    return material.say(
        f"。区间包含偶然性、所列分布，以及{zh}的不确定度；不包含规则、期限、指数类参数与模型结构的误差。",
        f". Bands hold chance, the stated distributions and the doubt in {en}; not the doubt in rules, durations,"
        " exponents or the form of the model.",
    )


# ------------------------------------------------------------------------------------------------------------ facts


def published_facts(material: Material) -> Section | None:
    """Inputs, calibration, checks and goals apart; misses by name."""
    if material.result is None or not material.result.facts:
        return None
    result, say, lang = material.result, material.say, material.lang
    rows: list[Row] = []
    for use in USES:
        own = [fact for fact in result.facts if fact.use == use]
        if own:
            rows.append(
                Row([Cell(f"{capital(term(f'use.{use}', lang))}{say('：', ': ')}{_meaning(use, material)}")], "group")
            )
            rows += [_fact_row(fact, material) for fact in own]
    header = [
        term("fact", lang), term("date", lang), term("observed", lang), term("median", lang), "5–95%",
        term("fact.reached", lang), "",
    ]  # fmt: skip
    note = say(
        "达到概率：模拟值不低于公布值的比例（上限类为不高于）。以“超过”形式公布的数，95%分位达到即为区间内。",
        "P(reached): share of worlds that reach the figure (for a ceiling: stay below it). A figure"
        " published as a"
        " floor counts as inside when the 95th percentile reaches it.",
    )
    blocks: list[Block] = [Points(misses(material))]
    alt = say(
        "每项公布数据：模拟的5–95%区间除以公布值。",
        "For each fact the simulated 5–95 % band over the published figure. ",
    )
    alt += "；".join(misses(material)) if lang == "zh" else " ".join(misses(material))
    if any(fact.p50 is not None for fact in result.facts):
        caption = say(
            "横条为5–95%区间，竖线为中位数；1×处与公布值相等。",
            "Bars: 5–95 % of worlds; ticks: medians; at 1× the model equals what was published.",
        )
        blocks.append(picture(lambda: figures.scoreboard(result, lang=lang), alt, caption))
    title = say("公布数据与模拟值", "What was published, and what was simulated")
    blocks.append(Table(title, header, rows, "llrrrrl", note, (0.34, 0.08, 0.13, 0.11, 0.16, 0.09, 0.09), small=True))
    return Section("facts", term("figure.scoreboard", lang), blocks)


def _meaning(use: str, material: Material) -> str:
    words = {
        "check": ("不作输入，用来检验模型", "no input; held against the model"),
        "calibrate": ("模型据此校准，吻合不算证据", "the model was fitted to these; agreement is no evidence"),
        "goal": ("目标值，看多大可能达到", "what is aimed at, and how likely it is"),
        "input": ("直接用作输入，不评分", "fed into the model; not scored"),
    }
    return material.say(*words[use])


def _fact_row(fact: ScoredFact, material: Material) -> Row:
    assert material.result is not None
    lang = material.lang
    row = shown(fact.unit or "index", (fact.observed, fact.p05, fact.p50, fact.p95), lang, whole=True)
    sign = {"at_least": "≥ ", "at_most": "≤ "}.get(fact.bound, "")
    name = capital(name_of_fact(fact, material))
    below = material.say("；", "; ").join(sourced(part, lang) for part in (fact.source, fact.note) if part)
    inside = Cell("")
    if fact.inside is not None and fact.use != "goal":
        inside = Cell(term("inside" if fact.inside else "outside", lang), tone="good" if fact.inside else "bad")
    odds = "" if fact.probability is None or math.isnan(fact.probability) else f"{fact.probability:.0%}"
    scored = fact.p50 is not None
    return Row(
        [
            Cell(name, below),
            Cell(fact.date),
            Cell(sign + in_scale(fact.observed, fact.unit or "index", row.scale, lang)),
            Cell(row.with_unit(fact.p50, lang) if scored else ""),
            Cell(row.band(fact.p05, fact.p95) if scored else ""),
            Cell(odds),
            inside,
        ]
    )


def name_of_fact(fact: ScoredFact, material: Material) -> str:
    """As the scenario calls it in the reader's language, else what its metrics are."""
    assert material.result is not None
    for own in material.scenario.facts if material.scenario is not None else ():
        if own.id == fact.id and own.name is not None:
            return own.name.get(material.lang)
    return fact_name(fact, material.result, material.lang, room=200)


def misses(material: Material) -> list[str]:
    """What lies outside, plainly: one sentence a fact; a sentence that there is none."""
    assert material.result is not None
    found = []
    for fact in material.result.facts:
        if fact.inside is False and fact.use in ("check", "calibrate"):
            name, use = name_of_fact(fact, material), term(f"use.{fact.use}", material.lang)
            observed, low, high = (
                amount(x or 0.0, fact.unit, material.lang) for x in (fact.observed, fact.p05, fact.p95)
            )
            found.append(
                material.say(
                    f"区间外（{use}）：{name}，{fact.date}公布{observed}，模拟{low}至{high}。",
                    f"Outside ({use}): {name}, {fact.date}: published {observed}, simulated {low} to {high}.",
                )
            )
    if not found:
        scored = any(f.inside is not None for f in material.result.facts if f.use in ("check", "calibrate"))
        if scored:
            found.append(
                material.say(
                    "检验与校准数据均落在5–95%区间内。", "Every check and calibration fact lies inside its 5–95 % band."
                )
            )
    if any(f.use == "check" for f in material.result.facts):
        found.append(
            material.say(
                "检验数据只有在从未用来调整模型时才是证据；哪些曾用来调整，见模型说明（docs/model.zh.md）。",
                "A check is evidence only as far as nobody tuned the model to it; docs/model.md says which were.",
            )
        )
    return found


# ------------------------------------------------------------------------------------------------ firms and values


def band_table(material: Material, metrics: Sequence[str], caption: str, more: str = "") -> Table | None:
    """A row a metric in its own unit, a column a date: medians over their 5–95 % bands. more: said below it too."""
    result = material.result
    have = [
        metric
        for metric in metrics
        if result is not None and metric in result and (_is_answer(metric) or figures.moves(result, metric))
    ]
    if result is None or not have:
        return None
    columns = dates(result.quarters, material.today)
    rows = []
    for metric in have:
        summary = result.summary([metric], columns)
        if not any(math.isfinite(row.p50) for row in summary):
            continue
        unit = result.metric(metric).unit
        values = [x for row in summary for x in (row.p05, row.p50, row.p95)]
        scale = shown(unit, values, material.lang, whole=True)
        cells = [Cell(capital(result.metric(metric).label[material.lang])), Cell(scale.unit)]
        several = result.replications > 1
        cells += [Cell(scale.text(row.p50), scale.band(row.p05, row.p95) if several else "") for row in summary]
        rows.append(Row(cells))
    if not rows:
        return None
    header = [capital(term("metric", material.lang)), term("unit", material.lang), *columns]
    note = material.say("中位数，下方为5–95%区间。", "Medians, with 5–95 % of worlds below.")
    widths = (0.25, 0.10, *(0.65 / len(columns) for _ in columns))
    note = material.say("", " ").join(x for x in (note if result.replications > 1 else "", more) if x)
    return Table(caption, header, rows, "ll" + "r" * len(columns), note, widths, small=True)


def _is_answer(metric: str) -> bool:
    """Whether nought in every world says something; of funds, programmes and newcomers it says that there are none."""
    return metric == "valuation.unicorns" or metric.startswith("ladder.")


def firms_and_values(material: Material) -> Section | None:
    """Counts of firms and their valuations with bands, by date; how far valuations multiply; the market behind them."""
    result, say, lang = material.result, material.say, material.lang
    if result is None:
        return None
    tables = [
        band_table(material, FIRMS, say("企业、就业与产值", "Firms, jobs and output"), how_firms_add_up(material)),
        band_table(material, VALUES, say("估值、上市与融资", "Valuations, listings and rounds")),
    ]
    blocks: list[Block] = [table for table in tables if table]
    drawn = dict(figures.default_set(result, lang))
    if table := multiples_table(material):
        blocks.append(table)
    groups = (("valuations", figures.VALUATIONS), ("market", figures.MARKET), ("named", _named(result)))
    if "valuations" in drawn:
        blocks.append(picture(drawn["valuations"], alt_of_curves(result, groups[0][1], lang), " "))
    if "multiples" in drawn:
        alt = say(
            "企业最近一轮与首轮投后估值之比的分布。",
            "How many times its first post-money each firm's last one is, as a histogram.",
        )
        blocks.append(picture(drawn["multiples"], alt))
    for name, metrics in groups[1:]:
        if name in drawn:
            caption = last_rounds(material) if name == "named" else ""
            blocks.append(picture(drawn[name], alt_of_curves(result, metrics, lang), caption or " "))
    blocks.append(
        Paragraph(
            say(
                "估值口径：未上市企业取最近一轮投后估值，上市企业取市值。招引企业与本地创办企业分列。"
                + (fair.ratio_in_words(material) or "投后估值通常高于公允价值。"),
                "Valuations are the last post-money of unlisted firms and the market value of listed ones. Firms that"
                " moved in are told apart from those founded here. "
                + (fair.ratio_in_words(material) or "A post-money valuation usually exceeds fair value."),
            ),
            "small",
        )
    )
    lacking = material.scenario.lacking_funds() if material.scenario is not None else None
    if told := line_of_lacking(lacking, lang):
        blocks.append(Paragraph(capital(told) + say("。", "."), "note"))
    return Section("firms", say("企业数量与估值", "Firms and valuations"), blocks)


def how_firms_add_up(material: Material) -> str:
    """How the counts of firms hang together, and where those that were sold stand in them."""
    return material.say(
        "每个世界中：期初 + 累计新增 − 累计退出（注销）− 累计迁出 = 在园（各行的中位数不必如此）。"
        "被并购企业不另减：随买方迁走的已在“迁出”中，留下的仍在园。",
        "In each world: at the start + entered − closed − moved away = in the zone (medians of rows need not add up)."
        " Sold firms are not taken off once more: those that leave with their buyer are among those that moved away,"
        " the others stay in the zone.",
    )


def last_rounds(material: Material) -> str:
    """Of when the last prices of named firms are: an unlisted one keeps its last round's to the end of the run."""
    result = material.result
    assert result is not None
    table: Any = result.samples.get("rounds") or {}
    if material.scenario is None or "firm" not in table:
        return ""
    told = []
    drawn = {name.split(".")[1] for name in _named(result)}
    for firm in (f for f in material.scenario.named if f.id in drawn):
        mine = table["firm"] == firm.id
        last = {r: q for r, q in sorted(zip(table["replication"][mine], table["quarter"][mine], strict=True))}
        if last:
            middle = sorted(last.values())[(len(last) - 1) // 2]
            told.append(material.say(f"{firm.name.zh}{middle}", f"{firm.name.en} {middle}"))
    if not told:
        return ""
    worlds = len(np.unique(table["replication"]))
    return material.say(
        f"未上市企业的价格停在最近一轮；最近一轮的季度（有明细的{worlds}个世界的中位数）：{'、'.join(told)}。",
        "An unlisted firm keeps the price of its last round, which was closed in (median over the"
        f" {plural(worlds, 'world')} logged): {', '.join(told)}.",
    )


def _named(result: Result) -> list[str]:
    return [name for name in figures.named_firms(result) if figures.moves(result, name)][:6]


# ------------------------------------------------------------------------------------------------------------ money


def the_money(material: Material) -> Section | None:
    """Leverage, where the money goes, the J-curve, a table by kind of fund, the public accounts."""
    result, say, lang = material.result, material.say, material.lang
    if result is None or not any(m.name.startswith(("funds.", "public.")) for m in result.metrics):
        return None
    blocks: list[Block] = []
    for text in (leverage_in_words(material), fair.nav_in_words(material)):
        blocks += [Paragraph(text)] if text else []
    if table := band_table(material, FUND, say("引导基金与子基金", "Guidance fund and sub-funds")):
        blocks.append(table)
    flows = figures.flows_of(result)
    if flows:
        told = [f"{_node(a, lang)} → {_node(b, lang)} {amount(x, 'CNY', lang)}" for a, b, x in flows]
        alt = say("资金流向图：", "Flow of money: ") + say("；", "; ").join(told)
        blocks.append(picture(lambda: figures.fund_flow(flows, result, lang=lang), alt))
    if any(figures.moves(result, f"funds.{group}.net_cash") for group in ("guidance", "subfunds")) and flows:
        curves = [f"funds.{group}.net_cash" for group in ("guidance", "subfunds")]
        caption = say(
            "累计分配减累计实缴；低点为最深，过零为回本（中位数）。",
            "Distributed less paid in, cumulated; trough and break-even of the median.",
        )
        blocks.append(picture(lambda: figures.j_curve(result, lang=lang), alt_of_curves(result, curves, lang), caption))
    blocks += fund_tables(material)
    for table in (each_fund(material), by_single_fund(material)):
        if table is not None:
            blocks.append(table)
    if table := band_table(material, PURSE, say("财政账（累计）", "Public accounts, cumulative")):
        blocks.append(table)
        have = [metric for metric in figures.PUBLIC if metric in result]
        draw = dict(figures.default_set(result, lang)).get("public")
        if draw is not None:
            blocks.append(picture(draw, alt_of_curves(result, have, lang), " "))
    return (
        Section("money", say("资金：出资、放大与回收", "Money: paid in, levered, recovered"), blocks)
        if blocks
        else None
    )


def _node(name: str, lang: str) -> str:
    return term(f"flow.{name}", lang)


def leverage_in_words(material: Material) -> str:
    assert material.result is not None
    t = Teller(material, material.result)
    leverage = t.told("funds.leverage")
    if not leverage:
        return ""
    others, new = t.told("funds.subfunds.others"), t.told("funds.subfunds.additional")
    if material.lang == "zh":
        text = f"放大倍数（子基金规模÷引导基金出资）是模拟的结果而非输入：{leverage}。"
        text += (
            f"社会资本认缴{others}，其中拟投向园区、且没有引导基金就不会来的为{new}；其余的或投向区外，或没有引导基金也会来，"
            "因此放大不等于新增。"
            if others and new
            else ""
        )
        return text
    text = f"Leverage, sub-fund size over guidance money, is an outcome and no input: {leverage}. "
    if others and new:
        text += (
            f"Other partners committed {others}, of which {new} is meant for the zone and would not have come without"
            " the guidance fund; the rest goes outside the zone or would have come anyway, so leverage is not"
            " additionality."
        )
    return text.strip()


def fund_tables(material: Material) -> list[Table]:
    """Kinds of funds at the last quarter in two tables, means in one unit so that both rows and columns add up: where
    each kind's money came from and went, which closes, and what its partners have of it."""
    from sim.figures.flows import into_subfunds
    from sim.model.layout import KIND_NAMES

    result, say, lang = material.result, material.say, material.lang
    assert result is not None
    last = result.quarters[-1]

    def mean(metric: str) -> float:
        if metric not in result:
            return 0.0
        values = result[metric][:, -1]
        return float(np.nanmean(values)) if np.any(np.isfinite(values)) else 0.0

    kinds, signs, paths = [], [], paths_in_words(material)
    for kind, zh, en in KIND_NAMES:
        cells = {c: mean(f"funds.{kind}.{c}") for c in FUND_COLUMNS}
        cells["subfunds"] = float(np.mean(into_subfunds(result))) if kind == "guidance" else 0.0
        if cells["size"] > 0 or cells["paid_in"] > 0:
            kinds.append((say(zh, capital(en)), cells))
            signs.append(PATHS if kind == "direct" and paths else "")
    if not kinds:
        return []
    money = shown("CNY", [cells[c] for _, cells in kinds for c in cells if c != "count"], lang)
    money = numbers.Shown(money.scale, 1 if money.decimals < 2 else 2)
    ratio = numbers.Shown(shown("ratio", [1.0], lang).scale, 2)
    count = numbers.Shown(shown("funds", [1.0], lang).scale, 0)

    def left(cells: dict[str, float]) -> float:
        """What came in and is in no column; less than a yuan in a million is how numbers are stored."""
        rest = sum(cells[c] for c in FUND_SOURCES) - sum(cells[c] for c in FUND_USES)
        return 0.0 if abs(rest) < 1e-6 * max(cells["paid_in"], 1.0) else rest

    uses = [
        Row([Cell(name), *(Cell(money.text(cells[c])) for c in (*FUND_SOURCES, *FUND_USES)),
             Cell(money.text(left(cells)))])
        for name, cells in kinds
    ]  # fmt: skip
    partners = [
        Row([Cell(name + sign), Cell(count.text(cells["count"])),
             *(Cell(money.text(cells[c])) for c in ("size", "paid_in", "distributed", "nav", "carry")),
             Cell(ratio.text(_over(cells["distributed"] + cells["nav"], cells["paid_in"]))),
             Cell(ratio.text(_over(cells["distributed"], cells["paid_in"])))])
        for (name, cells), sign in zip(kinds, signs, strict=True)
    ]  # fmt: skip
    header = say(
        "基金|实缴|循环投资|投向区内|投向区外|投向子基金|管理费|运营费用|账面现金|差额",
        "Funds|Paid in|Recycled|In zone|Outside|Sub-funds|Fees|Expenses|Cash|Left over",
    ).split("|")
    shares = (0.19, *(0.09 for _ in range(9)))
    first = Table(
        say(
            f"各类基金的资金来源与去向，{last}（{money.unit}，均值）",
            f"Where funds' money came from and went, {last} ({money.unit}, means)",
        ),
        header,
        uses,
        "l" + "r" * 9,
        say(
            "来源 = 实缴 + 循环投资（收回后再投的钱）；去向为其后各列；差额 = 来源 − 去向：为 0 即两边相等，"
            "为正是闲置未投、退还出资人的钱。",
            "In: paid in + recycled (proceeds kept to be invested again). Out: the columns after them. Left over = in −"
            " out: 0 where the row closes, above it what lay idle and went back to partners unspent.",
        ),
        shares,
        small=True,
    )  # fmt: skip
    header = say(
        "基金|数量|认缴|实缴|分配|净值|业绩报酬|TVPI|DPI", "Funds|No.|Size|Paid in|Paid out|NAV|Carry|TVPI|DPI"
    ).split("|")
    second = Table(
        say(f"各类基金，{last}（{money.unit}，均值）", f"Kinds of funds, {last} ({money.unit}, means)"),
        header,
        partners,
        "l" + "r" * 8,
        say(
            "TVPI =（分配 + 净值）÷ 实缴，DPI = 分配 ÷ 实缴，均由本行的均值算出，与各世界之比的中位数略有出入。"
            "分配已扣业绩报酬。",
            "TVPI = (paid out + NAV) / paid in; DPI = paid out / paid in: of the means in the row, which differ a"
            " little from medians of each world's ratio. Paid out is after carry.",
        )
        + (say("", " ") + paths if any(signs) else ""),
        (0.19, *(0.1 for _ in range(8))),
        small=True,
    )
    return [first, second]


def _over(part: float, whole: float) -> float:
    return part / whole if whole > 0 else math.nan


def outside_in_words(material: Material) -> str:
    """How much of what sub-funds return comes from beyond the zone, whose growth is an assumption."""
    result, say = material.result, material.say
    assert result is not None
    local, outside = (_median(result, f"funds.subfunds.invested.{where}") or 0.0 for where in ("local", "outside"))
    if not outside > 0.0:
        return ""
    share = f"{outside / (local + outside):.0%}"
    return say(
        f"子基金所投资金有{share}投在区外，作为一个合并组合计算，其增长率是假设（[outside]）；"
        "子基金的 DPI、TVPI、IRR 有一部分由此而来。",
        f" Of what sub-funds have invested {share} lies outside the zone, in one pooled portfolio whose growth is an"
        " assumption ([outside]): part of their DPI, TVPI and IRR comes from it.",
    )


def each_fund(material: Material) -> Table | None:
    """Each fund or class of funds by name at the last quarter: money as medians, measures with their bands."""
    from sim.model.layout import classes_of

    result, say, lang = material.result, material.say, material.lang
    assert result is not None
    if material.scenario is None:
        return None
    money_columns = ("size", "paid_in", "distributed", "nav", "nav_fair")
    kept = [
        (c, {column: _median(result, f"funds.{c.id}.{column}") for column in money_columns})
        for c in classes_of(material.scenario)
    ]
    kept = [(c, cells) for c, cells in kept if (cells["size"] or cells["paid_in"] or 0.0) > 0]
    if not kept:
        return None
    money = shown("CNY", [x for _, cells in kept for x in cells.values()], lang)
    money = numbers.Shown(money.scale, 1 if money.decimals < 2 else 2)
    ratio = numbers.Shown(shown("ratio", [1.0], lang).scale, 2)

    def banded(metric: str, text: Callable[[float], str], mark: str = "") -> Cell:
        if metric not in result:
            return Cell("–")
        low, middle, high = (float(x) for x in result.quantiles(metric, (0.05, 0.5, 0.95))[:, -1])
        return Cell(text(middle) + mark, f"{text(low)} – {text(high)}") if math.isfinite(middle) else Cell("–")

    since = {c.id: SINCE if has_books(result, f"funds.{c.id}") else "" for c, _ in kept}
    rows = [
        Row(
            [
                Cell(capital(c.name.get(lang))),
                *(Cell(money.text(cells[column])) for column in money_columns),
                *(banded(f"funds.{c.id}.{x}", ratio.text) for x in ("tvpi", "dpi")),
                banded(f"funds.{c.id}.irr", lambda x: f"{100 * x:.1f}%".replace("-", "−"), since[c.id]),
                banded(f"funds.{c.id}.ks_pme", ratio.text, since[c.id]),
            ]
        )
        for c, cells in kept
    ]
    last = result.quarters[-1]
    header = say("基金|认缴|实缴|分配|净值|公允净值", "Fund|Size|Paid in|Paid out|NAV|Fair NAV").split("|")
    return Table(
        say(
            f"逐类基金（合并口径），{last}（{money.unit}，各世界的中位数；下方为5–95%区间）",
            f"Each class of funds, its funds pooled, {last} ({money.unit}, medians of worlds; 5–95 % below)",
        ),
        [*header, "TVPI", "DPI", "IRR", "KS-PME"],
        rows,
        "l" + "r" * 9,
        say(
            "对出资人而言，已扣管理费与业绩报酬。净值按最近一轮价格，即基金账面的口径；公允净值按公允价值，"
            "即按期权为各类股份定价。",
            "To the partners, after fees and carry. NAV at last prices, as books have it; fair NAV at fair value, which"
            " prices each class of shares by its options.",
        )
        + outside_in_words(material)
        + (say("", " ") + term("returns.since", lang) if any(since.values()) else ""),
        (0.18, *(0.074 for _ in range(5)), *(0.1125 for _ in range(4))),
        small=True,
    )


PATHS = "‡"  # at what named firms decide, whose published values not every world reaches


def paths_in_words(material: Material) -> str:
    """That returns are over all worlds, also those in which named firms miss what was published of them."""
    assert material.result is not None
    told = []
    for path in material.result.manifest.get("named") or []:
        if not (part := part_of_direct(material.result, path["firm"])) > 0.0:
            continue
        goal = amount(path["published"], path["unit"], material.lang)
        told.append(
            material.say(
                f"{path['name']['zh']}（占直投基金实缴的{small_part(part)}）{path['date']}达到公布的{goal}"
                f"的概率为{path['probability']:.0%}",
                f"{path['name']['en']} ({small_part(part)} of what the direct fund calls) reaches the published {goal}"
                f" by {path['date']} in {path['probability']:.0%} of worlds",
            )
        )
    if not told:
        return ""
    return material.say(
        f"{PATHS}：{'；'.join(told)}。直投基金与财政的回报取自全部世界，不以达到这些公布值为条件。",
        f"{PATHS}: {'; '.join(told)}. Returns of the direct fund and of the treasury are over all worlds, and not"
        " conditioned on these published values.",
    )


def by_single_fund(material: Material) -> Table | None:
    """Quartiles over single funds of each class with several in some world: what a partner of one has to expect."""
    from sim.model.layout import classes_of

    result, say, lang = material.result, material.say, material.lang
    assert result is not None
    table: Any = result.samples.get("each_fund")
    if material.scenario is None or table is None:
        return None
    classes = list(classes_of(material.scenario))
    names = {c.id: capital(c.name.get(lang)) for c in classes}
    found = {x.id: x for x in single_funds(table, result.quarters)}
    kept = [found[name] for name in names if name in found and found[name].most > 1]
    if not kept:
        return None
    money = shown("CNY", [x.size for x in kept], lang)
    ratio = numbers.Shown(shown("ratio", [1.0], lang).scale, 2)

    def rate(x: float) -> str:
        return f"{100 * x:.1f}%".replace("-", "−") if math.isfinite(x) else "–"

    def count(a_world: float) -> str:
        return f"{a_world:.{0 if a_world >= 10 or a_world == int(a_world) else 1}f}"

    def three(values: tuple[float, float, float], text: Callable[[float], str]) -> Cell:
        low, middle, high = values
        return Cell(text(middle), f"{text(low)} – {text(high)}")

    rows = [
        Row(
            [
                Cell(names[x.id]),
                Cell(count(x.funds / x.worlds)),
                Cell(money.text(x.size)),
                three(x.tvpi, ratio.text),
                three(x.dpi, ratio.text),
                three(x.irr, rate),
                Cell(f"{x.above:.0%}"),
            ]
        )
        for x in kept
    ]
    header = say(
        "基金|每世界只数|认缴（中位）|TVPI|DPI|IRR|TVPI 大于 1", "Fund|A world|Size, median|TVPI|DPI|IRR|TVPI above 1"
    )
    last, worlds = result.quarters[-1], kept[0].worlds
    markets = {c.id for c in classes if c.kind == "market"} & {x.id for x in kept}
    of_markets = say(
        "市场化基金只计其用于本园区的部分，所投企业更少，离散更大。",
        " Of a market fund only what it allots to this zone is counted: fewer firms, and more spread.",
    )
    return Table(
        say(
            f"单只基金，{last}（{money.unit}；中位数，下方为四分位）",
            f"Single funds, {last} ({money.unit}; medians, quartiles below)",
        ),
        header.split("|"),
        rows,
        "l" + "r" * 6,
        say(
            f"首次交割满 {OLD_ENOUGH} 年的基金，逐只计算，取自留有流水的 {worlds} 个世界。"
            "上表把一类基金合并成一个大组合，少数企业的大额退出由全体分享，也计入较新的基金与起点前的基金；"
            "单只基金只投其中几家，多数得不到，中位数可能远低于合并口径。"
            f"{of_markets if markets else ''}起点前已设立、又没有账面的基金不计：入场时只有尚未投出的余额。",
            f"Funds whose first close lies {OLD_ENOUGH} years back or more, one by one, in the"
            f" {plural(worlds, 'world')} logged. The table above pools a class into one large portfolio, where all"
            " share in the few large exits, and also counts young funds and those from before the start; a single fund"
            " holds some firms and most funds have no such exit, so the median of a single fund may lie well below the"
            f" pooled figure.{of_markets if markets else ''} Funds that opened before the start"
            " without books are left out: they enter with what they had left to place.",
        ),
        (0.24, 0.09, 0.13, 0.15, 0.15, 0.15, 0.09),
        small=True,
    )


# ------------------------------------------------------------------------------------------------------------ rules


def the_rules(material: Material) -> Section | None:
    """The guidance fund's rule pack: where the scenario departs from it, losses beyond what is tolerated, the score."""
    pack = material.manifest.get("rule_pack") if material.result is not None else None
    if not pack or material.result is None:
        return None
    paid = "funds.guidance.paid_in"
    if paid in material.result and not figures.moves(material.result, paid) and not pack["departures"]:
        return None  # no guidance fund, and nothing said of one
    say, lang = material.say, material.lang
    until = pack["valid_to"] or say("至今", "now")
    stated = [row for row in pack["departures"] if row["what"] == "stated"]
    beyond = [row for row in pack["departures"] if row["what"] != "stated"]
    blocks: list[Block] = [
        Paragraph(
            say(
                f"规则包：{pack['name']['zh']}（{pack['pack']}，{pack['valid_from']}–{until}）。"
                f"情景另行设定 {len(stated)} 项，另有 {len(beyond)} 项条款超出规则包的限额。",
                f"Rule pack: {pack['name']['en']} ({pack['pack']}, {pack['valid_from']} to {until}). The scenario"
                f" states {len(stated)} of its numbers otherwise, and {len(beyond)} terms lie beyond its limits.",
            )
        )
    ]
    if pack["departures"]:
        blocks.append(_departures(stated, beyond, material))
    odds = [(key, row) for key, row in pack["classes"].items() if row["breach"] == row["breach"]]
    if odds:
        header = say(
            "子基金类|容错率（损失上限）|期末超过的概率|返投未达标子基金占比",
            "Class of sub-fund|Loss tolerated|Odds of a larger loss at the end|Its funds that miss the ratio (返投)",
        ).split("|")
        blocks.append(
            Table(
                say("容错与返投，按子基金类", "Losses tolerated (容错) and reinvestment (返投), by class of sub-fund"),
                header,
                [Row([Cell(capital(_told_name(key, row, lang))), *_odds_cells(row)]) for key, row in odds],
                "lrrr",
                say("± 为蒙特卡洛标准误。", "± is the Monte-Carlo standard error."),
            )
        )
    if evaluation := pack.get("evaluation"):
        blocks.append(_evaluation(evaluation, material))
    return Section("rules", say("引导基金的规则", "The rules of the guidance fund"), blocks)


def _told_name(key: str, row: dict[str, Any], lang: str) -> str:
    return row["name"][lang] if "name" in row else key


def _odds_cells(row: dict[str, Any]) -> list[Cell]:
    missed = row["reinvestment_missed"]
    return [
        Cell("–" if row["tolerance"] is None else f"{100 * row['tolerance']:.0f}%"),
        Cell(f"{100 * row['breach']:.1f}% ± {100 * row['breach_error']:.1f}"),
        Cell("–" if missed is None or missed != missed else f"{100 * missed:.1f}%"),
    ]


def _departures(stated: list[dict[str, Any]], beyond: list[dict[str, Any]], material: Material) -> Table:
    say, lang = material.say, material.lang

    def value(x: Any, unit: str) -> str:
        return numbers.written(x, unit, lang) if isinstance(x, int | float) and not isinstance(x, bool) else str(x)

    rows = []
    for title, group in (
        (say("另行设定的规则", "Rules stated otherwise"), stated),
        (say("超出限额的条款", "Terms beyond the limits"), beyond),
    ):
        if group:
            rows.append(Row([Cell(title)], "group"))
        rows += [
            Row(
                [
                    Cell(row["path"], parameter_meaning(material.scenario, row["path"], lang)),
                    Cell(value(row["pack"], row["unit"])),
                    Cell(value(row["here"], row["unit"]), sourced(row["source"], lang) if row["source"] else ""),
                ]
            )
            for row in group
        ]
    return Table(
        say("与规则包不同之处", "Where the scenario departs from the rule pack"),
        [term("parameter", lang), say("规则包", "Rule pack"), say("本情景", "This scenario")],
        rows,
        "lrr",
        widths=(0.5, 0.2, 0.3),
        small=True,
    )


def _evaluation(e: dict[str, Any], material: Material) -> Paragraph:
    error = "" if e["error"] is None else f" ± {e['error']:.1f}"  # one world has none
    return Paragraph(
        material.say(
            f"绩效评价可测部分预计得 {e['score']:.1f}{error} 分（满分 {e['most']:.0f}，{e['quarter']}）。"
            f"失分最多的一项是“{e['binds_name']['zh']}”：满分 {e['of']:.0f} 分，平均失 {e['lost']:.1f} 分。",
            f"Projected evaluation score, as far as it can be measured: {e['score']:.1f}{error} of"
            f" {e['most']:.0f} points in {e['quarter']}. Most points are lost on this item: {e['binds_name']['en']}, on"
            f" average {e['lost']:.1f} of its {e['of']:.0f}.",
        )
    )


def _median(result: Result, metric: str, quarter: int = -1) -> float | None:
    if metric not in result:
        return None
    value = float(result.quantiles(metric, (0.5,))[0, quarter])
    return value if math.isfinite(value) else None


# ---------------------------------------------------------------------------------------------------------- ladders


def the_ladders(material: Material) -> Section | None:
    """Each ladder: stocks by date, their curves, and who entered and left each year."""
    result, say, lang = material.result, material.say, material.lang
    if result is None:
        return None
    blocks: list[Block] = []
    for ladder in ladders_of(result):
        name = ladder_name(result, ladder, lang)
        stocks = say(f"{name}：存量", f"{capital(name)}: stocks")
        levels, note = curves_of(result, ladder)
        if table := band_table(material, levels, stocks):
            blocks.append(table)
        alt, note = alt_of_curves(result, levels, lang), capital(term(note, lang)) + say("。", ".") if note else " "
        blocks.append(
            picture(
                lambda levels=levels, stocks=stocks: figures.panel(result, levels, title=stocks, lang=lang), alt, note
            )
        )
        if table := renewal_table(material, ladder):
            caption = say(
                "柱为各年中位数，竖线为5–95%区间；有效期使退出成波。",
                "Bars: medians of the year; lines: 5–95 % of worlds. Periods of validity make those who"
                " leave come in waves.",
            )
            alt = say(
                "每年新增与退出，数字见下表。",
                "Firms that entered and left in each year; the table below has the numbers.",
            )
            blocks.append(picture(lambda ladder=ladder: figures.renewal(result, ladder, lang=lang), alt, caption))
            blocks.append(table)
    found = unfit(result, material.scenario) if material.scenario is not None else []
    if told := line_of_unfit(found, result, lang):
        head, *levels = told.splitlines()
        blocks += [Paragraph(capital(head), "note"), Points([line.strip() for line in levels])]
    return (
        Section("ladders", say("梯度：存量与换证波", "Ladders: stocks and renewal waves"), blocks) if blocks else None
    )


def renewal_table(material: Material, ladder: str) -> Table | None:
    """Entered and left by year, medians; at most twelve years, the latest."""
    result, say, lang = material.result, material.say, material.lang
    assert result is not None
    rows: list[Row] = []
    years: list[int] = []
    for level in levels_of(result, ladder):
        found = waves(result, level)
        if found is None:
            continue
        years = found.years[-12:]
        scale = shown("firms", [*found.entered[1], *found.left[1]], lang, whole=True)
        label = capital(result.metric(level).label[lang])
        for sign, band, word in (("+", found.entered, "figure.entered"), ("−", found.left, "figure.left")):
            cells = [Cell(label if sign == "+" else ""), Cell(term(word, lang))]
            cells += [Cell(scale.text(float(x))) for x in band[1][-12:]]
            rows.append(Row(cells))
    if not rows:
        return None
    name = ladder_name(result, ladder, lang)
    caption = say(
        f"{name}：每年新增与退出（家，中位数）", f"{capital(name)}: entered and left each year (firms, medians)"
    )
    width = 0.66 / len(years)
    widths = (0.26, 0.08, *(width for _ in years))
    return Table(
        caption, ["", "", *(str(year) for year in years)], rows, "ll" + "r" * len(years), "", widths, small=True
    )


# ------------------------------------------------------------------------------------------------------- programmes


def policy_tools(result: Result) -> dict[str, list[str]]:
    """Metrics of programmes, incubators and projects by whom they tell of; sectors and energy under "zone"."""
    found: dict[str, list[str]] = {}
    for metric in (m.name for m in result.metrics):
        room, _, rest = metric.partition(".")
        if room in ("programme", "incubator", "project"):
            found.setdefault(f"{room}.{rest.partition('.')[0]}", []).append(metric)
        elif metric.startswith(("output.sector.", "energy.")):
            found.setdefault("zone", []).append(metric)
    return found


def the_programmes(material: Material) -> Section | None:
    """Programmes, incubators, projects: a table each, and how many took them up."""
    result, say, lang = material.result, material.say, material.lang
    if result is None:
        return None
    blocks: list[Block] = []
    for metrics in policy_tools(result).values():
        labels = [result.metric(metric).label[lang] for metric in metrics]
        stem, colon, _ = labels[0].partition(say("：", ": "))
        own = bool(colon) and all(label.startswith(stem + colon) for label in labels)
        table = band_table(material, metrics, capital(stem) if own else say("行业与能耗", "Sectors and energy"))
        if table is not None and own:  # the caption names it; the rows need not
            rows = [Row([Cell(capital(row.cells[0].text[len(stem + colon) :])), *row.cells[1:]]) for row in table.rows]
            table = replace(table, rows=rows)
        blocks += [table] if table else []
    taken_up = [m.name for m in result.metrics if m.name.endswith((".adopters", ".tenants"))]
    taken_up = [metric for metric in taken_up if figures.moves(result, metric)][:6]
    if taken_up:
        title = say("采纳与入驻", "Adopters and tenants")
        draw = partial(figures.panel, result, taken_up, title=title, lang=lang)
        blocks.append(picture(draw, alt_of_curves(result, taken_up, lang), " "))
    return (
        Section("programmes", say("政策工具、孵化器与项目", "Programmes, incubators and projects"), blocks)
        if blocks
        else None
    )


# ------------------------------------------------------------------------------------------------ policy comparison


def policy_comparison(material: Material) -> Section | None:
    """What each scenario changes against the baseline, paired draw by draw, and what a unit of it costs."""
    c, say, lang = material.comparison, material.say, material.lang
    if c is None:
        return None
    j, baseline = c.column(c.at), capital(c.called(c.baseline, lang))
    alone = material.result is None
    blocks: list[Block] = [
        Points(of_comparison(c, material), numbered=True, kind="lead" if alone else ""),
        Paragraph(
            say(
                f"每个方案与基准“{baseline}”在同一组随机世界中逐次配对，差异只含政策的作用。",
                f"Each scenario lives through the same random worlds as the baseline, {baseline}, so that a"
                " difference holds only what the policy did.",
            ),
            "note" if alone else "",
        ),
    ]
    if table := what_is_changed(material):
        blocks.append(table)
    rows = []
    for k in c.shown():
        about = c.metrics[k]
        base = c.baseline_mean[k, j]
        unit = unit_of_difference(about.unit)
        small = shown(unit, [x for d in c.differing() for x in (d.low[k, j], d.mean[k, j], d.high[k, j])], lang)
        of_base = shown(about.unit, [base], lang).with_unit(base, lang)
        head = f"{capital(about.label[lang])}{say('（', ' (')}{small.unit}{say('）', ')')}"
        rows.append(Row([Cell(head + say(f"，基准均值{of_base}", f"; baseline mean {of_base}"))], "group"))
        for d in c.differing():
            same = d.p_same[k, j] == 1.0
            doubt = say("与基准相同", "as the baseline") if same else ""
            if d.noise[k, j]:
                doubt = ANALYSIS_WORDS["noise"][0 if lang == "zh" else 1]
            rows.append(
                Row(
                    [
                        Cell(capital(c.called(d.name, lang))),
                        Cell(small.text(d.mean[k, j], sign=True)),
                        Cell(small.band(d.low[k, j], d.high[k, j], sign=True)),
                        Cell("–" if same or math.isnan(d.p_more[k, j]) else f"{d.p_more[k, j]:.0%}"),
                        Cell(doubt),
                    ]
                )
            )
    header = [
        term("scenario", lang),
        term("figure.difference", lang),
        say("均值的95%区间", "95 % interval of the mean"),
        say("更高的概率", "P(more)"),
        "",
    ]
    caption = say(
        f"与基准之差，{c.at}，{c.replications}个配对世界",
        f"Difference from the baseline, {c.at}, {c.replications} paired worlds",
    )
    if c.differing():
        blocks.append(Table(caption, header, rows, "lrrrl", "", (0.3, 0.12, 0.22, 0.11, 0.25)))
    blocks += [Paragraph(told, "note") for told in c.equals(lang, short=False)]
    drawn = [c.metrics[k].name for k in c.shown()]
    pairs = [
        (metric, d.name)
        for metric in drawn
        for d in c.differences
        if not d.noise[c.row(metric), j] and d.sd[c.row(metric), j] > 0
    ]
    one = len(c.differences) == 1
    for metric, name in pairs[:MOST_CHANGES] if one else []:
        label, called = capital(c.metrics[c.row(metric)].label[lang]), c.called(name, lang)
        alt = say(f"{label}：{called}减{baseline}，按季度。", f"{label}: {called} minus {baseline}, by quarter.")
        blocks.append(picture(lambda metric=metric, name=name: figures.difference(c, metric, name, lang=lang), alt))
    if not one:
        from sim.figures.analysis import forest

        for metric in drawn[:MOST_FORESTS]:
            label = capital(c.metrics[c.row(metric)].label[lang])
            alt = say(
                f"各方案与基准之差：{label}，{c.at}；数字见上表。",
                f"Differences from the baseline: {label}, {c.at}; the table above has the numbers.",
            )
            blocks.append(picture(lambda metric=metric: forest(c, metric, lang), alt, title=label))
    left = [metric for metric, _ in pairs[MOST_CHANGES:]] if one else drawn[MOST_FORESTS:]
    blocks += undrawn("differences", [c.metrics[c.row(metric)].label[lang] for metric in left], lang)
    blocks += [Paragraph(told, "note") for told in c.opposite(lang, short=False)]
    blocks += price_table(material)
    if table := missed_table(material):
        blocks.append(table)
    return Section("comparison", say("政策比较", "Policy comparison"), blocks)


def undrawn(what: str, labels: list[str], lang: str) -> list[Block]:
    """What is left without a figure, "differences" or "outputs", and where its numbers and its figure stand."""
    names = ("、" if lang == "zh" else ", ").join(labels)
    told = term(f"report.undrawn.{what}", lang).format(count=len(labels), names=names)
    return [Paragraph(told, "small")] if labels else []


def what_is_changed(material: Material) -> Table | None:
    """What each scenario states otherwise than the baseline, as its file writes it."""
    from sim.scenario.meanings import of_path

    c, say, lang = material.comparison, material.say, material.lang
    assert c is not None
    whole: dict[str, str] = {"removed": say("删去", "removed"), "added": say("新增", "added")}
    rows: list[Row] = []
    for name, changes in (c.about.get("changes") or {}).items():
        rows.append(Row([Cell(capital(c.called(name, lang)))], "group"))
        for change in changes[:MOST_STATED]:
            path = change["path"]
            told = whole.get(str(change["written"]), str(change["written"]))
            if "value" in change:
                told = numbers.written(change["value"], change["unit"], lang)
            label = (change.get("label") or {}).get(lang) or of_path(path, lang) or path
            rows.append(Row([Cell(capital(label)), Cell(path), Cell(told)]))
        if not changes:
            rows.append(Row([Cell(say("与基准相同", "as the baseline")), Cell(""), Cell("")]))
        if len(changes) > MOST_STATED:
            rest = len(changes) - MOST_STATED
            rows.append(Row([Cell(say(f"另有{rest}处", f"and {rest} more")), Cell(""), Cell("")]))
    if not rows:
        return None
    header = [say("改动", "What is changed"), say("路径", "Path"), say("改为", "To")]
    caption = say("各方案与基准的不同", "What each scenario states otherwise than the baseline")
    return Table(caption, header, rows, "llr", "", (0.5, 0.3, 0.2), small=True)


def missed_table(material: Material) -> Table | None:
    """Whose sub-funds miss the reinvestment ratio how often: a group a class, a row a scenario."""
    c, say, lang = material.comparison, material.say, material.lang
    assert c is not None
    j, noise = c.column(c.at), ANALYSIS_WORDS["noise"][0 if lang == "zh" else 1]
    rows: list[Row] = []
    for k, ds in c.missed():
        base = percent(c.baseline_mean[k, j])
        head = capital(c.class_of(k, lang)) + say(f"，基准{base}", f"; baseline {base}")
        rows.append(Row([Cell(head)], "group"))
        for d in ds:
            cells = (capital(c.called(d.name, lang)), percent(d.own[k, j]), points(d, k, j, lang))
            rows.append(Row([*(Cell(text) for text in cells), Cell(noise if d.noise[k, j] else "")]))
    if not rows:
        return None
    header = [
        term("scenario", lang),
        say("未达标占比", "Share that misses"),
        say("与基准之差，百分点 [95%区间]", "Difference, points [95 % interval]"),
        "",
    ]
    note = say("", " ").join(c.missing_costs(lang, short=False))
    return Table(c.missed_title(lang), header, rows, "lrrl", note, (0.34, 0.16, 0.3, 0.2), small=True)


def price_table(material: Material) -> list[Block]:
    """Net public cost over what it bought: a group a scenario, a row a thing; none for one that changes nothing."""
    c, say, lang = material.comparison, material.say, material.lang
    assert c is not None
    things = {thing.key: thing for thing in BOUGHT}
    drawn, noise = [m.name for m in c.metrics], ANALYSIS_WORDS["noise"][0 if lang == "zh" else 1]
    rows: list[Row] = []
    for name, turned, own in c.priced():
        if all(p.bought == 0 and p.cost == 0 for p in own):
            continue
        cost = shown("CNY", [own[0].cost], lang).with_unit(own[0].cost, lang, sign=True)
        head = capital(c.over(name, lang) if turned else c.called(name, lang))
        told = head + say(f"：净成本{cost}", f": net cost {cost}")
        if c.price_by in drawn and c.of(name).noise[c.row(c.price_by), c.column(c.at)]:
            told += say(f"（{noise}）", f" ({noise})")
        if c.price_by == NET_COST_HELD and math.isfinite(own[0].cash):
            cash = shown("CNY", [own[0].cash], lang).with_unit(own[0].cash, lang, sign=True)
            told += say(f"；不减持有的权益（现金）{cash}", f"; in cash, stakes left out, {cash}")
        rows.append(Row([Cell(told)], "group"))
        if not any(math.isfinite(p.low) or p.same for p in own):
            none = Cell(say("各项", "Whatever it bought"))
            rows.append(Row([none, Cell(""), Cell(numbers.NONE), Cell(""), Cell(say(*VERDICTS["undetermined"]))]))
            continue
        for p in own:
            thing = things[p.key]
            words = say(thing.zh.partition("（")[0], thing.en)
            indent = "\u2003" if words[:1] in ("\u3000", " ") else ""
            unit = thing.unit or ("jobs" if p.key.startswith("jobs") else "firms")
            bought = shown(unit, [p.bought], lang)
            known = p.verdict in ("price", "saving")
            price = shown("CNY", [p.low, p.high, p.ratio] if known else [0.0], lang)
            rows.append(
                Row(
                    [
                        Cell(indent + words.strip(" \u3000") if indent else capital(words)),
                        Cell(bought.with_unit(p.bought, lang, sign=True)),
                        Cell(price.with_unit(p.ratio, lang) if known else numbers.NONE),
                        Cell(price.band(p.low, p.high) if known else ""),
                        Cell(c.verdict(p, lang)),
                    ]
                )
            )
    remarks = c.price_remarks(lang, short=False)
    if not rows:
        alone = any(c.unpriced(d.name) for d in c.differences)
        return [Paragraph(told, "note") for told in remarks] if alone else []
    header = [
        say("多得的一单位", "One more"),
        say("新增", "Additional"),
        say("每单位净成本", "Net cost of each"),
        say("95%区间", "95 % interval"),
        "",
    ]
    caption = say(f"每新增一单位的财政净成本，{c.at}", f"Net public cost of one more of each, {c.at}")
    note = say(
        "新增与净成本均为均值；区间按 Fieller 方法。新增或净成本与零无法区分时没有价格（无法确定）；"
        "各世界中所得都相同而净成本有差异的，写作同样效果。",
        "Additional and net cost are means; intervals are Fieller's. Where what was bought or the net cost cannot be"
        " told from zero there is no price (undetermined); where as much was bought in every world and the net cost"
        " differs, it is called the same.",
    )
    if any(turned for _, turned, _ in c.priced()):
        note += say(
            "所得较少的方案（如取消一项政策）反过来看：基准比它多得多少、净成本多多少。",
            " A scenario that gets less, as one that takes a policy away, is told the other way round: what the"
            " baseline has over it, and at what net cost.",
        )
    note += "".join(say("", " ") + told for told in remarks)
    return [Table(caption, header, rows, "lrrrl", note, (0.3, 0.16, 0.17, 0.21, 0.16), small=True)]


# ------------------------------------------------------------------------------------------------------ sensitivity


def sensitivity(material: Material) -> Section | None:
    """Which parameters matter: the sweep's bars for its first outputs."""
    s, say, lang = material.sweep, material.say, material.lang
    if s is None:
        return None
    from sim.figures import analysis as drawing

    draw: dict[str, Callable[[Any, str, str], Any]] = {"morris": drawing.screening, "oat": drawing.tornado}
    e, method = s.evaluated, ANALYSIS_WORDS[f"method.{s.plan.method}"][0 if lang == "zh" else 1]
    alone = material.result is None and material.comparison is None
    blocks: list[Block] = [
        Points(of_sweep(s, material), numbered=True, kind="lead" if alone else ""),
        *([Paragraph(doubt, "note")] if (doubt := doubt_in_ranking(material)) else []),
        Paragraph(
            say(
                f"方法：{method}；{len(s.varied)}个参数，{len(e.design)}个样本，每个样本{e.replications}个世界，随机种子{s.seed}。",
                f"Method: {method}; {len(s.varied)} parameters, {len(e.design)} samples of"
                f" {e.replications} worlds each, seed {s.seed}.",
            )
        ),
    ]
    if centre := centre_in_words(s, lang):
        blocks.append(Paragraph(capital(centre) + say("。", "."), "note"))
    rows = [
        Row(
            [
                Cell(capital(s.model.label(v.path, lang)), v.path),
                Cell(_parameter_value(material, v.path, v.ends[0])),
                Cell(_parameter_value(material, v.path, v.ends[1])),
            ]
        )
        for v in s.varied
    ]
    blocks.append(
        Table(
            say("变动的参数", "Parameters that were varied"),
            [term("parameter", lang), say("最低", "Lowest"), say("最高", "Highest")],
            rows,
            "lrr",
            "",
            (0.5, 0.25, 0.25),
        )
    )
    known = [o for o in s.outputs if o not in s.undefined and any(i.output == o for i in s.indices)]
    for output in known[:MOST_OUTPUTS]:
        lead = leading_index(s, output)
        leading = [s.model.label(i.parameter, lang) for i in surely_ranked(s, output, lead)[:3]] if lead else []
        alt = s.model.label(output, lang)
        if leading:
            alt += say("：影响最大的参数依次为", ": the parameters that matter most are ") + say("、", ", ").join(
                leading
            )
        draw_one = partial(draw.get(s.plan.method, drawing.shares), s, output, lang)
        blocks.append(picture(draw_one, alt, title=capital(s.model.label(output, lang))))
    blocks += undrawn("outputs", [s.model.label(output, lang) for output in known[MOST_OUTPUTS:]], lang)
    if s.undefined:
        blocks.append(
            Paragraph(
                say("部分样本中没有定义、未计算指数：", "Undefined in some samples, so without indices: ")
                + ", ".join(s.undefined),
                "small",
            )
        )
    return Section("sensitivity", say("敏感性", "Sensitivity"), blocks)


def doubt_in_ranking(material: Material) -> str:
    """Where more samples, or more replications of each, could put the parameters in another order: how many more."""
    from sim.analysis.sweep import LARGEST_NOISE

    s, say = material.sweep, material.say
    assert s is not None
    told, lang = [], material.lang
    few = [c for c in s.header.get("convergence") or () if not c["enough"] and c["output"] not in s.undefined]
    if few:
        names = say("、", "; ").join(s.model.label(c["output"], lang) for c in few)
        if len(few) == len(s.outputs) > 1:
            names = say("各项指标", "any output")
        most = max(c["samples_needed"] for c in few)
        told.append(
            say(
                f"样本偏小，参数的先后尚未稳定（{names}）：请用 --samples {most}。",
                f"The sample was too small to settle the order of the parameters for {names}: use --samples {most}.",
            )
        )
    left = {output: split.left(s.evaluated.replications) for output, split in s.variance.items()}
    noisy = {output: share for output, share in left.items() if share > LARGEST_NOISE}
    if noisy:
        most = max(noisy.values())
        told.append(
            say(
                f"{len(left)}项指标中有{len(noisy)}项，指数所分解的方差里残留着随机性（最多{most:.0%}）："
                "请增加 --replications。",
                f"For {len(noisy)} of {len(left)} outputs chance is left in the variance that the indices share out"
                f" (up to {most:.0%}): use more --replications.",
            )
        )
    return say("", " ").join(told)


def _parameter_value(material: Material, path: str, value: float) -> str:
    from sim.errors import UserError
    from sim.scenario.loading import find_quantity

    if material.scenario is not None:
        try:
            return numbers.written(value, find_quantity(material.scenario, path).unit, material.lang)
        except UserError:
            pass
    stated = (material.sweep.header.get("labels") or {}).get(path)
    return numbers.written(value, str(stated["unit"]), material.lang) if stated else numbers.plain(value)


# ------------------------------------------------------------------------------------------------------ assumptions


def parameters_of(material: Material) -> list[tuple[str, str, str, str, str, str]]:
    """(grade, path, value as people write it, unit, source, note) of every parameter of the run's scenario."""
    from sim.scenario.fields import iter_quantities

    if material.scenario is None:
        return []
    return [
        (
            q.grade or "assumed",
            path,
            numbers.written_quantity(q, material.lang),
            q.unit,
            sourced(q.source, material.lang),
            sourced(q.note, material.lang),
        )
        for path, q in iter_quantities(material.scenario)
        if not path.startswith(("facts.", "levers."))
    ]


def the_assumptions(material: Material) -> Section | None:
    """Every parameter by grade; those of one source stand together below it."""

    rows = parameters_of(material)
    if not rows:
        return None
    say, lang = material.say, material.lang
    shares = [
        f"{capital(term(f'grade.{grade}', lang))} {sum(r[0] == grade for r in rows)}"
        for grade in ("published", "estimated", "assumed")
    ]
    blocks: list[Block] = [
        Paragraph(
            say(
                f"共{len(rows)}个参数：{'，'.join(shares)}。数值按情景文件的写法；同一来源的参数列在一起。"
                "改动任何一个：在运行命令后加 --set 路径=值。",
                f"{len(rows)} parameters: {', '.join(shares)}. Values as people write them; parameters of one"
                " source stand together. To try another value of any of them, add --set PATH=VALUE to the"
                " command.",
            )
        )
    ]
    for grade in ("published", "estimated", "assumed"):
        own = [row for row in rows if row[0] == grade]
        if not own:
            continue
        table: list[Row] = []
        for source in dict.fromkeys(row[4] for row in own):
            table.append(Row([Cell(source)], "group"))
            table += [
                Row([Cell(capital(parameter_meaning(material.scenario, path, lang))), Cell(path), Cell(value, note)])
                for _, path, value, _, s, note in own
                if s == source
            ]
        caption = f"{capital(term(f'grade.{grade}', lang))}{say('：', ': ')}{_grade_meaning(grade, material)}"
        blocks.append(
            Table(
                caption,
                [term("parameter", lang), say("路径", "Path"), say("数值", "Value")],
                table,
                "lll",
                "",
                (0.34, 0.43, 0.23),
                small=True,
                tight=True,
            )
        )
    return Section("assumptions", say("参数与来源", "Assumptions and their sources"), blocks)


def _grade_meaning(grade: str, material: Material) -> str:
    words = {
        "published": ("见于公开材料", "seen in print"),
        "estimated": ("由公开数据推算", "worked out from published figures"),
        "assumed": ("我们的判断，应试其他取值", "our judgement; try others"),
    }
    return material.say(*words[grade])


# ----------------------------------------------------------------------------------------------------------- limits


def the_limits(material: Material) -> Section | None:
    if material.result is None and material.comparison is None and material.sweep is None:
        return None
    say = material.say
    items = [
        say("结果是在所列假设下的推演，不是预测；区间含偶然性、给出的分布与按来源等级的不确定度（若情景开启），"
            "不含模型结构的误差。",
            "These are consequences of the stated assumptions, not a forecast; bands hold chance, the stated"
            " distributions and, where the scenario asks for it, doubt by grade, but not the form of the model."),
        say("最高估值、最大倍数等极值来自厚尾分布，区间很宽，不宜作为目标。",
            "The largest valuation and the largest multiple are extremes of heavy tails: their bands are wide,"
            " and they are no targets."),
        say("投后估值不等于公允价值；总估值不是可变现的财富。",
            "A post-money valuation is not fair value, and total valuation is not wealth that could be had in cash."),
        say("放大倍数不等于新增性：部分社会资本没有引导基金也会来。新增比例是关键假设，请看其分布与敏感性。",
            "Leverage is not additionality: part of the other money would have come anyway. The additional"
            " share is the assumption on which every counterfactual hangs."),
        say("没有考虑：企业之间的贸易、劳动力与土地市场、其他园区的反应、一般均衡与知识外溢。",
            "Left out: trade between firms, labour and land markets, the response of other zones, general"
            " equilibrium, spillovers of knowledge."),
        say("“至少”类公布数据以95%分位达到为准，判断时请同时看达到概率。",
            "Facts that are floors are met when the 95th percentile reaches them: read the probability beside them."),
    ]  # fmt: skip
    return Section("limits", say("模型的局限", "Limits of the model"), [Points(items)])


# -------------------------------------------------------------------------------------------------------- reproduce


def commands_of(material: Material) -> list[tuple[str, str]]:
    """(which part of the report, the command that makes its numbers again)."""
    from sim.scenario.recorded import command_of

    say, found = material.say, []
    if material.result is not None:
        if fit := command_of(material.result.manifest.get("posterior") or {}):
            found.append((say("校准", "The calibration"), fit))
        found.append((say("运行", "The run"), command_of(material.result.manifest)))
    if (c := material.comparison) is not None:
        command = command_of(c.about)
        if not command:  # saved by an earlier version
            words = ["compare", *(f"{name}.toml" for name in c.about.get("scenarios", {}))]
            words += ["--replications", str(c.replications), "--seed", str(c.about.get("seed", 1))]
            command = shlex.join(["python", "run.py", *words])
        found.append((say("政策比较", "Policy comparison"), command))
    if material.sweep is not None:
        header = material.sweep.header
        found.append((say("敏感性", "Sensitivity"), command_of(header) or _command_of_older_sweep(header)))
    return found


def _command_of_older_sweep(header: dict[str, Any]) -> str:
    words = ["python", "run.py", "sweep", str(header.get("scenario") or "SCENARIO.toml")]
    for key in ("method", "samples", "replications", "seed"):
        words += [f"--{key}", str(header.get(key))]
    for override in header.get("overrides") or ():
        words += ["--set", str(override)]
    for path, spread in (header.get("varied") or {}).items():
        ends = re.fullmatch(r"uniform\(low (\S+), high (\S+)\)", str(spread))
        words += ["--vary", f"{path}={ends[1]}..{ends[2]}"] if ends else []
    return shlex.join(words)


def how_to_reproduce(material: Material) -> Section | None:
    about, say = material.manifest, material.say
    rows = [
        (say("程序版本", "Program"), f"Headwater {about.get('version') or _version()}"),
        (say("模拟核心", "Kernel"), about.get("kernel")),
        (
            say("情景指纹", "Scenario fingerprint"),
            about.get("scenario_fingerprint") or about.get("scenario and program"),
        ),
        (say("情景指纹（依次）", "Fingerprints, in that order"), " · ".join((about.get("scenarios") or {}).values())),
        (say("随机种子", "Seed"), about.get("seed")),
        (say("世界数", "Worlds"), about.get("replications")),
        ("Python · NumPy · Numba", " · ".join(str(about[key]) for key in ("python", "numpy", "numba") if key in about)),
        (say("处理器", "Processor"), about.get("machine")),
    ]
    table = [Row([Cell(what), Cell(str(value))]) for what, value in rows if value]
    commands = commands_of(material)
    blocks: list[Block] = []
    for part, command in commands:
        blocks += [Paragraph(part + say("：", ":"))] if len(commands) > 1 else []
        blocks.append(Code(command))
    blocks += [
        Paragraph(
            say(
                "同一版本、同一情景、同一种子与世界数，结果逐位相同，与线程数无关；换一种处理器，末位数字可能不同。",
                "The same version, scenario, seed and worlds give the same numbers to the bit, on any"
                " number of threads; another processor may differ in the last digits.",
            )
        ),
        Table(say("运行记录", "Record of the run"), ["", ""], table, "ll", "", (0.3, 0.7)),
    ]
    told = [about]
    told += [material.comparison.about] if material.comparison is not None else []
    told += [material.sweep.header] if material.sweep is not None else []
    texts = dict.fromkeys(
        (name, str(text)) for each in told for name, text in (each.get("scenario_text") or {}).items()
    )
    for name, text in texts:  # a file that changed between the run and the analysis is there twice
        blocks.append(Attachment(say(f"情景文件：{name}", f"Scenario file: {name}"), text))
    return Section("reproduce", say("如何重现", "How to reproduce this"), blocks)


SECTIONS: tuple[Callable[[Material], Section | None], ...] = (
    the_answer,
    published_facts,
    firms_and_values,
    the_money,
    fair.headline_and_fair_value,
    the_rules,
    the_ladders,
    the_programmes,
    policy_comparison,
    sensitivity,
    the_limits,
    how_to_reproduce,
    the_assumptions,  # many pages of parameters: what must be read stands before them
)
