"""Numbers in a table line up: one scale and one count of decimals for a row or a column. And parameters as written."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.figures.style import Scale, scale_of
from sim.quantities import half_up
from sim.scenario.fields import Z95
from sim.terms import COUNTED

if TYPE_CHECKING:
    from sim.scenario.fields import Distribution, Doubt, Quantity

WHOLE = (*COUNTED, "units", "kinds")
NONE = "–"


@dataclass(frozen=True)
class Shown:
    """A scale and the decimals that go with it; `text` is the same width for numbers of the same size."""

    scale: Scale
    decimals: int
    lang: str = "en"

    @property
    def unit(self) -> str:
        return self.scale.unit

    def text(self, value: float | None, sign: bool = False) -> str:
        if value is None or not math.isfinite(value):
            return NONE
        scaled = value / self.scale.divisor
        number = f"{half_up(scaled, self.decimals):{'+' if sign else ''},.{self.decimals}f}"
        if not any(digit in number for digit in "123456789"):
            number = number.lstrip("+-")  # neither −0 nor +0
        return number.replace("-", "−")

    def with_unit(self, value: float | None, lang: str, sign: bool = False) -> str:
        """151.2亿元 · CNY 15.1 bn · 66 firms"""
        text = self.text(value, sign)
        if text == NONE or lang == "zh" or self.unit in ("×", "%"):
            return text if text == NONE else text + self.unit
        if self.unit.startswith("CNY"):
            return f"CNY {text}{self.unit.removeprefix('CNY')}"
        return f"{text} {self.unit}"

    def band(self, low: float | None, high: float | None, sign: bool = False) -> str:
        """`low – high`, in words where a sign could be taken for the dash; nothing where the same or undefined."""
        ends = self.text(low, sign), self.text(high, sign)
        if NONE in ends or low == high:
            return ""
        signed = any(text[0] in "+−" for text in ends)
        between = (" 至 " if self.lang == "zh" else " to ") if signed else " – "
        return between.join(ends)


def shown(unit: str, values: Iterable[float | None], lang: str, whole: bool = False) -> Shown:
    """The scale of a row: that of its largest number; as many decimals as give it three digits.

    `whole`: what is counted is told in whole numbers, as where medians of counts stand, whose halves mean nothing.
    """
    sizes = [abs(value) for value in values if value is not None and math.isfinite(value)]
    scale = scale_of(unit, max(sizes, default=0.0), lang)
    if scale.unit == "CNY tn" and max(sizes) < 1e13:
        scale = Scale(1e9, "CNY bn")  # a row from 0.18 to 0.99 tn would lose its digits
    largest = max(sizes, default=0.0) / scale.divisor
    if unit in WHOLE and scale.divisor == 1:
        whole = whole or all(abs(size - round(size)) < 1e-9 for size in sizes)
        return Shown(scale, 0 if whole or largest >= 20 else 1, lang)
    return Shown(scale, 0 if largest >= 1000 else 1 if largest >= 100 else 2, lang)


def at(quarter: str, lang: str) -> str:
    """2023Q4 -> 2023年末 / the end of 2023; another quarter by its number."""
    year, number = quarter[:4], quarter[5]
    if number == "4":
        return f"{year}年末" if lang == "zh" else f"the end of {year}"
    return f"{year}年{'一二三'[int(number) - 1]}季度末" if lang == "zh" else f"the end of {quarter}"


def dates(quarters: Sequence[str], today: str | None, most: int = 4) -> list[str]:
    """The columns of a table: first and last quarter, the last one that is history, year ends evenly between."""
    fixed = [quarters[0], *([today] if today in quarters else []), quarters[-1]]
    kept = list(dict.fromkeys(fixed))
    ends = [q for q in quarters if q.endswith("Q4")]
    while len(kept) < most:
        gaps = []
        order = sorted(quarters.index(q) for q in kept)
        for low, high in itertools.pairwise(order):
            inside = [q for q in ends if low < quarters.index(q) < high and q not in kept]
            if inside and high - low >= 8:
                gaps.append((high - low, min(inside, key=lambda q: abs(2 * quarters.index(q) - low - high))))
        if not gaps:
            break
        kept.append(max(gaps)[1])
    return sorted(kept)


# --- parameters


def plain(value: float, digits: int = 6) -> str:
    """A number in full where that is short: 0.35 · 1,200 · 2.5e-07"""
    if not math.isfinite(value):
        return NONE
    if value == 0 or 1e-4 <= abs(value) < 1e15:
        text = f"{value:,.{digits}g}"
        if "e" in text:
            text = f"{value:,.0f}"
    else:
        text = f"{value:.{digits}g}"
    return text.replace("-", "−")


def written(value: float, unit: str, lang: str) -> str:
    """A parameter's number as people write it: 50亿 / 5bn, 20%, 3%/年, 18个月."""
    zh = lang == "zh"
    if unit in ("CNY", "USD"):
        steps = (
            ((1e12, "万亿"), (1e8, "亿"), (1e4, "万")) if zh else ((1e12, "tn"), (1e9, "bn"), (1e6, "m"), (1e3, "k"))
        )
        size, name = next(((s, n) for s, n in steps if abs(value) >= s), (1.0, ""))
        money = ("元" if unit == "CNY" else "美元") if zh else ""
        return f"{'' if zh else unit + ' '}{plain(value / size)}{name if zh else (' ' + name if name else '')}{money}"
    if unit in ("share", "probability"):
        return f"{plain(value * 100)}%"
    if unit == "per year":
        return f"{plain(value * 100)}%/年" if zh else f"{plain(value * 100)}% a year"
    if unit == "years":
        return f"{plain(value)}年" if zh else f"{plain(value)} years" if value != 1 else "1 year"
    if unit == "ratio":
        return plain(value)
    if unit == "m2":
        return f"{plain(value)} m²"
    return plain(value)


def written_quantity(q: Quantity, lang: str) -> str:
    """The value, or what is known of it where it is uncertain."""
    if q.doubt is not None:
        return f"{written(q.value, q.unit, lang)}{written_doubt(q.doubt, lang)}"
    if q.distribution is None:
        return written(q.value, q.unit, lang)
    return written_distribution(q.distribution, q.unit, lang)


def written_doubt(doubt: Doubt, lang: str) -> str:
    """What follows a number that its grade leaves in doubt: of a bounded one the odds are within the factor."""
    factor, odds = math.exp(doubt.sd * Z95), math.isfinite(doubt.bound)
    if lang == "zh":
        return f"，{'几率' if odds else ''}{plain(factor)}倍内（90%）"
    return f",{' odds' if odds else ''} within a factor of {plain(factor)} (90 %)"


def written_distribution(d: Distribution, unit: str, lang: str) -> str:
    zh = lang == "zh"

    def w(value: float) -> str:
        return written(value, unit, lang)

    if d.kind == "lognormal":
        return (
            f"对数正态，中位数{w(d.median)}，95%分位{w(d.p95)}"
            if zh
            else f"lognormal, median {w(d.median)}, 95th percentile {w(d.p95)}"
        )
    if d.kind in ("normal", "beta"):
        kind = {"normal": "正态", "beta": "贝塔"}[d.kind] if zh else d.kind
        return f"{kind}，均值{w(d.mean)}，标准差{w(d.sd)}" if zh else f"{kind}, mean {w(d.mean)}, sd {w(d.sd)}"
    if d.kind == "uniform":
        return f"均匀，{w(d.low)}至{w(d.high)}" if zh else f"uniform, {w(d.low)} to {w(d.high)}"
    if d.kind == "triangular":
        return (
            f"三角，{w(d.low)}、{w(d.mode)}、{w(d.high)}" if zh else f"triangular, {w(d.low)}, {w(d.mode)}, {w(d.high)}"
        )
    listed = [w(choice) for choice in d.choices]
    return f"其一：{'、'.join(listed)}" if zh else f"one of {', '.join(listed)}"
