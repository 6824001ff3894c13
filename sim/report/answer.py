"""The answer in five sentences, written from the rows of the summary and from nothing else.

Of a comparison a sentence a scenario, of a sweep a sentence an output, from the tables that they saved.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sim.analysis.compare import NET_COST, NET_COST_HELD
from sim.analysis.sweep import surely_ranked
from sim.analysis.text import WORDS
from sim.figures.ladders import ladders_of, levels_of
from sim.figures.style import Scale, capital, unit_of_difference
from sim.quantities import half_up
from sim.report.numbers import WHOLE, Shown, at, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sim.analysis.compare import Comparison
    from sim.report.material import Material
    from sim.result import Result, SummaryRow

NAMED = 2  # parameters in a sentence of a sweep


class Teller:
    """Says numbers of the summary in words: a median with its band, or nothing where a metric has none."""

    def __init__(self, material: Material, result: Result) -> None:
        self.result, self.lang, self.say = result, material.lang, material.say
        self.first, self.last = result.quarters[0], result.quarters[-1]
        self.today = material.today
        self._rows: dict[str, list[SummaryRow]] = {}

    def row(self, metric: str, quarter: str | None = None) -> SummaryRow | None:
        if metric not in self.result:
            return None
        if metric not in self._rows:
            self._rows[metric] = self.result.summary([metric])
        row = self._rows[metric][self.result.quarter(quarter or self.last)]
        return row if math.isfinite(row.p50) else None

    def median(self, metric: str, quarter: str | None = None, bare: bool = False) -> str:
        row = self.row(metric, quarter)
        return spoken(row.unit, [row.p50], self.lang).amount(row.p50, bare) if row else ""

    def told(self, metric: str, quarter: str | None = None, bare: bool = False, first: bool = False) -> str:
        """`24,142家（23,971至26,056）`, median and band in one unit.

        `bare`: without the unit of what is counted; `first`: says that the band is the 5–95 % one.
        """
        row = self.row(metric, quarter)
        if row is None:
            return ""
        scale = spoken(row.unit, [row.p05, row.p50, row.p95], self.lang)
        middle = scale.amount(row.p50, bare)
        if self.result.replications == 1 or row.p05 == row.p95:
            return middle
        low, high = scale.text(row.p05), scale.text(row.p95)
        if self.lang == "zh":
            return f"{middle}（{'5–95%区间' if first else ''}{low}至{high}）"
        return f"{middle} ({'5–95 % of worlds: ' if first else ''}{low} to {high})"

    def label(self, metric: str) -> str:
        return self.result.metric(metric).label[self.lang]


def in_scale(value: float, unit: str, scale: Scale, lang: str) -> str:
    """An amount in a scale that others share: −1.59亿元 · CNY −0.16 bn · 152 firms"""
    text = scale.text(value)
    if lang == "zh" or unit in ("ratio", "share"):
        return text + scale.unit
    return f"CNY {text}{scale.unit.removeprefix('CNY')}" if unit == "CNY" else f"{text} {scale.unit}"


@dataclass(frozen=True)
class Spoken(Shown):
    """Numbers as a sentence says them: three digits that matter, one unit and one count of decimals for a band."""

    step: float = 1.0  # large counts in round numbers, 620,000 jobs

    def text(self, value: float | None, sign: bool = False) -> str:
        if value is not None and self.step > 1 and math.isfinite(value):
            value = half_up(value / self.step) * self.step
        text = super().text(value, sign)
        return text if any(digit in text for digit in "123456789–") else "0"

    def amount(self, value: float, bare: bool = False, sign: bool = False) -> str:
        """With its unit, left out of what is counted where `bare`: 3,724亿元 · CNY 372 bn · 66 firms · 3.14×"""
        text = self.text(value, sign)
        if bare and not self.unit.startswith("CNY"):
            return text
        if self.lang == "zh" or self.unit in ("×", "%"):
            return text + self.unit
        if self.unit.startswith("CNY"):
            return f"CNY {text}{self.unit.removeprefix('CNY')}"
        return f"{text} {self.unit.removesuffix('s') if text == '1' else self.unit}"


def spoken(unit: str, values: Iterable[float], lang: str, whole: bool = True) -> Spoken:
    """The scale of a sentence's numbers; `whole`: it speaks of no half firms."""
    sizes = [abs(value) for value in values if math.isfinite(value)]
    scale = shown(unit, sizes, lang, whole=whole).scale
    largest = max(sizes, default=0.0) / scale.divisor
    if unit in WHOLE and scale.divisor == 1 and (whole or largest >= 20):
        return Spoken(scale, 0, lang, 10.0 ** (math.floor(math.log10(largest)) - 2) if largest >= 1e5 else 1.0)
    return Spoken(scale, 0 if largest >= 99.5 else 1 if largest >= 9.95 else 2, lang)


def sentences(material: Material) -> list[str]:
    """Firms, values, the fund, the purse, work: five sentences, fewer where the scenario reports less."""
    if material.result is not None:
        teller = Teller(material, material.result)
        return [sentence for tell in (_firms, _values, _fund, _purse, _work) if (sentence := tell(teller))]
    if material.comparison is not None:
        return of_comparison(material.comparison, material)
    return of_sweep(material.sweep, material) if material.sweep is not None else []


def top_level(result: Result) -> str | None:
    """The certificate of high-tech enterprises where the scenario has it, else the widest level of its first ladder."""
    if "ladder.certificates.hte" in result:
        return "ladder.certificates.hte"
    ladders = ladders_of(result)
    levels = levels_of(result, ladders[0]) if ladders else []
    return max(levels, key=lambda level: result.quantiles(level, (0.5,))[0, -1], default=None)


def _firms(t: Teller) -> str:
    now = t.told("firms.alive", first=True)
    if not now:
        return ""
    since = t.today or t.first
    before = t.median("firms.alive", since, bare=t.lang == "en") if since != t.last else ""
    level = top_level(t.result)
    held = t.told(level, bare=t.lang == "en") if level else ""
    if t.lang == "zh":
        text = f"到{at(t.last, 'zh')}，园区内有企业{now}"
        text += f"，{at(since, 'zh')}{'（起点）' if since == t.first else '模拟值'}为{before}" if before else ""
        return text + (f"；其中{t.label(level)}{held}。" if held and level else "。")
    text = f"By {at(t.last, 'en')} the zone holds {now}"
    text += f", against {before} {'at' if since == t.first else 'simulated for'} {at(since, 'en')}" if before else ""
    if level == "ladder.certificates.hte" and held:
        return f"{text}; {held} of them are {t.label(level)}."
    return text + (f"; {t.label(level)}: {held}." if held and level else ".")


def _values(t: Teller) -> str:
    bare = t.lang == "en"
    listed, unicorns = t.told("firms.listed", bare=bare), t.told("valuation.unicorns", bare=bare)
    post, market = t.told("valuation.post_money.total"), t.told("valuation.listed.total")
    above = t.median("valuation.fair.ratio")
    if t.lang == "zh":
        parts = [f"境内外上市公司{listed}" if listed else "", f"独角兽企业{unicorns}" if unicorns else ""]
        parts += [
            f"未上市企业投后估值合计{post}{f'，为公允价值的{above}' if above else ''}" if post else "",
            f"上市企业总市值{market}" if market else "",
        ]
        text = "，".join(part for part in parts if part)
        return f"{text}。" if text else ""
    counts = [f"listed companies number {listed}" if listed else "", f"unicorns {unicorns}" if unicorns else ""]
    worth = [f"the last post-money valuations of unlisted firms add up to {post}" if post else ""]
    worth[-1] += f", {above} their fair value" if post and above else ""
    worth += [f"listed firms are worth {market} on the market" if market else ""]
    parts = [" and ".join(p for p in counts if p), ", and ".join(p for p in worth if p)]
    return capital("; ".join(p for p in parts if p) + ".") if any(parts) else ""


def _fund(t: Teller) -> str:
    paid = t.row("funds.guidance.paid_in")
    if paid is None or paid.p95 <= 0:
        if not any(m.name.startswith("funds.") for m in t.result.metrics):
            return ""
        into = t.row("funds.market.invested.local")
        local = t.told("funds.market.invested.local") if into is not None and into.p50 > 0 else ""
        if t.lang == "zh":
            return "本情景没有引导基金" + (f"；市场化基金累计投向区内企业{local}。" if local else "。")
        text = "The scenario has no guidance fund"
        return text + (f"; market funds have put {local} into firms of the zone." if local else ".")
    size, leverage, tvpi = t.told("funds.subfunds.size"), t.told("funds.leverage"), t.told("funds.guidance.tvpi")
    if t.lang == "zh":
        text = f"引导基金累计实缴{t.told('funds.guidance.paid_in')}"
        text += f"，总值倍数（TVPI）{tvpi}" if tvpi else ""
        text += f"；参股子基金认缴规模{size}" if size else ""
        return text + (f"，放大{leverage}，但放大倍数不等于新增资金。" if leverage else "。")
    text = f"The guidance fund has paid in {t.told('funds.guidance.paid_in')}"
    text += f" and stands at a TVPI of {tvpi}" if tvpi else ""
    text += f"; the sub-funds it joined have commitments of {size}" if size else ""
    return text + (f", a leverage of {leverage}, which is not the same as money new to the zone." if leverage else ".")


def _purse(t: Teller) -> str:
    metric = NET_COST_HELD if t.row(NET_COST_HELD) else NET_COST
    cost, tax = t.row(metric), t.told("public.tax_received")
    if cost is None:
        return ""
    cash = t.told(NET_COST) if metric == NET_COST_HELD else ""
    back_zh, back_en = ("收回与仍持有的权益", "comes back or is still held") if cash else ("收回", "comes back")
    open_sign = cost.p05 < 0 < cost.p95
    if cost.p50 < 0:
        verdict = t.say(f"{back_zh}多于支出", f"more {back_en} than was paid out")
    else:
        verdict = t.say(f"支出多于{back_zh}", f"more was paid out than {back_en}")
    verdict = t.say("中位数为", "at the median ") + verdict if open_sign else t.say("即", "") + verdict
    if open_sign:
        verdict += t.say("，但区间跨零，盈亏未定", ", but the band holds zero, so that the sign is open")
    told = t.told(metric)
    if t.lang == "zh":
        what = "支出减收回，再减仍持有权益的公允价值，现值" if cash else "支出减收回，现值"
        text = f"自{at(t.first, 'zh')}起，财政净成本（{what}）为{told}，{verdict}"
        text += f"；不减持有的权益，现金净成本为{cash}" if cash else ""
        return text + (f"；企业所得税累计{tax}，未计入其中。" if tax else "。")
    what = "outlay less recovery, less the fair value of stakes still held" if cash else "outlay less recovery"
    text = f"Since {at(t.first, 'en')} the net public cost ({what}, present value) is {told}: {verdict}"
    text += f"; in cash, stakes left out, it is {cash}" if cash else ""
    return text + (f"; corporate tax of {tax} is not counted in it." if tax else ".")


def _work(t: Teller) -> str:
    jobs, output = t.told("jobs.total"), t.told("output.year")
    if t.lang == "zh":
        text = "，".join(p for p in (f"提供就业{jobs}" if jobs else "", f"年产值{output}" if output else "") if p)
        return f"企业{text}。" if text else ""
    if jobs and output:
        return f"The firms provide {jobs} and produce {output} a year."
    return f"The firms provide {jobs}." if jobs else f"The firms produce {output} a year." if output else ""


# --- of analyses


def of_comparison(c: Comparison, material: Material) -> list[str]:
    """A sentence a scenario: what differs from the baseline for sure, and what cannot be told from chance."""
    return [_of_scenario(c, d, material, first=k == 0) for k, d in enumerate(c.differences)]


def _of_scenario(c: Comparison, d: Any, material: Material, first: bool) -> str:
    say, lang, j = material.say, material.lang, c.column(c.at)
    name = c.called(d.name, lang)
    if c.unchanged(d):
        return say(f"{name}：与基准无任何差异。", f"{capital(name)}: no difference from the baseline, in any world.")
    surely, unsure = [], []
    for k in c.shown():
        metric = c.metrics[k]
        if d.noise[k, j] or not d.sd[k, j] > 0:
            if d.p_same[k, j] != 1.0:
                unsure.append(metric.label[lang])
            continue
        unit = unit_of_difference(metric.unit)
        scale = spoken(unit, [d.mean[k, j], d.low[k, j], d.high[k, j]], lang, whole=False)
        low, high = scale.text(d.low[k, j], sign=True), scale.text(d.high[k, j], sign=True)
        bare = lang == "en" and unit != "points"
        mean = scale.amount(d.mean[k, j], bare=bare, sign=True)
        head = say("均值的95%区间", "95 % interval of the mean ") if first and not surely else ""
        band = say(f"（{head}{low}至{high}）", f" ({head}{low} to {high})")
        surely.append(f"{metric.label[lang]}{say('', ' ')}{mean}{band}")
    text = say(f"{name}：到{at(c.at, lang)}，", f"{capital(name)}: by {at(c.at, lang)}, ")
    if surely:  # labels have commas of their own
        text += say("与基准之差平均为", "on average against the baseline, ") + say("，", "; ").join(surely)
    if unsure and lang == "zh":
        text += f"{'；' if surely else ''}{'、'.join(unsure)}的差异与噪声无法区分"
    elif unsure:
        text += f"{'. Cannot' if surely else 'these cannot'} be told from noise: {'; '.join(unsure)}"
    return text + say("。", ".")


def leading_index(s: Any, output: str) -> str:
    """By which of a sweep's indices parameters are ranked; empty where the output has none."""
    return next((n for n in ("total", "mu_star", "low", "first", "linear", "rank") if s.index(output, n)), "")


def lowered(label: str) -> str:
    """A label within a sentence: `Reinvestment ratio` -> `reinvestment ratio`, but `IPO window` as it is."""
    return label[:1].lower() + label[1:] if label[1:2].islower() else label


def _the_others(s: Any, output: str, lead: str, sure: list[str], material: Material) -> str:
    """Of parameters that no sentence may rank: that they cannot be told from noise, or do nothing."""
    say, ends = material.say, [s.index(output, name) for name in ((lead, "high") if lead == "low" else (lead,))]
    rest = [i for by in ends for path, i in by.items() if path not in sure]
    if not rest:
        return ""
    who = (
        say("；其余参数的影响", "; the effects of the others ")
        if sure
        else say("所变参数的影响均", "the effects of all that was varied ")
    )
    if any(i.noise for i in rest):
        return who + WORDS["noise"][0 if material.lang == "zh" else 1]
    return who + say("为零", "are 0") if all(i.value == 0 for i in rest) else who + say("无法确定", "are undetermined")


def of_sweep(s: Any, material: Material) -> list[str]:
    """A sentence an output: the parameters that matter most to it beyond noise, and how much is chance."""
    say, lang, told = material.say, material.lang, []
    for output in s.outputs:
        lead = leading_index(s, output)
        if output in s.undefined or not lead:
            continue
        sure = surely_ranked(s, output, lead)
        leading = sure[:NAMED]
        unit = unit_of_difference(s.model.unit(output)) if lead in ("mu_star", "low") else ""
        parts = []
        for k, i in enumerate(leading):
            value = spoken(unit, [i.value], lang, whole=False).amount(i.value) if unit else f"{i.value:.2f}"
            if not unit and math.isfinite(i.low):
                value += say(f"，95%区间{i.low:.2f}至{i.high:.2f}", f", 95 % interval {i.low:.2f} to {i.high:.2f}")
            label = lowered(s.model.label(i.parameter, lang))
            name = WORDS[i.name][0 if lang == "zh" else 1]
            head = name + say(" " * name.endswith("*"), "") if k == 0 or i.name != leading[0].name else ""
            parts.append(say(f"{label}（{head}{value}）", f"{label} ({head} {value})".replace("( ", "(")))
        text, split = s.model.label(output, lang), s.variance.get(output)
        text = capital(text) + say("：", ": ")
        if split is not None:
            share = f"{split.chance:.0%}"
            text += say(f"方差的{share}出自偶然性；", f"{share} of its variance is chance; ")
        if parts:
            text += say("所变参数中影响最大的是", "of the parameters varied what matters most is ")
            text += say("，其次是", ", then ").join(parts)
        if len(leading) < NAMED:
            text += _the_others(s, output, lead, [i.parameter for i in sure], material)
        told.append(text + say("。", "."))
    return told
