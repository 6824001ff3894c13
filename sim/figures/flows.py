"""Where the money goes: the flow from the treasury to firms and back, and the J-curves of the funds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, pairwise
from math import isclose
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

from sim.figures import style as look
from sim.figures.style import HALO, Scale, amount, moment, scale_of, styled, tint
from sim.terms import TERMS, term

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sim.result import Result

Flow = tuple[str, str, float]

COLOURS = {
    "treasury": look.INK,
    "guidance": look.BLUE,
    "subfunds": look.SKY,
    "others": look.GREY,
    "market": look.PURPLE,
    "direct": look.VERMILION,
    "attraction": look.VERMILION,
    "local": look.GREEN,
    "outside": look.PALE,
    "fees": look.PALE,
    "carry": look.PALE,
    "cash": look.PALE,
    "exits": look.ORANGE,
    "back": look.ORANGE,
}
PARTNERS = ("treasury", "state", "private")
BAR = 0.016  # width of a node
GAP = 0.02  # between two nodes of a column, of the height
LABEL = 0.085  # room that a node's two lines of words need
LEAST = 0.002  # of all the money that ends somewhere: a thinner flow is a hair, and is left out


@styled
def fund_flow(
    flows: Sequence[Flow], result: Result | None = None, lang: str = "zh", subtitle: str | None = None
) -> Figure:
    """An alluvial diagram of (from, to, yuan). A node is a key of the terms "flow.*" or any name; cycles are refused.

    A node is as tall as the larger of what comes in and what goes out, and that is the amount beside it.
    """
    title = term("figure.fund_flow", lang)
    source = look.source_line(result, lang) if result is not None else "Headwater 活水"
    flows = [(a, b, float(x)) for a, b, x in flows if np.isfinite(x) and x > 0]
    passed_on = {a for a, _, _ in flows}
    ending = sum(x for _, b, x in flows if b not in passed_on)
    whole, flows = flows, [flow for flow in flows if flow[2] >= LEAST * ending]  # an amount tells the thin ones too
    if not flows:
        return look.empty(title, source, lang)
    if subtitle is None:
        subtitle = term("figure.flow.at", lang).format(quarter=result.quarters[-1]) if result is not None else ""
    figure, bottom, top = look.page(title, subtitle, source, height=4.8)
    axes = figure.add_axes((0.05, bottom, 0.78, top - bottom + 0.02))
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.axis("off")
    columns, links = _layers(flows)
    boxes, scale = _boxes(columns, links)
    _ribbons(axes, links, boxes, scale)
    for name, (x, y, height) in boxes.items():
        if isinstance(name, str):
            axes.add_patch(Rectangle((x, y), BAR, height, color=_colour(name), lw=0))
            total = max(sum(f[2] for f in whole if f[side] == name) for side in (0, 1))
            label = term(f"flow.{name}", lang) if f"flow.{name}" in TERMS else name
            axes.annotate(
                f"{label}\n{amount(total, 'CNY', lang)}", (x + BAR, y + height / 2), (4, 0), textcoords="offset points",
                va="center", fontsize=8, linespacing=1.25, path_effects=HALO, annotation_clip=False,
            )  # fmt: skip
    return figure


def flows_of(result: Result, quarter: str | None = None) -> list[Flow]:
    """The flows that the metrics of the funds tell, cumulative to a quarter (the last), means over replications.

    What a fund paid out beyond what it was paid in came from its holdings: exits of firms, which are a source beside
    the partners. So as much runs into every fund as out of it. Cash not yet spent is left where it is.
    """
    column = -1 if quarter is None else result.quarter(quarter)

    def mean(name: str) -> float:
        if name not in result:
            return 0.0
        values = result[name][:, column]
        return float(np.nanmean(values)) if not np.all(np.isnan(values)) else 0.0

    def of(kind: str, *names: str) -> float:
        return next((v for v in (mean(f"funds.{kind}.{name}") for name in names) if v), 0.0)

    flows: list[Flow] = []
    into = of("subfunds", "paid_in")
    between = into_subfunds(result, column)
    from_guidance = float(np.mean(between)) if np.all(np.isfinite(between)) else 0.0
    if not from_guidance and "funds.leverage" in result and into:  # a result that does not tell of partners
        with np.errstate(divide="ignore", invalid="ignore"):
            part = result["funds.subfunds.paid_in"][:, column] / result["funds.leverage"][:, column]
        from_guidance = float(np.nanmean(part)) if not np.all(np.isnan(part)) else 0.0
    paid = {kind: of(kind, "paid_in") for kind in ("guidance", "direct", "attraction")}
    public = mean("partners.treasury.paid_in") if "partners.treasury.paid_in" in result else sum(paid.values())
    for kind, part in _of_the_treasury(paid, public).items():
        flows += [("treasury", kind, part), ("others", kind, paid[kind] - part)]
    flows += [("guidance", "subfunds", from_guidance), ("others", "subfunds", into - from_guidance)]
    flows.append(("others", "market", of("market", "paid_in")))
    kinds = ("subfunds", "direct", "attraction", "market")
    for target, names in (
        ("local", ("local", "invested.local", "invested")),
        ("outside", ("outside", "invested.outside")),
    ):
        flows += [(kind, target, of(kind, *names)) for kind in kinds]
    flows += [(kind, "fees", of(kind, "fees") + of(kind, "expenses")) for kind in ("guidance", *kinds)]
    flows += [(kind, "carry", of(kind, "carry")) for kind in kinds]
    flows += [(kind, "back", of(kind, "distributed")) for kind in kinds]
    for kind in kinds:
        spent = sum(x for a, _, x in flows if a == kind) + of(kind, "cash")
        gained = spent - sum(x for _, b, x in flows if b == kind)
        flows.append(("exits", kind, gained if gained > 1e-6 * spent else 0.0))
    return [flow for flow in flows if flow[2] > 0]


def into_subfunds(result: Result, column: int = -1) -> np.ndarray:
    """float64[replication]: what guidance funds have paid into sub-funds. All that funds were paid, less what partners
    paid from their own pockets, went from one fund to another; NaN where a result does not tell of partners."""
    kinds = ("guidance", "subfunds", "direct", "attraction", "market")
    if any(f"partners.{p}.paid_in" not in result for p in PARTNERS):
        return np.full(result.replications, np.nan)
    paid = sum(np.nan_to_num(result[f"funds.{k}.paid_in"][:, column]) for k in kinds if f"funds.{k}.paid_in" in result)
    own = sum(np.nan_to_num(result[f"partners.{p}.paid_in"][:, column]) for p in PARTNERS)
    between = np.asarray(paid - own)
    return np.where(between > 1e-9 * np.maximum(own, 1.0), between, 0.0)


def _of_the_treasury(paid: Mapping[str, float], public: float) -> dict[str, float]:
    """What of the money paid into each kind of fund is the treasury's, which paid `public` in all.

    A result does not say who stands behind a fund, but it is the treasury alone or others alone: the kinds that make up
    `public` are its own. None do where a kind has funds of both; then they are filled in the order given.
    """
    for count in range(len(paid), -1, -1):
        for own in combinations(paid, count):
            if isclose(sum(paid[kind] for kind in own), public, rel_tol=1e-6):
                return {kind: paid[kind] if kind in own else 0.0 for kind in paid}
    parts, left = {}, public
    for kind, amount_paid in paid.items():
        parts[kind] = min(amount_paid, left)
        left -= parts[kind]
    return parts


Node = str | tuple[int, int]  # a name, or the place where flow i passes column j
Link = tuple[Node, Node, float, str]  # from, to, yuan, the name whose colour it has


def _layers(flows: Sequence[Flow]) -> tuple[list[list[Node]], list[Link]]:
    """Columns by the longest way to an end; a flow that skips columns gets a place in each of them."""
    names = list(dict.fromkeys(name for a, b, _ in flows for name in (a, b)))
    ahead = dict.fromkeys(names, 0)
    for _ in range(len(names) + 1):
        changed = False
        for a, b, _x in flows:
            if ahead[a] < ahead[b] + 1:
                ahead[a], changed = ahead[b] + 1, True
        if not changed:
            break
    else:
        raise ValueError("the flows run in a circle")
    last = max(ahead.values())
    depth = {name: last - steps for name, steps in ahead.items()}
    columns: list[list[Node]] = [[name for name in names if depth[name] == i] for i in range(last + 1)]
    links: list[Link] = []
    for i, (a, b, x) in enumerate(flows):
        way: list[Node] = [a, *((i, j) for j in range(depth[a] + 1, depth[b])), b]
        for step in way[1:-1]:
            columns[step[1]].append(step)  # type: ignore[index]
        links += [(p, q, x, b if b in ("back", "exits") else a) for p, q in pairwise(way)]
    _untangle(columns, links)
    return columns, links


def _untangle(columns: list[list[Node]], links: Sequence[Link]) -> None:
    """A few sweeps of the barycentre heuristic: nodes stand near what they are linked to (Sugiyama et al. 1981)."""
    for sweep in range(4):
        order = range(1, len(columns)) if sweep % 2 == 0 else range(len(columns) - 2, -1, -1)
        for i in order:
            beside = columns[i - 1] if sweep % 2 == 0 else columns[i + 1]
            place = {node: rank for rank, node in enumerate(beside)}

            def centre(node: Node, i: int = i, place: Mapping[Node, int] = place, sweep: int = sweep) -> float:
                near = [
                    (place[other], x)
                    for a, b, x, _ in links
                    for mine, other in (((b, a)) if sweep % 2 == 0 else ((a, b)),)
                    if mine == node and other in place
                ]
                weight = sum(x for _, x in near)
                return sum(rank * x for rank, x in near) / weight if weight else float(columns[i].index(node))

            ranks = {node: centre(node) for node in columns[i]}
            columns[i].sort(key=ranks.__getitem__)


def _boxes(
    columns: Sequence[Sequence[Node]], links: Sequence[Link]
) -> tuple[dict[Node, tuple[float, float, float]], float]:
    """(left, bottom, height) of each node, and the height of a yuan, the same in all columns."""

    def size(node: Node) -> float:
        return max(sum(k[2] for k in links if k[0] == node), sum(k[2] for k in links if k[1] == node))

    def slot(node: Node, scale: float) -> float:
        return max(size(node) * scale, LABEL if isinstance(node, str) else 0.0)

    def taken(scale: float) -> float:
        return max(sum(slot(node, scale) for node in column) + GAP * (len(column) - 1) for column in columns)

    low, high = 0.0, 1.0 / max(size(node) for column in columns for node in column)
    for _ in range(40):  # the largest scale at which every column fits
        middle = (low + high) / 2
        low, high = (middle, high) if taken(middle) <= 1 else (low, middle)
    boxes: dict[Node, tuple[float, float, float]] = {}
    for i, column in enumerate(columns):
        tall = sum(slot(node, low) for node in column) + GAP * (len(column) - 1)
        y = 1 - (1 - tall) / 2
        for node in column:
            room, height = slot(node, low), size(node) * low
            boxes[node] = (i / max(1, len(columns) - 1) * (1 - BAR), y - (room + height) / 2, height)
            y -= room + GAP
    return boxes, low


def _ribbons(axes: Axes, links: Sequence[Link], boxes: Mapping[Node, tuple[float, float, float]], scale: float) -> None:
    leaving = {node: y + height for node, (_, y, height) in boxes.items()}
    arriving = dict(leaving)
    starts: dict[int, float] = {}
    ends: dict[int, float] = {}
    for i in sorted(range(len(links)), key=lambda i: -boxes[links[i][1]][1]):
        starts[i] = leaving[links[i][0]]
        leaving[links[i][0]] -= links[i][2] * scale
    for i in sorted(range(len(links)), key=lambda i: -boxes[links[i][0]][1]):
        ends[i] = arriving[links[i][1]]
        arriving[links[i][1]] -= links[i][2] * scale
    for i, (a, b, x, name) in enumerate(links):
        left = boxes[a][0] + (BAR if isinstance(a, str) else 0)
        right = boxes[b][0]
        _ribbon(axes, left, right, starts[i], ends[i], x * scale, _colour(name))


def _ribbon(axes: Axes, left: float, right: float, y0: float, y1: float, height: float, colour: str) -> None:
    middle = (left + right) / 2
    corners = [
        (left, y0), (middle, y0), (middle, y1), (right, y1),
        (right, y1 - height), (middle, y1 - height), (middle, y0 - height), (left, y0 - height), (left, y0),
    ]  # fmt: skip
    codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
    axes.add_patch(PathPatch(Path(corners, codes), facecolor=colour, alpha=0.35, lw=0))


def _colour(name: str) -> str:
    return COLOURS.get(name, look.BLUE)


# --- J-curves --------------------------------------------------------------------------------------------------------


@styled
def j_curve(result: Result, lang: str = "zh", groups: Sequence[str] = ("guidance", "subfunds")) -> Figure:
    """Cumulative net cash flow of groups of funds (distributed less paid in), with its trough and break-even.

    Both are those of the median curve.
    """
    title, source = term("figure.j_curve", lang), look.source_line(result, lang)
    curves = {group: curve for group in groups if (curve := _net_cash(result, group)) is not None}
    if not curves:
        return look.empty(title, source, lang)
    figure, bottom, top = look.page(title, look.scenario_name(result, lang), source, height=4.2)
    top = look.legend(figure, look.band_keys(lang), top)
    width = 0.93 / len(curves)
    x = np.array([moment(q) for q in result.quarters])
    for i, (group, bands) in enumerate(curves.items()):
        scale = scale_of("CNY", float(np.nanmax(np.abs(bands))), lang)
        axes = figure.add_axes((0.07 + i * width, bottom + 0.01, width - 0.075, top - bottom - 0.11))
        p05, p25, p50, p75, p95 = bands / scale.divisor
        axes.fill_between(x, p05, p95, color=tint(look.BLUE, 0.16), lw=0)
        axes.fill_between(x, p25, p75, color=tint(look.BLUE, 0.38), lw=0)
        axes.plot(x, p50, color=look.BLUE, lw=1.8)
        axes.axhline(0, color=look.INK, lw=0.8)
        look.time_axis(axes, x[0], x[-1], 6)
        axes.yaxis.set_major_locator(look.ticks("CNY", 6))
        axes.yaxis.set_major_formatter(lambda value, _: look.tick(value))
        axes.set_title(term(f"flow.{group}", lang), pad=16)
        axes.annotate(scale.unit, (0, 1), (-2, 5), "axes fraction", "offset points", fontsize=7, color=look.GREY)
        _trough(axes, x, p50, result.quarters, scale, lang)
        if i == len(curves) - 1:
            look.year_end(figure, axes, lang)
    return figure


def _trough(axes: Axes, x: np.ndarray, p50: np.ndarray, quarters: Sequence[str], scale: Scale, lang: str) -> None:
    if np.all(np.isnan(p50)) or np.nanmin(p50) >= 0:
        return
    at = int(np.nanargmin(p50))
    text = f"{term('figure.trough', lang)} {quarters[at]}\n{amount(p50[at] * scale.divisor, 'CNY', lang)}"
    axes.plot([x[at]], [p50[at]], "o", ms=4, color=look.VERMILION, zorder=5)
    part = (x[at] - x[0]) / (x[-1] - x[0] or 1.0)  # words at an end of the axis stand on its inner side
    side = "left" if part < 0.15 else "right" if part > 0.85 else "center"
    axes.annotate(
        text, (x[at], p50[at]), (0, 9), textcoords="offset points", ha=side, va="bottom", fontsize=7.5,
        color=look.VERMILION, linespacing=1.3, path_effects=HALO,
    )  # fmt: skip
    back = np.flatnonzero((p50 >= 0) & (np.arange(len(p50)) > at))
    if back.size:
        axes.plot([x[back[0]]], [0], "o", ms=4, color=look.GREEN, zorder=5)
        side = "right" if x[back[0]] - x[0] > 0.3 * (x[-1] - x[0]) else "left"
        axes.annotate(
            f"{term('figure.break_even', lang)} {quarters[back[0]]}", (x[back[0]], 0), (-4, 6),
            textcoords="offset points", ha=side, fontsize=7.5, color=look.GREEN, path_effects=HALO,
        )  # fmt: skip


def _net_cash(result: Result, group: str) -> np.ndarray | None:
    """[5 quantiles, quarter] or None where the result does not report it."""
    for name in (f"funds.{group}.net_cash_flow", f"funds.{group}.net_cash"):
        if name in result:
            return result.quantiles(name)
    return None
