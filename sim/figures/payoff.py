"""Who gets what when a firm is sold: payouts by share class over exit values, and where each class converts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from sim.figures import style as look
from sim.figures.style import amount, styled
from sim.terms import term

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sim.captable.payoffs import Floats, Payoff

COMMON = look.GREY
COLOURS = (*look.SERIES, "#8b5a2b", "#4b0082", "#708238", "#b22222", "#2f4f4f", "#111111")
KEYS_A_LINE = 4
NOTHING = 1e-9  # of the highest exit value
NEAR = 1.06  # exit values whose marks would run into one another
APART = (0, (4, 2))  # dashes


@styled
def payoff(
    curves: Payoff,
    names: Sequence[str],
    firm: str,
    when: str = "",
    source: str = "",
    lang: str = "zh",
    common: str = "",
    apart: tuple[str, Floats] | None = None,
) -> Figure:
    """Two panels over one log axis of exit values: what each class gets in money, and its part of the proceeds.

    curves: from sim.captable.payoffs.payoff_of; names: of the classes; common: of what is no class; apart:
    (name, yuan at each exit value) of some holders, drawn dashed. A dot and a dotted line mark where a class converts;
    lines that would run into one another are one, with the number of its classes. Classes that get nothing at any exit
    (bought back) are left out.
    """
    there = [i for i, paid in enumerate(curves.classes) if paid.max(initial=0.0) > NOTHING * curves.exit[-1]]
    names = [names[i] for i in there]
    curves = replace(curves, classes=curves.classes[there], converts=[curves.converts[i] for i in there])
    title = term("figure.payoff", lang).format(firm=firm)
    subtitle = term("figure.payoff.sub", lang).format(when=when) if when else ""
    figure, bottom, top = look.page(title, subtitle, source, height=6.2)
    keys = []
    for i, (name, at) in enumerate(zip(names, curves.converts, strict=True)):
        label = name if at is None else term("figure.payoff.key", lang).format(name=name, value=_short(at, lang))
        keys.append(Line2D([], [], color=COLOURS[i % len(COLOURS)], lw=2, label=label))
    keys.append(Line2D([], [], color=COMMON, lw=2, label=common or term("payoff.common", lang)))
    if apart is not None:
        keys.append(Line2D([], [], color=look.INK, lw=1.4, ls=APART, label=apart[0]))
    for first in range(0, len(keys), KEYS_A_LINE):
        top = look.legend(figure, keys[first : first + KEYS_A_LINE], top)
    middle = bottom + 0.40 * (top - bottom)
    upper = figure.add_axes((0.095, middle + 0.055, 0.875, top - middle - 0.075))
    lower = figure.add_axes((0.095, bottom + 0.035, 0.875, middle - bottom - 0.065))
    _money(upper, curves, lang)
    if apart is not None:
        low, _ = upper.get_ylim()
        upper.plot(curves.exit, np.where(apart[1] > low, apart[1], np.nan), color=look.INK, lw=1.4, ls=APART, zorder=4)
    _parts(lower, curves, lang)
    for axes in (upper, lower):
        _exit_axis(axes, curves, lang)
        for at, _ in marks_of(curves.converts):
            axes.axvline(at, color=look.PALE, lw=0.9, ls=(0, (1.5, 1.5)), zorder=1)
    together = [(at, count) for at, count in marks_of(curves.converts) if count > 1]
    for k, (at, count) in enumerate(together):
        upper.annotate(
            term("figure.payoff.together", lang).format(count=count), (at, 0), (-3, 4 + 9 * k),
            ("data", "axes fraction"), "offset points", ha="right", fontsize=7, color=look.GREY, path_effects=look.HALO,
        )  # fmt: skip
    upper.tick_params(labelbottom=False)
    lower.set_xlabel(term("figure.payoff.exit", lang), fontsize=8, labelpad=2)
    _where_they_convert(upper, curves)
    return figure


def marks_of(converts: Sequence[float | None]) -> list[tuple[float, int]]:
    """(exit value, how many classes convert about there), those that lie near one another as one."""
    groups: list[list[float]] = []
    for at in sorted(x for x in converts if x is not None):
        if groups and at <= groups[-1][-1] * NEAR:
            groups[-1].append(at)
        else:
            groups.append([at])
    return [(float(np.exp(np.mean(np.log(group)))), len(group)) for group in groups]


def _exit_axis(axes: Axes, curves: Payoff, lang: str) -> None:
    axes.set_xscale("log")
    axes.set_xlim(curves.exit[0], curves.exit[-1])
    axes.xaxis.set_major_locator(LogLocator(10, subs=(1.0, 2.0, 5.0), numticks=12))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda x, _: _short(x, lang))
    axes.grid(True, axis="both")


def _money(axes: Axes, curves: Payoff, lang: str) -> None:
    top = float(max(curves.classes.max(initial=0.0), curves.common.max()))
    low = max(float(curves.exit[0]) * 0.02, top * 1e-5)
    axes.set_yscale("log")
    for i, paid in enumerate(curves.classes):
        axes.plot(curves.exit, np.where(paid > low, paid, np.nan), color=COLOURS[i % len(COLOURS)], lw=1.8, zorder=3)
    axes.plot(curves.exit, np.where(curves.common > low, curves.common, np.nan), color=COMMON, lw=1.8, zorder=2)
    axes.set_ylim(low, top * 1.3)
    axes.yaxis.set_major_locator(LogLocator(10, numticks=8))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(lambda x, _: _short(x, lang))
    axes.set_title(term("figure.payoff.money", lang), pad=6)


def _parts(axes: Axes, curves: Payoff, lang: str) -> None:
    parts = np.vstack([curves.classes, curves.common]) / curves.exit
    colours = [*(COLOURS[i % len(COLOURS)] for i in range(len(curves.classes))), COMMON]
    axes.stackplot(curves.exit, parts, colors=[look.tint(c, 0.55) for c in colours], lw=0)
    edge = np.cumsum(parts, axis=0)
    for line, colour in zip(edge[:-1], colours, strict=False):
        axes.plot(curves.exit, line, color=colour, lw=0.8)
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(lambda x, _: f"{100 * x:.0f}%")
    axes.set_title(term("figure.payoff.parts", lang), pad=6)


def _where_they_convert(axes: Axes, curves: Payoff) -> None:
    """A dot on each curve where its class converts; the exit value stands beside the class's name in the key."""
    for i, at in enumerate(curves.converts):
        if at is not None:
            paid = float(np.interp(at, curves.exit, curves.classes[i]))
            axes.plot([at], [paid], "o", ms=5, mfc="white", mec=COLOURS[i % len(COLOURS)], mew=1.6, zorder=5)


def _short(value: float, lang: str) -> str:
    return amount(value, "CNY", lang).removeprefix("CNY ").replace("元", "")
