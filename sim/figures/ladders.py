"""The ladders' renewal waves: how many firms each level wins and loses in a year."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator

from sim.figures import style as look
from sim.figures.style import scale_of, styled
from sim.terms import TERMS, term

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sim.result import Result

MOST_LEVELS = 9
ENDS = ("listed", "abroad")  # levels that end a listing pipeline, as national.toml calls them
QUANTILES = (0.05, 0.5, 0.95)


class Waves(NamedTuple):
    """What a level wins and loses, by calendar year: `years` [year]; the others float64[3 quantiles, year]."""

    years: list[int]
    entered: np.ndarray
    left: np.ndarray
    net: np.ndarray


def ladders_of(result: Result) -> list[str]:
    """The ids of the ladders that the result reports, in its order."""
    return list(dict.fromkeys(m.name.split(".")[1] for m in result.metrics if m.name.startswith("ladder.")))


def levels_of(result: Result, ladder: str) -> list[str]:
    """The metrics of a ladder's levels (their stocks), lowest level first; of a listing pipeline the end that most
    firms come to, before the other."""
    levels = [m.name for m in result.metrics if m.name.startswith(f"ladder.{ladder}.") and m.name.count(".") == 2]
    return sorted(levels, key=lambda level: ENDS.index(own) + 1 if (own := level.split(".")[2]) in ENDS else 0)


def curves_of(result: Result, ladder: str) -> tuple[list[str], str]:
    """(metrics, the note's term) of a ladder's figure: its levels, and of a listing pipeline with two ends both ends
    together. Other sums are left out: a firm may hold several certificates, and those on the way to a listing are no
    group of their own."""
    levels = levels_of(result, ladder)
    two = all(f"ladder.{ladder}.{end}" in levels for end in ENDS) and "firms.listed" in result
    return ([*levels, "firms.listed"], "figure.pipeline") if two else (levels, "")


def ladder_name(result: Result, ladder: str, lang: str) -> str:
    named = result.names.get(ladder)
    if isinstance(named, dict):
        return str(named.get(lang) or ladder)
    return term(f"ladder.{ladder}", lang) if f"ladder.{ladder}" in TERMS else ladder


def waves(result: Result, level: str) -> Waves | None:
    """The years that the result covers from the first to the last quarter; None where it does not report them.

    The metrics LEVEL.entered and LEVEL.left count from the start on (a stock) or within the quarter (a flow). Quantiles
    are those of the replications' yearly numbers.
    """
    ends = [i for i, quarter in enumerate(result.quarters) if quarter.endswith("Q4")]
    if f"{level}.entered" not in result or f"{level}.left" not in result or not ends:
        return None
    first = 0 if result.quarters[0].endswith("Q1") else None
    spans = [(first, ends[0])] if first is not None else []
    spans += list(itertools.pairwise(ends))
    if not spans:
        return None

    def yearly(name: str) -> np.ndarray:
        values = result[name]
        if result.metric(name).kind == "flow":
            values = np.cumsum(np.nan_to_num(values), axis=1)
        columns = []
        for begin, end in spans:  # a year that begins the result has nothing before it
            before = values[:, begin] if begin or not result.quarters[0].endswith("Q1") else 0.0
            columns.append(values[:, end] - before)
        return np.stack(columns, axis=1)

    entered, left = yearly(f"{level}.entered"), yearly(f"{level}.left")
    years = [int(result.quarters[end][:4]) for _, end in spans]
    bands = (np.nanquantile(x, QUANTILES, axis=0) for x in (entered, left, entered - left))
    return Waves(years, *bands)


@styled
def renewal(result: Result, ladder: str, lang: str = "zh", levels: Sequence[str] | None = None) -> Figure:
    """Small multiples of a ladder's levels: firms that entered (up) and left (down) in each year, and the net change.

    Bars are medians of the replications, whiskers their 5–95 %. A certificate that lapses and is won anew counts in
    both, so a validity of three years shows as a wave of three years.
    """
    found = {level: w for level in (levels or levels_of(result, ladder)) if (w := waves(result, level)) is not None}
    name = look.capital(ladder_name(result, ladder, lang))
    title = f"{name}{'：' if lang == 'zh' else ': '}{term('figure.renewal', lang)}"
    source = look.source_line(result, lang)
    if not found:
        return look.empty(title, source, lang)
    shown = list(found.items())[:MOST_LEVELS]
    columns = len(shown) if len(shown) <= 2 else 2 if len(shown) == 4 else 3
    rows = -(-len(shown) // columns)
    figure, bottom, top = look.page(title, look.scenario_name(result, lang), source, height=1.25 + rows * 1.95)
    height = figure.get_figheight()
    keys = [
        Patch(color=look.BLUE, label=term("figure.entered", lang)),
        Patch(color=look.ORANGE, label=term("figure.left", lang)),
        Line2D([], [], color=look.INK, marker="o", ms=3, lw=1, label=term("figure.net", lang)),
        Line2D([], [], color=look.GREY, lw=1, label=term("figure.band.most", lang)),
    ]
    top = look.legend(figure, keys, top)
    width, step = 0.93 / columns, (top - bottom) / rows
    for i, (level, w) in enumerate(shown):
        row, column = divmod(i, columns)
        box = (
            0.03 + column * width + 0.05, top - (row + 1) * step + 0.26 / height, width - 0.074,
            step - 0.72 / height,
        )  # fmt: skip
        axes = figure.add_axes(box)
        _bars(axes, w, result.metric(level).unit, lang, most=5 if columns == 3 else 9)
        look.panel_title(axes, result.metric(level).label[lang], columns)
    return figure


def _bars(axes: Axes, w: Waves, unit: str, lang: str, most: int) -> None:
    scale = scale_of(unit, float(np.nanmax([w.entered[2], w.left[2]], initial=0.0)), lang)
    x = np.array(w.years, dtype=float)
    for bands, sign, colour in ((w.entered, 1, look.BLUE), (w.left, -1, look.ORANGE)):
        low, middle, high = sign * bands / scale.divisor
        axes.bar(x, middle, width=0.72, color=colour, lw=0)
        axes.vlines(x, low, high, color=look.GREY, lw=1)
    axes.plot(x, w.net[1] / scale.divisor, color=look.INK, marker="o", ms=2.2, lw=1)
    axes.axhline(0, color=look.INK, lw=0.7)
    step = next((s for s in (1, 2, 3, 5, 10, 20) if len(x) / s <= most), 50)
    axes.xaxis.set_major_locator(FixedLocator([year for year in x if year % step == 0] or [x[0]]))
    axes.xaxis.set_major_formatter(lambda year, _: f"{year:.0f}")
    axes.set_xlim(x[0] - 0.6, x[-1] + 0.6)
    axes.yaxis.set_major_locator(look.ticks(unit, 5, scale.divisor))
    axes.yaxis.set_major_formatter(lambda value, _: look.tick(value))
    axes.annotate(scale.unit, (0, 1), (-2, 5), "axes fraction", "offset points", ha="left", fontsize=7, color=look.GREY)
