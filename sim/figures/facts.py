"""The model beside what was published: the scoreboard of facts, and how far valuations multiply."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.path import Path
from matplotlib.ticker import FixedLocator, NullLocator

from sim.figures import style as look
from sim.figures.curves import FACT_COLOUR, fact_colour, fact_marker, fact_state
from sim.figures.style import HALO, amount, digits, styled
from sim.scoring import surely
from sim.terms import term

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sim.result import Result, ScoredFact

USES = ("check", "calibrate", "goal", "input")  # what tests the model comes first
RATIOS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
ROOM = 44  # letters of a fact's name in one line
_UPWARDS = np.array([(0, -0.42), (0, 0.42), (0, 0), (1, 0), (0.72, 0.24), (1, 0), (0.72, -0.24)])  # [→
_STROKES = [Path.MOVETO, Path.LINETO, Path.MOVETO, Path.LINETO, Path.MOVETO, Path.LINETO, Path.LINETO]
BOUNDED = {"at_least": Path(_UPWARDS, _STROKES), "at_most": Path(_UPWARDS * (-1, 1), _STROKES)}
CENTRED = {  # for a key
    "at_least": Path(_UPWARDS - (0.5, 0), _STROKES),
    "at_most": Path((_UPWARDS - (0.5, 0)) * (-1, 1), _STROKES),
}
BIN = 0.06  # width of a bar, in powers of ten


@styled
def scoreboard(result: Result, lang: str = "zh") -> Figure:
    """A row for every fact: the 5–95 % band and median over the observed value, on a log axis.

    A fact that is a floor is a bracket at 1 with an arrow upwards from it, a ceiling one downwards. An input, which is
    not scored, has the band of what was simulated all the same; where nothing was simulated the row is empty.
    """
    facts = sorted(
        (simulated_too(fact, result) for fact in result.facts),
        key=lambda fact: USES.index(fact.use) if fact.use in USES else len(USES),
    )
    source = look.source_line(result, lang)
    if not facts:
        return look.empty(term("figure.scoreboard", lang), source, lang)
    counts = []
    for use in ("check", "calibrate"):
        counted = [fact for fact in facts if fact.use == use and fact.inside is not None]
        scored = [bool(fact.inside) for fact in counted]
        if scored:
            words = term("figure.scored", lang).format(inside=sum(scored), scored=len(scored))
            words += surely(((fact.bound, fact.probability) for fact in counted), lang)
            counts.append(f"{term(f'use.{use}', lang)} {words}")
    subtitle = ("；" if lang == "zh" else "; ").join(counts)
    height = 2.05 + 0.215 * len(facts)
    figure, bottom, top = look.page(term("figure.scoreboard", lang), subtitle, source, height=height)
    height = figure.get_figheight()
    states = dict.fromkeys(fact_state(fact) for fact in facts if _banded(fact))
    keys: list[Artist] = [_key(state, lang) for state in FACT_COLOUR if state in states]
    top = look.legend(figure, [*keys, *_signs(facts, lang)], top)
    axes = figure.add_axes((0.32, bottom + 0.20 / height, 0.345, top - bottom - 0.30 / height))
    axes.set_xscale("log")
    axes.set_xlim(RATIOS[0] * 0.9, RATIOS[-1] * 1.1)
    axes.xaxis.set_major_locator(FixedLocator(RATIOS))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}×")
    axes.set_xlabel(term("figure.scoreboard.axis", lang), fontsize=8, labelpad=2)
    axes.set_ylim(len(facts) - 0.4, -0.6)
    names = [fact_name(fact, result, lang, room=2 * ROOM) for fact in facts]
    axes.set_yticks(range(len(facts)), [look.folded(name, ROOM) for name in names], fontsize=7.5, linespacing=1.0)
    for text, name in zip(axes.get_yticklabels(), names, strict=True):
        text.set_fontsize(7.5 if look.wide(name) <= ROOM else 6)
    axes.tick_params(axis="y", length=0)
    axes.grid(True, axis="x")
    axes.grid(False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.axvline(1, color=look.INK, lw=0.9)
    for row, fact in enumerate(facts):
        _score(axes, row, fact)
    columns = (
        (1.07, "left", "observed"),
        (1.38, "left", "date"),
        (1.53, "left", "fact.use"),
        (1.88, "right", "fact.reached"),
    )
    for x, side, key in columns:
        axes.annotate(
            term(key, lang), (x, 1), (0, 4), "axes fraction", "offset points", ha=side, fontsize=7, color=look.GREY
        )
    for row, fact in enumerate(facts):
        sign = {"at_least": "≥ ", "at_most": "≤ "}.get(fact.bound, "")
        odds = "" if fact.probability is None or fact.probability != fact.probability else f"{fact.probability:.0%}"
        cells = (sign + amount(fact.observed, fact.unit, lang), fact.date, term(f"use.{fact.use}", lang), odds)
        for (x, side, _), text in zip(columns, cells, strict=True):
            text = look.folded(text, 20)
            wide = max(look.wide(line) for line in text.split("\n"))
            axes.annotate(
                text, (x, row), xycoords=("axes fraction", "data"), ha=side, va="center",
                fontsize=6 if "\n" in text else min(7.5, 112 / max(wide, 1)), annotation_clip=False, linespacing=1.0,
            )  # fmt: skip
    return figure


def simulated_too(fact: ScoredFact, result: Result) -> ScoredFact:
    """An input with the 5, 50 and 95 % quantiles of what the worlds came to, as the result's metrics tell it; any other
    fact, and one of which nothing was simulated, as it stands."""
    parts = [part.strip() for part in fact.metric.split("+")]
    dates = [date for date in (fact.date, fact.since) if date]
    told = all(part in result for part in parts) and all(date in result.quarters for date in dates)
    if fact.use != "input" or fact.p50 is not None or fact.statistic or not told:
        return fact
    draws = sum(result[part][:, result.quarters.index(fact.date)] for part in parts)
    if fact.since:
        draws = draws - sum(result[part][:, result.quarters.index(fact.since)] for part in parts)
    draws = np.asarray(draws, dtype=np.float64)
    draws = draws[np.isfinite(draws)]
    if not draws.size:
        return fact
    p05, p50, p95 = (float(q) for q in np.quantile(draws, [0.05, 0.5, 0.95]))
    return replace(fact, p05=p05, p50=p50, p95=p95)


def _banded(fact: ScoredFact) -> bool:
    return _positive(fact.observed) and fact.p50 is not None and fact.p50 == fact.p50


def _score(axes: Axes, row: int, fact: ScoredFact) -> None:
    state = fact_state(fact)
    colour = fact_colour(fact)
    if not _banded(fact):
        return
    low, mid, high = (_held((q or 0.0) / fact.observed) for q in (fact.p05, fact.p50, fact.p95))
    axes.plot([low, high], [row, row], color=colour, lw=4.5, alpha=0.35, solid_capstyle="butt", zorder=2)
    axes.plot([mid], [row], marker="|", ms=8, mew=2, color=colour, zorder=3)
    if fact.bound in BOUNDED:
        axes.plot([1], [row], marker=BOUNDED[fact.bound], ms=24, mfc="none", mec=colour, mew=1.6, ls="", zorder=4)
    else:
        face = "white" if state in ("goal", "input") else colour
        axes.plot([1], [row], marker=fact_marker(state), ms=4.5, mfc=face, mec=colour, mew=1.2, ls="", zorder=4)
    for q in (fact.p05, fact.p95):  # a band that leaves the axis says so
        ratio = (q or 0.0) / fact.observed
        if _leaves(ratio):
            axes.plot([_held(ratio)], [row], marker="<" if ratio < 1 else ">", ms=4, color=colour, clip_on=False)


def _leaves(ratio: float) -> bool:
    return ratio < RATIOS[0] * 0.9 or ratio > RATIOS[-1] * 1.1


def _signs(facts: Sequence[ScoredFact], lang: str) -> list[Artist]:
    """Keys of the other signs that are drawn: band, median, floor, ceiling, a band that leaves the axis."""
    banded = [f for f in facts if _banded(f)]
    if not banded:
        return []
    keys: list[Artist] = [
        Patch(color=look.tint(look.GREY, 0.45), label=term("figure.band.most", lang)),
        Line2D([], [], ls="", marker="|", ms=8, mew=2, color=look.GREY, label=term("median", lang)),
    ]
    for bound, sign in CENTRED.items():
        if any(f.bound == bound for f in banded):
            label = term(f"figure.fact.{bound}", lang)
            keys.append(Line2D([], [], ls="", marker=sign, ms=11, mfc="none", mec=look.INK, mew=1.4, label=label))
    if any(_leaves((q or 0.0) / f.observed) for f in banded for q in (f.p05, f.p95)):
        keys.append(Line2D([], [], ls="", marker=">", ms=4, color=look.GREY, label=term("figure.fact.beyond", lang)))
    return keys


def _held(ratio: float) -> float:
    return min(max(ratio, RATIOS[0] * 0.9), RATIOS[-1] * 1.1)


def _positive(value: float) -> bool:
    return math.isfinite(value) and value > 0


def _key(state: str, lang: str) -> Line2D:
    face = "white" if state in ("input", "goal") else FACT_COLOUR[state]
    return Line2D(
        [], [], ls="", marker=fact_marker(state), ms=5, mfc=face, mec=FACT_COLOUR[state], mew=1.3,
        label=term(f"figure.fact.{state}", lang),
    )  # fmt: skip


def fact_name(fact: ScoredFact, result: Result, lang: str, room: int = 44) -> str:
    """What the fact is called, or what its metrics are; cut at `room` letters, where it would leave the page."""
    name = (fact.name_zh if lang == "zh" else "") or fact.name
    if not name or (lang == "en" and any(ord(letter) > 0x2E80 for letter in name)):
        parts = [part.strip() for part in fact.metric.split("+")]
        known = all(part in result for part in parts)
        name = look.capital(" + ".join(result.metric(part).label[lang] for part in parts)) if known else fact.id
        if fact.since:
            name += term("fact.since", lang).format(quarter=fact.since)
    return look.shortened(look.capital(name), room)


# --- multiples -------------------------------------------------------------------------------------------------------


@styled
def multiples(result: Result, lang: str = "zh", published: float | None = None) -> Figure:
    """Histogram of last over first post-money of the firms in samples["multiples"], on a log axis.

    `published`: the multiple of the story that was told, marked with the share of firms at or above it; without it the
    scenario's own (a fact in a metric of multiples, or manifest["multiple_marked"]).
    """
    table = result.samples["multiples"]
    values = np.asarray(table["multiple"], dtype=np.float64)
    values = values[np.isfinite(values) & (values > 0)]
    worlds = len(np.unique(table["replication"])) if "replication" in table else result.replications
    source = look.source_line(result, lang, worlds)
    if values.size == 0:
        return look.empty(term("figure.multiples", lang), source, lang)
    told = published is not None or _told(result) is not None
    published = published or _told(result) or _marked(result)
    subtitle = term("figure.multiples.count", lang).format(
        count=f"{values.size:,}", worlds=f"{worlds:,}", quarter=result.quarters[-1]
    )
    moved = values[np.abs(np.log(values)) > 1e-9]  # a firm with one round stands at 1 by definition
    once = 1 - moved.size / values.size
    if once > 0.005:
        subtitle += term("figure.multiples.once", lang).format(share=f"{once:.0%}")
    figure, bottom, top = look.page(term("figure.multiples", lang), subtitle, source)
    axes = figure.add_axes((0.085, bottom + 0.07, 0.86, top - bottom - 0.10))
    ends = np.quantile(moved, (0.001, 0.999)) if moved.size else np.array([0.5, 2.0])
    held = np.clip(moved, *ends)
    low = math.floor(math.log10(ends[0]) * 4) / 4
    high = math.ceil(math.log10(max(ends[1], 1.3 * (published or 1.0))) * 4) / 4
    step = math.log10(published) / max(1, round(math.log10(published) / BIN)) if published and published > 1 else BIN
    edges = 10 ** (step * np.arange(math.floor(low / step), math.ceil(high / step) + 1))  # 1 and the mark are edges
    share = np.histogram(held, edges)[0] / values.size * 100
    at = published or math.inf
    colours = [
        look.PALE if right <= 1.001 else look.BLUE if left < 0.999 * at else look.ORANGE
        for left, right in pairwise(edges)
    ]
    axes.bar(edges[:-1], share, np.diff(edges), align="edge", color=colours, edgecolor="white", linewidth=0.5)
    axes.set_xscale("log")
    axes.set_xlim(edges[0], edges[-1])
    marks = [m for m in (0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300) if edges[0] <= m <= edges[-1]]
    axes.xaxis.set_major_locator(FixedLocator(marks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}×")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}%")
    axes.set_xlabel(term("figure.multiples.axis", lang))
    axes.annotate(
        term("figure.multiples.share", lang),
        (0, 1),
        (-2, 5),
        "axes fraction",
        "offset points",
        fontsize=7,
        color=look.GREY,
    )
    median = float(np.median(moved)) if moved.size else 1.0
    highest = float(share.max()) or 1.0
    axes.set_ylim(0, highest * 1.25)
    axes.axvline(median, color=look.INK, lw=1)
    axes.annotate(
        f"{term('median', lang)} {digits(median)}×", (median, highest * 1.22), (4, 0), textcoords="offset points",
        va="top", fontsize=8, path_effects=HALO,
    )  # fmt: skip
    if published:
        above = float(np.mean(values >= published))
        axes.axvline(published, color=look.VERMILION, lw=1.2, ls=(0, (4, 2)))
        lines = (
            term(f"figure.{'published' if told else 'marked'}_multiple", lang).format(multiple=digits(published)),
            term("figure.above", lang).format(multiple=digits(published), share=_percent(above)),
        )
        axes.annotate(
            "\n".join(lines), (published, highest * 1.08), (5, 0), textcoords="offset points", va="top", fontsize=8.5,
            color=look.VERMILION, linespacing=1.5, path_effects=HALO,
        )  # fmt: skip
    return figure


def _percent(share: float) -> str:
    return f"{share:.1%}" if share >= 0.001 or share == 0 else f"{share:.2%}"


def _told(result: Result) -> float | None:
    """The multiple of a firm that was published of this zone."""
    return next((fact.observed for fact in result.facts if "multiple" in fact.metric and fact.unit == "ratio"), None)


def _marked(result: Result) -> float | None:
    value = result.manifest.get("multiple_marked")
    return float(value) if isinstance(value, (int, float)) else None
