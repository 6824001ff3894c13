"""Figures of a calibration and of the backtest: what facts changed, what they can tell, where the model misses."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from sim.analysis.text import say, show
from sim.figures import style as look
from sim.figures.style import digits, scale_of, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sim.analysis.backtest import Backtest
    from sim.analysis.calibrate import Calibration

ROW = 0.25  # inches a fact or parameter
ACROSS = 3  # panels a row
RATIOS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
BINS = 24
USE_COLOUR = {"calibrate": look.BLUE, "check": look.VERMILION, "goal": look.GREY}


def figures_of_calibration(c: Calibration, lang: str = "zh") -> dict[str, Figure]:
    return {"parameters": parameters(c, lang), "facts": facts(c, lang), "sensitivity": sensitivity(c, lang)}


def _source(c: Calibration, lang: str) -> str:
    about = c.about
    worlds, seed = about.get("worlds", 0), about.get("seed", "")
    text = say(lang, f"{worlds:,} 个世界 · 种子 {seed}", f"{worlds:,} worlds · seed {seed}")
    return f"Headwater 活水 · {text}"


@styled
def parameters(c: Calibration, lang: str = "zh") -> Figure:
    """Prior and posterior of every fitted parameter, each on its own axis."""
    rows = math.ceil(len(c.parameters) / ACROSS)
    height = 1.35 + 1.6 * rows
    title = say(lang, "校准前后的参数", "Parameters before and after calibration")
    called = {moment.id: c.name_of(moment, lang) for moment in c.moments}
    names = say(lang, "、", ", ").join(str(called.get(fact, fact)) for fact in c.about.get("facts used", ()))
    subtitle = look.shortened(say(lang, f"所用事实：{names}", f"facts used: {names}"), 110)
    figure, bottom, top = look.page(title, subtitle, _source(c, lang), height=height)
    keys = [
        Patch(color=look.tint(look.GREY, 0.35), label=say(lang, "先验", "prior")),
        Patch(color=look.tint(look.BLUE, 0.75), label=say(lang, "后验", "posterior")),
        Line2D([], [], color=look.INK, lw=1, ls="--", label=say(lang, "情景中的值", "value in the scenario")),
    ]
    top = look.legend(figure, keys, top)
    room = (top - bottom) / rows
    for k, parameter in enumerate(c.parameters):
        row, column = divmod(k, ACROSS)
        place = (0.05 + column * 0.32, top - (row + 1) * room + 0.38 / height, 0.27, room - 0.77 / height)
        axes = figure.add_axes(place)
        before, after = c.prior[:, k], c.posterior[:, k]
        low, high = np.quantile(np.concatenate([before, after]), [0.003, 0.997])
        unit = c.model.unit(parameter.path)  # of a parameter: only some units are a metric's too
        scale = scale_of(unit, float(high), lang) if unit in ("CNY", "share") else None
        divisor = scale.divisor if scale else 1.0
        edges = np.linspace(low, high, BINS + 1) / divisor
        axes.hist(before / divisor, edges, density=True, color=look.tint(look.GREY, 0.35))
        axes.hist(after / divisor, edges, density=True, color=look.tint(look.BLUE, 0.75), alpha=0.75)
        axes.axvline(c.model.central(parameter.path) / divisor, color=look.INK, lw=1, ls="--")
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.grid(False)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.xaxis.set_major_formatter(lambda value, _: look.tick(value))
        axes.tick_params(axis="x", labelsize=7)
        axes.set_title(_called(c, parameter.path, lang, 34), fontsize=7.5, loc="left", pad=3, linespacing=1.25)
        if scale and scale.unit:
            axes.set_xlabel(scale.unit, fontsize=6.5, loc="right", labelpad=1)
    return figure


def _called(c: Calibration, path: str, lang: str, room: int) -> str:
    """What a parameter means, and the end of its path, which tells apart those that mean the same of two things."""
    label = look.capital(c.model.label(path, lang))
    words = [word for word in path.split(".") if word not in ("ladders", "levels", "certificates", "listing")]
    short = look.shortened(".".join(words), room)
    return short if label == path else f"{look.shortened(label, room + 8)}\n{short}"


@styled
def facts(c: Calibration, lang: str = "zh") -> Figure:
    """Each fact over its published value: 5-95 % before, after. Facts fitted to, then checks, which were not."""
    records = c.fit()
    height = 1.75 + 1.5 * ROW * len(records)
    title = say(lang, "事实：校准前后", "Facts before and after calibration")
    subtitle = say(
        lang, "模拟值与公布值之比；检验事实未参与校准", "simulated over published; checks were not fitted to"
    )
    figure, bottom, top = look.page(title, subtitle, _source(c, lang), height=height)
    keys = [
        Line2D([], [], color=look.tint(look.GREY, 0.6), lw=4, label=say(lang, "校准前 5–95%", "before, 5–95 %")),
        Line2D([], [], color=look.BLUE, lw=4, label=say(lang, "校准后：所用事实", "after: fitted facts")),
        Line2D([], [], color=look.VERMILION, lw=4, label=say(lang, "校准后：检验事实", "after: checks")),
    ]
    top = look.legend(figure, keys, top)
    axes = figure.add_axes((0.33, bottom + 0.1 / height, 0.50, top - bottom - 0.2 / height))
    _ratio_axis(axes, len(records))
    axes.set_yticks(
        range(len(records)), [look.shortened(look.capital(c.name_of(m, lang)), 46) for m in c.moments], fontsize=7.5
    )
    for row, record in enumerate(records):
        for name, colour, lift in (("prior", look.tint(look.GREY, 0.6), -0.16), ("posterior", None, 0.16)):
            low, mid, high = (_ratio(record[f"{name}_{q}"], record["observed"]) for q in ("p05", "p50", "p95"))
            colour = colour or USE_COLOUR[record["use"]]
            axes.plot([low, high], [row + lift] * 2, color=colour, lw=4, solid_capstyle="butt")
            axes.plot([mid], [row + lift], "|", ms=7, mew=1.6, color=look.INK)
            _beyond(axes, row + lift, high, colour)
        sign = {"at_least": "≥ ", "at_most": "≤ "}.get(record["bound"], "")
        unit = c.model.unit(c.moments[row].terms[0][0])
        told = look.amount(record["observed"], unit, lang) if unit else show(record["observed"])
        _cell(axes, row, sign + told)
    return figure


def _ratio_axis(axes: Axes, rows: int) -> None:
    axes.set_xscale("log")
    axes.set_xlim(RATIOS[0] * 0.9, RATIOS[-1] * 1.1)
    axes.xaxis.set_major_locator(FixedLocator(RATIOS))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}×")
    axes.set_ylim(rows - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(True, axis="x")
    axes.grid(False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.axvline(1, color=look.INK, lw=0.9)


def _beyond(axes: Axes, row: float, high: float, colour: Any) -> None:
    """A band that leaves the axis says so."""
    if high > RATIOS[-1]:
        axes.plot([RATIOS[-1] * 1.1], [row], marker=">", ms=5, color=colour, clip_on=False, zorder=5)


def _ratio(value: float | None, observed: float) -> float:
    if value is None or not math.isfinite(value) or observed <= 0:
        return math.nan
    return min(max(value / observed, RATIOS[0] * 0.9), RATIOS[-1] * 1.1)


def _cell(axes: Axes, row: int, text: str, x: float = 1.03, colour: str = look.INK) -> None:
    axes.annotate(
        text, (x, row), xycoords=("axes fraction", "data"), va="center", fontsize=7.5, color=colour,
        annotation_clip=False,
    )  # fmt: skip


@styled
def sensitivity(c: Calibration, lang: str = "zh") -> Figure:
    """Change of each fact over one prior standard deviation of each parameter, in the fact's own units of error."""
    s = c.screening
    height = 2.9 + 1.4 * ROW * len(s.paths)
    title = say(lang, "事实能识别哪些参数", "Which parameters the facts can tell")
    text = say(
        lang,
        f"参数变动一个先验标准差时事实的变动，以其误差为单位 · 奇异值 {'、'.join(digits(float(v)) for v in s.values)}",
        "change of a fact over one prior sd of a parameter, in units of the fact's error · singular values "
        + ", ".join(digits(float(v)) for v in s.values),
    )
    figure, bottom, top = look.page(title, look.shortened(text, 125), _source(c, lang), height=height)
    axes = figure.add_axes((0.30, bottom + 1.25 / height, 0.58, top - bottom - 1.3 / height))
    most = max(1.0, float(np.abs(s.effect).max()))
    drawn = axes.pcolormesh(s.effect, cmap="RdBu_r", vmin=-most, vmax=most, edgecolors="white", linewidth=0.8)
    axes.set_ylim(len(s.paths), 0)
    axes.set_yticks(np.arange(len(s.paths)) + 0.5, [_called(c, path, lang, 34) for path in s.paths], fontsize=7)
    called = {moment.id: look.shortened(look.capital(c.name_of(moment, lang)), 34) for moment in c.moments}
    facts_named = [called.get(fact, fact) for fact in s.facts]
    axes.set_xticks(np.arange(len(s.facts)) + 0.5, facts_named, fontsize=7, rotation=25, ha="right")
    axes.tick_params(length=0)
    axes.grid(False)
    for side in axes.spines.values():
        side.set_visible(False)
    for i, j in np.ndindex(*s.effect.shape):
        value, noise = s.effect[i, j], s.noise[i, j]
        if abs(value) > max(0.05, 2.0 * noise):
            colour = "white" if abs(value) > 0.6 * most else look.INK
            axes.text(j + 0.5, i + 0.5, digits(float(value)), ha="center", va="center", fontsize=7, color=colour)
    bar = figure.colorbar(
        drawn, cax=figure.add_axes((0.905, axes.get_position().y0, 0.015, axes.get_position().height))
    )
    bar.outline.set_visible(False)  # type: ignore[operator]
    bar.ax.tick_params(labelsize=6.5, length=0)
    return figure


@styled
def backtest(b: Backtest, lang: str = "zh") -> Figure:
    """Every scored fact of every zone over its published value, 5-25-75-95 %; goals apart."""
    rows: list[Any] = []  # a zone's name over its facts
    for zone in b.zones:
        own = [fact for fact in b.facts if fact.zone == zone and fact.p50 is not None]
        rows += [own[0].place(lang), *own] if own else []
    height = 1.75 + ROW * len(rows)
    title = say(lang, "回测：模拟值与公布值", "Backtest: simulated against published")
    figure, bottom, top = look.page(title, b.headline(lang), b.source(lang), height=height)
    keys = [
        Line2D([], [], color=USE_COLOUR["check"], lw=4, label=say(lang, "检验", "checks")),
        Line2D([], [], color=USE_COLOUR["calibrate"], lw=4, label=say(lang, "校准所用", "calibrated")),
        Line2D([], [], color=USE_COLOUR["goal"], lw=4, label=say(lang, "目标", "goals")),
        Line2D([], [], color=look.INK, marker="x", ls="", label=say(lang, "在 5–95% 之外", "outside 5–95 %")),
    ]
    top = look.legend(figure, keys, top)
    axes = figure.add_axes((0.36, bottom + 0.1 / height, 0.40, top - bottom - 0.2 / height))
    _ratio_axis(axes, len(rows))
    labels = ["" if isinstance(fact, str) else look.shortened(fact.name(lang), 46) for fact in rows]
    axes.set_yticks(range(len(rows)), labels, fontsize=7.5)
    for row, fact in enumerate(rows):
        if isinstance(fact, str):
            axes.annotate(
                look.shortened(fact, 46), (-0.02, row + 0.1), xycoords=("axes fraction", "data"), ha="right",
                va="center", fontsize=8.5, color=look.BLUE, annotation_clip=False,
            )  # fmt: skip
            continue
        colour = USE_COLOUR[fact.use]
        ends = [_ratio(q, fact.observed) for q in (fact.p05, fact.p25, fact.p50, fact.p75, fact.p95)]
        axes.plot([ends[0], ends[4]], [row, row], color=look.tint(colour, 0.35), lw=5, solid_capstyle="butt")
        axes.plot([ends[1], ends[3]], [row, row], color=look.tint(colour, 0.8), lw=5, solid_capstyle="butt")
        axes.plot([ends[2]], [row], "|", ms=8, mew=1.6, color=look.INK)
        _beyond(axes, row, ends[4], colour)
        if not fact.inside:
            axes.plot([1], [row], "x", ms=6, mew=1.5, color=look.INK, zorder=5)
        sign = {"at_least": "≥ ", "at_most": "≤ "}.get(fact.bound, "")
        _cell(axes, row, look.shortened(f"{fact.date}  {sign}{look.amount(fact.observed, fact.unit, lang)}", 38))
    return figure


def figures_of_backtest(b: Backtest, lang: str = "zh") -> dict[str, Any]:
    return {"backtest": backtest(b, lang)}
