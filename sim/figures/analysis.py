"""Figures of comparisons, sweeps, goal seeking and policy search: matplotlib Figures, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from sim.analysis.text import between, say, show, word
from sim.figures import style as look
from sim.figures.curves import difference
from sim.figures.style import Scale, scale_of, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sim.analysis.compare import Comparison
    from sim.analysis.earliest import Timing
    from sim.analysis.model import Model
    from sim.analysis.optimise import Policies
    from sim.analysis.solve import Solution
    from sim.analysis.sweep import Convergence, Curve, SweepResult

ROW = 0.32  # inches a horizontal bar
TWO_LINES = 0.42  # the same where its name takes two lines
MORE_LINES = 0.13  # and what each further line of it takes
NAMES_ROOM, PAGE_ROOM = 66, 100  # letters that fit into half of a page, where rows are named, and above or below axes
MOST_ROWS = 24
MOST_PANELS = 12
MOST_DIFFERENCES = 24


def save_figures(figures: Mapping[str, Figure], folder: Path, kinds: Sequence[str] = ("png",)) -> list[Path]:
    """Each file whole or not at all."""
    return [look.save(figure, Path(folder) / f"{name}.{kind}") for name, figure in figures.items() for kind in kinds]


def encoded(figures: Mapping[str, Figure], folder: Path) -> dict[str | Path, bytes]:
    """The same files as bytes, to be put in place together with others."""
    return {Path(folder) / f"{name}.png": look.encode(figure, "png") for name, figure in figures.items()}


def _file(name: str) -> str:
    """An output, path or scenario as part of a file name."""
    return "".join(letter if letter.isalnum() or letter in "-._" else "-" for letter in name)


def _scale(unit: str, values: np.ndarray, lang: str) -> Scale:
    finite = np.abs(values[np.isfinite(values)]) if np.size(values) else np.zeros(0)
    return scale_of(unit, float(finite.max()) if len(finite) else 0.0, lang) if unit else Scale(1.0, "")


def _unit(axes: Axes, scale: Scale, text: str = "") -> None:
    axes.set_xlabel(" · ".join(part for part in (text, scale.unit) if part), fontsize=7.5, loc="right")


def _source(*parts: str) -> str:
    return " · ".join(("Headwater 活水", *parts))


def _rows_page(title: str, subtitle: str, source: str, rows: int, keys: Sequence[Any], labels: Sequence[str]) -> Any:
    """A page with one axes whose rows are named at the left, a name as long as half of the page in lines."""
    labels = [look.lines(label, NAMES_ROOM) for label in labels]
    most = max((label.count("\n") for label in labels), default=0)
    height = 1.6 + (TWO_LINES + MORE_LINES * (most - 1) if most else ROW) * max(rows, 3)
    figure, bottom, top = look.page(title, subtitle, source, height=height)
    height = figure.get_figheight()
    if keys:
        top = look.legend(figure, keys, top)
    left = _left(labels)
    axes = figure.add_axes((left, bottom + 0.06 / height * 2, 0.955 - left, top - bottom - 0.22 / height))
    axes.set_yticks(range(rows), list(labels))
    axes.set_ylim(rows - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", visible=True)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_formatter(lambda value, _: look.tick(value))
    return figure, axes


def _left(labels: Sequence[str]) -> float:
    """Where axes begin whose rows are named at the left, as a part of the width."""
    lines = [line for label in labels for line in label.splitlines()]
    return min(0.5, 0.06 + 0.0085 * max((_width(line) for line in lines), default=0))


def _parameter(model: Model, path: str, lang: str, between: str = "\n") -> str:
    """What a parameter means, and below it the path by which files and commands name it."""
    label = model.label(path, lang)
    return path if label == path else f"{look.capital(label)}{between}{path}"


def _width(text: str) -> int:
    from sim.analysis.text import width

    return width(text)


def _clipped(text: str, part: float) -> str:
    """A panel's title, in two lines where it is wider than its part of the page."""
    most = int(126 * part)  # letters of eight points in so much of the page, less what stands left of the axes
    first = look.lines(text, most).partition("\n")[0]
    rest = text[len(first) :].lstrip()
    return f"{first}\n{look.shortened(rest, most)}" if rest else first


def _shown(unit: str, lang: str) -> Callable[[float, object], str]:
    """A tick of a parameter's axis: money in 亿 or bn."""
    return lambda value, _: show(value, unit, lang)


def _readable(ground: Any) -> str:
    """White or black, whichever stands out more on a colour (r, g, b, …), by relative luminance as in WCAG 2."""
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in ground[:3])
    return "white" if 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.179 else "black"


def _tint(colour: str, part: float) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    red, green, blue = (1 - part * (1 - channel) for channel in to_rgb(colour))
    return red, green, blue


# --- comparison


def figures_of_comparison(c: Comparison, lang: str = "zh") -> dict[str, Figure]:
    """forest-<metric> of every scenario, difference-<scenario>-<metric> over time, prices, parts."""
    found: dict[str, Figure] = {}
    shown = [c.metrics[k].name for k in c.shown()]
    for metric in shown:
        found[f"forest-{_file(metric)}"] = forest(c, metric, lang)
    for name, metric in differences_of(c)[:MOST_DIFFERENCES]:
        found[f"difference-{_file(name)}-{_file(metric)}"] = difference(c, metric, name, lang=lang)
    if any(p.verdict in ("price", "saving") for _, _, own in c.priced() for p in own):
        found["prices"] = prices(c, lang)
    for output in dict.fromkeys(p.output for p in c.parts):
        found[f"parts-{_file(output)}"] = parts(c, output, lang)
    return found


def differences_of(c: Comparison) -> list[tuple[str, str]]:
    """(scenario, metric) of every difference over time that could be drawn; the first MOST_DIFFERENCES of them are."""
    return [(d.name, c.metrics[k].name) for k in c.shown() for d in c.differences]


def undrawn(c: Comparison, lang: str = "zh") -> str:
    """Which differences over time are left without a figure, and how to have them; empty where all are drawn."""
    pairs = differences_of(c)
    left: dict[str, list[str]] = {}
    for name, metric in pairs[MOST_DIFFERENCES:]:
        left.setdefault(metric, []).append(name)
    if not left:
        return ""
    listed = "; ".join(
        metric if len(names) == len(c.differences) else f"{metric} ({', '.join(names)})"
        for metric, names in left.items()
    )
    return say(
        lang,
        f"差异随时间变化的图只画了 {len(pairs)} 幅中的前 {MOST_DIFFERENCES} 幅；未画：{listed}。"
        "要画这些，请用 --metric 指定（可重复），或一次少比几个情景",
        f"{MOST_DIFFERENCES} of {len(pairs)} figures of differences over time are drawn; left out: {listed}. To have"
        " them, name these metrics with --metric (may be repeated), or compare fewer scenarios at once",
    )


@styled
def forest(c: Comparison, metric: str, lang: str = "zh") -> Figure:
    """Every scenario against the baseline at one quarter: mean with interval, and 5–95 % of single replications."""
    k, j = c.row(metric), c.column(c.at)
    about = c.metrics[k]
    ds = c.differences[:MOST_ROWS]
    ends = np.array([[d.p05[k, j], d.p95[k, j]] for d in ds])
    scale = _scale(look.unit_of_difference(about.unit), ends, lang)
    keys = [
        Line2D([], [], color=look.VERMILION, marker="o", ms=4, lw=3, label=word("interval", lang)),
        Patch(color=_tint(look.VERMILION, 0.25), label=say(lang, "各世界的5–95%", "5–95 % of worlds")),
        Line2D([], [], color=look.GREY, marker="o", ms=4, lw=3, label=word("noise", lang)),
    ]
    source = _source(say(lang, f"{c.replications} 个配对世界", f"{c.replications} paired worlds"))
    base = c.called(c.baseline, lang)
    subtitle = say(lang, f"{c.at}，与{base}之差", f"{c.at}, difference from {base}")
    if len(ds) < len(c.differences):
        subtitle += say(lang, f"；{len(c.differences)} 个情景中的前", f"; the first {MOST_ROWS} of ")
        subtitle += say(lang, f" {MOST_ROWS} 个", f"{len(c.differences)} scenarios")
    names = [look.capital(c.called(d.name, lang)) for d in ds]
    figure, axes = _rows_page(look.capital(about.label[lang]), subtitle, source, len(ds), keys, names)
    for row, d in enumerate(ds):
        colour = look.GREY if d.noise[k, j] else look.VERMILION
        p05, low, mean, high, p95 = (getattr(d, n)[k, j] / scale.divisor for n in ("p05", "low", "mean", "high", "p95"))
        axes.plot([p05, p95], [row, row], color=_tint(colour, 0.25), lw=7, solid_capstyle="butt")
        axes.plot([low, high], [row, row], color=colour, lw=3, solid_capstyle="butt")
        axes.plot([mean], [row], "o", color=colour, ms=5)
    axes.axvline(0, color=look.INK, lw=0.8)
    _unit(axes, scale)
    return figure


@styled
def prices(c: Comparison, lang: str = "zh") -> Figure:
    """Net public cost of one more of each thing, where it can be told; each in its own scale."""
    from sim.analysis.compare import BOUGHT, NET_COST_HELD

    lines = [
        (p, c.over(name, lang) if turned else c.called(name, lang)) for name, turned, own in c.priced() for p in own
    ]
    called = {p.name: look.lines(look.capital(label), NAMES_ROOM) for p, label in lines}
    known = [p for p, _ in lines if p.verdict in ("price", "saving")]
    names = {thing.key: say(lang, thing.zh, thing.en).strip() for thing in BOUGHT}
    for key in names:
        whole = names.get(key.split("_")[0])
        if whole and whole != names[key]:
            names[key] = f"{whole} · {names[key]}"
    keys = list(dict.fromkeys(p.key for p in known))
    most = max(sum(p.key == key for p in known) for key in keys)
    step = 0.62 + ROW * most
    height = 1.1 + step * len(keys)
    left = _left([called[p.name] for p in known])
    source = _source(say(lang, f"{c.at}；Fieller 区间", f"{c.at}; Fieller intervals"))
    held = c.price_by == NET_COST_HELD
    by = say(lang, "扣除仍持有的权益", "less stakes still held") if held else say(lang, "现金", "in cash")
    rates = dict.fromkeys(f"{100 * rate:.3g}%" for rate in c.about.get("discount") or ())
    by += say(lang, "，贴现率", ", discounted at ") + say(lang, "、", ", ").join(rates) if rates else ""
    mixed = [look.capital(c.called(name, lang)) for name, _, _ in c.priced() if c.weather(name)]
    if mixed:
        by += say(lang, "；含市场的差异：", "; includes a difference in the market: ") + say(lang, "、", ", ").join(
            mixed
        )
    subtitle = f"{c.at}{say(lang, '，', ', ')}{by}"
    figure, _bottom, top = look.page(look.capital(word("cost_per", lang)), subtitle, source, height=height)
    height = figure.get_figheight()
    for i, key in enumerate(keys):
        own = [p for p in known if p.key == key]
        scale = _scale("CNY", np.array([[p.low, p.high] for p in own]), lang)
        box = (left, top - (i + 1) * step / height + 0.36 / height, 0.96 - left, (step - 0.62) / height)
        axes = figure.add_axes(box)
        for row, p in enumerate(own):
            axes.plot(
                np.array([p.low, p.high]) / scale.divisor, [row, row], color=look.BLUE, lw=3, solid_capstyle="butt"
            )
            axes.plot([p.ratio / scale.divisor], [row], "o", color=look.BLUE, ms=5)
        axes.set_yticks(range(len(own)), [called[p.name] for p in own])
        axes.set_ylim(len(own) - 0.5, -0.5)
        axes.axvline(0, color=look.INK, lw=0.8)
        axes.set_title(f"{names[key]} ({scale.unit})", fontsize=8.5, pad=4)
    return figure


@styled
def parts(c: Comparison, output: str, lang: str = "zh") -> Figure:
    """Which change did it: a waterfall of Shapley shares with intervals from the baseline to all changes together, and
    beside each step what the change does alone and when added last."""
    own = [p for p in c.parts if p.output == output]
    name = output.split("@")[0]
    known = {m.name: m for m in c.metrics}
    unit = known[name].unit if name in known else ""
    title = f"{look.capital(known[name].label[lang])} {c.at}" if name in known else output
    base = float(c.baseline_mean[c.row(name), c.column(c.at)]) if name in known else 0.0
    steps = np.concatenate([[0.0], np.cumsum([p.shapley for p in own])])
    whole = base + steps[-1]
    scale = _scale(unit, np.array([base, whole]), lang)
    d = scale.divisor
    keys = [
        Patch(color=look.BLUE, label=say(lang, "增加（Shapley 份额）", "adds (Shapley share)")),
        Patch(color=look.VERMILION, label=say(lang, "减少", "takes off")),
        Line2D([], [], color=look.INK, lw=1, label=word("interval", lang)),
        Line2D([], [], color=look.INK, marker="<", ms=5, lw=0, label=word("alone", lang)),
        Line2D([], [], color=look.INK, marker=">", ms=5, lw=0, label=word("last", lang)),
    ]
    labels = [
        c.called(c.baseline, lang),
        *(c.called(p.change, lang) for p in own),
        say(lang, "全部措施", "all changes"),
    ]
    subtitle = say(
        lang,
        f"从基准到全部措施：{show(base, unit, lang)} → {show(whole, unit, lang)}",
        f"from the baseline to all changes: {show(base, unit, lang)} → {show(whole, unit, lang)}",
    )
    source = _source(say(lang, f"{c.replications} 个配对世界", f"{c.replications} paired worlds"))
    figure, axes = _rows_page(title, subtitle, source, len(labels), keys, labels)
    reached = [base, whole]
    for row, (p, begin) in enumerate(zip(own, base + steps[:-1], strict=True), start=1):
        end = begin + p.shapley
        axes.barh(
            row, p.shapley / d, left=begin / d, height=0.56, color=look.BLUE if p.shapley >= 0 else look.VERMILION
        )
        axes.plot([(end - p.shapley_reach) / d, (end + p.shapley_reach) / d], [row, row], color=look.INK, lw=1)
        axes.plot([(begin + p.alone) / d], [row], "<", color=look.INK, ms=5)
        axes.plot([(begin + p.last) / d], [row], ">", color=look.INK, ms=5)
        axes.plot([end / d, end / d], [row, row + 1], color=look.GREY, lw=0.7, ls=":")
        reached += [begin, end - p.shapley_reach, end + p.shapley_reach, begin + p.alone, begin + p.last]
    axes.plot([base / d, base / d], [0, 1], color=look.GREY, lw=0.7, ls=":")
    for row, value in ((0, base), (len(own) + 1, whole)):
        axes.plot([value / d], [row], "D", color=look.INK, ms=5)
    low, high = min(reached) / d, max(reached) / d
    margin = 0.06 * (high - low or 1.0)
    axes.set_xlim(low - margin, high + margin)
    _unit(axes, scale)
    return figure


# --- sweep


def figures_of_sweep(s: SweepResult, lang: str = "zh") -> dict[str, Figure]:
    """By output: the method's bars, response curves, a heat map (grid), convergence."""
    found: dict[str, Figure] = {}
    bars: dict[str, Callable[[SweepResult, str, str], Figure]] = {
        "sobol": shares,
        "lhs": shares,
        "grid": shares,
        "morris": screening,
        "oat": tornado,
    }
    for output in s.outputs:
        if output in s.undefined or not any(i.output == output for i in s.indices):
            continue
        name = _file(output)
        found[f"{s.plan.method}-{name}"] = bars[s.plan.method](s, output, lang)
        if s.plan.method != "morris":
            found[f"response-{name}"] = responses(s, output, lang)
        if s.plan.method == "grid" and len(s.varied) > 1:
            found[f"heatmap-{name}"] = heat_map(s, output, lang)
        if any(i.name == "second" and i.output == output for i in s.indices):
            found[f"second-order-{name}"] = interactions(s, output, lang)
        for c in s.convergence:
            if c.output == output and len(c.sizes) > 1:
                found[f"convergence-{name}"] = convergence(s, c, lang)
    return found


def _of(s: SweepResult, lang: str) -> str:
    e = s.evaluated
    return _source(
        say(
            lang,
            f"{s.plan.method}，{len(e.design)} 个样本 × {e.replications} 个世界，种子 {s.seed}",
            f"{s.plan.method}, {len(e.design)} samples × {e.replications} world{'s'[: e.replications != 1]},"
            f" seed {s.seed}",
        )
    )


@styled
def shares(s: SweepResult, output: str, lang: str = "zh") -> Figure:
    """First and total order (or what the method gives) of every parameter with intervals, the largest first."""
    names = [n for n in ("total", "first", "linear") if any(i.name == n and i.output == output for i in s.indices)]
    if not names:
        names = ["rank"]
    names = names[:2]
    by = {name: s.index(output, name) for name in names}
    paths = sorted(by[names[0]], key=lambda path: -abs(by[names[0]][path].value))[:MOST_ROWS]
    colours = (look.BLUE, look.ORANGE)
    keys: list[Any] = [Patch(color=c, label=word(n, lang)) for n, c in zip(names, colours, strict=False)]
    if any(np.isfinite(i.low) for name in names for i in by[name].values()):
        keys.append(Line2D([], [], color=look.INK, lw=1, label=word("interval", lang)))
    split = s.variance.get(output)
    subtitle = ""
    if split is not None and split.total > 0:
        own = (split.parameters / split.total, split.chance / split.total, split.both / split.total)
        labels = (word(key, lang) for key in ("by_parameters", "by_chance", "by_both"))
        told = say(lang, "，", ", ").join(f"{w} {x:.0%}" for w, x in zip(labels, own, strict=True))
        subtitle = f"{word('variance', lang)}{say(lang, '：', ': ')}{told}"
    title = look.capital(s.model.label(output, lang))
    figure, axes = _rows_page(
        title, subtitle, _of(s, lang), len(paths), keys, [_parameter(s.model, p, lang) for p in paths]
    )
    thick = 0.72 / len(names)
    for k, (name, colour) in enumerate(zip(names, colours, strict=False)):
        for row, path in enumerate(paths):
            i = by[name][path]
            y = row + (k - (len(names) - 1) / 2) * thick
            axes.barh(y, i.value, height=thick * 0.9, color=colour)
            if np.isfinite(i.low):
                axes.plot([i.low, i.high], [y, y], color=look.INK, lw=1)
    axes.axvline(0, color=look.INK, lw=0.8)
    axes.set_xlabel(
        say(lang, "方差占比", "share of the variance") if names != ["rank"] else word("rank", lang), fontsize=7.5
    )
    return figure


@styled
def interactions(s: SweepResult, output: str, lang: str = "zh") -> Figure:
    """Second order: what two parameters do together beyond what each does alone, the largest first, with intervals."""
    pairs = sorted((i for i in s.indices if i.output == output and i.name == "second"), key=lambda i: -i.value)
    pairs = pairs[:MOST_ROWS]
    labels = [f"{look.capital(s.model.label(i.parameter, lang))}\n× {s.model.label(i.other, lang)}" for i in pairs]
    keys = [
        Patch(color=look.BLUE, label=word("second", lang)),
        Patch(color=look.PALE, label=say(lang, "区间含 0", "interval holds 0")),
        Line2D([], [], color=look.INK, lw=1, label=word("interval", lang)),
    ]
    figure, axes = _rows_page(look.capital(s.model.label(output, lang)), "", _of(s, lang), len(pairs), keys, labels)
    for row, i in enumerate(pairs):
        axes.barh(row, i.value, height=0.6, color=look.PALE if i.low <= 0 <= i.high else look.BLUE)
        axes.plot([i.low, i.high], [row, row], color=look.INK, lw=1)
    axes.axvline(0, color=look.INK, lw=0.8)
    axes.set_xlabel(say(lang, "方差占比", "share of the variance"), fontsize=7.5)
    return figure


@styled
def screening(s: SweepResult, output: str, lang: str = "zh") -> Figure:
    """Morris: mean absolute elementary effect with interval; a light bar for the spread of effects."""
    by, spread = s.index(output, "mu_star"), s.index(output, "sigma")
    paths = sorted(by, key=lambda path: -by[path].value)[:MOST_ROWS]
    unit = look.unit_of_difference(s.model.unit(output))
    scale = _scale(unit, np.array([by[p].high for p in paths] + [spread[p].value for p in paths]), lang)
    keys = [
        Patch(color=look.BLUE, label=word("mu_star", lang)),
        Patch(color=look.PALE, label=word("sigma", lang)),
        Line2D([], [], color=look.INK, lw=1, label=word("interval", lang)),
    ]
    title = look.capital(s.model.label(output, lang))
    figure, axes = _rows_page(title, "", _of(s, lang), len(paths), keys, [_parameter(s.model, p, lang) for p in paths])
    for row, path in enumerate(paths):
        axes.barh(row - 0.17, by[path].value / scale.divisor, height=0.32, color=look.BLUE)
        axes.plot([by[path].low / scale.divisor, by[path].high / scale.divisor], [row - 0.17] * 2, color=look.INK, lw=1)
        axes.barh(row + 0.17, spread[path].value / scale.divisor, height=0.32, color=look.PALE)
    _unit(axes, scale, say(lang, "参数走完整个范围的效应", "effect of a parameter's whole range"))
    return figure


@styled
def tornado(s: SweepResult, output: str, lang: str = "zh") -> Figure:
    """One at a time: what each end of a range does to the central world, the widest first, with paired intervals."""
    from sim.analysis.sweep import centre_of, ranked

    low, high = s.index(output, "low"), s.index(output, "high")
    paths = ranked(s, output, "low")[:MOST_ROWS]
    unit = look.unit_of_difference(s.model.unit(output))
    scale = _scale(unit, np.array([[low[p].value, high[p].value] for p in paths]), lang)
    ends_drawn = ((low, look.BLUE, "o", -0.17), (high, look.VERMILION, "D", 0.17))
    keys: list[Any] = [
        Line2D(
            [],
            [],
            color=colour,
            lw=6,
            solid_capstyle="butt",
            marker=marker,
            ms=5,
            mec=look.INK,
            mfc="white",
            label=word(name, lang),
        )
        for name, (_, colour, marker, _) in zip(("low", "high"), ends_drawn, strict=True)
    ]
    if any(np.isfinite(i.low) for i in low.values()):
        keys.append(Line2D([], [], color=look.INK, lw=1, label=word("interval", lang)))
    ends, centre = {v.path: v.ends for v in s.varied}, centre_of(s)

    def label(path: str) -> str:
        of, middle = s.model.unit(path), say(lang, "，中心值 ", ", centre ")
        varied = f"{between(*ends[path], of, lang)}{middle}{show(centre[path], of, lang)}"
        return f"{_parameter(s.model, path, lang)}  [{varied}]"

    subtitle = say(lang, "与各参数取中心值之差（配对）", "difference from all parameters at their centres, paired")
    figure, axes = _rows_page(
        look.capital(s.model.label(output, lang)),
        subtitle,
        _of(s, lang),
        len(paths),
        keys,
        [label(path) for path in paths],
    )
    for row, path in enumerate(paths):  # one below the other: bars and intervals would hide one another on one line
        for by, colour, marker, shift in ends_drawn:
            end, y = by[path], row + shift
            axes.barh(y, end.value / scale.divisor, height=0.31, color=colour)
            if np.isfinite(end.low):
                axes.plot([end.low / scale.divisor, end.high / scale.divisor], [y, y], color=look.INK, lw=1)
            axes.plot([end.value / scale.divisor], [y], marker, ms=4, mfc="white", mec=look.INK, mew=0.8)
    axes.axvline(0, color=look.INK, lw=0.8)
    _unit(axes, scale)
    return figure


@styled
def responses(s: SweepResult, output: str, lang: str = "zh") -> Figure:
    """The output along each parameter: mean, and the 5–95 % of samples (of worlds, one at a time)."""
    curves: list[Curve] = s.curves(output)[:MOST_PANELS]
    columns = min(3, len(curves))
    rows = -(-len(curves) // columns)
    height = 1.3 + 1.9 * rows
    band = (
        say(lang, "阴影：各世界的5–95%", "band: 5–95 % of worlds")
        if s.plan.method == "oat"
        else say(lang, "阴影：其他参数变化时的 5–95%", "band: 5–95 % as the other parameters vary")
    )
    figure, bottom, top = look.page(look.capital(s.model.label(output, lang)), band, _of(s, lang), height=height)
    height = figure.get_figheight()
    values = np.concatenate([np.concatenate([c.low, c.high]) for c in curves])
    scale = _scale(s.model.unit(output), values, lang)
    width, step = 0.95 / columns, (top - bottom) / rows
    finite = values[np.isfinite(values)] / scale.divisor
    margin = 0.05 * (np.ptp(finite) or 1.0) if len(finite) else 1.0
    for k, c in enumerate(curves):
        row, column = divmod(k, columns)
        box = (
            0.03 + column * width + 0.045,
            top - (row + 1) * step + 0.3 / height,
            width - 0.065,
            step - 0.62 / height,
        )
        axes = figure.add_axes(box)
        axes.fill_between(c.x, c.low / scale.divisor, c.high / scale.divisor, color=_tint(look.BLUE, 0.2), lw=0)
        axes.plot(c.x, c.mean / scale.divisor, color=look.BLUE, lw=1.8, marker="o", ms=2.5)
        if len(finite):
            axes.set_ylim(finite.min() - margin, finite.max() + margin)
        axes.set_title(_clipped(look.capital(s.model.label(c.parameter, lang)), 0.95 / columns), fontsize=8, pad=3)
        axes.xaxis.set_major_locator(look.ticks("", 4))
        axes.xaxis.set_major_formatter(_shown(s.model.unit(c.parameter), lang))
        axes.yaxis.set_major_formatter(lambda y, _: show(y))
    if scale.unit:
        figure.text(0.97, top + 0.02 / height, scale.unit, fontsize=7.5, ha="right", va="bottom", color=look.GREY)
    return figure


@styled
def heat_map(s: SweepResult, output: str, lang: str = "zh", pair: tuple[str, str] | None = None) -> Figure:
    """The output over two parameters of a grid, the mean over any others; the two with the largest total share unless
    a pair is named."""
    from sim.analysis.sweep import _cube, _levels

    paths = [v.path for v in s.varied]
    if pair is None:
        total = s.index(output, "total")
        ranked = sorted(paths, key=lambda p: -total[p].value)
        pair = (ranked[0], ranked[1])
    i, j = (paths.index(p) for p in pair)
    cube = _cube(s.plan, s.varied, s.evaluated.mean[:, s.outputs.index(output)])
    others = tuple(k for k in range(cube.ndim) if k not in (i, j))
    table = np.nanmean(cube, axis=others) if others else cube
    table = table if i < j else table.T  # rows: i, columns: j
    scale = _scale(s.model.unit(output), table, lang)
    x, y = (s.varied[k].within(_levels(s.varied[k], s.plan.samples)) for k in (j, i))
    figure, bottom, top = look.page(look.capital(s.model.label(output, lang)), "", _of(s, lang), height=4.8)
    rows = [show(value, s.model.unit(pair[0]), lang) for value in y]
    left, high = _left(rows), top - bottom - 0.17
    axes = figure.add_axes((left, bottom + 0.08, 0.82 - left, high))
    image = axes.imshow(table / scale.divisor, origin="lower", aspect="auto", cmap="cividis")
    axes.set_xticks(range(len(x)), [show(value, s.model.unit(pair[1]), lang) for value in x])
    axes.set_yticks(range(len(y)), rows)
    axes.grid(visible=False)
    axes.set_xlabel(look.lines(_parameter(s.model, pair[1], lang, "  "), PAGE_ROOM))
    # lying above its axis: standing beside it, a name and its key ran into the ticks
    axes.set_title(look.lines(_parameter(s.model, pair[0], lang, "  "), PAGE_ROOM), loc="left", fontsize=9)
    if table.size <= 100:
        for r, row in enumerate(table):
            for c, value in enumerate(row):
                number = value / scale.divisor
                colour = _readable(image.cmap(image.norm(number)))
                told = show(number).replace("-", "−")
                axes.text(c, r, told, ha="center", va="center", fontsize=7, color=colour)
    bar = figure.colorbar(image, cax=figure.add_axes((0.85, bottom + 0.08, 0.025, high)))
    bar.ax.set_title(scale.unit, fontsize=7.5)
    bar.ax.yaxis.set_major_formatter(lambda value, _: look.tick(value))
    return figure


@styled
def convergence(s: SweepResult, c: Convergence, lang: str = "zh") -> Figure:
    """The leading index of each parameter after a part of the samples: flat lines and narrow bands are enough."""
    verdict = (
        say(lang, "样本足够", "the sample was big enough")
        if c.enough
        else say(lang, f"样本偏小，请用 --samples {c.needed}", f"the sample was too small: use --samples {c.needed}")
    )
    order = np.argsort(-np.abs(c.values[-1]))[: len(look.SERIES)]
    figure, bottom, top = look.page(look.capital(s.model.label(c.output, lang)), verdict, _of(s, lang))
    keys = [Line2D([], [], color=look.SERIES[k], lw=2, label=look.capital(s.model.label(s.varied[i].path, lang)))
            for k, i in enumerate(order)]  # fmt: skip
    per_line = 2 if all(_width(str(key.get_label())) < 48 for key in keys) else 1
    for start in range(0, len(keys), per_line):
        top = look.legend(figure, keys[start : start + per_line], top)
    axes = figure.add_axes((0.085, bottom + 0.04, 0.88, top - bottom - 0.09))
    unit = look.unit_of_difference(s.model.unit(c.output)) if c.index == "mu_star" else ""
    scale = _scale(unit, c.high, lang)
    d = scale.divisor
    for k, i in enumerate(order):
        axes.fill_between(c.sizes, c.low[:, i] / d, c.high[:, i] / d, color=look.SERIES[k], alpha=0.15, lw=0)
        axes.plot(c.sizes, c.values[:, i] / d, color=look.SERIES[k], lw=1.8, marker="o", ms=3)
    axes.yaxis.set_major_formatter(lambda value, _: look.tick(value))
    axes.set_xscale("log", base=2)
    axes.set_xticks(c.sizes, [str(size) for size in c.sizes])
    axes.minorticks_off()
    axes.set_xlabel(word("samples", lang), fontsize=7.5, loc="right")
    axes.set_title(" ".join(part for part in (word(c.index, lang), scale.unit) if part), fontsize=8.5, pad=4)
    return figure


# --- goal seek and policy search


def figures_of_solution(s: Solution, lang: str = "zh") -> dict[str, Figure]:
    """The curve of a single answer; the frontier of several (over one other lever, or two)."""
    if len(s.answers) == 1:
        return {"solve": solution(s, lang)}
    return {"frontier": frontier(s, lang)} if len(s.answer.others) <= 2 else {}


def figures_of_timing(t: Timing, lang: str = "zh") -> dict[str, Figure]:
    """When: probability and outcome by quarter, at every setting of the first lever (at most as many as colours)."""
    return {"earliest": timing(t, lang)}


@styled
def timing(t: Timing, lang: str = "zh") -> Figure:
    """Probability of standing at the target and the mean outcome by quarter; the band where there is one curve."""
    chosen = np.unique(np.linspace(0, len(t.moments) - 1, min(len(t.moments), len(look.SERIES))).round().astype(int))
    shown = [t.moments[k] for k in chosen]
    unit = t.model.unit(f"{t.metric}@{t.quarters[-1]}")
    source = _source(say(lang, f"{t.replications} 个配对世界", f"{t.replications} paired worlds"))
    subtitle = t.sentence(shown[0], lang) if len(t.moments) == 1 else ""
    figure, bottom, top = look.page(look.capital(t.title(lang)), subtitle, source, height=4.8)
    if t.levers:
        for start in range(0, len(shown), 3):
            keys = [
                Line2D([], [], color=look.SERIES[start + k], lw=2,
                       label=", ".join(f"{t.model.label(path, lang)} {show(x, t.model.unit(path), lang)}"
                                       for path, x in m.settings.items()))
                for k, m in enumerate(shown[start : start + 3])
            ]  # fmt: skip
            top = look.legend(figure, keys, top)
    half = (top - bottom) / 2
    upper = figure.add_axes((0.1, bottom + half + 0.04, 0.86, half - 0.09))
    lower = figure.add_axes((0.1, bottom + 0.01, 0.86, half - 0.08))
    scale = _scale(unit, np.array([[m.p05, m.p95] for m in shown]), lang)
    x = np.array([look.moment(q) for q in t.quarters])
    for m, colour in zip(shown, look.SERIES, strict=False):
        upper.plot(x, m.p, color=colour, lw=2)
        if len(shown) == 1:
            lower.fill_between(x, m.p05 / scale.divisor, m.p95 / scale.divisor, color=_tint(colour, 0.2), lw=0)
        lower.plot(x, m.mean / scale.divisor, color=colour, lw=1.8)
        if m.quarter:
            for axes in (upper, lower):
                axes.axvline(look.moment(m.quarter), color=colour, lw=1, ls="--")
        if len(shown) == 1 and m.low:
            end = look.moment(m.high or t.quarters[-1])
            for axes in (upper, lower):
                axes.axvspan(look.moment(m.low), end, color=_tint(look.VERMILION, 0.15), lw=0, zorder=0)
    upper.axhline(t.probability, color=look.GREY, lw=0.8, ls="--")
    upper.set_ylim(-0.03, 1.03)
    upper.yaxis.set_major_formatter(lambda y, _: f"{y:.0%}")
    upper.set_title(word("probability", lang), fontsize=8.5, pad=4)
    lower.axhline(t.target.bound / scale.divisor, color=look.INK, lw=1)
    label = t.model.label(f"{t.metric}@{t.quarters[-1]}", lang).rsplit(" ", 1)[0]
    mean = say(lang, "均值", "mean")
    lower.set_title(" · ".join(part for part in (label, mean, scale.unit) if part), fontsize=8.5, pad=4)
    lower.yaxis.set_major_formatter(lambda value, _: look.tick(value))
    for axes in (upper, lower):
        look.time_axis(axes, x[0], x[-1])
    look.year_end(figure, lower, lang)
    return figure


@styled
def solution(s: Solution, lang: str = "zh") -> Figure:
    """Probability of reaching the target, and the outcome with its band, along the lever."""
    a = s.answer
    head = look.capital(s.model.label(a.target.output, lang))
    sentence = s.table(lang).splitlines()[1]  # the answer
    source = _source(say(lang, f"{a.replications} 个配对世界", f"{a.replications} paired worlds"))
    figure, bottom, top = look.page(look.capital(s.title(lang)), sentence, source, height=4.8)
    half = (top - bottom) / 2
    scale = _scale(s.model.unit(a.target.output), np.concatenate([a.p05, a.p95]), lang)
    upper = figure.add_axes((0.1, bottom + half + 0.06, 0.86, half - 0.10))
    lower = figure.add_axes((0.1, bottom + 0.05, 0.86, half - 0.09))
    upper.plot(a.x, a.p, color=look.BLUE, lw=2, marker="o", ms=2.5)
    upper.axhline(a.probability, color=look.GREY, lw=0.8, ls="--")
    upper.set_ylim(-0.03, 1.03)
    upper.yaxis.set_major_formatter(lambda y, _: f"{y:.0%}")
    upper.set_title(word("probability", lang), fontsize=8.5, pad=4)
    lower.fill_between(a.x, a.p05 / scale.divisor, a.p95 / scale.divisor, color=_tint(look.BLUE, 0.2), lw=0)
    lower.plot(a.x, a.mean / scale.divisor, color=look.BLUE, lw=1.8)
    lower.axhline(a.target.bound / scale.divisor, color=look.INK, lw=1)
    lower.yaxis.set_major_formatter(lambda value, _: look.tick(value))
    lower.set_title(" · ".join(part for part in (head, scale.unit) if part), fontsize=8.5, pad=4)
    for axes in (upper, lower):
        if np.isfinite(a.setting):
            axes.axvline(a.setting, color=look.VERMILION, lw=1.2)
        if np.isfinite(a.low) or np.isfinite(a.high):  # an end beyond the range is drawn to the range's own
            low, high = np.where(np.isfinite([a.low, a.high]), [a.low, a.high], [a.x[0], a.x[-1]])
            axes.axvspan(low, high, color=_tint(look.VERMILION, 0.15), lw=0, zorder=0)
        axes.set_xlim(a.x[0], a.x[-1])
        axes.xaxis.set_major_formatter(_shown(s.model.unit(a.lever.path), lang))
    name = look.lines(_parameter(s.model, a.lever.path, lang, " · "), PAGE_ROOM)
    lower.set_xlabel(name, fontsize=8, loc="right")
    return figure


@styled
def frontier(s: Solution, lang: str = "zh") -> Figure:
    """The least setting of one lever along another, a line for each setting of a third."""
    across, *more = s.answer.others
    a = s.answer
    source = _source(say(lang, f"{a.replications} 个配对世界", f"{a.replications} paired worlds"))
    figure, bottom, top = look.page(look.capital(s.title(lang)), "", source)
    groups: dict[float, list[Any]] = {}
    for answer in s.answers:
        groups.setdefault(answer.others[more[0]] if more else 0.0, []).append(answer)
    keys: list[Any] = [
        Line2D([], [], color=look.SERIES[k], lw=2, marker="o", ms=4,
               label=f"{look.capital(s.model.label(more[0], lang))} {show(value, s.model.unit(more[0]), lang)}" if more
               else say(lang, "达标所需的设定", "setting that reaches it"))
        for k, value in enumerate(list(groups)[: len(look.SERIES)])
    ]  # fmt: skip
    if not more:
        keys.append(Patch(color=_tint(look.BLUE, 0.2), label=word("interval", lang)))
    for start in range(0, len(keys), 3):
        top = look.legend(figure, keys[start : start + 3], top)
    signs = {
        "out of reach": ("x", look.VERMILION, say(lang, "无法达到", "out of reach")),
        "unmoved": ("d", look.GREY, say(lang, "无法与偶然区分", "cannot be told from chance")),
    }
    signs = {status: sign for status, sign in signs.items() if any(b.status == status for b in s.answers)}
    if signs:
        keys = [Line2D([], [], color=c, marker=mark, ms=6, lw=0, label=label) for mark, c, label in signs.values()]
        top = look.legend(figure, keys, top)
    axes = figure.add_axes((0.13, bottom + 0.07, 0.83, top - bottom - 0.1))
    rising = next((b.rising for b in reversed(s.answers) if b.status == "found"), a.rising)
    edge = a.lever.ends[1 if rising else 0]
    for answers, colour in zip(list(groups.values())[: len(look.SERIES)], look.SERIES, strict=False):
        x = np.array([b.others[across] for b in answers])
        y, low, high = (np.array([getattr(b, name) for b in answers]) for name in ("setting", "low", "high"))
        status = np.array([b.status for b in answers])
        if not more:  # an end of an interval beyond the range is drawn to the range's own
            least, most = a.lever.ends
            low, high = np.where(np.isfinite(low), low, least), np.where(np.isfinite(high), high, most)
            found = status == "found"
            axes.fill_between(x, low, high, color=_tint(colour, 0.2), lw=0, where=found)
            alone = found & ~np.append(found[1:], False) & ~np.append(False, found[:-1])
            axes.vlines(x[alone], low[alone], high[alone], color=_tint(colour, 0.2), lw=6)
        axes.plot(x, y, color=colour, lw=2, marker="o", ms=4)
        for which, (mark, sign, _) in signs.items():
            missed = status == which
            axes.plot(x[missed], np.full(missed.sum(), edge), mark, color=sign, ms=7)
    axes.set_xlabel(look.lines(_parameter(s.model, across, lang, " · "), PAGE_ROOM))
    axes.set_ylabel(_parameter(s.model, a.lever.path, lang))
    axes.xaxis.set_major_formatter(_shown(s.model.unit(across), lang))
    axes.yaxis.set_major_formatter(_shown(s.model.unit(a.lever.path), lang))
    return figure


def figures_of_policies(p: Policies, lang: str = "zh") -> dict[str, Figure]:
    return {"pareto": pareto(p, lang)} if len(p.front) else {}


@styled
def pareto(p: Policies, lang: str = "zh") -> Figure:
    """Every setting tried: two objectives (or the budget and the one); those that none beats, and the least regret."""
    model = next(iter(p.models.values()))
    outputs = [o.output for o in p.objectives] + ([p.budget.output] if p.budget else [])
    outputs = list(dict.fromkeys(outputs))
    second = outputs[1] if len(outputs) > 1 else None
    y = p.values.mean(axis=0)
    vertical = y[:, p.column(outputs[0])]
    horizontal = y[:, p.column(second)] if second else p.design[:, 0]
    sy = _scale(model.unit(outputs[0]), vertical, lang)
    sx = _scale(model.unit(second), horizontal, lang) if second else Scale(1.0, "")
    keys = [
        Line2D([], [], color=look.BLUE, marker="o", ms=5, lw=0, label=word("front", lang)),
        Line2D([], [], color=look.PALE, marker="o", ms=4, lw=0, label=word("dominated", lang)),
        Line2D([], [], color=look.VERMILION, marker="D", ms=5, lw=0, label=say(lang, "后悔值最小", "least regret")),
        Line2D([], [], color=look.INK, marker="*", ms=8, lw=0, label=say(lang, "现状", "as it stands")),
    ]
    title = say(lang, "不确定条件下的政策选择", "Policies under uncertainty")
    worlds = say(lang, "搜索所用的世界；表中前沿另以新种子复核", "worlds of the search; the table has new ones")
    source = _source(p.regimes_in(lang), worlds)
    figure, bottom, top = look.page(title, look.capital(p.title(lang)), source, height=4.8)
    top = look.legend(figure, keys, top)
    axes = figure.add_axes((0.11, bottom + 0.07, 0.85, top - bottom - 0.13))
    inside = p.within
    axes.plot(horizontal[inside] / sx.divisor, vertical[inside] / sy.divisor, "o", color=look.PALE, ms=4)
    axes.plot(horizontal[~inside] / sx.divisor, vertical[~inside] / sy.divisor, "x", color=look.PALE, ms=4)
    front = p.front[np.argsort(horizontal[p.front])]
    axes.plot(horizontal[front] / sx.divisor, vertical[front] / sy.divisor, "o-", color=look.BLUE, ms=5, lw=1)
    axes.plot(horizontal[0] / sx.divisor, vertical[0] / sy.divisor, "*", color=look.INK, ms=11)
    if p.robust is not None:
        axes.plot(horizontal[p.robust] / sx.divisor, vertical[p.robust] / sy.divisor, "D", color=look.VERMILION, ms=6)
    if p.budget and p.budget.output == second:
        axes.axvline(p.budget.bound / sx.divisor, color=look.GREY, lw=1, ls="--")
    for axis in (axes.xaxis, axes.yaxis) if second else (axes.yaxis,):
        axis.set_major_formatter(lambda value, _: look.tick(value))
    axes.set_ylabel(
        " ".join(part for part in (model.label(outputs[0], lang), f"[{sy.unit}]" if sy.unit else "") if part)
    )
    name = model.label(second, lang) if second else _parameter(model, p.levers[0].path, lang, " · ")
    below = " ".join(part for part in (name, f"[{sx.unit}]" if sx.unit else "") if part)
    axes.set_xlabel(look.lines(below, PAGE_ROOM))
    return figure
