"""The answer in five sentences, written from the rows of the summary and from nothing else."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sim.figures.ladders import ladders_of, levels_of
from sim.figures.style import Scale, amount, scale_of
from sim.report.numbers import WHOLE, at

if TYPE_CHECKING:
    from sim.report.material import Material
    from sim.result import Result, SummaryRow


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

    def median(self, metric: str, quarter: str | None = None) -> str:
        row = self.row(metric, quarter)
        return amount(rounded(row).p50, row.unit, self.lang) if row else ""

    def told(self, metric: str, quarter: str | None = None, bare: bool = False, first: bool = False) -> str:
        """`24,142家（23,971至26,056）`, median and band in one unit.

        `bare`: without the unit of what is counted; `first`: says that the band is the 5–95 % one.
        """
        row = self.row(metric, quarter)
        if row is None:
            return ""
        row = rounded(row)
        scale = scale_of(row.unit, max(abs(row.p05), abs(row.p50), abs(row.p95)), self.lang)
        middle = scale.text(row.p50) if bare else in_scale(row.p50, row.unit, scale, self.lang)
        if self.result.replications == 1 or row.p05 == row.p95:
            return middle
        low, high = scale.text(row.p05), scale.text(row.p95)
        if self.lang == "zh":
            return f"{middle}（{'5–95%区间' if first else ''}{low}至{high}）"
        return f"{middle} ({'5–95 % of replications: ' if first else ''}{low} to {high})"

    def label(self, metric: str) -> str:
        return self.result.metric(metric).label[self.lang]


def in_scale(value: float, unit: str, scale: Scale, lang: str) -> str:
    """An amount in a scale that others share: −1.59亿元 · CNY −0.16 bn · 152 firms"""
    text = scale.text(value)
    if lang == "zh" or unit in ("ratio", "share"):
        return text + scale.unit
    return f"CNY {text}{scale.unit.removeprefix('CNY')}" if unit == "CNY" else f"{text} {scale.unit}"


def rounded(row: SummaryRow) -> SummaryRow:
    """Counts as whole numbers: a sentence speaks of no half firms."""
    if row.unit not in WHOLE:
        return row
    return row._replace(p05=round(row.p05), p50=round(row.p50), p95=round(row.p95))


def sentences(material: Material) -> list[str]:
    """Firms, values, the fund, the purse, work: five sentences, fewer where the scenario reports less."""
    if material.result is None:
        return []
    teller = Teller(material, material.result)
    return [sentence for tell in (_firms, _values, _fund, _purse, _work) if (sentence := tell(teller))]


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
    before = t.median("firms.alive", since) if since != t.last else ""
    level = top_level(t.result)
    held = t.told(level) if level else ""
    if t.lang == "zh":
        text = f"到{at(t.last, 'zh')}，园区内有企业{now}" + (f"，{at(since, 'zh')}为{before}" if before else "")
        return text + (f"；其中{t.label(level)}{held}。" if held and level else "。")
    text = f"By {at(t.last, 'en')} the zone holds {now}"
    text += f", against {before} at {at(since, 'en')}" if before else ""
    return text + (f"; {t.label(level)}: {held}." if held and level else ".")


def _values(t: Teller) -> str:
    bare = t.lang == "en"
    listed, unicorns = t.told("ladder.listing.listed", bare=bare), t.told("valuation.unicorns", bare=bare)
    post, market = t.told("valuation.post_money.total"), t.told("valuation.listed.total")
    above = t.median("valuation.fair.ratio")
    if t.lang == "zh":
        parts = [f"上市公司{listed}" if listed else "", f"独角兽企业{unicorns}" if unicorns else ""]
        parts += [
            f"未上市企业投后估值合计{post}{f'，为公允价值的{above}' if above else ''}" if post else "",
            f"上市企业总市值{market}" if market else "",
        ]
        text = "，".join(part for part in parts if part)
        return f"{text}。" if text else ""
    parts = [f"listed companies number {listed}" if listed else "", f"unicorns {unicorns}" if unicorns else ""]
    parts += [f"the last post-money of unlisted firms adds up to {post}" if post else ""]
    parts[-1] += f", {above} their fair value" if post and above else ""
    parts += [f"listed firms are worth {market}" if market else ""]
    text = _listed_in_english([part for part in parts if part])
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _fund(t: Teller) -> str:
    paid = t.row("funds.guidance.paid_in")
    if paid is None or paid.p95 <= 0:
        has = any(m.name.startswith("funds.") for m in t.result.metrics)
        return t.say("本情景没有引导基金。", "The scenario has no guidance fund.") if has else ""
    size, leverage = t.told("funds.subfunds.size"), t.told("funds.leverage")
    if t.lang == "zh":
        text = f"引导基金累计实缴{t.told('funds.guidance.paid_in')}"
        text += f"，参股子基金认缴规模{size}" if size else ""
        return text + (f"，放大倍数为{leverage}；放大倍数不等于新增资金。" if leverage else "。")
    text = f"The guidance fund has paid in {t.told('funds.guidance.paid_in')}"
    text += f", and the sub-funds it joined have commitments of {size}" if size else ""
    return text + (f", a leverage of {leverage}, which is not the same as money new to the zone." if leverage else ".")


def _purse(t: Teller) -> str:
    cost, tvpi = t.row("public.net_cost_pv"), t.told("funds.guidance.tvpi")
    if t.row("funds.guidance.paid_in") is None:
        tvpi = ""
    if cost is None:
        return ""
    if cost.p50 < 0:
        verdict = t.say("即收回多于支出", "that is, more comes back than was paid out")
    else:
        verdict = t.say("即支出多于收回", "that is, more was paid out than comes back")
    if cost.p05 < 0 < cost.p95:
        verdict += t.say("，但区间跨零，盈亏未定", ", though the band holds zero, so that the sign is open")
    told = t.told("public.net_cost_pv")
    if t.lang == "zh":
        return f"财政净成本现值为{told}，{verdict}" + (f"；引导基金的总值倍数（TVPI）为{tvpi}。" if tvpi else "。")
    text = f"The net public cost in present value is {told}; {verdict}"
    return text + (f"; the guidance fund stands at a TVPI of {tvpi}." if tvpi else ".")


def _work(t: Teller) -> str:
    jobs, output = t.told("jobs.total"), t.told("output.year")
    if t.lang == "zh":
        text = "，".join(p for p in (f"就业{jobs}" if jobs else "", f"年产值{output}" if output else "") if p)
        return f"{text}。" if text else ""
    if jobs and output:
        return f"The firms give {jobs} and produce {output} a year."
    return f"The firms give {jobs}." if jobs else f"The firms produce {output} a year." if output else ""


def _listed_in_english(parts: list[str]) -> str:
    return ", ".join(parts[:-1]) + f" and {parts[-1]}" if len(parts) > 1 else "".join(parts)
