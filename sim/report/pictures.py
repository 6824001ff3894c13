"""Figures of sim.figures as pictures of a report: without their own frame of words, as SVG, with a text alternative."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sim.figures.style import amount, capital, encode, frameless, words_of
from sim.report.blocks import Picture
from sim.terms import term

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sim.result import Result

_NOISE = re.compile(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|<metadata>.*?</metadata>", re.DOTALL)


def picture(draw: Callable[[], Figure], alt: str, caption: str = "", title: str | None = None) -> Picture:
    """Draws without the figure's own title, subtitle and source, which become the caption.

    `caption`: said instead of the figure's own subtitle. `title`: instead of its own title.
    """
    with frameless():
        figure = draw()
    own_title, subtitle, _ = words_of(figure)
    svg = re.sub(r"\s*\n\s*", "\n", _NOISE.sub("", encode(figure, "svg").decode("utf-8"))).strip()
    heading = title or own_title
    width, height = (float(side) for side in figure.get_size_inches())
    return Picture(svg, width, height, heading, caption or subtitle, alt or heading)


def alt_of_curves(result: Result, metrics: Sequence[str], lang: str) -> str:
    """What a fan chart, or several of them, shows: the last median and band of each metric, in words."""
    kind = "扇形图" if lang == "zh" else "Fan charts"
    told = [curve_in_words(result, metric, lang) for metric in metrics if metric in result]
    return f"{kind}：{'；'.join(told)}" if lang == "zh" else f"{kind}: {'; '.join(told)}"


def curve_in_words(result: Result, metric: str, lang: str) -> str:
    about, last = result.metric(metric), result.quarters[-1]
    row = result.summary([metric], [last])[0]
    label = capital(about.label[lang])
    if row.p50 != row.p50:
        return f"{label}{term('figure.empty', lang) if lang == 'zh' else ': ' + term('figure.empty', lang)}"
    numbers = [amount(value, about.unit, lang) for value in (row.p50, row.p05, row.p95)]
    if lang == "zh":
        return f"{label}，{last}中位数{numbers[0]}，5–95%区间{numbers[1]}至{numbers[2]}"
    return f"{label}, median {numbers[0]} in {last}, 5–95 % from {numbers[1]} to {numbers[2]}"
