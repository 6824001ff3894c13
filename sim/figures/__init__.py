"""Figures read results only and return matplotlib Figures; nothing here simulates or opens a window.

`draw_all(result, folder)` writes the default set; every chart can be had alone: fan, panel, overview, renewal,
multiples, fund_flow, j_curve, published, scoreboard, difference.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sim import store
from sim.drawing_helper import WORTH, DrawingHelper
from sim.figures import curves
from sim.figures.curves import difference, fan, has_published, overview, panel, published
from sim.figures.facts import multiples, scoreboard
from sim.figures.flows import flows_of, fund_flow, j_curve
from sim.figures.ladders import curves_of, ladder_name, ladders_of, levels_of, renewal
from sim.figures.style import encode, save
from sim.terms import term

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sim.result import Result

__all__ = [
    "MARKET",
    "PUBLIC",
    "ROUNDS",
    "VALUATIONS",
    "curves",
    "default_set",
    "difference",
    "draw_all",
    "encode",
    "fan",
    "flows_of",
    "fund_flow",
    "incubators",
    "j_curve",
    "moves",
    "multiples",
    "named_firms",
    "overview",
    "panel",
    "programmes",
    "published",
    "renewal",
    "save",
    "scoreboard",
]


VALUATIONS = (
    "valuation.post_money.total", "valuation.listed.total", "valuation.unicorns", "valuation.post_money.max",
    "valuation.multiple.share_above", "valuation.attracted.total",
)  # fmt: skip
ROUNDS = (
    "rounds.count.total", "rounds.raised.total", "rounds.failed", "rounds.count.angel", "rounds.count.seed",
    "rounds.count.a", "rounds.count.b", "rounds.count.c", "rounds.count.d", "rounds.count.pre_ipo", "rounds.down",
    "rounds.redeemed",
)  # fmt: skip
PUBLIC = ("public.outlay", "public.recovered", "public.net_cost_pv", "public.tax_received")
MARKET = ("market.multiple", "market.private", "market.ipo_window", "market.regime")


def default_set(result: Result, lang: str = "zh") -> Iterator[tuple[str, Callable[[], Figure]]]:
    """(file name without ending, what draws it), for what the result holds."""
    yield "overview", lambda: overview(result, lang=lang)
    for ladder in ladders_of(result):
        levels, title = levels_of(result, ladder), ladder_name(result, ladder, lang)
        stocks, note = curves_of(result, ladder)
        note = term(note, lang) if note else ""
        yield (
            f"ladder-{ladder}",
            lambda stocks=stocks, title=title, note=note: panel(result, stocks, title, lang, note=note),
        )
        if any(f"{level}.entered" in result and f"{level}.left" in result for level in levels):
            yield f"renewal-{ladder}", lambda ladder=ladder: renewal(result, ladder, lang=lang)
    shown = list(curves.OVERVIEW) + [level for ladder in ladders_of(result) for level in levels_of(result, ladder)]
    groups = {
        "valuations": ("figure.valuation", VALUATIONS),
        "rounds": ("figure.rounds", ROUNDS),
        "public": ("figure.public", PUBLIC),
        "market": ("figure.market", MARKET),
        "named": ("figure.named", named_firms(result)),
        "programmes": ("figure.programmes", programmes(result)),
        "incubators": ("figure.incubators", incubators(result)),
    }
    for file, (title, names) in groups.items():
        have = [name for name in names if name in result and (file == "market" or moves(result, name))]
        have = have[: {"rounds": len(ROUNDS), "programmes": 9, "incubators": 9}.get(file, 6)]
        if have:
            shown += have
            yield file, partial(panel, result, have, title=title, lang=lang, alike=file == "named")
    if "multiples" in result.samples:
        yield "multiples", lambda: multiples(result, lang=lang)
    if flows := flows_of(result):
        yield "fund-flow", lambda: fund_flow(flows, result, lang=lang)
        if any(moves(result, f"funds.{group}.net_cash") for group in ("guidance", "subfunds")):
            yield "j-curve", lambda: j_curve(result, lang=lang)
    if has_published(result, shown):
        yield "published", lambda: published(result, shown, lang=lang)
    if result.facts:
        yield "scoreboard", lambda: scoreboard(result, lang=lang)


def named_firms(result: Result) -> list[str]:
    """Of one or two named firms what was published of each, what the zone put in and what it got back; of more, the
    value of each, those with a published path first."""
    paths = {path["firm"]: path["what"] for path in result.manifest.get("named") or []}
    firms = list(dict.fromkeys(m.name.split(".")[1] for m in result.metrics if m.name.startswith("named.")))
    firms.sort(key=lambda firm: firm not in paths)
    worth = {firm: f"named.{firm}.{paths.get(firm, 'valuation')}" for firm in firms}
    if len(firms) > 2:
        return list(worth.values())
    return [
        name
        for firm in firms
        for name in (worth[firm], *(f"named.{firm}.zone.{x}" for x in ("paid_in", "distributed")))
    ]


def programmes(result: Result) -> list[str]:
    """Of each programme that takes firms in: who takes part, who waits, what was spent."""
    return _of_each(result, "programme", "adopted", ("adopters", "waiting", "spent"))


def incubators(result: Result) -> list[str]:
    """Of each incubator that is ever let: tenants, who waits, graduates."""
    return _of_each(result, "incubator", "tenants", ("tenants", "waiting", "graduated"))


def _of_each(result: Result, kind: str, alive: str, what: Sequence[str]) -> list[str]:
    ids = dict.fromkeys(m.name.split(".")[1] for m in result.metrics if m.name.startswith(f"{kind}."))
    lively = [one for one in ids if result.changes(f"{kind}.{one}.{alive}")]
    names = [f"{kind}.{one}.{name}" for one in lively for name in what]
    return [name for name in names if result.changes(name)]


def moves(result: Result, metric: str) -> bool:
    """Whether a metric is anything but nought, in any replication: what a scenario has no use for is not drawn."""
    if metric not in result:
        return False
    values = result[metric]
    return bool(((values != 0) & (values == values)).any())


def draw_all(
    result: Result,
    folder: str | Path,
    lang: str = "zh",
    formats: Sequence[str] = ("png",),
    tell: Callable[[int, int], None] | None = None,
    metrics: Sequence[str] = (),
    helper: DrawingHelper | None = None,
    source: Path | None = None,
) -> list[Path]:
    """Writes the default set, or a fan chart of each of `metrics`; each file whole or not at all.

    `tell(done, total)` hears how far it is. helper: a second process that draws some of the default set of the result
    saved in the folder `source`.
    """
    figures = dict(default_set(result, lang))
    if metrics:
        figures = {result.metric(m).name: lambda m=m: fan(result, m, lang=lang) for m in metrics}
    waiting, done = deque(figures), 0
    if helper is not None and source is not None and not metrics and len(figures) >= WORTH:
        helper.share(source, lang, formats, waiting)
    else:
        helper = None

    def write(name: str, pictures: Sequence[bytes]) -> None:
        nonlocal done
        for kind, picture in zip(formats, pictures, strict=True):
            store.write_bytes(place(name, kind), picture)
        done += 1
        if tell:
            tell(done, len(figures))

    def place(name: str, kind: str) -> Path:
        return Path(folder) / f"{name}.{kind}"

    while True:
        for name, pictures in helper.arrived() if helper is not None else ():
            write(name, pictures)
        try:
            name = waiting.popleft()
        except IndexError:
            if helper is not None and (helper.wait() or waiting):
                continue
            break
        figure = figures[name]()
        write(name, [encode(figure, kind) for kind in formats])
    return [place(name, kind) for name in figures for kind in formats]
