"""What commands print: the summary of a run, its facts scoreboard, JSON. Reads results; computes nothing anew."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.analysis.text import layout, say, small_part
from sim.errors import in_language
from sim.quantities import format_money, format_number, half_up
from sim.scoring import surely
from sim.terms import COUNTED, term

if TYPE_CHECKING:
    from sim.analysis.unfit import Unfit
    from sim.model.metrics import Metric
    from sim.result import Result, ScoredFact

GUIDANCE = "funds.guidance.paid_in"  # none, where the scenario has no guidance fund
# What an investment office reads first; of these the ones that a scenario reports.
HEADLINES = (
    "firms.alive",
    "ladder.certificates.hte",
    "ladder.certificates.giant",
    "firms.listed",
    "valuation.unicorns",
    "valuation.post_money.total",
    "valuation.fair.ratio",
    "valuation.listed.total",
    "rounds.raised.total",
    GUIDANCE,
    "funds.subfunds.size",
    "funds.leverage",
    "funds.guidance.tvpi",
    "jobs.total",
    "output.year",
    "public.net_cost_pv",
    "public.net_cost_held_pv",
)
MOST_TERMS = 6  # named beyond a pack's limits; the report has them all
OF_OWN = 8  # rows of a zone's own programmes, incubators and reported sectors
BAND = "[5…95 %]"
BOLD, RED, GREEN = "1", "31", "32"


def head_of_metrics(lang: str) -> tuple[str, str, str, str]:
    """Over `row_of_metric`."""
    return (
        say(lang, "指标", "metric"),
        say(lang, "含义", "what it is"),
        say(lang, "单位", "unit"),
        say(lang, "类型", "kind"),
    )


def row_of_metric(metric: Metric, lang: str) -> tuple[str, str, str, str]:
    """A metric as lists of them tell it: name, label, unit, kind."""
    kinds = {
        "stock": say(lang, "季末存量或累计", "at the end of the quarter"),
        "flow": say(lang, "当期流量", "within the quarter"),
        "ratio": say(lang, "比值", "ratio"),
        "index": say(lang, "指数", "index"),
    }
    kind = kinds[metric.kind]
    if metric.name.endswith(".year"):
        kind = say(lang, "最近四个季度合计", "over the last four quarters")
    return metric.name, metric.label[lang], term(f"unit.{metric.unit}", lang), kind


def list_of_metrics(metrics: Sequence[Metric], lang: str) -> str:
    """One metric a line, in the order in which a result has them."""
    return layout(head_of_metrics(lang), [row_of_metric(m, lang) for m in metrics], left=4)


def first_look(result: Result, total: int, lang: str) -> str:
    """Headline metrics of the first worlds of a run, while the others are lived."""
    title = say(
        lang,
        f"先看前 {result.replications} 个世界，共 {total} 个，其余随后",
        f"a first look at {result.replications} of {total} worlds; the whole follows",
    )
    return "\n\n".join((paint(title, BOLD), headline(result, lang), ""))


def headline(result: Result, lang: str) -> str:
    """Medians and bands of the headline metrics at a few dates; below them of what only this scenario has."""
    names = [name for name in HEADLINES if name in result and not _idle(result, name)]
    tables = [_at_dates(result, group, lang) for group in (names, of_its_own(result)) if group]
    return "\n\n".join(tables)


def _at_dates(result: Result, names: Sequence[str], lang: str) -> str:
    dates = headline_dates(result.quarters, most=dates_that_fit())
    rows = []
    for name in names:
        cells = [
            [shown(row.p50, row.unit, lang), band(row.p05, row.p95, row.unit, lang)]
            for row in result.summary([name], dates)
        ]
        if dates[0] == result.quarters[0] and result.starts_later(name):
            cells[0] = ["–", "–"]
        rows.append([result.metric(name).label[lang], *(cell for pair in cells for cell in pair)])
    money = any(result.metric(name).unit == "CNY" for name in names)
    head = f"{term('median', lang)} {BAND}" + (say(lang, "，金额为人民币元", ", money in CNY") if money else "")
    return layout([head, *(cell for date in dates for cell in ("", date))], rows)


def of_its_own(result: Result) -> list[str]:
    """What only this scenario has: output of the sectors it reports, who takes part in its programmes and what they
    cost, tenants of its incubators. A programme that takes nobody in has no row."""
    names = []
    for name in (m.name for m in result.metrics):
        kind, _, what = name.partition(".")
        if kind == "output" and what.startswith("sector."):
            names.append(name)
        elif kind == "programme" and name.endswith(".adopters") and result.changes(name.removesuffix("ers") + "ed"):
            names += [name, name.removesuffix("adopters") + "spent"]
        elif kind == "incubator" and name.endswith(".tenants") and result.changes(name):
            names.append(name)
    return [name for name in names if not name.endswith(".spent") or result.changes(name)][:OF_OWN]


def _idle(result: Result, name: str) -> bool:
    """Of a fund, or of listings, that the scenario does not have."""
    return name.startswith(("funds.", "firms.listed")) and name in result and not np.any(np.nan_to_num(result[name]))


def summary(result: Result, lang: str) -> str:
    """Headline metrics at a few dates, the facts scoreboard, where the parameters come from."""
    about, pack = result.manifest, result.manifest.get("rule_pack") or {}
    worlds = say(
        lang,
        f"{result.replications} 个世界，种子 {about['seed']}",
        f"{result.replications} worlds, seed {about['seed']}",
    )
    title = f"{about['zone'][lang]}  {result.quarters[0]}–{result.quarters[-1]}  {worlds}"
    changed = "".join(f"\n--set {override}" for override in about.get("overrides") or ())
    parts = [
        paint(title, BOLD) + changed,
        headline(result, lang),
        scoreboard(result, lang),
        returns(result, lang),
        named(result, lang),
        "" if _idle(result, GUIDANCE) and not pack.get("departures") else line_of_pack(about, lang),
        line_of_grades(about["parameters_by_grade"], lang),
        line_of_doubt(about.get("doubt_by_grade") or {}, lang),
    ]
    return "\n\n".join(part for part in parts if part)


def dates_that_fit() -> int:
    """Two dates in 80 columns, four in 140; a file or a pipe takes four."""
    columns = shutil.get_terminal_size((160, 24)).columns
    return 4 if columns >= 140 or not sys.stdout.isatty() else 3 if columns >= 110 else 2


def headline_dates(quarters: Sequence[str], most: int = 4) -> list[str]:
    """First and last quarter and, evenly between them, ends of years."""
    ends = [quarter for quarter in quarters[1:-1] if quarter.endswith("Q4")]
    inner = [ends[round((k + 1) * len(ends) / (most - 1)) - 1] for k in range(most - 2)] if len(ends) >= most else ends
    return list(dict.fromkeys([quarters[0], *inner, quarters[-1]]))


def scoreboard(result: Result, lang: str) -> str:
    """Published facts beside what was simulated; calibrated facts, checks and goals each under their own name."""
    scored = [fact for fact in result.facts if fact.p50 is not None]
    first, last = result.quarters[0], result.quarters[-1]
    left = [f for f in result.facts if f.p50 is None and f.use != "input"]
    early = {f.id: f.since or f.date for f in left if (f.since or f.date) < first}
    late = {f.id: f.date for f in left if f.date > last and f.id not in early}
    told = line_of_unscored(early, late, first, last, lang)
    if not scored:
        return told
    rows = []
    for fact in scored:
        bound = {"at_least": "≥ ", "at_most": "≤ "}.get(fact.bound, "")
        rows.append(
            [
                term(f"use.{fact.use}", lang),
                fact.id,
                say(lang, fact.name_zh, fact.name) or label_of(result, fact.metric, lang) + since(fact, lang),
                fact.date,
                bound + shown(fact.observed, fact.unit, lang),
                shown(fact.p50, fact.unit, lang),
                band(fact.p05, fact.p95, fact.unit, lang),
                "–" if fact.probability is None else f"{fact.probability:.0%}",
                mark(fact.inside, lang),
            ]
        )
    words = [term(key, lang) for key in ("fact", "metric", "date", "observed", "median")]
    reached = say(lang, "达到的概率", "P(reached)")
    lines = [layout(["", *words, BAND, reached, ""], rows, left=4)]
    for use in ("calibrate", "check"):
        counted = [fact for fact in scored if fact.use == use and fact.inside is not None]
        marks = [bool(fact.inside) for fact in counted]
        if marks:
            inside = say(lang, f"{len(marks)} 项中 {sum(marks)} 项在区间内", f"{sum(marks)} of {len(marks)} inside")
            inside += surely(((fact.bound, fact.probability) for fact in counted), lang)
            lines.append(f"{term(f'use.{use}', lang)}{say(lang, '：', ': ')}{inside}")
    if any(fact.bound == "at_least" for fact in scored):
        floor = "≥：公布的是下限，95 % 分位数达到它即为在区间内"
        lines.append(say(lang, floor, "≥: a floor was published; inside where the 95 % quantile reaches it"))
    return "\n".join([*lines, told] if told else lines)


RATES = (1, 7)  # columns of IRR and KS-PME, which may carry a mark


def returns(result: Result, lang: str) -> str:
    """Rates of return at the end, by fund and by kind of partner, with those that are undefined counted and why."""
    from sim.analysis.returns import SINCE, has_books

    subjects = [*(f"funds.{kind}" for kind in ("guidance", "subfunds", "market", "direct", "attraction"))]
    subjects += [f"partners.{kind}" for kind in ("treasury", "state", "private")]
    last, marked, lacks = result.quarters[-1], False, False
    rows = []
    for subject in subjects:
        if f"{subject}.irr" not in result or not np.any(result[f"{subject}.paid_in"][:, -1] > 0.0):
            continue
        row = [result.metric(f"{subject}.irr").label[lang].removesuffix("IRR").rstrip(": ")]
        since = SINCE if has_books(result, subject) else ""
        marked = marked or bool(since)
        for what, unit in (("irr", "rate"), ("tvpi", "ratio"), ("dpi", "ratio"), ("ks_pme", "ratio")):
            if f"{subject}.{what}" in result:
                (x,) = result.summary([f"{subject}.{what}"], [last])
                mark = since if what in ("irr", "ks_pme") else ""
                row += [shown(x.p50, unit, lang) + mark, band(x.p05, x.p95, unit, lang)]
            elif what == "dpi" and f"{subject}.distributed" in result:
                row += _dpi(result, subject, lang)
            else:
                lacks = lacks or what == "ks_pme"
                row += ["–", ""]
        lacking = result.manifest.get("undefined_rates", {}).get(f"{subject}.irr", {})
        row.append("; ".join(f"{count} × {in_language(reason, lang)}" for reason, count in lacking.items()))
        rows.append(row)
    if not rows:
        return ""
    for row in rows if marked else ():  # digits stand below digits beside a mark
        for k in RATES:
            row[k] += "" if row[k].endswith(SINCE) else " "
    header = [f"{last} {term('median', lang)} {BAND}", "", "IRR", "", "TVPI", "", "DPI", "", "KS-PME"]
    why = say(lang, "无 IRR 的世界及原因", "worlds without IRR, and why")
    notes = [term("returns.since", lang)] if marked else []
    notes += [term("returns.no_pme", lang)] if lacks else []
    return "\n".join([layout([*header, why if any(row[-1] for row in rows) else ""], rows), *notes])


def _dpi(result: Result, subject: str, lang: str) -> list[str]:
    """Median and band of what was received over what was paid in at the end, of a kind of partner, of which no metric
    tells it; over the worlds in which anything was paid in."""
    paid, back = (result[f"{subject}.{what}"][:, -1] for what in ("paid_in", "distributed"))
    ratios = back[paid > 0.0] / paid[paid > 0.0]
    low, middle, high = (float(q) for q in np.quantile(ratios, [0.05, 0.5, 0.95]))
    return [shown(middle, "ratio", lang), band(low, high, "ratio", lang)]


def named(result: Result, lang: str) -> str:
    """The odds of the published paths of named firms, and what the zone gets from taking part in every round."""
    from sim.analysis.returns import part_of_direct

    lines, parts = [], {}
    for path in result.manifest.get("named", []):
        odds = f"{path['probability']:.0%} ± {path['error']:.0%}"
        times = say(lang, "倍", "×")
        goal = shown(path["published"], path["unit"], lang) + (times if path["unit"] == "ratio" else "")
        low, middle, high = (shown(x, "ratio", lang) for x in path["zone_tvpi"])
        rates = [shown(x, "rate", lang) for x in path["zone_irr"]]
        lines.append(
            say(
                lang,
                f"{path['name']['zh']}：{path['date']}达到公布的{goal}的概率 {odds}；园区参与其各轮的回报为投入的 "
                f"{middle}{times} [{low}…{high}]，IRR {rates[1]} [{rates[0]}…{rates[2]}]；"
                f"未公布的 {len(path['drawn'])} 项由抽样或假设给出",
                f"{path['name']['en']}: reaches the published {goal} by {path['date']} in {odds} of worlds; the zone, "
                f"in every round, gets {middle}× [{low}…{high}] its money, IRR {rates[1]} [{rates[0]}…{rates[2]}]; "
                f"{len(path['drawn'])} numbers not published are drawn or assumed",
            )
        )
        if (part := part_of_direct(result, path["firm"])) > 0.0:
            parts[path["firm"]] = f"{path['name'][lang]} {small_part(part)}"
    if parts:
        lines.append(
            say(
                lang,
                f"直投基金与财政的回报取自全部世界，不以达到这些公布值为条件；占直投基金实缴：{'，'.join(parts.values())}",
                "returns of the direct fund and the treasury are over all worlds, not conditioned on these values; of"
                f" what the direct fund calls: {', '.join(parts.values())}",
            )
        )
    return "\n".join(lines)


def line_of_pack(about: Mapping[str, Any], lang: str) -> str:
    """The rule pack in force and how often the scenario departs from it."""
    pack = about.get("rule_pack")
    if not pack:
        return ""
    stated = sum(row["what"] == "stated" for row in pack["departures"])
    beyond = len(pack["departures"]) - stated
    until = pack["valid_to"] or say(lang, "至今", "now")
    lines = [
        say(
            lang,
            f"规则包：{pack['name']['zh']}（{pack['pack']}，{pack['valid_from']}–{until}）；"
            f"另行设定 {stated} 项，超出限额 {beyond} 项",
            f"rule pack: {pack['name']['en']} ({pack['pack']}, {pack['valid_from']} to {until}); "
            f"stated otherwise: {stated}, beyond its limits: {beyond}",
        )
    ]
    if beyond:
        rows = [row for row in pack["departures"] if row["what"] != "stated"]
        told = [
            say(
                lang,
                f"{row['path']} {_of_terms(row['here'], row['unit'])}（限额 {_of_terms(row['pack'], row['unit'])}）",
                f"{row['path']} {_of_terms(row['here'], row['unit'])} (limit {_of_terms(row['pack'], row['unit'])})",
            )
            for row in rows[:MOST_TERMS]
        ]
        told += [f"+{beyond - MOST_TERMS}"] if beyond > MOST_TERMS else []
        lines.append(say(lang, "  超出限额：", "  beyond its limits: ") + say(lang, "，", ", ").join(told))
    breaches = [
        f"{row['name'][lang] if 'name' in row else key} {row['breach']:.0%}"
        + (
            ""
            if row["tolerance"] is None
            else say(lang, f"（> {row['tolerance']:.0%}）", f" (> {row['tolerance']:.0%})")
        )
        for key, row in pack["classes"].items()
        if row["breach"] == row["breach"]
    ]
    if breaches:
        lines.append(
            say(lang, "  期末损失超过容错率的概率：", "  odds of a loss beyond what is tolerated, at the end: ")
            + say(lang, "，", ", ").join(breaches)
        )
    missed = [
        f"{row['name'][lang] if 'name' in row else key} {row['reinvestment_missed']:.0%}"
        for key, row in pack["classes"].items()
        if (share := row.get("reinvestment_missed")) is not None and share == share
    ]
    if missed:
        lines.append(
            say(
                lang,
                "  期末返投未达标子基金占比：",
                "  share of the class's sub-funds that miss the reinvestment ratio (返投), at the end: ",
            )
            + say(lang, "，", ", ").join(missed)
        )
    e = pack.get("evaluation")
    if e:
        lines.append(
            say(
                lang,
                f"  绩效评价可测部分：{e['score']:.1f}/{e['most']:.0f} 分（{e['quarter']}）；"
                f"失分最多：{e['binds_name']['zh']}（满分 {e['of']:.0f}，失 {e['lost']:.1f}）",
                f"  evaluation, measurable part: {e['score']:.1f} of {e['most']:.0f} points in {e['quarter']}; "
                f"what binds: {e['binds_name']['en']} ({e['lost']:.1f} of {e['of']:.0f} lost)",
            )
        )
    return "\n".join(lines)


LEAST_SEEDED = 0.9  # of what is asked of a level: a quarter's own coming and going is less


def line_of_seeded(result: Result, asked: Mapping[str, float], lang: str) -> str:
    """Levels on which fewer firms stand after the first quarter than were asked at the start: too few qualify. Empty
    where there are none. asked: ladder.level -> firms."""
    few = []
    for level, count in asked.items():
        if f"ladder.{level}" in result:
            seeded = float(np.median(result[f"ladder.{level}"][:, 0]))
            if seeded < LEAST_SEEDED * count - 1.0:
                few.append(f"{level} {seeded:,.0f}/{count:,.0f}")
    if not few:
        return ""
    told = say(lang, "、", ", ").join(few)
    return say(
        lang,
        f"期初符合条件的企业不足，未能按所写安排（实有/所写）：{told}",
        f"too few firms qualify for what is stated of the start (seeded/asked): {told}",
    )


def line_of_unfit(found: Sequence[Unfit], result: Result, lang: str) -> str:
    """Levels that run off from the stock stated of them, a line each, with the key to change; empty without any."""
    if not found:
        return ""
    lines = []
    for x in found:
        name = result.metric(f"ladder.{x.level}").label[lang]
        line = say(
            lang,
            f"  {name}（{x.level}）：期初 {x.start:,.0f}，{x.quarter} {x.then:,.0f}。",
            f"  {name} ({x.level}): {x.start:,.0f} at the start, {x.then:,.0f} in {x.quarter}: ",
        )
        if x.odds == "fitted":
            line += say(
                lang,
                f"所写期初存量与申报、通过比例不相合；比例由公布数据校准，不宜改，请重新写明 {x.key}",
                f"the stock stated at the start and the odds do not fit; the odds are fitted to published figures:"
                f" state {x.key} anew",
            )
        elif x.odds == "imported":
            line += say(
                lang,
                f"起点由导入移动，所写存量不是该季的：请重新写明 {x.key}",
                f"the import moved the start, and the stock stated is not of that quarter: state {x.key} anew",
            )
        elif x.odds == "follows":
            line += say(
                lang,
                "更低一级也偏离，先改那一级，再看这一级",
                "a lower level of its ladder runs off too: mend that one, then look at this one",
            )
        elif x.factor is None:
            way = (
                ("请写明", "state")
                if x.key.endswith("initial")
                else ("调低", "lower")
                if x.then > x.start
                else ("调高", "raise")
            )
            line += say(lang, f"{way[0]} {x.key}", f"{way[1]} {x.key}")
        else:
            factor = f"{float(f'{x.factor:.1g}'):g}"
            line += say(lang, f"{x.key} 大致乘以 {factor}", f"multiply {x.key} by roughly {factor}")
        if x.most:
            line += say(
                lang, "（已超过全部符合条件者，须放宽条件）", " (more than all that are eligible: ease its conditions)"
            )
        lines.append(line)
    head = say(
        lang,
        "以下层级的存量在两年内即大幅偏离所写的期初存量（各世界中位数）：除非该认定当时刚设立或确实如此增长，"
        "所写的存量与所写的申报、通过比例不相合。请按下列各行改存量（initial）或申报比例：",
        "the stock of these levels runs off within two years from what is stated of the start (median of the worlds):"
        " unless the certificate was young or grew so, stated stock and stated odds do not fit each other. Change the"
        " stock (initial) or the share that applies, as the lines say:",
    )
    return "\n".join([head, *lines])


def line_of_unscored(early: Mapping[str, str], late: Mapping[str, str], start: str, end: str, lang: str) -> str:
    """Facts that lie before the start or after the end, by id and quarter: they stand in no scoreboard. Empty where
    there are none."""

    def told(facts: Mapping[str, str]) -> str:
        return say(lang, "、", ", ").join(f"{name} ({quarter})" for name, quarter in facts.items())

    lines = []
    if early:
        lines.append(
            say(
                lang,
                f"早于起点 {start}，无法评分的公布数据：{told(early)}",
                f"facts that lie before the start, {start}, and cannot be scored: {told(early)}",
            )
        )
    if late:
        lines.append(
            say(
                lang,
                f"晚于终点 {end}，未作评分的公布数据与目标：{told(late)}。要评分，请把 zone.end 移到其后",
                f"facts and goals that lie after the end, {end}, and are not scored: {told(late)}; to score them, let"
                " zone.end be as late",
            )
        )
    return "\n".join(lines)


def line_of_terms(unusual: Mapping[str, tuple[Any, float]], lang: str) -> str:
    """Terms of funds and rates of discount beyond what anybody has, by key, with the most that is usual."""
    told = [
        say(
            lang,
            f"{key} {_of_terms(q.value, q.unit)}（通常不超过 {_of_terms(most, q.unit)}）",
            f"{key} {_of_terms(q.value, q.unit)} (usually at most {_of_terms(most, q.unit)})",
        )
        for key, (q, most) in unusual.items()
    ]
    return say(lang, "异于常例的数值：", "numbers out of the ordinary: ") + say(lang, "，", ", ").join(told)


def _of_terms(value: Any, unit: str) -> str:
    """A number of a fund's terms, short: 2%, 8; a word as it stands."""
    return f"{100 * value:.3g}%" if unit in ("share", "per year") else f"{value:g}" if unit else str(value)


def line_of_lacking(lacking: str | None, lang: str) -> str:
    """What the figures of a zone are in which firms seek rounds and no fund, or no market fund, invests; empty where
    none is lacking. lacking: as Scenario.lacking_funds says."""
    if lacking == "all":
        return say(
            lang,
            "情景中没有基金投资于本地企业：融资轮次、估值与获投企业的数字，只是靠模型外领投（rounds.stages.….outside_lead）"
            "融资的企业的数字。要有投资人，请写明 [[funds]]，或 extends 一个写明了的情景",
            "no fund of the scenario invests in firms here: figures of rounds, valuations and backed firms are those of"
            " firms that live on outside leads only (rounds.stages.….outside_lead). For investors, state [[funds]], or"
            " extend a scenario that has them",
        )
    if lacking == "market":
        return say(
            lang,
            "园区没有市场化基金（kind = market），企业却要融资：后续轮次只能由所写的基金或模型外投资人领投，因而很少，"
            "所写基金的估值、退出与 TVPI 偏低。请写明市场化基金，或用含有它们的园区情景作基准"
            "（import 加 --base，如 scenarios/tianjin.toml）",
            "firms seek rounds here and no market fund (kind = market) is there: follow-on rounds are led by the funds"
            " stated or from outside the model, so they are few, and values, exits and TVPI of the funds stated come"
            " out low. State market funds, or stand on a zone that has them (import: --base, such as"
            " scenarios/tianjin.toml)",
        )
    return ""


def line_of_national(found: Mapping[str, Any] | None, lang: str) -> str:
    """That sub-funds open under the national rules while the stand-in for rules of one's own is in force, and how to
    choose either; empty where none does. found: as sim.scenario.packs.under_national_rules says."""
    if not found:
        return ""
    classes, pack = say(lang, "、", ", ").join(found["classes"]), found["pack"]
    opens = f' guidance.rules.valid_from = "{found["first"]}"'
    earlier = (
        say(lang, f"（有子基金设立在其生效之前，须同时写明{opens}）", f" (with{opens}, as some open earlier)")
        if found["first"]
        else ""
    )
    return say(
        lang,
        f"情景未指定规则包，沿用通行做法（usual），而子基金 {classes} 在 {found['from']}–{found['until']} 设立，"
        f'其时施行的是{found["name"]["zh"]}。要按其模拟，请写明 guidance.pack = "{pack}"{earlier}；'
        '仍按通行做法，请写明 guidance.pack = "usual"，便不再提示',
        f"the scenario names no rule pack and has usual practice (usual), while sub-funds ({classes}) open in"
        f" {found['from']} to {found['until']}, under {found['name']['en']}. To take those, state"
        f' guidance.pack = "{pack}"{earlier}; to keep usual practice and not be told, state guidance.pack = "usual"',
    )


def line_of_overfull(asked: Mapping[str, float], firms: float, lang: str) -> str:
    """Levels that ask for more firms at the start than there are, by key: a run fills them as far as firms go."""
    told = say(lang, "、", ", ").join(f"{key} ({count:,.0f})" for key, count in asked.items())
    return say(
        lang,
        f"期初要求的企业多于期初的 {firms:,.0f} 家，只能填满一部分：{told}",
        f"more firms asked for at the start than the {firms:,.0f} there are, so that only part is filled: {told}",
    )


def since(fact: ScoredFact, lang: str) -> str:
    """Of a change the quarter from which it is counted, which the metric's label cannot say."""
    return term("fact.since", lang).format(quarter=fact.since) if fact.since else ""


def label_of(result: Result, metric: str, lang: str) -> str:
    """The label of a metric, or of a sum of metrics as facts write it."""
    parts = [part.strip() for part in metric.split("+")]
    return " + ".join(result.metric(part).label[lang] if part in result else part for part in parts)


def line_of_grades(shares: Mapping[str, float], lang: str) -> str:
    parts = [f"{share:.0%} {term(f'grade.{grade}', lang)}" for grade, share in shares.items()]
    return say(lang, "参数来源：", "parameters: ") + say(lang, "，", ", ").join(parts)


def line_of_doubt(doubt: Mapping[str, Mapping[str, float]], lang: str) -> str:
    """How many numbers of a grade are drawn about what they state, and how far off they may be; empty without doubt."""
    if not doubt:
        return ""
    parts = [
        say(
            lang,
            f"{term(f'grade.{grade}', lang)}类{x['of']}个数中{x['carry']}个在{1 + x['within']:.3g}倍内",
            f"{x['carry']} of {x['of']} {term(f'grade.{grade}', lang)} numbers within {1 + x['within']:.3g}-fold",
        )
        for grade, x in doubt.items()
    ]
    end = say(lang, "（九成抽样）；其余按原值", " (nine draws in ten); the others as stated")
    return say(lang, "按来源等级的不确定度：", "doubt by grade: ") + say(lang, "，", ", ").join(parts) + end


# --- numbers


def shown(value: float | None, unit: str, lang: str) -> str:
    """A number as people write it: 151亿 or 15.1bn, 4,840, 36%."""
    if value is None or value != value:
        return "–"
    if unit == "share":
        return f"{half_up(100 * value):.0f}%"
    if unit == "rate":
        return f"{half_up(100 * value, 1):.1f}%"
    if unit in COUNTED:
        return f"{half_up(value):,.0f}"
    return format_money(value, lang) if unit == "CNY" else format_number(value, lang)


def band(low: float | None, high: float | None, unit: str, lang: str) -> str:
    ends = shown(low, unit, lang), shown(high, unit, lang)
    return "–" if ends == ("–", "–") else f"[{ends[0]}…{ends[1]}]"


def mark(inside: bool | None, lang: str) -> str:
    if inside is None:
        return ""
    return paint(term("inside" if inside else "outside", lang), GREEN if inside else RED)


def paint(text: str, code: str) -> str:
    """Colour for a person at a terminal who has not asked for none (NO_COLOR)."""
    uncoloured = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not sys.stdout.isatty()
    return text if uncoloured else f"\x1b[{code}m{text}\x1b[0m"


# --- for programs


def document_of_run(result: Result) -> dict[str, object]:
    """Every metric at the headline dates, the facts, the manifest."""
    rows = [row._asdict() for row in result.summary(quarters=headline_dates(result.quarters))]
    return {"manifest": result.manifest, "summary": rows, "facts": result.facts}


def put_json(value: object) -> None:
    """Strict JSON on standard output: an undefined number is null, never NaN."""
    print(json.dumps(plain(value), ensure_ascii=False, indent=1, allow_nan=False))


def plain(value: Any) -> Any:
    """Arrays, dataclasses, paths and NaN as what JSON knows."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)
