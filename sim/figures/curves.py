"""Outcomes over time: fan charts of one metric, small multiples of several, paired differences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, NullLocator
from matplotlib.transforms import Bbox

from sim.figures import style as look
from sim.figures.style import HALO, Scale, amount, moment, scale_of, styled, tint
from sim.terms import TERMS, term

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sim.result import Result, ScoredFact

OVERVIEW = (
    "firms.alive",
    "ladder.certificates.hte",
    "ladder.certificates.giant",
    "firms.listed",
    "valuation.unicorns",
    "valuation.post_money.total",
    "rounds.raised.total",
    "jobs.total",
    "output.year",
)
DIVIDER: dict[str, Any] = {"color": look.GREY, "lw": 0.8, "ls": (0, (3, 3))}  # between history and projection
MOST_PUBLISHED = 12  # panels in one figure
AFTER_THE_LAST = 8  # quarters drawn after the last published figure
REGIME = "market.regime"
STEPPED = ("market.ipo_window",)  # has one value a regime: nothing lies between two of them
FACT_MARKER = {"input": "o", "inside": "o", "outside": "D", "goal": "s", "told": "^"}
FACT_COLOUR = {
    "input": look.GREY, "inside": look.GREEN, "outside": look.VERMILION, "goal": look.ORANGE, "told": look.INK,
}  # fmt: skip


@styled
def fan(
    result: Result,
    metric: str,
    lang: str = "zh",
    facts: bool = True,
    divide: str | None = None,
    title: str | None = None,
) -> Figure:
    """Median, 25–75 % and 5–95 % of the replications of one metric, with what was published as points.

    `divide`: the quarter up to which there is published history; without it the last published fact of the result
    that is no goal. `title`: the metric's label if None.
    """
    about = result.metric(metric)
    scale = _scale(result, [metric], lang)
    last = _last_defined(result, metric)
    p05, p50, p95 = result.quantiles(metric, (0.05, 0.5, 0.95))[:, last]
    at_end = term("figure.at_end", lang).format(
        quarter=result.quarters[last],
        p50=amount(p50, about.unit, lang),
        p05=scale_of(about.unit, p50, lang).text(p05),
        p95=scale_of(about.unit, p50, lang).text(p95),
    )
    heading = title or look.capital(about.label[lang])
    figure, bottom, top = look.page(heading, at_end, look.source_line(result, lang))
    shown = _facts(result, metric) if facts else []
    top = look.legend(figure, _keys(shown, lang), top)
    axes = figure.add_axes((0.085, bottom, 0.83, top - bottom - 0.05))
    _draw(axes, result, metric, scale, shown, divide or _history_end(result), lang, words=True)
    _unit(axes, _shown_scale(result, metric, scale, lang), lang)
    look.year_end(figure, axes, lang)
    return figure


@styled
def panel(
    result: Result,
    metrics: Sequence[str],
    title: str = "figure.overview",
    lang: str = "zh",
    facts: bool = True,
    columns: int | None = None,
    divide: str | None = None,
    note: str = "",
    alike: bool = False,
) -> Figure:
    """Small multiples: a fan for each metric, every axis with its own unit. `title`: a term's key, or the words;
    `note`: what stands beside the scenario's name; `alike`: panels of a row that share a unit share its scale."""
    metrics = list(metrics)
    count = len(metrics)
    if count == 0:
        return look.empty(_words(title, lang), look.source_line(result, lang), lang)
    columns = columns or (count if count <= 2 else 2 if count == 4 else 3)
    rows = -(-count // columns)
    height = 1.25 + rows * (2.9 if columns == 1 else 2.5 if columns == 2 else 1.95)
    subtitle = " · ".join(part for part in (look.scenario_name(result, lang), note) if part)
    figure, bottom, top = look.page(_words(title, lang), subtitle, look.source_line(result, lang), height=height)
    height = figure.get_figheight()
    shown = {metric: _facts(result, metric) if facts else [] for metric in metrics}
    keys = _keys([f for own in shown.values() for f in own], lang)
    divide = divide or _history_end(result)
    if divide and moment(result.quarters[0]) < moment(divide) < moment(result.quarters[-1]):
        label = term("figure.divider", lang).format(quarter=divide)
        keys.append(Line2D([], [], **DIVIDER, label=label))
    top = look.legend(figure, keys, top)
    width, margin = 0.93 / columns, 0.062
    step = (top - bottom) / rows
    head, foot = 0.46 / height, 0.26 / height
    for i, metric in enumerate(metrics):
        row, column = divmod(i, columns)
        box = (
            0.03 + column * width + margin - 0.012,
            top - (row + 1) * step + foot,
            width - margin - 0.012,
            step - head - foot,
        )
        axes = figure.add_axes(box)
        abreast = metrics[row * columns : (row + 1) * columns] if alike else [metric]
        unit = result.metric(metric).unit
        scale = _scale(result, [metric, *(m for m in abreast if result.metric(m).unit == unit)], lang)
        _draw(
            axes,
            result,
            metric,
            scale,
            shown[metric],
            divide,
            lang,
            most=6 if columns < 3 else 4,
        )
        words = term(REGIME, lang) if metric == REGIME else result.metric(metric).label[lang]
        look.panel_title(axes, words, columns)
        _unit(axes, _shown_scale(result, metric, scale, lang), lang)
        if i == count - 1:
            look.year_end(figure, axes, lang)
    return figure


def overview(result: Result, lang: str = "zh", **options: Any) -> Figure:
    """The zone in nine curves or as many as the result has."""
    return panel(result, [metric for metric in OVERVIEW if metric in result], "figure.overview", lang, **options)


@styled
def difference(
    comparison: Any, metric: str, name: str, lang: str = "zh", facts: Sequence[str] = (), title: str | None = None
) -> Figure:
    """One scenario minus the baseline, draw by draw: mean with its interval, and the 5–95 % of single replications.

    `comparison` has metrics, quarters, baseline, called(name, lang) and of(name) with mean, low, high, p05, p95
    [metric, quarter].
    """
    about = next(m for m in comparison.metrics if getattr(m, "name", m) == metric)
    row = comparison.row(metric)
    d = comparison.of(name)
    rows = {key: np.asarray(getattr(d, key)[row], dtype=float) for key in ("mean", "low", "high", "p05", "p95")}
    largest = float(np.nanmax(np.abs(np.concatenate([rows["p05"], rows["p95"]]))))
    scale = scale_of(look.unit_of_difference(about.unit), largest, lang)
    words = term("figure.minus", lang).format(
        variant=comparison.called(name, lang), baseline=comparison.called(comparison.baseline, lang)
    )
    source = f"Headwater 活水 · {words} · {term('figure.paired', lang)}"
    label = look.capital(about.label[lang])
    heading = title or f"{label}{'：' if lang == 'zh' else ': '}{term('figure.difference', lang).lower()}"
    figure, bottom, top = look.page(heading, words, source)
    keys = [
        Line2D([], [], color=look.VERMILION, lw=2, label=term("mean", lang)),
        Patch(color=tint(look.VERMILION, 0.45), label=term("figure.interval", lang)),
        Patch(color=tint(look.VERMILION, 0.18), label=term("figure.band.most", lang)),
    ]
    top = look.legend(figure, keys, top)
    axes = figure.add_axes((0.085, bottom, 0.83, top - bottom - 0.05))
    x = np.array([moment(q) for q in comparison.quarters])
    shown = {key: values / scale.divisor for key, values in rows.items()}
    axes.fill_between(x, shown["p05"], shown["p95"], color=tint(look.VERMILION, 0.18), lw=0)
    axes.fill_between(x, shown["low"], shown["high"], color=tint(look.VERMILION, 0.45), lw=0)
    axes.plot(x, shown["mean"], color=look.VERMILION, lw=2)
    axes.axhline(0, color=look.INK, lw=0.8)
    early = np.nan_to_num(shown["mean"])[: max(1, len(x) // 3)]
    above = early.mean() >= 0  # the words stand on the line's other side
    axes.annotate(
        term("figure.no_change", lang),
        (x[0], 0),
        (3, -3 if above else 3),
        textcoords="offset points",
        va="top" if above else "bottom",
        fontsize=7,
        color=look.GREY,
    )
    _end_label(axes, x[-1], rows["mean"][-1], scale, look.VERMILION)
    look.time_axis(axes, x[0], x[-1])
    axes.yaxis.set_major_formatter(lambda value, _: look.tick(value))
    _unit(axes, scale, lang)
    look.year_end(figure, axes, lang)
    return figure


# --- one set of axes -------------------------------------------------------------------------------------------------


def _draw(
    axes: Axes,
    result: Result,
    metric: str,
    scale: Scale,
    facts: Sequence[ScoredFact],
    divide: str | None,
    lang: str,
    words: bool = False,
    most: int = 8,
    colour: str = look.BLUE,
) -> None:
    x = np.array([moment(q) for q in result.quarters])
    look.time_axis(axes, x[0], x[-1], most)
    if metric == REGIME:
        _draw_regimes(axes, x, result[metric], lang)
        return
    bands = result.quantiles(metric) / scale.divisor
    bands[~np.isfinite(bands)] = np.nan
    if result.starts_later(metric):
        bands[:, 0] = np.nan  # no rise from nought
    p05, p25, p50, p75, p95 = bands
    step = "mid" if metric in STEPPED else None
    axes.fill_between(x, p05, p95, color=tint(colour, 0.16), lw=0, step=step)
    axes.fill_between(x, p25, p75, color=tint(colour, 0.38), lw=0, step=step)
    axes.plot(x, p50, color=colour, lw=2.0 if words else 1.6, drawstyle="steps-mid" if step else "default")
    values = np.concatenate([p05, p95, [f.observed / scale.divisor for f in facts]])
    values = values[np.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    if on_log_axis(result, metric):
        axes.set_yscale("log")
        axes.set_ylim(low / 1.2, high * 1.3)
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_locator(LogLocator(10, subs=(1.0, 2.0, 5.0) if high / low < 100 else (1.0,)))
    else:
        if result.metric(metric).kind != "index" and low >= 0:
            axes.set_ylim(0, high * 1.12 if high > 0 else 1)
        else:
            room = 0.08 * (high - low) or 1.0
            axes.set_ylim(low - room, high + room)
            if low < 0 < high:
                axes.axhline(0, color=look.GREY, lw=0.7)
        axes.yaxis.set_major_locator(look.ticks(result.metric(metric).unit, 6 if words else 4, scale.divisor))
    axes.yaxis.set_major_formatter(lambda value, _: look.tick(value))
    if divide and x[0] < moment(divide) < x[-1]:
        _divider(axes, moment(divide), lang, words)
    taken: list[Bbox] = []
    for fact in facts:
        _fact(axes, fact, scale, words, taken)
    last = _last_defined(result, metric)
    if words and last >= 0:
        _end_label(axes, x[last], p50[last] * scale.divisor, scale, colour)


def on_log_axis(result: Result, metric: str) -> bool:
    """Whether the replications spread so far that on a linear axis the median would lie on the floor."""
    p05, p50, p95 = result.quantiles(metric, (0.05, 0.5, 0.95))
    known = np.isfinite(p50) & np.isfinite(p95)
    return bool(known.any() and np.all(p05[known] > 0) and np.max(p95[known] / p50[known]) > 12)


def _draw_regimes(axes: Axes, x: np.ndarray, regime: np.ndarray, lang: str) -> None:
    """The share of the replications in each regime: quantiles of a category mean nothing."""
    shares = [np.mean(regime == state, axis=0) * 100 for state in range(3)]
    colours = (tint(look.BLUE, 0.55), tint(look.GREY, 0.25), tint(look.VERMILION, 0.6))
    axes.stackplot(x, shares, colors=colours, lw=0, step="mid")
    axes.set_ylim(0, 100)
    axes.set_yticks([0, 50, 100])
    base = 0.0
    for share, state in zip(shares, ("cold", "normal", "hot"), strict=True):
        if share[-1] > 8:
            axes.annotate(
                term(f"regime.{state}", lang), (x[-1], base + share[-1] / 2), (-4, 0), textcoords="offset points",
                ha="right", va="center", fontsize=7.5, path_effects=HALO,
            )  # fmt: skip
        base += share[-1]


def _fact(axes: Axes, fact: ScoredFact, scale: Scale, words: bool, taken: list[Bbox]) -> None:
    """A ring for an input, a filled point for what is scored, and its amount where it hides none of those `taken`."""
    state = fact_state(fact)
    colour = FACT_COLOUR[state]
    x, y = moment(fact.date), fact.observed / scale.divisor
    face = "white" if state in ("input", "goal") else colour
    axes.plot(
        [x],
        [y],
        marker=fact_marker(state),
        ms=6 if words else 4.5,
        mfc=face,
        mec=colour,
        mew=1.3,
        ls="",
        zorder=5,
        clip_on=False,
    )
    if state == "input" and not words and fact.bound == "exact":
        return  # in a small chart the ring says enough; of a floor it does not say that the curve may lie above
    sign = {"at_least": "≥ ", "at_most": "≤ "}.get(fact.bound, "")
    first, end = axes.get_xlim()
    early = x < first + 0.15 * (end - first)  # no room on the left; curves that rise leave room below on the right
    low = axes.transData.transform((x, y))[1] < axes.bbox.y0 + 0.12 * axes.bbox.height
    right = ((6, 4), "left") if low else ((6, -10), "left")
    places = [right if early else ((-5, 5), "right"), ((6, 4), "left"), ((0, 9), "center"), ((6, -10), "left")]
    text, size = sign + scale.text(fact.observed), 7.5 if words else 6.8
    boxes = [_room_of(axes, (x, y), text, size, *place) for place in places]
    free = [k for k, box in enumerate(boxes) if not any(box.overlaps(other) for other in taken)]
    chosen = free[0] if free else 0
    taken.append(boxes[chosen])
    offset, side = places[chosen]
    axes.annotate(
        text,
        (x, y),
        offset,
        textcoords="offset points",
        ha=side,
        fontsize=size,
        color=colour if state != "input" else look.INK,
        path_effects=HALO,
        zorder=6,
    )


def _room_of(axes: Axes, at: tuple[float, float], text: str, size: float, offset: Any, side: str) -> Bbox:
    """About the place that words beside a point take, in points of the screen."""
    point = axes.figure.dpi / 72
    x, y = axes.transData.transform(at) + point * np.array(offset)
    width, height = point * size * 0.52 * look.wide(text), point * size * 1.1
    x -= {"left": 0.0, "center": 0.5, "right": 1.0}[side] * width
    return Bbox.from_bounds(x, y - 0.2 * height, width, height)


def _divider(axes: Axes, x: float, lang: str, words: bool) -> None:
    axes.axvline(x, **DIVIDER, zorder=1)
    if words:
        for text, side, gap in (("figure.history", "right", -4), ("figure.projection", "left", 4)):
            axes.annotate(
                term(text, lang), (x, 1), (gap, -2), ("data", "axes fraction"), "offset points", ha=side, va="top",
                fontsize=7, color=look.GREY, path_effects=HALO,
            )  # fmt: skip


def _end_label(axes: Axes, x: float, value: float, scale: Scale, colour: str) -> None:
    axes.annotate(
        scale.text(value), (x, value / scale.divisor), (5, 0), textcoords="offset points", va="center", fontsize=9,
        color=colour, annotation_clip=False,
    )  # fmt: skip


def _shown_scale(result: Result, metric: str, scale: Scale, lang: str) -> Scale:
    """The unit as the axis says it: shares for regimes, a word where the axis is a log one."""
    if metric == REGIME:
        return Scale(1, term("figure.regimes", lang))
    if on_log_axis(result, metric):
        return Scale(scale.divisor, scale.unit + term("figure.log", lang))
    return scale


def _unit(axes: Axes, scale: Scale, lang: str) -> None:
    axes.annotate(scale.unit, (0, 1), (-2, 5), "axes fraction", "offset points", ha="left", fontsize=7, color=look.GREY)


def _keys(facts: Sequence[ScoredFact], lang: str) -> list[Any]:
    """Bands and line, and the markers that are used."""
    keys = look.band_keys(lang)
    used = {fact_state(fact) for fact in facts}
    for state, colour in FACT_COLOUR.items():
        if state in used:
            face = "white" if state in ("input", "goal") else colour
            label = term(f"figure.fact.{state}", lang)
            keys.append(
                Line2D([], [], ls="", marker=fact_marker(state), ms=5, mfc=face, mec=colour, mew=1.3, label=label)
            )
    return keys


def fact_colour(fact: ScoredFact) -> str:
    return FACT_COLOUR[fact_state(fact)]


def fact_marker(state: str) -> str:
    return FACT_MARKER[state]


def fact_state(fact: ScoredFact) -> str:
    """ "told": what was published of a named firm; it was told because it is extreme and is no check of the model."""
    if fact.use in ("input", "goal", "told"):
        return fact.use
    return "input" if fact.inside is None else "inside" if fact.inside else "outside"


def _facts(result: Result, metric: str) -> list[ScoredFact]:
    known = set(result.quarters)
    facts = [fact for fact in result.facts if fact.metric == metric and fact.date in known and not fact.since]
    return facts + [fact for fact in told_of_firms(result) if fact.metric == metric and fact.date in known]


def told_of_firms(result: Result) -> list[ScoredFact]:
    """The published paths of named firms as points: their own, beside the odds that the summary prints."""
    from sim.result import ScoredFact

    return [
        ScoredFact(
            path["firm"], "told", f"named.{path['firm']}.{path['what']}", path["date"], float(path["published"]),
            path["unit"], "at_least",
        )
        for path in result.manifest.get("named") or []
    ]  # fmt: skip


@styled
def published(result: Result, drawn: Sequence[str] = (), lang: str = "zh") -> Figure:
    """What was published and stands on no other curve, each figure on one of its own: sums of metrics, changes since a
    date, and metrics that no other figure draws. `drawn`: metrics that others do."""
    curves = _curves_of_facts(result, drawn)
    note = term("figure.published.note", lang).format(shown=len(curves.facts), all=len(result.facts))
    return panel(curves, [m.name for m in curves.metrics], "figure.published", lang, note=note)


def has_published(result: Result, drawn: Sequence[str] = ()) -> bool:
    return bool(_curves_of_facts(result, drawn).metrics)


def _curves_of_facts(result: Result, drawn: Sequence[str]) -> Result:
    """A result whose metrics are the published figures' own: one for each sum, or change since a date, that is scored.

    It ends two years after the last of them: in the fan of later years a point of today would lie on the floor.
    """
    from dataclasses import replace

    from sim.figures.facts import fact_name
    from sim.model.metrics import Metric
    from sim.result import Result

    metrics: dict[str, Metric] = {}
    values, facts = [], []
    for fact in result.facts:
        parts = [part.strip() for part in fact.metric.split("+")]
        if fact.use == "input" or fact.date not in result.quarters or any(part not in result for part in parts):
            continue
        if fact.metric in drawn and not fact.since:
            continue
        if fact.since and fact.since not in result.quarters:
            continue
        name = fact.metric + (f" since {fact.since}" if fact.since else "")
        if name not in metrics:
            if len(metrics) == MOST_PUBLISHED:
                break
            own = np.sum([result[part] for part in parts], axis=0)
            if fact.since:
                own = own - own[:, [result.quarter(fact.since)]]
            first = result.metric(parts[0])
            label = {lang: fact_name(fact, result, lang, room=80) for lang in ("zh", "en")}
            metrics[name] = Metric(name, first.unit, label, first.kind)
            values.append(own)
        facts.append(replace(fact, metric=name, since=""))
    until = max((result.quarter(fact.date) for fact in facts), default=0) + 1 + AFTER_THE_LAST
    quarters = result.quarters[:until]
    table = np.stack(values)[:, :, :until] if values else np.zeros((0, result.replications, len(quarters)))
    return Result(list(metrics.values()), quarters, table, {}, facts, result.manifest, result.names)


def _history_end(result: Result) -> str | None:
    """The scenario's own "today", else the last quarter of which anything was published."""
    if result.today:
        return result.today
    dates = [fact.date for fact in result.facts if fact.use != "goal" and fact.date in result.quarters]
    return max(dates, default=None)


def _last_defined(result: Result, metric: str) -> int:
    defined = np.flatnonzero(~np.all(np.isnan(result[metric]), axis=0))
    return int(defined[-1]) if defined.size else -1


def _scale(result: Result, metrics: Sequence[str], lang: str) -> Scale:
    largest = 0.0
    for metric in metrics:
        band = np.abs(result.quantiles(metric, (0.05, 0.95)))
        largest = max(largest, float(np.max(band[np.isfinite(band)], initial=0.0)))
    unit = result.metric(metrics[0]).unit
    if lang == "en" and unit == "jobs" and 2e5 <= largest < 1e6:
        return Scale(1e3, "thousand jobs")  # seven digits beside an axis would stand on the next one
    return scale_of(unit, largest, lang)


def _words(title: str, lang: str) -> str:
    return term(title, lang) if title in TERMS else title
